//! The owner: folds events into what is known, and publishes it. The fold is pure; only [`run`] waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::{
    ComponentState, FailureKey, Histogram, LatencyKey, MapsState, SignaturesState, Snapshot, TargetState,
    changes,
};
use crate::catalog::{Component, Scheme};
use crate::engine::{Checked, Event};
use crate::observation::{FAILURE_PAIRS, Failure, Observation, Stage};
use crate::plan::{Plan, Route, Target};
use crate::trust::VerifiedPath;
use crate::trust::revocation::{Cause, RevocationReport};
use crate::verdict::{self, Connection, SslOptions, Verdict, Way};

impl Snapshot {
    /// What is known before the first probe: every counter at 0.
    #[must_use]
    pub fn new(plan: Arc<Plan>, config_loaded: SystemTime) -> Self {
        let mut components = Vec::new();
        let mut latencies = BTreeMap::new();
        let mut failures = BTreeMap::new();
        for (known, route) in plan.components.iter().flat_map(|c| plan.routes.iter().map(move |r| (c, r))) {
            let (component, name) = (known.spec.component, &route.name);
            let mut own = plan.targets.iter().filter(|t| is_of(t, component, name)).peekable();
            if own.peek().is_none() {
                continue; // the route isn't selected for it
            }
            components.push(ComponentState { component, route: name.clone(), verdict: None });
            for stage in stages(own) {
                latencies.insert(LatencyKey { component, route: name.clone(), stage }, Histogram::default());
                let reasons = FAILURE_PAIRS.iter().filter(|(at, _)| *at == stage).map(|(_, reason)| *reason);
                failures.extend(
                    reasons.map(|reason| (FailureKey { component, route: name.clone(), stage, reason }, 0)),
                );
            }
        }
        Self {
            targets: vec![Arc::default(); plan.targets.len()],
            components,
            maps: maps_states(&plan),
            crls: Arc::default(),
            latencies: Arc::new(latencies),
            failures: Arc::new(failures),
            overruns: Arc::new(plan.components.iter().map(|c| (c.spec.component, 0)).collect()),
            signatures: SignaturesState::new(&plan, config_loaded),
            host: None,
            config_loaded,
            reload_failed: false,
            was_ready: false,
            plan,
        }
    }

    /// Takes in one event.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Overrun(component) => {
                *Arc::make_mut(&mut self.overruns).entry(component).or_default() += 1;
            }
            Event::Observed(observation) => self.observe(*observation),
            Event::Revocation(checked) => self.revocation(*checked),
            Event::Feed(answer) => self.signatures.answered(*answer),
            Event::Host(facts) => {
                self.signatures.installed = facts.installed();
                self.host = Some(Arc::from(facts));
            }
            Event::NoHost => (self.host, self.signatures.installed) = (None, None),
            Event::Planned(planned) => self.succeed(planned.plan, planned.at),
            Event::ReloadFailed => self.reload_failed = true,
        }
    }

    fn observe(&mut self, mut observation: Observation) {
        let plan = Arc::clone(&self.plan);
        let target = plan.target(observation.target);
        if let Some(failure) = self.targets[observation.target.0].still_revoked(&observation) {
            observation.failure = Some(failure);
        }
        self.count(target, &observation);
        self.signatures.keep_time(observation.at);
        let answered = observation.success().then_some(observation.at);
        let state = Arc::make_mut(&mut self.targets[observation.target.0]);
        let before = state.verdict(target);
        state.fold(Arc::new(observation));
        let changed = state.verdict(target) != before;
        self.rejudge(target, changed, answered);
    }

    /// Takes in what a check of revocation found, unless another chain has been seen since.
    fn revocation(&mut self, checked: Checked) {
        let plan = Arc::clone(&self.plan);
        let target = plan.target(checked.target);
        Arc::make_mut(&mut self.crls).insert(target.route.name.clone(), checked.crls);
        let state = Arc::make_mut(&mut self.targets[checked.target.0]);
        if state.path() != Some(&checked.path) {
            return;
        }
        let before = state.verdict(target);
        let found = state.revoke(&checked.report);
        state.revocation = Some(checked.report);
        let changed = state.verdict(target) != before;
        if let Some(failure) = found {
            self.count_failure(target, &failure);
        }
        self.rejudge(target, changed, None);
    }

    /// The verdicts that a target's part in may have changed. Those on components and sources follow from the verdicts of
    /// their targets and from nothing else: where `changed` says that this one's is what it was, theirs are too, and nobody
    /// has to go through ten thousand others. The connection of MAPS follows from more than that.
    fn rejudge(&mut self, target: &Target, changed: bool, answered: Option<SystemTime>) {
        if changed {
            self.judge(target);
        }
        if serves_maps(target) {
            self.judge_maps(&target.route.name);
        }
        self.judge_sources(target, changed, answered);
    }

    fn count(&mut self, target: &Target, observation: &Observation) {
        let component = target.endpoint.component;
        let latencies = Arc::make_mut(&mut self.latencies);
        for stage in Stage::ALL.iter().copied() {
            let Some(took) = observation.facts.timings.get(stage) else { continue };
            let key = LatencyKey { component, route: target.route.name.clone(), stage };
            latencies.entry(key).or_default().observe(took.as_secs_f64());
        }
        if let Some(failure) = &observation.failure {
            self.count_failure(target, failure);
        }
    }

    fn count_failure(&mut self, target: &Target, failure: &Failure) {
        let (component, route) = (target.endpoint.component, target.route.name.clone());
        let key = FailureKey { component, route, stage: failure.stage, reason: failure.reason };
        *Arc::make_mut(&mut self.failures).entry(key).or_default() += 1;
    }

    /// The verdict of the component and route that `changed` belongs to.
    pub(super) fn judge(&mut self, changed: &Target) {
        let component = changed.endpoint.component;
        let Some(known) = self.plan.components.iter().find(|c| c.spec.component == component) else { return };
        let members = self.iter().filter(|(_, target, _)| is_of(target, component, &changed.route.name));
        let verdict = verdict::component(
            &known.spec,
            members.map(|(_, target, state)| (&target.endpoint, state.verdict(target))),
        );
        let entry =
            self.components.iter_mut().find(|c| c.component == component && c.route == changed.route.name);
        if let Some(entry) = entry {
            entry.verdict = verdict;
        }
    }

    /// Whether clients of MAPS get through by this route.
    pub(super) fn judge_maps(&mut self, route: &str) {
        let ways: Vec<_> = self
            .iter()
            .filter(|(_, target, _)| target.route.name == route && serves_maps(target))
            .map(|(id, _, state)| (id, state))
            .collect();
        let judge = |options: &SslOptions| {
            verdict::connection(*options, ways.iter().map(|(id, state)| (*id, state.way())))
        };
        let judged: Vec<_> = SslOptions::ALL.iter().map(|options| (*options, judge(options))).collect();
        for state in self.maps.iter_mut().filter(|state| state.route == route) {
            let Some((_, judged)) = judged.iter().find(|(options, _)| *options == state.options) else {
                continue;
            };
            (state.connection, state.nearest) = *judged;
        }
    }
}

