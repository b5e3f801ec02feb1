//! Fetches by the proxies of a route.

use std::net::SocketAddr;
use std::sync::Arc;

use defender_exporter::config::{
    Credentials, HostPort, Proxies, Proxy as ProxyConfig, ProxyKind, Secret, Via,
};
use defender_exporter::fetch::{Fetched, Fetcher};
use defender_exporter::plan::routes;

use super::{HOST, LIST, R, S, by, get, post, url};
use crate::lab::Lab;
use crate::lab::blackhole::Refusing;
use crate::lab::dns::Answer;
use crate::lab::pki::{Authority, Flaw};
use crate::lab::proxy::{Kind, Order, Proxy};
use crate::lab::reply::Response;

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
    config.routes[0].via = Via::Proxies(Proxies { http: proxy.clone(), https: proxy, no_proxy });
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

#[tokio::test]
async fn what_fails_on_the_way_has_its_stage_and_reason() {
    let lab = Lab::start().await;
    let proxy = |kind| Proxy::start(kind_of(&lab, kind), []);
    let (http, socks) = (proxy(Http), proxy(Socks5));
    let refusing = Refusing::new();
    let cases = [
        ("a dead proxy", Http, refusing.addr(), S::Connect, R::Refused),
        ("a demand", Http, http.addr(), S::Request, R::AuthRequired),
        ("a SOCKS denial", Socks5, socks.addr(), S::Tunnel, R::BadGateway),
    ];
    http.order(Order::Demand("ann", "s3cret"));
    socks.order(Order::Socks(2));
    for (name, kind, at, stage, reason) in cases {
        let failure = fetcher(&lab, kind, at, None).fetch(get(&url(LIST))).await.unwrap_err();
        assert_eq!((failure.stage, failure.reason), (stage, reason), "{name}: {failure:?}");
    }
}

/// The version feed is behind TLS: directly, and by every kind of proxy; a stranger's certificate is refused.
#[tokio::test]
async fn what_may_be_secure_is_fetched_over_tls() {
    let lab = Lab::start().await;
    let feed = url("https://feed.lab/");
    lab.tls.set("feed.lab", "/", Response::new(200).body("a feed"));
    let wanted = || defender_exporter::fetch::Wanted { secure: true, ..get(&feed) };
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
        assert_eq!(failure.stage, S::Tls, "{kind:?}: {failure:?}");
        let refused = fetcher.fetch(get(&feed)).await.unwrap_err();
        assert_eq!((refused.stage, refused.reason), (S::Request, R::Protocol), "{kind:?}: {refused:?}");
    }
}
