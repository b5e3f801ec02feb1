//! PAC scripts that resolve names where DNS answers none: as in a network that lets only its proxy out.

use std::time::{Duration, Instant};

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::config::{ConnectTo, PacConfig, RouteProxy};
use defender_exporter::net::fetch::{FetchRequest, Fetched, Fetcher};
use defender_exporter::net::proxy::RefreshPolicy;
use defender_exporter::observation::{FailureReason as R, Phase};
use defender_exporter::plan::{TargetId, routes};
use tokio::task::JoinSet;

use super::pac::{by, serve, url};
use super::{HOST, proxy, reason_of};
use crate::fetch::paced;
use crate::lab::dns::Answer;
use crate::lab::proxy::{Kind, Proxy};
use crate::lab::reply::Response;
use crate::lab::{Lab, named};
use crate::load::Disturbance;

/// As many as the catalog has.
const ENDPOINTS: usize = 54;

/// The usual script of a closed network.
fn usual(proxy: &Proxy) -> String {
    let proxy = proxy.addr();
    format!("return isInNet(dnsResolve(host), '10.0.0.0', '255.0.0.0') ? 'DIRECT' : 'PROXY {proxy}'")
}

/// A lab whose DNS answers nothing.
async fn silent_lab() -> Lab {
    let lab = Lab::start().await;
    lab.dns.set_default(Answer::Silence);
    lab
}

#[tokio::test]
async fn a_name_that_dns_does_not_answer_is_unresolvable() {
    let lab = silent_lab().await;
    let http = proxy(&lab, Kind::Http);
    let checked = format!("return isResolvable('silent.lab') ? 'DIRECT' : 'PROXY {}'", http.addr());
    for body in [usual(&http), checked] {
        serve(&lab, &body);
        let mut scenario = by(&lab, "https", url());
        scenario.target.timeout = Duration::from_secs(10);
        let observation = scenario.probe().await;
        assert_eq!(observation.failure, None, "{body}");
        assert_eq!(observation.facts.proxy, Some(format!("http://{}", http.addr())), "{body}");
    }
}

/// Waiting for DNS holds up nobody else: neither by threads nor by permits.
#[tokio::test]
async fn all_endpoints_at_once_reach_the_proxy_in_time() {
    let lab = silent_lab().await;
    let hosts: Vec<_> = (0..ENDPOINTS).map(|n| format!("e{n}.genuine.example")).collect();
    let http = Proxy::start(Kind::Http, hosts.iter().map(|host| (format!("{host}:80"), lab.plain.addr())));
    serve(&lab, &usual(&http));
    let (fetcher, timeout) = (fetcher(&lab), Duration::from_secs(10));
    let (start, disturbance) = (Instant::now(), Disturbance::of_process(std::process::id()));
    let mut tasks = JoinSet::new();
    for host in &hosts {
        lab.plain.set(host, "/", Response::new(200).body("reached"));
        let (fetcher, url) = (fetcher.clone(), ProbeUrl::parse(&format!("http://{host}/")).unwrap());
        tasks.spawn(async move { fetcher.fetch(FetchRequest::get(&url, 100, timeout)).await });
    }
    for fetched in tasks.join_all().await {
        assert!(matches!(&fetched, Ok(Fetched::Body { bytes, .. }) if bytes == "reached"), "{fetched:?}");
    }
    // one name's share of the time, and far from a turn for each
    let (took, limit) = (start.elapsed(), timeout / 2 + disturbance.so_far());
    assert!(took < limit, "{took:?}, {disturbance}");
    assert_eq!(http.asked().len(), ENDPOINTS);
}

/// A fetcher by the lab's script.
fn fetcher(lab: &Lab) -> Fetcher {
    let mut config = lab.config([]);
    config.connect_to.insert(named("pac.lab", 80), ConnectTo::Address(lab.plain.addr()));
    config.routes[0].via = RouteProxy::Pac(PacConfig { source: url(), credentials: None });
    paced(&routes(&config)[0], &config, RefreshPolicy::default()).0
}

/// All names together have their share too, so that time is left to connect.
#[tokio::test]
async fn many_names_that_dns_does_not_answer_leave_time_to_connect() {
    let lab = silent_lab().await;
    let http = proxy(&lab, Kind::Http);
    let names = "for (let i = 0; i < 30; i++) isResolvable('n' + i + '.lab');";
    serve(&lab, &format!("{names} return 'PROXY {}'", http.addr()));
    let mut scenario = by(&lab, "https", url());
    // A busy machine gets more time.
    for seconds in [10, 20, 40] {
        scenario.target.timeout = Duration::from_secs(seconds);
        let observation = scenario.prober().probe(TargetId(0)).await;
        let (failure, has_proxy) = (observation.failure, observation.facts.proxy.is_some());
        if failure.is_none() {
            assert!(has_proxy);
            return;
        }
        println!("within {seconds} s: {failure:?}");
    }
    panic!("no time to connect is left");
}

/// A failure names the hosts without an address, the DNS server, and what it answered.
#[tokio::test]
async fn a_failure_names_what_dns_held_up() {
    let lab = silent_lab().await;
    lab.dns.set("gone.lab", Answer::Nxdomain);
    lab.dns.set("broken.lab", Answer::Servfail);
    let server = format!("DNS server {}", lab.dns.addr());
    let silent = |name: &str| format!("{server} did not answer for {name} within ");
    let cases = [
        (
            "isResolvable('a.lab'); isResolvable('b.lab'); while (true);",
            R::PacTimeout,
            vec!["the script timed out: it ran for ".to_owned(), silent("a.lab"), silent("b.lab")],
        ),
        (
            "return dnsResolve(host).split('.')[0]",
            R::PacInvalid,
            vec!["the script threw at line 1: TypeError".to_owned(), silent(HOST)],
        ),
        (
            "return 'PROXY ' + dnsResolve('gone.lab') + dnsResolve('broken.lab') + ' x'",
            R::PacInvalid,
            vec![
                format!("gone.lab does not exist (NXDOMAIN from {server})"),
                format!("{server} answered SERVFAIL (2) for broken.lab"),
            ],
        ),
        (
            "for (let i = 0; i < 9; i++) isResolvable('n' + i + '.lab'); return 'nonsense'",
            R::PacInvalid,
            vec![
                "nonsense".to_owned(),
                silent("n0.lab"),
                silent("n1.lab"),
                "; and 7 more names unresolved".to_owned(),
            ],
        ),
    ];
    for (body, reason, words) in cases {
        serve(&lab, body);
        let failure = by(&lab, "https", url()).probe().await.failure.unwrap();
        assert_eq!((failure.phase, reason_of(&failure)), (Phase::Tunnel, reason), "{body}: {failure:?}");
        for word in words {
            assert!(failure.detail.contains(&word), "{body}: {word:?} in {failure:?}");
        }
    }
}
