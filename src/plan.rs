//! Catalog × configuration → targets. Pure: what is probed, how often, and for how long at most.
//! How overrides change the catalog's endpoints is in `plan/merge.rs`, what can be wrong in `plan/error.rs`.
//! When each target is due is decided in `schedule.rs`.

mod error;
mod merge;
mod signatures;
mod succession;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{BlockPage, Catalog, Component, ComponentSpec, Endpoint, HostPattern};
use crate::config::{Addresses, Config, Family, Problems, ResolverConfig, RouteConfig, Via};

pub use error::{PlanError, Setting, Source};
use merge::Candidate;
pub use signatures::SignaturePlan;
pub use succession::Heir;

/// The most targets that one exporter takes on.
pub const MAX_TARGETS: usize = 100_000;

/// The index of a target in [`Plan::targets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub usize);

/// How a target is reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Its place in [`Plan::routes`].
    pub index: usize,
    /// The value of the label `route`.
    pub name: String,
    /// How connections are made.
    pub via: Via,
    /// How names are resolved.
    pub resolver: ResolverConfig,
    /// The address of this machine that connections come from; none: as the system chooses.
    pub source_address: Option<IpAddr>,
}

impl Route {
    /// The route that stands at `index` of the configuration.
    fn of(index: usize, route: &RouteConfig, config: &Config) -> Self {
        let mut resolver = route.resolver.clone().unwrap_or_else(|| config.resolver.clone());
        if let (Family::Any, Some(source)) = (resolver.family, route.source_address) {
            // From there no address of the other family can be reached.
            resolver.family = if source.is_ipv4() { Family::Ipv4 } else { Family::Ipv6 };
        }
        Self {
            index,
            name: route.name.clone(),
            via: route.via.clone(),
            resolver,
            source_address: route.source_address,
        }
    }

    /// Without a proxy, as where nothing is configured.
    #[must_use]
    pub fn direct() -> Arc<Self> {
        Arc::new(Self::of(0, &RouteConfig::direct(), &Config::default()))
    }
}

/// An endpoint by a route, with its rhythm.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// What is probed.
    pub endpoint: Endpoint,
    /// How it is reached.
    pub route: Arc<Route>,
    /// Time between two probes.
    pub interval: Duration,
    /// The longest that a probe may take; shorter than the interval.
    pub timeout: Duration,
}

/// All that is probed.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Indexed by [`TargetId`], in the catalog's order.
    pub targets: Vec<Target>,
    /// The components that have targets, in the catalog's order.
    pub components: Vec<ComponentPlan>,
    /// The routes, in the configuration's order.
    pub routes: Vec<Arc<Route>>,
    /// Hosts that a genuine answer may redirect to.
    pub redirect_hosts: Vec<HostPattern>,
    /// Hosts that missing intermediates may be fetched from.
    pub issuer_hosts: Vec<HostPattern>,
    /// Marks of block pages, the configuration's first.
    pub block_pages: Vec<BlockPage>,
    /// What is asked about security intelligence.
    pub signatures: SignaturePlan,
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

    /// The plan of one of its targets alone, which may take no longer than that. Of a name's addresses only the first is probed:
    /// the others would take a time each.
    #[must_use]
    pub fn only(&self, id: TargetId, timeout: Duration) -> Self {
        let target = self.target(id);
        let mut route = Route { index: 0, ..target.route.as_ref().clone() };
        route.resolver.addresses = Addresses::First;
        let route = Arc::new(route);
        let component = target.endpoint.component;
        let own =
            Target { route: Arc::clone(&route), timeout: timeout.min(target.timeout), ..target.clone() };
        Self {
            targets: vec![own],
            components: self.components.iter().filter(|c| c.spec.component == component).cloned().collect(),
            routes: vec![route],
            signatures: SignaturePlan::default(),
            redirect_hosts: self.redirect_hosts.clone(),
            issuer_hosts: self.issuer_hosts.clone(),
            block_pages: self.block_pages.clone(),
        }
    }

    /// The endpoints that are probed, each once, however many routes lead there.
    #[must_use]
    pub fn endpoints(&self) -> Vec<&Endpoint> {
        let mut endpoints: Vec<_> = self.targets.iter().map(|target| &target.endpoint).collect();
        endpoints.dedup_by_key(|endpoint| (endpoint.component, endpoint.url.as_str())); // its routes stand together
        endpoints
    }
}

