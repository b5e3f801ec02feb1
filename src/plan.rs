//! Catalog × configuration → targets. Pure: what is probed, how often, and for how long at most.
//! When each target is due is decided in `schedule.rs`.

use std::time::Duration;

use crate::catalog::{BlockPage, ComponentSpec, Endpoint, HostPattern};

/// The index of a target in [`Plan::targets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub usize);

/// How a target is reached. Direct connections are the only route so far.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    /// The value of the label `route`.
    pub name: String,
}

impl Route {
    /// Without a proxy.
    #[must_use]
    pub fn direct() -> Self {
        Self { name: "direct".to_owned() }
    }
}

/// An endpoint by a route, with its rhythm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// What is probed.
    pub endpoint: Endpoint,
    /// How it is reached.
    pub route: Route,
    /// Time between two probes.
    pub interval: Duration,
    /// The longest that a probe may take; shorter than the interval.
    pub timeout: Duration,
}

/// All that is probed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Indexed by [`TargetId`], in the catalog's order.
    pub targets: Vec<Target>,
    /// The components that have targets, in the catalog's order.
    pub components: Vec<ComponentPlan>,
    /// The routes in use.
    pub routes: Vec<Route>,
    /// Hosts that a genuine answer may redirect to.
    pub redirect_hosts: Vec<HostPattern>,
    /// Marks of block pages, the configuration's first.
    pub block_pages: Vec<BlockPage>,
}

/// A component with its default rhythm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentPlan {
    /// What it needs.
    pub spec: ComponentSpec,
    /// The interval of its targets that have none of their own.
    pub interval: Duration,
}

impl Plan {
    /// The target of an id that this plan gave out.
    #[must_use]
    pub fn target(&self, id: TargetId) -> &Target {
        &self.targets[id.0]
    }
}
