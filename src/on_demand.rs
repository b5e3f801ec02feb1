//! Probes that somebody asks for: one target of the plan, now, beside the probes of the engine, whose findings it doesn't touch.
//! What they share is what a route has learned: revocation lists, issuers, PAC scripts.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;

use crate::catalog::{Component, ProbeUrl, UrlError};
use crate::clock::Clock;
use crate::config::request_of;
use crate::engine::{self, Work};
use crate::plan::{Plan, Target, TargetId};
use crate::probe::Prober;
use crate::state::Snapshot;
use crate::text::clean;

/// The route that is taken where several lead to a target and none is named.
const USUAL_ROUTE: &str = "direct";

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// The URL of an endpoint.
    pub target: String,
    /// Of which component, where several have it; the first, if not given.
    pub component: Option<String>,
    /// By which route; the only one or `direct`, if not given.
    pub route: Option<String>,
    /// The longest that it may take, revocation included; the target's timeout bounds the probe in any case.
    pub limit: Option<Duration>,
}

/// Why nothing is probed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No URL.
    #[error("target: {0:?} can't be probed: {1}")]
    NoUrl(String, UrlError),
    /// Nothing of the plan: who may ask must not be able to send requests anywhere.
    #[error(
        "target: {0} is neither in the catalog nor in the configuration, or turned off there; `defender-exporter catalog --format urls` lists what can be probed"
    )]
    Unknown(String),
    /// No component of the target.
    #[error("component: {0:?} has no endpoint {1}; it belongs to {2}")]
    Component(String, String, String),
    /// No route at all.
    #[error("route: {0:?} is no route of the configuration; there are {1}")]
    NoRoute(String, String),
    /// A route that isn't selected for it.
    #[error("route: {0:?} doesn't lead to {1}: it is probed by {2}")]
    NotByRoute(String, String, String),
    /// Several, and nobody says which.
    #[error("route: {0} is probed by several routes, and none of them is direct: name one of {1}")]
    WhichRoute(String, String),
    /// As many are under way as may be.
    #[error("{0} probes on demand are under way, as many as `concurrency` allows")]
    Busy(usize),
}

/// What probes on demand are made with.
pub struct Desk {
    plan: Arc<Plan>,
    prober: Arc<Prober>,
    limit: usize,
    permits: Semaphore,
}

impl Desk {
    /// By the same means as the engine, and as many at once beside it.
    #[must_use]
    pub fn of(work: &Work) -> Arc<Self> {
        Arc::new(Self {
            plan: Arc::clone(&work.plan),
            prober: Arc::clone(&work.prober),
            limit: work.concurrency,
            permits: Semaphore::new(work.concurrency),
        })
    }
}

/// Makes probes on demand.
#[derive(Clone)]
pub struct OnDemand {
    /// As the configuration in use says.
    desk: watch::Receiver<Arc<Desk>>,
    clock: Clock,
}

impl OnDemand {
    /// At the desk that is there when somebody asks.
    #[must_use]
    pub const fn new(desk: watch::Receiver<Arc<Desk>>, clock: Clock) -> Self {
        Self { desk, clock }
    }

    /// Probes once. What is known then is a snapshot of that target alone. Dropped, the probe ends.
    ///
    /// # Errors
    /// When nothing is to be probed, or too much already is: waiting for a turn would take the probe's own time.
    pub async fn probe(&self, wish: &Wish) -> Result<Snapshot, Refusal> {
        let desk = Arc::clone(&self.desk.borrow());
        let id = find(&desk.plan, wish)?;
        let _permit = desk.permits.try_acquire().map_err(|_| Refusal::Busy(desk.limit))?;
        let limit = wish.limit.unwrap_or(desk.plan.target(id).timeout);
        let until = Instant::now() + limit;
        let (plan, prober) = desk.prober.only(id, limit);
        let mut snapshot = Snapshot::new(Arc::clone(&plan), self.clock.now());
        for event in engine::round(&plan, Arc::new(prober), self.clock, 1, Some(until)).await {
            snapshot.apply(event);
        }
        Ok(snapshot)
    }
}

