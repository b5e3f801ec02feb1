//! Routes with a PAC script: from a file, a URL, or WPAD.

use std::time::{Duration, Instant};

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::config::{ConnectTo, HostPort, PacConfig, PacSource, RouteProxy};
use defender_exporter::observation::{FailureReason as R, Phase, PhaseOutcome};

use super::{HOST, phases, proxy, reason_of};
use crate::lab::dns::Answer;
use crate::lab::proxy::Kind;
use crate::lab::reply::Response;
use crate::lab::{Lab, faults, host_port};
use crate::load::Disturbance;
use crate::scenario::Scenario;

const PAC: &str = "http://pac.lab/proxy.pac";

/// A probe of the host by what this source's script chooses.
pub(super) fn by(lab: &Lab, scheme: &str, source: PacSource) -> Scenario {
    for origin in [&lab.tls, &lab.plain] {
        origin.set(HOST, "/", Response::new(200));
    }
    let mut scenario = Scenario::new(lab, &format!("{scheme}://{HOST}/")).by_name();
    scenario.config.routes[0].via = RouteProxy::Pac(PacConfig { source, credentials: None });
    for host in ["pac.lab", "wpad.branch.example"] {
        let from = HostPort { host: host.to_owned(), port: 80 };
        scenario.config.connect_to.insert(from, ConnectTo::Address(lab.plain.addr()));
    }
    scenario.target.timeout = Duration::from_secs(5);
    scenario
}

pub(super) fn url() -> PacSource {
    PacSource::Url(ProbeUrl::parse(PAC).unwrap())
}

/// Serves a script with this body of its function.
pub(super) fn serve(lab: &Lab, body: &str) {
    let script = format!("function FindProxyForURL(url, host) {{ {body} }}");
    lab.plain.set("pac.lab", "/", Response::new(200).body(script));
}

#[tokio::test]
async fn a_script_chooses_for_each_url() {
    let lab = Lab::start().await;
    let (http, socks) = (proxy(&lab, Kind::Http), proxy(&lab, Kind::Socks));
    serve(
        &lab,
        &format!(
            "if (url.substring(0, 6) == 'https:') return 'PROXY {}; DIRECT'; return 'SOCKS5 {}';",
            http.addr(),
            socks.addr()
        ),
    );
    for (scheme, kind, at) in [("https", "http", http.addr()), ("http", "socks5", socks.addr())] {
        let observation = by(&lab, scheme, url()).probe().await;
        assert_eq!(observation.failure, None, "{scheme}");
        assert_eq!(observation.facts.proxy, Some(format!("{kind}://{at}")), "{scheme}");
    }
}

/// The next proxy is tried if one can't be connected to, as clients do; not if it answers.
#[tokio::test]
async fn a_second_proxy_is_tried() {
    let lab = Lab::start().await;
    let good = proxy(&lab, Kind::Http);
    lab.dns.set("gone.lab", Answer::Nxdomain);
    let (dead, good) = ("PROXY 127.0.0.1:1", format!("PROXY {}", good.addr()));
    let gone = "PROXY gone.lab:8080";
    // The script's answer, the proxy that counts, the reasons of those before it, and the probe's own failure.
    let cases = [
        (format!("{good}; DIRECT"), &good[6..], vec![], None),
        (format!("{dead}; {good}"), &good[6..], vec![R::Refused], None),
        (format!("{gone}; {dead}; {good}"), &good[6..], vec![R::Nxdomain, R::Refused], None),
        (format!("{dead}; DIRECT"), "direct", vec![R::Refused], None),
        (format!("{dead}; {gone}"), "127.0.0.1:1", vec![R::Nxdomain], Some((Phase::Connect, R::Refused))),
        (format!("{gone}; {dead}"), "gone.lab:8080", vec![R::Refused], Some((Phase::Resolve, R::Nxdomain))),
    ];
    for (answer, chosen, failed, failure) in cases {
        serve(&lab, &format!("return '{answer}';"));
        let mut scenario = by(&lab, "https", url());
        scenario.target.timeout = Duration::from_secs(20);
        let here = host_port(&scenario.target.endpoint.url);
        scenario.config.connect_to.insert(here, ConnectTo::Address(lab.tls.addr()));
        let observation = scenario.probe().await;
        let facts = &observation.facts;
        assert_eq!(observation.failure.as_ref().map(|f| (f.phase, f.reason)), failure, "{answer}");
        let proxy = facts.proxy.as_deref().unwrap();
        assert_eq!(proxy.strip_prefix("http://").unwrap_or(proxy), chosen, "{answer}");
        let before: Vec<_> = facts.failed_attempts.iter().map(|attempt| attempt.failure.reason).collect();
        assert_eq!(before, failed, "{answer}");
        if let Some(failure) = &observation.failure {
            assert!(failure.detail.contains("; the later proxies failed too: proxy "), "{failure:?}");
            assert_eq!(facts.timings.outcome(failure.phase), PhaseOutcome::Failed, "{answer}");
            let connect = facts.timings.outcome(Phase::Connect);
            assert_eq!(connect == PhaseOutcome::Failed, failure.phase == Phase::Connect, "{answer}");
        }
    }
}

