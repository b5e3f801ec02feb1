//! The cache of fetched objects and reports, with the times of the next fetches. Pure: no IO, and the time is
//! an argument. Limited in number and bytes; evicts the least recently used object.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use lru::LruCache;

use super::UndeterminedCause;
use super::crl::{self, LargeCrl};
use super::report::{CrlState, RevocationReport};
use crate::catalog::ProbeUrl;
use crate::net::fetch::Validators;
use crate::observation::{Failure, VerifiedPath};
use crate::text::clean;
use crate::tls::certificate_urls::DistributionPoint;
use crate::tls::digest::sha256_parts;

/// The maximum number of cached CRLs and OCSP responses.
pub(super) const MAX_OBJECTS: usize = 256;
/// Their maximum total size, in bytes.
pub(super) const MAX_BYTES: usize = 64 * 1024 * 1024;
/// Objects that are unused for this long are removed: certificates change, and their CRLs with them.
pub(super) const MAX_UNUSED: Duration = Duration::from_secs(24 * 60 * 60);
/// The maximum number of cached reports.
const MAX_REPORTS: usize = 1024;

/// How often objects are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchIntervals {
    /// The interval after a success. Much shorter than a CRL's validity, so that a failing fetch is reported
    /// long before the CRL expires.
    pub refresh: Duration,
    /// The interval after a failure.
    pub retry: Duration,
}

impl Default for FetchIntervals {
    fn default() -> Self {
        Self { refresh: Duration::from_secs(60 * 60), retry: Duration::from_secs(60) }
    }
}

/// The key of a cached object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum ObjectKey {
    /// A CRL.
    Crl(ProbeUrl),
    /// An OCSP response: the URL of the request, and the request's SHA-256.
    Ocsp(ProbeUrl, [u8; 32]),
}

/// A verified object. Its validity is checked on use.
#[derive(Clone, Debug)]
pub(super) struct CachedObject {
    /// DER. Empty for a large list.
    pub(super) bytes: Bytes,
    /// A list that is too large to be kept.
    pub(super) large: Option<Arc<LargeCrl>>,
    /// Validators for conditional requests.
    pub(super) validators: Validators,
    /// When it was issued.
    pub(super) this_update: SystemTime,
    /// When it ends.
    pub(super) next_update: Option<SystemTime>,
    /// For a CRL: the distribution points of its deltas.
    pub(super) freshest: Vec<DistributionPoint>,
}

/// Why the last fetch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FetchError {
    /// The cause that an unknown status reports.
    pub(super) cause: UndeterminedCause,
    /// The failure that a probe of the same URL would report.
    pub(super) failure: Failure,
}

/// The outcome of a fetch.
#[derive(Debug)]
pub(super) enum FetchOutcome {
    /// The cached object is unchanged.
    NotModified,
    /// A new object with a valid signature.
    Fetched(CachedObject),
    /// The fetch failed, or the object was refused.
    Failed(FetchError),
}

/// The state of a key.
#[derive(Clone, Debug, Default)]
pub(super) struct ObjectState {
    /// The cached object. It stays when a later fetch fails.
    pub(super) cached: Option<CachedObject>,
    /// Why the last fetch failed.
    pub(super) error: Option<FetchError>,
    /// When the last fetch ended, well or not.
    pub(super) fetched: Option<SystemTime>,
    /// When the next fetch is due. `None` means at once.
    pub(super) due: Option<SystemTime>,
}

impl ObjectState {
    /// Whether a fetch is due.
    pub(super) fn is_due(&self, now: SystemTime) -> bool {
        self.due.is_none_or(|due| due <= now)
    }
}

/// The identity of a path: a SHA-256 over all of its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PathId([u8; 32]);

impl PathId {
    /// The identity of `path`.
    pub(super) fn from_path(path: &VerifiedPath) -> Self {
        let others = [&path.anchor.subject, &path.anchor.spki, &path.stapled].map(Vec::as_slice);
        Self(sha256_parts(others.into_iter().chain(path.certificates.iter().map(AsRef::as_ref))))
    }
}

#[derive(Debug)]
struct StoreEntry {
    state: ObjectState,
    last_used: SystemTime,
}

/// A report, and until when it is current.
#[derive(Debug)]
struct CachedReport {
    report: Arc<RevocationReport>,
    /// The lists that the check needed.
    lists: Vec<ProbeUrl>,
    until: SystemTime,
}

/// The cache of one route.
#[derive(Debug)]
pub(super) struct RevocationStore {
    fetch_intervals: FetchIntervals,
    objects: LruCache<ObjectKey, StoreEntry>,
    reports: LruCache<PathId, CachedReport>,
}

impl RevocationStore {
    /// Creates an empty cache.
    pub(super) fn new(fetch_intervals: FetchIntervals) -> Self {
        Self { fetch_intervals, objects: LruCache::unbounded(), reports: LruCache::unbounded() }
    }

    /// The state of a key. Empty before the first fetch.
    pub(super) fn state(&mut self, key: &ObjectKey, now: SystemTime) -> ObjectState {
        let Some(entry) = self.objects.get_mut(key) else { return ObjectState::default() };
        entry.last_used = now;
        let mut state = entry.state.clone();
        // If the clock was set back, no fetch waits longer than the interval.
        if state.due.is_some_and(|due| due > now + self.fetch_intervals.refresh) {
            state.due = None;
        }
        state
    }

