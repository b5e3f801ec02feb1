//! Path selection, validity of the path, and roots outside their validity.

use std::slice;

use rcgen::KeyUsagePurpose;
use rustls::crypto::ring;
use rustls::pki_types::TrustAnchor;
use rustls::pki_types::pem::PemObject as _;

use super::*;
use crate::config::TlsConfig;
use crate::tls::fixture::{
    Ca, DAY, Days, HOST, authority_leaf, cross_signed, intermediate_ca, leaf, leaf_naming_its_issuers_key,
    limited_to_directory, moment, renewed, root, unix, with_usages,
};

const LONG: Days = (-1000, 1000);

type Der = CertificateDer<'static>;

/// The trusted roots, by source.
#[derive(Default)]
struct Store<'a> {
    /// The machine's store.
    system: &'a [Der],
    /// Those of `system` that are in Mozilla's bundle.
    public: &'a [Der],
    /// `tls.genuine_roots`.
    genuine: &'a [Der],
}

impl Store<'_> {
    fn verify(&self, chain: &[&Der], more: &[Der]) -> Result<TrustedChain, ChainError> {
        self.verify_for(HOST, chain, more)
    }

    fn verify_for(&self, host: &str, chain: &[&Der], more: &[Der]) -> Result<TrustedChain, ChainError> {
        let public: Vec<TrustAnchor<'_>> =
            self.public.iter().map(|der| webpki::anchor_from_trusted_cert(der).unwrap()).collect();
        let config = TlsConfig { genuine_roots: self.genuine.to_vec(), ..TlsConfig::default() };
        let roots = Roots::with_public(self.system, &public, &[], &config).unwrap();
        let (algorithms, name) = (
            &ring::default_provider().signature_verification_algorithms,
            &ServerName::try_from(host).unwrap(),
        );
        let certificates = chain.iter().map(|der| (*der).clone()).collect();
        let presented = PresentedChain { certificates, stapled: Vec::new() };
        Verification { roots: &roots, algorithms, extra: more, name, now: unix(0) }.verify(&presented)
    }
}

/// The days until the first certificate of the verified chain expires.
fn days_left(trusted: &TrustedChain) -> i64 {
    assert_eq!(trusted.first_to_expire.not_after(), trusted.validity.not_after());
    let left = trusted.validity.not_after().duration_since(moment(0)).unwrap();
    i64::try_from(left.as_secs()).unwrap() / DAY
}

/// The days that the certificate which expires first has been valid.
fn days_old(trusted: &TrustedChain) -> i64 {
    let age = moment(0).duration_since(trusted.first_to_expire.not_before()).unwrap();
    i64::try_from(age.as_secs()).unwrap() / DAY
}

#[test]
fn an_untrusted_certificate_of_another_host_is_named() {
    let root = root("Root", LONG);
    let ca = intermediate_ca("CA", LONG, &root);
    let leaf = leaf(LONG, &ca);
    let store = Store::default();
    let unknown = "certificate: CN=wdcp.microsoft.com is issued by CN=CA, below CN=Root, an issuer that this machine does \
                   not know";
    let check = |chain: &[&Der], host: &str, expected: &str| {
        assert_eq!(store.verify_for(host, chain, &[]).unwrap_err().to_string(), expected);
    };
    check(&[&leaf, ca.der()], HOST, unknown);
    let other = format!("the certificate is not for a.example, but for {HOST}");
    check(&[&leaf, ca.der()], "a.example", &format!("{unknown}; {other}"));
    let own = Store { genuine: slice::from_ref(root.der()), ..Store::default() };
    let said = own.verify_for("a.example", &[&leaf, ca.der()], &[]).unwrap_err().to_string();
    assert_eq!(said, format!("certificate: {other}"), "once");
}

#[test]
fn limits_of_this_program_are_no_fault_of_the_chain() {
    let check = |chain: &[&Der], root: &Der, expected: Result<&str, &str>| {
        let trusted = Store { genuine: slice::from_ref(root), ..Store::default() };
        let known = trusted.verify(chain, &[]).unwrap_err();
        let unknown = Store::default().verify(chain, &[]).unwrap_err();
        match expected {
            Ok(words) => {
                let ChainError::Unsupported(said) = known else { panic!("{known}") };
                assert_eq!(said, words);
            }
            Err(words) => assert_eq!(known.to_string(), words),
        }
        assert!(unknown.is_unknown_issuer(), "where the root isn't trusted: {unknown}");
    };
    let read = |pem: &str| -> Vec<Der> {
        CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap()
    };
    let p521 = read(include_str!("../../../tests/data/chains/p521.pem"));
    check(&[&p521[0]], &p521[1], Ok("CN=P-521 Test Leaf has a signature by ECDSA with SHA-512"));
    let pss = read(include_str!("../../../tests/data/chains/pss.pem"));
    check(&[&pss[0]], &pss[1], Ok("CN=P-521 Test Leaf has a signature by RSASSA-PSS"));

    let root = root("Root", LONG);
    let [limited, excluded] =
        [true, false].map(|permitted| limited_to_directory("Limited", permitted, &root));
    for ca in [&limited, &excluded] {
        let words = "CN=Limited limits the names that it issues for by a directory name";
        check(&[&leaf(LONG, ca), ca.der()], root.der(), Ok(words));
    }
    let authority = authority_leaf(&root);
    let words = format!("the server's certificate CN={HOST} is that of an authority (CA:TRUE)");
    check(&[&authority], root.der(), Ok(&words));
    let own = self::root(HOST, LONG);
    let words = format!(
        "certificate: CN={HOST} is self-signed and not one of this machine's trusted roots; \
         the certificate is not for {HOST}: it names no host (subjectAltName)"
    );
    check(&[own.der()], root.der(), Err(&words));
}

