//! Verification of probed CRLs and issuers' certificates. Their signatures prove that a response is genuine
//! once their issuers are known: roots from the start, other issuers from genuine paths. Pure except for the
//! cached issuers.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::SystemTime;

use der::Decode as _;
use der::asn1::AnyRef;
use lru::LruCache;
use parking_lot::Mutex;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

use super::crl::{CrlProblem, List};
use super::{Issuer, UndeterminedCause, crl};
use crate::observation::{Anchor, VerifiedPath};
use crate::tls::signature::Signed;
use crate::tls::{RootKind, Roots};

/// The maximum number of issuer names cached besides the roots.
const MAX_ISSUERS: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// The maximum number of issuers per name: CAs get new keys under their old names.
const MAX_ISSUERS_PER_NAME: usize = 8;

/// The possible signers of objects: trusted roots, and issuers on verified paths to genuine or public roots.
#[derive(Debug)]
pub struct SignedObjects {
    trusted: Arc<Roots>,
    roots: BTreeMap<Vec<u8>, Vec<Signer>>,
    seen_issuers: Mutex<LruCache<Vec<u8>, Vec<Issuer>>>,
}

/// A possible signer of an object.
#[derive(Clone, Debug)]
struct Signer {
    issuer: Issuer,
    /// Whether what it signs may be learned as an issuer: not below a private root, since a TLS inspector's CAs may
    /// copy the names of genuine issuers.
    is_genuine: bool,
}

/// Why an object is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// Not valid DER of the expected type.
    #[error("not the expected object: {0}")]
    Malformed(String),
    /// An expired CRL.
    #[error("the CRL has expired: {0}")]
    Expired(String),
    /// Not signed by the issuer that it names.
    #[error("not signed by the named issuer: {0}")]
    BadSignature(String),
}

/// Maps the problem of a CRL to an error of the response. Ignores features that this program doesn't support.
fn list_error(problem: &CrlProblem) -> Result<(), ObjectError> {
    let why = problem.to_string();
    match problem.cause() {
        UndeterminedCause::Expired => Err(ObjectError::Expired(why)),
        UndeterminedCause::Malformed | UndeterminedCause::TooLarge => Err(ObjectError::Malformed(why)),
        UndeterminedCause::BadSignature | UndeterminedCause::WrongIssuer => {
            Err(ObjectError::BadSignature(why))
        }
        _ => Ok(()),
    }
}

impl SignedObjects {
    /// Creates a verifier that knows the roots.
    #[must_use]
    pub fn new(roots: &Arc<Roots>) -> Self {
        let mut by_name: BTreeMap<Vec<u8>, Vec<Signer>> = BTreeMap::new();
        let signers = roots.anchors().iter().filter_map(|anchor| {
            let is_genuine = is_genuine(roots, &Anchor::from(anchor));
            let issuer = Issuer::from_anchor(&anchor.subject, &anchor.subject_public_key_info);
            Some(Signer { issuer: issuer.ok()?, is_genuine })
        });
        for signer in signers {
            by_name.entry(signer.issuer.name().to_vec()).or_default().push(signer);
        }
        Self {
            trusted: Arc::clone(roots),
            roots: by_name,
            seen_issuers: Mutex::new(LruCache::new(MAX_ISSUERS)),
        }
    }

    /// Verifies a CRL's signature and time. If its issuer is unknown, checks only its format and time.
    ///
    /// # Errors
    /// If the CRL isn't genuine, or has expired.
    pub fn check_crl(&self, der: &[u8], now: SystemTime) -> Result<(), ObjectError> {
        let (_, list) = CertificateRevocationList::from_der(der)
            .map_err(|error| ObjectError::Malformed(error.to_string()))?;
        let signers = self.signers_named(list.issuer().as_raw());
        if signers.is_empty() {
            let ended = crl::freshness(der).map(|freshness| freshness.next_update.filter(|at| *at <= now));
            return match ended {
                Ok(None) => Ok(()),
                Ok(Some(at)) => Err(ObjectError::Expired(humantime::format_rfc3339_seconds(at).to_string())),
                Err(problem) => list_error(&problem),
            };
        }
        signed_by_any(&signers, |issuer| match crl::verify_object(der, issuer, now) {
            Ok(_) => Ok(()),
            Err(problem) => list_error(&problem),
        })?;
        Ok(())
    }

