//! Keeps what a hop's judgement rests on: of a recorded round whole, of the exporter's probes until it is known that they didn't fail. Of a
//! success it therefore takes a copy of the chain and of some headers, but no body.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::genuine::Received;
use super::response::{Rules, recorded_head};
use crate::catalog::{ExpectedEvidence, ProbeUrl};
use crate::clock::Clock;
use crate::net::ResponseHead;
use crate::net::failure::{PhaseError, proxied};
use crate::observation::{
    ChainEvidence, Failure, HeaderEvidence, HopEvidence, IssuerEvidence, ObservedFailure, Phase,
    ResponseEvidence, TlsFacts,
};
use crate::tls::certificate_urls::RevocationSources;
use crate::tls::{
    CapturedChain, ChainError, FetchIssuer, TrustedChain, certificate_urls, microsoft_intermediates,
};

/// How much of a body is kept, in bytes: the least of these that has the same judgement as the whole.
const KEPT: [usize; 2] = [4 * 1024, 64 * 1024];

/// Headers that facts and words need, whatever the catalog's evidence is.
const SHOWN: [&str; 2] = ["server", "location"];

/// Headers that are never kept, even if a mark of a block page is in one: then the judgement is kept in their place.
const SECRET: [&str; 2] = ["set-cookie", "set-cookie2"];

/// The evidence of a hop, if it is kept.
pub(super) type KeptEvidence = Option<Box<HopEvidence>>;

/// Keeps a failure that isn't the result of a judgement.
pub(super) fn failed(kept: &mut KeptEvidence, during: Phase, failure: &Failure) {
    if let Some(evidence) = kept {
        evidence.failure = Some(ObservedFailure { during, failure: failure.clone() });
    }
}

/// Fetches missing issuers, and keeps what was fetched.
pub(super) struct IssuerRecorder<'a> {
    inner: &'a dyn FetchIssuer,
    fetched: Mutex<Vec<IssuerEvidence>>,
}

impl<'a> IssuerRecorder<'a> {
    pub(super) const fn new(inner: &'a dyn FetchIssuer) -> Self {
        Self { inner, fetched: Mutex::new(Vec::new()) }
    }

    /// What was fetched.
    pub(super) fn into_fetched(self) -> Vec<IssuerEvidence> {
        self.fetched.into_inner()
    }
}

impl FetchIssuer for IssuerRecorder<'_> {
    fn fetch_issuer<'a>(
        &'a self,
        url: &'a ProbeUrl,
        limit: u64,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes, String>> {
        Box::pin(async move {
            let outcome = self.inner.fetch_issuer(url, limit, timeout).await;
            self.fetched.lock().push(IssuerEvidence { url: url.to_string(), outcome: outcome.clone() });
            outcome
        })
    }
}

/// A chain, and what its verification used.
pub(super) fn chain(
    captured: &CapturedChain,
    facts: &TlsFacts,
    verdict: &Result<TrustedChain, ChainError>,
    fetched: Vec<IssuerEvidence>,
) -> ChainEvidence {
    let mut issuers = fetched;
    if let Ok(trusted) = verdict {
        for cached in cached_issuers(captured, trusted) {
            if !issuers.iter().any(|known| known.url == cached.url) {
                issuers.push(cached);
            }
        }
    }
    let since_epoch = Duration::from_secs(captured.at.as_secs());
    ChainEvidence {
        certificates: captured.presented.certificates.clone(),
        presented: captured.count,
        stapled: captured.presented.stapled.clone(),
        issuers,
        verified_at: SystemTime::UNIX_EPOCH + since_epoch,
        version: facts.version,
        cipher: facts.cipher,
    }
}

