//! What isn't as usual and works, or works in part: chains, answers, addresses, name servers, routes, redirects.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use defender_exporter::catalog::{Component, Endpoint, ProbeUrl};
use defender_exporter::config::{
    ConnectTo, NoProxy, PacConfig, PacSource, PolicyConfig, Proxies, Proxy as ProxyConfig, ProxyKind,
    RouteConfig, RouteProxy,
};

use super::scenes::{CRL, HEALTHY, OTHER_STATUS, REGION, is_kind, scene};
use super::world::{World, is_of};
use crate::exporter::proxies::names;
use crate::lab::blackhole::Refusing;
use crate::lab::dns::{Answer, Dns};
use crate::lab::faults::{self, Fault, Handshake};
use crate::lab::pki::pointers::AIA_HOST;
use crate::lab::pki::{Authority, Flaw};
use crate::lab::proxy::{Kind, Order, Proxy};
use crate::lab::reply::{End, Reply, Response, Step};
use crate::lab::{host_port, named};
use crate::routes::at;

const MAPS_HOST: &str = "wdcp.microsoft.com";
const PACKAGE: &str = "https://go.microsoft.com/fwlink/?LinkID=121721&arch=x64";
const PACKAGE_HOST: &str = "definitionupdates.microsoft.com";

fn is_url(url: &str) -> impl Fn(&Endpoint) -> bool + use<'_> {
    move |endpoint| endpoint.url.as_str() == url
}

