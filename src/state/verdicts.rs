//! Updates verdicts when the state changes: those of an endpoint and its siblings, its component, its update sources,
//! and MAPS by route. `verdict` has the rules; this file decides what to update.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Snapshot, TargetState};
use crate::catalog::{Component, Endpoint};
use crate::plan::{Target, TargetId};
use crate::revocation::UndeterminedCause;
use crate::verdict::{self, Concern, MapsProbe, SslOptions, Verdict};

impl Snapshot {
    /// Judges a target after a change. If it began or stopped answering, also judges the targets of its region whose
    /// verdicts depend on that. Returns whether a verdict changed.
    pub(super) fn judge_target(&mut self, id: TargetId, answered_before: bool) -> bool {
        let mut changed = self.judge_alone(id);
        if self.targets[id.0].answers() != answered_before {
            let others: Vec<_> = self.siblings(id).filter(|other| self.may_be_retired(*other)).collect();
            for other in others {
                changed |= self.judge_alone(other);
            }
        }
        changed
    }

    /// Judges one target. Returns whether its verdict changed.
    pub(super) fn judge_alone(&mut self, id: TargetId) -> bool {
        let sibling_answers =
            self.may_be_retired(id) && self.siblings(id).any(|other| self.targets[other.0].answers());
        let plan = Arc::clone(&self.plan);
        let state = Arc::make_mut(&mut self.targets[id.0]);
        let before = state.verdict();
        state.judge(&plan.target(id).endpoint, sibling_answers);
        state.verdict() != before
    }

    fn may_be_retired(&self, id: TargetId) -> bool {
        let endpoint = &self.plan.target(id).endpoint;
        self.targets[id.0].last.as_ref().is_some_and(|last| verdict::may_be_retired(endpoint, last))
    }

    /// The other targets of its region on the same route.
    fn siblings(&self, id: TargetId) -> impl Iterator<Item = TargetId> {
        let own = self.plan.target(id);
        let is_sibling = |target: &Target| {
            target.route.name == own.route.name && verdict::are_siblings(&own.endpoint, &target.endpoint)
        };
        let targets = self.plan.targets.iter().enumerate();
        targets.filter(move |(_, target)| is_sibling(target)).map(|(n, _)| TargetId(n))
    }

    /// Updates the verdicts that depend on a target. Verdicts on components and sources depend only on the verdicts of
    /// their targets, so they are skipped unless `changed`: with ten thousand targets, that matters. The MAPS
    /// connection depends on more and is always updated.
    pub(super) fn rejudge(&mut self, target: &Target, changed: bool, answered: Option<SystemTime>) {
        if changed {
            self.judge(target);
        }
        if serves_maps(target) {
            self.judge_maps(&target.route.name);
        }
        self.judge_sources(target, changed, answered);
    }

    /// Updates the verdict on the component and route of `changed`.
    pub(super) fn judge(&mut self, changed: &Target) {
        let component = changed.endpoint.component;
        let Some(known) = self.plan.components.iter().find(|c| c.spec.component == component) else { return };
        let members = self.iter().filter(|(_, target, _)| belongs_to(target, component, &changed.route.name));
        let verdict = verdict::component(
            &known.spec,
            members.map(|(_, target, state)| (&target.endpoint, state.verdict())),
        );
        let entry =
            self.components.iter_mut().find(|c| c.component == component && c.route == changed.route.name);
        if let Some(entry) = entry {
            entry.verdict = verdict;
        }
    }

    /// Updates whether clients can connect to MAPS on this route.
    pub(super) fn judge_maps(&mut self, route: &str) {
        let plan = Arc::clone(&self.plan);
        let Some(known) = plan.components.iter().find(|c| c.spec.component == Component::Maps) else {
            return;
        };
        let own = self.iter().filter(|(_, target, _)| target.route.name == route && serves_maps(target));
        let probes: Vec<_> = own
            .filter_map(|(id, target, state)| Some(state.maps_probe(id, target.endpoint.serves.as_deref()?)))
            .collect();
        let judge = |options: &SslOptions| verdict::connection(*options, &known.spec.needs, &probes);
        let judged: Vec<_> = SslOptions::ALL.iter().map(|options| (*options, judge(options))).collect();
        for (options, connection) in judged {
            let mut states = self.maps.iter_mut();
            let state = states.find(|state| state.route == route && state.options == options);
            if let Some(state) = state {
                state.connection = connection;
            }
        }
    }
}

/// Whether a target belongs to a component and is probed over a route.
pub(super) fn belongs_to(target: &Target, component: Component, route: &str) -> bool {
    target.endpoint.component == component && target.route.name == route
}

/// Whether clients need this endpoint to connect to MAPS.
pub(crate) fn serves_maps(target: &Target) -> bool {
    target.endpoint.component == Component::Maps && target.endpoint.serves.is_some()
}

impl TargetState {
    /// The verdict. Returns `None` before the first probe, and if the failure is the exporter machine's.
    #[must_use]
    pub fn verdict(&self) -> Option<Verdict> {
        self.judgement.as_ref()?.verdict()
    }

    /// Why the verdict is not good, or is still unknown. Returns `None` if it is good, and before the first probe.
    #[must_use]
    pub fn concern(&self) -> Option<&Concern> {
        self.judgement.as_ref()?.concern()
    }

