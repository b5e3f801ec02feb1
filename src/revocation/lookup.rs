//! The lookup of one certificate's status: queries its sources in order, fetching those that are due, until one
//! determines the status.

use std::fmt::Display;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use super::lookup_context::{Fetch, LookupContext};
use super::ocsp::OcspCertStatus;
use super::store::{CachedObject, FetchError, FetchOutcome, ObjectKey, ObjectState};
use super::{Cause, Certificate, Issuer, Revocation, STAPLED, crl, ocsp};
use crate::catalog::ProbeUrl;
use crate::net::fetch::{FetchRequest, Fetched, PostRequest, RequestBody, Validators};
use crate::observation::{Failure, FailureReason, Phase};
use crate::task;
use crate::tls::certificate_urls::DistributionPoint;
use crate::tls::digest::sha256;

/// The maximum number of fetches per lookup. With a timeout of ten seconds that is a minute and a half.
const MAX_FETCHES: usize = 8;
/// How far into a page its title is looked for, in bytes.
const MAX_TITLE: usize = 4096;
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
    pub(super) cause: Cause,
    pub(super) source: Option<String>,
    pub(super) detail: String,
    /// Why the source can't be fetched.
    pub(super) failure: Option<Failure>,
}

impl Undetermined {
    fn new(cause: Cause, source: impl Display, detail: impl Display) -> Self {
        Self { cause, source: Some(source.to_string()), detail: detail.to_string(), failure: None }
    }

    /// The certificate names no usable source.
    fn no_source() -> Self {
        let detail = "the certificate names no CRL or OCSP responder over plain HTTP".to_owned();
        Self { cause: Cause::NoSource, source: None, detail, failure: None }
    }
}

/// Why a fetched list or response is rejected.
struct InvalidObject {
    cause: Cause,
    detail: String,
}

impl InvalidObject {
    fn new(cause: Cause, problem: &impl Display) -> Self {
        Self { cause, detail: problem.to_string() }
    }
}

/// A lookup in progress.
pub(super) struct StatusLookup<'a, F> {
    context: &'a LookupContext<F>,
    link: &'a CertificateLink,
    now: SystemTime,
    until: SystemTime,
    fetches: usize,
    lists: Vec<ProbeUrl>,
}

impl<'a, F: Fetch> StatusLookup<'a, F> {
    pub(super) fn new(context: &'a LookupContext<F>, link: &'a CertificateLink, now: SystemTime) -> Self {
        let until = now + context.settings.refresh_interval.refresh;
        Self { context, link, now, until, fetches: 0, lists: Vec::new() }
    }

    /// When to repeat the lookup.
    pub(super) const fn until(&self) -> SystemTime {
        self.until
    }

    /// The lists that the lookup needed, deltas included.
    pub(super) fn into_lists(self) -> Vec<ProbeUrl> {
        self.lists
    }

    /// Queries the sources until one determines the status. On failure, returns the error of the first
    /// alternative of the last kind of source.
    pub(super) async fn resolve(&mut self) -> Result<Determined, Undetermined> {
        let determined = self.query_sources().await;
        if let Ok(determined) = &determined {
            self.until = self.until.min(determined.until);
        }
        determined
    }

    async fn query_sources(&mut self) -> Result<Determined, Undetermined> {
        let link = self.link;
        let mut undetermined = Undetermined::no_source();
        if !link.stapled.is_empty() {
            match status_from_ocsp(link, &link.stapled, STAPLED, self.now) {
                Ok(determined) => return Ok(determined),
                Err(other) => undetermined = other,
            }
        }
        let mut first = None;
        for responder in &link.certificate.sources.ocsp {
            match self.query_responder(responder).await {
                Ok(determined) => return Ok(determined),
                Err(other) => _ = first.get_or_insert(other),
            }
        }
        undetermined = first.take().unwrap_or(undetermined);
        for point in &link.certificate.sources.points {
            for url in &point.urls {
                match self.query_crl(point, url).await {
                    Ok(determined) => return Ok(determined),
                    Err(other) => _ = first.get_or_insert(other),
                }
            }
        }
        Err(first.unwrap_or(undetermined))
    }

    async fn query_responder(&mut self, responder: &ProbeUrl) -> Result<Determined, Undetermined> {
        let link = self.link;
        let Some(query) = ocsp::request(&link.certificate, &link.issuer) else {
            return Err(Undetermined::new(
                Cause::Unsupported,
                responder,
                "the serial number is too long for an OCSP request",
            ));
        };
        let get = ocsp::get_url(responder, &query);
        let key = ObjectKey::Ocsp(get.unwrap_or_else(|| responder.clone()), sha256(&query));
        let body = RequestBody { content_type: "application/ocsp-request", bytes: query.into() };
        let post = PostRequest { url: responder, body };
        let state = self.cached_or_fetched(key, ocsp::MAX_ANSWER, Some(post)).await;
        match state.cached {
            Some(cached) => status_from_ocsp(link, &cached.bytes, responder, self.now)
                .map_err(|undetermined| why_undetermined(state.error, responder, Some(undetermined))),
            None => Err(why_undetermined(state.error, responder, None)),
        }
    }