/// Decides what is probed.
///
/// Every endpoint is probed by each route that its component is selected for.
/// An optional component is probed if `groups` names it, a regional endpoint if `geos` names its region.
/// Intervals and timeouts are those of the endpoint's override, else of the catalog's endpoint, else of the
/// component's settings, else the global ones.
///
/// # Errors
/// Every way in which the configuration doesn't fit the catalog.
pub fn plan(catalog: &Catalog, config: &Config) -> Result<Plan, Vec<PlanError>> {
    let mut errors = Vec::new();
    let candidates = merge::candidates(catalog, config, &mut errors);
    let routes = routes(config);
    let mut targets = Vec::new();
    let mut components = Vec::new();
    for spec in catalog.components.iter().filter(|spec| is_selected(spec, config)) {
        let own = candidates.iter().filter(|candidate| is_wanted(candidate, spec, config));
        let start = targets.len();
        let routes: Vec<_> = routes.iter().filter(|route| serves(config, route, spec.component)).collect();
        targets.extend(own.flat_map(|candidate| {
            let (interval, timeout) = rhythm(candidate, config, &mut errors);
            let endpoint = &candidate.endpoint;
            routes.iter().map(move |route| {
                let (endpoint, route) = (endpoint.clone(), Arc::clone(route));
                Target { endpoint, route, interval, timeout }
            })
        }));
        if targets.len() > start {
            components.push(component_plan(spec, &targets[start..], config));
        }
    }
    match targets.len() {
        0 if errors.is_empty() => errors.push(PlanError::Empty),
        0 => {}
        found => {
            errors.extend(idle(&routes, &targets, config));
            errors.extend((found > MAX_TARGETS).then_some(PlanError::TooMany { found }));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let block_pages = config.block_pages.iter().chain(&catalog.block_pages).cloned().collect();
    let redirect_hosts = catalog.redirect_hosts.clone();
    let issuer_hosts = catalog.issuer_hosts.iter().chain(&config.tls.issuer_hosts).cloned().collect();
    let signatures = SignaturePlan::of(catalog, config, &routes, &targets);
    Ok(Plan { targets, components, routes, redirect_hosts, issuer_hosts, block_pages, signatures })
}

/// The routes of a configuration, in its order.
#[must_use]
pub fn routes(config: &Config) -> Vec<Arc<Route>> {
    config.routes.iter().enumerate().map(|(n, route)| Arc::new(Route::of(n, route, config))).collect()
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

/// Whether a component's endpoints are probed by a route.
fn serves(config: &Config, route: &Route, component: Component) -> bool {
    let selected = &config.routes[route.index].components; // it was made of that entry
    selected.is_empty() || selected.contains(&component)
}

/// The routes that nothing is probed by.
fn idle(routes: &[Arc<Route>], targets: &[Target], config: &Config) -> Vec<PlanError> {
    let used: BTreeSet<usize> = targets.iter().map(|target| target.route.index).collect();
    let idle = routes.iter().filter(|route| !used.contains(&route.index));
    let error = |route: &Arc<Route>| PlanError::IdleRoute {
        route: route.index,
        name: route.name.clone(),
        components: config.routes[route.index].components.clone(), // it was made of that entry
    };
    idle.map(error).collect()
}

/// How often an endpoint is probed, and how long a probe may take.
fn rhythm(candidate: &Candidate, config: &Config, errors: &mut Vec<PlanError>) -> (Duration, Duration) {
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
    (interval.value, timeout.value)
}

fn component_plan(spec: &ComponentSpec, targets: &[Target], config: &Config) -> ComponentPlan {
    let own = config.components.get(&spec.component).and_then(|settings| settings.interval);
    let mut spec = spec.clone();
    spec.needs.retain(|need| targets.iter().any(|target| target.endpoint.serves.as_ref() == Some(need)));
    ComponentPlan { spec, interval: own.unwrap_or(config.interval) }
}
