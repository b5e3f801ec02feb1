//! Where routes disagree: endpoints that one way leads to and another doesn't.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::catalog::Component;
use crate::state::{Snapshot, TargetState};
use crate::verdict::Verdict;

/// One line for each endpoint whose routes don't come to the same end; empty where there is none.
pub(super) fn disagreements(snapshot: &Snapshot) -> String {
    let mut endpoints: BTreeMap<(Component, &str), Vec<Way<'_>>> = BTreeMap::new();
    for (_, target, state) in snapshot.iter() {
        let key = (target.endpoint.component, target.endpoint.url.as_str());
        let way = Way { route: &target.route.name, verdict: state.verdict(target), end: end(state) };
        endpoints.entry(key).or_default().push(way);
    }
    let mut text = String::new();
    for ((_, url), ways) in endpoints.into_iter().filter(|(_, ways)| disagree(ways)) {
        let ends: Vec<_> = ways.iter().map(|way| format!("{}: {}", way.route, way.end)).collect();
        let _ = writeln!(text, "  {url}\n    {}", ends.join("; ")); // a String never fails
    }
    if text.is_empty() { text } else { format!("\nRoutes disagree\n{text}") }
}

/// How one route ended.
struct Way<'a> {
    route: &'a str,
    verdict: Option<Verdict>,
    end: String,
}

/// Whether some came through and others didn't, or not by the same end.
fn disagree(ways: &[Way<'_>]) -> bool {
    let works = |way: &Way<'_>| way.verdict.map(|verdict| verdict != Verdict::Bad);
    ways.windows(2).any(|pair| works(&pair[0]) != works(&pair[1]) || pair[0].end != pair[1].end)
}

/// The status of a genuine answer, else where and why the probe failed.
fn end(state: &TargetState) -> String {
    let Some(last) = &state.last else { return "not probed".to_owned() };
    match (&last.failure, &last.facts.http) {
        (Some(failure), _) => format!("{}: {}", failure.stage, failure.reason),
        (None, Some(http)) => http.status.to_string(),
        (None, None) => "answered".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metrics::fixture;
    use crate::observation::{Failure, FailureReason, HttpFacts, Observation, Stage};
    use crate::plan::{Route, TargetId};

    /// What each route's probe of one endpoint ended with: a status, or a failure.
    fn check(ends: &[Result<u16, (Stage, FailureReason)>], expected: &str) {
        let mut snapshot = fixture::snapshot();
        let plan = Arc::make_mut(&mut snapshot.plan);
        let target = plan.targets[0].clone();
        plan.targets.clear();
        snapshot.targets.clear();
        for (n, end) in ends.iter().enumerate() {
            let route = Route { name: format!("route{n}"), ..(*Route::direct()).clone() };
            plan.targets.push(crate::plan::Target { route: Arc::new(route), ..target.clone() });
            let mut last = Observation {
                target: TargetId(n),
                at: std::time::SystemTime::UNIX_EPOCH,
                facts: crate::observation::Facts::default(),
                failure: None,
            };
            match end {
                Ok(status) => last.facts.http = Some(HttpFacts { status: *status, ..HttpFacts::default() }),
                Err((stage, reason)) => last.failure = Some(Failure::new(*stage, *reason, "")),
            }
            snapshot
                .targets
                .push(Arc::new(TargetState { last: Some(Arc::new(last)), ..TargetState::default() }));
        }
        assert_eq!(disagreements(&snapshot), expected, "{ends:?}");
    }

    #[test]
    fn endpoints_whose_routes_end_differently_are_named() {
        let refused = Err((Stage::Connect, FailureReason::Refused));
        let url = "\nRoutes disagree\n  https://wdcp.microsoft.com/\n    ";
        check(&[Ok(503)], "");
        check(&[Ok(503), Ok(503)], "");
        check(&[refused, refused], "");
        check(&[refused, Ok(503)], &format!("{url}route0: connect: refused; route1: 503\n"));
        check(&[Ok(503), Ok(404)], &format!("{url}route0: 503; route1: 404\n"));
        let denied = Err((Stage::Tunnel, FailureReason::Denied));
        check(&[refused, denied], &format!("{url}route0: connect: refused; route1: tunnel: denied\n"));
    }
}
