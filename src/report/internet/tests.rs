//! The situations, over simulated rounds of the catalog.

use std::sync::Arc;

use super::*;
use crate::catalog::{Component, ListedSource, ProbeUrl, UpdateSource, embedded};
use crate::config::{Config, RouteConfig};
use crate::metrics::{ExpositionFormat, Scrape, encode, fixture};
use crate::observation::{Failure, FailureCode, Phase};
use crate::plan::{Plan, TargetId, plan};
use crate::report::{Counts, NetworkOutcome, causes, common_causes, exit_code, outcome, simulation};

use InternetSituation::{CaptivePortal, DefenderBlocked, EndpointsFailing, NoInternet};

const CONTROL: &str = "http://www.msftconnecttest.com/connecttest.txt";
const TIMEOUT: FailureCode = FailureCode::new(Phase::Connect, R::Timeout);
const PORTAL: FailureCode = FailureCode::new(Phase::Request, R::RedirectOffSite);

/// A healthy network at second 10, of which these endpoints and the control fail at second 70.
fn round(routes: &[&str], fails: impl Fn(&Target) -> Option<FailureCode>) -> Snapshot {
    let mut snapshot = simulation::healthy(routes);
    let ids: Vec<_> = snapshot.iter().map(|(id, ..)| id).collect();
    for id in ids {
        let failure = fails(snapshot.plan.target(id));
        simulation::observe(&mut snapshot, id, 70, |_| {
            failure.map(|code| Failure::new(code.phase, code.reason, "redirect to login.example"))
        });
    }
    snapshot
}

/// What is said of each route, and in words.
fn said(snapshot: &Snapshot) -> (Vec<Option<InternetSituation>>, String) {
    let situations = internet(snapshot).iter().map(|report| report.situation).collect();
    (situations, internet_sentences(snapshot).join(" "))
}

#[test]
fn each_situation_has_its_own_words() {
    let check = |control: Option<FailureCode>,
                 hit: &dyn Fn(&Target) -> bool,
                 expected: Option<InternetSituation>,
                 words: &[&str]| {
        let snapshot = round(&["direct"], |target| match () {
            () if target.is_control() => control,
            () => hit(target).then_some(TIMEOUT),
        });
        let (situations, sentence) = said(&snapshot);
        assert_eq!(situations, [expected], "{sentence}");
        assert_eq!(sentence.is_empty(), expected.is_none(), "{sentence}");
        assert!(words.iter().all(|word| sentence.contains(word)), "{sentence}");
    };
    let none = |_: &Target| false;
    let all = |_: &Target| true;
    let maps = |target: &Target| target.endpoint.url.host().ends_with(".cp.wd.microsoft.com");
    let one = |target: &Target| target.endpoint.url.as_str() == simulation::MAPS;
    check(None, &none, None, &[]);
    check(
        None,
        &all,
        Some(DefenderBlocked),
        &["answers over HTTP on port 80", "but all ", "something stops"],
    );
    check(None, &maps, Some(EndpointsFailing), &["The Internet works", "only 6 of "]);
    check(None, &one, Some(EndpointsFailing), &["only wdcp.microsoft.com fails."]);
    check(Some(TIMEOUT), &all, Some(NoInternet), &["No Internet: nothing answers", "uplink"]);
    check(
        Some(PORTAL),
        &all,
        Some(CaptivePortal),
        &["captive portal", "(redirect to login.example)", "all "],
    );
    // Some networks block the control: it says nothing then.
    for control in [TIMEOUT, PORTAL] {
        check(Some(control), &none, None, &[]);
        check(Some(control), &maps, None, &[]);
    }
    // A single host proves nothing about the Internet.
    for control in [TIMEOUT, PORTAL] {
        check(Some(control), &one, None, &[]);
    }
    let internal = FailureCode::new(Phase::Connect, R::Internal);
    check(Some(internal), &all, None, &[]);
}

