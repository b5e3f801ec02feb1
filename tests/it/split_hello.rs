//! A handshake whose ClientHello comes in two segments, compared with a whole one: past a filter that expects it whole, without
//! one, and where nothing can be said; directly and by a proxy.

use std::net::SocketAddr;
use std::sync::Arc;

use defender_exporter::config::ProxyKind;
use defender_exporter::engine::split_hello_pollers;
use defender_exporter::event::Event;
use defender_exporter::observation::{FailureReason, Phase, SplitHello, SplitHelloResult};
use defender_exporter::plan::{Plan, Target, TargetId};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::lab::Lab;
use crate::lab::forwarder::Forwarder;
use crate::lab::middlebox::{Middlebox, Resets};
use crate::lab::proxy::{Kind, Proxy};
use crate::lab::reply::Response;
use crate::load::TEST_TIMEOUT;
use crate::routes;
use crate::scenario::Scenario;

const HOST: &str = "maps.genuine.example";

/// What is expected of a comparison.
#[derive(Debug)]
enum Expected {
    Passes,
    /// With the failure's reasons, of which it has one.
    Blocked(&'static [FailureReason]),
    Unknown,
}

async fn check(what: &str, scenario: Scenario, expected: Expected, probe_succeeds: bool) {
    let scenario = Scenario { target: Target { timeout: TEST_TIMEOUT, ..scenario.target }, ..scenario };
    let prober = scenario.prober();
    let SplitHello { endpoint, route, result, .. } = prober.compare_split_hello(TargetId(0)).await;
    assert_eq!((endpoint, route), (format!("https://{HOST}/"), "direct".to_owned()), "{what}");
    match (&result, expected) {
        (SplitHelloResult::Passes, Expected::Passes) | (SplitHelloResult::Unknown, Expected::Unknown) => {}
        (SplitHelloResult::Blocked(failure), Expected::Blocked(reasons)) => {
            assert_eq!(failure.phase, Phase::Tls, "{what}: {failure:?}");
            assert!(reasons.contains(&failure.reason), "{what}: {failure:?}");
        }
        (_, expected) => panic!("{what}: {result:?} instead of {expected:?}"),
    }
    // Its own ClientHello is small, so a filter doesn't show in it.
    let probe = prober.probe(TargetId(0)).await;
    assert_eq!(probe.success(), probe_succeeds, "{what}: {:?}", probe.failure);
}

/// A probe whose connections lead to this address.
fn direct(lab: &Lab, to: SocketAddr) -> Scenario {
    lab.tls.set(HOST, "/", Response::new(200));
    Scenario::new(lab, &format!("https://{HOST}/")).at(to)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_that_expects_the_client_hello_whole_is_found() {
    let lab = Lab::start().await;
    let origin = lab.tls.addr();
    let filter = Middlebox::before(origin, Resets::Partial);
    let blocked = Expected::Blocked(&[FailureReason::Reset]);
    check("a filter", direct(&lab, filter.addr()), blocked, true).await;
    check("no filter", direct(&lab, origin), Expected::Passes, true).await;
    let forwarder = Forwarder::to(origin);
    check("a forwarder", direct(&lab, forwarder.addr()), Expected::Passes, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_is_no_filter() {
    let lab = Lab::start().await;
    let origin = lab.tls.addr();
    let hiccup = Middlebox::before(origin, Resets::PartialOnce);
    check("a hiccup", direct(&lab, hiccup.addr()), Expected::Passes, true).await;
    let outage = Middlebox::before(origin, Resets::All);
    check("an outage after the connection", direct(&lab, outage.addr()), Expected::Unknown, false).await;
    let forwarder = Forwarder::to(origin);
    forwarder.block().await;
    check("an outage before it", direct(&lab, forwarder.addr()), Expected::Unknown, false).await;
}

/// Only the proxy can resolve the host, so that a comparison past it would find nothing.
#[tokio::test(flavor = "multi_thread")]
async fn the_comparison_goes_by_the_routes_proxy() {
    let lab = Lab::start().await;
    let filter = Middlebox::before(lab.tls.addr(), Resets::Partial);
    for (kind, proxy_kind) in [(Kind::Http, ProxyKind::Http), (Kind::Socks, ProxyKind::Socks5)] {
        let by = |to: SocketAddr| {
            let proxy = Proxy::start(kind.clone(), [(format!("{HOST}:443"), to)]);
            let scenario = routes::by(&lab, "https", proxy_kind, routes::at(proxy.addr()), None);
            (proxy, scenario)
        };
        let (_proxy, scenario) = by(lab.tls.addr());
        check("no filter behind a proxy", scenario, Expected::Passes, true).await;
        let (_proxy, scenario) = by(filter.addr());
        let ends = &[FailureReason::Reset, FailureReason::Closed];
        check("a filter behind a proxy", scenario, Expected::Blocked(ends), true).await;
    }
}

/// Nothing listens there, so that each comparison ends without a result, whatever the machine's load.
#[tokio::test(start_paused = true)]
async fn a_comparison_without_a_result_is_repeated_soon() {
    let lab = Lab::start().await;
    let forwarder = Forwarder::to(lab.tls.addr());
    forwarder.block().await;
    let scenario = direct(&lab, forwarder.addr());
    let plan = Plan { split_hellos: vec![TargetId(0)], ..scenario.plan() };
    let (events, mut received) = mpsc::channel(8);
    let mut pollers = split_hello_pollers(&plan, &Arc::new(scenario.prober()), &events);
    let poller = tokio::spawn(pollers.remove(0));
    assert!(pollers.is_empty(), "one route");
    let mut next = async || match received.recv().await {
        Some(Event::SplitHello(compared)) => compared.result,
        event => panic!("{event:?}"),
    };
    let (start, timeout) = (Instant::now(), scenario.target.timeout);
    assert_eq!(next().await, SplitHelloResult::Unknown);
    let first = start.elapsed();
    assert!((60..130).contains(&first.as_secs()), "{first:?}");
    let start = Instant::now();
    assert_eq!(next().await, SplitHelloResult::Unknown);
    let pause = start.elapsed();
    assert!((300..=300 + timeout.as_secs() + 1).contains(&pause.as_secs()), "{pause:?}");
    drop(received);
    poller.await.unwrap(); // ends with its receiver
}
