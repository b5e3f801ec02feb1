//! Events: probes, pollers and reloads send them; the state's reducer applies them.

use std::sync::Arc;
use std::time::SystemTime;

use crate::catalog::Component;
use crate::host::HostFacts;
use crate::observation::{Observation, SplitHello};
use crate::plan::{Plan, TargetId};
use crate::revocation::{CrlState, PathReport};
use crate::signatures::FeedAnswer;

/// An event.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A probe completed.
    Observed(Box<Observation>),
    /// A probe was skipped because the previous one was still in flight, or discarded because the process stalled.
    Overrun(Component),
    /// The revocation check of a probe's chains completed, some time after the probe.
    Revocation(Box<RevocationChecked>),
    /// A handshake in two segments was compared with a whole one.
    SplitHello(Box<SplitHello>),
    /// The version feed was polled.
    Feed(Box<FeedAnswer>),
    /// This machine's Defender was read.
    Host(Box<HostFacts>),
    /// Facts about this machine no longer hold: a reload disabled host checks or changed what they read.
    HostCleared,
    /// A reload replaced the plan. Later events use its ids.
    PlanReplaced(Box<PlanReplaced>),
    /// A reload failed; the previous configuration remains in use.
    ReloadFailed,
}

/// A plan that came into use.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanReplaced {
    /// The new plan.
    pub plan: Arc<Plan>,
    /// When its configuration was loaded.
    pub at: SystemTime,
}

/// The result of a revocation check.
#[derive(Clone, Debug, PartialEq)]
pub struct RevocationChecked {
    /// The target that presented the chains.
    pub target: TargetId,
    /// One per hop that uses TLS.
    pub chains: Vec<PathReport>,
    /// The state of the CRLs that the check needed.
    pub crls: Vec<CrlState>,
}
