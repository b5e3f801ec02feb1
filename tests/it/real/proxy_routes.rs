//! Probes through proxies that are neither the lab's nor Squid: what each says of users, denials, names and refusals, as
//! phase, reason and words.

use std::time::Duration;

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::config::ProxyKind::{self, Http, Socks5};
use defender_exporter::observation::{FailureReason as R, Phase};
use defender_exporter::verdict::{self, Verdict};
use defender_exporter_needs::needs;

use super::proxies::{BLOCKED, DebianProxy, HOST, Kind, PASSWORD, USER};
use crate::lab::Lab;
use crate::lab::forwarder::Forwarder;
use crate::lab::reply::Response;
use crate::routes::{at, by};

/// A name that nothing resolves.
const GONE: &str = "gone.genuine.example";

const KNOWN: Option<(&str, &str)> = Some((USER, PASSWORD));
const WRONG: Option<(&str, &str)> = Some((USER, "wrong"));

/// A URL, and what becomes of it: nothing bad, or a phase, a reason and the words for it.
struct Case<'a> {
    who: Option<(&'static str, &'static str)>,
    url: &'a str,
    /// The status of the answer to CONNECT.
    status: Option<u16>,
    failure: Option<(Phase, R, &'static str)>,
}

/// The lab with an answer on both origins, and a port that refuses.
struct Network {
    lab: Lab,
    refusing: Forwarder,
}

impl Network {
    async fn start() -> Self {
        let lab = Lab::start().await;
        for origin in [&lab.tls, &lab.plain] {
            origin.set(HOST, "/", Response::new(200));
        }
        let refusing = Forwarder::to(lab.plain.addr());
        refusing.block().await;
        Self { lab, refusing }
    }

    /// URLs of the host at the origins: https, http.
    fn open(&self) -> [String; 2] {
        [
            self.at("https", HOST, self.lab.tls.addr().port()),
            self.at("http", HOST, self.lab.plain.addr().port()),
        ]
    }

    /// URLs of the port that refuses.
    fn refusing(&self) -> [String; 2] {
        ["https", "http"].map(|scheme| self.at(scheme, HOST, self.refusing.addr().port()))
    }

    /// URLs of another host, at a port that CONNECT may have.
    fn other(&self, host: &str) -> [String; 2] {
        ["https", "http"].map(|scheme| self.at(scheme, host, self.lab.tls.addr().port()))
    }

    #[expect(clippy::unused_self, reason = "reads as the others do")]
    fn at(&self, scheme: &str, host: &str, port: u16) -> String {
        format!("{scheme}://{host}:{port}/")
    }

    /// Probes by the proxy, long enough for a busy machine, and holds what comes of it to what is expected.
    async fn check(&self, proxy: &DebianProxy, kind: ProxyKind, case: &Case<'_>) {
        let name = format!("{kind}, {}, {:?}", case.url, case.who);
        let scheme = case.url.split_once(':').unwrap().0;
        let mut scenario = by(&self.lab, scheme, kind, at(proxy.addr()), case.who);
        scenario.target.endpoint.url = ProbeUrl::parse(case.url).unwrap();
        scenario.target.timeout = Duration::from_secs(60);
        let observation = scenario.probe().await;
        let verdict = verdict::endpoint(&scenario.target.endpoint, &observation, None, false).verdict();
        let found = observation.failure.as_ref().map(|failure| (failure.phase, failure.reason));
        assert_eq!(found, case.failure.map(|(phase, reason, _)| (phase, reason)), "{name}: {observation:?}");
        let expected = if case.failure.is_none() { Verdict::Good } else { Verdict::Bad };
        assert_eq!(verdict, Some(expected), "{name}: {observation:?}");
        assert_eq!(observation.facts.proxy_status, case.status, "{name}: {observation:?}");
        if let (Some(failure), Some((.., words))) = (observation.failure, case.failure) {
            assert!(failure.detail.contains(words), "{name}: {words:?}: {failure:?}");
        }
    }
}

