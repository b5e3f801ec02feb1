//! The search for the issuers that a presented chain lacks, URL by URL.

use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::time::Instant;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::super::chain::{PresentedChain, TrustedChain};
use super::super::chain_error::ChainError;
use super::super::issuer_certificates;
use super::{AiaIssuers, FetchIssuer, MAX_STEPS, ca_issuers, links};
use crate::catalog::ProbeUrl;
use crate::text::clean;

/// The maximum number of URLs that are tried per chain.
const MAX_FETCHES: usize = 8;

/// The maximum size of what a URL serves, in bytes.
const MAX_BODY: u64 = 64 * 1024;

/// The timeout for one certificate.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// A search in progress.
pub(crate) struct IssuerSearch<'a> {
    issuers: &'a AiaIssuers,
    presented: &'a PresentedChain,
    tried: Vec<Attempt>,
    /// The embedded certificates, and those found.
    candidates: Vec<CertificateDer<'static>>,
}

/// One URL that was tried.
struct Attempt {
    url: ProbeUrl,
    /// The certificates that it served, or why they are of no use.
    found: Result<Vec<CertificateDer<'static>>, String>,
}

/// A link of the chain whose issuer can be searched for.
struct OpenLink {
    /// The issuer's name, for words.
    issuer: String,
    issuer_der: Vec<u8>,
    urls: Vec<ProbeUrl>,
    /// Whether no certificate of the issuer is known at all.
    is_missing: bool,
}

impl<'a> IssuerSearch<'a> {
    /// Starts with the embedded issuers alone: what is cached may be outdated.
    pub(crate) fn new(issuers: &'a AiaIssuers, presented: &'a PresentedChain) -> Self {
        Self { issuers, presented, tried: Vec::new(), candidates: issuers.embedded.to_vec() }
    }

    /// The certificates that may complete the chain.
    pub(crate) fn candidates(&self) -> &[CertificateDer<'static>] {
        &self.candidates
    }

    /// Fetches from the next URLs until one serves a new certificate. Returns false if there is none left.
    pub(crate) async fn next(&mut self, fetcher: &dyn FetchIssuer, deadline: Option<Instant>) -> bool {
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        while let Some((url, issuer)) = self.next_url() {
            let timeout = deadline.map_or(FETCH_TIMEOUT, |deadline| FETCH_TIMEOUT.min(left(deadline)));
            let body = fetcher.fetch_issuer(&url, MAX_BODY, timeout).await;
            let found = body.and_then(|body| certificates(&body, &issuer));
            let presented = &self.presented.certificates;
            let is_new =
                |der: &&CertificateDer<'static>| !presented.contains(der) && !self.candidates.contains(der);
            let new: Vec<_> = found.iter().flatten().filter(is_new).cloned().collect();
            self.tried.push(Attempt { url, found });
            if !new.is_empty() {
                self.candidates.extend(new);
                return true;
            }
        }
        false
    }

    /// The next URL to try, and the name of the issuer that it should serve, in DER. Missing issuers come first,
    /// then other certificates of the known ones, from the top of the chain.
    fn next_url(&self) -> Option<(ProbeUrl, Vec<u8>)> {
        let served = self.tried.iter().filter(|attempt| attempt.found.is_ok()).count();
        if self.tried.len() >= MAX_FETCHES || served >= MAX_STEPS {
            return None;
        }
        let mut open = self.open_links();
        open.reverse();
        open.sort_by_key(|link| !link.is_missing);
        open.into_iter().find_map(|link| {
            let is_untried = |url: &ProbeUrl| !self.tried.iter().any(|attempt| attempt.url == *url);
            let mut usable =
                link.urls.into_iter().filter(|url| self.issuers.is_allowed(url) && is_untried(url));
            Some((usable.next()?, link.issuer_der))
        })
    }

    /// The links of the chain that aren't self-signed, leaf first.
    fn open_links(&self) -> Vec<OpenLink> {
        let links = links(self.presented, &self.candidates);
        let open = links.iter().filter(|link| link.issuer().as_raw() != link.subject().as_raw());
        let open = open.map(|link| {
            let issuer = link.issuer();
            OpenLink {
                issuer: clean(&issuer.to_string()),
                issuer_der: issuer.as_raw().to_vec(),
                urls: ca_issuers(link),
                is_missing: !links.iter().any(|other| other.subject().as_raw() == issuer.as_raw()),
            }
        });
        open.collect()
    }

    /// Caches the fetched certificates of a verified path.
    pub(crate) fn cache(&self, trusted: &TrustedChain) {
        for Attempt { url, found } in &self.tried {
            let found = found.iter().flatten();
            let used: Vec<_> = found.filter(|der| trusted.path.certificates.contains(der)).cloned().collect();
            if !used.is_empty() {
                self.issuers.cache(url, &used);
            }
        }
    }

    /// The verdict that no search could change: of a chain that leads nowhere it says why its issuer wasn't found.
    pub(crate) fn explain(&self, error: ChainError) -> ChainError {
        if !error.is_unknown_issuer() {
            return error;
        }
        let mut missing = self.open_links().into_iter().filter(|link| link.is_missing);
        missing.find_map(|link| self.not_found(link)).unwrap_or(error)
    }

    /// Why a missing issuer wasn't found. `None` if the chain says nothing of where it is.
    fn not_found(&self, link: OpenLink) -> Option<ChainError> {
        let OpenLink { issuer, urls, .. } = link;
        let failures = self.tried.iter().filter(|attempt| urls.contains(&attempt.url));
        let mut failures = failures.filter_map(|Attempt { url, found }| Some((url, found.as_ref().err()?)));
        let Some((url, why)) = failures.next() else {
            let url = urls.first().filter(|_| !urls.iter().any(|url| self.issuers.is_allowed(url)))?;
            return Some(ChainError::IssuerHostNotAllowed { issuer, url: clean(url.as_str()) });
        };
        let others = failures.map(|(url, why)| format!("; {}: {why}", clean(url.as_str())));
        let why = std::iter::once(why.clone()).chain(others).collect();
        Some(ChainError::Incomplete { issuer, url: clean(url.as_str()), why })
    }
}

/// The certificates that a URL served, if the issuer's is among them.
fn certificates(body: &[u8], issuer: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = issuer_certificates::read(body).map_err(|error| error.to_string())?;
    let subjects: Vec<_> = found
        .iter()
        .filter_map(|der| Some(X509Certificate::from_der(der).ok()?.1.tbs_certificate.subject))
        .collect();
    if subjects.iter().any(|subject| subject.as_raw() == issuer) {
        return Ok(found);
    }
    Err(match subjects.as_slice() {
        [one] => format!("the certificate there belongs to {}", clean(&one.to_string())),
        _ => format!("none of the {} certificates there is the issuer's", found.len()),
    })
}
