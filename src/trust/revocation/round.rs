//! One look at one certificate: its sources in order, each fetched where that is due, until one tells.

use std::fmt::Display;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use ring::digest::{SHA256, digest};

use super::checker::{Checker, Fetch};
use super::ocsp::Said;
use super::sources::Point;
use super::store::{Brought, Held, Key, Look, Trouble};
use super::{Cause, Certificate, Issuer, Revocation, crl, ocsp};
use crate::catalog::ProbeUrl;
use crate::fetch::{Fetched, Validators, Wanted};
use crate::observation::{Failure, FailureReason, Stage};

/// The most fetches for one certificate at one time: with a timeout of ten seconds, a minute and a half.
const MAX_FETCHES: usize = 8;
/// Lists longer than this are judged where they hold up no other task, in bytes.
const LONG: usize = 256 * 1024;

/// A certificate with its issuer.
pub(super) struct Link {
    pub(super) certificate: Arc<Certificate>,
    pub(super) issuer: Arc<Issuer>,
    pub(super) stapled: Vec<u8>,
}

/// A status that a source told.
pub(super) struct Settled {
    pub(super) revoked: Option<Revocation>,
    pub(super) source: String,
    until: SystemTime,
}

/// Why a source doesn't tell.
pub(super) struct Doubt {
    pub(super) cause: Cause,
    pub(super) source: Option<String>,
    pub(super) detail: String,
}

impl Doubt {
    fn new(cause: Cause, source: impl Display, detail: impl Display) -> Self {
        Self { cause, source: Some(source.to_string()), detail: detail.to_string() }
    }

    /// The certificate names nothing that can be asked.
    fn no_source() -> Self {
        let detail = "the certificate names no list and no responder over plain HTTP".to_owned();
        Self { cause: Cause::NoSource, source: None, detail }
    }
}

/// One look under way.
pub(super) struct Round<'a, F> {
    checker: &'a Checker<F>,
    link: &'a Link,
    now: SystemTime,
    until: SystemTime,
    fetches: usize,
}

impl<'a, F: Fetch> Round<'a, F> {
    pub(super) fn new(checker: &'a Checker<F>, link: &'a Link, now: SystemTime) -> Self {
        Self { checker, link, now, until: now + checker.settings.pace.refresh, fetches: 0 }
    }

    /// When to look again.
    pub(super) const fn until(&self) -> SystemTime {
        self.until
    }

    /// Asks the sources until one tells. The doubt is that of the last kind of source, and of its first alternative.
    pub(super) async fn settle(&mut self) -> Result<Settled, Doubt> {
        let settled = self.ask_all().await;
        if let Ok(settled) = &settled {
            self.until = self.until.min(settled.until);
        }
        settled
    }

    async fn ask_all(&mut self) -> Result<Settled, Doubt> {
        let link = self.link;
        let mut doubt = Doubt::no_source();
        if !link.stapled.is_empty() {
            match told(link, &link.stapled, "stapled", self.now) {
                Ok(settled) => return Ok(settled),
                Err(other) => doubt = other,
            }
        }
        let mut first = None;
        for responder in &link.certificate.sources.ocsp {
            match self.ask_responder(responder).await {
                Ok(settled) => return Ok(settled),
                Err(other) => _ = first.get_or_insert(other),
            }
        }
        doubt = first.take().unwrap_or(doubt);
        for point in &link.certificate.sources.points {
            for url in &point.urls {
                match self.ask_list(point, url).await {
                    Ok(settled) => return Ok(settled),
                    Err(other) => _ = first.get_or_insert(other),
                }
            }
        }
        Err(first.unwrap_or(doubt))
    }

