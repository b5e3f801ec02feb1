//! Issuers that servers omit from their chains: embedded intermediates, and certificates fetched from a chain's
//! AIA `caIssuers` URLs (RFC 5280, section 4.2.2.1), as Windows does, and cached. `chain.rs` decides whether a
//! completed chain is trusted.

mod search;

use std::num::NonZeroUsize;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use lru::LruCache;
use parking_lot::Mutex;
use rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate_urls::RevocationSources;
use super::chain::PresentedChain;
use super::links::linked;
use super::microsoft::microsoft_intermediates;
use super::validity::Validity;
use crate::catalog::{HostPattern, ProbeUrl};
pub(super) use search::IssuerSearch;

/// The maximum number of missing issuers per chain.
const MAX_STEPS: usize = 4;

/// The maximum number of URLs whose certificates are cached.
const MAX_CACHED: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// Known issuers: the embedded ones, and the fetched ones by the URL that served them.
#[derive(Debug)]
pub struct AiaIssuers {
    hosts: Vec<HostPattern>,
    embedded: &'static [CertificateDer<'static>],
    cache: Mutex<LruCache<String, Vec<CachedIssuer>>>,
}

/// A certificate that completed a chain.
#[derive(Clone, Debug)]
struct CachedIssuer {
    certificate: CertificateDer<'static>,
    validity: Validity,
}

impl AiaIssuers {
    /// Starts with the embedded issuers. Fetches others only from `hosts`, since an unverified chain may name
    /// any host.
    #[must_use]
    pub fn new(hosts: Vec<HostPattern>) -> Self {
        Self { hosts, embedded: microsoft_intermediates(), cache: Mutex::new(LruCache::new(MAX_CACHED)) }
    }

    /// Certificates that may complete the presented chain: cached and embedded ones that are valid at `now`.
    #[must_use]
    pub fn known(&self, presented: &PresentedChain, now: UnixTime) -> Vec<CertificateDer<'static>> {
        let is_valid =
            |der: &&CertificateDer<'static>| validity(der).is_some_and(|period| period.contains(now));
        let mut more: Vec<_> = self.embedded.iter().filter(is_valid).cloned().collect();
        for _ in 0..MAX_STEPS {
            let urls = links(presented, &more).iter().flat_map(ca_issuers).collect::<Vec<_>>();
            let cached = urls.iter().flat_map(|url| self.cached_from(url, now)).collect::<Vec<_>>();
            let new = cached.into_iter().filter(|found| !more.contains(found)).collect::<Vec<_>>();
            if new.is_empty() {
                break;
            }
            more.extend(new);
        }
        more
    }

    /// The cached certificates of a URL. Removes expired ones: the URL may serve a renewed certificate by now.
    fn cached_from(&self, url: &ProbeUrl, now: UnixTime) -> Vec<CertificateDer<'static>> {
        let mut all = self.cache.lock();
        let Some(cached) = all.get_mut(url.as_str()) else { return Vec::new() };
        cached.retain(|issuer| !issuer.validity.has_ended(now));
        let valid = cached.iter().filter(|issuer| issuer.validity.contains(now));
        let valid = valid.map(|issuer| issuer.certificate.clone()).collect();
        if cached.is_empty() {
            all.pop(url.as_str());
        }
        valid
    }

    /// Replaces the cached certificates of a URL. Only call this with certificates of a verified path: nothing
    /// else authenticates them.
    fn cache(&self, url: &ProbeUrl, certificates: &[CertificateDer<'static>]) {
        let issuer = |certificate: &CertificateDer<'static>| {
            Some(CachedIssuer { certificate: certificate.clone(), validity: validity(certificate)? })
        };
        self.cache.lock().put(url.as_str().to_owned(), certificates.iter().filter_map(issuer).collect());
    }

    fn is_allowed(&self, url: &ProbeUrl) -> bool {
        self.hosts.iter().any(|host| host.matches(url.host()))
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

/// The presented leaf and what names link to it, in the presented chain and in `more`.
fn links<'a>(presented: &'a PresentedChain, more: &'a [CertificateDer<'static>]) -> Vec<X509Certificate<'a>> {
    let Some((leaf, rest)) = presented.certificates.split_first() else { return Vec::new() };
    linked(leaf, rest.iter().chain(more))
}

fn validity(certificate: &CertificateDer<'_>) -> Option<Validity> {
    X509Certificate::from_der(certificate).ok().map(|(_, parsed)| Validity::from(&parsed))
}

/// A certificate's caIssuers URLs.
fn ca_issuers(certificate: &X509Certificate<'_>) -> Vec<ProbeUrl> {
    RevocationSources::from_certificate(certificate).issuers
}

#[cfg(test)]
mod tests;