/// Failures that the control can't tell of: a proxy's refusal, a proxy's error, inspection, a clock.
#[test]
fn a_cause_of_its_own_is_not_called_the_internet() {
    let check = |control: Option<FailureCode>, defender: FailureCode| {
        let snapshot =
            round(&["direct"], |target| if target.is_control() { control } else { Some(defender) });
        assert_eq!(said(&snapshot), (vec![None], String::new()), "{control:?} {defender}");
    };
    let login = FailureCode::new(Phase::Tunnel, R::AuthRequired);
    check(Some(FailureCode::new(Phase::Request, R::AuthRequired)), login);
    let denied = FailureCode::new(Phase::Tunnel, R::Denied);
    check(Some(FailureCode::new(Phase::Request, R::Denied)), denied);
    check(Some(FailureCode::new(Phase::Request, R::Status)), FailureCode::new(Phase::Tunnel, R::Status));
    let inspected = FailureCode::new(Phase::Tls, R::Intercepted);
    check(Some(TIMEOUT), inspected);
    check(None, inspected);
    check(None, FailureCode::new(Phase::Tls, R::NotYetValid));
    check(None, login);
}

/// Where the control is always blocked, an outage of Defender is not one of the Internet.
#[test]
fn a_control_that_failed_before_says_nothing() {
    for code in [TIMEOUT, PORTAL] {
        let mut snapshot = round(&["direct"], |target| target.is_control().then_some(code));
        let ids: Vec<_> =
            snapshot.iter().filter(|(_, target, _)| !target.is_control()).map(|(id, ..)| id).collect();
        for id in &ids {
            simulation::observe(&mut snapshot, *id, 130, |_| None);
        }
        for id in &ids {
            simulation::fail(&mut snapshot, *id, 190, TIMEOUT, "");
        }
        assert_eq!(said(&snapshot), (vec![None], String::new()));
    }
}

/// A PAC script can send the control and Defender to different proxies.
#[test]
fn a_control_of_another_path_says_nothing() {
    for control in [None, Some(TIMEOUT), Some(PORTAL)] {
        let mut snapshot =
            round(&["direct"], |target| if target.is_control() { control } else { Some(TIMEOUT) });
        let id = simulation::target(&snapshot, CONTROL, "direct");
        let state = Arc::make_mut(&mut snapshot.targets[id.0]);
        let last = state.last.as_mut().expect("it was probed");
        Arc::make_mut(last).facts.proxy = Some("http://10.0.0.8:8080".to_owned());
        assert_eq!(said(&snapshot), (vec![None], String::new()), "{control:?}");
    }
}

