//! The reducer: applies events to the state and publishes it. Applying is pure; only [`run`] waits. `verdicts.rs`
//! updates the verdicts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

use super::chains::HopFailure;
use super::verdicts::{belongs_to, serves_maps};
use super::{
    ComponentState, FailureKey, Histogram, LatencyKey, MapsState, SignaturesState, Snapshot, TargetState,
    change_log,
};
use crate::catalog::Scheme;
use crate::event::{Event, RevocationChecked};
use crate::observation::{FAILURE_CODES, Failure, Observation, Phase};
use crate::plan::{Plan, Route, Target};
use crate::verdict::{MapsConnection, SslOptions};

impl Snapshot {
    /// The state before the first probe, with every counter at 0.
    #[must_use]
    pub fn new(plan: Arc<Plan>, config_loaded: SystemTime) -> Self {
        let mut components = Vec::new();
        let mut latencies = BTreeMap::new();
        let mut failures = BTreeMap::new();
        for (known, route) in plan.components.iter().flat_map(|c| plan.routes.iter().map(move |r| (c, r))) {
            let (component, name) = (known.spec.component, &route.name);
            let mut own = plan.targets.iter().filter(|t| belongs_to(t, component, name)).peekable();
            if own.peek().is_none() {
                continue; // the route isn't selected for it
            }
            if !component.is_control() {
                components.push(ComponentState { component, route: name.clone(), verdict: None });
            }
            for phase in phases(own) {
                latencies.insert(LatencyKey { component, route: name.clone(), phase }, Histogram::default());
                let reasons = FAILURE_CODES.iter().filter(|code| code.phase == phase).map(|code| code.reason);
                failures.extend(
                    reasons.map(|reason| (FailureKey { component, route: name.clone(), phase, reason }, 0)),
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
            split_hellos: Arc::default(),
            signatures: SignaturesState::new(&plan, config_loaded),
            host: None,
            config_loaded,
            reload_failed: false,
            was_ready: false,
            plan,
        }
    }

    /// Applies one event.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Overrun(component) => {
                *Arc::make_mut(&mut self.overruns).entry(component).or_default() += 1;
            }
            Event::Observed(observation) => self.observe(*observation),
            Event::Revocation(checked) => self.revocation(*checked),
            Event::SplitHello(compared) => self.compared(*compared),
            Event::Feed(answer) => self.signatures.answered(*answer),
            Event::Host(facts) => {
                self.signatures.installed = facts.installed();
                self.host = Some(Arc::from(facts));
            }
            Event::HostCleared => (self.host, self.signatures.installed) = (None, None),
            Event::PlanReplaced(planned) => self.replace_plan(planned.plan, planned.at),
            Event::ReloadFailed => self.reload_failed = true,
        }
    }

    fn observe(&mut self, mut observation: Observation) {
        let plan = Arc::clone(&self.plan);
        let target = plan.target(observation.target);
        if let Some(HopFailure { hop, failure }) =
            self.targets[observation.target.0].still_revoked(&observation)
        {
            observation.fail_at(hop, failure);
        }
        self.count(target, &observation);
        self.signatures.keep_time(observation.at);
        // A share offers what its newest package holds, whenever it is read.
        let package = observation.facts.package.as_ref();
        let offered = package.map_or(observation.at, |package| package.modified.min(observation.at));
        let answered = observation.success().then_some(offered);
        let (id, at) = (observation.target, observation.at);
        let answered_before = self.targets[id.0].answers();
        Arc::make_mut(&mut self.targets[id.0]).fold(Arc::new(observation));
        self.forget_unchecked_lists(id, at);
        let changed = self.judge_target(id, answered_before);
        self.rejudge(target, changed, answered);
    }

    /// Applies the result of a revocation check, unless a newer probe was presented other chains.
    fn revocation(&mut self, checked: RevocationChecked) {
        let plan = Arc::clone(&self.plan);
        let target = plan.target(checked.target);
        let state = Arc::make_mut(&mut self.targets[checked.target.0]);
        let answered_before = state.answers();
        if !state.record_revocation(checked.chains) {
            return;
        }
        let found = state.revoke();
        self.need_lists(checked.target, checked.crls);
        let changed = self.judge_target(checked.target, answered_before);
        if let Some(failure) = found {
            self.count_failure(target, &failure);
        }
        self.rejudge(target, changed, None);
    }

    fn count(&mut self, target: &Target, observation: &Observation) {
        let component = target.endpoint.component;
        let latencies = Arc::make_mut(&mut self.latencies);
        for phase in Phase::ALL.iter().copied() {
            let Some(took) = observation.facts.timings.get(phase) else { continue };
            let key = LatencyKey { component, route: target.route.name.clone(), phase };
            latencies.entry(key).or_default().observe(took.as_secs_f64());
        }
        if let Some(failure) = &observation.failure {
            self.count_failure(target, failure);
        }
    }

    fn count_failure(&mut self, target: &Target, failure: &Failure) {
        let (component, route) = (target.endpoint.component, target.route.name.clone());
        let key = FailureKey { component, route, phase: failure.phase, reason: failure.reason };
        *Arc::make_mut(&mut self.failures).entry(key).or_default() += 1;
    }
}

