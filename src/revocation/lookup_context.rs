//! The state that the lookups of one route share: settings and caches.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Semaphore;

use super::host_availability::HostAvailability;
use super::keyed_mutex::KeyedMutex;
use super::store::{FetchIntervals, ObjectKey, RevocationStore};
use crate::net::fetch::{FetchRequest, Fetched, Fetcher};
use crate::observation::Failure;

/// Settings of a checker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckerSettings {
    /// How often to fetch.
    pub fetch_intervals: FetchIntervals,
    /// The timeout of the check of a path, with all its fetches.
    pub timeout: Duration,
    /// The maximum number of concurrent fetches. A fetch holds at most 10 MiB and the cache at most 64 MiB, so
    /// this bounds a checker's memory.
    pub concurrency: usize,
}

impl Default for CheckerSettings {
    fn default() -> Self {
        Self { fetch_intervals: FetchIntervals::default(), timeout: Duration::from_secs(10), concurrency: 8 }
    }
}

/// Fetches CRLs and OCSP responses.
pub trait Fetch: Send + Sync {
    /// Fetches once.
    fn fetch(&self, request: FetchRequest<'_>) -> impl Future<Output = Result<Fetched, Failure>> + Send;
}

impl Fetch for Fetcher {
    async fn fetch(&self, request: FetchRequest<'_>) -> Result<Fetched, Failure> {
        self.fetch(request).await
    }
}

impl<F: Fetch> Fetch for Arc<F> {
    fn fetch(&self, request: FetchRequest<'_>) -> impl Future<Output = Result<Fetched, Failure>> + Send {
        self.as_ref().fetch(request)
    }
}

/// The state that the lookups of one route share.
#[derive(Debug)]
pub(super) struct LookupContext<F> {
    pub(super) fetcher: F,
    pub(super) settings: CheckerSettings,
    pub(super) permits: Semaphore,
    pub(super) hosts: HostAvailability,
    store: Mutex<RevocationStore>,
    /// Concurrent checks of one object share a single fetch.
    pub(super) in_progress: KeyedMutex<ObjectKey>,
}

impl<F> LookupContext<F> {
    /// With an empty store.
    pub(super) fn new(fetcher: F, settings: CheckerSettings) -> Self {
        Self {
            fetcher,
            settings,
            permits: Semaphore::new(settings.concurrency),
            hosts: HostAvailability::default(),
            store: Mutex::new(RevocationStore::new(settings.fetch_intervals)),
            in_progress: KeyedMutex::default(),
        }
    }

    pub(super) fn store(&self) -> MutexGuard<'_, RevocationStore> {
        // Every change of the store is a single assignment, so a panic can't leave it inconsistent.
        self.store.lock()
    }
}
