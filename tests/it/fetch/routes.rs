//! Fetches through the proxies of a route.

use std::net::SocketAddr;
use std::sync::Arc;

use defender_exporter::config::{
    Credentials, HostPort, Proxies, Proxy as ProxyConfig, ProxyKind, RouteProxy, Secret,
};
use defender_exporter::net::fetch::{FetchRequest, Fetched, Fetcher};
use defender_exporter::plan::routes;
use tokio::task::JoinSet;

use super::{HOST, LIST, R, S, by, check, get, post, url};
use crate::lab::blackhole::{Hanging, Refusing};
use crate::lab::dns::Answer;
use crate::lab::pki::{Authority, Flaw};
use crate::lab::proxy::{Kind, Order, Proxy, demand};
use crate::lab::reply::{End, Reply, Response, Step};
use crate::lab::{Lab, faults};

use ProxyKind::{Http, Https, Socks5};

fn fetcher(lab: &Lab, kind: ProxyKind, at: SocketAddr, who: Option<(&str, &str)>) -> Fetcher {
    let mut config = lab.config([]);
    lab.dns.set("proxy.lab", Answer::address(at.ip()));
    let credentials = who.map(|(username, password)| Credentials {
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
    });
    let at = HostPort { host: "proxy.lab".to_owned(), port: at.port() };
    let proxy = Some(Arc::new(ProxyConfig { kind, at, credentials }));
    let no_proxy = defender_exporter::config::NoProxy::default();
    config.routes[0].via = RouteProxy::Proxies(Proxies { http: proxy.clone(), https: proxy, no_proxy });
    by(&routes(&config)[0], &config)
}

fn kind_of(lab: &Lab, kind: ProxyKind) -> Kind {
    match kind {
        Http => Kind::Http,
        Https => Kind::Https(lab.pki.identity("proxy.lab", Authority::DigicertG2, Flaw::None)),
        Socks5 => Kind::Socks,
    }
}

#[tokio::test]
async fn lists_and_answers_come_by_every_kind_of_proxy() {
    let lab = Lab::start().await;
    lab.plain.set(HOST, "/", Response::new(200).body("a list"));
    for kind in [Http, Https, Socks5] {
        let proxy = Proxy::start(kind_of(&lab, kind), [(format!("{HOST}:80"), lab.plain.addr())]);
        proxy.order(Order::Demand("ann", "s3cret"));
        let fetcher = fetcher(&lab, kind, proxy.addr(), Some(("ann", "s3cret")));
        for wanted in [get(&url(LIST)), post(&url(LIST))] {
            match fetcher.fetch(wanted).await {
                Ok(Fetched::Body { bytes, .. }) => assert_eq!(bytes, "a list", "{kind}"),
                other => panic!("{kind}: {other:?}"),
            }
        }
        assert_eq!(proxy.asked(), [format!("{HOST}:80"), format!("{HOST}:80")], "{kind}: by its name");
    }
    assert!(
        lab.dns.asked().iter().all(|question| question.name.contains("proxy.lab")),
        "{:?}",
        lab.dns.asked()
    );
    let heads = lab.plain.requests();
    assert!(heads.iter().all(|request| !request.head.to_lowercase().contains("authorization")), "{heads:?}");
}

/// How a proxy is spoken to, what it does, whether what is fetched by it is `https`, and what that is called.
type Case = (&'static str, ProxyKind, Order, &'static str, (S, R));