    /// Whether the endpoint fails. A listed host that Microsoft has retired doesn't.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        matches!(self.concern(), Some(Concern::Failure { .. }))
    }

    /// Judges the state against the expectations of the catalog or the configuration. Must be called after each change
    /// of either.
    pub(crate) fn judge(&mut self, endpoint: &Endpoint, sibling_answers: bool) {
        let (last, revocation) = (self.last.as_deref(), self.revocation.as_deref());
        let judge = |last| verdict::endpoint(endpoint, last, revocation, sibling_answers);
        self.judgement = last.map(judge);
        self.notes = last.map(|last| verdict::notes(endpoint, last, sibling_answers)).unwrap_or_default();
    }

    /// Whether the last probe received an answer without a known problem.
    pub(super) fn answers(&self) -> bool {
        self.last.as_ref().is_some_and(|last| last.success())
    }

    /// The target's state as input of the MAPS verdict.
    fn maps_probe<'a>(&'a self, target: TargetId, need: &'a str) -> MapsProbe<'a> {
        let known = self
            .revocation
            .as_ref()
            .filter(|report| !report.cause().is_some_and(UndeterminedCause::is_inconclusive));
        MapsProbe { target, need, probe: self.last.as_deref(), revocation: known.map(|report| report.status) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Confidence, Geo, ListedSource, ProbeUrl, UpdateSource, embedded};
    use crate::config::Config;
    use crate::observation::{FailureCode, FailureReason, Phase};
    use crate::plan::plan;
    use crate::report::simulation;
    use crate::revocation::RevocationStatus;
    use crate::state::ComponentState;
    use crate::verdict::{MapsConnection, Note};

    /// The sample storage accounts in the United States, starting with those that are only listed.
    fn accounts(snapshot: &Snapshot) -> (Vec<TargetId>, Vec<TargetId>) {
        let own = |target: &Target| {
            target.endpoint.component == Component::Submission && target.endpoint.geo == Some(Geo::Us)
        };
        let all = snapshot.iter().filter(|(_, target, _)| own(target));
        let (listed, tested): (Vec<_>, Vec<_>) =
            all.partition(|(_, target, _)| target.endpoint.confidence == Confidence::D);
        let ids = |of: Vec<(TargetId, &Target, &TargetState)>| of.into_iter().map(|(id, ..)| id).collect();
        (ids(listed), ids(tested))
    }

    #[test]
    fn a_listed_host_is_retired_while_its_region_answers() {
        const NXDOMAIN: FailureCode = FailureCode::new(Phase::Resolve, FailureReason::Nxdomain);
        const TIMEOUT: FailureCode = FailureCode::new(Phase::Connect, FailureReason::Timeout);
        let mut snapshot = simulation::fresh(&["direct"]);
        let (listed, tested) = accounts(&snapshot);
        assert!(listed.len() > 2 && tested.len() > 1);
        let verdicts = |snapshot: &Snapshot| {
            let of = |id: &TargetId| (snapshot.targets[id.0].verdict(), snapshot.targets[id.0].notes.clone());
            listed.iter().map(of).collect::<Vec<_>>()
        };
        let all =
            |expected: (Option<Verdict>, &[Note])| vec![(expected.0, expected.1.to_vec()); listed.len()];
        for id in &listed {
            simulation::fail(&mut snapshot, *id, 10, NXDOMAIN, "");
        }
        assert_eq!(verdicts(&snapshot), all((Some(Verdict::Bad), &[])), "nothing answers yet");
        simulation::observe(&mut snapshot, tested[0], 10, |_| None);
        let retired = all((Some(Verdict::Good), &[Note::Retired]));
        assert_eq!(verdicts(&snapshot), retired);
        for id in &tested {
            simulation::fail(&mut snapshot, *id, 70, TIMEOUT, "");
        }
        assert_eq!(verdicts(&snapshot), all((Some(Verdict::Bad), &[])), "the region is blocked");
        // An existing but blocked account gets no note, whatever its siblings do. Neither does one that clients are
        // known to use.
        simulation::observe(&mut snapshot, tested[0], 130, |_| None);
        simulation::fail(&mut snapshot, listed[0], 130, TIMEOUT, "");
        simulation::fail(&mut snapshot, tested[1], 130, NXDOMAIN, "");
        let bad = |id: TargetId| snapshot.targets[id.0].verdict() == Some(Verdict::Bad);
        assert!(bad(listed[0]) && bad(tested[1]) && !bad(listed[1]));
    }

    /// Chains need the lists of roots whatever the machines update from, and a company can serve them itself: no alarm.
    #[test]
    fn without_microsoft_update_blocked_lists_of_roots_degrade_alone() {
        let address = ProbeUrl::parse("http://wsus.example:8530").ok();
        let wsus = ListedSource { source: UpdateSource::InternalServer, address };
        let config = Config { update_sources: vec![wsus], ..Config::default() };
        let plan = plan(embedded(), &config).expect("fits the catalog");
        let mut snapshot = Snapshot::new(Arc::new(plan), simulation::at(0));
        for n in 0..snapshot.targets.len() {
            simulation::observe(&mut snapshot, TargetId(n), 10, |_| None);
            simulation::revocation(&mut snapshot, TargetId(n), (RevocationStatus::Good, None), "");
        }
        let is_list = |target: &Target| target.endpoint.url.host() == "ctldl.windowsupdate.com";
        let lists = snapshot.iter().filter(|(_, target, _)| is_list(target)).map(|(id, ..)| id);
        let lists: Vec<_> = lists.collect();
        assert_eq!(lists.len(), 2);
        for id in &lists {
            simulation::fail(&mut snapshot, *id, 70, (Phase::Connect, FailureReason::Timeout), "");
            assert_eq!(snapshot.targets[id.0].verdict(), Some(Verdict::Degraded));
        }
        for ComponentState { component, verdict, .. } in &snapshot.components {
            let expected = if *component == Component::Crl { Verdict::Degraded } else { Verdict::Good };
            assert_eq!(*verdict, Some(expected), "{component}");
        }
        assert!(snapshot.maps.iter().all(|maps| maps.connection == MapsConnection::Connected));
    }
}