#[tokio::test]
async fn scripts_from_file_url_and_wpad() {
    let lab = Lab::start().await;
    let direct = "function FindProxyForURL(url, host) { return 'DIRECT'; }";
    let file = lab.files().join("proxy.pac");
    std::fs::write(&file, direct).unwrap();
    lab.plain.set("wpad.branch.example", "/wpad.dat", Response::new(200).body(direct));
    let wpad = PacSource::Wpad { domain: "branch.example".to_owned() };
    lab.plain.set("127.0.0.1", "/", Response::new(200).body(direct));
    let here = ProbeUrl::parse(&format!("http://{}/here.pac", lab.plain.addr())).unwrap();
    for source in [PacSource::File(file), wpad, PacSource::Url(here)] {
        let mut scenario = by(&lab, "https", source.clone());
        let here = host_port(&scenario.target.endpoint.url);
        scenario.config.connect_to.insert(here, ConnectTo::Address(lab.tls.addr()));
        let observation = scenario.probe().await;
        let chosen = observation.facts.proxy.as_deref();
        assert_eq!((observation.failure, chosen), (None, Some("direct")), "{source:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_script_is_its_own_reason() {
    let lab = Lab::start().await;
    let cases = [
        ("return 'PROXY'", R::PacInvalid),
        ("return 42", R::PacInvalid),
        ("throw 'no'", R::PacInvalid),
        ("return 'SOCKS4 127.0.0.1:1'", R::PacInvalid),
        ("}}} this is no script", R::PacInvalid),
        ("while (true) {}", R::PacTimeout),
        ("var a = []; while (true) a.push('x'.repeat(1000))", R::PacTimeout),
        ("return 'x'.repeat(1 << 30)", R::PacInvalid), // the engine has no strings of that length
    ];
    for (body, reason) in cases {
        serve(&lab, body);
        let (start, disturbance) = (Instant::now(), Disturbance::of_process(std::process::id()));
        let observation = by(&lab, "https", url()).probe().await;
        let failure = observation.failure.clone().unwrap_or_else(|| panic!("{body}: {observation:?}"));
        assert_eq!((failure.phase, reason_of(&failure)), (Phase::Tunnel, reason), "{body}: {failure:?}");
        assert_eq!(phases(&observation), "N-NNNNN", "{body}: nothing was connected to");
        let (took, limit) = (start.elapsed(), Duration::from_secs(6) + disturbance.so_far());
        assert!(took < limit, "{body}: {took:?}, {disturbance}");
    }
    let replies: [(&str, crate::lab::reply::Reply); 3] = [
        ("404", Response::new(404).into()),
        ("no end", faults::endless_body()),
        ("the end", faults::end(crate::lab::reply::End::Close)),
    ];
    for (name, reply) in replies {
        lab.plain.set("pac.lab", "/", reply);
        let failure = by(&lab, "https", url()).probe().await.failure.unwrap();
        assert_eq!(
            (failure.phase, failure.reason),
            (Phase::Tunnel, R::PacUnreachable),
            "{name}: {failure:?}"
        );
    }
    let nowhere = PacSource::File(lab.files().join("not-there.pac"));
    let failure = by(&lab, "https", nowhere).probe().await.failure.unwrap();
    assert_eq!((failure.phase, failure.reason), (Phase::Tunnel, R::PacUnreachable));
    assert!(failure.detail.contains("no such file"), "{failure:?}");
}

/// The script is loaded once and cached, also for concurrent requests.
#[tokio::test]
async fn a_script_is_not_fetched_for_every_probe() {
    let lab = Lab::start().await;
    let http = proxy(&lab, Kind::Http);
    serve(&lab, &format!("return 'PROXY {}'", http.addr()));
    let scenario = by(&lab, "https", url());
    let prober = scenario.prober();
    for _ in 0..3 {
        assert_eq!(prober.probe(defender_exporter::plan::TargetId(0)).await.failure, None);
    }
    let fetched = lab.plain.requests().iter().filter(|request| request.host == "pac.lab").count();
    assert_eq!((fetched, http.asked().len()), (1, 3));
}

/// No probe's deadline interrupts a reading: else one that takes longer than a probe would never end.
#[tokio::test]
async fn a_script_that_does_not_come_is_waited_for_once() {
    let lab = Lab::start().await;
    lab.plain.set("pac.lab", "/", faults::silent());
    let mut scenario = by(&lab, "https", url());
    scenario.target.timeout = Duration::from_millis(500);
    let prober = scenario.prober();
    for _ in 0..3 {
        let failure = prober.probe(defender_exporter::plan::TargetId(0)).await.failure.unwrap();
        assert_eq!((failure.phase, failure.reason), (Phase::Tunnel, R::PacUnreachable), "{failure:?}");
    }
    assert_eq!(lab.plain.connections(), 1);
}