fn cases() -> Vec<Case> {
    let reply = |reply: Reply| Order::Reply(reply);
    let status = |status| Order::Reply(Response::new(status).into());
    let forwards = |name, order, expected| (name, Http, order, "http", expected);
    let tunnels = |name, order, reason| (name, Http, order, "https", (S::Tunnel, reason));
    let socks = |name, order, reason| (name, Socks5, order, "http", (S::Tunnel, reason));
    let say = |bytes: &[u8]| Order::Reply(Reply::Script(vec![Step::Send(bytes.to_vec()), Step::Hang]));
    vec![
        forwards("407", reply(demand()), (S::Request, R::AuthRequired)),
        forwards("403", status(403), (S::Request, R::Status)),
        forwards("502", status(502), (S::Request, R::Status)),
        forwards("silence", reply(faults::silent()), (S::Request, R::Timeout)),
        forwards("garbage", reply(faults::garbage_head()), (S::Request, R::Protocol)),
        tunnels("CONNECT: 407", reply(demand()), R::AuthRequired),
        tunnels("CONNECT: 403", status(403), R::Denied),
        tunnels("CONNECT: 502", status(502), R::BadGateway),
        tunnels("CONNECT: garbage", reply(faults::garbage_head()), R::Protocol),
        tunnels("CONNECT: a huge head", reply(faults::huge_head(1_000_000)), R::TooLarge),
        tunnels("CONNECT: the end", reply(faults::end(End::Close)), R::Closed),
        tunnels("CONNECT: a reset", reply(faults::end(End::Reset)), R::Reset),
        tunnels("CONNECT: silence", reply(faults::silent()), R::Timeout),
        socks("SOCKS reply 1", Order::Socks(1), R::BadGateway),
        socks("SOCKS reply 2", Order::Socks(2), R::Denied),
        socks("SOCKS reply 3", Order::Socks(3), R::Unreachable),
        socks("SOCKS reply 4", Order::Socks(4), R::Unreachable),
        socks("SOCKS reply 5", Order::Socks(5), R::Refused),
        socks("SOCKS reply 7", Order::Socks(7), R::Protocol),
        socks("SOCKS reply 8", Order::Socks(8), R::Protocol),
        socks("SOCKS reply 99", Order::Socks(99), R::Protocol),
        socks("no SOCKS method", Order::NoMethod, R::AuthRequired),
        socks("SOCKS garbage", say(b"HTTP/1.1 400"), R::Protocol),
        socks("SOCKS silence", reply(faults::silent()), R::Timeout),
        socks("the end of SOCKS", reply(faults::end(End::Close)), R::Closed),
        socks("a reset of SOCKS", reply(faults::end(End::Reset)), R::Reset),
        ("SOCKS denies https", Socks5, Order::Socks(2), "https", (S::Tunnel, R::Denied)),
    ]
}

#[tokio::test]
async fn what_a_proxy_does_has_its_phase_and_reason() {
    let lab = Arc::new(Lab::start().await);
    let mut checks = JoinSet::new(); // at once: some of them wait
    for (name, kind, order, scheme, expected) in cases() {
        let lab = Arc::clone(&lab);
        checks.spawn(async move {
            let proxy = Proxy::start(kind_of(&lab, kind), []);
            proxy.order(order);
            let from = url(&format!("{scheme}://{HOST}/list.crl"));
            let wanted = FetchRequest { secure: true, ..get(&from) };
            check(name, &fetcher(&lab, kind, proxy.addr(), None), wanted, expected).await;
        });
    }
    while let Some(check) = checks.join_next().await {
        check.unwrap();
    }
    // A time that ran out, and none of ours.
    let proxy = Proxy::start(Kind::Socks, []);
    proxy.order(Order::Socks(6));
    let failure = fetcher(&lab, Socks5, proxy.addr(), None).fetch(get(&url(LIST))).await.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (S::Tunnel, R::Timeout), "{failure:?}");
    assert!(failure.detail.starts_with("SOCKS: "), "{failure:?}");
}

#[tokio::test]
async fn the_way_to_a_proxy_has_its_phase_and_reason() {
    let lab = Lab::start().await;
    let (refusing, hanging) = (Refusing::new(), Hanging::new().await);
    for kind in [Http, Https, Socks5] {
        for scheme in ["http", "https"] {
            let from = url(&format!("{scheme}://{HOST}/list.crl"));
            let wanted = FetchRequest { secure: true, ..get(&from) };
            let there = fetcher(&lab, kind, refusing.addr(), None);
            check(&format!("{kind}: a closed port"), &there, wanted, (S::Connect, R::Refused)).await;
        }
    }
    let there = fetcher(&lab, Http, hanging.addr(), None);
    for scheme in ["http", "https"] {
        let from = url(&format!("{scheme}://{HOST}/list.crl"));
        let wanted = FetchRequest { secure: true, ..get(&from) };
        check("a dropped SYN", &there, wanted, (S::Connect, R::Timeout)).await;
    }
    for (authority, host) in [(Authority::Inspector, "proxy.lab"), (Authority::DigicertG2, "other.lab")] {
        let proxy = Proxy::start(Kind::Https(lab.pki.identity(host, authority, Flaw::None)), []);
        let there = fetcher(&lab, Https, proxy.addr(), None);
        check("a proxy of nobody's", &there, get(&url(LIST)), (S::Tunnel, R::ProxyTls)).await;
        assert!(proxy.asked().is_empty());
    }
    let there = fetcher(&lab, Http, refusing.addr(), None);
    lab.dns.set("proxy.lab", Answer::Nxdomain);
    check("no such proxy", &there, get(&url(LIST)), (S::Resolve, R::Nxdomain)).await;
}