fn parsed(url: &str) -> ProbeUrl {
    ProbeUrl::parse(url).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_component_that_works_has_a_record() {
    for component in Component::of_defender().filter(|component| !component.is_on_premises()) {
        let name = format!("healthy-{component}");
        scene(&name, |endpoint| endpoint.component == component, async |_| {}).await;
    }
    assert!(HEALTHY.ends_with("maps"));
    scene(
        OTHER_STATUS,
        |endpoint| endpoint.component.as_str() == "maps",
        async |world| {
            let url = parsed(REGION);
            world.lab.tls.set(url.host(), url.path_and_query(), Response::new(418));
        },
    )
    .await;
    scene("range-ignored", is_url(PACKAGE), async |world| {
        world.lab.tls.set(PACKAGE_HOST, "/packages/content/", faults::big_body(1_000_000));
    })
    .await;
    scene(
        "a-region-that-is-retired",
        |endpoint| endpoint.component.as_str() == "submission",
        async |world| {
            let url = parsed("https://wsuk1southprod.blob.core.windows.net/");
            world.config.connect_to.remove(&host_port(&url));
        },
    )
    .await;
}

/// Which of its roots the machine trusts besides those that are genuine everywhere.
#[derive(Clone, Copy, Debug)]
enum Store {
    Genuine,
    Inspected,
    Public,
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_chain_has_a_record() {
    use Authority::{DigicertG2, EccProduct2018, Inspector, Microsoft2011, Microsoft2011Next, TlsG2};
    use Flaw::{None as Sound, WithoutCrossSign, WithoutIntermediate};
    for (authority, flaw, store) in [
        (EccProduct2018, Sound, Store::Genuine),
        (DigicertG2, Sound, Store::Genuine),
        (TlsG2, Sound, Store::Genuine),
        (Microsoft2011Next, Sound, Store::Genuine),
        (Microsoft2011, WithoutIntermediate, Store::Genuine),
        (EccProduct2018, WithoutIntermediate, Store::Genuine),
        (TlsG2, WithoutCrossSign, Store::Genuine),
        (TlsG2, WithoutIntermediate, Store::Genuine),
        (TlsG2, WithoutCrossSign, Store::Inspected),
        (TlsG2, Sound, Store::Inspected),
        (Microsoft2011, Sound, Store::Public),
        (Inspector, Sound, Store::Inspected),
        (Inspector, Sound, Store::Public),
        (Inspector, Sound, Store::Genuine),
    ] {
        for kind in ["maps", "storage"] {
            let name = format!("chain-{authority:?}-{flaw:?}-{store:?}--{kind}").to_lowercase();
            scene(&name, is_kind(kind), async |world| {
                let host = if kind == "maps" { MAPS_HOST } else { "ussus1eastprod.blob.core.windows.net" };
                world.lab.tls.break_host(host, Fault::Certificate(authority, flaw));
                match store {
                    Store::Genuine => {}
                    Store::Inspected => world.config.tls.extra_roots = vec![world.lab.pki.root(Inspector)],
                    Store::Public => world.public_roots = vec![world.lab.pki.root(Inspector)],
                }
            })
            .await;
        }
    }
    let day = Duration::from_secs(24 * 60 * 60);
    for (name, from, to) in [("expired", 3650, -10_i32), ("with-three-days-left", 3650, 3)] {
        scene(&format!("root-{name}--maps"), is_kind("maps"), async |world| {
            let now = world.lab.pki.now();
            let to = if to < 0 { now - day * to.unsigned_abs() } else { now + day * to.unsigned_abs() };
            world.config.tls.genuine_roots =
                vec![world.lab.pki.reissued_root(Microsoft2011, now - day * from, to)];
        })
        .await;
    }
    for (name, version) in [("1-2", &rustls::version::TLS12), ("1-3", &rustls::version::TLS13)] {
        scene(&format!("tls-{name}--maps"), is_kind("maps"), async |world| {
            world.lab.tls.break_host(MAPS_HOST, Handshake::Only(version));
        })
        .await;
    }
    scene("missing-intermediate-after-an-outage--maps", is_kind("maps"), async |world| {
        world.lab.tls.break_host(MAPS_HOST, Fault::Certificate(Microsoft2011, WithoutIntermediate));
        world.lab.forwarder(AIA_HOST).block().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_form_of_an_answer_has_a_record() {
    let script =
        |sent: &str| Reply::Script(vec![Step::Send(sent.as_bytes().to_vec()), Step::End(End::Close)]);
    let many = (0..500).fold(Response::new(503), |response, n| response.header(&format!("X-{n}"), "lab"));
    for (name, reply) in [
        ("a 200", Response::new(200).into()),
        ("a 403", Response::new(403).into()),
        ("a 404", Response::new(404).into()),
        ("a 500", Response::new(500).into()),
        ("hundreds of headers", many.into()),
        ("a folded header", script("HTTP/1.1 503 No\r\nX-Lab: one,\r\n two\r\nContent-Length: 0\r\n\r\n")),
        ("HTTP 1.0", script("HTTP/1.0 503 No\r\n\r\nno length")),
        (
            "a chunked body",
            script("HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"),
        ),
        (
            "an interim response",
            script("HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"),
        ),
        (
            "an unclean close",
            Reply::Script(vec![
                Step::Send(b"HTTP/1.1 503 No\r\nConnection: close\r\n\r\nno".to_vec()),
                Step::End(End::Cut),
            ]),
        ),
    ] {
        let name = format!("{}--maps", name.replace([' ', '.'], "-").to_lowercase());
        scene(&name, is_kind("maps"), async |world| {
            world.lab.tls.break_host(MAPS_HOST, reply);
        })
        .await;
    }
}

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// Lets DNS lead to the lab's origins.
fn by_name(world: &mut World, url: &str) -> SocketAddr {
    let url = parsed(url);
    let origin = world.lab.origin(&url).addr();
    let to = ConnectTo::Name(named("origin.lab", origin.port()));
    world.config.connect_to.insert(host_port(&url), to);
    origin
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_failover_has_a_record() {
    for (name, addresses) in [
        ("two-addresses", &["127.0.0.1", "127.0.0.2"][..]),
        ("a-dead-first-address", &["127.0.0.2", "127.0.0.1"]),
        ("four-dead-addresses", &["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.1"]),
        (
            "too-many-dead-addresses",
            &["127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.1"],
        ),
        ("two-dead-addresses", &["127.0.0.2", "127.0.0.3"]),
    ] {
        scene(&format!("{name}--crl"), is_kind("crl"), async |world| {
            by_name(world, CRL);
            world.config.resolver.overrides.insert("origin.lab".to_owned(), ips(addresses));
        })
        .await;
    }
    let good = || Answer::address([127, 0, 0, 1]);
    for (name, one, other) in [
        ("good-and-failing", good(), Answer::Servfail),
        ("failing-and-good", Answer::Servfail, good()),
        ("refusing-and-good", Answer::Refused, good()),
        ("nxdomain-and-good", Answer::Nxdomain, good()),
        ("silent-and-good", Answer::Silence, good()),
        ("half-silent-and-good", Answer::OnlyA(ips(&["127.0.0.1"])), good()),
        ("an-alias", Answer::Alias("edge.cdn.lab", ips(&["127.0.0.1"])), good()),
        ("both-failing", Answer::Servfail, Answer::Refused),
    ] {
        let (first, second) = (Dns::start().await, Dns::start().await);
        first.reset(one);
        second.reset(other);
        scene(&format!("name-servers-{name}--crl"), is_kind("crl"), async |world| {
            by_name(world, CRL);
            world.config.resolver.servers = vec![first.addr(), second.addr()];
            world.timeout = Duration::from_secs(8);
        })
        .await;
    }
}

/// Both schemes by this proxy.
fn both(kind: ProxyKind, addr: SocketAddr) -> Proxies {
    let proxy = Some(Arc::new(ProxyConfig { kind, at: at(addr), credentials: None }));
    Proxies { http: proxy.clone(), https: proxy, no_proxy: NoProxy::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_route_that_works_has_a_record() {
    let is_example = |endpoint: &Endpoint| is_kind("maps")(endpoint) || is_kind("crl")(endpoint);
    for (name, kind) in
        [("http", ProxyKind::Http), ("https", ProxyKind::Https), ("socks5", ProxyKind::Socks5)]
    {
        let mut proxy = None;
        scene(&format!("by-a-proxy-{name}"), is_example, async |world| {
            let of = match kind {
                ProxyKind::Https => {
                    Kind::Https(world.lab.pki.identity("127.0.0.1", Authority::DigicertG2, Flaw::None))
                }
                ProxyKind::Socks5 => Kind::Socks,
                ProxyKind::Http => Kind::Http,
            };
            let started = proxy.insert(Proxy::start(of, names(&world.lab, &world.urls)));
            world.config.routes[0].via = RouteProxy::Proxies(both(kind, started.addr()));
        })
        .await;
    }
    for (name, answer) in [
        ("names-a-proxy", "PROXY {}"),
        ("names-a-dead-proxy-first", "PROXY 127.0.0.1:1; PROXY {}"),
        ("names-a-dead-proxy-and-direct", "PROXY 127.0.0.1:1; DIRECT"),
        ("names-direct", "DIRECT"),
    ] {
        let mut proxy = None;
        scene(&format!("script-{name}"), is_example, async |world| {
            let started = proxy.insert(Proxy::start(Kind::Http, names(&world.lab, &world.urls)));
            let answer = answer.replace("{}", &started.addr().to_string());
            let script = format!("function FindProxyForURL(url, host) {{ return '{answer}'; }}");
            world.lab.plain.set("pac.lab", "/", Response::new(200).body(script));
            let source = PacSource::Url(parsed("http://pac.lab/proxy.pac"));
            world.config.routes[0].via = RouteProxy::Pac(PacConfig { source, credentials: None });
            let plain = ConnectTo::Address(world.lab.plain.addr());
            world.config.connect_to.insert(named("pac.lab", 80), plain);
        })
        .await;
    }
    scene("policy-with-a-dead-proxy", is_example, async |world| {
        let server = both(ProxyKind::Http, "127.0.0.1:1".parse().unwrap());
        let system = Proxies::default();
        world.config.routes[0].via = RouteProxy::Policy(PolicyConfig { server, script: None, system });
    })
    .await;
    let (closed, mut proxy) = (Refusing::new(), None);
    scene("direct-is-closed-and-a-proxy-works", is_example, async |world| {
        let started = proxy.insert(Proxy::start(Kind::Http, names(&world.lab, &world.urls)));
        let via = RouteProxy::Proxies(both(ProxyKind::Http, started.addr()));
        let by_proxy = RouteConfig { name: "route-2".to_owned(), via, ..RouteConfig::direct() };
        world.config.routes.push(by_proxy);
        for to in world.config.connect_to.values_mut() {
            *to = ConnectTo::Address(closed.addr());
        }
    })
    .await;
    let mut proxy = None;
    scene("two-routes-and-the-proxy-demands-a-login", is_example, async |world| {
        let started = proxy.insert(Proxy::start(Kind::Http, names(&world.lab, &world.urls)));
        started.order(Order::Demand("ann", "c0rrect-h0rse"));
        let via = RouteProxy::Proxies(both(ProxyKind::Http, started.addr()));
        let by_proxy = RouteConfig { name: "route-2".to_owned(), via, ..RouteConfig::direct() };
        world.config.routes.push(by_proxy);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_of_a_proxy_has_a_record() {
    for (name, status, header, value) in [
        ("squid-denies", 403, "X-Squid-Error", "ERR_ACCESS_DENIED 0"),
        ("squid-finds-nobody", 503, "X-Squid-Error", "ERR_DNS_FAIL 0"),
        ("squid-is-refused", 503, "X-Squid-Error", "ERR_CONNECT_FAIL 111"),
        ("tinyproxy-denies", 403, "Server", "tinyproxy/1.11.1"),
        ("tinyproxy-finds-nobody", 500, "Server", "tinyproxy/1.11.1"),
        ("a-proxy-denies", 502, "Proxy-Status", "lab; error=http_request_denied"),
        ("a-proxy-finds-nobody", 502, "Proxy-Status", "lab; error=dns_error"),
    ] {
        let mut proxy = None;
        scene(&format!("page-of-{name}--crl"), is_kind("crl"), async |world| {
            let started = proxy.insert(Proxy::start(Kind::Http, names(&world.lab, &world.urls)));
            started.order(Order::Reply(Response::new(status).header(header, value).into()));
            world.config.routes[0].via = RouteProxy::Proxies(both(ProxyKind::Http, started.addr()));
            world.round(is_of("http"), None).await.judged_again();
        })
        .await;
    }
    // The storage may be inspected: then its header alone proves it.
    scene("inspected-without-its-header--storage", is_kind("storage"), async |world| {
        let host = "ussus1eastprod.blob.core.windows.net";
        world.lab.tls.set_authority(host, Authority::Inspector);
        world.lab.tls.break_host(host, Response::new(400));
        world.config.tls.extra_roots = vec![world.lab.pki.root(Authority::Inspector)];
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_behind_a_redirect_has_a_record() {
    let certificate = |flaw| Fault::Certificate(Authority::TlsG2, flaw);
    for (name, fault) in [
        ("expired", certificate(Flaw::Expired)),
        ("of-nobody", certificate(Flaw::UnknownRoot)),
        ("for-another-name", certificate(Flaw::WrongName)),
        ("a-reset-in-the-handshake", Handshake::End(End::Reset).into()),
        ("an-alert", Handshake::alert(40).into()),
        ("the-end", faults::end(End::Close).into()),
        ("a-reset", faults::end(End::Reset).into()),
        ("a-portal", Response::redirect(302, "https://portal.example/").into()),
        ("a-407", Response::new(407).into()),
        ("a-404", Response::new(404).into()),
        ("a-filter", Response::new(200).body("<html>Web Filter Violation</html>").into()),
    ] {
        scene(&format!("behind-a-redirect-{name}--package"), is_url(PACKAGE), async |world| {
            world.lab.tls.break_host(PACKAGE_HOST, fault);
        })
        .await;
    }
    let closed = Refusing::new();
    scene("behind-a-redirect-a-closed-port--package", is_url(PACKAGE), async |world| {
        let to = ConnectTo::Address(closed.addr());
        world.config.connect_to.insert(named(PACKAGE_HOST, 443), to);
    })
    .await;
    scene("behind-a-redirect-nxdomain--package", is_url(PACKAGE), async |world| {
        world.config.connect_to.remove(&named(PACKAGE_HOST, 443));
    })
    .await;
    scene("behind-a-redirect-inspected--package", is_url(PACKAGE), async |world| {
        world.lab.tls.set_authority(PACKAGE_HOST, Authority::Inspector);
        world.config.tls.extra_roots = vec![world.lab.pki.root(Authority::Inspector)];
    })
    .await;
}
