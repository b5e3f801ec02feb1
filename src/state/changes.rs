//! What the log says of the state: one line for each change of an endpoint, a component, MAPS or an update source, and none
//! for a probe that changes nothing.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{Snapshot, TargetState};
use crate::observation::Failure;
use crate::plan::Target;
use crate::verdict::{Connection, Verdict};

/// What happened to an endpoint.
#[derive(Clone, Debug, PartialEq)]
enum Change<'a> {
    /// It fails, and didn't before.
    Fails(&'a Failure),
    /// It fails as before, but otherwise.
    FailsOtherwise(&'a Failure, &'a Failure),
    /// It answers again, after that time.
    Answers(Duration),
}

/// Says what is different.
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
    for (old, heir) in before.targets.iter().zip(before.plan.heirs(&after.plan)) {
        if let Some(heir) = heir {
            endpoint(after.plan.target(heir.id), old, &after.targets[heir.id.0]);
        }
    }
}

fn endpoint(target: &Target, old: &TargetState, new: &TargetState) {
    let (component, endpoint) = (target.endpoint.component.as_str(), target.endpoint.url.as_str());
    let route = target.route.name.as_str();
    match change(old, new) {
        Some(Change::Fails(Failure { stage, reason, detail })) => {
            tracing::warn!(component, endpoint, route, %stage, %reason, detail, "endpoint fails");
        }
        Some(Change::FailsOtherwise(was, Failure { stage, reason, detail })) => {
            let was = format!("{}: {}", was.stage, was.reason);
            tracing::warn!(component, endpoint, route, %stage, %reason, detail, was, "endpoint fails for another reason");
        }
        Some(Change::Answers(after)) => {
            let after = humantime::format_duration(after).to_string();
            tracing::info!(component, endpoint, route, after, "endpoint answers again");
        }
        None => {}
    }
}

fn change<'a>(old: &'a TargetState, new: &'a TargetState) -> Option<Change<'a>> {
    let last = new.last.as_ref().filter(|last| old.last.as_ref() != Some(last))?;
    let was = old.last.as_ref().and_then(|last| last.failure.as_ref());
    match (was, &last.failure) {
        (None, None) => None,
        (None, Some(failure)) => Some(Change::Fails(failure)),
        (Some(was), Some(is)) => {
            ((was.stage, was.reason) != (is.stage, is.reason)).then_some(Change::FailsOtherwise(was, is))
        }
        (Some(_), None) => Some(Change::Answers(passed(old.failing_since, last.at))),
    }
}

/// Whole seconds; none where the clock was set back.
fn passed(since: Option<SystemTime>, until: SystemTime) -> Duration {
    let passed = since.and_then(|since| until.duration_since(since).ok()).unwrap_or_default();
    Duration::from_secs(passed.as_secs())
}

fn components(before: &Snapshot, after: &Snapshot) {
    for new in &after.components {
        let same = |old: &&super::ComponentState| old.component == new.component && old.route == new.route;
        let was = before.components.iter().find(same).and_then(|old| old.verdict);
        let (component, route) = (new.component.as_str(), new.route.as_str());
        match new.verdict {
            verdict if verdict == was => {}
            Some(Verdict::Good) => tracing::info!(component, route, verdict = "good", "component"),
            Some(verdict) => tracing::warn!(component, route, verdict = verdict.as_str(), "component"),
            None => {}
        }
    }
}

fn maps(before: &Snapshot, after: &Snapshot) {
    for new in &after.maps {
        let same = |old: &&super::MapsState| old.route == new.route && old.options == new.options;
        let was = before.maps.iter().find(same).map(|old| old.connection);
        let (route, ssl_options) = (new.route.as_str(), new.options.as_str());
        match new.connection {
            connection if Some(connection) == was => {}
            Connection::Connected => tracing::info!(route, ssl_options, "MAPS is connected"),
            Connection::Lost { stage, reason } => {
                tracing::warn!(route, ssl_options, %stage, %reason, "MAPS is lost");
            }
            Connection::Unknown => {}
        }
    }
}

fn sources(before: &Snapshot, after: &Snapshot) {
    for new in &after.signatures.sources {
        let same = |old: &&super::SourceState| old.source == new.source && old.route == new.route;
        let was = before.signatures.sources.iter().find(same).and_then(|old| old.available);
        let (source, route) = (new.source.as_str(), new.route.as_str());
        match new.available {
            available if available == was => {}
            Some(true) => tracing::info!(source, route, "update source is available"),
            Some(false) => tracing::warn!(source, route, "update source is not available"),
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{FailureReason, Stage};
    use crate::plan::TargetId;
    use crate::report::sample;

    const NXDOMAIN: (Stage, FailureReason) = (Stage::Resolve, FailureReason::Nxdomain);
    const REFUSED: (Stage, FailureReason) = (Stage::Connect, FailureReason::Refused);

    #[test]
    fn only_what_changes_is_a_change() {
        let mut snapshot = sample::fresh(&["direct"]);
        let id = TargetId(0);
        let mut turn = |second: u64, fails: Option<(Stage, FailureReason)>| {
            let before = snapshot.targets[0].clone();
            match fails {
                Some(of) => sample::fail(&mut snapshot, id, second, of, "why"),
                None => sample::observe(&mut snapshot, id, second, |_| None),
            }
            format!("{:?}", change(&before, &snapshot.targets[0]))
        };
        assert_eq!(turn(0, None), "None", "a first success is none");
        assert!(turn(10, Some(NXDOMAIN)).contains("Fails(Failure { stage: Resolve, reason: Nxdomain"));
        assert_eq!(turn(20, Some(NXDOMAIN)), "None");
        assert!(turn(30, Some(REFUSED)).contains("FailsOtherwise"));
        assert_eq!(turn(310, None), "Some(Answers(300s))", "since the first of the failures");
        assert_eq!(turn(320, None), "None");
    }
}
