//! All requests of a probe use its route: redirects, credentials, delays, source addresses.

use std::net::IpAddr;
use std::time::Duration;

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::config::{ConnectTo, ProxyKind, RouteProxy};
use defender_exporter::observation::{FailureReason as R, Phase};

use super::cases::LOGIN;
use super::{HOST, at, by, origins, proxy};
use crate::lab::pki::{Authority, Flaw};
use crate::lab::proxy::{Kind, Order, Proxy};
use crate::lab::reply::Response;
use crate::lab::{Lab, host_port};
use crate::load::Disturbance;

use ProxyKind::{Http, Https, Socks5};

const NEXT: &str = "cdn.genuine.example";

/// What a proxy of a kind is; one over TLS goes by its address.
fn kind_of(lab: &Lab, kind: ProxyKind) -> Kind {
    match kind {
        Http => Kind::Http,
        Https => Kind::Https(lab.pki.identity("127.0.0.1", Authority::DigicertG2, Flaw::None)),
        Socks5 => Kind::Socks,
    }
}

/// A delay before a proxy lets through shows there, and nowhere else.
#[tokio::test]
async fn a_late_tunnel_delays_the_tunnel_alone() {
    const DELAY: Duration = Duration::from_millis(400);
    const SLACK: Duration = Duration::from_millis(300);
    for kind in [Http, Https, Socks5] {
        let lab = Lab::start().await;
        let proxy = proxy(&lab, kind_of(&lab, kind));
        proxy.order(Order::Late(DELAY));
        let mut scenario = by(&lab, "https", kind, at(proxy.addr()), None);
        scenario.target.timeout = Duration::from_secs(30);
        let disturbance = Disturbance::here();
        let observation = scenario.probe().await;
        let disturbed = disturbance.so_far();
        assert_eq!(observation.failure, None, "{kind}");
        for phase in [Phase::Connect, Phase::Tunnel, Phase::Tls, Phase::Request, Phase::Transfer] {
            let least = if phase == Phase::Tunnel { DELAY } else { Duration::ZERO };
            let took = observation.facts.timings.get(phase).unwrap();
            assert!(
                took >= least && took < least + SLACK + disturbed,
                "{kind}: {phase} took {took:?}, disturbed for {disturbed:?}"
            );
        }
    }
}

#[tokio::test]
async fn redirects_are_followed_by_the_same_route() {
    for (kind, scheme, port) in [(Http, "https", 443), (Http, "http", 80), (Socks5, "https", 443)] {
        let lab = Lab::start().await;
        let to = if scheme == "https" { lab.tls.addr() } else { lab.plain.addr() };
        let names = origins(&lab).into_iter().chain([(format!("{NEXT}:{port}"), to)]);
        let proxy = Proxy::start(kind_of(&lab, kind), names);
        proxy.order(Order::Demand(LOGIN.0, LOGIN.1));
        let mut scenario = by(&lab, scheme, kind, at(proxy.addr()), Some(LOGIN));
        scenario.target.endpoint.follow_redirects = 1;
        let next = format!("{scheme}://{NEXT}/next");
        for origin in [&lab.tls, &lab.plain] {
            origin.set(HOST, "/", Response::redirect(302, &next));
            origin.set(NEXT, "/next", Response::new(200));
        }
        let observation = scenario.probe().await;
        assert_eq!(observation.failure, None, "{scheme} by {kind}");
        assert_eq!(proxy.asked(), [format!("{HOST}:{port}"), format!("{NEXT}:{port}")]);
        assert_eq!(observation.facts.http.unwrap().redirects, 1);
        assert_eq!(lab.dns.asked(), [], "names are the proxy's to resolve");
    }
}

/// Credentials go no further than the proxy: not through the tunnel, not to where a request goes without it, and not to an
/// endpoint that demands them as if it were one.
#[tokio::test]
async fn credentials_stay_with_the_proxy() {
    let lab = Lab::start().await;
    let proxy = proxy(&lab, Kind::Http);
    proxy.order(Order::Demand(LOGIN.0, LOGIN.1));
    for scheme in ["https", "http"] {
        let mut scenario = by(&lab, scheme, Http, at(proxy.addr()), Some(LOGIN));
        // The second hop goes directly.
        let next = ProbeUrl::parse(&format!("{scheme}://{NEXT}/")).unwrap();
        let RouteProxy::Proxies(proxies) = &mut scenario.config.routes[0].via else { unreachable!() };
        proxies.no_proxy.add(NEXT).unwrap();
        scenario.config.connect_to.insert(host_port(&next), ConnectTo::Address(lab.origin(&next).addr()));
        scenario.target.endpoint.follow_redirects = 1;
        for origin in [&lab.tls, &lab.plain] {
            origin.set(HOST, "/", Response::redirect(302, next.as_str()));
            origin.set(NEXT, "/", Response::new(407).header("Proxy-Authenticate", "Basic realm=\"lab\""));
        }
        let observation = scenario.probe().await;
        let failure = observation.failure.unwrap();
        assert_eq!((failure.phase, failure.reason), (Phase::Request, R::AuthRequired), "{scheme}");
        assert_eq!(observation.facts.proxy, None, "{scheme}: the last hop was a direct one");
    }
    let heads: Vec<_> =
        [&lab.tls, &lab.plain].iter().flat_map(|origin| origin.requests()).map(|seen| seen.head).collect();
    assert_eq!(heads.len(), 4);
    for head in heads {
        assert!(!head.to_ascii_lowercase().contains("authorization"), "{head}");
    }
    let has_credentials =
        |head: &String| head.to_ascii_lowercase().contains("\r\nproxy-authorization: basic ");
    assert!(proxy.heads().iter().all(has_credentials), "{:?}", proxy.heads());
}

/// Linux' loopback network is a whole one.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_to_a_proxy_come_from_the_source_address() {
    let lab = Lab::start().await;
    let source: IpAddr = "127.0.0.2".parse().unwrap();
    for kind in [Http, Socks5] {
        let proxy = proxy(&lab, kind_of(&lab, kind));
        let mut scenario = by(&lab, "https", kind, at(proxy.addr()), None);
        scenario.config.routes[0].source_address = Some(source);
        assert_eq!(scenario.probe().await.failure, None);
        assert_eq!(proxy.clients(), [source]);
        scenario.config.routes[0].source_address = Some("203.0.113.7".parse().unwrap());
        let failure = scenario.probe().await.failure.unwrap();
        assert_eq!((failure.phase, failure.reason), (Phase::Connect, R::Internal));
        let said = format!(
            "proxy {}: source address 203.0.113.7 is not an address of this machine",
            at(proxy.addr())
        );
        assert_eq!(failure.detail, said);
    }
}

/// An endpoint may be an IP address, which is passed to the proxy.
#[tokio::test]
async fn endpoints_that_are_addresses_go_by_proxies_too() {
    let lab = Lab::start().await;
    for host in ["203.0.113.7", "[2001:db8::7]"] {
        for kind in [Http, Socks5] {
            let proxy = Proxy::start(kind_of(&lab, kind), [(format!("{host}:80"), lab.plain.addr())]);
            let mut scenario = by(&lab, "http", kind, at(proxy.addr()), None);
            scenario.target.endpoint.url = ProbeUrl::parse(&format!("http://{host}/")).unwrap();
            lab.plain.set(host, "/", Response::new(200));
            assert_eq!(scenario.probe().await.failure, None, "{host} by {kind}");
            assert_eq!(proxy.asked(), [format!("{host}:80")], "{kind}");
        }
    }
}
