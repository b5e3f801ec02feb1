//! Completion of chains by fetched issuers: the presented chain and what the URLs serve in, verdict and words out.

use std::collections::BTreeMap;

use tokio::time::Instant;

use super::*;
use crate::clock::Clock;
use crate::tls::IssuerSource;
use crate::tls::fixture::{certs_only, cross_signed_with_ca_issuers, moment};

type Der = CertificateDer<'static>;

const LONG: (i64, i64) = (-100, 100);

/// The URLs that certificates name.
const FIRST: &str = "http://aia.pki.lab/first.crt";
const SECOND: &str = "http://aia.pki.lab/second.crt";
const ELSEWHERE: &str = "http://elsewhere.example/ca.crt";

/// What the URLs serve; any other is a 404. Counts the fetches.
#[derive(Default)]
struct Web {
    bodies: BTreeMap<&'static str, Bytes>,
    fetches: Mutex<Vec<String>>,
}

impl Web {
    fn serving(bodies: &[(&'static str, &[u8])]) -> Self {
        let bodies = bodies.iter().map(|(url, body)| (*url, Bytes::copy_from_slice(body))).collect();
        Self { bodies, fetches: Mutex::default() }
    }
}

impl FetchIssuer for Web {
    fn fetch_issuer<'a>(
        &'a self,
        url: &'a ProbeUrl,
        _: u64,
        _: Duration,
    ) -> BoxFuture<'a, Result<Bytes, String>> {
        self.fetches.lock().push(url.to_string());
        let body = self.bodies.get(url.as_str()).cloned().ok_or_else(|| "status 404".to_owned());
        Box::pin(async move { body })
    }
}

/// A machine that trusts one root, and fetches issuers from one host.
struct Machine {
    verifier: ChainVerifier,
}

impl Machine {
    fn trusting(root: &Ca) -> Self {
        Self::trusting_all(&[root])
    }

    fn trusting_all(roots: &[&Ca]) -> Self {
        let hosts = vec![HostPattern("aia.pki.lab".to_owned())];
        let genuine_roots = roots.iter().map(|root| root.der().clone()).collect();
        let config = TlsConfig { genuine_roots, ..TlsConfig::default() };
        let roots = Roots::from_lists(&[], &[], &config).unwrap();
        Self { verifier: verifier_with(roots, Arc::new(AiaIssuers::new(hosts))) }
    }

    /// The words of the verdict, and the number of fetches.
    async fn verify(&self, chain: &[&Der], web: &Web, days: i64) -> (String, usize) {
        let name = ServerName::try_from(HOST).unwrap();
        let captured = self.verifier.capture(presented(chain), &name, unix(days * DAY));
        let verdict = if captured.may_be_completed {
            let clock = Clock::Fixed(moment(days * DAY));
            let source =
                IssuerSource { fetcher: web, clock, deadline: Some(Instant::now() + Duration::from_secs(5)) };
            self.verifier.complete(&captured, &name, source).await
        } else {
            captured.verdict
        };
        let words = match verdict {
            Ok(trusted) if trusted.completed => "completed".to_owned(),
            Ok(_) => "trusted".to_owned(),
            Err(error) => error.to_string(),
        };
        (words, std::mem::take(&mut *web.fetches.lock()).len())
    }
}

/// A certificate with an RSA key of 1024 bits, self-signed.
fn weak() -> Der {
    use rustls::pki_types::pem::PemObject as _;
    Der::from_pem_slice(include_bytes!("../../../../tests/data/config/web/pem/rsa1024.pem")).unwrap()
}

