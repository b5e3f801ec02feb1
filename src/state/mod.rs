//! The state. The reducer applies events; everything else reads an immutable [`Snapshot`].

mod chains;
mod change_log;
mod histogram;
pub mod persist;
mod reducer;
mod replace_plan;
mod revocation_lists;
mod saved;
mod signatures;
mod verdicts;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::catalog::Component;
use crate::host::HostFacts;
use crate::observation::{FailureReason, Observation, Phase, SplitHello};
use crate::plan::{Plan, Target, TargetId};
use crate::revocation::{CrlState, PathReport, RevocationReport};
use crate::verdict::{Judgement, MapsConnection, Note, SslOptions, Verdict};

pub use histogram::Histogram;
pub use reducer::run;
pub use revocation_lists::NeededLists;
pub use saved::{Saved, SavedError};
pub use signatures::{FeedState, SignaturesState, SourceState};
pub(crate) use verdicts::serves_maps;

/// The state of one target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetState {
    /// The number of completed probes.
    pub probes: u64,
    /// The number of failed probes.
    pub failures: u64,
    /// The last probe.
    pub last: Option<Arc<Observation>>,
    /// The last failed probe, retained after the endpoint recovers.
    pub last_failure: Option<Arc<Observation>>,
    /// When the last successful probe ended.
    pub last_success: Option<SystemTime>,
    /// When the first probe failed after the last success. `None` if the endpoint isn't failing.
    pub failing_since: Option<SystemTime>,
    /// The revocation status of the last probe's chains, over all hops. `None` if not checked, or not yet.
    pub revocation: Option<Arc<RevocationReport>>,
    /// The revocation status of each hop's chain.
    pub chains: Vec<PathReport>,
    /// The revocation lists that the last check of its chains needed.
    pub lists: NeededLists,
    /// The judgement on both. `None` before the first probe.
    pub judgement: Option<Judgement>,
    /// Remarks that don't affect the verdict.
    pub notes: Vec<Note>,
}

/// The labels of a latency histogram.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LatencyKey {
    /// The component.
    pub component: Component,
    /// The route.
    pub route: String,
    /// The phase.
    pub phase: Phase,
}

/// The labels of a failure counter.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailureKey {
    /// The component.
    pub component: Component,
    /// The route.
    pub route: String,
    /// The phase that failed.
    pub phase: Phase,
    /// The reason.
    pub reason: FailureReason,
}

/// The verdict on a component on one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentState {
    /// The component.
    pub component: Component,
    /// The route.
    pub route: String,
    /// `None` until each of its endpoints has been probed.
    pub verdict: Option<Verdict>,
}

/// Whether clients can connect to MAPS on one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapsState {
    /// The route.
    pub route: String,
    /// What the clients check.
    pub options: SslOptions,
    /// Whether they can connect.
    pub connection: MapsConnection,
}

/// An immutable state of the exporter.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The plan.
    pub plan: Arc<Plan>,
    /// One per target of the plan, in its order.
    pub targets: Vec<Arc<TargetState>>,
    /// One per component of Defender and route.
    pub components: Vec<ComponentState>,
    /// One per route and value of `SSLOptions` that can be judged; empty if MAPS isn't probed.
    pub maps: Vec<MapsState>,
    /// The revocation lists that chains need, by route and URL.
    pub crls: Arc<BTreeMap<String, Vec<CrlState>>>,
    /// Latencies of phases that succeeded or failed. All label values that can occur are present from the start.
    pub latencies: Arc<BTreeMap<LatencyKey, Histogram>>,
    /// Failures by reason. All label values that can occur are present from the start, at 0.
    pub failures: Arc<BTreeMap<FailureKey, u64>>,
    /// Probes skipped because the previous one was still in flight, or discarded because the process stalled. Present
    /// from the start, at 0.
    pub overruns: Arc<BTreeMap<Component, u64>>,
    /// The last comparison of a handshake in two segments with a whole one, by route.
    pub split_hellos: Arc<BTreeMap<String, SplitHello>>,
    /// The state of security intelligence.
    pub signatures: SignaturesState,
    /// The state of this machine's Defender. `None` if there is none, or it hasn't been read yet.
    pub host: Option<Arc<HostFacts>>,
    /// When the configuration in use was loaded.
    pub config_loaded: SystemTime,
    /// Whether a reload has failed since then.
    pub reload_failed: bool,
    /// Whether every target had been probed before the last reload.
    pub was_ready: bool,
}

impl Snapshot {
    /// Whether every target of Defender has been probed at least once, now or before the last reload: a reload doesn't reset
    /// readiness.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.was_ready || self.defender().all(|(.., state)| state.probes > 0)
    }

    /// The targets of Defender with their state: all but the controls, which nothing counts as Defender's.
    pub fn defender(&self) -> impl Iterator<Item = (TargetId, &Target, &TargetState)> + Clone {
        self.iter().filter(|(_, target, _)| !target.is_control())
    }

    /// The targets with their state, the controls included.
    pub fn iter(&self) -> impl Iterator<Item = (TargetId, &Target, &TargetState)> + Clone {
        let known = self.plan.targets.iter().zip(&self.targets).enumerate();
        known.map(|(n, (target, state))| (TargetId(n), target, state.as_ref()))
    }
}
