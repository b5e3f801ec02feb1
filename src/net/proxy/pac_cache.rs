//! The cached PAC script of a route. A background task reads it, so that a probe's deadline never interrupts
//! the reading. The last good script stays in use until a newer one can be read.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::pac::{PacContent, PacLimits, PacReason, RunLimiter, Script, wpad_candidates};
use super::{failed, unreadable};
use crate::catalog::ProbeUrl;
use crate::config::PacSource;
use crate::net::fetch::{FetchRequest, Fetched, Fetcher};
use crate::observation::Failure;

/// When to read a PAC script again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// The maximum age of a script before it is read again.
    pub age: Duration,
    /// The delay before a failed reading is retried.
    pub retry: Duration,
    /// The timeout for each candidate URL.
    pub timeout: Duration,
}

impl Default for RefreshPolicy {
    /// WinHTTP caches a script for its whole session, browsers for minutes.
    fn default() -> Self {
        let [age, retry, timeout] = [5 * 60, 30, 5].map(Duration::from_secs);
        Self { age, retry, timeout }
    }
}

/// A PAC script that is refreshed periodically.
pub(super) struct PacCache {
    source: PacSource,
    /// Connects without a proxy.
    fetcher: Fetcher,
    refresh_policy: RefreshPolicy,
    limiter: Arc<RunLimiter>,
    cached: watch::Sender<CachedScript>,
}

/// The last good script, and the result of the last reading.
#[derive(Default)]
struct CachedScript {
    script: Option<Script>,
    last: Option<LastReading>,
    reading: bool,
}

/// How the last reading of a script ended.
struct LastReading {
    at: Instant,
    failure: Option<Failure>,
}

impl PacCache {
    pub(super) fn new(source: PacSource, fetcher: Fetcher, refresh_policy: RefreshPolicy) -> Self {
        let cached = watch::Sender::new(CachedScript::default());
        Self { source, fetcher, refresh_policy, limiter: Arc::default(), cached }
    }

    /// The last good script, even while it is refreshed or if the refresh fails. Waits for the first reading.
    pub(super) async fn script(self: &Arc<Self>) -> Result<Script, Failure> {
        let mut cached = self.cached.subscribe();
        if self.cached.send_if_modified(|cached| cached.begin(self.refresh_policy)) {
            #[expect(
                clippy::disallowed_methods,
                reason = "it ends by itself: the fetch of the script has a timeout"
            )]
            tokio::spawn(Arc::clone(self).refresh());
        }
        let cached = cached.wait_for(|cached| cached.script.is_some() || !cached.reading).await;
        let Ok(cached) = cached else { return Err(internal_error()) }; // unreachable: `self` owns the sender
        match (&cached.script, &cached.last) {
            (Some(script), _) => Ok(script.clone()),
            (None, Some(LastReading { failure: Some(failure), .. })) => Err(failure.clone()),
            (None, _) => Err(internal_error()),
        }
    }

    async fn refresh(self: Arc<Self>) {
        let reader = Arc::clone(&self);
        // A separate task, so that a panic becomes an error here.
        #[expect(clippy::disallowed_methods, reason = "waited for at once")]
        let read = tokio::spawn(async move { reader.read().await }).await;
        let read = read.unwrap_or_else(|_| Err(internal_error()));
        self.cached.send_modify(|cached| cached.end(read));
    }

    async fn read(&self) -> Result<Script, Failure> {
        let text = match &self.source {
            PacSource::File(path) => read_file(path).await?,
            PacSource::Url(url) => self.fetch(url, true).await?,
            PacSource::Wpad { domain } => self.discover(domain).await?,
        };
        let parsed = Script::parse_limited(&text, PacLimits::default(), &self.limiter).await;
        parsed.map_err(|error| failed(error.reason(), &error.to_string()))
    }

    /// Fetches the script, over TLS too, verified against this machine's roots. `local` is whether it may be on this
    /// machine, where some filters serve it.
    async fn fetch(&self, url: &ProbeUrl, local: bool) -> Result<String, Failure> {
        let request = FetchRequest::get(url, Script::MAX_LEN as u64, self.refresh_policy.timeout);
        // Browsers and WinHTTP accept a script without close_notify.
        let request = FetchRequest { local, secure: true, unclean_close: true, ..request };
        match self.fetcher.fetch(request).await {
            Ok(Fetched::Body { bytes, content, .. }) => decode(&PacContent {
                bytes: &bytes,
                content_type: content.media_type.as_deref(),
                content_encoding: content.encoding.as_deref(),
            }),
            Ok(Fetched::NotModified) => Err(unreadable("304 Not Modified to an unconditional request")),
            Err(Failure { phase, reason, detail }) => {
                Err(unreadable(&format!("{url}: {phase}: {reason}: {detail}")))
            }
        }
    }

    /// Fetches the script from the first WPAD candidate that has one.
    async fn discover(&self, domain: &str) -> Result<String, Failure> {
        let mut last = unreadable("no WPAD URL to query");
        for url in wpad_candidates(domain) {
            match self.fetch(&url, false).await {
                Ok(text) => return Ok(text),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }
}

impl CachedScript {
    /// Whether a reading is due. If so, marks it as begun.
    fn begin(&mut self, refresh_policy: RefreshPolicy) -> bool {
        let due = match &self.last {
            None => true,
            Some(LastReading { at, failure: None }) => at.elapsed() >= refresh_policy.age,
            Some(LastReading { at, failure: Some(_) }) => at.elapsed() >= refresh_policy.retry,
        };
        let begins = due && !self.reading;
        self.reading |= begins;
        begins
    }

    fn end(&mut self, read: Result<Script, Failure>) {
        let failed = self.last.as_ref().is_some_and(|last| last.failure.is_some());
        match &read {
            Err(Failure { detail, .. }) if self.script.is_some() && !failed => {
                tracing::warn!(detail, "failed to refresh the PAC script; keeping the previous one");
            }
            Ok(_) if failed => tracing::info!("PAC script refreshed again"),
            _ => {}
        }
        let failure = match read {
            Ok(script) => {
                self.script = Some(script);
                None
            }
            Err(failure) => Some(failure),
        };
        self.last = Some(LastReading { at: Instant::now(), failure });
        self.reading = false;
    }
}

async fn read_file(path: &Path) -> Result<String, Failure> {
    let path = path.to_owned();
    let shown = path.display().to_string();
    let read =
        tokio::task::spawn_blocking(move || crate::config::read_capped(&path, Script::MAX_LEN as u64)).await;
    match read {
        Ok(Ok(bytes)) => decode(&PacContent { bytes: &bytes, ..PacContent::default() }),
        Ok(Err(why)) => Err(unreadable(&format!("{shown} {why}"))),
        Err(_) => Err(internal_error()),
    }
}

fn decode(content: &PacContent<'_>) -> Result<String, Failure> {
    content.text().map_err(|error| failed(error.reason(), &error.to_string()))
}

fn internal_error() -> Failure {
    failed(PacReason::Internal, "reading the script failed internally")
}
