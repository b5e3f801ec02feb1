//! Routes by a policy's proxies: the named one, those of the script, then a direct connection.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::config::{
    ConnectTo, HostPort, NoProxy, PacConfig, PolicyConfig, Proxies, Proxy as ProxyConfig, ProxyKind,
    RouteProxy,
};
use defender_exporter::net::fetch::{FetchRequest, Fetched};
use defender_exporter::observation::{DIRECT, FailureReason as R, Phase};
use defender_exporter::plan::TargetId;

use super::pac::{serve, url};
use super::{HOST, at, proxy};
use crate::lab::Lab;
use crate::lab::blackhole::Hanging;
use crate::lab::dns::Answer;
use crate::lab::proxy::Kind;
use crate::lab::reply::Response;
use crate::load::TEST_TIMEOUT;
use crate::scenario::Scenario;

/// Both schemes by this proxy.
fn named(proxy: Option<SocketAddr>, bypass: &str) -> Proxies {
    let proxy = proxy.map(|addr| ProxyConfig { kind: ProxyKind::Http, at: at(addr), credentials: None });
    let proxy = proxy.map(Arc::new);
    let mut no_proxy = NoProxy::default();
    no_proxy.add_windows_rule(bypass);
    Proxies { http: proxy.clone(), https: proxy, no_proxy }
}

/// A probe of the host, which DNS resolves to the lab's origin, by a policy.
fn by(lab: &Lab, server: Proxies, script: Option<ConnectTo>) -> Scenario {
    lab.tls.set(HOST, "/", Response::new(200));
    let mut scenario = Scenario::new(lab, &format!("https://{HOST}/"));
    if let Some(to) = &script {
        let from = HostPort { host: "pac.lab".to_owned(), port: 80 };
        scenario.config.connect_to.insert(from, to.clone());
    }
    let script = script.map(|_| PacConfig { source: url(), credentials: None });
    let system = Proxies::default();
    scenario.config.routes[0].via = RouteProxy::Policy(PolicyConfig { server, script, system });
    scenario.target.timeout = Duration::from_secs(8);
    scenario
}

#[tokio::test]
async fn the_next_of_a_policy_is_tried() {
    let lab = Lab::start().await;
    let (good, other) = (proxy(&lab, Kind::Http), proxy(&lab, Kind::Http));
    let dead: SocketAddr = "127.0.0.1:1".parse().unwrap();
    serve(&lab, &format!("return 'PROXY {}';", other.addr()));
    let script = || Some(ConnectTo::Address(lab.plain.addr()));
    let (gone, hangs) = (Some(ConnectTo::Address(dead)), Hanging::new().await);
    let hanging = Some(ConnectTo::Address(hangs.addr()));
    let (one, two) = (format!("http://{}", good.addr()), format!("http://{}", other.addr()));
    let (good, direct) = (Some(good.addr()), DIRECT.to_owned());
    // The policy, the proxy that counts, and the reasons of what failed before it.
    let cases = [
        (named(good, ""), script(), &one, vec![]),
        (named(good, ""), hanging.clone(), &one, vec![]),
        (named(good, HOST), script(), &direct, vec![]),
        (named(Some(dead), ""), script(), &two, vec![R::Refused]),
        (named(Some(dead), ""), None, &direct, vec![R::Refused]),
        (named(Some(dead), ""), gone.clone(), &direct, vec![R::Refused, R::PacUnreachable]),
        (named(None, ""), script(), &two, vec![]),
        (named(None, HOST), script(), &direct, vec![]),
        (named(None, ""), gone, &direct, vec![R::PacUnreachable]),
        (named(None, ""), hanging, &direct, vec![R::PacUnreachable]),
    ];
    for (n, (server, script, chosen, failed)) in cases.into_iter().enumerate() {
        let observation = by(&lab, server, script).probe().await;
        assert_eq!(observation.failure, None, "{n}: {observation:?}");
        let facts = &observation.facts;
        assert_eq!(facts.proxy.as_ref(), Some(chosen), "{n}");
        let before: Vec<_> = facts.failed_attempts.iter().map(|attempt| attempt.failure.reason).collect();
        assert_eq!(before, failed, "{n}");
    }
}

/// If nothing works, the policy's proxy is what must be repaired.
#[tokio::test]
async fn the_first_failure_of_a_policy_is_told() {
    let lab = Lab::start().await;
    lab.dns.set(HOST, Answer::Nxdomain);
    let dead: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let observation = by(&lab, named(Some(dead), ""), None).by_name().probe().await;
    let failure = observation.failure.as_ref().unwrap();
    assert_eq!((failure.phase, failure.reason), (Phase::Connect, R::Refused), "{failure:?}");
    assert!(failure.detail.starts_with("proxy 127.0.0.1:1: "), "{failure:?}");
    assert!(failure.detail.contains("; the later proxies failed too: without a proxy: "), "{failure:?}");
    assert!(observation.failed_at_proxy());
}

/// Windows fetches revocation lists by the WinHTTP proxy, whatever the policy says.
#[tokio::test]
async fn what_windows_fetches_goes_by_its_own_proxy() {
    let lab = Lab::start().await;
    let (policy, system) = (proxy(&lab, Kind::Http), proxy(&lab, Kind::Http));
    lab.plain.set(HOST, "/", Response::new(200).body("a list"));
    let mut scenario = by(&lab, named(Some(policy.addr()), ""), None).by_name();
    let RouteProxy::Policy(via) = &mut scenario.config.routes[0].via else { unreachable!() };
    via.system = named(Some(system.addr()), "");
    let (plan, prober) = (scenario.plan(), scenario.prober());
    assert_eq!(prober.probe(TargetId(0)).await.failure, None);
    let list = ProbeUrl::parse(&format!("http://{HOST}/list.crl")).unwrap();
    let fetched = prober.fetcher(&plan.routes[0]).fetch(FetchRequest::get(&list, 1024, TEST_TIMEOUT)).await;
    assert!(matches!(&fetched, Ok(Fetched::Body { bytes, .. }) if bytes == "a list"), "{fetched:?}");
    assert_eq!((policy.asked(), system.asked()), (vec![format!("{HOST}:443")], vec![format!("{HOST}:80")]));
}
