//! On-demand probes: one target of the plan, now, independently of the engine's probes and their results. They share
//! only the context of the route: revocation lists, issuers and PAC scripts.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use super::{ProbeSetup, probe_once};
use crate::catalog::{Component, ProbeUrl, UrlError};
use crate::clock::Clock;
use crate::config::RequestKey;
use crate::plan::{Plan, TargetId};
use crate::probe::Prober;
use crate::state::Snapshot;
use crate::text::clean;
use crate::tls::Roots;

/// The default route if several lead to the target.
const DEFAULT_ROUTE: &str = "direct";

/// A request for an on-demand probe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProbeRequest {
    /// The URL of an endpoint.
    pub target: String,
    /// The component; by default, the first that has the endpoint.
    pub component: Option<String>,
    /// The route; by default, the only one or `direct`.
    pub route: Option<String>,
    /// The maximum duration including revocation. The target's own timeout also applies to the probe.
    pub limit: Option<Duration>,
}

/// Why a request was rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The target isn't a valid URL.
    #[error("target: {target:?} can't be probed: {error}")]
    NoUrl {
        /// The target.
        target: String,
        /// Why it is invalid.
        error: UrlError,
    },
    /// The target isn't in the plan. Clients must not be able to make the exporter send requests to arbitrary URLs
    /// (SSRF).
    #[error(
        "target: {0} is not in the catalog or the configuration, or is disabled; `defender-exporter catalog --format urls` lists valid targets"
    )]
    Unknown(String),
    /// The target doesn't belong to this component.
    #[error("component: {component:?} has no endpoint {target}, which belongs to {owners}")]
    Component {
        /// The requested component.
        component: String,
        /// The target.
        target: String,
        /// The components that have the target.
        owners: String,
    },
    /// The configuration has no such route.
    #[error("route: {route:?} is not configured; configured routes: {configured}")]
    NoRoute {
        /// The requested route.
        route: String,
        /// The configured routes.
        configured: String,
    },
    /// The route isn't selected for the target.
    #[error("route: {target} is not probed via {route:?}, only via {selected}")]
    NotByRoute {
        /// The requested route.
        route: String,
        /// The target.
        target: String,
        /// The routes that it is probed via.
        selected: String,
    },
    /// Several routes lead to the target, and the request names none.
    #[error("route: {target} is probed via several routes, none named direct: choose one of {routes}")]
    WhichRoute {
        /// The target.
        target: String,
        /// The routes that it is probed via.
        routes: String,
    },
    /// Too many on-demand probes are in flight.
    #[error("{0} on-demand probes are running, the limit set by `concurrency`")]
    Busy(usize),
}

/// The plan and prober of on-demand probes, with their concurrency limit.
pub struct OnDemandContext {
    plan: Arc<Plan>,
    prober: Arc<Prober>,
    limit: usize,
    permits: Semaphore,
}

impl OnDemandContext {
    /// Uses the engine's plan and prober. The limit is the engine's, counted separately.
    #[must_use]
    pub fn new(setup: &ProbeSetup) -> Arc<Self> {
        Arc::new(Self {
            plan: Arc::clone(&setup.plan),
            prober: Arc::clone(&setup.prober),
            limit: setup.concurrency,
            permits: Semaphore::new(setup.concurrency),
        })
    }
}

/// Runs on-demand probes.
#[derive(Clone)]
pub struct OnDemand {
    /// Follows the configuration in use.
    context: watch::Receiver<Arc<OnDemandContext>>,
    clock: Clock,
}

impl OnDemand {
    /// Each probe uses the context that is current when it starts.
    #[must_use]
    pub const fn new(context: watch::Receiver<Arc<OnDemandContext>>, clock: Clock) -> Self {
        Self { context, clock }
    }

    /// The roots that probes trust now.
    #[must_use]
    pub fn roots(&self) -> Arc<Roots> {
        Arc::clone(self.context.borrow().prober.roots())
    }

    /// Probes once. The snapshot contains this target alone. Dropping the future aborts the probe.
    ///
    /// # Errors
    /// If the request is invalid, or too many probes are in flight: queueing would consume the probe's own time.
    pub async fn probe(&self, request: &ProbeRequest) -> Result<Snapshot, RequestError> {
        let context = Arc::clone(&self.context.borrow());
        let id = find(&context.plan, request)?;
        let _permit = context.permits.try_acquire().map_err(|_| RequestError::Busy(context.limit))?;
        let limit = request.limit.unwrap_or(context.plan.target(id).timeout);
        let until = Instant::now() + limit;
        let (plan, prober) = context.prober.for_target(id, limit);
        let mut snapshot = Snapshot::new(Arc::clone(&plan), self.clock.now());
        for event in probe_once(&plan, Arc::new(prober), self.clock, 1, Some(until)).await {
            snapshot.apply(event);
        }
        Ok(snapshot)
    }
}

