//! Issuers that servers omit from their chains: embedded intermediates, and certificates fetched from a chain's
//! AIA `caIssuers` URLs (RFC 5280, section 4.2.2.1), as Windows does, and cached. `chain.rs` decides whether a
//! completed chain is trusted.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lru::LruCache;
use parking_lot::Mutex;
use rustls::pki_types::{CertificateDer, UnixTime};
use tokio::time::Instant;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate_urls::RevocationSources;
use super::chain::{ChainError, PresentedChain};
use super::microsoft::microsoft_intermediates;
use super::validity::Validity;
use crate::catalog::{HostPattern, ProbeUrl};
use crate::text::clean;

/// The maximum number of missing issuers per chain.
const MAX_STEPS: usize = 4;

/// The maximum size of a certificate, in bytes.
const MAX_CERTIFICATE: u64 = 64 * 1024;

/// The maximum number of cached certificates.
const MAX_CACHED: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// The timeout for one certificate.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);

/// Known issuers: the embedded ones, and the fetched ones by the URL that named them.
#[derive(Debug)]
pub struct AiaIssuers {
    hosts: Vec<HostPattern>,
    embedded: &'static [CertificateDer<'static>],
    cache: Mutex<LruCache<String, CachedIssuer>>,
}

/// A certificate that completed a chain.
#[derive(Clone, Debug)]
struct CachedIssuer {
    certificate: CertificateDer<'static>,
    validity: Validity,
}

/// The last certificate that a chain can be followed to, if it isn't a root.
struct ChainTop {
    issuer: String,
    issuer_der: Vec<u8>,
    urls: Vec<ProbeUrl>,
}

impl AiaIssuers {
    /// Starts with the embedded issuers. Fetches others only from `hosts`, since an unverified chain may name
    /// any host.
    #[must_use]
    pub fn new(hosts: Vec<HostPattern>) -> Self {
        Self { hosts, embedded: microsoft_intermediates(), cache: Mutex::new(LruCache::new(MAX_CACHED)) }
    }

