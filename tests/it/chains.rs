//! Certificate chains: sound, completed, rotated, inspected. Chains with their own defects are in `probe_failures`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::Trust;
use defender_exporter::observation::{FailureReason as R, Observation, Phase as S, TlsFacts};
use defender_exporter::plan::TargetId;
use defender_exporter::probe::Prober;
use defender_exporter::revocation::RevocationStatus;
use defender_exporter::verdict::{MapsConnection, MapsProbe, SslOptions, connection};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::lab::Lab;
use crate::lab::faults::{Fault, Handshake};
use crate::lab::pki::pointers::AIA_HOST;
use crate::lab::pki::{Authority, Flaw, Issuer};
use crate::lab::reply::Response;
use crate::lab::revocation::certificate_response;
use crate::load::Disturbance;
use crate::scenario::Scenario;

use Authority::{DigicertG2, EccProduct2018, Inspector, Microsoft2011, Microsoft2011Next, TlsG2};
use Flaw::{None as Sound, WithoutCrossSign, WithoutIntermediate};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Which of its roots this machine trusts besides those that are genuine everywhere.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Store {
    /// No other.
    Genuine,
    /// The inspector's, in the machine's own store.
    Inspected,
    /// That root, as if it were one of Mozilla's bundle: a public authority that Microsoft has not been seen with.
    Public,
}

/// What a probe shows of a chain: whether it is trusted, whether it is somebody else's or one that nobody expects, whether it was
/// completed.
#[allow(clippy::struct_excessive_bools, reason = "as the facts have them")]
#[derive(Debug, PartialEq)]
struct Shown {
    reason: Option<R>,
    verified: bool,
    intercepted: bool,
    unexpected_root: bool,
    completed: bool,
}

const GOOD: Shown =
    Shown { reason: None, verified: true, intercepted: false, unexpected_root: false, completed: false };
const COMPLETED: Shown = Shown { completed: true, ..GOOD };
const UNEXPECTED: Shown = Shown { unexpected_root: true, ..GOOD };
const INSPECTED: Shown = Shown { reason: Some(R::Intercepted), intercepted: true, ..GOOD };

const fn refused(reason: R) -> Shown {
    Shown { reason: Some(reason), verified: false, ..GOOD }
}

fn shown(observation: &Observation) -> (Shown, TlsFacts) {
    let tls = observation.facts.tls.clone().unwrap();
    let reason = observation.failure.as_ref().map(|failure| failure.reason);
    let TlsFacts { verified, intercepted, unexpected_root, completed, .. } = tls;
    (Shown { reason, verified, intercepted, unexpected_root, completed }, tls)
}

/// A scenario in which a host presents such a chain.
fn scenario(lab: &Lab, host: &str, authority: Authority, flaw: Flaw, store: Store) -> Scenario {
    lab.tls.break_host(host, Fault::Certificate(authority, flaw));
    lab.tls.set(host, "/", crate::lab::reply::Response::new(200));
    let mut scenario = Scenario::new(lab, &format!("https://{host}/"));
    match store {
        Store::Genuine => {}
        Store::Inspected => scenario.config.tls.extra_roots = vec![lab.pki.root(Inspector)],
        Store::Public => scenario.public_roots = vec![lab.pki.root(Inspector)],
    }
    scenario
}

