//! Successful probes through every kind of proxy, with both schemes, by name and by address.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use defender_exporter::config::{ConnectTo, HostPort, NoProxy, ProxyKind, RouteProxy};
use defender_exporter::observation::{FailureReason, Phase};

use super::{HOST, at, by, origins, phases, proxy};
use crate::lab::dns::Answer;
use crate::lab::pki::{Authority, Flaw};
use crate::lab::proxy::{Kind, Order, Proxy};
use crate::lab::reply::Response;
use crate::lab::{Lab, host_port};
use crate::load::Disturbance;

use ProxyKind::{Http, Https, Socks5};

fn tls_proxy(lab: &Lab, host: &str) -> Kind {
    Kind::Https(lab.pki.identity(host, Authority::DigicertG2, Flaw::None))
}

#[tokio::test]
async fn every_kind_of_proxy_leads_to_both_kinds_of_endpoints() {
    let lab = Lab::start().await;
    // resolve (none: an address), connect, tunnel, tls, request, transfer
    let cases = [
        (Http, "https", "--DDDDD", Some(200)),
        (Http, "http", "--D--DD", None),
        (Https, "https", "D-DDDDD", Some(200)),
        (Https, "http", "D-DD-DD", None),
        (Socks5, "https", "--DDDDD", None),
        (Socks5, "http", "--DD-DD", None),
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
        assert_eq!(phases(&observation), expected, "{name}");
        let facts = observation.facts;
        assert_eq!(facts.proxy, Some(format!("{kind}://{to}")), "{name}");
        assert_eq!(facts.proxy_status, status, "{name}");
        assert_eq!(facts.peer, Some(proxy.addr()), "{name}");
        assert!(facts.addresses.is_empty(), "{name}: the proxy's addresses are none of the endpoint's");
        let port = if scheme == "https" { 443 } else { 80 };
        assert_eq!(proxy.asked(), [format!("{HOST}:{port}")], "{name}: by its name, once");
    }
}

/// Heads that open a tunnel: any 2xx does (RFC 9110, section 9.3.6), and user agents read obsolete line folding
/// (RFC 9112, section 5.2) and the header names that curl reads.
const ESTABLISHED: &[&str] = &[
    "HTTP/1.0 200 OK\r\n\r\n",
    "HTTP/1.1 200\r\n\r\n",
    "HTTP/1.1 200 OK\n\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 200 OK\r\nConnection: close\r\nProxy-Connection: close\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 201 Created\r\n\r\n",
    "HTTP/1.1 202 Accepted\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
    "HTTP/1.0 204 No Content\r\n\r\n",
    "HTTP/1.1 205 Reset Content\r\n\r\n",
    "HTTP/1.1 299 Lab\r\n\r\n",
    "HTTP/1.1 200 OK\r\nVia: 1.1 lab,\r\n\t1.0 other\r\n\r\n",
    "HTTP/1.1 200 OK\r\nProxy-Agent : lab\r\n\r\n",
    "HTTP/1.1 200 OK\r\nProxy Agent: lab\r\n\r\n",
    "HTTP/1.1 200 OK\r\n: lab\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX-Admin: Andr\u{e9}\r\n\r\n",
];

#[tokio::test]
async fn every_2xx_opens_a_tunnel_whatever_its_headers() {
    let lab = Lab::start().await;
    let proxy = proxy(&lab, Kind::Http);
    for head in ESTABLISHED {
        proxy.order(Order::Establish(head.as_bytes()));
        let observation = by(&lab, "https", Http, at(proxy.addr()), None).probe().await;
        assert_eq!(observation.failure, None, "{head:?}");
        assert_eq!(phases(&observation), "--DDDDD", "{head:?}");
        assert!(matches!(observation.facts.proxy_status, Some(200..300)), "{head:?}");
    }
}