    /// The embedded issuers.
    pub(super) const fn embedded(&self) -> &'static [CertificateDer<'static>] {
        self.embedded
    }

    /// Certificates that may complete the presented chain: cached ones that are valid at `now`, and the
    /// embedded ones.
    #[must_use]
    pub fn known(&self, presented: &PresentedChain, now: UnixTime) -> Vec<CertificateDer<'static>> {
        let mut more = Vec::new();
        while more.len() < MAX_STEPS
            && let Some(top) = self.chain_top(presented, &more)
            && let Some(next) = top.urls.iter().find_map(|url| self.cached_from(url, now))
        {
            more.push(next);
        }
        more.extend_from_slice(self.embedded);
        more
    }

    /// The cached certificate of a URL. Removes an expired one: the URL may serve a renewed certificate by now.
    fn cached_from(&self, url: &ProbeUrl, now: UnixTime) -> Option<CertificateDer<'static>> {
        let mut cached = self.cache.lock();
        if cached.peek(url.as_str())?.validity.has_ended(now) {
            cached.pop(url.as_str());
            return None;
        }
        cached
            .get(url.as_str())
            .filter(|cached| cached.validity.contains(now))
            .map(|cached| cached.certificate.clone())
    }

    /// Fetches the next issuer that the presented chain lacks after `found`. Returns `None` if the last
    /// certificate names no URL of its issuer.
    ///
    /// # Errors
    /// If the certificate can't be fetched, or its host isn't allowed.
    pub async fn fetch_next(
        &self,
        fetcher: &dyn FetchIssuer,
        presented: &PresentedChain,
        found: &[CertificateDer<'static>],
        deadline: Instant,
    ) -> Result<Option<CertificateDer<'static>>, ChainError> {
        let Some(top) = self.chain_top(presented, found).filter(|_| found.len() < MAX_STEPS) else {
            return Ok(None);
        };
        let Some(first) = top.urls.first() else { return Ok(None) };
        let Some(url) = self.allowed(&top.urls) else {
            return Err(ChainError::IssuerHostNotAllowed { issuer: top.issuer, url: clean(first.as_str()) });
        };
        match fetch(fetcher, &top, url, deadline).await {
            Ok(certificate) => Ok(Some(certificate)),
            Err(why) => Err(ChainError::Incomplete { issuer: top.issuer, url: clean(url.as_str()), why }),
        }
    }

    /// The first URL whose host is allowed.
    fn allowed<'a>(&self, urls: &'a [ProbeUrl]) -> Option<&'a ProbeUrl> {
        urls.iter().find(|url| self.hosts.iter().any(|host| host.matches(url.host())))
    }

    /// Caches the issuers that completed the presented chain. Only call this once the chain is verified:
    /// nothing else authenticates them.
    pub fn cache_issuers(&self, presented: &PresentedChain, found: &[CertificateDer<'static>]) {
        for (n, certificate) in found.iter().enumerate() {
            let Some(top) = self.chain_top(presented, &found[..n]) else { return };
            let Ok((_, parsed)) = X509Certificate::from_der(certificate) else { return };
            let cached = CachedIssuer { certificate: certificate.clone(), validity: Validity::from(&parsed) };
            let mut all = self.cache.lock();
            for url in top.urls {
                all.put(url.as_str().to_owned(), cached.clone());
            }
        }
    }

    /// Follows the chain from the leaf to its last known certificate. Returns `None` if that is a root, or the
    /// chain can't be parsed.
    fn chain_top(&self, presented: &PresentedChain, more: &[CertificateDer<'static>]) -> Option<ChainTop> {
        let all = presented.certificates.iter().chain(more).chain(self.embedded);
        let mut rest: Vec<X509Certificate<'_>> =
            all.filter_map(|der| X509Certificate::from_der(der).ok()).map(|(_, parsed)| parsed).collect();
        if presented.certificates.is_empty() {
            return None;
        }
        let mut top = rest.remove(0);
        while top.subject() != top.issuer()
            && let Some(next) = rest.iter().position(|link| link.subject().as_raw() == top.issuer().as_raw())
        {
            top = rest.remove(next);
        }
        (top.subject().as_raw() != top.issuer().as_raw()).then(|| ChainTop {
            issuer: clean(&top.issuer().to_string()),
            issuer_der: top.issuer().as_raw().to_vec(),
            urls: ca_issuers(&top),
        })
    }
}

/// Fetches issuers' certificates. A trait, because `net` implements it and imports this module.
pub trait FetchIssuer: Sync {
    /// Sends a GET of `url` over plain HTTP and returns the body, of at most `limit` bytes, within `timeout`.
    ///
    /// # Errors
    /// A message with the phase, the reason and the detail of the failure.
    fn fetch_issuer<'a>(
        &'a self,
        url: &'a ProbeUrl,
        limit: u64,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes, String>>;
}

/// Fetches one certificate in DER and checks that it has the missing issuer's name.
async fn fetch(
    fetcher: &dyn FetchIssuer,
    top: &ChainTop,
    url: &ProbeUrl,
    deadline: Instant,
) -> Result<CertificateDer<'static>, String> {
    let timeout = FETCH_TIMEOUT.min(deadline.saturating_duration_since(Instant::now()));
    let bytes = fetcher.fetch_issuer(url, MAX_CERTIFICATE, timeout).await?;
    match X509Certificate::from_der(&bytes) {
        Ok((_, found)) if found.subject().as_raw() == top.issuer_der => Ok(bytes.to_vec().into()),
        Ok((_, found)) => Err(format!("the certificate there belongs to {}", found.subject())),
        Err(_) => Err("not a DER certificate".to_owned()),
    }
}

/// A certificate's caIssuers URLs.
fn ca_issuers(certificate: &X509Certificate<'_>) -> Vec<ProbeUrl> {
    let urls = RevocationSources::from_certificate(certificate).issuers;
    urls.iter().filter_map(|url| ProbeUrl::parse(url.as_str()).ok()).collect()
}

#[cfg(test)]
mod tests;