/// The issuers of a path that the server didn't present, at the URLs where its certificates say that they are: an earlier
/// probe fetched them.
fn cached_issuers(captured: &CapturedChain, trusted: &TrustedChain) -> Vec<IssuerEvidence> {
    let path = &trusted.path.certificates;
    let links = path.iter().zip(path.iter().skip(1));
    let missing = links.filter(|(_, issuer)| {
        !captured.presented.certificates.contains(issuer) && !microsoft_intermediates().contains(issuer)
    });
    let at_urls = missing.flat_map(|(certificate, issuer)| {
        let urls = X509Certificate::from_der(certificate)
            .map(|(_, parsed)| RevocationSources::from_certificate(&parsed).issuers);
        let body = Bytes::copy_from_slice(issuer);
        let at = move |url: ProbeUrl| IssuerEvidence { url: url.to_string(), outcome: Ok(body.clone()) };
        urls.unwrap_or_default().into_iter().take(certificate_urls::MAX_URLS).map(at)
    });
    at_urls.collect()
}

/// Whether a failed handshake only repeats the verdict on its chain.
pub(super) fn is_of_chain(failure: &Failure, verdict: &Result<TrustedChain, ChainError>) -> bool {
    let of_chain = |error: &ChainError| PhaseError::Chain(error.clone()).failure(Phase::Tls) == *failure;
    verdict.as_ref().is_err_and(of_chain)
}

/// The head of a response, with the headers that its judgement may need.
pub(super) fn response(rules: Rules<'_>, head: &ResponseHead, clock: Clock) -> ResponseEvidence {
    let of_evidence = rules.endpoint.evidence.iter().filter_map(|evidence| match evidence {
        ExpectedEvidence::Header { name, .. } => Some(name.as_str()),
        ExpectedEvidence::Status | ExpectedEvidence::Redirect(_) | ExpectedEvidence::Body(_) => None,
    });
    let of_pages = rules.plan.block_pages.iter().filter_map(|page| page.header.as_deref());
    let needed: Vec<&str> = of_evidence.chain(of_pages).chain(proxied::JUDGED_HEADERS).chain(SHOWN).collect();
    let is_needed =
        |name: &str| !SECRET.contains(&name) && needed.iter().any(|needed| needed.eq_ignore_ascii_case(name));
    let headers = head.headers.iter().filter(|(name, _)| is_needed(name.as_str()));
    let headers = headers.map(|(name, value)| HeaderEvidence {
        name: name.as_str().to_owned(),
        value: value.as_bytes().to_vec(),
    });
    ResponseEvidence {
        status: head.status.as_u16(),
        headers: headers.collect(),
        authenticated: head.authenticated,
        body: Vec::new(),
        body_bytes: 0,
        unclean_close: false,
        judged_at: clock.now(),
        judgement: None,
    }
}

/// The first bytes of a body that wasn't judged.
pub(super) fn unjudged_body(kept: &mut KeptEvidence, body: &[u8]) {
    if let Some(response) = kept.as_mut().and_then(|evidence| evidence.response.as_mut()) {
        response.body = body[..body.len().min(KEPT[0])].to_vec();
        response.body_bytes = body.len() as u64;
    }
}

/// The judgement on a body alone: how much of the body it rests on isn't worth finding out for a success.
pub(super) fn judged_without_body(kept: &mut KeptEvidence, judgement: &Result<bool, Failure>) {
    if let Some(response) = kept.as_mut().and_then(|evidence| evidence.response.as_mut()) {
        response.judgement = Some(judgement.clone());
    }
}

/// The first bytes of a body, as many as its judgement rests on. If that is too many, or rests on a header that isn't kept, also
/// the judgement.
pub(super) fn judged_body(
    kept: &mut KeptEvidence,
    rules: Rules<'_>,
    now: SystemTime,
    received: Received<'_>,
    judgement: &Result<bool, Failure>,
) {
    unjudged_body(kept, received.body);
    let Some(response) = kept.as_mut().and_then(|evidence| evidence.response.as_mut()) else { return };
    (response.judged_at, response.unclean_close) = (now, received.unclean_close);
    let head = recorded_head(response);
    let first = |count: usize| &received.body[..received.body.len().min(count)];
    let suffices = |count: &usize| {
        rules.is_genuine(now, Received { head: &head, body: first(*count), ..received }) == *judgement
    };
    match KEPT.iter().find(|count| suffices(count)) {
        Some(count) => response.body = first(*count).to_vec(),
        None => response.judgement = Some(judgement.clone()),
    }
}
