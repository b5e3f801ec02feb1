//! Which proxy leads to a URL by a route: a rule of the configuration, or what a PAC script chooses. Scripts are evaluated in
//! `pac/`; here they are read, kept, and asked. No connection to an endpoint is made here.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::catalog::ProbeUrl;
use crate::clock::Clock;
use crate::config::{Credentials, PacConfig, PacSource, Proxies, Proxy, ProxyKind, Via};
use crate::fetch::{Fetched, Fetcher, Wanted};
use crate::names::Destinations;
use crate::observation::{Failure, FailureReason, Stage};
use crate::pac::{Choice, Limits, Machine, PacReason, Script, Socks, wpad_candidates};

/// How long a script is used before it is read again: WinHTTP keeps one for as long as its session, a browser for minutes.
const MAX_AGE: Duration = Duration::from_secs(5 * 60);

/// How long a script that can't be read is left alone.
const RETRY: Duration = Duration::from_secs(30);

/// The longest that a script is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

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
    source: PacSource,
    credentials: Option<Credentials>,
    destinations: Arc<Destinations>,
    /// Fetches the script itself, by no proxy.
    fetcher: Fetcher,
    clock: Clock,
    kept: Mutex<Kept>,
}

/// What the last reading brought, and what the last good one did.
#[derive(Default)]
struct Kept {
    script: Option<Script>,
    read: Option<(Instant, Result<(), Failure>)>,
}

impl Ways {
    /// The ways of `via`; `fetcher` goes by no proxy.
    #[must_use]
    pub fn new(via: &Via, destinations: &Arc<Destinations>, fetcher: Fetcher, clock: Clock) -> Self {
        match via {
            Via::Proxies(proxies) => Self::Fixed(proxies.clone()),
            Via::Pac(PacConfig { source, credentials }) => Self::Auto(Arc::new(Auto {
                source: source.clone(),
                credentials: credentials.clone(),
                destinations: Arc::clone(destinations),
                fetcher,
                clock,
                kept: Mutex::default(),
            })),
        }
    }

    /// The proxy for a URL; none: directly.
    ///
    /// # Errors
    /// When a script can't be had, or has no answer: at the stage `tunnel`.
    pub async fn proxy_for(&self, url: &ProbeUrl) -> Result<Option<Arc<Proxy>>, Failure> {
        match self {
            Self::Fixed(proxies) => Ok(proxies.of(url).cloned()),
            Self::Auto(auto) => auto.choose(url).await,
        }
    }
}

impl Auto {
    /// Boxed, since a script is fetched by a fetcher, and a fetcher may ask a script.
    fn choose<'a>(&'a self, url: &'a ProbeUrl) -> Choosing<'a> {
        Box::pin(async move {
            let script = self.script().await?;
            let machine = Machine::here(self.clock.now());
            let found = script.find(url, machine, &self.destinations, Limits::default()).await;
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

    /// The script in use: read again now and then; the last good one where it can't be read any more.
    async fn script(&self) -> Result<Script, Failure> {
        let mut kept = self.kept.lock().await;
        let wait = |read: &Result<(), Failure>| if read.is_ok() { MAX_AGE } else { RETRY };
        let due = kept.read.as_ref().is_none_or(|(at, read)| at.elapsed() >= wait(read));
        if due {
            let read = self.read().await;
            if let (Err(failure), Some(_)) = (&read, &kept.script) {
                tracing::warn!(
                    detail = failure.detail,
                    "the PAC script can't be read again; the last one stays in use"
                );
            }
            let (script, outcome) = match read {
                Ok(script) => (Some(script), Ok(())),
                Err(failure) => (kept.script.take(), Err(failure)),
            };
            *kept = Kept { script, read: Some((Instant::now(), outcome)) };
        }
        match (&kept.script, &kept.read) {
            (Some(script), _) => Ok(script.clone()),
            (None, Some((_, Err(failure)))) => Err(failure.clone()),
            (None, _) => Err(failed(PacReason::Internal, "no script was read")),
        }
    }

    async fn read(&self) -> Result<Script, Failure> {
        let text = match &self.source {
            PacSource::File(path) => read_file(path).await?,
            PacSource::Url(url) => self.fetch(url, true).await?,
            PacSource::Wpad { domain } => self.discover(domain).await?,
        };
        let parsed = Script::parse(&text, Limits::default()).await;
        parsed.map_err(|error| failed(error.reason(), &error.to_string()))
    }

    /// `local`: whether the script may be on this machine, as that of some filters is.
    async fn fetch(&self, url: &ProbeUrl, local: bool) -> Result<String, Failure> {
        let limit = Script::MAX_LEN as u64;
        let wanted = Wanted { local, ..Wanted::of(url, limit, PATIENCE) };
        match self.fetcher.fetch(wanted).await {
            Ok(Fetched::Body { bytes, .. }) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Ok(Fetched::NotModified) => Err(unreachable("not modified, although nothing was known of it")),
            Err(Failure { stage, reason, detail }) => {
                Err(unreachable(&format!("{url}: {stage}: {reason}: {detail}")))
            }
        }
    }

    /// The first of the places where a network may publish its script.
    async fn discover(&self, domain: &str) -> Result<String, Failure> {
        let mut last = unreachable("no place to look for wpad.dat");
        for url in wpad_candidates(domain) {
            match self.fetch(&url, false).await {
                Ok(text) => return Ok(text),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }
}

async fn read_file(path: &Path) -> Result<String, Failure> {
    let path = path.to_owned();
    let shown = path.display().to_string();
    let read =
        tokio::task::spawn_blocking(move || crate::config::read_capped(&path, Script::MAX_LEN as u64)).await;
    match read {
        Ok(Ok(bytes)) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Ok(Err(why)) => Err(unreachable(&format!("{shown} {why}"))),
        Err(_) => Err(failed(PacReason::Internal, "the reading broke down")),
    }
}

fn unreachable(detail: &str) -> Failure {
    Failure::new(
        Stage::Tunnel,
        FailureReason::PacUnreachable,
        format!("the PAC script can't be read: {detail}"),
    )
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
