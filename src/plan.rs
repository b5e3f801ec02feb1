//! Catalog × configuration → targets. Pure: what is probed, how often, and for how long at most.
//! How overrides change the catalog's endpoints is in `plan/merge.rs`, what can be wrong in `plan/error.rs`.
//! When each target is due is decided in `schedule.rs`.

mod error;
mod merge;

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::catalog::{BlockPage, Catalog, ComponentSpec, Endpoint, HostPattern};
use crate::config::{Config, Problems};

pub use error::{PlanError, Setting, Source};
use merge::Candidate;

/// The most targets that one exporter takes on.
pub const MAX_TARGETS: usize = 100_000;

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
    /// Hosts that missing intermediates may be fetched from.
    pub issuer_hosts: Vec<HostPattern>,
    /// Marks of block pages, the configuration's first.
    pub block_pages: Vec<BlockPage>,
}

/// A component with its default rhythm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentPlan {
    /// What it needs; needs that no target serves are left out, since nothing can tell whether they are met.
    pub spec: ComponentSpec,
    /// The interval of its targets that have none of their own.
    pub interval: Duration,
}

impl Plan {
    /// The target that an id of this plan stands for.
    ///
    /// # Panics
    /// With an id of another plan that has more targets.
    #[must_use]
    pub fn target(&self, id: TargetId) -> &Target {
        &self.targets[id.0]
    }
}

/// Decides what is probed.
///
/// An optional component is probed if `groups` names it, a regional endpoint if `geos` names its region.
/// Intervals and timeouts are those of the endpoint's override, else of the catalog's endpoint, else of the
/// component's settings, else the global ones.
///
/// # Errors
/// Every way in which the configuration doesn't fit the catalog.
pub fn plan(catalog: &Catalog, config: &Config) -> Result<Plan, Vec<PlanError>> {
    let mut errors = Vec::new();
    let candidates = merge::candidates(catalog, config, &mut errors);
    let mut targets = Vec::new();
    let mut components = Vec::new();
    for spec in catalog.components.iter().filter(|spec| is_selected(spec, config)) {
        let own = candidates.iter().filter(|candidate| is_wanted(candidate, spec, config));
        let start = targets.len();
        targets.extend(own.map(|candidate| target(candidate, config, &mut errors)));
        if targets.len() > start {
            components.push(component_plan(spec, &targets[start..], config));
        }
    }
    match targets.len() {
        0 if errors.is_empty() => errors.push(PlanError::Empty),
        found if found > MAX_TARGETS => errors.push(PlanError::TooMany { found }),
        _ => {}
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let block_pages = config.block_pages.iter().chain(&catalog.block_pages).cloned().collect();
    let redirect_hosts = catalog.redirect_hosts.clone();
    let issuer_hosts = catalog.issuer_hosts.iter().chain(&config.tls.issuer_hosts).cloned().collect();
    Ok(Plan { targets, components, routes: vec![Route::direct()], redirect_hosts, issuer_hosts, block_pages })
}

/// [`plan`], with its errors as problems of the configuration `file`.
///
/// # Errors
/// As [`plan`].
pub fn plan_for(catalog: &Catalog, config: &Config, file: &str) -> Result<Plan, Problems> {
    plan(catalog, config)
        .map_err(|errors| Problems(errors.into_iter().map(|error| error.into_problem(file)).collect()))
}

fn is_selected(spec: &ComponentSpec, config: &Config) -> bool {
    let enabled = config.components.get(&spec.component).and_then(|settings| settings.enabled);
    let listed = !spec.optional || config.groups.contains(&spec.component);
    listed && enabled != Some(false)
}

fn is_wanted(candidate: &Candidate, spec: &ComponentSpec, config: &Config) -> bool {
    let endpoint = &candidate.endpoint;
    endpoint.component == spec.component && endpoint.geo.is_none_or(|geo| config.geos.contains(&geo))
}

fn target(candidate: &Candidate, config: &Config, errors: &mut Vec<PlanError>) -> Target {
    let (interval, timeout) = candidate.rhythm(config);
    if timeout.value >= interval.value {
        let own = interval.is_endpoints() || timeout.is_endpoints();
        let error = PlanError::TimeoutNotShorter {
            component: candidate.endpoint.component,
            endpoint: own.then(|| candidate.endpoint.url.clone()),
            interval,
            timeout,
        };
        // A component's settings are wrong once, not once for each of its endpoints.
        if own || !errors.contains(&error) {
            errors.push(error);
        }
    }
    let (interval, timeout) = (interval.value, timeout.value);
    Target { endpoint: candidate.endpoint.clone(), route: Route::direct(), interval, timeout }
}

fn component_plan(spec: &ComponentSpec, targets: &[Target], config: &Config) -> ComponentPlan {
    let own = config.components.get(&spec.component).and_then(|settings| settings.interval);
    let mut spec = spec.clone();
    spec.needs.retain(|need| targets.iter().any(|target| target.endpoint.serves.as_ref() == Some(need)));
    ComponentPlan { spec, interval: own.unwrap_or(config.interval) }
}
