//! Probes: one probe of one target is a pipeline of phases. A probe never fails as a call: it returns an
//! [`Observation`] with everything learned, which `verdict` judges. `pipeline.rs` runs the phases,
//! `route_context.rs` holds what the probes of a route share, and `net` makes the connections.

mod evidence;
mod file_share;
mod genuine;
mod other_addresses;
mod pipeline;
#[cfg(test)]
mod plausible;
mod replay;
mod response;
mod route_context;
mod run;
mod split_hello;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::config::{Addresses, Config};
use crate::net::fetch::Fetcher;
use crate::net::resolver::SystemConfigCache;
use crate::observation::{Observation, VerifiedPath};
use crate::plan::{Plan, Route, TargetId};
use crate::revocation::{
    CrlState, RecordedFetch, RecordingFetch, RevocationChecker, RevocationReport, SignedObjects,
};
use crate::tls::Roots;
use file_share::FileShareReader;
pub(crate) use file_share::package_path;
use pipeline::Pipeline;
pub use replay::{HopConclusion, JudgedProbe, RecordedProbe, Replay};
use route_context::{RouteContext, RouteKey};
use run::ProbeOutcome;
pub(crate) use tls::cipher_name;

/// Why a prober can't be created.
#[derive(Debug, thiserror::Error)]
pub enum ProberError {
    /// rustls rejects its configuration.
    #[error("TLS setup failed: {0}")]
    Tls(#[from] rustls::Error),
}

/// Makes probes. Connections and responses are never reused. Issuers and revocation data that certificates name
/// are cached, as in Windows.
pub struct Prober {
    plan: Arc<Plan>,
    route_contexts: Vec<Arc<RouteContext>>,
    roots: Arc<Roots>,
    objects: Arc<SignedObjects>,
    /// The resolver configuration of this machine.
    system: Arc<SystemConfigCache>,
    file_shares: Arc<FileShareReader>,
    clock: Clock,
    kept: KeptProbes,
}

/// Which probes keep what their judgement rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeptProbes {
    None,
    /// Those that fail, in limited size.
    Failed,
    All,
}

impl Prober {
    /// Creates a prober for the targets of `plan`.
    ///
    /// # Errors
    /// If the resolver or rustls rejects the configuration.
    pub fn new(
        plan: Arc<Plan>,
        config: &Config,
        roots: &Arc<Roots>,
        clock: Clock,
    ) -> Result<Self, ProberError> {
        Self::replacing(None, plan, config, roots, clock)
    }

    /// Creates a prober that replaces another. Unchanged routes keep their caches.
    ///
    /// # Errors
    /// See [`Self::new`].
    pub fn replacing(
        before: Option<&Self>,
        plan: Arc<Plan>,
        config: &Config,
        roots: &Arc<Roots>,
        clock: Clock,
    ) -> Result<Self, ProberError> {
        let same_roots = before.filter(|before| before.roots == *roots);
        let roots = same_roots.map_or(roots, |before| &before.roots);
        let system = before.map_or_else(Arc::default, |before| Arc::clone(&before.system));
        let file_shares = before.map_or_else(Arc::default, |before| Arc::clone(&before.file_shares));
        let known = before.into_iter().flat_map(|before| &before.route_contexts);
        let route_context = |route: &Arc<Route>| {
            let key = RouteKey::new(route, &plan, config, roots);
            match known.clone().find(|route_context| route_context.key == key) {
                Some(route_context) => Ok(Arc::clone(route_context)),
                None => RouteContext::new(key, &system, clock).map(Arc::new),
            }
        };
        let route_contexts = plan.routes.iter().map(route_context).collect::<Result<_, ProberError>>()?;
        let objects = match same_roots {
            Some(before) => Arc::clone(&before.objects),
            None => Arc::new(SignedObjects::new(roots)),
        };
        let roots = Arc::clone(roots);
        let kept = before.map_or(KeptProbes::None, |before| before.kept);
        Ok(Self { plan, route_contexts, roots, objects, system, file_shares, clock, kept })
    }

    /// The same prober, whose probes also keep what their judgement rests on, and whose revocation checks what they fetch.
    #[must_use]
    pub fn recording(&self) -> Self {
        self.checkers().for_each(|checker| checker.fetcher().start());
        self.keeping(KeptProbes::All)
    }

    /// The same prober, whose failed probes also keep what their judgement rests on, as far as its size is limited.
    #[must_use]
    pub fn keeping_failures(&self) -> Self {
        self.keeping(KeptProbes::Failed)
    }

    /// Whether probes gather what their judgement rests on.
    fn keeps_evidence(&self) -> bool {
        self.kept != KeptProbes::None
    }