#[test]
fn an_issuer_needs_the_right_to_sign_certificates() {
    let root = root("Root", LONG);
    let store = Store { genuine: slice::from_ref(root.der()), ..Store::default() };
    let check = |usages: &[KeyUsagePurpose], expected: Result<(), &str>| {
        let ca = intermediate_ca("CA", LONG, &root);
        let chain = [&leaf(LONG, &ca), &with_usages(&ca, "CA", usages, &root)];
        let said = store.verify(&chain, &[]).map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(said, expected.map_err(str::to_owned), "{usages:?}");
    };
    let no_issuer = "certificate: the chain contains a certificate whose issuer is not a CA";
    check(&[KeyUsagePurpose::KeyCertSign], Ok(()));
    check(&[], Ok(())); // no extension, no limit
    check(&[KeyUsagePurpose::CrlSign], Err(no_issuer));
    check(&[KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment], Err(no_issuer));
}

#[test]
fn a_path_is_valid_until_its_first_certificate_expires() {
    let check = |days: [Days; 3], expected: Days| {
        let root = root("Root", days[2]);
        let ca = intermediate_ca("CA", days[1], &root);
        let leaf = leaf(days[0], &ca);
        // Presented, but not part of any path.
        let unused = cross_signed(&ca, "CA", (-10, 1), &self::root("Elsewhere", LONG));
        let store = Store { genuine: slice::from_ref(root.der()), ..Store::default() };
        let presented = store.verify(&[&leaf, ca.der(), &unused], &[]).unwrap();
        assert_eq!((-days_old(&presented), days_left(&presented)), expected, "{days:?}");
        assert!(!presented.completed);
        let completed = store.verify(&[&leaf, &unused], slice::from_ref(ca.der())).unwrap();
        assert_eq!((-days_old(&completed), days_left(&completed)), expected, "{days:?}");
        assert!(completed.completed);
    };
    check([(-10, 5), (-20, 20), (-30, 30)], (-10, 5));
    check([(-10, 20), (-20, 5), (-30, 30)], (-20, 5));
    check([(-10, 20), (-20, 30), (-30, 5)], (-30, 5));
    check([(-10, 5), (-20, 5), (-30, 30)], (-20, 5));
}

#[test]
fn a_root_outside_its_validity_is_named() {
    let check = |days: Days, expected: Option<&str>| {
        let root = root("Lab Root", days);
        let ca = intermediate_ca("CA", (-10, 10), &root);
        let leaf = leaf((-10, 10), &ca);
        let stores = [
            Store { genuine: slice::from_ref(root.der()), ..Store::default() },
            Store { system: slice::from_ref(root.der()), ..Store::default() },
        ];
        for store in stores {
            let verdict = store.verify(&[&leaf, ca.der()], &[]);
            assert_eq!(verdict.err().map(|error| error.to_string()).as_deref(), expected, "{days:?}");
        }
    };
    let expired = "certificate: the root CN=Lab Root expired at 2026-11-23T00:00:00Z";
    check((-1000, -1), Some(expired));
    check((1, 1000), Some("certificate: the root CN=Lab Root is not valid before 2026-11-25T00:00:00Z"));
    check((-1000, 0), None); // its last second
    check((0, 1000), None); // its first
}

/// A wrong date in the server's own certificates isn't attributed to the root.
#[test]
fn an_expired_certificate_is_not_an_expired_root() {
    let root = root("Root", (-1000, -5));
    let ca = intermediate_ca("CA", LONG, &root);
    let valid = renewed(&root, "Root", LONG);
    let store = Store { genuine: slice::from_ref(&valid), ..Store::default() };
    let verdict = store.verify(&[&leaf((-10, -1), &ca), ca.der()], &[]);
    assert!(
        matches!(verdict, Err(ChainError::Refused { error: webpki::Error::CertExpired { .. }, .. })),
        "{verdict:?}"
    );
}

