//! Chains as an administrator would call them: sound, completed, rotated, inspected. Scenario in; what the probe shows out.
//! Chains that are refused for what they are themselves stand in `probe_failures`.

use std::sync::Arc;

use defender_exporter::catalog::Trust;
use defender_exporter::observation::FailureReason as R;
use defender_exporter::observation::{Observation, TlsFacts};
use defender_exporter::plan::TargetId;
use defender_exporter::probe::Prober;

use crate::lab::Lab;
use crate::lab::faults::{Fault, Handshake};
use crate::lab::pki::pointers::AIA_HOST;
use crate::lab::pki::{Authority, Flaw};
use crate::scenario::Scenario;

use Authority::{DigicertG2, EccProduct2018, Inspector, Microsoft2011, Microsoft2011Next, TlsG2};
use Flaw::{None as Sound, WithoutCrossSign, WithoutIntermediate};

/// Which of its roots this machine trusts besides those that are genuine everywhere.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Store {
    /// No other.
    Genuine,
    /// The inspector's, in the machine's own store.
    Inspected,
}

/// What a probe shows of a chain: whether it is trusted, whether it is somebody else's, whether it was completed.
#[derive(Debug, PartialEq)]
struct Shown {
    reason: Option<R>,
    verified: bool,
    intercepted: bool,
    completed: bool,
}

const GOOD: Shown = Shown { reason: None, verified: true, intercepted: false, completed: false };
const COMPLETED: Shown = Shown { completed: true, ..GOOD };
const INSPECTED: Shown = Shown { reason: Some(R::Intercepted), intercepted: true, ..GOOD };

const fn refused(reason: R) -> Shown {
    Shown { reason: Some(reason), verified: false, ..GOOD }
}

fn shown(observation: &Observation) -> (Shown, TlsFacts) {
    let tls = observation.facts.tls.clone().unwrap();
    let reason = observation.failure.as_ref().map(|failure| failure.reason);
    let TlsFacts { verified, intercepted, completed, .. } = tls;
    (Shown { reason, verified, intercepted, completed }, tls)
}

/// A scenario in which a host presents such a chain.
fn scenario(lab: &Lab, host: &str, authority: Authority, flaw: Flaw, store: Store) -> Scenario {
    lab.tls.break_host(host, Fault::Certificate(authority, flaw));
    lab.tls.set(host, "/", crate::lab::reply::Response::new(200));
    let mut scenario = Scenario::new(lab, &format!("https://{host}/"));
    if store == Store::Inspected {
        scenario.config.tls.extra_roots = vec![lab.pki.root(Inspector)];
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
        // A genuine issuer that nobody knew yet: roots are what counts.
        (Microsoft2011Next, Sound, Store::Genuine, GOOD),
        // Incomplete, and completed as Windows does: never taken for interception, whoever else is trusted.
        (Microsoft2011, WithoutIntermediate, Store::Genuine, COMPLETED),
        (EccProduct2018, WithoutIntermediate, Store::Genuine, COMPLETED),
        (TlsG2, WithoutCrossSign, Store::Genuine, COMPLETED),
        (TlsG2, WithoutIntermediate, Store::Genuine, COMPLETED),
        (TlsG2, WithoutCrossSign, Store::Inspected, COMPLETED),
        (TlsG2, Sound, Store::Inspected, GOOD),
        // Somebody else's.
        (Inspector, Sound, Store::Inspected, INSPECTED),
        (Inspector, Sound, Store::Genuine, refused(R::UnknownIssuer)),
    ];
    for (n, (authority, flaw, store, expected)) in cases.into_iter().enumerate() {
        let name = format!("{authority:?}, {flaw:?}, {store:?}");
        let scenario = scenario(&lab, &format!("chain{n}.lab"), authority, flaw, store);
        let (shown, tls) = shown(&scenario.probe().await);
        assert_eq!(shown, expected, "{name}: {tls:?}");
        // Whatever the verdict, what was agreed and presented is told.
        assert!(tls.version.is_some() && tls.cipher.is_some(), "{name}: {tls:?}");
        assert_eq!(tls.root.is_some(), tls.verified, "{name}: {tls:?}");
        assert!(tls.chain[0].subject.contains(&format!("chain{n}.lab")), "{name}: {tls:?}");
    }
}

#[tokio::test]
async fn the_trust_of_an_endpoint_decides_whose_roots_are_genuine() {
    let lab = Lab::start().await;
    for (trust, may_be_inspected, expected) in [
        (Trust::Microsoft, false, INSPECTED),
        (Trust::Public, false, INSPECTED),
        (Trust::Public, true, Shown { reason: None, ..INSPECTED }),
        (Trust::Any, false, GOOD),
    ] {
        let mut scenario = scenario(&lab, "trust.lab", Inspector, Sound, Store::Inspected);
        scenario.target.endpoint.trust = trust;
        scenario.target.endpoint.may_be_inspected = may_be_inspected;
        let observation = scenario.probe().await;
        assert_eq!(shown(&observation).0, expected, "{trust}, {may_be_inspected}");
        assert!(
            observation.facts.http.unwrap().genuine,
            "the answer is asked for, to tell what others would get"
        );
    }
}

#[tokio::test]
async fn what_completed_a_chain_is_kept() {
    let lab = Lab::start().await;
    let scenario = scenario(&lab, "kept.lab", TlsG2, WithoutIntermediate, Store::Genuine);
    let prober = scenario.prober();
    for blocked in [false, true] {
        if blocked {
            lab.gate(AIA_HOST).block().await;
        }
        assert_eq!(shown(&prober.probe(TargetId(0)).await).0, COMPLETED, "blocked: {blocked}");
    }
    let fresh: Arc<Prober> = Arc::new(scenario.prober());
    let (shown, _) = shown(&fresh.probe(TargetId(0)).await);
    assert_eq!(shown, refused(R::IncompleteChain), "nothing is kept elsewhere");
}

/// Fetching an issuer takes none of the stages' time, and no more of the probe's than it has.
#[tokio::test]
async fn a_silent_issuer_host_costs_no_stage_its_time() {
    let lab = Lab::start().await;
    lab.plain.break_host(AIA_HOST, crate::lab::faults::silent());
    let scenario = scenario(&lab, "silent.lab", Microsoft2011, WithoutIntermediate, Store::Genuine);
    let start = std::time::Instant::now();
    let observation = scenario.probe().await;
    assert!(start.elapsed() < scenario.target.timeout * 2, "{:?}", start.elapsed());
    assert_eq!(shown(&observation).0, refused(R::IncompleteChain));
    assert!(observation.facts.timings.total() < scenario.target.timeout / 2, "{observation:?}");
}

#[tokio::test]
async fn both_versions_of_tls_tell_of_a_refused_chain() {
    let lab = Lab::start().await;
    for (version, name) in [(&rustls::version::TLS12, "TLSv1.2"), (&rustls::version::TLS13, "TLSv1.3")] {
        lab.tls.break_host("version.lab", Handshake::Only(version));
        let scenario = scenario(&lab, "version.lab", Microsoft2011, Flaw::Expired, Store::Genuine);
        let (shown, tls) = shown(&scenario.probe().await);
        assert_eq!(shown, refused(R::Expired));
        assert_eq!(tls.version, Some(name), "{tls:?}");
    }
}
