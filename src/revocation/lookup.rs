//! The lookup of one certificate's status: queries its sources in order, fetching those that are due, until one
//! determines the status.

use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::lookup_context::{Fetch, LookupContext};
use super::ocsp::OcspCertStatus;
use super::store::{CachedObject, FetchError, ObjectKey, ObjectState};
use super::{Certificate, Issuer, Revocation, STAPLED, UndeterminedCause, crl, ocsp};
use crate::catalog::ProbeUrl;
use crate::net::fetch::{PostRequest, RequestBody};
use crate::observation::Failure;
use crate::task;
use crate::tls::certificate_urls::DistributionPoint;
use crate::tls::digest::sha256;

mod fetching;
mod large_list;

/// The maximum number of fetches per lookup.
const MAX_FETCHES: usize = 8;
/// The head start of each source before the next one, as a fraction of the timeout: all may be queried within it.
const HEAD_STARTS: u32 = 10;
/// Lists longer than this, in bytes, are evaluated on a blocking thread.
const BLOCKING_THRESHOLD: usize = 256 * 1024;

/// A certificate with its issuer.
pub(super) struct CertificateLink {
    pub(super) certificate: Arc<Certificate>,
    pub(super) issuer: Arc<Issuer>,
    pub(super) stapled: Vec<u8>,
}

/// A status and the source that determined it.
pub(super) struct Determined {
    pub(super) revoked: Option<Revocation>,
    pub(super) source: String,
    until: SystemTime,
}

/// Why the status couldn't be determined.
pub(super) struct Undetermined {
    pub(super) cause: UndeterminedCause,
    pub(super) source: Option<String>,
    pub(super) detail: String,
    /// Why the source can't be fetched.
    pub(super) failure: Option<Failure>,
}

impl Undetermined {
    fn new(cause: UndeterminedCause, source: impl Display, detail: impl Display) -> Self {
        Self { cause, source: Some(source.to_string()), detail: detail.to_string(), failure: None }
    }

    /// The certificate names no usable source.
    fn no_source() -> Self {
        let detail = "the certificate names no CRL or OCSP responder over plain HTTP".to_owned();
        Self { cause: UndeterminedCause::NoSource, source: None, detail, failure: None }
    }
}

/// A source of a status.
#[derive(Clone, Copy)]
enum StatusSource<'a> {
    Responder(&'a ProbeUrl),
    List(&'a DistributionPoint, &'a ProbeUrl),
}

/// A lookup in progress.
pub(super) struct StatusLookup<'a, F> {
    context: &'a LookupContext<F>,
    link: &'a CertificateLink,
    now: SystemTime,
    /// When it must end, whatever its sources do.
    deadline: Instant,
    until: Mutex<SystemTime>,
    fetches: AtomicUsize,
    lists: Mutex<Vec<ProbeUrl>>,
}

impl<'a, F: Fetch> StatusLookup<'a, F> {
    pub(super) fn new(context: &'a LookupContext<F>, link: &'a CertificateLink, now: SystemTime) -> Self {
        let until = Mutex::new(now + context.settings.fetch_intervals.refresh);
        let deadline = Instant::now() + context.settings.timeout;
        Self { context, link, now, deadline, until, fetches: AtomicUsize::new(0), lists: Mutex::default() }
    }

    /// When to repeat the lookup.
    pub(super) fn until(&self) -> SystemTime {
        *self.until.lock()
    }

    fn repeat_by(&self, at: SystemTime) {
        let mut until = self.until.lock();
        *until = at.min(*until);
    }

    /// The lists that the lookup needed, deltas included.
    pub(super) fn into_lists(self) -> Vec<ProbeUrl> {
        self.lists.into_inner()
    }

    /// Queries the sources until one determines the status. On failure, returns the error of the first
    /// alternative of the last kind of source.
    pub(super) async fn resolve(&self) -> Result<Determined, Undetermined> {
        let determined = self.query_sources().await;
        if let Ok(determined) = &determined {
            self.repeat_by(determined.until);
        }
        determined
    }