#[tokio::test]
async fn each_chain_gets_the_verdict_that_is_right() {
    let lab = Lab::start().await;
    let cases = [
        // As servers should present them.
        (Microsoft2011, Sound, Store::Genuine, GOOD),
        (EccProduct2018, Sound, Store::Genuine, GOOD),
        (DigicertG2, Sound, Store::Genuine, GOOD),
        (TlsG2, Sound, Store::Genuine, GOOD),
        // A genuine issuer unknown before: only roots count.
        (Microsoft2011Next, Sound, Store::Genuine, GOOD),
        // Incomplete, and completed like in Windows: never taken for interception, whatever else is trusted.
        (Microsoft2011, WithoutIntermediate, Store::Genuine, COMPLETED),
        (EccProduct2018, WithoutIntermediate, Store::Genuine, COMPLETED),
        (TlsG2, WithoutCrossSign, Store::Genuine, COMPLETED),
        (TlsG2, WithoutIntermediate, Store::Genuine, COMPLETED),
        (TlsG2, WithoutCrossSign, Store::Inspected, COMPLETED),
        (TlsG2, Sound, Store::Inspected, GOOD),
        // Somebody else's.
        (Inspector, Sound, Store::Inspected, INSPECTED),
        (Inspector, Sound, Store::Genuine, refused(R::UnknownIssuer)),
        // No inspector has a public root: Microsoft's services may have moved to it.
        (Inspector, Sound, Store::Public, UNEXPECTED),
        (Microsoft2011, Sound, Store::Public, GOOD),
    ];
    for (n, (authority, flaw, store, expected)) in cases.into_iter().enumerate() {
        let name = format!("{authority:?}, {flaw:?}, {store:?}");
        let scenario = scenario(&lab, &format!("chain{n}.lab"), authority, flaw, store);
        let (shown, tls) = shown(&scenario.probe().await);
        assert_eq!(shown, expected, "{name}: {tls:?}");
        // Version, cipher and chain are reported with every verdict.
        assert!(tls.version.is_some() && tls.cipher.is_some(), "{name}: {tls:?}");
        assert_eq!(tls.root.is_some(), tls.verified, "{name}: {tls:?}");
        assert!(tls.chain[0].subject.contains(&format!("chain{n}.lab")), "{name}: {tls:?}");
    }
}

#[tokio::test]
async fn the_trust_of_an_endpoint_decides_whose_roots_are_genuine() {
    let lab = Lab::start().await;
    for (store, trust, may_be_inspected, expected) in [
        (Store::Inspected, Trust::Microsoft, false, INSPECTED),
        (Store::Inspected, Trust::Public, false, INSPECTED),
        (Store::Inspected, Trust::Public, true, Shown { reason: None, ..INSPECTED }),
        (Store::Inspected, Trust::Any, false, GOOD),
        (Store::Public, Trust::Microsoft, false, UNEXPECTED),
        (Store::Public, Trust::Public, false, GOOD),
        (Store::Public, Trust::Any, false, GOOD),
    ] {
        let mut scenario = scenario(&lab, "trust.lab", Inspector, Sound, store);
        scenario.target.endpoint.trust = trust;
        scenario.target.endpoint.may_be_inspected = may_be_inspected;
        let observation = scenario.probe().await;
        assert_eq!(shown(&observation).0, expected, "{store:?}, {trust}, {may_be_inspected}");
        assert!(
            observation.facts.http.unwrap().genuine,
            "the answer is asked for, to tell what others would get"
        );
    }
}

/// Pinning clients know Microsoft's current roots and receive new ones from Microsoft: only a private root is a failure.
#[tokio::test]
async fn an_unexpected_root_disconnects_no_client() {
    let lab = Lab::start().await;
    for (store, connected) in [(Store::Public, true), (Store::Inspected, false)] {
        let observation = scenario(&lab, "unexpected.lab", Inspector, Sound, store).probe().await;
        for options in SslOptions::ALL.iter().filter(|options| options.pins()) {
            let needs = ["default_hosts".to_owned()];
            let way = MapsProbe {
                target: TargetId(0),
                need: "default_hosts",
                probe: Some(&observation),
                revocation: Some(RevocationStatus::Good),
            };
            let found = connection(*options, &needs, &[way]);
            assert_eq!(found == MapsConnection::Connected, connected, "{store:?}, {options}: {found:?}");
        }
    }
}

/// Windows refuses a chain of which any element is out of time, the root too.
#[tokio::test]
async fn a_root_is_held_to_its_dates() {
    let lab = Lab::start().await;
    let now = lab.pki.now();
    let long = 3650 * DAY;
    let root = |from: SystemTime, to: SystemTime| lab.pki.reissued_root(Microsoft2011, from, to);
    let expired = root(now - long, now - 10 * DAY);
    for (what, genuine_roots, expected, last_day) in [
        ("expired", vec![expired.clone()], refused(R::Expired), None),
        ("not yet valid", vec![root(now + 10 * DAY, now + long)], refused(R::NotYetValid), None),
        ("three days left", vec![root(now - long, now + 3 * DAY)], GOOD, Some(now + 3 * DAY)),
        ("renewed", vec![expired, root(now - DAY, now + long)], GOOD, Some(now + 30 * DAY)), // the leaf's
    ] {
        let mut scenario = scenario(&lab, "dates.lab", Microsoft2011, Sound, Store::Genuine);
        scenario.config.tls.genuine_roots = genuine_roots;
        let observation = scenario.probe().await;
        let (shown, tls) = shown(&observation);
        assert_eq!(shown, expected, "{what}: {observation:?}");
        assert_eq!(tls.chain_not_after, last_day, "{what}");
        if let Some(failure) = observation.failure {
            let name = Issuer::root_of(Microsoft2011).name();
            let named = failure.detail.contains("the root ") && failure.detail.contains(name);
            assert!(named, "{what}: {}", failure.detail);
        }
    }
}