/// Stores carry a root more than once, and a chain may reach another root by a cross-sign.
#[test]
fn a_valid_root_is_found_beside_an_expired_one() {
    let expired = root("Root", (-1000, -1));
    let ca = intermediate_ca("CA", LONG, &expired);
    let leaf = leaf((-10, 10), &ca);
    let other = root("Other", (-1000, 7));
    let cross = cross_signed(&expired, "Root", LONG, &other);
    let check = |genuine: &[Der], chain: &[&Der], expected: Option<(&str, i64)>| {
        let found = Store { genuine, ..Store::default() }.verify(chain, &[]);
        let found = found.as_ref().ok().map(|trusted| (trusted.root.name.as_str(), days_left(trusted)));
        assert_eq!(found, expected);
    };
    let (old, again) = (expired.der().clone(), renewed(&expired, "Root", (-5, 3)));
    check(slice::from_ref(&old), &[&leaf, ca.der()], None);
    check(&[old.clone(), again.clone()], &[&leaf, ca.der()], Some(("CN=Root", 3)));
    check(&[again, old.clone()], &[&leaf, ca.der()], Some(("CN=Root", 3)));
    check(&[old, other.der().clone()], &[&leaf, ca.der(), &cross], Some(("CN=Other", 7)));
}

/// The machine's store may contain a newer Microsoft root that is only known here by its cross-signed
/// certificate.
#[test]
fn the_path_to_the_most_genuine_root_is_preferred() {
    let (genuine, new) = (root("Genuine", LONG), root("New", LONG));
    let ca = intermediate_ca("CA", LONG, &new);
    let leaf = leaf((-10, 10), &ca);
    let cross = cross_signed(&new, "New", LONG, &genuine);
    let kind = |public: bool, genuine: &[&Ca], chain: &[&Der]| {
        let genuine: Vec<Der> = genuine.iter().map(|root| root.der().clone()).collect();
        let system = slice::from_ref(new.der());
        let public = if public { system } else { &[] };
        Store { system, public, genuine: &genuine }.verify(chain, &[]).unwrap().root.kind
    };
    let (short, long) = ([&leaf, ca.der()], [&leaf, ca.der(), &cross]);
    assert_eq!(kind(false, &[], &short), RootKind::Private);
    assert_eq!(kind(true, &[], &short), RootKind::Public);
    assert_eq!(kind(false, &[&genuine], &short), RootKind::Private);
    for public in [false, true] {
        assert_eq!(kind(public, &[&genuine], &long), RootKind::Microsoft);
    }
}

/// If all paths are refused, the error is about the chain, not about the kind of the root.
#[test]
fn a_refusal_reports_the_chains_error() {
    let root = root("Root", LONG);
    let ca = intermediate_ca("CA", (-10, -1), &root);
    let leaf = leaf((-10, 10), &ca);
    let store = Store { system: slice::from_ref(root.der()), ..Store::default() };
    let verdict = store.verify(&[&leaf, ca.der()], &[]);
    assert!(
        matches!(verdict, Err(ChainError::Refused { error: webpki::Error::CertExpired { .. }, .. })),
        "{verdict:?}"
    );
    let verdict = Store::default().verify(&[&leaf, ca.der()], &[]);
    assert!(
        matches!(verdict, Err(ChainError::Refused { error: webpki::Error::CertExpired { .. }, .. })),
        "{verdict:?}"
    );
}

/// A company's root that was made anew under its old name is unknown where only the old one is trusted: no signature
/// is bad. A signature that claims a trusted root's very key and isn't its own is.
#[test]
fn a_root_made_anew_under_its_old_name_is_unknown() {
    let (old, new) = (root("Root", LONG), root("Root", LONG));
    let ca = intermediate_ca("CA", LONG, &new);
    let (direct, below) = (leaf((-10, 10), &new), leaf((-10, 10), &ca));
    let strange = intermediate_ca("CA", LONG, &old);
    let unknown = "certificate: the issuer CN=Root is unknown: this machine trusts a root of that name with another key";
    let bad = "certificate: a signature does not match the key of its signer";
    let mut forged = leaf_naming_its_issuers_key((-10, 10), &old).to_vec();
    *forged.last_mut().unwrap() ^= 1;
    let forged = Der::from(forged);
    let cases: [(&str, &[&Der], &str); 7] = [
        ("the leaf alone", &[&direct], unknown),
        ("with its root", &[&direct, new.der()], unknown),
        ("below an intermediate", &[&below, ca.der()], unknown),
        ("below an intermediate, with its root", &[&below, ca.der(), new.der()], unknown),
        ("below an intermediate, with the old root", &[&below, ca.der(), old.der()], unknown),
        ("another intermediate of the same name", &[&below, strange.der()], bad),
        ("a forged leaf that names the old root's key", &[&forged], bad),
    ];
    let store = Store { system: slice::from_ref(old.der()), ..Store::default() };
    for (what, chain, expected) in cases {
        let error = store.verify(chain, &[]).unwrap_err();
        assert_eq!(error.to_string(), expected, "{what}");
        assert_eq!(matches!(error, ChainError::OtherRoot { .. }), expected == unknown, "{what}");
    }
    let both = [old.der().clone(), new.der().clone()];
    let both = Store { system: &both, ..Store::default() };
    assert!(both.verify(&[&below, ca.der()], &[]).is_ok(), "both are trusted");
}
