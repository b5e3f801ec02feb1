//! A delay in a phase appears in that phase only.

use std::time::{Duration, Instant};

use defender_exporter::observation::{FailureReason, Phase, PhaseOutcome};

use crate::lab::Lab;
use crate::lab::dns::Answer;
use crate::lab::faults::Handshake;
use crate::lab::reply::Response;
use crate::load::{Disturbance, undisturbed};
use crate::scenario::Scenario;

const HOST: &str = "maps.genuine.example";
const DELAY: Duration = Duration::from_millis(400);
/// What may be added to a phase beside what is measured of the machine.
const SLACK: Duration = Duration::from_millis(300);

async fn check(delayed: Phase) {
    let lab = Lab::start().await;
    let delay = |phase| if phase == delayed { DELAY } else { Duration::ZERO };
    let known = Answer::address(lab.tls.addr().ip());
    lab.dns.set("origin.lab", known.after(delay(Phase::Resolve)));
    lab.tls.break_host(HOST, Handshake::Delay(delay(Phase::Tls)));
    let response = Response::new(200).body("0123456789");
    let response = response.before_head(delay(Phase::Request)).before_body(delay(Phase::Transfer));
    lab.tls.set(HOST, "/", response);
    let scenario = Scenario::new(&lab, "https://maps.genuine.example/");
    let mut scenario = scenario.through("origin.lab", lab.tls.addr().port());
    scenario.target.timeout = Duration::from_secs(30);

    let disturbance = Disturbance::here();
    let observation = scenario.probe().await;
    let disturbed = disturbance.so_far();
    assert_eq!(observation.failure, None);
    let timings = &observation.facts.timings;
    let skipped = [Phase::Failover, Phase::Tunnel];
    for phase in Phase::ALL.iter().copied().filter(|phase| !skipped.contains(phase)) {
        let took = timings.get(phase).unwrap();
        let least = delay(phase);
        assert!(
            took >= least && took < least + SLACK + disturbed,
            "{delayed} is delayed, {phase} took {took:?}, disturbed for {disturbed:?}"
        );
    }
    for phase in skipped {
        assert_eq!(timings.outcome(phase), PhaseOutcome::NotApplicable, "{phase}");
    }
    assert_eq!(timings.total(), Phase::ALL.iter().filter_map(|phase| timings.get(*phase)).sum::<Duration>());
}

#[tokio::test]
async fn each_delay_shows_in_its_phase() {
    for delayed in [Phase::Resolve, Phase::Tls, Phase::Request, Phase::Transfer] {
        check(delayed).await;
    }
}

/// Time runs out in the handshake, of which DNS has used up so much; all times are multiplied where the machine is busy.
async fn runs_out(dns: Duration, blamed: Phase) {
    undisturbed(SLACK, async |times| runs_out_after(dns * times, times, blamed).await).await.0.unwrap();
}

/// The error describes the difference.
async fn runs_out_after(dns: Duration, times: u32, blamed: Phase) -> Result<(), String> {
    let lab = Lab::start().await;
    lab.dns.set("origin.lab", Answer::address(lab.tls.addr().ip()).after(dns));
    lab.tls.break_host(HOST, Handshake::Delay(Duration::from_secs(60)));
    let scenario = Scenario::new(&lab, "https://maps.genuine.example/");
    let mut scenario = scenario.through("origin.lab", lab.tls.addr().port());
    scenario.config.timeout = Duration::from_secs(2) * times; // DNS has as long
    scenario.target.timeout = scenario.config.timeout;

    let observation = scenario.probe().await;
    let failure = observation.failure.as_ref().ok_or("it succeeds")?;
    let timings = &observation.facts.timings;
    let right = (failure.phase, failure.reason) == (blamed, FailureReason::Timeout)
        && timings.outcome(blamed) == PhaseOutcome::Failed
        && timings.get(Phase::Resolve).is_some_and(|took| took >= dns)
        // A phase that was cut short has no time.
        && timings.get(Phase::Tls).is_some() == (blamed == Phase::Tls);
    if right { Ok(()) } else { Err(format!("{dns:?}: {observation:?}")) }
}

#[tokio::test]
async fn dns_time_does_not_count_for_later_phases() {
    runs_out(Duration::from_millis(1800), Phase::Resolve).await;
    runs_out(Duration::from_millis(900), Phase::Tls).await;
}

/// A listener whose queue is full drops SYNs; once it is open again, Linux' repeat after a second comes through.
#[tokio::test]
async fn a_delay_in_connecting_shows_in_connect() {
    let lab = Lab::start().await;
    lab.plain.set(HOST, "/", Response::new(200));
    lab.plain.jam().await;
    let mut scenario = Scenario::new(&lab, "http://maps.genuine.example/");
    scenario.target.timeout = Duration::from_secs(30);
    let (start, disturbance) = (Instant::now(), Disturbance::here());
    let opened = async {
        tokio::time::sleep(DELAY).await;
        lab.plain.restart().await;
        start.elapsed()
    };
    let (observation, opened) = tokio::join!(scenario.probe(), opened);
    let disturbed = disturbance.so_far();
    assert_eq!(observation.failure, None);
    let timings = &observation.facts.timings;
    let connect = timings.get(Phase::Connect).unwrap();
    // A SYN is repeated after one, three, seven seconds: on a busy machine the first may come too early.
    let repeats = [1, 3, 7, 15].map(Duration::from_secs);
    let due = repeats.into_iter().find(|at| *at + Duration::from_millis(100) >= opened).unwrap();
    let most = if opened + SLACK < due { due } else { due * 2 + Duration::from_secs(1) };
    assert!(
        connect >= Duration::from_millis(900) && connect < most + SLACK + disturbed,
        "{connect:?}, open after {opened:?}, disturbed for {disturbed:?}"
    );
    assert!(timings.get(Phase::Request).unwrap() < SLACK + disturbed, "{timings:?}");
}
