//! Revocation checks from a record: the same checker, with what was fetched in place of the network.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::FutureExt as _;
use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};

use super::checker::RevocationChecker;
use super::lookup_context::{CheckerSettings, Fetch};
use super::report::RevocationReport;
use crate::catalog::ProbeUrl;
use crate::net::fetch::{BodyReader, ContentHeaders, FetchRequest, Fetched, Overflow, Validators};
use crate::observation::{Failure, FailureReason, Phase, VerifiedPath};
use crate::tls::digest::sha256;

/// The maximum size of a recorded object, in bytes. Longer lists are taken as concluded.
const MAX_RECORDED: usize = 64 * 1024;

/// What was requested.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FetchKey {
    /// The URL.
    pub url: ProbeUrl,
    /// SHA-256 of the body of a POST. `None` for a GET.
    pub body: Option<[u8; 32]>,
}

impl FetchKey {
    fn new(request: &FetchRequest<'_>) -> Self {
        Self { url: request.url.clone(), body: request.body.as_ref().map(|body| sha256(&body.bytes)) }
    }
}

/// A fetch that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFetch {
    /// What was requested.
    pub key: FetchKey,
    /// The body, or why there is none.
    pub outcome: Result<Bytes, Failure>,
}

/// Fetches, and keeps what was fetched once that is wanted.
#[derive(Debug)]
pub struct RecordingFetch<F> {
    inner: F,
    fetched: Mutex<Option<Vec<RecordedFetch>>>,
}

impl<F> RecordingFetch<F> {
    /// Keeps nothing until [`Self::start`].
    pub const fn new(inner: F) -> Self {
        Self { inner, fetched: Mutex::new(None) }
    }

    /// Keeps what is fetched from now on.
    pub fn start(&self) {
        self.fetched.lock().get_or_insert_default();
    }

    /// What was fetched since.
    #[must_use]
    pub fn fetched(&self) -> Vec<RecordedFetch> {
        self.fetched.lock().clone().unwrap_or_default()
    }
}

impl<F: Fetch> Fetch for RecordingFetch<F> {
    async fn fetch(&self, request: FetchRequest<'_>) -> Result<Fetched, Failure> {
        let key = FetchKey::new(&request);
        let reader = request.overflow.map(ObservedReader::new);
        let overflow = reader.as_ref().map(ObservedReader::overflow);
        let outcome = self.inner.fetch(FetchRequest { overflow, ..request }).await;
        let was_long = reader.as_ref().is_some_and(ObservedReader::has_read);
        if let Some(fetched) = self.fetched.lock().as_mut() {
            let kept = match &outcome {
                // Only what read it knows what is wrong with it.
                _ if was_long => None,
                Ok(Fetched::Body { bytes, .. }) if bytes.len() <= MAX_RECORDED => Some(Ok(bytes.clone())),
                Ok(Fetched::Body { .. } | Fetched::NotModified) => None,
                Err(failure) => Some(Err(failure.clone())),
            };
            fetched.extend(kept.map(|outcome| RecordedFetch { key, outcome }));
        }
        outcome
    }
}

/// What reads a long body, and whether it was given one.
#[derive(Debug)]
struct ObservedReader<'a> {
    inner: Overflow<'a>,
    has_read: AtomicBool,
}

impl<'a> ObservedReader<'a> {
    const fn new(inner: Overflow<'a>) -> Self {
        Self { inner, has_read: AtomicBool::new(false) }
    }

    fn overflow(&self) -> Overflow<'_> {
        Overflow { limit: self.inner.limit, reader: self }
    }

    fn has_read(&self) -> bool {
        self.has_read.load(Ordering::Relaxed)
    }
}

impl BodyReader for ObservedReader<'_> {
    fn push(&self, bytes: &[u8]) -> Result<(), String> {
        self.has_read.store(true, Ordering::Relaxed);
        self.inner.reader.push(bytes)
    }
}

/// Gives what was fetched.
#[derive(Debug)]
struct ReplayedFetch {
    fetched: Arc<HashMap<FetchKey, Result<Bytes, Failure>>>,
    /// Whether something was requested that wasn't fetched then.
    missed: Arc<AtomicBool>,
}

impl Fetch for ReplayedFetch {
    async fn fetch(&self, request: FetchRequest<'_>) -> Result<Fetched, Failure> {
        match self.fetched.get(&FetchKey::new(&request)) {
            Some(Ok(bytes)) => Ok(Fetched::Body {
                bytes: bytes.clone(),
                validators: Validators::default(),
                content: ContentHeaders::default(),
            }),
            Some(Err(failure)) => Err(failure.clone()),
            None => {
                self.missed.store(true, Ordering::Relaxed);
                Err(Failure::new(Phase::Request, FailureReason::Internal, "not in the record"))
            }
        }
    }
}

/// Repeats the checks of one route from what was fetched then.
#[derive(Debug)]
pub struct RecordedChecker {
    fetched: Arc<HashMap<FetchKey, Result<Bytes, Failure>>>,
    missed: Arc<AtomicBool>,
    checker: RevocationChecker<ReplayedFetch>,
}

/// The checker's timers need a runtime. It runs nothing, since nothing waits for them: what was fetched is there at once. `None` if
/// the system has no resources for it.
static TIMERS: LazyLock<Option<Runtime>> =
    LazyLock::new(|| Builder::new_current_thread().enable_time().build().ok());

impl RecordedChecker {
    /// Checks from these fetches.
    #[must_use]
    pub fn new(fetched: impl IntoIterator<Item = RecordedFetch>) -> Self {
        let fetched = fetched.into_iter().map(|fetch| (fetch.key, fetch.outcome)).collect();
        Self::with_empty_cache(Arc::new(fetched))
    }

    fn with_empty_cache(fetched: Arc<HashMap<FetchKey, Result<Bytes, Failure>>>) -> Self {
        let missed = Arc::new(AtomicBool::new(false));
        let fetch = ReplayedFetch { fetched: Arc::clone(&fetched), missed: Arc::clone(&missed) };
        let checker = RevocationChecker::new(fetch, CheckerSettings::default());
        Self { fetched, missed, checker }
    }

    /// Checks a path as at `now`. `None` if that needs what wasn't fetched, or isn't in the record.
    pub fn check(&mut self, path: &VerifiedPath, now: SystemTime) -> Option<Arc<RevocationReport>> {
        if path.placeholder_name().is_some() {
            return None;
        }
        let timers = TIMERS.as_ref()?.enter();
        let report = self.checker.check(path, now).now_or_never();
        drop(timers);
        if self.missed.load(Ordering::Relaxed) {
            // Its cache has what was missed as a failure.
            *self = Self::with_empty_cache(Arc::clone(&self.fetched));
            return None;
        }
        report
    }
}
