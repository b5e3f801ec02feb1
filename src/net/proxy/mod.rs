//! Proxy selection: from the configuration's rules, a PAC script, or a policy that names both. `pac/` evaluates scripts, `pac_cache.rs`
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
use crate::config::{Credentials, PacConfig, PacSource, Proxies, Proxy, ProxyKind, RouteProxy};
use crate::observation::{AttemptTarget, Failure, FailureReason, Phase};
use pac::{Evaluation, PacLimits, PacReason, ProxyDirective, ScriptMachine, Socks};
use pac_cache::PacCache;
pub use pac_cache::RefreshPolicy;

/// The maximum number of proxies of a script's answer or a policy that are tried.
const MAX_PROXIES: usize = 5;

/// The proxies for a URL, in order. `None` is a direct connection.
pub type ProxyList = Vec<Option<Arc<Proxy>>>;

/// A proxy selection in progress.
type SelectFuture<'a> = Pin<Box<dyn Future<Output = Result<ProxyList, Failure>> + Send + 'a>>;

/// Selects the proxies for each URL of a route: those of each source in turn, until one can be connected to.
#[derive(Clone)]
pub struct ProxySelector(Arc<[ProxySource]>);

/// One source of proxies.
pub(super) enum ProxySource {
    /// The configuration's rules: a proxy, or a direct connection.
    Fixed(Proxies),
    /// A policy's proxy. What follows is tried without it, except for destinations that bypass every proxy.
    Named(Proxies),
    /// A PAC script.
    Script(Arc<PacSelector>),
    /// No proxy.
    Direct,
}

/// Selects proxies by a PAC script.
pub(super) struct PacSelector {
    source: PacSource,
    cache: Arc<PacCache>,
    credentials: Option<Credentials>,
    destinations: Arc<Resolver>,
    clock: Clock,
}

impl ProxySelector {
    /// Creates a selector for `via`. `fetcher` fetches the script, without a proxy.
    #[must_use]
    pub fn new(via: &RouteProxy, destinations: &Arc<Resolver>, fetcher: &Fetcher, clock: Clock) -> Self {
        Self::with_refresh_policy(via, destinations, fetcher, clock, RefreshPolicy::default())
    }

    /// Like [`Self::new`], with another refresh policy for the script.
    #[must_use]
    pub fn with_refresh_policy(
        via: &RouteProxy,
        destinations: &Arc<Resolver>,
        fetcher: &Fetcher,
        clock: Clock,
        refresh_policy: RefreshPolicy,
    ) -> Self {
        let script = |PacConfig { source, credentials }: &PacConfig| {
            ProxySource::Script(Arc::new(PacSelector {
                source: source.clone(),
                cache: Arc::new(PacCache::new(source.clone(), fetcher.clone(), refresh_policy)),
                credentials: credentials.clone(),
                destinations: Arc::clone(destinations),
                clock,
            }))
        };
        Self(match via {
            RouteProxy::Proxies(proxies) => [ProxySource::Fixed(proxies.clone())].into(),
            RouteProxy::Pac(pac) => [script(pac)].into(),
            RouteProxy::Policy(policy) => {
                let named = ProxySource::Named(policy.server.clone());
                [named]
                    .into_iter()
                    .chain(policy.script.as_ref().map(script))
                    .chain([ProxySource::Direct])
                    .collect()
            }
        })
    }

    /// By the configuration's rules alone.
    #[must_use]
    pub fn fixed(proxies: Proxies) -> Self {
        Self([ProxySource::Fixed(proxies)].into())
    }

    /// The proxies for a URL, of the first source. Returns by `deadline`.
    ///
    /// # Errors
    /// In phase `tunnel`: if a script can't be read, or gives no valid answer.
    pub async fn proxies_for(&self, url: &ProbeUrl, deadline: Instant) -> Result<ProxyList, Failure> {
        self.0[0].proxies_for(url, deadline).await // there is at least one
    }

    /// Whether it decides for each URL whether there is a proxy, by more than the configuration's rules.
    pub(super) fn decides(&self) -> bool {
        !matches!(*self.0, [ProxySource::Fixed(_)])
    }

    /// The sources in order, at least one.
    pub(super) fn sources(&self) -> &[ProxySource] {
        &self.0
    }
}

impl ProxySource {
    /// The proxies for a URL, in the order in which clients try them; empty if the next source decides. Returns by
    /// `deadline`.
    ///
    /// # Errors
    /// In phase `tunnel`: if a script can't be read, or gives no valid answer.
    pub(super) async fn proxies_for(&self, url: &ProbeUrl, deadline: Instant) -> Result<ProxyList, Failure> {
        match self {
            Self::Fixed(proxies) => Ok(vec![proxies.for_url(url).cloned()]),
            Self::Named(proxies) if proxies.bypass(url) => Ok(vec![None]),
            Self::Named(proxies) => Ok(proxies.for_url(url).cloned().map(Some).into_iter().collect()),
            Self::Script(selector) => selector.select_proxies(url, deadline).await,
            Self::Direct => Ok(vec![None]),
        }
    }

    /// What failed if it selected no proxy.
    pub(super) fn target(&self) -> AttemptTarget {
        match self {
            Self::Fixed(_) | Self::Named(_) | Self::Direct => AttemptTarget::Direct,
            Self::Script(selector) => AttemptTarget::Script(selector.source.to_string()),
        }
    }
}

impl PacSelector {
    /// Boxed because it recurses: a fetcher fetches the script, and fetchers select proxies.
    fn select_proxies<'a>(&'a self, url: &'a ProbeUrl, deadline: Instant) -> SelectFuture<'a> {
        Box::pin(async move {
            let timed_out = |_| unreadable("not read in its share of the probe's time");
            let script = timeout_at(deadline, self.cache.script()).await.map_err(timed_out)??;
            let machine = ScriptMachine::local(self.clock.now());
            let limits = PacLimits::default();
            let Evaluation { answer, unresolved } =
                script.find(url, machine, &self.destinations, limits, deadline).await;
            if !unresolved.is_empty() {
                tracing::debug!(%url, names = %unresolved, "a PAC script's names are unresolved");
            }
            let answer = answer.map_err(|error| failed(error.reason(), &unresolved.explain(&error)))?;
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