    async fn query_crl(
        &mut self,
        point: &DistributionPoint,
        url: &ProbeUrl,
    ) -> Result<Determined, Undetermined> {
        let state = self.cached_or_fetched(ObjectKey::Crl(url.clone()), crl::MAX_LIST, None).await;
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
            crl::check(&query, &base.bytes, delta.as_deref())
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
    async fn delta(&mut self, base: &CachedObject) -> Result<Option<Bytes>, Undetermined> {
        let mut missing = None;
        for point in self.link.certificate.sources.freshest.iter().chain(&base.freshest) {
            for url in &point.urls {
                let state = self.cached_or_fetched(ObjectKey::Crl(url.clone()), crl::MAX_LIST, None).await;
                match state.cached {
                    Some(cached) => return Ok(Some(cached.bytes)),
                    None => _ = missing.get_or_insert_with(|| why_undetermined(state.error, url, None)),
                }
            }
        }
        missing.map_or(Ok(None), Err)
    }

    /// The state of an object, after fetching it if that is due.
    async fn cached_or_fetched(
        &mut self,
        key: ObjectKey,
        limit: usize,
        post: Option<PostRequest<'_>>,
    ) -> ObjectState {
        if let ObjectKey::Crl(url) = &key {
            self.lists.push(url.clone());
        }
        let mutex = self.context.in_progress.get(&key);
        let _guard = mutex.lock().await;
        let mut state = self.context.store().state(&key, self.now);
        if state.is_due(self.now) && self.fetches < MAX_FETCHES {
            self.fetches += 1;
            let outcome = self.fetch(&key, limit, post, state.cached.as_ref()).await;
            let mut store = self.context.store();
            store.record(key.clone(), outcome, self.now);
            state = store.state(&key, self.now);
        }
        self.until = self.until.min(state.due.unwrap_or(self.now));
        state
    }

    async fn fetch(
        &self,
        key: &ObjectKey,
        limit: usize,
        post: Option<PostRequest<'_>>,
        cached: Option<&CachedObject>,
    ) -> FetchOutcome {
        let (ObjectKey::Crl(url) | ObjectKey::Ocsp(url, _)) = key;
        let first = match self.context.hosts.acquire(url, self.now).await {
            Ok(first) => first,
            Err(failure) => {
                return FetchOutcome::Failed(FetchError { cause: Cause::from(&failure), failure });
            }
        };
        // The semaphore is never closed. Without a permit, the only harm would be one fetch too many.
        let _permit = self.context.permits.acquire().await;
        // The object's URL is that of the GET, or the responder's own if the request is too long for a GET.
        let (body, fallback) = match post {
            Some(post) if post.url == url => (Some(post.body), None),
            fallback => (None, fallback),
        };
        let request = FetchRequest {
            body,
            fallback,
            known: cached.map(|cached| &cached.validators),
            ..FetchRequest::get(url, limit as u64, self.context.settings.timeout)
        };
        let fetched = self.context.fetcher.fetch(request).await;
        self.context.hosts.record(url, self.now, fetched.as_ref().err());
        drop(first);
        match fetched {
            Ok(Fetched::NotModified) => FetchOutcome::NotModified,
            Ok(Fetched::Body { bytes, validators, .. }) => {
                let page = page(&bytes);
                match self.verified_object(key, bytes, validators).await {
                    Ok(cached) => FetchOutcome::Fetched(cached),
                    Err(InvalidObject { cause, detail }) => {
                        let failure = page.unwrap_or_else(|| {
                            Failure::new(Phase::Transfer, FailureReason::WrongContent, detail)
                        });
                        FetchOutcome::Failed(FetchError { cause, failure })
                    }
                }
            }
            Err(failure) => FetchOutcome::Failed(FetchError { cause: Cause::from(&failure), failure }),
        }
    }

    /// Verifies a fetched object before it is cached, so that a block page doesn't replace a good list.
    async fn verified_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        validators: Validators,
    ) -> Result<CachedObject, InvalidObject> {
        let link = self.link;
        if let ObjectKey::Crl(_) = key {
            let (issuer, list) = (Arc::clone(&link.issuer), bytes.clone());
            let verified =
                spawn_blocking_if_large(bytes.len(), move || crl::verify_issuer(&list, &issuer)).await;
            let freshness = verified.map_err(|problem| InvalidObject::new(problem.cause(), &problem))?;
            return Ok(CachedObject::from_crl(bytes, freshness, validators));
        }
        let answer = ocsp::check(&link.certificate, &link.issuer, &bytes, self.now)
            .map_err(|problem| InvalidObject::new(problem.cause(), &problem))?;
        let ocsp::OcspStatus { period, .. } = answer;
        let (this_update, next_update) = (period.this_update, Some(period.next_update));
        Ok(CachedObject { bytes, validators, this_update, next_update, freshest: Vec::new() })
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
                Cause::OcspUnknown,
                &source,
                "the responder does not know the certificate",
            ));
        }
    };
    Ok(Determined { revoked, source: source.to_string(), until: answer.period.next_update })
}

/// The failure if a page for people came: a filter's or a portal's. Neither lists nor responses begin like one.
fn page(bytes: &[u8]) -> Option<Failure> {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_TITLE)]);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with('<') {
        return None;
    }
    let lower = text.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|at| text[at + "<title>".len()..].split('<').next());
    let named = title.map(|title| format!(" titled \"{}\"", title.trim())).unwrap_or_default();
    Some(Failure::new(Phase::Transfer, FailureReason::BlockPage, format!("a page{named} came instead")))
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
            Undetermined::new(Cause::Pending, url, "not fetched yet (other sources first)")
        });
    };
    let Failure { phase, reason, detail } = &failure;
    let before = cached.map(|cached| cached.detail + "; ").unwrap_or_default();
    let detail = format!("{before}{phase}: {reason}: {detail}");
    Undetermined { failure: Some(failure), ..Undetermined::new(cause, url, detail) }
}

impl From<&Failure> for Cause {
    fn from(failure: &Failure) -> Self {
        match failure.reason {
            FailureReason::TooLarge => Self::TooLarge,
            FailureReason::Internal => Self::Pending, // a local failure: nothing was sent
            _ => Self::Unreachable,
        }
    }
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
    async fn long_lists_are_evaluated_on_another_thread() {
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
