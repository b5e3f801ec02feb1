//! Probes through a real Squid: open, authenticated, denying, without its parent, slow, inspecting; over IPv4 and
//! IPv6.

use std::time::Duration;

use defender_exporter::config::ProxyKind;
use defender_exporter::observation::{FailureReason as R, Observation, Phase};
use defender_exporter_needs::needs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::squid::{PASSWORD, Policy, Squid, USER};
use crate::lab::Lab;
use crate::load::Disturbance;
use crate::routes::{at, by};

const DELAY: Duration = Duration::from_millis(400);

type End = Option<(Phase, R)>;
/// Squid's behaviour, the client, and the result of an https probe with the status of CONNECT, and of an http probe.
type Case = (Policy, Option<(&'static str, &'static str)>, (End, u16), End);

/// One probe by a Squid, long enough for a busy machine.
async fn probe(lab: &Lab, squid: &Squid, six: bool, scheme: &str, who: Option<(&str, &str)>) -> Observation {
    let mut scenario = by(lab, scheme, ProxyKind::Http, at(squid.addrs()[usize::from(six)]), who);
    scenario.target.timeout = Duration::from_secs(60);
    scenario.probe().await
}

fn end(observation: &Observation) -> End {
    observation.failure.as_ref().map(|failure| (failure.phase, failure.reason))
}

#[needs("squid-openssl")]
#[tokio::test(flavor = "multi_thread")]
async fn each_policy_shows_in_phase_status_and_reason() {
    let known = Some((USER, PASSWORD));
    let wrong = Some((USER, "wrong"));
    let tunnel = |reason| Some((Phase::Tunnel, reason));
    let request = |reason| Some((Phase::Request, reason));
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
        let squid = Squid::start(&lab, policy).await;
        for six in [false, true] {
            let name = format!("{policy:?}, {who:?}, IPv6 {six}");
            let observation = probe(&lab, &squid, six, "https", who).await;
            assert_eq!(end(&observation), https, "{name}: {:?}", observation.failure);
            assert_eq!(observation.facts.proxy_status, Some(status), "{name}");
            let observation = probe(&lab, &squid, six, "http", who).await;
            assert_eq!(end(&observation), http, "{name}: {:?}", observation.failure);
            if policy == Policy::Ntlm {
                let detail = observation.failure.unwrap().detail;
                assert!(detail.contains("NTLM, none of which this exporter supports"), "{detail}");
            }
        }
    }
}

#[needs("squid-openssl")]
#[tokio::test]
async fn a_delay_in_squid_shows_in_the_tunnel_and_nowhere_else() {
    let lab = Lab::start().await;
    let squid = Squid::start(&lab, Policy::Late(DELAY)).await;
    for six in [false, true] {
        let disturbance = Disturbance::here();
        let observation = probe(&lab, &squid, six, "https", None).await;
        let disturbed = disturbance.so_far();
        assert_eq!(observation.failure, None);
        let timings = &observation.facts.timings;
        let tunnel = timings.get(Phase::Tunnel).unwrap();
        assert!(tunnel >= DELAY, "IPv6 {six}: {timings:?}");
        assert!(
            timings.total() < tunnel + DELAY + disturbed,
            "IPv6 {six}: {timings:?}, disturbed for {disturbed:?}"
        );
    }
}

#[needs("squid-openssl")]
#[tokio::test(flavor = "multi_thread")]
async fn an_inspecting_squid_is_detected() {
    let lab = Lab::start().await;
    let squid = Squid::start(&lab, Policy::Inspecting).await;
    let authority = CertificateDer::from_pem_file(squid.authority()).unwrap();
    for (extra_roots, reason, intercepted) in
        [(vec![authority], R::Intercepted, true), (vec![], R::UnknownIssuer, false)]
    {
        let mut scenario = by(&lab, "https", ProxyKind::Http, at(squid.addrs()[0]), None);
        scenario.target.timeout = Duration::from_secs(60);
        scenario.config.tls.extra_roots = extra_roots;
        let observation = scenario.probe().await;
        assert_eq!(end(&observation), Some((Phase::Tls, reason)), "{:?}", observation.failure);
        let tls = observation.facts.tls.unwrap();
        assert_eq!((tls.verified, tls.intercepted), (intercepted, intercepted), "{tls:?}");
        assert!(tls.chain[0].issuer.contains(super::squid::AUTHORITY), "{tls:?}");
    }
}