/// A chain presented to a machine that trusts `root` and knows nothing yet, what the URLs serve, the verdict, and the
/// number of fetches.
async fn check(
    root: &Ca,
    what: &str,
    chain: &[&Der],
    served: &[(&'static str, &[u8])],
    expected: (&str, usize),
) {
    let (words, fetches) = Machine::trusting(root).verify(chain, &Web::serving(served), 0).await;
    assert_eq!((words.as_str(), fetches), expected, "{what}");
}

#[tokio::test]
async fn missing_issuers_are_fetched_wherever_they_could_help() {
    let root = root("Root", LONG);
    let (ca, rekeyed) = (intermediate_ca("CA", LONG, &root), intermediate_ca("CA", LONG, &root));
    let leaf_at = |urls: &[&str]| leaf_with_ca_issuers((-10, 10), &ca, urls);
    let [both, one] = [leaf_at(&[FIRST, SECOND]), leaf_at(&[FIRST])];
    let unknown = crate::tls::fixture::root("Unknown Root", LONG);
    let (weak, garbage) = (weak(), Der::from(vec![0x30, 0x03, 1, 2, 3]));
    let (first, second) = ((FIRST, ca.der().as_ref()), (SECOND, ca.der().as_ref()));
    let check = async |what: &str, chain: &[&Der], served: &[(&'static str, &[u8])], words: &str, fetches| {
        check(&root, what, chain, served, (words, fetches)).await;
    };
    check("complete", &[&one, ca.der()], &[], "trusted", 0).await;
    check("the leaf alone", &[&one], &[first], "completed", 1).await;
    check("the first URL is a 404", &[&both], &[second], "completed", 2).await;
    check("the first URL has another's", &[&both], &[(FIRST, root.der()), second], "completed", 2).await;
    check("the first URL has the old key", &[&both], &[(FIRST, rekeyed.der()), second], "completed", 2).await;
    check("beside a root that is unknown here", &[&one, unknown.der()], &[first], "completed", 1).await;
    check("beside a weak certificate", &[&one, &weak], &[first], "completed", 1).await;
    check("beside no certificate at all", &[&one, &garbage], &[first], "completed", 1).await;
    check("the server has the old key", &[&one, rekeyed.der()], &[first], "completed", 1).await;
    let missing = "certificate: missing intermediate CN=CA, and fetching it from";
    let not_found = format!("{missing} {FIRST} failed: status 404");
    check("a 404", &[&one], &[], &not_found, 1).await;
    check("both URLs are a 404", &[&both], &[], &format!("{not_found}; {SECOND}: status 404"), 2).await;
    check("beside a weak certificate, and a 404", &[&one, &weak], &[], &not_found, 1).await;
    let others = format!("{missing} {FIRST} failed: the certificate there belongs to CN=Root");
    check("another's", &[&one], &[(FIRST, root.der())], &others, 1).await;
    check("only allowed hosts are asked", &[&leaf_at(&[ELSEWHERE, FIRST])], &[first], "completed", 1).await;
    let elsewhere = format!(
        "certificate: unknown issuer CN=CA; {ELSEWHERE} is not queried, since its host is not in `tls.issuer_hosts`"
    );
    check("no host is allowed", &[&leaf_at(&[ELSEWHERE])], &[], &elsewhere, 0).await;
}

/// A root that is unknown here may be cross-signed by one that is known.
#[tokio::test]
async fn the_issuer_of_an_unknown_root_is_fetched() {
    let (root, unknown) = (root("Root", LONG), root("Unknown Root", LONG));
    let ca = intermediate_ca("CA", LONG, &unknown);
    let with_url = cross_signed_with_ca_issuers(&ca, "CA", &unknown, &[SECOND]);
    let leaf = leaf((-10, 10), &ca);
    let cross = cross_signed(&unknown, "Unknown Root", LONG, &root);
    let chain = [&leaf, &with_url, unknown.der()];
    let words = "certificate: CN=wdcp.microsoft.com is issued by CN=CA, below CN=Unknown Root, which this machine does not trust";
    check(&root, "a cross-sign", &chain, &[(SECOND, &cross)], ("completed", 1)).await;
    check(&root, "itself", &chain, &[(SECOND, unknown.der())], (words, 1)).await;
    check(&root, "a 404", &chain, &[], (words, 1)).await;
    check(&root, "without a URL", &[&leaf, ca.der(), unknown.der()], &[], (words, 0)).await;
}

/// Whatever is served: no fetch failed that could have helped.
#[tokio::test]
async fn a_root_made_anew_stays_unknown() {
    let (root, remade) = (root("Root", LONG), root("Root", LONG));
    let ca = intermediate_ca("CA", LONG, &remade);
    let with_url = cross_signed_with_ca_issuers(&ca, "CA", &remade, &[SECOND]);
    let leaf = leaf((-10, 10), &ca);
    let words = "certificate: the issuer CN=Root is unknown: this machine trusts a root of that name with another key";
    for served in [&[][..], &[(SECOND, root.der().as_ref())], &[(SECOND, remade.der().as_ref())]] {
        check(&root, "a root made anew", &[&leaf, &with_url], served, (words, 1)).await;
    }
}

#[tokio::test]
async fn issuers_come_in_messages_too() {
    let root = root("Root", LONG);
    let (ca, rekeyed) = (intermediate_ca("CA", LONG, &root), intermediate_ca("CA", LONG, &root));
    let leaf = leaf_with_ca_issuers((-10, 10), &ca, &[FIRST]);
    let weak = weak();
    let failed = format!("certificate: missing intermediate CN=CA, and fetching it from {FIRST} failed:");
    let others = format!("{failed} none of the 2 certificates there is the issuer's");
    let none = format!("{failed} neither a DER certificate nor a certs-only message (.p7c)");
    for (what, certificates, expected) in [
        ("one", vec![ca.der()], "completed"),
        ("the whole chain, and others", vec![root.der(), &weak, ca.der(), rekeyed.der()], "completed"),
        ("others", vec![root.der(), &weak], &others),
        ("nothing", vec![], &none),
    ] {
        let machine = Machine::trusting(&root);
        let web = Web::serving(&[(FIRST, &certs_only(&certificates))]);
        assert_eq!(machine.verify(&[&leaf], &web, 0).await, (expected.to_owned(), 1), "a message of {what}");
        let again = machine.verify(&[&leaf], &web, 1).await;
        assert_eq!(again.1, usize::from(expected != "completed"), "kept of {what}: {again:?}");
    }
}

/// What was fetched is kept until it expires, fetched again when it doesn't fit, and unused where a chain works
/// without it.
#[tokio::test]
async fn fetched_issuers_follow_what_their_urls_serve() {
    let root = root("Root", LONG);
    let soon = intermediate_ca("CA", (-20, 5), &root);
    let rekeyed = intermediate_ca("CA", LONG, &root);
    let leaf = |issuer: &Ca| leaf_with_ca_issuers((-10, 10), issuer, &[FIRST]);
    let (old_leaf, new_leaf) = (leaf(&soon), leaf(&rekeyed));
    let renewed = cross_signed(&soon, "CA", (-1, 50), &root);
    let (nothing, kept) = (Web::default(), ("completed".to_owned(), 0));
    let anew = ("completed".to_owned(), 1);
    let serving = |der: &Der| Web::serving(&[(FIRST, der)]);
    let machine = Machine::trusting(&root);
    assert_eq!(machine.verify(&[&old_leaf], &serving(soon.der()), 0).await, anew);
    assert_eq!(machine.verify(&[&old_leaf], &nothing, 5).await, kept, "kept to its last day");
    assert_eq!(machine.verify(&[&old_leaf, soon.der()], &nothing, 5).await, ("trusted".to_owned(), 0));
    let (words, fetches) = machine.verify(&[&old_leaf], &nothing, 6).await;
    assert!(words.contains("missing intermediate CN=CA") && fetches == 1, "expired, not served: {words}");
    assert_eq!(machine.verify(&[&old_leaf], &serving(&renewed), 6).await, anew, "renewed");
    assert_eq!(machine.verify(&[&old_leaf], &nothing, 7).await, kept, "the renewed one is kept");
    let (words, fetches) = machine.verify(&[&new_leaf], &nothing, 7).await;
    assert!(words.contains("signature") && fetches == 1, "of another key, not served: {words}");
    assert_eq!(machine.verify(&[&new_leaf], &serving(rekeyed.der()), 7).await, anew, "re-keyed");
    assert_eq!(machine.verify(&[&new_leaf], &nothing, 8).await, kept, "the new key is kept");
    let (words, _) = machine.verify(&[&old_leaf], &nothing, 8).await;
    assert!(words.contains("signature"), "only the new key is kept: {words}");
}

/// A kept issuer below a root that has expired here is fetched again: it may have moved to another root.
#[tokio::test]
async fn a_kept_issuer_may_move_to_another_root() {
    let (old, new) = (root("Old Root", (-100, 5)), root("New Root", LONG));
    let ca = intermediate_ca("CA", LONG, &old);
    let leaf = leaf_with_ca_issuers((-10, 10), &ca, &[FIRST]);
    let moved = cross_signed(&ca, "CA", LONG, &new);
    let machine = Machine::trusting_all(&[&old, &new]);
    let serving = |der: &Der| Web::serving(&[(FIRST, der)]);
    assert_eq!(machine.verify(&[&leaf], &serving(ca.der()), 0).await, ("completed".to_owned(), 1));
    let (words, fetches) = machine.verify(&[&leaf], &serving(ca.der()), 6).await;
    assert!(words.contains("the root CN=Old Root expired") && fetches == 1, "{words}");
    assert_eq!(machine.verify(&[&leaf], &serving(&moved), 6).await, ("completed".to_owned(), 1));
    assert_eq!(machine.verify(&[&leaf], &Web::default(), 7).await, ("completed".to_owned(), 0));
}
