//! TLS to the proxy.

use std::time::{Duration, SystemTime};

use defender_exporter::config::ProxyKind;
use defender_exporter::observation::Observation;
use rustls::HandshakeKind;

use super::{at, by, proxy};
use crate::lab::Lab;
use crate::lab::pki::{Authority, Flaw, Pki};
use crate::lab::proxy::{Kind, Proxy};
use crate::scenario::Scenario;

/// A proxy over TLS with a certificate of this authority, and a probe that goes by it.
fn by_tls(lab: &Lab, authority: Authority) -> (Proxy, Scenario) {
    let proxy = proxy(lab, Kind::Https(lab.pki.identity("127.0.0.1", authority, Flaw::None)));
    let scenario = by(lab, "https", ProxyKind::Https, at(proxy.addr()), None);
    (proxy, scenario)
}

fn is_well(observation: &Observation) {
    assert_eq!(observation.failure, None);
}

#[tokio::test]
async fn the_proxy_certificate_is_verified_at_probe_time() {
    let lab = Lab::start_with(Pki::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000))).await;
    let (_proxy, scenario) = by_tls(&lab, Authority::DigicertG2);
    is_well(&scenario.probe().await);
}

/// What a probe learned of the proxy's certificate isn't taken for granted by the next.
#[tokio::test]
async fn its_sessions_are_not_resumed() {
    let lab = Lab::start().await;
    let (proxy, scenario) = by_tls(&lab, Authority::DigicertG2);
    let prober = scenario.prober();
    for _ in 0..3 {
        is_well(&prober.probe(defender_exporter::plan::TargetId(0)).await);
    }
    let full = |made: &HandshakeKind| *made != HandshakeKind::Resumed;
    assert!(proxy.handshakes().len() == 3 && proxy.handshakes().iter().all(full), "{:?}", proxy.handshakes());
}

/// As in most companies: the proxy's certificate is the company's own.
#[tokio::test]
async fn any_root_that_this_machine_trusts_will_do() {
    let lab = Lab::start().await;
    let (_proxy, mut scenario) = by_tls(&lab, Authority::Inspector);
    scenario.config.tls.extra_roots = vec![lab.pki.root(Authority::Inspector)];
    is_well(&scenario.probe().await);
}
