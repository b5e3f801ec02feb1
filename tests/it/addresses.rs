//! Addresses of a name: which are probed, and how results per address are reported.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use defender_exporter::catalog::ExpectedEvidence;
use defender_exporter::config::{Addresses, HostPort, NoProxy, Proxies, Proxy, ProxyKind, RouteProxy};
use defender_exporter::observation::{AddressResult, Failure, FailureReason as R, Observation, Phase as S};

use crate::lab::Lab;
use crate::lab::blackhole::Hanging;
use crate::lab::dns::Answer;
use crate::lab::proxy::{self, Kind};
use crate::lab::reply::Response;
use crate::load::{Disturbance, undisturbed};
use crate::scenario::Scenario;

const HOST: &str = "maps.genuine.example";
const PLAIN: &str = "http://maps.genuine.example/";
const TLS: &str = "https://maps.genuine.example/";

/// Why an address fails; none: it doesn't.
type End = Option<(S, R)>;

const REFUSED: End = Some((S::Connect, R::Refused));

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

/// A probe of each address of a name, in this order: the configuration chose both, since on loopback no other may be met.
fn each(lab: &Lab, url: &str, port: u16, addresses: &[&str]) -> Scenario {
    let mut scenario = Scenario::new(lab, url).through("origin.lab", port);
    scenario.config.resolver.overrides.insert("origin.lab".to_owned(), ips(addresses));
    scenario.config.resolver.addresses = Addresses::All;
    scenario
}

fn ends(observation: &Observation) -> Vec<(String, End)> {
    let end = |result: AddressResult<'_>| (result.address.to_string(), result.failure.map(pair));
    observation.by_address().map(end).collect()
}

fn pair(failure: &Failure) -> (S, R) {
    (failure.phase, failure.reason)
}

