//! The owner: folds events into what is known, and publishes it. The fold is pure; only [`run`] waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{mpsc, watch};

use super::{ComponentState, FailureKey, Histogram, LatencyKey, Snapshot, TargetState};
use crate::catalog::{Component, Scheme};
use crate::engine::Event;
use crate::observation::{FAILURE_PAIRS, Failure, Observation, Stage};
use crate::plan::{Plan, Target, TargetId};
use crate::verdict::{self, Verdict};

impl Snapshot {
    /// What is known before the first probe: every counter at 0.
    #[must_use]
    pub fn new(plan: Arc<Plan>, config_loaded: SystemTime) -> Self {
        let mut components = Vec::new();
        let mut latencies = BTreeMap::new();
        let mut failures = BTreeMap::new();
        for (known, name) in
            plan.components.iter().flat_map(|c| plan.routes.iter().map(move |r| (c, &r.name)))
        {
            let component = known.spec.component;
            components.push(ComponentState { component, route: name.clone(), verdict: None });
            for stage in stages(&plan, component) {
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
            latencies: Arc::new(latencies),
            failures: Arc::new(failures),
            overruns: Arc::new(plan.components.iter().map(|c| (c.spec.component, 0)).collect()),
            config_loaded,
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
        }
    }

    fn observe(&mut self, observation: Observation) {
        let plan = Arc::clone(&self.plan);
        let target = plan.target(observation.target);
        self.count(target, &observation);
        let state = Arc::make_mut(&mut self.targets[observation.target.0]);
        state.fold(Arc::new(observation));
        self.judge(target);
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
            let route = target.route.name.clone();
            let key = FailureKey { component, route, stage: failure.stage, reason: failure.reason };
            *Arc::make_mut(&mut self.failures).entry(key).or_default() += 1;
        }
    }

    /// The verdict of the component and route that `changed` belongs to.
    fn judge(&mut self, changed: &Target) {
        let component = changed.endpoint.component;
        let Some(known) = self.plan.components.iter().find(|c| c.spec.component == component) else { return };
        let members = self
            .iter()
            .filter(|(_, target, _)| target.endpoint.component == component && target.route == changed.route);
        let verdict = verdict::component(
            &known.spec,
            members.map(|(_, target, state)| (&target.endpoint, state.verdict(target))),
        );
        let entry =
            self.components.iter_mut().find(|c| c.component == component && c.route == changed.route.name);
        if let Some(entry) = entry {
            if entry.verdict != verdict {
                tracing::info!(component = %component, route = entry.route, verdict = verdict.map(Verdict::as_str), "component");
            }
            entry.verdict = verdict;
        }
    }
}

impl TargetState {
    fn fold(&mut self, observation: Arc<Observation>) {
        self.probes += 1;
        if observation.success() {
            self.last_success = Some(observation.at);
        } else {
            self.failures += 1;
            self.last_failure = Some(Arc::clone(&observation));
        }
        self.last = Some(observation);
    }

    /// What the last probe means; none before the first.
    #[must_use]
    pub fn verdict(&self, target: &Target) -> Option<Verdict> {
        self.last.as_ref().map(|observation| verdict::endpoint(&target.endpoint, observation))
    }
}

/// The stages that a probe of the component can have: no tunnel without a proxy, no TLS where all is plain.
fn stages(plan: &Plan, component: Component) -> impl Iterator<Item = Stage> {
    let tls = plan
        .targets
        .iter()
        .map(|target| &target.endpoint)
        .any(|e| e.component == component && (e.url.scheme() == Scheme::Https || e.follow_redirects > 0));
    Stage::ALL.iter().copied().filter(move |stage| match stage {
        Stage::Tunnel => false,
        Stage::Tls => tls,
        _ => true,
    })
}

/// Folds events until their senders are gone, publishing after each batch that was ready.
pub async fn run(
    mut snapshot: Snapshot,
    mut events: mpsc::Receiver<Event>,
    publish: watch::Sender<Arc<Snapshot>>,
) {
    while let Some(event) = events.recv().await {
        let mut next = Some(event);
        while let Some(event) = next {
            log_change(&snapshot, &event);
            snapshot.apply(event);
            next = events.try_recv().ok();
        }
        publish.send_replace(Arc::new(snapshot.clone()));
    }
}

/// One line for each change of an endpoint's state, none for a probe that changes nothing.
fn log_change(before: &Snapshot, event: &Event) {
    let Event::Observed(observation) = event else { return };
    let TargetId(n) = observation.target;
    let target = &before.plan.targets[n];
    let last = before.targets[n].last.as_ref().map(|last| last.failure.as_ref().map(|f| (f.stage, f.reason)));
    let now = observation.failure.as_ref().map(|f| (f.stage, f.reason));
    if last == Some(now) || (last.is_none() && now.is_none()) {
        return;
    }
    let (endpoint, route) = (target.endpoint.url.as_str(), target.route.name.as_str());
    let Some(failure) = &observation.failure else {
        tracing::info!(endpoint, route, "endpoint answers again");
        return;
    };
    let Failure { stage, reason, detail } = failure;
    tracing::warn!(endpoint, route, %stage, %reason, detail, "endpoint fails");
}