    async fn ask_responder(&mut self, responder: &ProbeUrl) -> Result<Settled, Doubt> {
        let link = self.link;
        let Some(question) = ocsp::request(&link.certificate, &link.issuer) else {
            return Err(Doubt::new(
                Cause::Unsupported,
                responder,
                "the serial number is too long to ask for",
            ));
        };
        let get = ocsp::get_url(responder, &question);
        let mut id = [0; 32];
        id.copy_from_slice(digest(&SHA256, &question).as_ref()); // SHA-256 has 32 bytes
        let key = Key::Answer(get.clone().unwrap_or_else(|| responder.clone()), id);
        let body = get.is_none().then(|| ("application/ocsp-request", Bytes::from(question)));
        let look = self.look(key, ocsp::MAX_ANSWER, body).await;
        match look.held {
            Some(held) => told(link, &held.bytes, responder, self.now)
                .map_err(|doubt| doubt_of(look.trouble, responder, Some(doubt))),
            None => Err(doubt_of(look.trouble, responder, None)),
        }
    }

    async fn ask_list(&mut self, point: &Point, url: &ProbeUrl) -> Result<Settled, Doubt> {
        let look = self.look(Key::List(url.clone()), crl::MAX_LIST, None).await;
        let Some(base) = look.held else { return Err(doubt_of(look.trouble, url, None)) };
        let (delta, missing) = self.delta(&base).await;
        let link = self.link;
        let (certificate, issuer) = (Arc::clone(&link.certificate), Arc::clone(&link.issuer));
        let (point, now) = (point.clone(), self.now);
        let answer = heavy(base.bytes.len(), move || {
            let question = crl::Question { certificate: &certificate, issuer: &issuer, point: &point, now };
            crl::check(&question, &base.bytes, delta.as_deref())
        })
        .await;
        match answer {
            // A delta that is named must be had, unless the complete list says enough.
            Ok(answer) if answer.revoked.is_none() && missing.is_some() => {
                Err(missing.unwrap_or_else(Doubt::no_source))
            }
            Ok(crl::Answer { revoked, period }) => {
                Ok(Settled { revoked, source: url.to_string(), until: period.next_update })
            }
            Err(problem) => {
                let doubt = Doubt::new(problem.cause(), url, &problem);
                Err(doubt_of(look.trouble, url, Some(doubt)))
            }
        }
    }

    /// The delta to a list; or why it can't be had, where the certificate or the list names one.
    async fn delta(&mut self, base: &Held) -> (Option<Bytes>, Option<Doubt>) {
        let mut missing = None;
        for point in self.link.certificate.sources.freshest.iter().chain(&base.freshest) {
            for url in &point.urls {
                let look = self.look(Key::List(url.clone()), crl::MAX_LIST, None).await;
                match look.held {
                    Some(held) => return (Some(held.bytes), None),
                    None => _ = missing.get_or_insert_with(|| doubt_of(look.trouble, url, None)),
                }
            }
        }
        (None, missing)
    }