/// Whether an endpoint's answer is what connects a client to MAPS.
fn serves_maps(target: &Target) -> bool {
    target.endpoint.component == Component::Maps && target.endpoint.serves.is_some()
}

/// Nothing known yet, for every route that MAPS is probed by.
fn maps_states(plan: &Plan) -> Vec<MapsState> {
    let probed =
        |route: &&Arc<Route>| plan.targets.iter().any(|t| t.route.name == route.name && serves_maps(t));
    let options = |route: &Arc<Route>| {
        let route = route.name.clone();
        SslOptions::ALL.iter().map(move |options| MapsState {
            route: route.clone(),
            options: *options,
            connection: Connection::Unknown,
            nearest: None,
        })
    };
    plan.routes.iter().filter(probed).flat_map(options).collect()
}

impl TargetState {
    fn fold(&mut self, observation: Arc<Observation>) {
        self.probes += 1;
        if observation.facts.tls.as_ref().and_then(|tls| tls.path.as_ref()) != self.path() {
            self.revocation = None; // what was known is of another chain
        }
        if observation.success() {
            (self.last_success, self.failing_since) = (Some(observation.at), None);
        } else {
            self.failures += 1;
            self.failing_since.get_or_insert(observation.at);
            self.last_failure = Some(Arc::clone(&observation));
        }
        self.last = Some(observation);
    }

    /// What the last probe means; none before the first, and where it tells of this machine alone.
    #[must_use]
    pub fn verdict(&self, target: &Target) -> Option<Verdict> {
        let revocation = self.revocation.as_deref();
        let last = self.last.as_ref().filter(|observation| observation.is_telling());
        last.map(|observation| verdict::endpoint(&target.endpoint, observation, revocation))
    }

    /// The last probe that failed, where the last one isn't it.
    #[must_use]
    pub fn earlier_failure(&self) -> Option<&Observation> {
        let last = self.last.as_ref();
        self.last_failure.as_ref().filter(|failed| last != Some(failed)).map(AsRef::as_ref)
    }

    /// The verified path of the last probe's chain.
    fn path(&self) -> Option<&Arc<VerifiedPath>> {
        self.last.as_ref()?.facts.tls.as_ref()?.path.as_ref()
    }

    /// What the last probe means for a client of MAPS.
    fn way(&self) -> Way<'_> {
        let known = self.revocation.as_ref().filter(|report| report.cause() != Some(Cause::Pending));
        (self.last.as_deref(), known.map(|report| report.status))
    }

    /// The failure of a probe whose chain was found to be revoked when it was last checked. The probe itself knows that only while
    /// the lists that say so aren't due again: the check that follows it asks for them, and may find otherwise.
    fn still_revoked(&self, observation: &Observation) -> Option<Failure> {
        let path = observation.facts.tls.as_ref()?.path.as_ref()?;
        let over_it = |failure: &Failure| matches!(failure.stage, Stage::Request | Stage::Transfer);
        if self.path() != Some(path) || !observation.failure.as_ref().is_none_or(over_it) {
            return None;
        }
        self.revocation.as_ref()?.failure()
    }

    /// Makes a failure of the last probe, if that wasn't one, where its chain turns out to be revoked.
    fn revoke(&mut self, report: &RevocationReport) -> Option<Failure> {
        let last = self.last.as_mut().filter(|last| last.success())?;
        let failure = report.failure()?;
        Arc::make_mut(last).failure = Some(failure.clone());
        self.failures += 1;
        self.failing_since.get_or_insert(last.at);
        self.last_failure = self.last.clone();
        Some(failure)
    }
}

