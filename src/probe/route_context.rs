//! What the probes of one route share: name resolution, TLS, fetches and revocation checks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::ProberError;
use crate::catalog::HostPattern;
use crate::clock::Clock;
use crate::config::{Config, ConnectTo, HostPort, RouteProxy};
use crate::net::fetch::Fetcher;
use crate::net::proxy::ProxySelector;
use crate::net::resolver::{Resolver, SystemConfigCache};
use crate::net::{Connector, TlsClient};
use crate::plan::{Plan, Route};
use crate::revocation::{CheckerSettings, FetchIntervals, RecordingFetch, RevocationChecker};
use crate::tls::{AiaIssuers, Roots};

/// The maximum delay before a failed fetch of a CRL is retried.
const RETRY: Duration = Duration::from_secs(60);

/// The configuration of a route context. Contexts with equal keys differ only in their caches.
#[derive(PartialEq)]
pub(super) struct RouteKey {
    route: Route,
    connect_to: BTreeMap<HostPort, ConnectTo>,
    issuer_hosts: Vec<HostPattern>,
    revocation: bool,
    crl_refresh: Duration,
    roots: Arc<Roots>,
}

impl RouteKey {
    pub(super) fn new(route: &Route, plan: &Plan, config: &Config, roots: &Arc<Roots>) -> Self {
        Self {
            route: Route { index: 0, ..route.clone() },
            connect_to: config.connect_to.clone(),
            issuer_hosts: plan.issuer_hosts.clone(),
            revocation: config.tls.revocation,
            crl_refresh: config.tls.crl_refresh,
            roots: Arc::clone(roots),
        }
    }
}

/// A route, with everything that its probes need.
pub(super) struct RouteContext {
    pub(super) key: RouteKey,
    pub(super) connector: Arc<Connector>,
    pub(super) tls: Arc<TlsClient>,
    /// Fetches over the route, or as Windows itself does beside a policy's proxies.
    pub(super) fetcher: Arc<Fetcher>,
    /// `None` if revocation isn't checked.
    pub(super) checker: Option<RevocationChecker<RecordingFetch<Arc<Fetcher>>>>,
}

impl RouteContext {
    pub(super) fn new(
        key: RouteKey,
        system: &Arc<SystemConfigCache>,
        clock: Clock,
    ) -> Result<Self, ProberError> {
        let RouteKey { route, roots, .. } = &key;
        let destinations = Arc::new(Resolver::with_system(&route.resolver, &key.connect_to, system));
        let issuers = Arc::new(AiaIssuers::new(key.issuer_hosts.clone()));
        let tls = Arc::new(TlsClient::new(Arc::clone(roots), issuers, clock)?);
        let direct =
            Connector::direct(Arc::clone(&destinations), route.source_address, roots.anchors(), clock)?;
        let scripts = Fetcher::new(Arc::new(direct.clone()), Arc::clone(&tls));
        let selector = ProxySelector::new(&route.via, &destinations, &scripts, clock);
        let connector = Arc::new(direct.clone().with_proxies(selector));
        let route_of_fetches = match &route.via {
            RouteProxy::Policy(policy) => {
                Arc::new(direct.with_proxies(ProxySelector::fixed(policy.system.clone())))
            }
            RouteProxy::Proxies(_) | RouteProxy::Pac(_) => Arc::clone(&connector),
        };
        let fetcher = Arc::new(Fetcher::new(route_of_fetches, Arc::clone(&tls)));
        let refresh = key.crl_refresh;
        let settings = CheckerSettings {
            fetch_intervals: FetchIntervals { refresh, retry: RETRY.min(refresh) },
            ..CheckerSettings::default()
        };
        let checker = key
            .revocation
            .then(|| RevocationChecker::new(RecordingFetch::new(Arc::clone(&fetcher)), settings));
        Ok(Self { key, connector, tls, fetcher, checker })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::catalog::embedded;
    use crate::config::{Environment, parse};
    use crate::plan::{TargetId, plan};
    use crate::probe::Prober;

    fn prober(yaml: &str, before: Option<&Prober>) -> Prober {
        let config = parse("test", yaml, Path::new(""), &Environment::default()).expect("good");
        let plan = Arc::new(plan(embedded(), &config).expect("fits the catalog"));
        let roots =
            Roots::from_lists(&[], &embedded().microsoft_roots, &config.tls).expect("no root of its own");
        Prober::replacing(before, plan, &config, &roots, Clock::System).expect("can be set up")
    }

    #[tokio::test]
    async fn an_unchanged_route_keeps_its_context() {
        let check = |old: &str, new: &str, expected: bool| {
            let before = prober(old, None);
            let after = prober(new, Some(&before));
            let shared = after.shares_route_context(TargetId(0), &before, TargetId(0));
            assert_eq!(shared, expected, "{old:?} to {new:?}");
            let fetcher = |prober: &Prober| prober.fetcher(&prober.plan.routes[0]);
            assert_eq!(Arc::ptr_eq(&fetcher(&before), &fetcher(&after)), expected, "{old:?} to {new:?}");
            assert!(Arc::ptr_eq(&before.system, &after.system), "one reader of the resolver's files");
        };
        check("", "", true);
        check("", "interval: 5m\nconcurrency: 3", true);
        check("", "timeout: 9s", true);
        check("", "groups: [mde]\nblock_pages: [{ body_contains: blocked, name: filter }]", true);
        check("routes: [{ name: direct }]", "routes: [{ name: direct }, { name: more }]", true);
        check("", "tls: { revocation: false }", false);
        check("", "resolver: { family: ipv4 }", false);
        check("", "connect_to: { 'wdcp.microsoft.com:443': '127.0.0.1:1' }", false);
        check("", "routes: [{ name: direct, proxy: 'http://proxy.example:8080' }]", false);
        let two = "routes: [{ name: direct }, { name: more }]";
        let (before, turned) = (prober(two, None), "routes: [{ name: more }, { name: direct }]");
        let after = prober(turned, Some(&before));
        assert!(
            after.shares_route_context(TargetId(0), &before, TargetId(1)),
            "the order of routes doesn't matter"
        );
    }
}
