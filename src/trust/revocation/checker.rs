//! Finds out whether the certificates of a path were revoked, in Windows' order: the stapled OCSP answer, then the
//! responders that a certificate names, then its CRLs. One checker for each route. Never timed, and never in a probe's way.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::hosts::Hosts;
use super::report::{CertificateStatus, CrlState, RevocationReport, Status};
use super::round::{Doubt, Link, Round, Settled};
use super::store::{Key, Pace, PathId, Store};
use super::{Cause, Certificate, Issuer};
use crate::fetch::{Fetched, Fetcher, Wanted};
use crate::observation::Failure;
use crate::text::clean;
use crate::trust::VerifiedPath;

/// The longest path that is looked at; webpki builds none longer.
const MAX_PATH: usize = 8;

/// How a checker fetches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How often.
    pub pace: Pace,
    /// The longest that one fetch may take.
    pub timeout: Duration,
    /// How many fetches are under way at once. Each brings 10 MiB at most, and what was fetched is kept up to 64 MiB: that
    /// bounds the memory of a checker.
    pub concurrency: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { pace: Pace::default(), timeout: Duration::from_secs(10), concurrency: 8 }
    }
}

/// What a checker fetches with.
pub trait Fetch: Send + Sync {
    /// Fetches once.
    fn fetch(&self, wanted: Wanted<'_>) -> impl Future<Output = Result<Fetched, Failure>> + Send;
}

impl Fetch for Fetcher {
    fn fetch(&self, wanted: Wanted<'_>) -> impl Future<Output = Result<Fetched, Failure>> + Send {
        self.fetch(wanted)
    }
}

impl<F: Fetch> Fetch for Arc<F> {
    fn fetch(&self, wanted: Wanted<'_>) -> impl Future<Output = Result<Fetched, Failure>> + Send {
        self.as_ref().fetch(wanted)
    }
}

/// Checks paths by one route.
#[derive(Debug)]
pub struct Checker<F> {
    pub(super) fetcher: F,
    pub(super) settings: Settings,
    pub(super) permits: Semaphore,
    pub(super) hosts: Hosts,
    store: Mutex<Store>,
    gates: Mutex<HashMap<Key, Weak<tokio::sync::Mutex<()>>>>,
}

impl<F: Fetch> Checker<F> {
    /// A checker that has fetched nothing yet.
    #[must_use]
    pub fn new(fetcher: F, settings: Settings) -> Self {
        Self {
            fetcher,
            settings,
            permits: Semaphore::new(settings.concurrency),
            hosts: Hosts::default(),
            store: Mutex::new(Store::new(settings.pace)),
            gates: Mutex::default(),
        }
    }

    /// What was found out about a path, if that still holds at `now`: nothing is fetched.
    #[must_use]
    pub fn known(&self, path: &VerifiedPath, now: SystemTime) -> Option<Arc<RevocationReport>> {
        self.store().report(PathId::of(path), now)
    }

    /// What can be found out about a path at `now`. A path that was looked at before costs a digest, until something
    /// that it rests on must be fetched again.
    pub async fn check(&self, path: &VerifiedPath, now: SystemTime) -> Arc<RevocationReport> {
        let id = PathId::of(path);
        if let Some(report) = self.store().report(id, now) {
            return report;
        }
        // At once: where nothing answers, each takes as long as its sources' timeouts together.
        let looks = (0..path.certificates.len().min(MAX_PATH)).map(|n| self.look_at(path, n, now));
        let (certificates, ends): (_, Vec<_>) = join_all(looks).await.into_iter().unzip();
        let until = ends.into_iter().flatten().fold(now + self.settings.pace.refresh, SystemTime::min);
        let report = Arc::new(RevocationReport::of(certificates));
        self.store().keep(id, Arc::clone(&report), until);
        report
    }

    /// The status of the certificate at one place of a path, and until when that holds.
    async fn look_at(
        &self,
        path: &VerifiedPath,
        n: usize,
        now: SystemTime,
    ) -> (CertificateStatus, Option<SystemTime>) {
        let Some(link) = link(path, n) else { return (unreadable(), None) };
        let mut round = Round::new(self, &link, now);
        let status = status(link.certificate.subject.clone(), round.settle().await);
        (status, Some(round.until()))
    }

    /// The state of each list that the paths of the last day named, by URL.
    #[must_use]
    pub fn lists(&self, now: SystemTime) -> Vec<CrlState> {
        self.store().lists(now)
    }

    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        // A panic elsewhere leaves no half-done change behind: each is a single assignment.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What those who want the same thing pass one by one, so that it is fetched once.
    pub(super) fn gate(&self, key: &Key) -> Arc<tokio::sync::Mutex<()>> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, gate| gate.strong_count() > 0);
        if let Some(gate) = gates.get(key).and_then(Weak::upgrade) {
            return gate;
        }
        let gate = Arc::default();
        gates.insert(key.clone(), Arc::downgrade(&gate));
        gate
    }
}

/// The certificate at one place of a path, with its issuer; none where they can't be read, which verification precludes.
fn link(path: &VerifiedPath, n: usize) -> Option<Link> {
    let issuer = match path.certificates.get(n + 1) {
        Some(next) => Issuer::from_certificate(next),
        None => Issuer::from_anchor(&path.anchor.subject, &path.anchor.spki),
    };
    let stapled = if n == 0 { path.stapled.clone() } else { Vec::new() };
    Some(Link {
        certificate: Arc::new(Certificate::read(path.certificates.get(n)?).ok()?),
        issuer: Arc::new(issuer.ok()?),
        stapled,
    })
}

fn unreadable() -> CertificateStatus {
    let detail = "the certificate can't be read".to_owned();
    status(String::new(), Err(Doubt { cause: Cause::Malformed, source: None, detail }))
}

fn status(subject: String, settled: Result<Settled, Doubt>) -> CertificateStatus {
    let (status, cause, source, detail) = match settled {
        Ok(Settled { revoked: None, source, .. }) => (Status::Good, None, Some(source), String::new()),
        Ok(Settled { revoked: Some(revoked), source, .. }) => {
            let at = humantime::format_rfc3339_seconds(revoked.at);
            (Status::Revoked, None, Some(source), format!("revoked at {at}: {}", revoked.reason))
        }
        Err(doubt) => (Status::Unknown, Some(doubt.cause), doubt.source, clean(&doubt.detail)),
    };
    // A URL out of a certificate is as much a stranger's text as a name.
    CertificateStatus { subject, status, cause, source: source.map(|source| clean(&source)), detail }
}

#[cfg(test)]
mod tests;
