//! Where routes disagree: endpoints that one way leads to and another doesn't.

use std::collections::BTreeMap;

use crate::catalog::Component;
use crate::state::{Snapshot, TargetState};
use crate::verdict::Verdict;

/// Each endpoint whose routes don't come to the same end, and how each of them ends:
/// `direct: connect: refused; machine-proxy: 503`.
#[must_use]
pub fn disagreements(snapshot: &Snapshot) -> Vec<(&str, String)> {
    let mut endpoints: BTreeMap<(Component, &str), Vec<Way<'_>>> = BTreeMap::new();
    for (_, target, state) in snapshot.iter() {
        let key = (target.endpoint.component, target.endpoint.url.as_str());
        let way = Way { route: &target.route.name, verdict: state.verdict(target), end: end(state) };
        endpoints.entry(key).or_default().push(way);
    }
    let different = endpoints.into_iter().filter(|(_, ways)| disagree(ways));
    let ends = different.map(|((_, url), ways)| {
        let ends: Vec<_> = ways.iter().map(|way| format!("{}: {}", way.route, way.end)).collect();
        (url, ends.join("; "))
    });
    ends.collect()
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
    fn check(ends: &[Result<u16, (Stage, FailureReason)>], expected: Option<&str>) {
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
        let url = "https://wdcp.microsoft.com/";
        let expected: Vec<_> = expected.iter().map(|ends| (url, (*ends).to_owned())).collect();
        assert_eq!(disagreements(&snapshot), expected, "{ends:?}");
    }

    #[test]
    fn endpoints_whose_routes_end_differently_are_named() {
        let refused = Err((Stage::Connect, FailureReason::Refused));
        check(&[Ok(503)], None);
        check(&[Ok(503), Ok(503)], None);
        check(&[refused, refused], None);
        check(&[refused, Ok(503)], Some("route0: connect: refused; route1: 503"));
        check(&[Ok(503), Ok(404)], Some("route0: 503; route1: 404"));
        let denied = Err((Stage::Tunnel, FailureReason::Denied));
        check(&[refused, denied], Some("route0: connect: refused; route1: tunnel: denied"));
    }
}