#[needs("tinyproxy", "namespaces")]
#[tokio::test(flavor = "multi_thread")]
async fn tinyproxy_tells_users_ports_and_failures() {
    let network = Network::start().await;
    let (open, refusing, gone) = (network.open(), network.refusing(), network.other(GONE));
    let ports = [network.lab.tls.addr().port(), network.refusing.addr().port()];
    let proxy = DebianProxy::start(Kind::Tinyproxy(ports)).await;
    let denied = open[1].replace("http:", "https:");
    let rejected = "401 instead of 407: it offers Basic, and rejected the configured user name and password";
    for (who, url, status, failure) in [
        (KNOWN, &open[0], Some(200), None),
        (KNOWN, &open[1], None, None),
        (WRONG, &open[0], Some(401), Some((Phase::Tunnel, R::AuthRequired, rejected))),
        (
            WRONG,
            &open[1],
            None,
            Some((Phase::Request, R::AuthRequired, "the proxy answered 401 instead of the server")),
        ),
        (
            None,
            &open[0],
            Some(407),
            Some((Phase::Tunnel, R::AuthRequired, "it offers Basic, and no credentials")),
        ),
        (
            None,
            &open[1],
            None,
            Some((Phase::Request, R::AuthRequired, "it offers Basic, and no credentials")),
        ),
        (KNOWN, &denied, Some(403), Some((Phase::Tunnel, R::Denied, "403: Access violation"))),
        (KNOWN, &refusing[0], Some(500), Some((Phase::Tunnel, R::BadGateway, "500: Unable to connect"))),
        (KNOWN, &refusing[1], None, Some((Phase::Request, R::BadGateway, "server: tinyproxy/"))),
        (KNOWN, &gone[0], Some(500), Some((Phase::Tunnel, R::BadGateway, "500: Unable to connect"))),
        (KNOWN, &gone[1], None, Some((Phase::Request, R::BadGateway, "server: tinyproxy/"))),
    ] {
        network.check(&proxy, Http, &Case { who, url, status, failure }).await;
    }
}

#[needs("privoxy", "namespaces")]
#[tokio::test(flavor = "multi_thread")]
async fn privoxys_pages_are_told_from_the_endpoints() {
    let network = Network::start().await;
    let (open, refusing, gone) = (network.open(), network.refusing(), network.other(GONE));
    let blocked = network.other(BLOCKED);
    let proxy = DebianProxy::start(Kind::Privoxy).await;
    let page = Some((Phase::Transfer, R::BlockPage, "a page of Privoxy"));
    for (url, status, failure) in [
        (&open[0], Some(200), None),
        (&open[1], None, None),
        (&refusing[0], Some(503), Some((Phase::Tunnel, R::BadGateway, "503: Connect failed"))),
        (&refusing[1], None, page),
        (&gone[0], Some(404), Some((Phase::Tunnel, R::BadGateway, "404: No such domain"))),
        (&gone[1], None, page),
        (&blocked[0], Some(403), Some((Phase::Tunnel, R::Denied, "403: Request blocked by Privoxy"))),
        (&blocked[1], None, page),
    ] {
        network.check(&proxy, Http, &Case { who: None, url, status, failure }).await;
    }
}

#[needs("danted", "namespaces")]
#[tokio::test(flavor = "multi_thread")]
async fn dantes_replies_are_told_by_their_numbers() {
    let network = Network::start().await;
    let (open, refusing, gone) = (network.open(), network.refusing(), network.other(GONE));
    let denied = Forwarder::to(network.lab.plain.addr());
    let denied = ["https", "http"].map(|scheme| network.at(scheme, HOST, denied.addr().port()));
    let port = denied[0].trim_end_matches('/').rsplit_once(':').unwrap().1.parse().unwrap();
    let proxy = DebianProxy::start(Kind::Dante(port)).await;
    let tunnel = |reason, words| Some((Phase::Tunnel, reason, words));
    for n in 0..2 {
        for (url, failure) in [
            (&open[n], None),
            (&refusing[n], tunnel(R::Refused, "the proxy answers: connection refused (5)")),
            (&gone[n], tunnel(R::Unreachable, "the proxy answers: host unreachable (4)")),
            (&denied[n], tunnel(R::Denied, "the proxy answers: connection not allowed by ruleset (2)")),
        ] {
            network.check(&proxy, Socks5, &Case { who: None, url, status: None, failure }).await;
        }
    }
}

#[needs("danted", "namespaces")]
#[tokio::test(flavor = "multi_thread")]
async fn dante_lets_its_users_through_alone() {
    let network = Network::start().await;
    let open = network.open();
    let proxy = DebianProxy::start(Kind::DanteWithUsers).await;
    let tunnel = |words| Some((Phase::Tunnel, R::AuthRequired, words));
    for (who, failure) in [
        (KNOWN, None),
        (WRONG, tunnel("the proxy rejects the user name and password")),
        (None, tunnel("accepts none of the offered methods")),
    ] {
        for url in &open {
            network.check(&proxy, Socks5, &Case { who, url, status: None, failure }).await;
        }
    }
}