/// DNS has names with underscores, as many Windows machines do, and names with a dot at the end, of every kind.
#[tokio::test]
async fn a_proxys_name_may_have_an_underscore_or_a_dot_at_its_end() {
    let lab = Lab::start().await;
    for host in ["proxy_1.lab", "proxy.lab."] {
        let name = host.trim_end_matches('.');
        for (kind, of) in [(Http, Kind::Http), (Https, tls_proxy(&lab, name)), (Socks5, Kind::Socks)] {
            let proxy = proxy(&lab, of);
            let at = HostPort { host: host.to_owned(), port: proxy.addr().port() };
            let mut scenario = by(&lab, "https", kind, at.clone(), None);
            scenario.config.connect_to.insert(at.clone(), ConnectTo::Address(proxy.addr()));
            let observation = scenario.probe().await;
            assert_eq!(observation.failure, None, "{kind}://{at}");
            assert_eq!(observation.facts.proxy, Some(format!("{kind}://{at}")));
        }
    }
}

#[tokio::test]
async fn proxies_by_ipv6_address_and_connect_to() {
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
    let RouteProxy::Proxies(proxies) = &mut scenario.config.routes[0].via else { unreachable!() };
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
                let phase = if (kind, scheme) == (Http, "http") { Phase::Request } else { Phase::Tunnel };
                let found = (failure.phase, failure.reason);
                assert_eq!(found, (phase, FailureReason::AuthRequired), "{scheme}, {who:?}: {failure:?}");
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
    scenario.target.timeout = Duration::from_secs(30);
    let disturbance = Disturbance::here();
    let observation = scenario.probe().await;
    let disturbed = disturbance.so_far();
    let timings = &observation.facts.timings;
    let tunnel = timings.get(Phase::Tunnel).unwrap();
    assert!(tunnel >= DELAY && tunnel < DELAY * 2 + disturbed, "{tunnel:?}, disturbed for {disturbed:?}");
    assert!(timings.total() < tunnel + DELAY / 2 + disturbed, "{timings:?}, disturbed for {disturbed:?}");
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
    let accepted = tokio::select! {
        biased;
        accepted = listener.accept() => accepted,
        observation = scenario.probe() => panic!("nobody answers it: {observation:?}"),
    };
    assert_eq!(accepted.unwrap().1.ip().to_string(), "127.0.0.7");
    scenario.config.routes[0].source_address = Some("203.0.113.7".parse().unwrap());
    let failure = scenario.probe().await.failure.unwrap();
    assert_eq!((failure.phase, failure.reason), (Phase::Connect, FailureReason::Internal));
    assert_eq!(failure.detail, "source address 203.0.113.7 is not an address of this machine");
    let advice = defender_exporter::advice::for_failure(failure.phase, failure.reason);
    assert!(advice.remedies[0].contains("`source_address` of the route"), "{advice:?}");
}

/// A name leads to addresses of the source's family alone; an address of the other family can't be meant.
#[tokio::test]
async fn addresses_of_the_source_family_only() {
    const URL: &str = "https://maps.genuine.example/";
    let source = Some("127.0.0.1".parse().unwrap());
    let lab = Lab::start().await;
    lab.dns.set("maps.genuine.example", Answer::address("2001:db8::7".parse::<IpAddr>().unwrap()));
    let mut named = crate::scenario::Scenario::new(&lab, URL).by_name();
    let mut known = crate::scenario::Scenario::new(&lab, URL).at("[2001:db8::7]:443".parse().unwrap());
    for (scenario, expected, words) in [
        (&mut named, (Phase::Resolve, FailureReason::NoData), "no address"),
        (&mut known, (Phase::Connect, FailureReason::Internal), "2001:db8::7 is of another address family"),
    ] {
        scenario.config.routes[0].source_address = source;
        let failure = scenario.probe().await.failure.unwrap();
        assert_eq!((failure.phase, failure.reason), expected, "{failure:?}");
        assert!(failure.detail.contains(words), "{failure:?}");
    }
}
