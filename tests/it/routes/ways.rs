//! Ways that work: every kind of proxy, both schemes, names and addresses.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use defender_exporter::config::{ConnectTo, HostPort, NoProxy, ProxyKind, Via};
use defender_exporter::observation::{FailureReason, Stage};

use super::{HOST, at, by, origins, proxy, stages};
use crate::lab::dns::Answer;
use crate::lab::pki::{Authority, Flaw};
use crate::lab::proxy::{Kind, Order, Proxy};
use crate::lab::reply::Response;
use crate::lab::{Lab, host_port};

use ProxyKind::{Http, Https, Socks5};

fn tls_proxy(lab: &Lab, host: &str) -> Kind {
    Kind::Https(lab.pki.identity(host, Authority::DigicertG2, Flaw::None))
}

#[tokio::test]
async fn every_kind_of_proxy_leads_to_both_kinds_of_endpoints() {
    let lab = Lab::start().await;
    // resolve (none: an address), connect, tunnel, tls, request, transfer
    let cases = [
        (Http, "https", "-DDDDD", Some(200)),
        (Http, "http", "-D--DD", None),
        (Https, "https", "DDDDDD", Some(200)),
        (Https, "http", "DDD-DD", None),
        (Socks5, "https", "-DDDDD", None),
        (Socks5, "http", "-DD-DD", None),
    ];
    for (kind, scheme, expected, status) in cases {
        let name = format!("{scheme} by {kind}");
        let proxy = proxy(
            &lab,
            match kind {
                Http => Kind::Http,
                Https => tls_proxy(&lab, "proxy.lab"),
                Socks5 => Kind::Socks,
            },
        );
        let mut to = at(proxy.addr());
        if kind == Https {
            to = HostPort { host: "proxy.lab".to_owned(), port: proxy.addr().port() };
            lab.dns.set("proxy.lab", Answer::address(proxy.addr().ip()));
        }
        let observation = by(&lab, scheme, kind, to.clone(), None).probe().await;
        assert_eq!(observation.failure, None, "{name}");
        assert_eq!(stages(&observation), expected, "{name}");
        let facts = observation.facts;
        assert_eq!(facts.proxy, Some(format!("{kind}://{to}")), "{name}");
        assert_eq!(facts.proxy_status, status, "{name}");
        assert_eq!(facts.peer, Some(proxy.addr()), "{name}");
        assert!(facts.addresses.is_empty(), "{name}: the proxy's addresses are none of the endpoint's");
        let port = if scheme == "https" { 443 } else { 80 };
        assert_eq!(proxy.asked(), [format!("{HOST}:{port}")], "{name}: by its name, once");
    }
}

#[tokio::test]
async fn a_proxy_may_be_an_ipv6_address_or_another_place_by_connect_to() {
    let lab = Lab::start().await;
    let proxy = Proxy::start_at(Ipv6Addr::LOCALHOST.into(), Kind::Http, origins(&lab));
    assert_eq!(by(&lab, "https", Http, at(proxy.addr()), None).probe().await.failure, None);
    let elsewhere = HostPort { host: "proxy.example".to_owned(), port: 8080 };
    let mut scenario = by(&lab, "https", Http, elsewhere.clone(), None);
    scenario.config.connect_to.insert(elsewhere, ConnectTo::Address(proxy.addr()));
    assert_eq!(scenario.probe().await.failure, None);
}

#[tokio::test]
async fn no_proxy_goes_directly() {
    let lab = Lab::start().await;
    let proxy = proxy(&lab, Kind::Http);
    let mut scenario = by(&lab, "https", Http, at(proxy.addr()), None);
    let Via::Proxies(proxies) = &mut scenario.config.routes[0].via else { unreachable!() };
    proxies.no_proxy = NoProxy::default();
    proxies.no_proxy.add(".genuine.example").unwrap();
    let here = host_port(&scenario.target.endpoint.url);
    scenario.config.connect_to.insert(here, ConnectTo::Address(lab.tls.addr()));
    let observation = scenario.probe().await;
    assert_eq!(observation.failure, None);
    assert_eq!((observation.facts.proxy, proxy.asked()), (None, vec![]));
}