/// The requested target.
pub(crate) fn find(plan: &Plan, request: &ProbeRequest) -> Result<TargetId, RequestError> {
    let shown = clean(&request.target);
    let target = request.target.as_str();
    let url = ProbeUrl::parse(target)
        .or_else(|error| ProbeUrl::parse_folder(target).map_err(|_| error))
        .map_err(|error| RequestError::NoUrl { target: shown.clone(), error })?;
    let key = RequestKey::new(&url);
    let mut found: Vec<_> = (0..plan.targets.len()).map(TargetId).collect();
    found.retain(|id| RequestKey::new(&plan.target(*id).endpoint.url) == key);
    let Some(first) = found.first() else { return Err(RequestError::Unknown(shown)) };
    let component = match &request.component {
        None => plan.target(*first).endpoint.component,
        Some(word) => component(plan, &found, word, &shown)?,
    };
    found.retain(|id| plan.target(*id).endpoint.component == component);
    by_route(plan, &found, request, shown)
}

fn component(plan: &Plan, found: &[TargetId], word: &str, url: &str) -> Result<Component, RequestError> {
    let mut components: Vec<_> = found.iter().map(|id| plan.target(*id).endpoint.component).collect();
    components.dedup();
    let named = components.iter().find(|component| component.as_str() == word);
    named.copied().ok_or_else(|| RequestError::Component {
        component: clean(word),
        target: url.to_owned(),
        owners: listed(components.iter().map(|c| c.as_str())),
    })
}

fn by_route(
    plan: &Plan,
    found: &[TargetId],
    request: &ProbeRequest,
    target: String,
) -> Result<TargetId, RequestError> {
    let route = |id: &TargetId| plan.target(*id).route.name.as_str();
    let named = |name: &str| found.iter().find(|id| route(id) == name).copied();
    let routes = || listed(found.iter().map(route));
    match (&request.route, found) {
        (Some(name), _) => named(name).ok_or_else(|| {
            if plan.routes.iter().any(|route| route.name == *name) {
                RequestError::NotByRoute { route: clean(name), target, selected: routes() }
            } else {
                let configured = listed(plan.routes.iter().map(|route| route.name.as_str()));
                RequestError::NoRoute { route: clean(name), configured }
            }
        }),
        (None, [only]) => Ok(*only),
        (None, _) => {
            named(DEFAULT_ROUTE).ok_or_else(|| RequestError::WhichRoute { target, routes: routes() })
        }
    }
}

fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::catalog::embedded;
    use crate::config::{Environment, parse};
    use crate::plan::{Target, plan};

    const MAPS: &str = "https://wdcp.microsoft.com/";
    const ROUTES: &str = "routes: [{ name: direct, components: [maps] }, { name: a }, { name: b, components: [maps, update] }]";

    fn find_in(yaml: &str, query: [&str; 3]) -> String {
        let config = parse("test", yaml, Path::new(""), &Environment::default()).expect("good");
        let plan = plan(embedded(), &config).expect("fits the catalog");
        let [target, component, route] = query.map(str::to_owned);
        let optional = |word: String| Some(word).filter(|word| !word.is_empty());
        let request =
            ProbeRequest { target, component: optional(component), route: optional(route), limit: None };
        match find(&plan, &request) {
            Ok(id) => {
                let Target { endpoint, route, .. } = plan.target(id);
                format!("{} {} by {}", endpoint.component, endpoint.url, route.name)
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn requests_and_their_targets_or_errors() {
        let check = |yaml, query, expected: &str| {
            let found = find_in(yaml, query);
            assert!(found.contains(expected), "{query:?}: {found}");
        };
        check("", [MAPS, "", ""], "maps https://wdcp.microsoft.com/ by direct");
        check(
            "",
            ["https://WDCP.microsoft.com:443", "maps", "direct"],
            "maps https://wdcp.microsoft.com/ by direct",
        );
        check("routes: [{ name: proxy }]", [MAPS, "", ""], "by proxy");
        let share = r"update_sources: [{ file_share: '\\files.example\updates' }]";
        let folder = r"\\files.example\updates";
        check(share, [folder, "", ""], r"file_share \\files.example\updates by direct");
        check(share, [r"\\files.example\other", "", ""], "catalog --format urls");
        check(ROUTES, [MAPS, "", ""], "by direct");
        check(ROUTES, [MAPS, "", "b"], "by b");
        let update = "https://sls.update.microsoft.com/";
        check(ROUTES, [update, "", ""], "none named direct: choose one of a, b");
        check(
            ROUTES,
            [update, "", "direct"],
            "https://sls.update.microsoft.com/ is not probed via \"direct\", only via a, b",
        );
        check(ROUTES, [MAPS, "", "c"], "\"c\" is not configured; configured routes: direct, a, b");
        check(
            "",
            [MAPS, "update", ""],
            "\"update\" has no endpoint https://wdcp.microsoft.com/, which belongs to maps",
        );
        check("", ["https://evil.example/", "", ""], "catalog --format urls");
        check("", ["http://169.254.169.254/", "", ""], "catalog --format urls");
        check("", ["/etc", "", ""], "catalog --format urls");
        check("", ["file:///etc/passwd", "", ""], "is not http or https");
        check("", ["x\r\ny", "", ""], "can't be probed: white space or a control character in it: '\\r'");
        let off = "components: { diagnostics: { enabled: false } }";
        check(off, ["https://settings-win.data.microsoft.com/qos", "", ""], "or is disabled");
    }
}
