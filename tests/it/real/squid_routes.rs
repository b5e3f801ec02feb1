//! Probes through a real Squid: open, authenticated, denying, without its parent, late, inspecting; by IPv4 and IPv6.

use std::time::Duration;

use defender_exporter::config::ProxyKind;
use defender_exporter::observation::{FailureReason as R, Observation, Stage};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::squid::{PASSWORD, Policy, Squid, USER};
use crate::lab::Lab;
use crate::routes::{at, by};

const DELAY: Duration = Duration::from_millis(400);

type End = Option<(Stage, R)>;
/// What Squid does, who asks, the end of an https probe with the status of CONNECT, and of an http one.
type Case = (Policy, Option<(&'static str, &'static str)>, (End, u16), End);

/// One probe by a Squid, long enough for a busy machine.
async fn probe(lab: &Lab, squid: &Squid, six: bool, scheme: &str, who: Option<(&str, &str)>) -> Observation {
    let mut scenario = by(lab, scheme, ProxyKind::Http, at(squid.addrs()[usize::from(six)]), who);
    scenario.target.timeout = Duration::from_secs(20);
    scenario.probe().await
}

fn end(observation: &Observation) -> End {
    observation.failure.as_ref().map(|failure| (failure.stage, failure.reason))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_policy_shows_in_stage_status_and_reason() {
    let known = Some((USER, PASSWORD));
    let wrong = Some((USER, "wrong"));
    let tunnel = |reason| Some((Stage::Tunnel, reason));
    let request = |reason| Some((Stage::Request, reason));
    let cases: [Case; 8] = [
        (Policy::Open, None, (None, 200), None),
        (Policy::Basic, known, (None, 200), None),
        (Policy::Basic, wrong, (tunnel(R::AuthRequired), 407), request(R::AuthRequired)),
        (Policy::Basic, None, (tunnel(R::AuthRequired), 407), request(R::AuthRequired)),
        (Policy::Ntlm, known, (tunnel(R::AuthRequired), 407), request(R::AuthRequired)),
        (Policy::Denying, None, (tunnel(R::Denied), 403), request(R::BlockPage)),
        (Policy::DeadParent, None, (tunnel(R::BadGateway), 500), request(R::BadGateway)),
        (Policy::LostParent, None, (tunnel(R::BadGateway), 503), request(R::BadGateway)),
    ];
    let lab = Lab::start().await;
    for (policy, who, (https, status), http) in cases {
        let Some(squid) = Squid::start(&lab, policy).await else { return };
        for six in [false, true] {
            let name = format!("{policy:?}, {who:?}, IPv6 {six}");
            let observation = probe(&lab, &squid, six, "https", who).await;
            assert_eq!(end(&observation), https, "{name}: {:?}", observation.failure);
            assert_eq!(observation.facts.proxy_status, Some(status), "{name}");
            let observation = probe(&lab, &squid, six, "http", who).await;
            assert_eq!(end(&observation), http, "{name}: {:?}", observation.failure);
            if policy == Policy::Ntlm {
                let detail = observation.failure.unwrap().detail;
                assert!(detail.contains("NTLM, none of which this exporter speaks"), "{detail}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delay_in_squid_shows_in_the_tunnel_and_nowhere_else() {
    let lab = Lab::start().await;
    let Some(squid) = Squid::start(&lab, Policy::Late(DELAY)).await else { return };
    for six in [false, true] {
        let observation = probe(&lab, &squid, six, "https", None).await;
        assert_eq!(observation.failure, None);
        let timings = &observation.facts.timings;
        let tunnel = timings.get(Stage::Tunnel).unwrap();
        assert!(tunnel >= DELAY, "IPv6 {six}: {timings:?}");
        assert!(timings.total() < tunnel + DELAY, "IPv6 {six}: {timings:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inspecting_squid_is_told_apart_from_the_genuine_service() {
    let lab = Lab::start().await;
    let Some(squid) = Squid::start(&lab, Policy::Inspecting).await else { return };
    let authority = CertificateDer::from_pem_file(squid.authority()).unwrap();
    for (extra_roots, reason, intercepted) in
        [(vec![authority], R::Intercepted, true), (vec![], R::UnknownIssuer, false)]
    {
        let mut scenario = by(&lab, "https", ProxyKind::Http, at(squid.addrs()[0]), None);
        scenario.target.timeout = Duration::from_secs(20);
        scenario.config.tls.extra_roots = extra_roots;
        let observation = scenario.probe().await;
        assert_eq!(end(&observation), Some((Stage::Tls, reason)), "{:?}", observation.failure);
        let tls = observation.facts.tls.unwrap();
        assert_eq!((tls.verified, tls.intercepted), (intercepted, intercepted), "{tls:?}");
        assert!(tls.chain[0].issuer.contains(super::squid::AUTHORITY), "{tls:?}");
    }
}
