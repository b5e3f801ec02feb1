//! Fetches one object of a lookup and verifies it, before the store may keep it.

use std::fmt::Display;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::large_list::LargeList;
use super::{StatusLookup, spawn_blocking_if_large};
use crate::catalog::ProbeUrl;
use crate::net::fetch::{FetchRequest, Fetched, PostRequest, Validators};
use crate::observation::{Failure, FailureReason, Phase};
use crate::revocation::crl::CrlProblem;
use crate::revocation::host_availability::FirstRequest;
use crate::revocation::lookup_context::Fetch;
use crate::revocation::store::{CachedObject, FetchError, FetchOutcome, ObjectKey};
use crate::revocation::{UndeterminedCause, crl, ocsp};
use crate::text::duration;

/// How far into a page its title is looked for, in bytes.
const MAX_TITLE: usize = 4096;

/// Why a fetched list or response is rejected.
struct InvalidObject {
    cause: UndeterminedCause,
    detail: String,
}

impl InvalidObject {
    fn new(cause: UndeterminedCause, problem: &impl Display) -> Self {
        Self { cause, detail: problem.to_string() }
    }
}

impl<F: Fetch> StatusLookup<'_, F> {
    /// Fetches an object within the time that is left, and verifies it.
    pub(super) async fn fetch(
        &self,
        key: &ObjectKey,
        post: Option<PostRequest<'_>>,
        cached: Option<&CachedObject>,
    ) -> FetchOutcome {
        let (ObjectKey::Crl(url) | ObjectKey::Ocsp(url, _)) = key;
        let ready = timeout_at(self.deadline, async {
            let first = self.context.hosts.acquire(url, self.now).await?;
            // The semaphore is never closed. Without a permit, the only harm would be one fetch too many.
            Ok((first, self.context.permits.acquire().await))
        });
        let (first, _permit) = match ready.await {
            Ok(Ok(ready)) => ready,
            Ok(Err(failure)) => {
                return FetchOutcome::Failed(FetchError {
                    cause: UndeterminedCause::from(&failure),
                    failure,
                });
            }
            Err(_) => {
                let waited = duration(self.context.settings.timeout);
                let detail = format!("not sent within {waited}: too many other fetches are waiting");
                let failure = Failure::new(Phase::Request, FailureReason::Timeout, detail);
                return FetchOutcome::Failed(FetchError { cause: UndeterminedCause::Unreachable, failure });
            }
        };
        // The object's URL is that of the GET, or the responder's own if the request is too long for a GET.
        let (body, fallback) = match post {
            Some(post) if post.url == url => (Some(post.body), None),
            fallback => (None, fallback),
        };
        let connected = Notify::new();
        let left = self.deadline.saturating_duration_since(Instant::now());
        let serial = &self.link.certificate.serial;
        let list = LargeList::new(serial, cached);
        let (limit, overflow) = match key {
            ObjectKey::Crl(_) => (crl::MAX_LIST, Some(list.overflow())),
            ObjectKey::Ocsp(..) => (ocsp::MAX_ANSWER, None),
        };
        let request = FetchRequest {
            body,
            fallback,
            // A large list that may contain this certificate is needed again, changed or not.
            known: cached.filter(|cached| cached.knows(serial)).map(|cached| &cached.validators),
            connected: Some(&connected),
            overflow,
            // It ends before the lookups that wait for it do.
            ..FetchRequest::get(url, limit as u64, left * 19 / 20)
        };
        let fetched = self.fetch_first(url, request, &connected, first).await;
        match fetched {
            Ok(Fetched::NotModified) => FetchOutcome::NotModified,
            Ok(Fetched::Body { bytes, validators, .. }) => {
                let page = page(&bytes);
                match self.verified_object(key, bytes, list, validators).await {
                    Ok(cached) => FetchOutcome::Fetched(cached),
                    Err(InvalidObject { cause, detail }) => {
                        let failure = page.unwrap_or_else(|| {
                            Failure::new(Phase::Transfer, FailureReason::WrongContent, detail)
                        });
                        FetchOutcome::Failed(FetchError { cause, failure })
                    }
                }
            }
            Err(failure) => {
                let cause = list.problem().unwrap_or_else(|| UndeterminedCause::from(&failure));
                FetchOutcome::Failed(FetchError { cause, failure })
            }
        }
    }

    /// Fetches. If this is the first request to the host, the others wait until it is connected: what is silent then is
    /// the URL, not the host.
    async fn fetch_first(
        &self,
        url: &ProbeUrl,
        request: FetchRequest<'_>,
        connected: &Notify,
        first: Option<FirstRequest>,
    ) -> Result<Fetched, Failure> {
        let hosts = &self.context.hosts;
        let mut fetch = pin!(self.context.fetcher.fetch(request));
        let fetched = tokio::select! {
            biased;
            fetched = &mut fetch => fetched,
            () = connected.notified() => {
                hosts.record(url, self.now, None);
                drop(first);
                fetch.await
            }
        };
        hosts.record(url, self.now, fetched.as_ref().err());
        fetched
    }

    /// Verifies a fetched object before it is cached, so that a block page doesn't replace a good list.
    async fn verified_object(
        &self,
        key: &ObjectKey,
        bytes: Bytes,
        read: LargeList,
        validators: Validators,
    ) -> Result<CachedObject, InvalidObject> {
        let link = self.link;
        let invalid = |problem: CrlProblem| InvalidObject::new(problem.cause(), &problem);
        if let ObjectKey::Crl(_) = key {
            let (issuer, list) = (Arc::clone(&link.issuer), bytes.clone());
            let large = read.finish().map_err(invalid)?.map(Arc::new);
            let verified = if let Some(large) = &large {
                crl::verify_issuer(crl::List::Large(large), &issuer)
            } else {
                let verify = move || crl::verify_issuer(crl::List::Whole(&list), &issuer);
                spawn_blocking_if_large(bytes.len(), verify).await
            };
            let freshness = verified.map_err(invalid)?;
            return Ok(CachedObject::from_crl(bytes, large, freshness, validators));
        }
        let answer = ocsp::check(&link.certificate, &link.issuer, &bytes, self.now)
            .map_err(|problem| InvalidObject::new(problem.cause(), &problem))?;
        let ocsp::OcspStatus { period, .. } = answer;
        let (this_update, next_update) = (period.this_update, Some(period.next_update));
        Ok(CachedObject { bytes, large: None, validators, this_update, next_update, freshest: Vec::new() })
    }
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

impl From<&Failure> for UndeterminedCause {
    fn from(failure: &Failure) -> Self {
        match failure.reason {
            FailureReason::TooLarge => Self::TooLarge,
            FailureReason::Internal => Self::Pending, // a local failure: nothing was sent
            _ => Self::Unreachable,
        }
    }
}