    async fn query_sources(&self) -> Result<Determined, Undetermined> {
        let link = self.link;
        let mut undetermined = Undetermined::no_source();
        if !link.stapled.is_empty() {
            match status_from_ocsp(link, &link.stapled, STAPLED, self.now) {
                Ok(determined) => return Ok(determined),
                Err(other) => undetermined = other,
            }
        }
        let named = &link.certificate.sources;
        let responders = named.ocsp.iter().map(StatusSource::Responder);
        let lists = named
            .points
            .iter()
            .flat_map(|point| point.urls.iter().map(move |url| StatusSource::List(point, url)));
        let sources: Vec<_> = responders.chain(lists).collect();
        self.query_in_order(&sources).await.map_err(|errors| {
            let first_list = errors.iter().position(|(source, _)| matches!(source, StatusSource::List(..)));
            let counts = errors.into_iter().nth(first_list.unwrap_or(0));
            counts.map_or(undetermined, |(_, error)| error)
        })
    }

    /// Queries alternatives in order: the next one when the previous one fails, or has had a head start. So an
    /// unresponsive one doesn't use up the time of the others. Waits for those that were started, whose fetches are
    /// reported too. Returns all errors, in order.
    async fn query_in_order(
        &self,
        sources: &[StatusSource<'a>],
    ) -> Result<Determined, Vec<(StatusSource<'a>, Undetermined)>> {
        let head_start = self.context.settings.timeout / HEAD_STARTS;
        let query = |n: usize| async move { (n, self.query(sources[n]).await) };
        let (mut running, mut errors, mut started) = (FuturesUnordered::new(), Vec::new(), 0);
        let mut determined = None;
        loop {
            if determined.is_none() && started < sources.len() {
                running.push(query(started));
                started += 1;
            }
            let next_start = Instant::now() + head_start;
            let waits = determined.is_none() && started < sources.len();
            tokio::select! {
                ended = running.next() => match ended {
                    Some((_, Ok(status))) => _ = determined.get_or_insert(status),
                    Some((n, Err(error))) => errors.push((n, error)),
                    None if !waits => break,
                    None => {}
                },
                () = sleep_until(next_start), if waits => {}
            }
        }
        errors.sort_by_key(|(n, _)| *n);
        determined.ok_or_else(|| errors.into_iter().map(|(n, error)| (sources[n], error)).collect())
    }

    async fn query(&self, source: StatusSource<'a>) -> Result<Determined, Undetermined> {
        match source {
            StatusSource::Responder(responder) => self.query_responder(responder).await,
            StatusSource::List(point, url) => self.query_crl(point, url).await,
        }
    }

    async fn query_responder(&self, responder: &ProbeUrl) -> Result<Determined, Undetermined> {
        let link = self.link;
        let Some(query) = ocsp::request(&link.certificate, &link.issuer) else {
            return Err(Undetermined::new(
                UndeterminedCause::Unsupported,
                responder,
                "the serial number is too long for an OCSP request",
            ));
        };
        let get = ocsp::get_url(responder, &query);
        let key = ObjectKey::Ocsp(get.unwrap_or_else(|| responder.clone()), sha256(&query));
        let body = RequestBody { content_type: "application/ocsp-request", bytes: query.into() };
        let post = PostRequest { url: responder, body };
        let state = self.cached_or_fetched(key, Some(post)).await;
        match state.cached {
            Some(cached) => status_from_ocsp(link, &cached.bytes, responder, self.now)
                .map_err(|undetermined| why_undetermined(state.error, responder, Some(undetermined))),
            None => Err(why_undetermined(state.error, responder, None)),
        }
    }

    async fn query_crl(&self, point: &DistributionPoint, url: &ProbeUrl) -> Result<Determined, Undetermined> {
        let state = self.cached_or_fetched(ObjectKey::Crl(url.clone()), None).await;
        let Some(base) = state.cached else { return Err(why_undetermined(state.error, url, None)) };
        let (delta, missing) = match self.delta(&base).await {
            Ok(delta) => (delta, None),
            Err(missing) => (None, Some(missing)),
        };
        let link = self.link;
        let (certificate, issuer) = (Arc::clone(&link.certificate), Arc::clone(&link.issuer));
        let (point, now) = (point.clone(), self.now);
        let answer = spawn_blocking_if_large(base.bytes.len(), move || {
            let query = crl::CrlQuery { certificate: &certificate, issuer: &issuer, point: &point, now };
            crl::check(&query, base.list(), delta.as_deref())
        })
        .await;
        match answer {
            // A named delta is required unless the complete list revokes the certificate.
            Ok(crl::CrlStatus { revoked, period }) => match missing.filter(|_| revoked.is_none()) {
                Some(missing) => Err(missing),
                None => Ok(Determined { revoked, source: url.to_string(), until: period.next_update }),
            },
            Err(problem) => {
                let undetermined = Undetermined::new(problem.cause(), url, &problem);
                Err(why_undetermined(state.error, url, Some(undetermined)))
            }
        }
    }

    /// The delta of a list. `None` if neither the certificate nor the list names one.
    async fn delta(&self, base: &CachedObject) -> Result<Option<Bytes>, Undetermined> {
        let mut missing = None;
        for point in self.link.certificate.sources.freshest.iter().chain(&base.freshest) {
            for url in &point.urls {
                let state = self.cached_or_fetched(ObjectKey::Crl(url.clone()), None).await;
                match state.cached {
                    Some(cached) => return Ok(Some(cached.bytes)),
                    None => _ = missing.get_or_insert_with(|| why_undetermined(state.error, url, None)),
                }
            }
        }
        missing.map_or(Ok(None), Err)
    }

    /// The state of an object, after fetching it if that is due.
    async fn cached_or_fetched(&self, key: ObjectKey, post: Option<PostRequest<'_>>) -> ObjectState {
        if let ObjectKey::Crl(url) = &key {
            self.lists.lock().push(url.clone());
        }
        let mutex = self.context.in_progress.get(&key);
        let Ok(_guard) = timeout_at(self.deadline, mutex.lock()).await else {
            return self.context.store().state(&key, self.now); // another lookup is still fetching it
        };
        let mut state = self.context.store().state(&key, self.now);
        let serial = &self.link.certificate.serial;
        let is_known = state.cached.as_ref().is_none_or(|cached| cached.knows(serial));
        let is_due = state.is_due(self.now) || (!is_known && state.error.is_none());
        if is_due && self.fetches.fetch_add(1, Ordering::Relaxed) < MAX_FETCHES {
            let outcome = self.fetch(&key, post, state.cached.as_ref()).await;
            let mut store = self.context.store();
            store.record(key.clone(), outcome, self.now);
            state = store.state(&key, self.now);
        }
        self.repeat_by(state.due.unwrap_or(self.now));
        state
    }
}

/// Evaluates an OCSP response.
fn status_from_ocsp(
    link: &CertificateLink,
    answer: &[u8],
    source: impl Display,
    now: SystemTime,
) -> Result<Determined, Undetermined> {
    let answer = ocsp::check(&link.certificate, &link.issuer, answer, now)
        .map_err(|problem| Undetermined::new(problem.cause(), &source, &problem))?;
    let revoked = match answer.status {
        OcspCertStatus::Good => None,
        OcspCertStatus::Revoked(revoked) => Some(revoked),
        OcspCertStatus::Unknown => {
            return Err(Undetermined::new(
                UndeterminedCause::OcspUnknown,
                &source,
                "the responder does not know the certificate",
            ));
        }
    };
    Ok(Determined { revoked, source: source.to_string(), until: answer.period.next_update })
}

/// Combines why a source is unusable. A fetch error takes precedence, since a fetch would have replaced the
/// cached object.
fn why_undetermined(
    fetch_error: Option<FetchError>,
    url: &ProbeUrl,
    cached: Option<Undetermined>,
) -> Undetermined {
    let Some(FetchError { cause, failure }) = fetch_error else {
        return cached.unwrap_or_else(|| {
            Undetermined::new(UndeterminedCause::Pending, url, "not fetched yet (other sources first)")
        });
    };
    let Failure { phase, reason, detail } = &failure;
    let before = cached.map(|cached| cached.detail + "; ").unwrap_or_default();
    let detail = format!("{before}{phase}: {reason}: {detail}");
    Undetermined { failure: Some(failure), ..Undetermined::new(cause, url, detail) }
}

/// Runs `evaluate` on a blocking thread if the list is long.
async fn spawn_blocking_if_large<T: Send + 'static>(
    bytes: usize,
    evaluate: impl FnOnce() -> T + Send + 'static,
) -> T {
    if bytes <= BLOCKING_THRESHOLD {
        return evaluate();
    }
    task::blocking(evaluate).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn large_lists_are_evaluated_on_another_thread() {
        let here = std::thread::current().id();
        let check = async |bytes: usize, elsewhere: bool| {
            let thread = spawn_blocking_if_large(bytes, || std::thread::current().id()).await;
            assert_eq!(thread != here, elsewhere, "{bytes}");
        };
        check(0, false).await;
        check(262_144, false).await;
        check(262_145, true).await;
    }
}