/// What is presented besides the chain and its root is told, and counts for nothing.
#[tokio::test]
async fn certificates_besides_the_chain_are_told() {
    let lab = Lab::start().await;
    let identity = lab.pki.identity("besides.lab", Microsoft2011, Sound);
    let mut cert = identity.cert.clone();
    cert.extend([lab.pki.intermediate(Inspector), lab.pki.root(Microsoft2011)]);
    let scenario = scenario(&lab, "besides.lab", Microsoft2011, Sound, Store::Genuine);
    lab.tls.present("besides.lab", Arc::new(CertifiedKey { cert, ..(*identity).clone() }));
    let (shown, tls) = shown(&scenario.probe().await);
    assert_eq!((shown, tls.chain.len()), (GOOD, 4));
    assert_eq!(tls.chain_not_after, Some(lab.pki.now() + 30 * DAY), "the leaf's");
    assert_eq!(tls.chain_not_before, Some(lab.pki.now() - 30 * DAY), "the leaf's");
    let unused: Vec<_> = tls.unused.iter().map(|besides| besides.subject.as_str()).collect();
    assert_eq!(unused, ["O=Lab, CN=Lab Inspection CA"]);
}

/// An authority that gets another key keeps its name and the place of its certificate: what was kept of it is of no use then.
#[tokio::test]
async fn a_kept_issuer_that_no_longer_fits_is_fetched_again() {
    let lab = Lab::start().await;
    let scenario = scenario(&lab, "rekeyed.lab", Microsoft2011, WithoutIntermediate, Store::Genuine);
    let prober = scenario.prober();
    let probe = async || shown(&prober.probe(TargetId(0)).await).0;
    assert_eq!(probe().await, COMPLETED);
    let (identity, issuer) = lab.pki.after_rekeying("rekeyed.lab", Microsoft2011);
    lab.tls.heal_host("rekeyed.lab");
    lab.tls.present("rekeyed.lab", identity);
    // Until the new certificate is served, the old one's defect is reported.
    assert_eq!(probe().await, refused(R::BadSignature));
    lab.serve_issuer_reply(Issuer::Intermediate(Microsoft2011), certificate_response(issuer.to_vec()));
    assert_eq!(probe().await, COMPLETED);
    lab.forwarder(AIA_HOST).block().await;
    assert_eq!(probe().await, COMPLETED, "what was fetched again is kept");
}

#[tokio::test]
async fn what_completed_a_chain_is_kept() {
    let lab = Lab::start().await;
    let scenario = scenario(&lab, "kept.lab", TlsG2, WithoutIntermediate, Store::Genuine);
    let prober = scenario.prober();
    for blocked in [false, true] {
        if blocked {
            lab.forwarder(AIA_HOST).block().await;
        }
        assert_eq!(shown(&prober.probe(TargetId(0)).await).0, COMPLETED, "blocked: {blocked}");
    }
    let fresh: Arc<Prober> = Arc::new(scenario.prober());
    let (shown, _) = shown(&fresh.probe(TargetId(0)).await);
    assert_eq!(shown, refused(R::IncompleteChain), "nothing is kept elsewhere");
}