/// Whether a target is of a component and a route.
pub(super) fn is_of(target: &Target, component: Component, route: &str) -> bool {
    target.endpoint.component == component && target.route.name == route
}

/// The stages that a probe of one of these targets can have: no tunnel without a proxy, no TLS where all is plain.
fn stages<'a>(targets: impl Iterator<Item = &'a Target>) -> impl Iterator<Item = Stage> {
    let (mut tls, mut tunnel) = (false, false);
    for Target { endpoint, route, .. } in targets {
        tls |= endpoint.url.scheme() == Scheme::Https || endpoint.follow_redirects > 0;
        tunnel |= route.via.may_use_a_proxy();
    }
    Stage::ALL.iter().copied().filter(move |stage| match stage {
        Stage::Tunnel => tunnel,
        Stage::Tls => tls,
        _ => true,
    })
}

/// The least time between two snapshots. Each is a copy of all that is known, however little of it changed: of ten thousand
/// targets, with hundreds of probes ending each second, copies would cost more than the probes.
const PUBLISHED_EVERY: Duration = Duration::from_millis(100);

/// Folds events until their senders are gone, and says in the log what has changed. An event that comes alone is published at
/// once, those of a burst together.
pub async fn run(
    mut snapshot: Snapshot,
    mut events: mpsc::Receiver<Event>,
    publish: watch::Sender<Arc<Snapshot>>,
) {
    let mut turns = interval(PUBLISHED_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay); // that long after the last one, not by the clock
    while let Some(event) = events.recv().await {
        turns.tick().await;
        let mut next = Some(event);
        while let Some(event) = next {
            snapshot.apply(event);
            next = events.try_recv().ok();
        }
        let after = Arc::new(snapshot.clone());
        let before = publish.send_replace(Arc::clone(&after));
        changes::log(&before, &after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::FailureReason;
    use crate::plan::TargetId;
    use crate::report::sample::{self, at};
    use crate::trust::revocation::Status;

    /// A target whose chain is found to be revoked after its probe at the tenth second, and is probed again a minute later with
    /// that outcome, before the next check.
    fn revoked_then(failure: Option<(Stage, FailureReason)>) -> (Snapshot, TargetId) {
        let mut snapshot = sample::healthy(&["direct"]);
        let target = sample::target(&snapshot, sample::MAPS, "direct");
        sample::revocation(&mut snapshot, target, (Status::Revoked, None), "");
        sample::observe(&mut snapshot, target, 70, |_| failure.map(|(at, why)| Failure::new(at, why, "")));
        (snapshot, target)
    }

    fn failure(snapshot: &Snapshot, target: TargetId) -> Option<(Stage, FailureReason)> {
        let last = snapshot.targets[target.0].last.as_ref()?;
        last.failure.as_ref().map(|failure| (failure.stage, failure.reason))
    }

    #[test]
    fn a_revoked_chain_does_not_succeed_again_before_it_is_checked_again() {
        let (mut snapshot, target) = revoked_then(None);
        let revoked = Some((Stage::Tls, FailureReason::Revoked));
        assert_eq!(failure(&snapshot, target), revoked);
        sample::revocation(&mut snapshot, target, (Status::Revoked, None), "");
        let state = &snapshot.targets[target.0];
        assert_eq!((state.probes, state.failures), (2, 2), "each is counted once");
        assert_eq!((state.last_success, state.failing_since), (Some(at(10)), Some(at(10))));
        assert_eq!(snapshot.failures.values().sum::<u64>(), 2);

        sample::revocation(&mut snapshot, target, (Status::Good, None), "");
        sample::observe(&mut snapshot, target, 130, |_| None);
        assert_eq!(failure(&snapshot, target), None, "it isn't any more");
        assert_eq!(snapshot.targets[target.0].failing_since, None);
    }

    #[test]
    fn what_comes_over_a_chain_that_is_known_to_be_revoked_does_not_hide_it() {
        let check = |of: (Stage, FailureReason), expected| {
            let (snapshot, target) = revoked_then(Some(of));
            assert_eq!(failure(&snapshot, target), Some(expected), "{of:?}");
        };
        let revoked = (Stage::Tls, FailureReason::Revoked);
        check((Stage::Request, FailureReason::BlockPage), revoked);
        check((Stage::Transfer, FailureReason::Timeout), revoked);
        check((Stage::Tls, FailureReason::Intercepted), (Stage::Tls, FailureReason::Intercepted));
    }
}