    /// What is known of a key, fetched first where that is due.
    async fn look(&mut self, key: Key, limit: usize, body: Option<(&'static str, Bytes)>) -> Look {
        let gate = self.checker.gate(&key);
        let _turn = gate.lock().await;
        let mut look = self.checker.store().look(&key, self.now);
        if look.is_due(self.now) && self.fetches < MAX_FETCHES {
            self.fetches += 1;
            let brought = self.fetch(&key, limit, body, look.held.as_ref()).await;
            let mut store = self.checker.store();
            store.record(key.clone(), brought, self.now);
            look = store.look(&key, self.now);
        }
        self.until = self.until.min(look.due.unwrap_or(self.now));
        look
    }

    async fn fetch(
        &self,
        key: &Key,
        limit: usize,
        body: Option<(&'static str, Bytes)>,
        held: Option<&Held>,
    ) -> Brought {
        let (Key::List(url) | Key::Answer(url, _)) = key;
        let first = match self.checker.hosts.approach(url, self.now).await {
            Ok(first) => first,
            Err(failure) => return Brought::Nothing(Trouble { cause: cause_of(&failure), failure }),
        };
        // The semaphore is never closed; without a permit the fetch would only be one too many.
        let _permit = self.checker.permits.acquire().await;
        let wanted = Wanted {
            body,
            known: held.map(|held| &held.validators),
            ..Wanted::of(url, limit as u64, self.checker.settings.timeout)
        };
        let fetched = self.checker.fetcher.fetch(wanted).await;
        self.checker.hosts.note(url, self.now, fetched.as_ref().err());
        drop(first);
        match fetched {
            Ok(Fetched::NotModified) => Brought::Same,
            Ok(Fetched::Body { bytes, validators }) => match self.usable(key, bytes, validators).await {
                Ok(held) => Brought::New(held),
                Err((cause, detail)) => {
                    let failure = Failure::new(Stage::Transfer, FailureReason::WrongContent, detail);
                    Brought::Nothing(Trouble { cause, failure })
                }
            },
            Err(failure) => Brought::Nothing(Trouble { cause: cause_of(&failure), failure }),
        }
    }

    /// Holds what came to the issuer, so that a block page doesn't take a good list's place.
    async fn usable(&self, key: &Key, bytes: Bytes, validators: Validators) -> Result<Held, (Cause, String)> {
        let link = self.link;
        if let Key::List(_) = key {
            let (issuer, list) = (Arc::clone(&link.issuer), bytes.clone());
            let belongs = heavy(bytes.len(), move || crl::belongs(&list, &issuer)).await;
            let freshness = belongs.map_err(|problem| (problem.cause(), problem.to_string()))?;
            return Ok(Held::from((freshness, bytes, validators)));
        }
        let answer = ocsp::check(&link.certificate, &link.issuer, &bytes, self.now)
            .map_err(|problem| (problem.cause(), problem.to_string()))?;
        let ocsp::Answer { period, .. } = answer;
        let (this_update, next_update) = (period.this_update, Some(period.next_update));
        Ok(Held { bytes, validators, this_update, next_update, freshest: Vec::new() })
    }
}

/// What an OCSP answer tells.
fn told(link: &Link, answer: &[u8], source: impl Display, now: SystemTime) -> Result<Settled, Doubt> {
    let answer = ocsp::check(&link.certificate, &link.issuer, answer, now)
        .map_err(|problem| Doubt::new(problem.cause(), &source, &problem))?;
    let revoked = match answer.said {
        Said::Good => None,
        Said::Revoked(revoked) => Some(revoked),
        Said::Unknown => {
            return Err(Doubt::new(
                Cause::OcspUnknown,
                &source,
                "the responder does not know the certificate",
            ));
        }
    };
    Ok(Settled { revoked, source: source.to_string(), until: answer.period.next_update })
}

/// Why a source doesn't tell: that it couldn't be fetched comes first, since what is held would have been replaced.
fn doubt_of(trouble: Option<Trouble>, url: &ProbeUrl, held: Option<Doubt>) -> Doubt {
    match (trouble, held) {
        (Some(trouble), None) => Doubt::new(trouble.cause, url, trouble.failure.detail),
        (Some(trouble), Some(held)) => {
            Doubt::new(trouble.cause, url, format!("{}; {}", held.detail, trouble.failure.detail))
        }
        (None, Some(held)) => held,
        (None, None) => Doubt::new(Cause::Pending, url, "not fetched yet: other sources came first"),
    }
}

fn cause_of(failure: &Failure) -> Cause {
    match failure.reason {
        FailureReason::TooLarge => Cause::TooLarge,
        FailureReason::Internal => Cause::Pending, // it is this machine that gave out: nobody was asked
        _ => Cause::Unreachable,
    }
}

/// Judges long lists where that holds up no other task.
async fn heavy<T: Send + 'static>(bytes: usize, judge: impl FnOnce() -> T + Send + 'static) -> T {
    if bytes <= LONG {
        return judge();
    }
    match tokio::task::spawn_blocking(judge).await {
        Ok(judged) => judged,
        // A panic goes on where it would have without the detour; nobody cancels the task.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_long_is_judged_by_another_thread() {
        let here = std::thread::current().id();
        let check = async |bytes: usize, elsewhere: bool| {
            let thread = heavy(bytes, || std::thread::current().id()).await;
            assert_eq!(thread != here, elsewhere, "{bytes}");
        };
        check(0, false).await;
        check(262_144, false).await;
        check(262_145, true).await;
    }
}
