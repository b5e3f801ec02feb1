//! Which proxy leads to a URL by a route: a rule of the configuration, or what a PAC script chooses. Scripts are evaluated in
//! `pac/` and kept in `ways/keeper.rs`; here they are asked. No connection to an endpoint is made here.

mod keeper;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use tokio::time::{Instant, timeout_at};

use crate::catalog::ProbeUrl;
use crate::clock::Clock;
use crate::config::{Credentials, PacConfig, Proxies, Proxy, ProxyKind, Via};
use crate::fetch::Fetcher;
use crate::names::Destinations;
use crate::observation::{Failure, FailureReason, Stage};
use crate::pac::{Choice, Limits, Machine, PacReason, Socks};
use keeper::Keeper;
pub use keeper::Pace;

/// A choice under way.
type Choosing<'a> = Pin<Box<dyn Future<Output = Result<Option<Arc<Proxy>>, Failure>> + Send + 'a>>;

/// The ways of a route.
#[derive(Clone)]
pub enum Ways {
    /// As the configuration says.
    Fixed(Proxies),
    /// As a script says.
    Auto(Arc<Auto>),
}

/// A script that is asked for a proxy.
pub struct Auto {
    keeper: Arc<Keeper>,
    credentials: Option<Credentials>,
    destinations: Arc<Destinations>,
    clock: Clock,
}

impl Ways {
    /// The ways of `via`; `fetcher` goes by no proxy.
    #[must_use]
    pub fn new(via: &Via, destinations: &Arc<Destinations>, fetcher: Fetcher, clock: Clock) -> Self {
        Self::paced(via, destinations, fetcher, clock, Pace::default())
    }

    /// The same, with a pace of its own for a script.
    #[must_use]
    pub fn paced(
        via: &Via,
        destinations: &Arc<Destinations>,
        fetcher: Fetcher,
        clock: Clock,
        pace: Pace,
    ) -> Self {
        match via {
            Via::Proxies(proxies) => Self::Fixed(proxies.clone()),
            Via::Pac(PacConfig { source, credentials }) => Self::Auto(Arc::new(Auto {
                keeper: Arc::new(Keeper::new(source.clone(), fetcher, pace)),
                credentials: credentials.clone(),
                destinations: Arc::clone(destinations),
                clock,
            })),
        }
    }

    /// Whether a script chooses, so that what it chose is worth telling.
    #[must_use]
    pub const fn are_chosen(&self) -> bool {
        matches!(self, Self::Auto(_))
    }

    /// The proxy for a URL; none: directly. Ends at `deadline` at the latest.
    ///
    /// # Errors
    /// When a script can't be had, or has no answer: at the stage `tunnel`.
    pub async fn proxy_for(&self, url: &ProbeUrl, deadline: Instant) -> Result<Option<Arc<Proxy>>, Failure> {
        match self {
            Self::Fixed(proxies) => Ok(proxies.of(url).cloned()),
            Self::Auto(auto) => auto.choose(url, deadline).await,
        }
    }
}

impl Auto {
    /// Boxed, since a script is fetched by a fetcher, and a fetcher may ask a script.
    fn choose<'a>(&'a self, url: &'a ProbeUrl, deadline: Instant) -> Choosing<'a> {
        Box::pin(async move {
            let unread = |_| unreadable("it was still being read when the time ran out");
            let script = timeout_at(deadline, self.keeper.script()).await.map_err(unread)??;
            let machine = Machine::here(self.clock.now());
            let found = script.find(url, machine, &self.destinations, Limits::default());
            let late = |_| failed(PacReason::Timeout, "no proxy was chosen in time");
            let found = timeout_at(deadline, found).await.map_err(late)?;
            let answer = found.map_err(|error| failed(error.reason(), &error.to_string()))?;
            // One attempt: the others are for a client that tries again.
            match answer.choices.into_iter().next() {
                None | Some(Choice::Direct) => Ok(None),
                Some(choice) => self.proxy(choice).map(|proxy| Some(Arc::new(proxy))),
            }
        })
    }

    fn proxy(&self, choice: Choice) -> Result<Proxy, Failure> {
        let (kind, at) = match choice {
            Choice::HttpProxy(at) => (ProxyKind::Http, at),
            Choice::HttpsProxy(at) => (ProxyKind::Https, at),
            Choice::Socks(Socks::Unsaid | Socks::V5, at) => (ProxyKind::Socks5, at),
            Choice::Socks(Socks::V4, at) => {
                let detail = format!("the script chooses SOCKS 4 at {at}, which this exporter doesn't speak");
                return Err(Failure::new(Stage::Tunnel, FailureReason::PacInvalid, detail));
            }
            Choice::Direct => return Err(failed(PacReason::Internal, "a direct way has no proxy")),
        };
        Ok(Proxy { kind, at, credentials: self.credentials.clone() })
    }
}

fn unreadable(detail: &str) -> Failure {
    let detail = format!("the PAC script can't be read: {detail}");
    Failure::new(Stage::Tunnel, FailureReason::PacUnreachable, detail)
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
    Failure::new(Stage::Tunnel, reason, format!("PAC: {detail}"))
}
