//! The plan: catalog × configuration → targets, with their intervals and timeouts. Pure. `merge.rs` applies
//! overrides to the catalog's endpoints, `error.rs` lists the errors, and `schedule.rs` decides when each
//! target is due.

mod carry_over;
mod error;
mod merge;
pub mod schedule;
mod select;
mod signatures;
mod split_hello;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{BlockPage, Catalog, Component, ComponentSpec, Endpoint, HostPattern};
use crate::config::{Addresses, Config, ConfigProblems, Family, ResolverConfig, RouteConfig, RouteProxy};

pub use carry_over::CarriedOver;
pub use error::{DurationSetting, PlanError, SettingSource};
use merge::{EffectiveEndpoint, ProbeTiming};
pub use signatures::SignaturePlan;

/// The maximum number of targets.
pub const MAX_TARGETS: usize = 100_000;

/// The index of a target in [`Plan::targets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub usize);

/// How a target is reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Its index in [`Plan::routes`].
    pub index: usize,
    /// The value of the label `route`.
    pub name: String,
    /// Proxies or a PAC script.
    pub via: RouteProxy,
    /// How names are resolved.
    pub resolver: ResolverConfig,
    /// The source address of connections. If `None`, the system chooses it.
    pub source_address: Option<IpAddr>,
}

impl Route {
    /// Creates the route at `index` of the configuration.
    fn from_config(index: usize, route: &RouteConfig, config: &Config) -> Self {
        let mut resolver = route.resolver.clone().unwrap_or_else(|| config.resolver.clone());
        if let (Family::Any, Some(source)) = (resolver.family, route.source_address) {
            // Addresses of the other family can't be reached from the source address.
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

    /// The direct route, which is the default.
    #[must_use]
    pub fn direct() -> Arc<Self> {
        Arc::new(Self::from_config(0, &RouteConfig::direct(), &Config::default()))
    }
}

/// An endpoint over a route, with its interval and timeout.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// The route.
    pub route: Arc<Route>,
    /// The time between two probes.
    pub interval: Duration,
    /// The maximum duration of a probe, shorter than the interval.
    pub timeout: Duration,
}

impl Target {
    /// Whether it is no target of Defender, but shows whether there is an Internet.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        self.endpoint.component.is_control()
    }
}

/// Everything to probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Indexed by [`TargetId`], in the catalog's order.
    pub targets: Vec<Target>,
    /// The components that have targets, in the catalog's order.
    pub components: Vec<ComponentPlan>,
    /// The routes, in the configuration's order.
    pub routes: Vec<Arc<Route>>,
    /// Hosts that a genuine response may redirect to.
    pub redirect_hosts: Vec<HostPattern>,
    /// Hosts that missing intermediates may be fetched from.
    pub issuer_hosts: Vec<HostPattern>,
    /// Marks of block pages, the configuration's first.
    pub block_pages: Vec<BlockPage>,
    /// Update sources and version feeds of security intelligence.
    pub signatures: SignaturePlan,
    /// The targets, at most one of each route, at which handshakes in two segments are compared with whole ones.
    pub split_hellos: Vec<TargetId>,
}

/// A component with its default interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentPlan {
    /// The component. Omits needs that no target serves, since their state can't be known.
    pub spec: ComponentSpec,
    /// The interval of targets without their own.
    pub interval: Duration,
}

impl Plan {
    /// The target of an id.
    ///
    /// # Panics
    /// If the id is out of range, because it belongs to another plan.
    #[must_use]
    pub fn target(&self, id: TargetId) -> &Target {
        &self.targets[id.0]
    }

    /// The targets of Defender: all but the controls.
    pub fn defender(&self) -> impl Iterator<Item = &Target> + Clone {
        self.targets.iter().filter(|target| !target.is_control())
    }

    /// A plan of a single target, with a timeout of at most `timeout`. Only the name's first address is probed,
    /// since each further address would need its own time.
    #[must_use]
    pub fn for_target(&self, id: TargetId, timeout: Duration) -> Self {
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
            signatures: SignaturePlan {
                stale_after: self.signatures.stale_after,
                ..SignaturePlan::default()
            },
            redirect_hosts: self.redirect_hosts.clone(),
            issuer_hosts: self.issuer_hosts.clone(),
            block_pages: self.block_pages.clone(),
            split_hellos: Vec::new(),
        }
    }

    /// The probed endpoints, without duplicates for several routes.
    #[must_use]
    pub fn endpoints(&self) -> Vec<&Endpoint> {
        let mut endpoints: Vec<_> = self.targets.iter().map(|target| &target.endpoint).collect();
        endpoints.dedup_by_key(|endpoint| (endpoint.component, endpoint.url.as_str())); // an endpoint's routes are adjacent
        endpoints
    }
}