/// Fetching an issuer takes none of the phases' time, and no more of the probe's than it has.
#[tokio::test]
async fn a_silent_issuer_host_costs_no_phase_its_time() {
    let lab = Lab::start().await;
    lab.plain.break_host(AIA_HOST, crate::lab::faults::silent());
    let scenario = scenario(&lab, "silent.lab", Microsoft2011, WithoutIntermediate, Store::Genuine);
    let (start, disturbance) = (std::time::Instant::now(), Disturbance::here());
    let observation = scenario.probe().await;
    let (took, limit) = (start.elapsed(), scenario.target.timeout * 2 + disturbance.so_far());
    assert!(took < limit, "{took:?}, {disturbance}");
    assert_eq!(shown(&observation).0, refused(R::IncompleteChain));
    assert!(observation.facts.timings.total() < scenario.target.timeout / 2, "{observation:?}");
}

/// The chain that a server presents is verified whatever comes of the handshake.
#[tokio::test]
async fn a_handshake_that_dies_later_leaves_the_chain_its_verdict() {
    let lab = Lab::start().await;
    let tls12 = &rustls::version::TLS12;
    let demands = Handshake::DemandsCertificate(tls12);
    for (n, (flaw, handshake, stalls, expected)) in [
        (Sound, demands.clone(), false, Shown { reason: Some(R::Alert), ..GOOD }),
        (WithoutIntermediate, demands.clone(), false, Shown { reason: Some(R::Alert), ..COMPLETED }),
        (Flaw::Expired, demands, false, refused(R::Expired)),
        (Sound, Handshake::Only(tls12), true, Shown { reason: Some(R::Timeout), ..GOOD }),
    ]
    .into_iter()
    .enumerate()
    {
        let host = format!("dies{n}.lab");
        let mut scenario = scenario(&lab, &host, Microsoft2011, flaw, Store::Genuine);
        lab.tls.break_host(&host, handshake);
        if stalls {
            scenario = scenario.at(stalling(lab.tls.addr()).await);
        }
        let (shown, tls) = shown(&scenario.probe().await);
        assert_eq!(shown, expected, "{host}: {tls:?}");
        assert_eq!(tls.root.is_some(), tls.verified, "{host}");
        assert_eq!(tls.chain_not_after.is_some(), tls.verified, "{host}");
        assert_eq!(tls.path.is_some(), tls.verified, "{host}");
    }
}

/// The way to a TLS server that lets the ClientHello through, and nothing that follows it.
async fn stalling(server: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = TcpStream::connect(server).await.unwrap();
        let mut header = [0; 5]; // of a record (RFC 8446, section 5.1)
        client.read_exact(&mut header).await.unwrap();
        let mut record = vec![0; u16::from_be_bytes([header[3], header[4]]).into()];
        client.read_exact(&mut record).await.unwrap();
        server.write_all(&[&header[..], &record].concat()).await.unwrap();
        let _ = tokio::io::copy(&mut server, &mut client).await; // until the client goes
    });
    address
}

/// What a slow host of certificates took is named where the request then runs out of time, and isn't the request's own.
#[tokio::test]
async fn a_slow_issuer_host_is_named_beside_the_request() {
    let lab = Lab::start().await;
    let issuer = lab.pki.intermediate(Microsoft2011);
    let slow = Response::new(200).body(issuer.to_vec()).before_head(Duration::from_millis(400));
    lab.plain.break_host(AIA_HOST, slow);
    let mut scenario = scenario(&lab, "slow.lab", Microsoft2011, WithoutIntermediate, Store::Genuine);
    lab.tls.set("slow.lab", "/", crate::lab::faults::silent());
    scenario.target.timeout = Duration::from_secs(3);
    let failure = scenario.probe().await.failure.unwrap();
    assert_eq!((failure.phase, failure.reason), (S::Request, R::Timeout), "{failure:?}");
    assert!(
        failure.detail.contains("the probe's timeout is 3s, and fetching missing certificates took "),
        "{failure:?}"
    );
}

#[tokio::test]
async fn refused_chains_report_the_tls_version() {
    let lab = Lab::start().await;
    for (version, name) in [(&rustls::version::TLS12, "TLSv1.2"), (&rustls::version::TLS13, "TLSv1.3")] {
        lab.tls.break_host("version.lab", Handshake::Only(version));
        let scenario = scenario(&lab, "version.lab", Microsoft2011, Flaw::Expired, Store::Genuine);
        let (shown, tls) = shown(&scenario.probe().await);
        assert_eq!(shown, refused(R::Expired));
        assert_eq!(tls.version, Some(name), "{tls:?}");
    }
}