    /// Verifies an issuer's certificate in the same way, and caches it as an issuer if it is genuine.
    ///
    /// # Errors
    /// If the certificate isn't genuine.
    pub fn check_certificate(&self, der: &[u8]) -> Result<(), ObjectError> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|error| ObjectError::Malformed(error.to_string()))?;
        let signers = self.signers_named(certificate.issuer().as_raw());
        if signers.is_empty() {
            return Ok(());
        }
        let signed = AnyRef::from_der(der)
            .and_then(|certificate| certificate.sequence(Signed::read))
            .map_err(|error| ObjectError::Malformed(error.to_string()))?;
        let found = signed_by_any(&signers, |issuer| {
            issuer.verify(&signed).map_err(|error| ObjectError::BadSignature(error.to_string()))
        })?;
        if found.is_some_and(|signer| signer.is_genuine) {
            self.add_issuer(der);
        }
        Ok(())
    }

    /// Whether a signer that is known, and genuine, signed a CRL, whatever its time. Unlike [`Self::check_crl`], not if its
    /// issuer is unknown, or a private root.
    #[must_use]
    pub fn proves_crl(&self, der: &[u8]) -> bool {
        let Ok(([], list)) = CertificateRevocationList::from_der(der) else { return false };
        let mut signers = self.genuine_signers(list.issuer().as_raw());
        signers.any(|signer| crl::verify_issuer(List::Whole(der), &signer.issuer).is_ok())
    }

    /// Whether such a signer signed the certificate of an authority.
    #[must_use]
    pub fn proves_authority(&self, der: &[u8]) -> bool {
        let Ok(([], certificate)) = X509Certificate::from_der(der) else { return false };
        let Ok(signed) = AnyRef::from_der(der).and_then(|whole| whole.sequence(Signed::read)) else {
            return false;
        };
        let mut signers = self.genuine_signers(certificate.issuer().as_raw());
        certificate.is_ca() && signers.any(|signer| signer.issuer.verify(&signed).is_ok())
    }

    /// Caches the issuers of a path to a genuine or public root, no others (see `Signer`).
    pub fn add_issuers(&self, path: &VerifiedPath) {
        if is_genuine(&self.trusted, &path.anchor) {
            path.certificates.iter().skip(1).for_each(|certificate| self.add_issuer(certificate));
        }
    }

    fn add_issuer(&self, der: &[u8]) {
        let Ok(issuer) = Issuer::from_certificate(der) else { return };
        let mut cached = self.seen_issuers.lock();
        let same_name = cached.get_or_insert_mut(issuer.name().to_vec(), Vec::new);
        if same_name.contains(&issuer) {
            return;
        }
        if same_name.len() == MAX_ISSUERS_PER_NAME {
            same_name.remove(0); // the oldest
        }
        same_name.push(issuer);
    }

    fn genuine_signers(&self, name: &[u8]) -> impl Iterator<Item = Signer> {
        self.signers_named(name).into_iter().filter(|signer| signer.is_genuine)
    }

    /// All signers with this name.
    fn signers_named(&self, name: &[u8]) -> Vec<Signer> {
        let roots = self.roots.get(name).into_iter().flatten().cloned();
        let seen = self.seen_issuers.lock().get(name).cloned().unwrap_or_default();
        roots.chain(seen.into_iter().map(|issuer| Signer { issuer, is_genuine: true })).collect()
    }
}

fn is_genuine(roots: &Roots, anchor: &Anchor) -> bool {
    roots.kind(anchor).is_some_and(|kind| kind < RootKind::Private)
}

/// The first signer for which the check succeeds; otherwise returns the last error.
fn signed_by_any(
    signers: &[Signer],
    mut check: impl FnMut(&Issuer) -> Result<(), ObjectError>,
) -> Result<Option<&Signer>, ObjectError> {
    let mut outcome = Ok(None);
    for signer in signers {
        outcome = check(&signer.issuer).map(|()| Some(signer));
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

#[cfg(test)]
mod tests;