#[tokio::test]
async fn credentials_are_for_the_proxy_alone() {
    let lab = Lab::start().await;
    for (kind, of) in [(Http, Kind::Http), (Socks5, Kind::Socks)] {
        for scheme in ["https", "http"] {
            let proxy = proxy(&lab, of.clone());
            proxy.order(Order::Demand("ann", "s3cret: with a colon"));
            let right = by(&lab, scheme, kind, at(proxy.addr()), Some(("ann", "s3cret: with a colon")));
            assert_eq!(right.probe().await.failure, None, "{scheme} by {kind}");
            for who in [None, Some(("ann", "wrong")), Some(("bob", "s3cret: with a colon"))] {
                let failure = by(&lab, scheme, kind, at(proxy.addr()), who).probe().await.failure.unwrap();
                // Without a tunnel the demand comes as the answer to the request.
                let stage = if (kind, scheme) == (Http, "http") { Stage::Request } else { Stage::Tunnel };
                let found = (failure.stage, failure.reason);
                assert_eq!(found, (stage, FailureReason::AuthRequired), "{scheme}, {who:?}: {failure:?}");
                assert!(!failure.detail.contains("s3cret"), "{failure:?}");
            }
        }
    }
    for origin in [&lab.tls, &lab.plain] {
        assert!(!origin.requests().is_empty());
        assert!(
            origin.requests().iter().all(|request| !request.head.to_lowercase().contains("authorization"))
        );
    }
}

#[tokio::test]
async fn a_delay_in_the_proxy_shows_in_the_tunnel_and_nowhere_else() {
    const DELAY: Duration = Duration::from_millis(400);
    let lab = Lab::start().await;
    let proxy = proxy(&lab, Kind::Http);
    proxy.order(Order::Reply(Response::new(503).before_head(DELAY).into()));
    let mut scenario = by(&lab, "https", Http, at(proxy.addr()), None);
    scenario.target.timeout = Duration::from_secs(10);
    let observation = scenario.probe().await;
    let timings = &observation.facts.timings;
    let tunnel = timings.get(Stage::Tunnel).unwrap();
    assert!(tunnel >= DELAY && tunnel < DELAY * 2, "{tunnel:?}");
    assert!(timings.total() < tunnel + DELAY / 2, "{timings:?}");
}

/// Linux' loopback network is a whole one.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn connections_come_from_the_source_address() {
    let lab = Lab::start().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut scenario = crate::scenario::Scenario::new(&lab, "http://maps.genuine.example/")
        .at(listener.local_addr().unwrap());
    scenario.config.routes[0].source_address = Some("127.0.0.7".parse().unwrap());
    let (accepted, _) = tokio::join!(listener.accept(), async {
        let probe = scenario.probe();
        tokio::time::timeout(Duration::from_millis(500), probe).await
    });
    assert_eq!(accepted.unwrap().1.ip().to_string(), "127.0.0.7");
    scenario.config.routes[0].source_address = Some("203.0.113.7".parse().unwrap());
    let failure = scenario.probe().await.failure.unwrap();
    assert_eq!((failure.stage, failure.reason), (Stage::Connect, FailureReason::Internal));
    assert!(failure.detail.contains("can't come from 203.0.113.7"), "{failure:?}");
}

/// A name leads to addresses of the source's family alone; an address of the other family can't be meant.
#[tokio::test]
async fn the_other_family_than_the_source_address_is_of_no_use() {
    const URL: &str = "https://maps.genuine.example/";
    let source = Some("127.0.0.1".parse().unwrap());
    let lab = Lab::start().await;
    lab.dns.set("maps.genuine.example", Answer::address("2001:db8::7".parse::<IpAddr>().unwrap()));
    let mut named = crate::scenario::Scenario::new(&lab, URL).by_name();
    let mut known = crate::scenario::Scenario::new(&lab, URL).at("[2001:db8::7]:443".parse().unwrap());
    for (scenario, expected, words) in [
        (&mut named, (Stage::Resolve, FailureReason::NoData), "no address"),
        (&mut known, (Stage::Connect, FailureReason::Internal), "2001:db8::7 is not of the same family"),
    ] {
        scenario.config.routes[0].source_address = source;
        let failure = scenario.probe().await.failure.unwrap();
        assert_eq!((failure.stage, failure.reason), expected, "{failure:?}");
        assert!(failure.detail.contains(words), "{failure:?}");
    }
}
