//! A delay injected at a stage shows in that stage, and in no other.

use std::time::Duration;

use defender_exporter::config::{ConnectTo, HostPort};
use defender_exporter::observation::{Stage, StageOutcome};

use crate::scenario::Scenario;
use crate::scenario::dns::{Answer, Dns};
use crate::scenario::origin::{Origin, Script, Step, response};
use crate::scenario::pki::{self, Leaf};

const DELAY: Duration = Duration::from_millis(400);
/// What a busy machine may add to a stage.
const SLACK: Duration = Duration::from_millis(300);

async fn check(delayed: Stage) {
    let delay = |stage| Step::Wait(if stage == delayed { DELAY } else { Duration::ZERO });
    let whole = response(200, &[], b"0123456789");
    let (head, body) = whole.split_at(whole.len() - 10);
    let steps = vec![
        delay(Stage::Request),
        Step::Write(head.to_vec()),
        delay(Stage::Transfer),
        Step::Write(body.to_vec()),
    ];
    let mut script = Script::answer(steps);
    script.raw = vec![delay(Stage::Tls)];
    let origin = Origin::start(Some(pki::server(Leaf::Good, &["maps.genuine.example"])), script).await;

    let dns = Dns::start().await;
    let known = Answer::Addresses(vec![origin.address.ip()]);
    let pause = if delayed == Stage::Resolve { DELAY } else { Duration::ZERO };
    dns.set("origin.lab.example", Answer::After(pause, Box::new(known)));
    let mut scenario = Scenario::new("https://maps.genuine.example/").dns(dns.address);
    scenario.timeout = Duration::from_secs(5);
    let from = HostPort { host: "maps.genuine.example".to_owned(), port: 443 };
    let to = HostPort { host: "origin.lab.example".to_owned(), port: origin.address.port() };
    scenario.config.connect_to.insert(from, ConnectTo::Name(to));

    let observation = scenario.probe().await;
    assert_eq!(observation.failure, None);
    let timings = &observation.facts.timings;
    for stage in Stage::ALL.iter().copied().filter(|stage| *stage != Stage::Tunnel) {
        let took = timings.get(stage).unwrap();
        let least = if stage == delayed { DELAY } else { Duration::ZERO };
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

/// A listener whose queue is full drops SYNs; once it is open again, Linux' repeat after a second comes through.
#[tokio::test]
async fn a_delay_in_connecting_shows_in_connect() {
    let lab = crate::lab::Lab::start().await;
    lab.plain.jam().await;
    let mut scenario = Scenario::new("http://maps.genuine.example/").at(lab.plain.addr());
    scenario.timeout = Duration::from_secs(5);
    scenario.expect = defender_exporter::catalog::Expectation::Any;
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