/// The detail of a 407 lists the offered schemes, and that only Basic is supported.
#[tokio::test]
async fn a_demand_names_its_schemes() {
    let lab = Lab::start().await;
    let proxy = Proxy::start(Kind::Http, []);
    let demand =
        Response::new(407).header("Proxy-Authenticate", "Negotiate").header("Proxy-Authenticate", "NTLM");
    proxy.order(Order::Reply(demand.into()));
    let failure = fetcher(&lab, Http, proxy.addr(), None).fetch(get(&url(LIST))).await.unwrap_err();
    assert!(failure.detail.contains("offers Negotiate, NTLM, none of which"), "{failure:?}");
}

/// A third party's URL must not make a proxy on this machine connect to this machine.
#[tokio::test]
async fn proxies_are_not_asked_for_themselves() {
    let lab = Lab::start().await;
    for kind in [Http, Https, Socks5] {
        let proxy = Proxy::start(kind_of(&lab, kind), []);
        let fetcher = fetcher(&lab, kind, proxy.addr(), None);
        for host in ["127.0.0.1:9", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "localhost", "a.localhost."] {
            let from = url(&format!("http://{host}/"));
            check(host, &fetcher, get(&from), (S::Resolve, R::Sinkhole)).await;
        }
        assert!(proxy.asked().is_empty(), "{kind}: {:?}", proxy.asked());
    }
}

/// The version feed is behind TLS: directly, and by every kind of proxy; a stranger's certificate is refused.
#[tokio::test]
async fn what_may_be_secure_is_fetched_over_tls() {
    let lab = Lab::start().await;
    let feed = url("https://feed.lab/");
    lab.tls.set("feed.lab", "/", Response::new(200).body("a feed"));
    let wanted = || FetchRequest { secure: true, ..get(&feed) };
    let names = || [("feed.lab:443".to_owned(), lab.tls.addr())];
    for kind in [None, Some(Http), Some(Https), Some(Socks5)] {
        let proxy = kind.map(|kind| Proxy::start(kind_of(&lab, kind), names()));
        let fetcher = match (&proxy, kind) {
            (Some(proxy), Some(kind)) => fetcher(&lab, kind, proxy.addr(), None),
            _ => by(&routes(&lab.config([&feed]))[0], &lab.config([&feed])),
        };
        lab.tls.heal();
        let outcome = fetcher.fetch(wanted()).await;
        assert!(
            matches!(&outcome, Ok(Fetched::Body { bytes, .. }) if bytes == "a feed"),
            "{kind:?}: {outcome:?}"
        );
        lab.tls.break_host("feed.lab", Flaw::UnknownRoot);
        let failure = fetcher.fetch(wanted()).await.unwrap_err();
        let pair = (failure.phase, failure.reason);
        assert_eq!(pair, (S::Tls, R::UnknownIssuer), "{kind:?}: {failure:?}");
        let asked = proxy.map_or(Vec::new(), |proxy| proxy.asked());
        assert!(asked.iter().all(|to| to == "feed.lab:443"), "{kind:?}: by its name: {asked:?}");
        let refused = fetcher.fetch(get(&feed)).await.unwrap_err();
        assert_eq!((refused.phase, refused.reason), (S::Request, R::Protocol), "{kind:?}: {refused:?}");
    }
}
