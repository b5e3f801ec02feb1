//! Logs changes of the state: one line per change of an endpoint, a component, MAPS or an update source, and none for a
//! probe without a change.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Snapshot, TargetState};
use crate::observation::Failure;
use crate::plan::Target;
use crate::verdict::{Concern, MapsConnection, UnservedNeed, Verdict};

/// A change of an endpoint.
#[derive(Clone, Debug, PartialEq)]
enum EndpointChange<'a> {
    /// It fails now.
    Fails(&'a Failure),
    /// It still fails, for another reason.
    FailsOtherwise(&'a Failure, &'a Failure),
    /// It answers again, after this time. With a concern, the answer isn't as expected.
    Answers(Duration, Option<&'a Concern>),
    /// It still answers, but no longer as expected.
    Degrades(&'a Concern),
    /// It answers as expected again.
    Recovers,
}

/// Logs the differences.
pub(super) fn log(before: &Snapshot, after: &Snapshot) {
    endpoints(before, after);
    components(before, after);
    maps(before, after);
    sources(before, after);
}

fn endpoints(before: &Snapshot, after: &Snapshot) {
    if Arc::ptr_eq(&before.plan, &after.plan) {
        for ((_, target, new), old) in after.iter().zip(&before.targets) {
            endpoint(target, old, new);
        }
        return;
    }
    for (old, carried) in before.targets.iter().zip(before.plan.carry_over(&after.plan)) {
        if let Some(carried) = carried {
            endpoint(after.plan.target(carried.id), old, &after.targets[carried.id.0]);
        }
    }
}

fn endpoint(target: &Target, old: &TargetState, new: &TargetState) {
    let (component, endpoint) = (target.endpoint.component.as_str(), target.endpoint.url.as_str());
    let route = target.route.name.as_str();
    // Some networks block the control: its failure is no warning.
    if target.is_control() {
        match change(old, new) {
            Some(
                EndpointChange::Fails(Failure { phase, reason, .. })
                | EndpointChange::FailsOtherwise(_, Failure { phase, reason, .. }),
            ) => {
                tracing::info!(endpoint, route, %phase, %reason, "control fails");
            }
            Some(EndpointChange::Answers(..)) => tracing::info!(endpoint, route, "control answers"),
            _ => {}
        }
        return;
    }
    match change(old, new) {
        Some(EndpointChange::Fails(Failure { phase, reason, detail })) => {
            tracing::warn!(component, endpoint, route, %phase, %reason, detail, "endpoint fails");
        }
        Some(EndpointChange::FailsOtherwise(was, Failure { phase, reason, detail })) => {
            let previous = format!("{}: {}", was.phase, was.reason);
            tracing::warn!(component, endpoint, route, %phase, %reason, detail, previous, "endpoint fails for a different reason");
        }
        Some(EndpointChange::Answers(after, concern)) => {
            let after = humantime::format_duration(after).to_string();
            let concern = concern.map(ToString::to_string);
            tracing::info!(component, endpoint, route, after, concern, "endpoint recovered");
        }
        Some(EndpointChange::Degrades(concern)) => {
            tracing::warn!(component, endpoint, route, %concern, "endpoint degraded");
        }
        Some(EndpointChange::Recovers) => {
            tracing::info!(component, endpoint, route, "endpoint recovered from degradation");
        }
        None => {}
    }
}

fn change<'a>(old: &'a TargetState, new: &'a TargetState) -> Option<EndpointChange<'a>> {
    match (failure(old), failure(new)) {
        (None, Some(is)) => Some(EndpointChange::Fails(is)),
        (Some(was), Some(is)) => ((was.phase, was.reason) != (is.phase, is.reason))
            .then_some(EndpointChange::FailsOtherwise(was, is)),
        (Some(_), None) => {
            let after = new.last.as_ref().map_or(Duration::ZERO, |last| passed(old.failing_since, last.at));
            Some(EndpointChange::Answers(after, new.concern()))
        }
        (None, None) => match (old.concern().map(Concern::kind), new.concern()) {
            (was, Some(is)) => (was != Some(is.kind())).then_some(EndpointChange::Degrades(is)),
            (Some(_), None) => Some(EndpointChange::Recovers),
            (None, None) => None,
        },
    }
}

fn failure(state: &TargetState) -> Option<&Failure> {
    match state.concern()? {
        Concern::Failure { failure, .. } => Some(failure),
        _ => None,
    }
}

/// Whole seconds; zero if the clock was set back.
fn passed(since: Option<SystemTime>, until: SystemTime) -> Duration {
    let passed = since.and_then(|since| until.duration_since(since).ok()).unwrap_or_default();
    Duration::from_secs(passed.as_secs())
}

fn components(before: &Snapshot, after: &Snapshot) {
    for new in &after.components {
        let same = |old: &&super::ComponentState| old.component == new.component && old.route == new.route;
        let was = before.components.iter().find(same).and_then(|old| old.verdict);
        let (component, route) = (new.component.as_str(), new.route.as_str());
        let previous = was.map(Verdict::as_str);
        match new.verdict {
            verdict if verdict == was => {}
            Some(Verdict::Good) => {
                tracing::info!(component, route, verdict = "good", previous, "component state changed");
            }
            Some(verdict) => {
                let verdict = verdict.as_str();
                tracing::warn!(component, route, verdict, previous, "component state changed");
            }
            None => {}
        }
    }
}

fn maps(before: &Snapshot, after: &Snapshot) {
    for new in &after.maps {
        let same = |old: &&super::MapsState| old.route == new.route && old.options == new.options;
        let was = before.maps.iter().find(same).map(|old| &old.connection);
        let (route, ssl_options) = (new.route.as_str(), new.options.as_str());
        match &new.connection {
            connection if was.is_some_and(|was| alike(was, connection)) => {}
            MapsConnection::Connected => tracing::info!(route, ssl_options, "MAPS connected"),
            MapsConnection::Lost(unserved) => {
                for UnservedNeed { need, phase, reason, .. } in unserved {
                    tracing::warn!(route, ssl_options, need, %phase, %reason, "MAPS lost");
                }
            }
            MapsConnection::Unknown => {}
        }
    }
}

/// Whether two connections are equal for the log, which ignores which endpoint got furthest.
fn alike(one: &MapsConnection, other: &MapsConnection) -> bool {
    let ends = |of: &MapsConnection| {
        let unserved = of.unserved().iter();
        unserved.map(|of| (of.need.clone(), of.phase, of.reason)).collect::<Vec<_>>()
    };
    std::mem::discriminant(one) == std::mem::discriminant(other) && ends(one) == ends(other)
}

fn sources(before: &Snapshot, after: &Snapshot) {
    for new in &after.signatures.sources {
        let same = |old: &&super::SourceState| old.source == new.source && old.route == new.route;
        let was = before.signatures.sources.iter().find(same).and_then(|old| old.available);
        let (source, route) = (new.source.as_str(), new.route.as_str());
        match new.available {
            available if available == was => {}
            Some(true) => tracing::info!(source, route, "update source available"),
            Some(false) => tracing::warn!(source, route, "update source unavailable"),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{FailureCode, FailureReason, Phase};
    use crate::plan::TargetId;
    use crate::report::simulation;

    const NXDOMAIN: FailureCode = FailureCode::new(Phase::Resolve, FailureReason::Nxdomain);
    const REFUSED: FailureCode = FailureCode::new(Phase::Connect, FailureReason::Refused);

    #[test]
    fn only_what_changes_is_a_change() {
        let mut snapshot = simulation::fresh(&["direct"]);
        let id = TargetId(0);
        let mut turn = |second: u64, fails: Option<FailureCode>| {
            let before = snapshot.targets[0].clone();
            match fails {
                Some(of) => simulation::fail(&mut snapshot, id, second, of, "why"),
                None => simulation::observe(&mut snapshot, id, second, |_| None),
            }
            format!("{:?}", change(&before, &snapshot.targets[0]))
        };
        assert_eq!(turn(0, None), "None", "a first success is none");
        assert!(turn(10, Some(NXDOMAIN)).contains("Fails(Failure { phase: Resolve, reason: Nxdomain"));
        assert_eq!(turn(20, Some(NXDOMAIN)), "None");
        assert!(turn(30, Some(REFUSED)).contains("FailsOtherwise"));
        assert_eq!(turn(310, None), "Some(Answers(300s, None))", "since the first of the failures");
        assert_eq!(turn(320, None), "None");
    }

    #[test]
    fn an_unexpected_answer_is_logged_once() {
        let mut snapshot = simulation::healthy(&["direct"]);
        let id = simulation::target(&snapshot, simulation::FIRM, "direct");
        let mut turn = |second: u64, status: u16| {
            let before = snapshot.targets[id.0].clone();
            simulation::observe(&mut snapshot, id, second, |facts| {
                facts.http.as_mut().expect("an answer").status = status;
                None
            });
            format!("{:?}", change(&before, &snapshot.targets[id.0]))
        };
        assert_eq!(turn(70, 404), "None");
        assert!(turn(130, 418).starts_with("Some(Degrades(UnexpectedStatus { status: 418"));
        assert_eq!(turn(190, 418), "None");
        assert_eq!(turn(250, 404), "Some(Recovers)");
    }
}