    /// Whether the evidence of a success is dropped.
    fn keeps_failures_alone(&self) -> bool {
        self.kept == KeptProbes::Failed
    }

    fn keeping(&self, kept: KeptProbes) -> Self {
        Self {
            plan: Arc::clone(&self.plan),
            route_contexts: self.route_contexts.clone(),
            roots: Arc::clone(&self.roots),
            objects: Arc::clone(&self.objects),
            system: Arc::clone(&self.system),
            file_shares: Arc::clone(&self.file_shares),
            clock: self.clock,
            kept,
        }
    }

    fn checkers(&self) -> impl Iterator<Item = &RevocationChecker<RecordingFetch<Arc<Fetcher>>>> {
        self.route_contexts.iter().filter_map(|route_context| route_context.checker.as_ref())
    }

    /// What revocation checks over a route fetched since they record.
    #[must_use]
    pub fn fetched(&self, route: &Route) -> Vec<RecordedFetch> {
        let checker = self.route_contexts[route.index].checker.as_ref(); // one per route of the plan
        checker.map(|checker| checker.fetcher().fetched()).unwrap_or_default()
    }

    /// The trusted roots.
    #[must_use]
    pub const fn roots(&self) -> &Arc<Roots> {
        &self.roots
    }

    /// Creates a prober of one target, with the same route context and a timeout of at most `timeout`. Also
    /// returns its plan.
    #[must_use]
    pub fn for_target(&self, id: TargetId, timeout: Duration) -> (Arc<Plan>, Self) {
        let plan = Arc::new(self.plan.for_target(id, timeout));
        let route_contexts = vec![Arc::clone(self.route_context(id))];
        let (roots, objects) = (Arc::clone(&self.roots), Arc::clone(&self.objects));
        let (system, file_shares) = (Arc::clone(&self.system), Arc::clone(&self.file_shares));
        let own = Self {
            plan: Arc::clone(&plan),
            route_contexts,
            roots,
            objects,
            system,
            file_shares,
            clock: self.clock,
            kept: self.kept,
        };
        (plan, own)
    }

    /// Whether a target shares its route context with the target `at` of another prober.
    #[must_use]
    pub fn shares_route_context(&self, id: TargetId, other: &Self, at: TargetId) -> bool {
        Arc::ptr_eq(self.route_context(id), other.route_context(at))
    }

    /// Probes a target once, within its timeout. If all addresses of a name are probed, the others follow, four
    /// at a time and each within the timeout.
    pub async fn probe(&self, id: TargetId) -> Observation {
        let target = self.plan.target(id);
        let pipeline = Pipeline {
            prober: self,
            route_context: self.route_context(id),
            endpoint: &target.endpoint,
            at: None,
        };
        // Boxed: an idle worker needs no room for a probe.
        let ProbeOutcome { mut facts, found, failure } = Box::pin(pipeline.run(target.timeout)).await;
        let at = self.clock.now();
        let all = target.route.resolver.addresses == Addresses::All;
        if let Some(first) = facts.own_peer().filter(|_| all) {
            let (others, unprobed) = other_addresses::others(&found, first);
            facts.unprobed = unprobed;
            facts.others = other_addresses::probe(pipeline, target, others).await;
        }
        let mut observation = Observation { target: id, at, facts, failure };
        if self.keeps_failures_alone() {
            observation.limit_evidence();
        }
        observation
    }

    /// The route context of a target.
    fn route_context(&self, id: TargetId) -> &Arc<RouteContext> {
        &self.route_contexts[self.plan.target(id).route.index] // one per route of the plan
    }

    /// The fetcher of a route, for fetches outside of probes.
    #[must_use]
    pub fn fetcher(&self, route: &Route) -> Arc<Fetcher> {
        Arc::clone(&self.route_contexts[route.index].fetcher) // one per route of the plan
    }

    /// Whether [`Prober::check_revocation`] must follow a probe.
    #[must_use]
    pub fn checks_revocation(&self) -> bool {
        self.checkers().next().is_some()
    }

    /// Checks the revocation status of a verified path from a probe of this target, and fetches what that
    /// needs. Not part of the probe's time. Also returns the state of the CRLs that the check needed. `None` if
    /// revocation isn't checked.
    pub async fn check_revocation(
        &self,
        target: TargetId,
        path: &VerifiedPath,
    ) -> Option<(Arc<RevocationReport>, Vec<CrlState>)> {
        let checker = self.route_context(target).checker.as_ref()?;
        self.objects.add_issuers(path);
        let report = checker.check(path, self.clock.now()).await;
        Some((report, checker.lists(path)))
    }
}