/// The addresses, then those that the probe itself failed at beside the one that counts, then each end, that of the probe first.
type AddressCase<'a> = (&'a [&'a str], &'a [&'a str], &'a [(&'a str, End)]);

#[tokio::test]
async fn every_address_is_a_probe_of_its_own() {
    let lab = Lab::start().await;
    for (url, port) in [(TLS, lab.tls.addr().port()), (PLAIN, lab.plain.addr().port())] {
        let cases: [AddressCase; 4] = [
            (&["127.0.0.1"], &[], &[("127.0.0.1", None)]),
            (&["127.0.0.1", "127.0.0.2"], &[], &[("127.0.0.1", None), ("127.0.0.2", REFUSED)]),
            (
                &["127.0.0.2", "127.0.0.1", "127.0.0.3"],
                &["127.0.0.2"],
                &[("127.0.0.1", None), ("127.0.0.2", REFUSED), ("127.0.0.3", REFUSED)],
            ),
            (&["127.0.0.2", "::1"], &["::1"], &[("127.0.0.2", REFUSED), ("::1", REFUSED)]),
        ];
        for (addresses, failed, expected) in cases {
            let observation = each(&lab, url, port, addresses).probe().await;
            let expected: Vec<_> =
                expected.iter().map(|(address, end)| ((*address).to_owned(), *end)).collect();
            assert_eq!(ends(&observation), expected, "{url}");
            assert_eq!(
                observation.failure.as_ref().map(pair),
                expected[0].1,
                "{url}: its own end is the first's"
            );
            let before: Vec<_> =
                observation.facts.failed_addresses().map(|failed| failed.address.to_string()).collect();
            assert_eq!(before, failed, "{url}");
            assert_eq!(observation.facts.unprobed, 0);
        }
    }
}

/// Each address is probed completely: its response must be genuine, too.
#[tokio::test]
async fn an_address_may_answer_and_fail() {
    let lab = Lab::start().await;
    let mut scenario = each(&lab, PLAIN, lab.plain.addr().port(), &["127.0.0.2", "127.0.0.1"]);
    scenario.target.endpoint.evidence.push(ExpectedEvidence::Status);
    lab.plain.set(HOST, "/", Response::new(502));
    let observation = scenario.probe().await;
    assert_eq!(
        ends(&observation),
        [("127.0.0.1".to_owned(), Some((S::Request, R::Status))), ("127.0.0.2".to_owned(), REFUSED)]
    );
    assert_eq!(lab.plain.requests().len(), 1, "one attempt each");
}

#[tokio::test]
async fn one_that_hangs_holds_up_no_more_than_its_own_time() {
    let lab = Lab::start().await;
    let hanging = Hanging::new().await;
    let scenario = each(&lab, TLS, hanging.addr().port(), &["127.0.0.2", "127.0.0.1", "127.0.0.3"]);
    let (start, disturbance) = (Instant::now(), Disturbance::here());
    let observation = scenario.probe().await;
    let took = start.elapsed();
    let timeout = scenario.target.timeout;
    assert_eq!(ends(&observation)[1].1, Some((S::Connect, R::Timeout)));
    assert!(observation.facts.others[0].duration >= timeout, "{observation:?}");
    let limit = timeout * 2 + Duration::from_secs(1) + disturbance.so_far(); // the probe's own, and the others'
    assert!(took < limit, "{took:?}, {disturbance}");
    assert!(observation.facts.timings.total() < timeout, "the others' time is not the probe's own");
}

#[tokio::test]
async fn eight_addresses_are_probed_and_the_rest_counted() {
    let lab = Lab::start().await;
    let many: Vec<_> = (1..=11).map(|n| format!("127.0.0.{n}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    lab.dns.set("origin.lab", Answer::Addresses(ips(&many)));
    let mut scenario = Scenario::new(&lab, PLAIN).through("origin.lab", lab.plain.addr().port());
    scenario.config.resolver.addresses = Addresses::All;
    let observation = scenario.probe().await;
    let (probed, facts) = (ends(&observation), &observation.facts);
    assert_eq!((probed.len(), facts.unprobed, facts.addresses.len()), (8, 3, 11));
    assert_eq!(probed[7], ("127.0.0.8".to_owned(), REFUSED));
}

#[tokio::test]
async fn the_others_are_left_alone_where_nobody_asks_for_them() {
    let lab = Lab::start().await;
    let both = ["127.0.0.1", "127.0.0.2"];
    let mut first = each(&lab, PLAIN, lab.plain.addr().port(), &both);
    first.config.resolver.addresses = Addresses::First;

    let through = proxy::Proxy::start(Kind::Http, [(format!("{HOST}:80"), lab.plain.addr())]);
    lab.dns.set("proxy.lab", Answer::Addresses(ips(&both)));
    let at = HostPort { host: "proxy.lab".to_owned(), port: through.addr().port() };
    let proxy = Some(Arc::new(Proxy { kind: ProxyKind::Http, at, credentials: None }));
    let mut proxied = each(&lab, PLAIN, lab.plain.addr().port(), &both);
    proxied.config.routes[0].via =
        RouteProxy::Proxies(Proxies { http: proxy.clone(), https: proxy, no_proxy: NoProxy::default() });

    for (name, scenario, own) in [("the first alone", first, 1), ("by a proxy", proxied, 0)] {
        let observation = scenario.probe().await;
        assert_eq!(observation.failure, None, "{name}");
        assert_eq!((observation.facts.others.len(), ends(&observation).len()), (0, own), "{name}");
    }
}

/// Only private addresses from DNS count, not those of the configuration.
#[tokio::test]
async fn only_dns_gives_private_addresses() {
    let lab = Lab::start().await;
    let link_local = "fe80::1"; // without a network it connection failed: nothing leaves this machine
    for name in [HOST, "elsewhere.lab"] {
        lab.dns.set(name, Answer::Addresses(ips(&[link_local])));
    }
    let named = Scenario::new(&lab, TLS).by_name();
    let through = Scenario::new(&lab, TLS).through("elsewhere.lab", 443);
    let diverted = Scenario::new(&lab, TLS).at("[fe80::1]:443".parse().unwrap());
    let mut overridden = Scenario::new(&lab, TLS).by_name();
    overridden.config.resolver.overrides.insert(HOST.to_owned(), ips(&[link_local]));
    let cases = [
        ("its own name", named, Some(1), 1),
        ("connect_to, a name", through, None, 1),
        ("connect_to, an address", diverted, None, 0),
        ("an override", overridden, None, 0),
    ];
    for (name, scenario, private, addresses) in cases {
        let observation = scenario.probe().await;
        let failure = observation.failure.as_ref().map(pair);
        assert_eq!(failure, Some((S::Connect, R::Unreachable)), "{name}");
        let facts = &observation.facts;
        assert_eq!((facts.private, facts.addresses.len()), (private, addresses), "{name}");
    }
}

#[tokio::test]
async fn each_address_of_an_override_is_probed_too() {
    let lab = Lab::start().await;
    let url = format!("http://{HOST}:{}/", lab.plain.addr().port());
    let mut scenario = Scenario::new(&lab, &url).by_name();
    scenario.config.resolver.addresses = Addresses::All;
    scenario.config.resolver.overrides.insert(HOST.to_owned(), ips(&["127.0.0.1", "127.0.0.2"]));
    let observation = scenario.probe().await;
    assert_eq!(ends(&observation), [("127.0.0.1".to_owned(), None), ("127.0.0.2".to_owned(), REFUSED)]);
    assert_eq!(lab.dns.asked(), [], "what is configured is not asked for");
}

/// A rate-limiting server drops the packets of a burst and answers later ones.
#[tokio::test]
async fn a_name_server_that_is_late_to_listen_is_asked_again() {
    let lab = Lab::start().await;
    let measure = async |times: u32| {
        let mut scenario = Scenario::new(&lab, PLAIN).through("origin.lab", lab.plain.addr().port());
        scenario.config.timeout = Duration::from_secs(8) * times; // asked again after more than a quarter of it
        scenario.target.timeout = scenario.config.timeout;
        lab.dns.set("origin.lab", Answer::Silence);
        let listen = async {
            tokio::time::sleep(Duration::from_millis(1500) * times).await;
            lab.dns.set("origin.lab", Answer::address([127, 0, 0, 1]));
        };
        let (observation, ()) = tokio::join!(scenario.probe(), listen);
        (observation, scenario.config.timeout / 4)
    };
    let ((observation, again), _) = undisturbed(Duration::from_millis(300), measure).await;
    assert_eq!(observation.failure, None);
    let took = observation.facts.timings.get(S::Resolve).unwrap();
    assert!(took >= again, "{took:?}: it was answered before it was asked again");
}