#[test]
fn the_control_counts_nowhere() {
    let healthy = simulation::healthy(&["direct", "proxy"]);
    let snapshot = round(&["direct", "proxy"], |target| target.is_control().then_some(TIMEOUT));
    let answers: Vec<_> = internet(&snapshot).iter().map(|report| report.control_answers).collect();
    assert_eq!(answers, [Some(false); 2]);
    assert_eq!(exit_code(&snapshot), 0);
    assert_eq!(outcome(&snapshot), NetworkOutcome::Works);
    let counts = Counts::from_snapshot(&snapshot);
    assert_eq!((counts.bad, counts.degraded, counts.unknown), (0, 0, 0));
    assert_eq!(counts, Counts::from_snapshot(&healthy));
    assert_eq!(counts.total() + 2, snapshot.targets.len(), "one control for each route");
    assert_eq!((common_causes(&snapshot), causes(&snapshot)), (Vec::new(), Vec::new()));
    assert!(snapshot.components.iter().all(|state| !state.component.is_control()));

    // All of what is Defender's fails: the control isn't among "all failures".
    let lost = round(&["direct"], |_| Some(TIMEOUT));
    let causes = common_causes(&lost);
    let of = Counts::from_snapshot(&lost).total();
    assert!(causes.iter().all(|cause| cause.of == of), "{causes:#?}");
    let scrape = Scrape { snapshot: Arc::new(lost), ..fixture::scrape() };
    let metrics = encode(ExpositionFormat::Text, scrape).expect("it can be encoded");
    let metrics = String::from_utf8(metrics).expect("text");
    for metric in ["endpoint_state", "endpoint_concern", "component_available", "faults"] {
        let lines = metrics.lines().filter(|line| line.starts_with(&format!("defender_{metric}{{")));
        assert!(lines.clone().count() > 0, "{metric}");
        assert!(lines.clone().all(|line| !line.contains(r#"component="control""#)), "{metric}");
    }
    let probed =
        format!(r#"defender_probe_success{{component="control",endpoint="{CONTROL}",route="direct"}} 0"#);
    for line in [probed.as_str(), r#"defender_control_success{route="direct"} 0"#] {
        assert!(metrics.contains(line), "{line}");
    }
}

#[test]
fn an_answer_from_before_the_outage_says_nothing() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let ids: Vec<_> =
        snapshot.iter().filter(|(_, target, _)| !target.is_control()).map(|(id, ..)| id).collect();
    for id in &ids {
        simulation::fail(&mut snapshot, *id, 70, TIMEOUT, "");
    }
    assert_eq!(said(&snapshot).0, [None]);
    let control = simulation::target(&snapshot, CONTROL, "direct");
    simulation::observe(&mut snapshot, control, 75, |_| None);
    assert_eq!(said(&snapshot).0, [Some(DefenderBlocked)]);
    // One that has never worked was tested in the same round.
    let mut first = simulation::fresh(&["direct"]);
    simulation::observe(&mut first, control, 1, |_| None);
    for id in &ids {
        assert_eq!(said(&first).0, [None], "not all were probed");
        simulation::fail(&mut first, *id, 10, TIMEOUT, "");
    }
    assert_eq!(said(&first).0, [Some(DefenderBlocked)]);
    // Of endpoints that have never worked an old answer says nothing either.
    for id in &ids {
        simulation::fail(&mut first, *id, 50_000, TIMEOUT, "");
    }
    assert_eq!(said(&first).0, [None]);
}

#[test]
fn each_route_has_a_situation_of_its_own() {
    let snapshot = round(&["direct", "proxy"], |target| (target.route.name == "direct").then_some(TIMEOUT));
    let (situations, sentence) = said(&snapshot);
    assert_eq!(situations, [Some(NoInternet), None]);
    assert!(sentence.starts_with("No Internet via direct: "), "{sentence}");
    assert!(sentence.ends_with(" It works via proxy."), "the uplink is sound: {sentence}");
}

/// Where the company's server answers, there is no Internet all the same; and a route to it alone has no control.
#[test]
fn the_companys_servers_prove_no_internet() {
    let address = ProbeUrl::parse("http://wsus.example:8530").ok();
    let wsus = ListedSource { source: UpdateSource::InternalServer, address };
    let lan =
        RouteConfig { name: "lan".to_owned(), components: vec![Component::Wsus], ..RouteConfig::direct() };
    let config =
        Config { update_sources: vec![wsus], routes: vec![RouteConfig::direct(), lan], ..Config::default() };
    let plan = plan(embedded(), &config).expect("fits the catalog");
    let mut snapshot = Snapshot::new(Arc::new(plan), simulation::at(0));
    for n in 0..snapshot.targets.len() {
        let target = snapshot.plan.target(TargetId(n));
        let works = target.endpoint.component.is_on_premises();
        simulation::observe(&mut snapshot, TargetId(n), 10, |_| {
            (!works).then(|| Failure::new(Phase::Connect, R::Timeout, ""))
        });
    }
    let found = internet(&snapshot);
    let routes: Vec<_> = found.iter().map(|report| (report.route, report.situation)).collect();
    assert_eq!(routes, [("direct", Some(NoInternet))]);
}

#[test]
fn the_control_can_be_turned_off_and_follows_a_selection() {
    let controls = |plan: &Plan| plan.targets.iter().filter(|target| target.is_control()).count();
    let mut config = Config::default();
    let whole = plan(embedded(), &config).expect("the defaults");
    assert_eq!(controls(&whole), 1);
    let part = whole.select(|target| target.endpoint.url.as_str() == simulation::MAPS).expect("it is probed");
    assert_eq!((part.targets.len(), controls(&part)), (2, 1));
    assert_eq!(whole.select(Target::is_control), None, "there is nothing of Defender in it");
    config.components.entry(Component::Control).or_default().enabled = Some(false);
    assert_eq!(controls(&plan(embedded(), &config).expect("the defaults")), 0);
    for component in Component::of_defender() {
        config.components.entry(component).or_default().enabled = Some(false);
    }
    config.components.entry(Component::Control).or_default().enabled = None;
    assert!(plan(embedded(), &config).is_err(), "a control alone is no plan");
}
