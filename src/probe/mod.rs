//! One probe of one target: a straight line of stages, each in its file. It never judges and never fails:
//! it returns an [`Observation`] with everything learned. What an observation means is `verdict`'s business.
//! What probes by one route share is in `lane.rs`, the line itself in `line.rs`.

mod connect;
mod dial;
mod genuine;
mod http;
mod lane;
mod line;
mod others;
mod stage;
mod tls;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{Addresses, Config};
use crate::fetch::Fetcher;
use crate::observation::{Facts, Failure, Observation, StageOutcome};
use crate::plan::{Plan, Route, TargetId};
use crate::trust::revocation::{CrlState, RevocationReport};
use crate::trust::{Objects, Roots, VerifiedPath};
use lane::{Basis, Lane};
use line::Line;
use stage::Run;

/// Why probes can't be made at all.
#[derive(Debug, thiserror::Error)]
pub enum ProberError {
    /// The TLS library refuses its configuration.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Makes probes. No connection and no answer outlives its probe; what certificates say of others is kept, as Windows does.
pub struct Prober {
    plan: Arc<Plan>,
    lanes: Vec<Arc<Lane>>,
    roots: Arc<Roots>,
    objects: Arc<Objects>,
    clock: Clock,
}

impl Prober {
    /// A prober for the targets of `plan`.
    ///
    /// # Errors
    /// When the resolver or the TLS library refuses the configuration.
    pub fn new(
        plan: Arc<Plan>,
        config: &Config,
        roots: &Arc<Roots>,
        clock: Clock,
    ) -> Result<Self, ProberError> {
        Self::after(None, plan, config, roots, clock)
    }

    /// The same, to take the place of another: routes that haven't changed keep what they have learned.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn after(
        before: Option<&Self>,
        plan: Arc<Plan>,
        config: &Config,
        roots: &Arc<Roots>,
        clock: Clock,
    ) -> Result<Self, ProberError> {
        let same_roots = before.filter(|before| before.roots == *roots);
        let roots = same_roots.map_or(roots, |before| &before.roots);
        let known = before.into_iter().flat_map(|before| &before.lanes);
        let lane = |route: &Arc<Route>| {
            let basis = Basis::of(route, &plan, config, roots);
            match known.clone().find(|lane| lane.basis == basis) {
                Some(lane) => Ok(Arc::clone(lane)),
                None => Lane::new(basis, patience(&plan), clock).map(Arc::new),
            }
        };
        let lanes = plan.routes.iter().map(lane).collect::<Result<_, ProberError>>()?;
        let objects = match same_roots {
            Some(before) => Arc::clone(&before.objects),
            None => Arc::new(Objects::new(roots)),
        };
        Ok(Self { lanes, roots: Arc::clone(roots), objects, clock, plan })
    }

    /// Comes into use: what it shares with the one before waits from now on as long as its own plan wants it to.
    pub fn take_over(&self) {
        let patience = patience(&self.plan);
        self.lanes.iter().for_each(|lane| lane.destinations.set_patience(patience));
    }

    /// A prober of one target alone, by the same means, which may take no longer than that; with its plan.
    #[must_use]
    pub fn only(&self, id: TargetId, timeout: Duration) -> (Arc<Plan>, Self) {
        let plan = Arc::new(self.plan.only(id, timeout));
        let lanes = vec![Arc::clone(self.lane(id))];
        let (roots, objects) = (Arc::clone(&self.roots), Arc::clone(&self.objects));
        (Arc::clone(&plan), Self { plan, lanes, roots, objects, clock: self.clock })
    }

    /// Whether a target is probed here by the same means as there, by another prober and id.
    #[must_use]
    pub fn shares_lane(&self, id: TargetId, other: &Self, at: TargetId) -> bool {
        Arc::ptr_eq(self.lane(id), other.lane(at))
    }

    /// Probes a target of the plan once; ends at its timeout at the latest. Where each address of a name is probed, the
    /// others follow, four at once and each within the timeout.
    pub async fn probe(&self, id: TargetId) -> Observation {
        let target = self.plan.target(id);
        let mut run = Run::new(target.timeout);
        let line = Line { prober: self, lane: self.lane(id), endpoint: &target.endpoint, at: None };
        let failure = line.follow(&mut run).await.err();
        let (at, mut facts) = (self.clock.now(), run.facts);
        if let Some(failure) = &failure {
            mark_failed(&mut facts, failure);
        }
        if let Some(first) = facts.peer.filter(|_| target.route.resolver.addresses == Addresses::All) {
            let (others, unprobed) = others::others(&run.found, first);
            facts.unprobed = unprobed;
            facts.others = others::probe(line, target, others).await;
        }
        Observation { target: id, at, facts, failure }
    }

    /// What the probes of a target's route share.
    fn lane(&self, id: TargetId) -> &Arc<Lane> {
        &self.lanes[self.plan.target(id).route.index] // there is one for each route of the plan
    }

    /// What fetches by a route of the plan, outside every probe.
    #[must_use]
    pub fn fetcher(&self, route: &Route) -> Arc<Fetcher> {
        Arc::clone(&self.lanes[route.index].fetcher) // there is one for each route of the plan
    }

    /// Whether [`Prober::check_revocation`] is to follow a probe.
    #[must_use]
    pub fn checks_revocation(&self) -> bool {
        self.lanes.iter().any(|lane| lane.checker.is_some())
    }

    /// Checks the revocation of a chain that a probe of this target saw, fetching what that takes: outside every probe's
    /// time. With it the state of the lists that the chains of the target's route name. None where it isn't checked.
    pub async fn check_revocation(
        &self,
        target: TargetId,
        path: &VerifiedPath,
    ) -> Option<(Arc<RevocationReport>, Vec<CrlState>)> {
        let checker = self.lane(target).checker.as_ref()?;
        self.objects.learn_path(path);
        let report = checker.check(path, self.clock.now()).await;
        Some((report, checker.lists(self.clock.now())))
    }
}

/// How long a question for a name is waited for: no probe waits longer.
fn patience(plan: &Plan) -> Duration {
    plan.targets.iter().map(|target| target.timeout).max().unwrap_or(Duration::ZERO)
}

/// A stage can end well and its answer still be refused, by what it says: then the probe failed in it.
fn mark_failed(facts: &mut Facts, failure: &Failure) {
    if facts.timings.outcome(failure.stage) == StageOutcome::Done {
        facts.timings.record(failure.stage, StageOutcome::Failed, Duration::ZERO);
    }
}
