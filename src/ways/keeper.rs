//! Keeps the PAC script of a route. It is read beside the probes, whose deadlines interrupt no reading, and stays in use until
//! another can be read.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::{failed, unreadable};
use crate::catalog::ProbeUrl;
use crate::config::PacSource;
use crate::fetch::{Fetched, Fetcher, Wanted};
use crate::observation::Failure;
use crate::pac::{Limits, PacReason, Script, wpad_candidates};

/// When a script is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long it is used before it is read again.
    pub age: Duration,
    /// How long one that can't be read is left alone.
    pub retry: Duration,
    /// The longest that it is waited for at one place.
    pub patience: Duration,
}

impl Default for Pace {
    /// WinHTTP keeps a script for as long as its session, a browser for minutes.
    fn default() -> Self {
        let [age, retry, patience] = [5 * 60, 30, 5].map(Duration::from_secs);
        Self { age, retry, patience }
    }
}

/// A script that is read again now and then.
pub(super) struct Keeper {
    source: PacSource,
    /// Goes by no proxy.
    fetcher: Fetcher,
    pace: Pace,
    kept: watch::Sender<Kept>,
}

/// The last good script, and how the last reading ended.
#[derive(Default)]
struct Kept {
    script: Option<Script>,
    last: Option<(Instant, Option<Failure>)>,
    reading: bool,
}

impl Keeper {
    pub(super) fn new(source: PacSource, fetcher: Fetcher, pace: Pace) -> Self {
        Self { source, fetcher, pace, kept: watch::Sender::new(Kept::default()) }
    }

    /// The script in use: the last good one, also while it is read again and where that fails. Waits for the first.
    pub(super) async fn script(self: &Arc<Self>) -> Result<Script, Failure> {
        let mut kept = self.kept.subscribe();
        if self.kept.send_if_modified(|kept| kept.begin(self.pace)) {
            tokio::spawn(Arc::clone(self).refresh());
        }
        let kept = kept.wait_for(|kept| kept.script.is_some() || !kept.reading).await;
        let Ok(kept) = kept else { return Err(broken()) }; // never: the sender is ours
        match (&kept.script, &kept.last) {
            (Some(script), _) => Ok(script.clone()),
            (None, Some((_, Some(failure)))) => Err(failure.clone()),
            (None, _) => Err(broken()),
        }
    }

    async fn refresh(self: Arc<Self>) {
        let reader = Arc::clone(&self);
        // A task of its own, so that one that breaks down isn't waited for.
        let read = tokio::spawn(async move { reader.read().await }).await;
        let read = read.unwrap_or_else(|_| Err(broken()));
        self.kept.send_modify(|kept| kept.end(read));
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
        let wanted = Wanted::of(url, Script::MAX_LEN as u64, self.pace.patience);
        match self.fetcher.fetch(Wanted { local, ..wanted }).await {
            Ok(Fetched::Body { bytes, .. }) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Ok(Fetched::NotModified) => Err(unreadable("not modified, although nothing was known of it")),
            Err(Failure { stage, reason, detail }) => {
                Err(unreadable(&format!("{url}: {stage}: {reason}: {detail}")))
            }
        }
    }

    /// The first of the places where a network may publish its script.
    async fn discover(&self, domain: &str) -> Result<String, Failure> {
        let mut last = unreadable("no place to look for wpad.dat");
        for url in wpad_candidates(domain) {
            match self.fetch(&url, false).await {
                Ok(text) => return Ok(text),
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }
}

impl Kept {
    /// Whether a reading is due; then it counts as begun.
    fn begin(&mut self, pace: Pace) -> bool {
        let due = match &self.last {
            None => true,
            Some((at, None)) => at.elapsed() >= pace.age,
            Some((at, Some(_))) => at.elapsed() >= pace.retry,
        };
        let begins = due && !self.reading;
        self.reading |= begins;
        begins
    }

    fn end(&mut self, read: Result<Script, Failure>) {
        let failed = matches!(self.last, Some((_, Some(_))));
        match &read {
            Err(Failure { detail, .. }) if self.script.is_some() && !failed => {
                tracing::warn!(detail, "the PAC script can't be read again; the last one stays in use");
            }
            Ok(_) if failed => tracing::info!("the PAC script can be read again"),
            _ => {}
        }
        let failure = match read {
            Ok(script) => {
                self.script = Some(script);
                None
            }
            Err(failure) => Some(failure),
        };
        self.last = Some((Instant::now(), failure));
        self.reading = false;
    }
}

async fn read_file(path: &Path) -> Result<String, Failure> {
    let path = path.to_owned();
    let shown = path.display().to_string();
    let read =
        tokio::task::spawn_blocking(move || crate::config::read_capped(&path, Script::MAX_LEN as u64)).await;
    match read {
        Ok(Ok(bytes)) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Ok(Err(why)) => Err(unreadable(&format!("{shown} {why}"))),
        Err(_) => Err(broken()),
    }
}

fn broken() -> Failure {
    failed(PacReason::Internal, "the reading broke down")
}
