//! Groups what is wrong by cause: forty endpoints behind one dead name server need one fix. Serves the page and `check`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Why;
use crate::catalog::Component;
use crate::plan::{Plan, TargetId};
use crate::state::Snapshot;
use crate::verdict::{ConcernKind, SslOptions, Verdict};

/// A cause and the endpoints that it affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseGroup {
    /// The kind of concern.
    pub concern: ConcernKind,
    /// The cause in one line.
    pub title: String,
    /// The codes that `explain` accepts; none for an unusual status and for stripped ranges. Several if a proxy fails
    /// plain requests in another phase than tunnels.
    pub codes: Vec<String>,
    /// The worst verdict among its endpoints; `None` if their state is unknown.
    pub verdict: Option<Verdict>,
    /// The affected targets, in the plan's order.
    pub targets: Vec<TargetId>,
    /// The first remedies for each affected component, without duplicates.
    pub remedies: Vec<String>,
    /// Details of the first target, cleaned and truncated.
    pub detail: String,
}

/// What a cause affects, in the plan's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affected<'a> {
    /// The number of endpoints, whatever the number of routes.
    pub endpoints: usize,
    /// Their components.
    pub components: Vec<Component>,
    /// The routes; empty if the plan has a single one.
    pub routes: Vec<&'a str>,
}

/// The causes: those that keep clients from MAPS first, then by severity and the number of endpoints.
#[must_use]
pub fn causes(snapshot: &Snapshot) -> Vec<CauseGroup> {
    let mut causes: BTreeMap<(Option<String>, String), CauseGroup> = BTreeMap::new();
    for (id, target, state) in snapshot.defender() {
        let Some(why) = state.concern().map(Why::from) else { continue };
        let remedies = why.first_remedies(target.endpoint.component);
        let cause = causes.entry((why.code(), why.title.clone())).or_insert_with(|| CauseGroup::new(why));
        if severity(state.verdict()) < severity(cause.verdict) {
            cause.verdict = state.verdict();
        }
        cause.targets.push(id);
        for remedy in remedies {
            if !cause.remedies.contains(&remedy) {
                cause.remedies.push(remedy);
            }
        }
    }
    let blamed = blamed_for_maps(snapshot);
    let mut causes = merged(causes.into_values());
    causes.sort_by_key(|cause| {
        let loses_maps = cause.targets.iter().any(|id| blamed.contains(id));
        (!loses_maps, severity(cause.verdict), Reverse(cause.targets.len()))
    });
    causes
}

/// Causes with the same title and the same remedies are one.
fn merged(causes: impl Iterator<Item = CauseGroup>) -> Vec<CauseGroup> {
    let mut merged: Vec<CauseGroup> = Vec::new();
    for cause in causes {
        let same = |known: &&mut CauseGroup| known.title == cause.title && known.remedies == cause.remedies;
        let Some(known) = merged.iter_mut().find(same) else {
            merged.push(cause);
            continue;
        };
        if severity(cause.verdict) < severity(known.verdict) {
            known.verdict = cause.verdict;
        }
        known.codes.extend(cause.codes);
        known.targets.extend(cause.targets);
        known.targets.sort_unstable();
    }
    merged
}

impl CauseGroup {
    /// What it affects.
    #[must_use]
    pub fn affected<'a>(&self, plan: &'a Plan) -> Affected<'a> {
        let (mut endpoints, mut components, mut routes) = (BTreeSet::new(), Vec::new(), Vec::new());
        for target in self.targets.iter().map(|id| plan.target(*id)) {
            let (endpoint, route) = (&target.endpoint, target.route.name.as_str());
            endpoints.insert((endpoint.component, endpoint.url.as_str()));
            if !components.contains(&endpoint.component) {
                components.push(endpoint.component);
            }
            if plan.routes.len() > 1 && !routes.contains(&route) {
                routes.push(route);
            }
        }
        Affected { endpoints: endpoints.len(), components, routes }
    }

    fn new(why: Why) -> Self {
        Self {
            concern: why.concern,
            codes: why.code().into_iter().collect(),
            title: why.title,
            verdict: None,
            targets: Vec::new(),
            remedies: Vec::new(),
            detail: why.detail,
        }
    }
}

/// The targets because of which clients with the default `SSLOptions` don't connect to MAPS.
fn blamed_for_maps(snapshot: &Snapshot) -> Vec<TargetId> {
    let default = snapshot.maps.iter().filter(|maps| maps.options == SslOptions::DEFAULT);
    default.flat_map(|maps| maps.connection.unserved()).map(|need| need.nearest).collect()
}

/// The worst is the smallest.
const fn severity(verdict: Option<Verdict>) -> u8 {
    match verdict {
        Some(Verdict::Bad) => 0,
        Some(Verdict::Degraded) => 1,
        None => 2,
        Some(Verdict::Good) => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{FailureReason as R, Phase};
    use crate::report::simulation;

    #[test]
    fn what_loses_maps_comes_first() {
        let check = |lost: bool, expected: [&str; 2]| {
            let mut snapshot = simulation::healthy(&["direct"]);
            for (id, target, _) in snapshot.clone().iter() {
                match target.endpoint.component {
                    Component::Adl => {
                        simulation::fail(&mut snapshot, id, 70, (Phase::Connect, R::Refused), "");
                    }
                    Component::Maps if lost || target.endpoint.url.host() == "wdcp.microsoft.com" => {
                        simulation::fail(&mut snapshot, id, 70, (Phase::Resolve, R::Nxdomain), "");
                    }
                    _ => {}
                }
            }
            let found = causes(&snapshot);
            let codes: Vec<_> = found.iter().flat_map(|cause| &cause.codes).collect();
            assert_eq!(codes, expected);
        };
        check(false, ["connect.refused", "resolve.nxdomain"]);
        check(true, ["resolve.nxdomain", "connect.refused"]);
    }

    #[test]
    fn a_proxy_that_demands_a_password_is_one_cause() {
        let mut snapshot = simulation::healthy(&["direct"]);
        for (n, phase) in [Phase::Tunnel, Phase::Request, Phase::Tunnel].into_iter().enumerate() {
            simulation::fail(&mut snapshot, TargetId(n), 70, (phase, R::AuthRequired), "");
        }
        let found = causes(&snapshot);
        let [cause] = found.as_slice() else { panic!("one cause: {found:?}") };
        assert_eq!(cause.targets, [TargetId(0), TargetId(1), TargetId(2)]);
        assert_eq!(cause.codes, ["request.auth_required", "tunnel.auth_required"]);
    }

    #[test]
    fn a_cause_has_its_worst_verdict_once() {
        let mut snapshot = simulation::healthy(&["direct", "proxy"]);
        assert_eq!(causes(&snapshot), []);
        for route in ["direct", "proxy"] {
            let id = simulation::target(&snapshot, simulation::MAPS, route);
            simulation::fail(&mut snapshot, id, 70, (Phase::Connect, R::Refused), "by the test");
        }
        let found = causes(&snapshot);
        let [cause] = found.as_slice() else { panic!("one cause: {found:?}") };
        assert_eq!((cause.verdict, cause.targets.len()), (Some(Verdict::Bad), 2));
        assert_eq!((cause.remedies.len(), cause.detail.as_str()), (1, "by the test"));
    }
}
