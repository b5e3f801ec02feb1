//! A cache of trusted chains by server name, so that an unchanged chain isn't verified twice. Pure except for
//! its lock.
//!
//! Why entries can't go stale: a verdict depends on the presented bytes, the server's name, the roots, the
//! known issuers, the algorithms and the time. The bytes are compared by digest, and the name is the key. Roots
//! and algorithms belong to one [`ChainVerifier`](crate::tls::ChainVerifier), which owns its cache and never
//! changes. Issuers are only ever added, which can't invalidate a path. The time only matters for the validity
//! of the path, root included, which is stored with the verdict. Refusals aren't cached, since their cause may
//! be fixed at any time. Revocation isn't part of the verdict: it is checked for every probe.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use rustls::pki_types::{ServerName, UnixTime};

use super::chain::{PresentedChain, TrustedChain};
use super::digest::sha256_parts;
use crate::observation::CertificateFacts;

/// The maximum number of names. Redirects may lead to names that aren't configured.
pub(super) const MAX_NAMES: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();

/// A trusted chain.
#[derive(Clone, Debug)]
pub(super) struct CachedVerdict {
    /// The presented certificates for display.
    pub(super) chain: Arc<[CertificateFacts]>,
    /// The verdict.
    pub(super) trusted: TrustedChain,
}

/// The last trusted chain of a name.
#[derive(Debug)]
struct CacheEntry {
    presented: [u8; 32],
    verdict: CachedVerdict,
}

/// The trusted chains by name.
#[derive(Debug)]
pub(super) struct VerdictCache(Mutex<LruCache<String, CacheEntry>>);

impl VerdictCache {
    /// Creates an empty cache for at most `capacity` names.
    pub(super) fn new(capacity: NonZeroUsize) -> Self {
        // A bounded cache would allocate memory for all names at once.
        let mut names = LruCache::unbounded();
        names.resize(capacity);
        Self(Mutex::new(names))
    }

    /// The cached verdict, if this chain was the last one trusted for this name and is still valid.
    pub(super) fn get(
        &self,
        presented: &PresentedChain,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Option<CachedVerdict> {
        let mut names = self.0.lock();
        let entry = names.get(name.to_str().as_ref())?;
        let holds = entry.verdict.trusted.validity.contains(now) && entry.presented == digest(presented);
        holds.then(|| entry.verdict.clone())
    }

    /// Stores the trusted chain of a name in place of the previous one.
    pub(super) fn insert(&self, presented: &PresentedChain, name: &ServerName<'_>, verdict: CachedVerdict) {
        let entry = CacheEntry { presented: digest(presented), verdict };
        self.0.lock().put(name.to_str().into_owned(), entry);
    }
}

/// The identity of a presented chain.
fn digest(presented: &PresentedChain) -> [u8; 32] {
    let parts = presented.certificates.iter().map(AsRef::as_ref);
    sha256_parts(parts.chain([presented.stapled.as_slice()]))
}

#[cfg(test)]
mod tests;