/// Makes the plan.
///
/// Every endpoint is probed over each route that its component is selected for. An optional component is probed
/// if `groups` names it, an update source if `update_sources` lists it, a regional endpoint if `geos` names its
/// region, one of a government's cloud if `clouds` names that. Intervals and timeouts are those of the endpoint's override, else of the catalog's endpoint, else of the
/// component's settings, else the global ones.
///
/// A control is probed over the routes by which endpoints of Microsoft are: a route to the company's own servers needn't lead
/// to the Internet.
///
/// # Errors
/// If the configuration doesn't fit the catalog, with all errors.
pub fn plan(catalog: &Catalog, config: &Config) -> Result<Plan, Vec<PlanError>> {
    let catalog = catalog.with_sources(&config.update_sources);
    let catalog = catalog.as_ref();
    let mut errors = Vec::new();
    let candidates = merge::candidates(catalog, config, &mut errors);
    let routes = routes(config);
    let mut targets = Vec::new();
    let mut components = Vec::new();
    for spec in catalog.components.iter().filter(|spec| is_selected(spec, config)) {
        let own = candidates.iter().filter(|candidate| is_candidate_selected(candidate, spec, config));
        let start = targets.len();
        let mut routes: Vec<_> =
            routes.iter().filter(|route| serves(config, route, spec.component, &targets)).collect();
        if spec.component == Component::FileShare {
            routes.truncate(1); // the system reads it, whatever the route
        }
        targets.extend(own.flat_map(|candidate| {
            let ProbeTiming { interval, timeout } = checked_timing(candidate, config, &mut errors);
            let (interval, timeout) = (interval.value, timeout.value);
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
    let found = targets.iter().filter(|target| !target.is_control()).count();
    match found {
        0 if errors.is_empty() => errors.push(PlanError::Empty),
        0 => {}
        _ => {
            errors.extend(idle_routes(&routes, &targets, config));
            errors.extend((found > MAX_TARGETS).then_some(PlanError::TooMany { found }));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let block_pages = config.block_pages.iter().chain(&catalog.block_pages).cloned().collect();
    let redirect_hosts = catalog.redirect_hosts.clone();
    let issuer_hosts = catalog.issuer_hosts.iter().chain(&config.tls.issuer_hosts).cloned().collect();
    let signatures = SignaturePlan::new(catalog, config, &routes, &targets);
    let split_hellos =
        if config.tls.split_hello { split_hello::compared(catalog, &routes, &targets) } else { Vec::new() };
    Ok(Plan {
        targets,
        components,
        routes,
        redirect_hosts,
        issuer_hosts,
        block_pages,
        signatures,
        split_hellos,
    })
}

/// The routes of a configuration, in its order.
#[must_use]
pub fn routes(config: &Config) -> Vec<Arc<Route>> {
    config
        .routes
        .iter()
        .enumerate()
        .map(|(n, route)| Arc::new(Route::from_config(n, route, config)))
        .collect()
}

/// Like [`plan`], with its errors as problems of the configuration `file`.
///
/// # Errors
/// See [`plan`].
pub fn plan_for(catalog: &Catalog, config: &Config, file: &str) -> Result<Plan, ConfigProblems> {
    plan(catalog, config)
        .map_err(|errors| ConfigProblems(errors.into_iter().map(|error| error.into_problem(file)).collect()))
}

fn is_selected(spec: &ComponentSpec, config: &Config) -> bool {
    let enabled = config.components.get(&spec.component).and_then(|settings| settings.enabled);
    let listed = !spec.optional || config.groups.contains(&spec.component);
    listed && enabled != Some(false)
}

fn is_candidate_selected(candidate: &EffectiveEndpoint, spec: &ComponentSpec, config: &Config) -> bool {
    let endpoint = &candidate.endpoint;
    endpoint.component == spec.component
        && endpoint.geo.is_none_or(|geo| config.geos.contains(&geo))
        && endpoint.cloud.is_none_or(|cloud| config.clouds.contains(&cloud))
}

/// Whether a component's endpoints are probed over a route, if `before` are the targets of the components before it.
fn serves(config: &Config, route: &Route, component: Component, before: &[Target]) -> bool {
    let selected = &config.routes[route.index].components; // the route was made from this entry
    if component.is_control() {
        let leads_to_microsoft = |target: &Target| {
            target.route.index == route.index && !target.endpoint.component.is_on_premises()
        };
        return before.iter().any(leads_to_microsoft);
    }
    selected.is_empty() || selected.contains(&component)
}

/// Errors of the routes without targets.
fn idle_routes(routes: &[Arc<Route>], targets: &[Target], config: &Config) -> Vec<PlanError> {
    let used: BTreeSet<usize> = targets.iter().map(|target| target.route.index).collect();
    let idle_routes = routes.iter().filter(|route| !used.contains(&route.index));
    let error = |route: &Arc<Route>| PlanError::IdleRoute {
        route: route.index,
        name: route.name.clone(),
        components: config.routes[route.index].components.clone(), // the route was made from this entry
    };
    idle_routes.map(error).collect()
}

/// The effective interval and timeout of an endpoint. Reports a timeout that isn't shorter than the interval.
fn checked_timing(
    candidate: &EffectiveEndpoint,
    config: &Config,
    errors: &mut Vec<PlanError>,
) -> ProbeTiming {
    let ProbeTiming { interval, timeout } = candidate.timing(config);
    if timeout.value >= interval.value {
        let own = interval.is_endpoints() || timeout.is_endpoints();
        let error = PlanError::TimeoutNotShorter {
            component: candidate.endpoint.component,
            endpoint: own.then(|| candidate.endpoint.url.clone()),
            interval,
            timeout,
        };
        // Reports an error in a component's settings once, not for each of its endpoints.
        if own || !errors.contains(&error) {
            errors.push(error);
        }
    }
    ProbeTiming { interval, timeout }
}

fn component_plan(spec: &ComponentSpec, targets: &[Target], config: &Config) -> ComponentPlan {
    let own = config.components.get(&spec.component).and_then(|settings| settings.interval);
    let mut spec = spec.clone();
    spec.needs.retain(|need| targets.iter().any(|target| target.endpoint.serves.as_ref() == Some(need)));
    ComponentPlan { spec, interval: own.unwrap_or(config.interval) }
}