    /// Records the outcome of a fetch.
    pub(super) fn record(&mut self, key: ObjectKey, outcome: FetchOutcome, now: SystemTime) {
        let mut state = self.objects.pop(&key).map(|entry| entry.state).unwrap_or_default();
        state.error = None;
        match outcome {
            FetchOutcome::NotModified => {}
            // An HTTP cache may still serve an older one.
            FetchOutcome::Fetched(new)
                if state.cached.as_ref().is_some_and(|cached| is_newer(cached, &new, now)) => {}
            FetchOutcome::Fetched(new) => state.cached = Some(new),
            FetchOutcome::Failed(fetch_error) => state.error = Some(fetch_error),
        }
        state.fetched = Some(now);
        state.due = Some(self.due(&state, now));
        self.objects.put(key, StoreEntry { state, last_used: now });
        let expired = self.objects.iter().filter(|(_, entry)| entry.is_expired(now));
        for key in expired.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            self.objects.pop(&key);
        }
        while self.objects.len() > MAX_OBJECTS || self.bytes() > MAX_BYTES {
            self.objects.pop_lru();
        }
    }

    /// The time of the next fetch: after the interval, or when the cached object expires if that is earlier.
    /// After a failure, the retry interval.
    fn due(&self, state: &ObjectState, now: SystemTime) -> SystemTime {
        let retry = now + self.fetch_intervals.retry;
        let end = state.cached.as_ref().and_then(|cached| cached.next_update);
        match (&state.error, end) {
            (None, Some(end)) => end.clamp(retry, (now + self.fetch_intervals.refresh).max(retry)),
            _ => retry,
        }
    }

    fn bytes(&self) -> usize {
        self.objects.iter().filter_map(|(_, entry)| entry.state.cached.as_ref()).map(CachedObject::size).sum()
    }

    /// The state of each list that the last check of a path needed, sorted by URL.
    pub(super) fn lists(&self, path: PathId) -> Vec<CrlState> {
        let urls = self.reports.peek(&path).into_iter().flat_map(|cached| &cached.lists);
        let state = |url: &ProbeUrl| {
            let entry = self.objects.peek(&ObjectKey::Crl(url.clone()))?;
            Some(list_state(url, &entry.state))
        };
        let mut lists: Vec<_> = urls.filter_map(state).collect();
        lists.sort_by(|a, b| a.url.cmp(&b.url));
        lists.dedup_by(|a, b| a.url == b.url);
        lists
    }

    /// The cached report on a path, if none of its objects is due.
    pub(super) fn report(&mut self, path: PathId, now: SystemTime) -> Option<Arc<RevocationReport>> {
        let CachedReport { report, until, .. } = self.reports.get(&path)?;
        (now < *until && *until <= now + self.fetch_intervals.refresh).then(|| Arc::clone(report))
    }

    /// Caches the report on a path until a fetch is due or an object expires.
    pub(super) fn insert_report(
        &mut self,
        path: PathId,
        report: Arc<RevocationReport>,
        lists: Vec<ProbeUrl>,
        until: SystemTime,
    ) {
        self.reports.put(path, CachedReport { report, lists, until });
        while self.reports.len() > MAX_REPORTS {
            self.reports.pop_lru();
        }
    }
}

impl StoreEntry {
    fn is_expired(&self, now: SystemTime) -> bool {
        now.duration_since(self.last_used).is_ok_and(|unused| unused > MAX_UNUSED)
    }
}

fn is_newer(cached: &CachedObject, new: &CachedObject, now: SystemTime) -> bool {
    cached.this_update > new.this_update && cached.next_update.is_some_and(|end| end > now)
}

fn list_state(url: &ProbeUrl, state: &ObjectState) -> CrlState {
    CrlState {
        url: clean(url.as_str()),
        fetch: Some(state.error.as_ref().map_or(Ok(()), |fetch_error| Err(fetch_error.failure.clone()))),
        fetched: state.fetched,
        this_update: state.cached.as_ref().map(|cached| cached.this_update),
        next_update: state.cached.as_ref().and_then(|cached| cached.next_update),
    }
}

impl CachedObject {
    /// Creates the cached object of a verified CRL.
    pub(super) fn from_crl(
        bytes: Bytes,
        large: Option<Arc<LargeCrl>>,
        freshness: crl::Freshness,
        validators: Validators,
    ) -> Self {
        let crl::Freshness { this_update, next_update, freshest } = freshness;
        Self { bytes, large, validators, this_update, next_update, freshest }
    }

    /// The list, if it is one.
    pub(super) fn list(&self) -> crl::List<'_> {
        self.large.as_deref().map_or(crl::List::Whole(&self.bytes), crl::List::Large)
    }

    /// Whether it is known what its list says of a serial number, without another fetch.
    pub(super) fn knows(&self, serial: &[u8]) -> bool {
        self.large.as_ref().is_none_or(|large| large.knows(serial))
    }

    /// The memory that it takes, in bytes.
    fn size(&self) -> usize {
        self.bytes.len() + self.large.as_ref().map_or(0, |large| large.size())
    }
}

#[cfg(test)]
mod tests;
