//! What the probes of one route share, and what goes by the same route beside them: names, TLS, revocation.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsConnector;

use super::{ProberError, tls, tunnel};
use crate::catalog::HostPattern;
use crate::clock::Clock;
use crate::config::{Config, ConnectTo, HostPort};
use crate::fetch::Fetcher;
use crate::names::Destinations;
use crate::plan::{Plan, Route};
use crate::trust::revocation::{Checker, Pace, Settings};
use crate::trust::{Issuers, Roots};
use crate::ways::Ways;

/// The longest that a list which could not be fetched is left alone.
const RETRY: Duration = Duration::from_secs(60);

/// All that a lane is made of: another one of the same would be the same, but for what this one has learned.
#[derive(PartialEq)]
pub(super) struct Basis {
    route: Route,
    connect_to: BTreeMap<HostPort, ConnectTo>,
    issuer_hosts: Vec<HostPattern>,
    revocation: bool,
    crl_refresh: Duration,
    roots: Arc<Roots>,
}

impl Basis {
    pub(super) fn of(route: &Route, plan: &Plan, config: &Config, roots: &Arc<Roots>) -> Self {
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

/// A route with what it takes to go by it.
pub(super) struct Lane {
    pub(super) basis: Basis,
    pub(super) destinations: Arc<Destinations>,
    pub(super) ways: Ways,
    pub(super) tls: tls::Tls,
    /// What speaks TLS to a proxy.
    pub(super) proxy_tls: TlsConnector,
    /// What is fetched by the route.
    pub(super) fetcher: Arc<Fetcher>,
    /// None where revocation isn't checked.
    pub(super) checker: Option<Checker<Arc<Fetcher>>>,
}

impl Lane {
    /// The address of this machine that connections come from.
    pub(super) const fn source_address(&self) -> Option<IpAddr> {
        self.basis.route.source_address
    }

    /// `patience` is that of the questions for names; it may change with the plan.
    pub(super) fn new(basis: Basis, patience: Duration, clock: Clock) -> Result<Self, ProberError> {
        let Basis { route, roots, .. } = &basis;
        let destinations = Arc::new(Destinations::new(&route.resolver, &basis.connect_to, patience));
        let proxy_tls = tunnel::client_config(roots.anchors(), clock)?;
        let direct = Fetcher::direct(Arc::clone(&destinations), route.source_address, proxy_tls.clone());
        let ways = Ways::new(&route.via, &destinations, direct.clone(), clock);
        let fetcher = Arc::new(direct.by(ways.clone()));
        let issuers = Arc::new(Issuers::new(basis.issuer_hosts.clone()));
        let refresh = basis.crl_refresh;
        let settings = Settings { pace: Pace { refresh, retry: RETRY.min(refresh) }, ..Settings::default() };
        let checker = basis.revocation.then(|| Checker::new(Arc::clone(&fetcher), settings));
        let tls = tls::Tls::new(Arc::clone(roots), issuers, Arc::clone(&fetcher), clock)?;
        let proxy_tls = TlsConnector::from(Arc::new(proxy_tls));
        Ok(Self { basis, destinations, ways, tls, proxy_tls, fetcher, checker })
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
        let roots = Roots::of(&[], &embedded().microsoft_roots, &config.tls).expect("no root of its own");
        Prober::after(before, plan, &config, &roots, Clock::System).expect("can be set up")
    }

    #[tokio::test]
    async fn a_route_that_does_not_change_keeps_what_it_has_learned() {
        let check = |old: &str, new: &str, expected: bool| {
            let before = prober(old, None);
            let after = prober(new, Some(&before));
            let shared = after.shares_lane(TargetId(0), &before, TargetId(0));
            assert_eq!(shared, expected, "{old:?} to {new:?}");
            let fetcher = |prober: &Prober| prober.fetcher(&prober.plan.routes[0]);
            assert_eq!(Arc::ptr_eq(&fetcher(&before), &fetcher(&after)), expected, "{old:?} to {new:?}");
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
        assert!(after.shares_lane(TargetId(0), &before, TargetId(1)), "wherever it stands");
    }

    #[tokio::test]
    async fn a_lane_waits_for_names_as_long_as_the_plan_in_use_wants() {
        let before = prober("timeout: 4s", None);
        let after = prober("timeout: 9s", Some(&before));
        let patience = || before.lanes[0].destinations.patience().as_secs();
        assert_eq!(patience(), 4, "the other isn't in use yet");
        after.take_over();
        assert_eq!(patience(), 9);
    }
}
