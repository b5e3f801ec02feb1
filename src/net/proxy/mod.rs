//! Proxy selection: from the configuration's rules or a PAC script. `pac/` evaluates scripts, `pac_cache.rs`
//! stores them. Connects to no endpoint.

pub mod pac;
mod pac_cache;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use super::fetch::Fetcher;
use super::resolver::Resolver;
use crate::catalog::ProbeUrl;
use crate::clock::Clock;
use crate::config::{Credentials, PacConfig, Proxies, Proxy, ProxyKind, Via};
use crate::observation::{Failure, FailureReason, Phase};
use pac::{Evaluation, Machine, PacLimits, PacReason, ProxyDirective, Socks};
use pac_cache::PacCache;
pub use pac_cache::RefreshPolicy;

/// The maximum number of proxies of a script's answer that are tried.
const MAX_PROXIES: usize = 5;

/// The proxies for a URL, in order, at least one entry. `None` is a direct connection.
pub type ProxyList = Vec<Option<Arc<Proxy>>>;

/// A proxy selection in progress.
type SelectFuture<'a> = Pin<Box<dyn Future<Output = Result<ProxyList, Failure>> + Send + 'a>>;

/// Selects the proxy for each URL of a route.
#[derive(Clone)]
pub enum ProxySelector {
    /// By the configuration's rules.
    Fixed(Proxies),
    /// By a PAC script.
    Pac(Arc<PacSelector>),
}

/// Selects proxies by a PAC script.
pub struct PacSelector {
    cache: Arc<PacCache>,
    credentials: Option<Credentials>,
    destinations: Arc<Resolver>,
    clock: Clock,
}

impl ProxySelector {
    /// Creates a selector for `via`. `fetcher` fetches the script, without a proxy.
    #[must_use]
    pub fn new(via: &Via, destinations: &Arc<Resolver>, fetcher: Fetcher, clock: Clock) -> Self {
        Self::with_refresh_policy(via, destinations, fetcher, clock, RefreshPolicy::default())
    }

    /// Like [`Self::new`], with another refresh policy for the script.
    #[must_use]
    pub fn with_refresh_policy(
        via: &Via,
        destinations: &Arc<Resolver>,
        fetcher: Fetcher,
        clock: Clock,
        refresh_policy: RefreshPolicy,
    ) -> Self {
        match via {
            Via::Proxies(proxies) => Self::Fixed(proxies.clone()),
            Via::Pac(PacConfig { source, credentials }) => Self::Pac(Arc::new(PacSelector {
                cache: Arc::new(PacCache::new(source.clone(), fetcher, refresh_policy)),
                credentials: credentials.clone(),
                destinations: Arc::clone(destinations),
                clock,
            })),
        }
    }

    /// Whether a PAC script selects the proxy.
    #[must_use]
    pub const fn is_pac(&self) -> bool {
        matches!(self, Self::Pac(_))
    }

    /// The proxies for a URL, in the order in which clients try them. Returns by `deadline`.
    ///
    /// # Errors
    /// In phase `tunnel`: if the script can't be read, or gives no valid answer.
    pub async fn proxies_for(&self, url: &ProbeUrl, deadline: Instant) -> Result<ProxyList, Failure> {
        match self {
            Self::Fixed(proxies) => Ok(vec![proxies.for_url(url).cloned()]),
            Self::Pac(selector) => selector.select_proxies(url, deadline).await,
        }
    }
}

impl PacSelector {
    /// Boxed because it recurses: a fetcher fetches the script, and fetchers select proxies.
    fn select_proxies<'a>(&'a self, url: &'a ProbeUrl, deadline: Instant) -> SelectFuture<'a> {
        Box::pin(async move {
            let timed_out = |_| unreadable("not read before the probe's timeout");
            let script = timeout_at(deadline, self.cache.script()).await.map_err(timed_out)??;
            let machine = Machine::local(self.clock.now());
            let limits = PacLimits::default();
            let Evaluation { answer, unanswered } =
                script.find(url, machine, &self.destinations, limits, deadline).await;
            if !unanswered.is_empty() {
                tracing::debug!(%url, names = %unanswered, "a PAC script's names are unresolved");
            }
            let answer = answer.map_err(|error| failed(error.reason(), &unanswered.explain(&error)))?;
            let mut list = ProxyList::new();
            for directive in answer.directives.into_iter().take(MAX_PROXIES) {
                match self.proxy(directive) {
                    Ok(proxy) => list.push(proxy.map(Arc::new)),
                    // What follows a proxy that isn't supported can't be judged.
                    Err(failure) if list.is_empty() => return Err(failure),
                    Err(_) => break,
                }
            }
            Ok(list)
        })
    }

    /// The proxy of a directive; `None` for `DIRECT`.
    fn proxy(&self, directive: ProxyDirective) -> Result<Option<Proxy>, Failure> {
        let (kind, at) = match directive {
            ProxyDirective::HttpProxy(at) => (ProxyKind::Http, at),
            ProxyDirective::HttpsProxy(at) => (ProxyKind::Https, at),
            ProxyDirective::Socks(Socks::Unspecified | Socks::V5, at) => (ProxyKind::Socks5, at),
            ProxyDirective::Socks(Socks::V4, at) => {
                let detail =
                    format!("the script returned SOCKS 4 at {at}, which this exporter does not support");
                return Err(Failure::new(Phase::Tunnel, FailureReason::PacInvalid, detail));
            }
            ProxyDirective::Direct => return Ok(None),
        };
        Ok(Some(Proxy { kind, at, credentials: self.credentials.clone() }))
    }
}

fn unreadable(detail: &str) -> Failure {
    let detail = format!("failed to read the PAC script: {detail}");
    Failure::new(Phase::Tunnel, FailureReason::PacUnreachable, detail)
}

fn failed(reason: PacReason, detail: &str) -> Failure {
    let reason = match reason {
        PacReason::TooLarge
        | PacReason::Malformed
        | PacReason::NoFunction
        | PacReason::Threw
        | PacReason::BadAnswer => FailureReason::PacInvalid,
        PacReason::Timeout | PacReason::OutOfMemory | PacReason::Busy => FailureReason::PacTimeout,
        PacReason::Internal => FailureReason::Internal,
    };
    Failure::new(Phase::Tunnel, reason, format!("PAC: {detail}"))
}
