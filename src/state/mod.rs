//! What is known now. One owner folds events; everyone else reads an immutable [`Snapshot`].

mod changes;
mod histogram;
mod owner;
pub mod persist;
mod saved;
mod signatures;
mod succession;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use crate::catalog::Component;
use crate::host::HostFacts;
use crate::observation::{FailureReason, Observation, Stage};
use crate::plan::{Plan, Target, TargetId};
use crate::trust::revocation::{CrlState, RevocationReport};
use crate::verdict::{Connection, SslOptions, Verdict};

pub use histogram::Histogram;
pub use owner::run;
pub use saved::{Saved, SavedError};
pub use signatures::{FeedState, SignaturesState, SourceState};

/// What is known of one target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetState {
    /// Probes that ended.
    pub probes: u64,
    /// Those that failed.
    pub failures: u64,
    /// The last probe.
    pub last: Option<Arc<Observation>>,
    /// The last probe that failed, kept after the endpoint recovered.
    pub last_failure: Option<Arc<Observation>>,
    /// When the last success ended.
    pub last_success: Option<SystemTime>,
    /// When the first of the failures ended that no success has followed; none: it doesn't fail.
    pub failing_since: Option<SystemTime>,
    /// What is known of the revocation of the last probe's chain; none: not checked, or not yet.
    pub revocation: Option<Arc<RevocationReport>>,
}

/// The words that tell one latency histogram from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LatencyKey {
    /// Whose endpoints.
    pub component: Component,
    /// By which route.
    pub route: String,
    /// Which stage.
    pub stage: Stage,
}

/// The words that tell one counter of failures from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FailureKey {
    /// Whose endpoints.
    pub component: Component,
    /// By which route.
    pub route: String,
    /// Where it failed.
    pub stage: Stage,
    /// Why it failed.
    pub reason: FailureReason,
}

/// How well a component works by one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentState {
    /// Which component.
    pub component: Component,
    /// By which route.
    pub route: String,
    /// None until each of its endpoints has been probed once.
    pub verdict: Option<Verdict>,
}

/// Whether clients of MAPS get through by one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapsState {
    /// By which route.
    pub route: String,
    /// What the clients check.
    pub options: SslOptions,
    /// Whether they get through.
    pub connection: Connection,
    /// Where they get through, or come nearest to it.
    pub nearest: Option<TargetId>,
}

/// Everything known at one moment. Never changes; a newer one replaces it.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// What is probed.
    pub plan: Arc<Plan>,
    /// One for each of `plan.targets`, in its order.
    pub targets: Vec<Arc<TargetState>>,
    /// One for each component and route.
    pub components: Vec<ComponentState>,
    /// One for each route and value of `SSLOptions` that can be told; none where MAPS isn't probed.
    pub maps: Vec<MapsState>,
    /// The revocation lists that the chains name, by route.
    pub crls: Arc<BTreeMap<String, Vec<CrlState>>>,
    /// Latencies of the stages that ended well or failed; all that can occur are present from the start.
    pub latencies: Arc<BTreeMap<LatencyKey, Histogram>>,
    /// Failures by reason; all that can occur are present from the start, at 0.
    pub failures: Arc<BTreeMap<FailureKey, u64>>,
    /// Probes left out: the one before was still under way, or this machine stood still; 0 from the start.
    pub overruns: Arc<BTreeMap<Component, u64>>,
    /// What is known of security intelligence.
    pub signatures: SignaturesState,
    /// What this machine says of its own Defender; none where it has none, or hasn't been asked yet.
    pub host: Option<Arc<HostFacts>>,
    /// When the configuration in use was loaded.
    pub config_loaded: SystemTime,
    /// Whether one that was to be loaded since then isn't good.
    pub reload_failed: bool,
    /// Whether every target had been probed before another plan came into use.
    pub was_ready: bool,
}

impl Snapshot {
    /// Whether every target has been probed at least once, or had been before the last reload: that makes nobody unready.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.was_ready || self.targets.iter().all(|target| target.probes > 0)
    }

    /// The targets with what is known of them.
    pub fn iter(&self) -> impl Iterator<Item = (TargetId, &Target, &TargetState)> + Clone {
        let known = self.plan.targets.iter().zip(&self.targets).enumerate();
        known.map(|(n, (target, state))| (TargetId(n), target, state.as_ref()))
    }
}