/// The initial state of MAPS, for every route on which it is probed.
fn maps_states(plan: &Plan) -> Vec<MapsState> {
    let probed =
        |route: &&Arc<Route>| plan.targets.iter().any(|t| t.route.name == route.name && serves_maps(t));
    let options = |route: &Arc<Route>| {
        let route = route.name.clone();
        SslOptions::ALL.iter().map(move |options| MapsState {
            route: route.clone(),
            options: *options,
            connection: MapsConnection::Unknown,
        })
    };
    plan.routes.iter().filter(probed).flat_map(options).collect()
}

impl TargetState {
    fn fold(&mut self, observation: Arc<Observation>) {
        self.probes += 1;
        self.retain_chains(&observation);
        if observation.success() {
            (self.last_success, self.failing_since) = (Some(observation.at), None);
        } else {
            self.failures += 1;
            self.failing_since.get_or_insert(observation.at);
            self.last_failure = Some(Arc::clone(&observation));
        }
        self.last = Some(observation);
    }

    /// The last failed probe, unless it is the last probe.
    #[must_use]
    pub fn earlier_failure(&self) -> Option<&Observation> {
        let last = self.last.as_ref();
        self.last_failure.as_ref().filter(|failed| last != Some(failed)).map(AsRef::as_ref)
    }
}

/// The phases that can occur: tunnel only with a proxy, TLS only with https.
fn phases<'a>(targets: impl Iterator<Item = &'a Target>) -> impl Iterator<Item = Phase> {
    let (mut tls, mut tunnel) = (false, false);
    for Target { endpoint, route, .. } in targets {
        tls |= endpoint.url.scheme() == Scheme::Https || endpoint.follow_redirects > 0;
        tunnel |= route.via.may_use_a_proxy();
    }
    Phase::ALL.iter().copied().filter(move |phase| match phase {
        Phase::Tunnel => tunnel,
        Phase::Tls => tls,
        _ => true,
    })
}

/// The minimum interval between snapshots. Each is a copy of the whole state: with ten thousand targets and hundreds of
/// probes per second, copies would cost more than the probes.
const PUBLISHED_EVERY: Duration = Duration::from_millis(100);

/// Applies events until the event channel closes, and logs changes. A single event is published immediately, a burst
/// together.
pub async fn run(
    mut snapshot: Snapshot,
    mut events: mpsc::Receiver<Event>,
    publish: watch::Sender<Arc<Snapshot>>,
) {
    let mut turns = interval(PUBLISHED_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay); // counted from the last tick
    while let Some(event) = events.recv().await {
        turns.tick().await;
        let mut next = Some(event);
        while let Some(event) = next {
            snapshot.apply(event);
            next = events.try_recv().ok();
        }
        let after = Arc::new(snapshot.clone());
        let before = publish.send_replace(Arc::clone(&after));
        change_log::log(&before, &after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{FailureCode, FailureReason};
    use crate::plan::TargetId;
    use crate::report::simulation::{self, at};
    use crate::revocation::RevocationStatus;

    /// A target whose chain is found to be revoked after its probe at second 10, and that is probed again a minute
    /// later with this result, before the next check.
    fn revoked_then(failure: Option<FailureCode>) -> (Snapshot, TargetId) {
        let mut snapshot = simulation::healthy(&["direct"]);
        let target = simulation::target(&snapshot, simulation::MAPS, "direct");
        simulation::revocation(&mut snapshot, target, (RevocationStatus::Revoked, None), "");
        simulation::observe(&mut snapshot, target, 70, |_| {
            failure.map(|code| Failure::new(code.phase, code.reason, ""))
        });
        (snapshot, target)
    }

    fn failure(snapshot: &Snapshot, target: TargetId) -> Option<FailureCode> {
        let last = snapshot.targets[target.0].last.as_ref()?;
        last.failure.as_ref().map(Failure::code)
    }

    #[test]
    fn a_revoked_chain_fails_until_its_next_check() {
        let (mut snapshot, target) = revoked_then(None);
        let revoked = Some(FailureCode::new(Phase::Tls, FailureReason::Revoked));
        assert_eq!(failure(&snapshot, target), revoked);
        simulation::revocation(&mut snapshot, target, (RevocationStatus::Revoked, None), "");
        let state = &snapshot.targets[target.0];
        assert_eq!((state.probes, state.failures), (2, 2), "each is counted once");
        assert_eq!((state.last_success, state.failing_since), (Some(at(10)), Some(at(10))));
        assert_eq!(snapshot.failures.values().sum::<u64>(), 2);

        simulation::revocation(&mut snapshot, target, (RevocationStatus::Good, None), "");
        simulation::observe(&mut snapshot, target, 130, |_| None);
        assert_eq!(failure(&snapshot, target), None, "it isn't any more");
        assert_eq!(snapshot.targets[target.0].failing_since, None);
    }

    #[test]
    fn a_known_revocation_takes_precedence() {
        let check = |of: FailureCode, expected| {
            let (snapshot, target) = revoked_then(Some(of));
            assert_eq!(failure(&snapshot, target), Some(expected), "{of:?}");
        };
        let revoked = FailureCode::new(Phase::Tls, FailureReason::Revoked);
        check(FailureCode::new(Phase::Request, FailureReason::BlockPage), revoked);
        check(FailureCode::new(Phase::Transfer, FailureReason::Timeout), revoked);
        let inspected = FailureCode::new(Phase::Tls, FailureReason::Intercepted);
        check(inspected, inspected);
    }
}
