//! A delay injected at a stage shows in that stage, and in no other.

use std::time::Duration;

use defender_exporter::observation::{FailureReason, Stage, StageOutcome};

use crate::lab::Lab;
use crate::lab::dns::Answer;
use crate::lab::faults::Handshake;
use crate::lab::reply::Response;
use crate::scenario::Scenario;

const HOST: &str = "maps.genuine.example";
const DELAY: Duration = Duration::from_millis(400);
/// What a busy machine may add to a stage.
const SLACK: Duration = Duration::from_millis(300);

async fn check(delayed: Stage) {
    let lab = Lab::start().await;
    let delay = |stage| if stage == delayed { DELAY } else { Duration::ZERO };
    let known = Answer::address(lab.tls.addr().ip());
    lab.dns.set("origin.lab", known.after(delay(Stage::Resolve)));
    lab.tls.break_host(HOST, Handshake::Delay(delay(Stage::Tls)));
    let response = Response::new(200).body("0123456789");
    let response = response.before_head(delay(Stage::Request)).before_body(delay(Stage::Transfer));
    lab.tls.set(HOST, "/", response);
    let scenario = Scenario::new(&lab, "https://maps.genuine.example/");
    let mut scenario = scenario.through("origin.lab", lab.tls.addr().port());
    scenario.target.timeout = Duration::from_secs(5);

    let observation = scenario.probe().await;
    assert_eq!(observation.failure, None);
    let timings = &observation.facts.timings;
    for stage in Stage::ALL.iter().copied().filter(|stage| *stage != Stage::Tunnel) {
        let took = timings.get(stage).unwrap();
        let least = delay(stage);
        assert!(took >= least && took < least + SLACK, "{delayed} is delayed, {stage} took {took:?}");
    }
    assert_eq!(timings.outcome(Stage::Tunnel), StageOutcome::NotApplicable);
    assert_eq!(timings.total(), Stage::ALL.iter().filter_map(|stage| timings.get(*stage)).sum::<Duration>());
}

#[tokio::test]
async fn each_delay_shows_in_its_stage() {
    for delayed in [Stage::Resolve, Stage::Tls, Stage::Request, Stage::Transfer] {
        check(delayed).await;
    }
}

/// Time runs out in the handshake, which DNS has left this much of it.
async fn runs_out(dns: Duration, blamed: Stage) {
    let lab = Lab::start().await;
    lab.dns.set("origin.lab", Answer::address(lab.tls.addr().ip()).after(dns));
    lab.tls.break_host(HOST, Handshake::Delay(Duration::from_secs(10)));
    let scenario = Scenario::new(&lab, "https://maps.genuine.example/");
    let mut scenario = scenario.through("origin.lab", lab.tls.addr().port());
    scenario.target.timeout = Duration::from_secs(2);

    let observation = scenario.probe().await;
    let failure = observation.failure.unwrap();
    assert_eq!((failure.stage, failure.reason), (blamed, FailureReason::Timeout), "{dns:?}: {failure:?}");
    let timings = &observation.facts.timings;
    assert_eq!(timings.outcome(blamed), StageOutcome::Failed, "{dns:?}");
    assert!(timings.get(Stage::Resolve).unwrap() >= dns);
    assert_eq!(
        timings.get(Stage::Tls).is_some(),
        blamed == Stage::Tls,
        "{dns:?}: a stage that was cut short has no time"
    );
}

#[tokio::test]
async fn time_that_dns_has_used_up_is_not_held_against_what_follows() {
    runs_out(Duration::from_millis(1800), Stage::Resolve).await;
    runs_out(Duration::from_millis(900), Stage::Tls).await;
}

/// A listener whose queue is full drops SYNs; once it is open again, Linux' repeat after a second comes through.
#[tokio::test]
async fn a_delay_in_connecting_shows_in_connect() {
    let lab = Lab::start().await;
    lab.plain.set(HOST, "/", Response::new(200));
    lab.plain.jam().await;
    let mut scenario = Scenario::new(&lab, "http://maps.genuine.example/");
    scenario.target.timeout = Duration::from_secs(5);
    let opened = async {
        tokio::time::sleep(DELAY).await;
        lab.plain.restart().await;
    };
    let (observation, ()) = tokio::join!(scenario.probe(), opened);
    assert_eq!(observation.failure, None);
    let timings = &observation.facts.timings;
    let connect = timings.get(Stage::Connect).unwrap();
    assert!(connect >= Duration::from_millis(900) && connect < Duration::from_millis(1500), "{connect:?}");
    assert!(timings.get(Stage::Request).unwrap() < SLACK, "{timings:?}");
}
