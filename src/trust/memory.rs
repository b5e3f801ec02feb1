//! Chains that were believed, remembered by the name that they were believed for: the verdict on a chain that comes again
//! unchanged isn't computed twice. Pure but for its lock; what a verdict is, is `chain.rs`.
//!
//! Why it can't go stale. A verdict follows from six things: the presented bytes, the server's name, the roots, the issuers
//! that complete the chain, the algorithms, and the time. The bytes are compared by a digest, the name by itself. Roots
//! and algorithms are those of one [`Judge`](super::Judge), which owns its memory and never changes; other roots are
//! another judge. Issuers are only ever added, and take nothing away from a path that holds. The time matters through the
//! validity of the path's certificates alone, which is kept beside the verdict. Refusals aren't remembered: what mends
//! them would go unseen. Revocation is no part of the verdict: it is asked for at every probe.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ring::digest::{Context, SHA256};
use rustls::pki_types::{ServerName, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::chain::{Presented, Trusted};
use crate::observation::CertificateFacts;

/// The most names that are remembered. Redirects may lead to names that no configuration lists.
const MAX_NAMES: usize = 16_384;

/// A chain that was believed.
#[derive(Clone, Debug)]
pub(super) struct Believed {
    /// The presented certificates, for people.
    pub(super) chain: Arc<[CertificateFacts]>,
    /// The verdict.
    pub(super) trusted: Trusted,
}

/// What is remembered of a name: its last chain that was believed.
#[derive(Debug)]
struct Kept {
    presented: [u8; 32],
    /// The first and the last second at which every certificate of the path is valid.
    valid: (i64, i64),
    believed: Believed,
}

/// The chains that were believed, by name.
#[derive(Debug, Default)]
pub(super) struct Memory(Mutex<HashMap<String, Kept>>);

impl Memory {
    /// The verdict on this chain for this name, if the chain is the one that was last believed for it, and still valid.
    pub(super) fn recall(
        &self,
        presented: &Presented,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Option<Believed> {
        let names = self.names();
        let kept = names.get(name.to_str().as_ref())?;
        let now = i64::try_from(now.as_secs()).ok()?;
        let (first, last) = kept.valid;
        ((first..=last).contains(&now) && kept.presented == digest(presented)).then(|| kept.believed.clone())
    }

    /// Remembers a chain that was believed for a name, in place of the one before.
    pub(super) fn keep(&self, presented: &Presented, name: &ServerName<'_>, believed: Believed) {
        let Some(valid) = validity(&believed.trusted) else { return };
        let kept = Kept { presented: digest(presented), valid, believed };
        let mut names = self.names();
        if names.len() >= MAX_NAMES {
            names.clear(); // what comes again is verified again
        }
        names.insert(name.to_str().into_owned(), kept);
    }

    fn names(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        // A panic elsewhere leaves no half-done change behind: each is a single insertion.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SHA-256 over all that was presented, each part after its length.
fn digest(presented: &Presented) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for part in presented.certificates.iter().map(AsRef::as_ref).chain([presented.stapled.as_slice()]) {
        context.update(&part.len().to_be_bytes());
        context.update(part);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref()); // SHA-256 has 32 bytes
    digest
}

/// When every certificate of the path is valid, in Unix seconds, both ends included as RFC 5280 (section 4.1.2.5) has it;
/// a trust anchor has no end. None where a certificate can't be read.
fn validity(trusted: &Trusted) -> Option<(i64, i64)> {
    let mut valid = (i64::MIN, i64::MAX);
    for der in &trusted.path.certificates {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let (first, last) = (certificate.validity().not_before, certificate.validity().not_after);
        valid = (valid.0.max(first.timestamp()), valid.1.min(last.timestamp()));
    }
    Some(valid)
}

#[cfg(test)]
mod tests;