/// The target that is asked for.
fn find(plan: &Plan, wish: &Wish) -> Result<TargetId, Refusal> {
    let shown = clean(&wish.target);
    let url = ProbeUrl::parse(&wish.target).map_err(|error| Refusal::NoUrl(shown.clone(), error))?;
    let own = |target: &&(TargetId, &Target)| request_of(&target.1.endpoint.url) == request_of(&url);
    let all: Vec<_> = plan.targets.iter().enumerate().map(|(n, target)| (TargetId(n), target)).collect();
    let found: Vec<_> = all.iter().filter(own).copied().collect();
    let Some((_, first)) = found.first() else { return Err(Refusal::Unknown(shown)) };
    let component = match &wish.component {
        None => first.endpoint.component,
        Some(word) => component(&found, word, &shown)?,
    };
    let found: Vec<_> =
        found.into_iter().filter(|(_, target)| target.endpoint.component == component).collect();
    by_route(plan, &found, wish, shown)
}

fn component(found: &[(TargetId, &Target)], word: &str, url: &str) -> Result<Component, Refusal> {
    let mut components: Vec<_> = found.iter().map(|(_, target)| target.endpoint.component).collect();
    components.dedup();
    let named = components.iter().find(|component| component.as_str() == word);
    named.copied().ok_or_else(|| {
        Refusal::Component(clean(word), url.to_owned(), listed(components.iter().map(|c| c.as_str())))
    })
}

fn by_route(
    plan: &Plan,
    found: &[(TargetId, &Target)],
    wish: &Wish,
    shown: String,
) -> Result<TargetId, Refusal> {
    let at = |name: &str| found.iter().find(|(_, target)| target.route.name == name).map(|(id, _)| *id);
    let ways = || listed(found.iter().map(|(_, target)| target.route.name.as_str()));
    match (&wish.route, found) {
        (Some(name), _) => at(name).ok_or_else(|| {
            if plan.routes.iter().any(|route| route.name == *name) {
                Refusal::NotByRoute(clean(name), shown, ways())
            } else {
                Refusal::NoRoute(clean(name), listed(plan.routes.iter().map(|route| route.name.as_str())))
            }
        }),
        (None, [(only, _)]) => Ok(*only),
        (None, _) => at(USUAL_ROUTE).ok_or_else(|| Refusal::WhichRoute(shown, ways())),
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
    use crate::plan::plan;

    const MAPS: &str = "https://wdcp.microsoft.com/";
    const ROUTES: &str = "routes: [{ name: direct, components: [maps] }, { name: a }, { name: b, components: [maps, update] }]";

    fn asked(yaml: &str, query: [&str; 3]) -> String {
        let config = parse("test", yaml, Path::new(""), &Environment::default()).expect("good");
        let plan = plan(embedded(), &config).expect("fits the catalog");
        let [target, component, route] = query.map(str::to_owned);
        let given = |word: String| Some(word).filter(|word| !word.is_empty());
        let wish = Wish { target, component: given(component), route: given(route), limit: None };
        match find(&plan, &wish) {
            Ok(id) => {
                let Target { endpoint, route, .. } = plan.target(id);
                format!("{} {} by {}", endpoint.component, endpoint.url, route.name)
            }
            Err(refusal) => refusal.to_string(),
        }
    }

    #[test]
    fn what_is_found() {
        let check = |yaml, query, expected: &str| {
            let found = asked(yaml, query);
            assert!(found.contains(expected), "{query:?}: {found}");
        };
        check("", [MAPS, "", ""], "maps https://wdcp.microsoft.com/ by direct");
        check(
            "",
            ["https://WDCP.microsoft.com:443", "maps", "direct"],
            "maps https://wdcp.microsoft.com/ by direct",
        );
        check("routes: [{ name: proxy }]", [MAPS, "", ""], "by proxy");
        check(ROUTES, [MAPS, "", ""], "by direct");
        check(ROUTES, [MAPS, "", "b"], "by b");
        let update = "https://sls.update.microsoft.com/";
        check(ROUTES, [update, "", ""], "none of them is direct: name one of a, b");
        check(
            ROUTES,
            [update, "", "direct"],
            "\"direct\" doesn't lead to https://sls.update.microsoft.com/: it is probed by a, b",
        );
        check(ROUTES, [MAPS, "", "c"], "\"c\" is no route of the configuration; there are direct, a, b");
        check(
            "",
            [MAPS, "update", ""],
            "\"update\" has no endpoint https://wdcp.microsoft.com/; it belongs to maps",
        );
        check("", ["https://evil.example/", "", ""], "catalog --format urls");
        check("", ["http://169.254.169.254/", "", ""], "catalog --format urls");
        check("", ["file:///etc/passwd", "", ""], "is not http or https");
        check("", ["x\r\ny", "", ""], "can't be probed: not a URL");
        let off = "components: { diagnostics: { enabled: false } }";
        check(off, ["https://settings-win.data.microsoft.com/", "", ""], "turned off there");
    }
}
