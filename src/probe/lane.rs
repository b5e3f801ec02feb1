//! What the probes of one route share, and what goes by the same route beside them: names, TLS, revocation.

use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::TlsConnector;

use super::{ProberError, tls, tunnel};
use crate::clock::Clock;
use crate::config::Config;
use crate::fetch::Fetcher;
use crate::names::Destinations;
use crate::plan::{Plan, Route};
use crate::trust::revocation::{Checker, Pace, Settings};
use crate::trust::{Issuers, Roots};
use crate::ways::Ways;

/// The longest that a list which could not be fetched is left alone.
const RETRY: Duration = Duration::from_secs(60);

/// A route with what it takes to go by it.
pub(super) struct Lane {
    pub(super) route: Arc<Route>,
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
    pub(super) fn new(
        route: &Arc<Route>,
        plan: &Plan,
        config: &Config,
        roots: &Arc<Roots>,
        clock: Clock,
    ) -> Result<Self, ProberError> {
        let patience = plan.targets.iter().map(|target| target.timeout).max().unwrap_or(Duration::ZERO);
        let destinations = Arc::new(Destinations::new(&route.resolver, &config.connect_to, patience)?);
        let proxy_tls = tunnel::client_config(roots.anchors(), clock)?;
        let direct = Fetcher::direct(Arc::clone(&destinations), route.source_address, proxy_tls.clone());
        let ways = Ways::new(&route.via, &destinations, direct.clone(), clock);
        let fetcher = Arc::new(direct.by(ways.clone()));
        let issuers = Arc::new(Issuers::new(plan.issuer_hosts.clone()));
        let refresh = config.tls.crl_refresh;
        let settings = Settings { pace: Pace { refresh, retry: RETRY.min(refresh) }, ..Settings::default() };
        let checker = config.tls.revocation.then(|| Checker::new(Arc::clone(&fetcher), settings));
        let tls = tls::Tls::new(Arc::clone(roots), issuers, Arc::clone(&fetcher), clock)?;
        let proxy_tls = TlsConnector::from(Arc::new(proxy_tls));
        Ok(Self { route: Arc::clone(route), destinations, ways, tls, proxy_tls, fetcher, checker })
    }
}
