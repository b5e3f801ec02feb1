//! Ways that don't work: every reason of the stage tunnel, and what a proxy says in place of an endpoint.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use defender_exporter::config::ProxyKind;
use defender_exporter::observation::{FAILURE_PAIRS, FailureReason as R, Stage};

use tokio::task::JoinSet;

use super::cases::{self, Case, LOGIN};
use super::{HOST, at, by, proxy, stages};
use crate::lab::Lab;
use crate::lab::proxy::{Kind, Order, demand};
use crate::lab::reply::Response;

use ProxyKind::Http;

/// When a probe that waits must end; nothing of what it waits for comes before five seconds.
const DEADLINE: Duration = Duration::from_millis(1500);
/// For a probe that ends by itself, however busy the machine.
const AMPLE: Duration = Duration::from_secs(10);
/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_secs(1);

#[tokio::test]
async fn every_reason_of_the_tunnel_has_a_scenario() {
    let lab = Arc::new(Lab::start().await);
    let mut seen = BTreeSet::new();
    let mut checks = JoinSet::new(); // at once: many of them wait
    for case in cases::all(&lab) {
        seen.insert(case.expected);
        checks.spawn(check(Arc::clone(&lab), case));
    }
    let mut failed = 0; // each says by itself what it fails of
    while let Some(check) = checks.join_next().await {
        failed += usize::from(check.is_err());
    }
    assert_eq!(failed, 0, "scenarios that fail");
    assert_eq!(lab.dns.count(HOST), 0, "the name is the proxy's to resolve");
    let elsewhere = [R::Internal, R::PacUnreachable, R::PacInvalid, R::PacTimeout];
    let wanted = FAILURE_PAIRS.iter().filter(|(stage, _)| *stage == Stage::Tunnel);
    let missing: Vec<_> =
        wanted.filter(|pair| !seen.contains(pair) && !elsewhere.contains(&pair.1)).collect();
    assert!(missing.is_empty(), "no scenario produces {missing:?}");
    let unknown: Vec<_> = seen.iter().filter(|pair| !FAILURE_PAIRS.contains(pair)).collect();
    assert!(unknown.is_empty(), "no counter is seeded for {unknown:?}");
}

/// Probes, and holds the observation to what is expected and to what every failure keeps.
async fn check(lab: Arc<Lab>, case: Case) {
    let name = format!("{} at a {} proxy over {}, {:?}", case.name, case.kind, case.scheme, case.status);
    let proxy = proxy(&lab, case.of);
    proxy.order(case.order);
    let mut scenario = by(&lab, case.scheme, case.kind, at(proxy.addr()), case.who);
    let waits = case.expected.1 == R::Timeout;
    scenario.target.timeout = if waits { DEADLINE } else { AMPLE };

    let start = Instant::now();
    let observation = scenario.probe().await;
    let took = start.elapsed();

    let failure = observation.failure.as_ref().unwrap_or_else(|| panic!("{name}: {observation:?}"));
    assert_eq!((failure.stage, failure.reason), case.expected, "{name}: {failure:?}");
    for words in case.words {
        assert!(failure.detail.contains(words), "{name}: {words:?}: {failure:?}");
    }
    assert!(!failure.detail.contains(LOGIN.1), "{name}: {failure:?}");
    assert!(took < scenario.target.timeout + SLACK, "{name}: took {took:?}");
    let gone = if failure.stage == Stage::Tls { "-DDFNN" } else { "-DFNNN" };
    assert_eq!(stages(&observation), gone, "{name}");
    let facts = &observation.facts;
    assert_eq!(facts.proxy_status, case.status, "{name}: {failure:?}");
    assert_eq!(facts.proxy, Some(format!("{}://{}", case.kind, at(proxy.addr()))), "{name}");
    assert_eq!((facts.peer, facts.addresses.len()), (Some(proxy.addr()), 0), "{name}");
}

#[tokio::test]
async fn a_407_says_what_is_offered() {
    let lab = Lab::start().await;
    let proxy = proxy(&lab, Kind::Http);
    let kerberos = Response::new(407).header("Proxy-Authenticate", "Negotiate");
    for (scheme, stage) in [("https", Stage::Tunnel), ("http", Stage::Request)] {
        for (reply, words) in [
            (demand(), "it offers Negotiate, NTLM, Basic"),
            (kerberos.clone().into(), "it offers Negotiate, none of which this exporter speaks"),
        ] {
            proxy.order(Order::Reply(reply));
            let observation = by(&lab, scheme, Http, at(proxy.addr()), None).probe().await;
            let failure = observation.failure.unwrap();
            assert_eq!((failure.stage, failure.reason), (stage, R::AuthRequired));
            assert!(failure.detail.contains(words), "{failure:?}");
            assert_eq!(observation.facts.proxy_status, (scheme == "https").then_some(407));
        }
    }
}
