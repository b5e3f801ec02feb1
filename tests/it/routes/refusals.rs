//! Failed tunnels: every reason of the phase `tunnel`, and the proxy's message.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use defender_exporter::config::ProxyKind;
use defender_exporter::observation::{FAILURE_CODES, FailureCode, FailureReason as R, Phase};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::cases::{self, Case, LOGIN};
use super::{HOST, at, by, phases, proxy};
use crate::fetch::in_place_of_run_out;
use crate::lab::Lab;
use crate::lab::proxy::{Kind, Order, demand};
use crate::lab::reply::{End, Reply, Response, Step};
use crate::load::{RunOut, run_out};

use ProxyKind::Http;

/// When a probe that waits must end; nothing of what it waits for comes within a minute.
const DEADLINE: Duration = Duration::from_millis(1500);
/// For a probe that ends by itself, however busy the machine.
const AMPLE: Duration = Duration::from_secs(60);
/// How many are under way at once: few enough for none to wait for the others' work.
const AT_ONCE: usize = 8;
/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_secs(1);

#[tokio::test]
async fn every_reason_of_the_tunnel_has_a_scenario() {
    let lab = Arc::new(Lab::start().await);
    let mut seen = BTreeSet::new();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut checks = JoinSet::new(); // many of them wait
    for case in cases::all(&lab) {
        seen.insert(case.expected);
        let (lab, permits) = (Arc::clone(&lab), Arc::clone(&permits));
        checks.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            check(lab, case).await;
        });
    }
    let mut failed = 0; // each says by itself what it fails of
    while let Some(check) = checks.join_next().await {
        failed += usize::from(check.is_err());
    }
    assert_eq!(failed, 0, "scenarios that fail");
    assert_eq!(lab.dns.count(HOST), 0, "the name is the proxy's to resolve");
    let elsewhere = [R::Internal, R::PacUnreachable, R::PacInvalid, R::PacTimeout];
    let wanted =
        FAILURE_CODES.iter().map(|code| (code.phase, code.reason)).filter(|pair| pair.0 == Phase::Tunnel);
    let missing: Vec<_> =
        wanted.filter(|pair| !seen.contains(pair) && !elsewhere.contains(&pair.1)).collect();
    assert!(missing.is_empty(), "no scenario produces {missing:?}");
    let unknown: Vec<_> =
        seen.iter().filter(|pair| !FAILURE_CODES.contains(&FailureCode::from(**pair))).collect();
    assert!(unknown.is_empty(), "no counter is seeded for {unknown:?}");
}

/// Probes, and holds the observation to what is expected and to what every failure keeps; then fetches.
async fn check(lab: Arc<Lab>, case: Case) {
    let name = format!("{} at a {} proxy over {}, {:?}", case.name, case.kind, case.scheme, case.status);
    let proxy = proxy(&lab, case.of);
    proxy.order(case.order);
    let mut scenario = by(&lab, case.scheme, case.kind, at(proxy.addr()), case.who);
    let waits = case.expected.1 == R::Timeout;
    scenario.target.timeout = if waits { DEADLINE } else { AMPLE };

    let RunOut { observation, took, disturbance } = run_out(case.expected, &mut scenario, None).await;

    let failure = observation.failure.as_ref().unwrap_or_else(|| panic!("{name}: {observation:?}"));
    assert_eq!((failure.phase, failure.reason), case.expected, "{name}: {failure:?}");
    for words in case.words {
        assert!(failure.detail.contains(words), "{name}: {words:?}: {failure:?}");
    }
    assert!(!failure.detail.contains(LOGIN.1), "{name}: {failure:?}");
    let limit = scenario.target.timeout + SLACK + disturbance;
    assert!(took < limit, "{name}: took {took:?}, disturbed for {disturbance:?}");
    let gone = if failure.phase == Phase::Tls { "--DDFNN" } else { "--DFNNN" };
    assert_eq!(phases(&observation), gone, "{name}");
    let facts = &observation.facts;
    assert_eq!(facts.proxy_status, case.status, "{name}: {failure:?}");
    assert_eq!(facts.proxy, Some(format!("{}://{}", case.kind, at(proxy.addr()))), "{name}");
    assert_eq!((facts.peer, facts.addresses.len()), (Some(proxy.addr()), 0), "{name}");

    // A fetch by the same proxy fails with the same phase and reason, in the same words.
    let failure = in_place_of_run_out(case.expected, &mut scenario).await.expect_err(&name);
    assert_eq!((failure.phase, failure.reason), case.expected, "a fetch: {name}: {failure:?}");
    for words in case.words {
        assert!(failure.detail.contains(words), "a fetch: {name}: {words:?}: {failure:?}");
    }
    assert!(!failure.detail.contains(LOGIN.1), "a fetch: {name}: {failure:?}");
}

#[tokio::test]
async fn a_407_says_what_is_offered() {
    let lab = Lab::start().await;
    let proxy = proxy(&lab, Kind::Http);
    let kerberos = Response::new(407).header("Proxy-Authenticate", "Negotiate");
    for (scheme, phase) in [("https", Phase::Tunnel), ("http", Phase::Request)] {
        for (reply, words) in [
            (demand(), "it offers Negotiate, NTLM, Basic"),
            (kerberos.clone().into(), "it offers Negotiate, none of which this exporter supports"),
        ] {
            proxy.order(Order::Reply(reply));
            let observation = by(&lab, scheme, Http, at(proxy.addr()), None).probe().await;
            let failure = observation.failure.unwrap();
            assert_eq!((failure.phase, failure.reason), (phase, R::AuthRequired));
            assert!(failure.detail.contains(words), "{failure:?}");
            assert_eq!(observation.facts.proxy_status, (scheme == "https").then_some(407));
        }
    }
}

/// Without a tunnel, it answers the request itself.
#[tokio::test]
async fn a_proxy_of_another_kind_is_named_over_plain_http_as_well() {
    let lab = Lab::start().await;
    let proxy = proxy(&lab, Kind::Http);
    for (bytes, words) in cases::OTHERS {
        proxy.order(Order::Reply(Reply::Script(vec![Step::Send(bytes.to_vec()), Step::Hang])));
        let failure = by(&lab, "http", Http, at(proxy.addr()), None).probe().await.failure.unwrap();
        assert_eq!((failure.phase, failure.reason), (Phase::Request, R::Protocol), "{failure:?}");
        assert!(failure.detail.contains(words), "{words}: {failure:?}");
    }
    for answer in cases::PLAIN_ON_TLS {
        let steps = vec![Step::Send(answer.as_bytes().to_vec()), Step::End(End::Close)];
        proxy.order(Order::Reply(Reply::Script(steps)));
        let failure = by(&lab, "http", Http, at(proxy.addr()), None).probe().await.failure.unwrap();
        assert_eq!((failure.phase, failure.reason), (Phase::Request, R::Protocol), "{failure:?}");
        assert_eq!(failure.detail, cases::EXPECTS_TLS[0]);
    }
}
