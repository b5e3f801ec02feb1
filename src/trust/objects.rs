//! Signed objects that are probed for themselves: revocation lists and issuers' certificates. Their signatures prove that an
//! answer is genuine, once their issuers are known: roots from the start, others as they are met. Pure but for what is kept.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use der::Decode as _;
use der::asn1::AnyRef;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

use super::VerifiedPath;
use super::revocation::crl::{self, CrlProblem};
use super::revocation::{Cause, Issuer};
use super::roots::Roots;
use super::signature::Signed;

/// The most issuers that are remembered besides the roots.
const MAX_LEARNED: usize = 256;

/// Who may have signed an object: the trusted roots, and issuers that one of them vouched for.
#[derive(Debug)]
pub struct Objects {
    roots: BTreeMap<Vec<u8>, Vec<Issuer>>,
    learned: Mutex<BTreeMap<Vec<u8>, Issuer>>,
}

/// Why an object isn't genuine, or of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// Not DER of its kind.
    #[error("not an object of its kind: {0}")]
    Malformed(String),
    /// A list whose time has passed.
    #[error("the revocation list has expired: {0}")]
    Expired(String),
    /// Not signed by the issuer that it names.
    #[error("not signed by the issuer that it names: {0}")]
    BadSignature(String),
}

/// What a list's problem says about the answer that it came in. What this program can't judge is held against nobody.
fn list_error(problem: &CrlProblem) -> Result<(), ObjectError> {
    let why = problem.to_string();
    match problem.cause() {
        Cause::Expired => Err(ObjectError::Expired(why)),
        Cause::Malformed | Cause::TooLarge => Err(ObjectError::Malformed(why)),
        Cause::BadSignature | Cause::WrongIssuer => Err(ObjectError::BadSignature(why)),
        _ => Ok(()),
    }
}

impl Objects {
    /// Knows the roots.
    #[must_use]
    pub fn new(roots: &Arc<Roots>) -> Self {
        let mut by_name: BTreeMap<Vec<u8>, Vec<Issuer>> = BTreeMap::new();
        let issuers = roots.anchors().iter().filter_map(|anchor| {
            Issuer::from_anchor(anchor.subject.as_ref(), anchor.subject_public_key_info.as_ref()).ok()
        });
        for issuer in issuers {
            by_name.entry(issuer.name().to_vec()).or_default().push(issuer);
        }
        Self { roots: by_name, learned: Mutex::default() }
    }

    /// Holds a revocation list to its issuer and to the time. The signature of a list whose issuer hasn't been met yet can't
    /// be held to anything: its form and time are.
    ///
    /// # Errors
    /// When it isn't genuine, or has expired.
    pub fn check_crl(&self, der: &[u8], now: SystemTime) -> Result<(), ObjectError> {
        let (_, list) = CertificateRevocationList::from_der(der)
            .map_err(|error| ObjectError::Malformed(error.to_string()))?;
        let issuers = self.named(list.issuer().as_raw());
        if issuers.is_empty() {
            let ended = crl::freshness(der).map(|freshness| freshness.next_update.filter(|at| *at <= now));
            return match ended {
                Ok(None) => Ok(()),
                Ok(Some(at)) => Err(ObjectError::Expired(humantime::format_rfc3339_seconds(at).to_string())),
                Err(problem) => list_error(&problem),
            };
        }
        any(&issuers, |issuer| match crl::verify_object(der, issuer, now) {
            Ok(_) => Ok(()),
            Err(problem) => list_error(&problem),
        })
    }

    /// Holds an issuer's certificate to its own issuer, likewise; and remembers it.
    ///
    /// # Errors
    /// When it isn't genuine.
    pub fn check_certificate(&self, der: &[u8]) -> Result<(), ObjectError> {
        let (_, certificate) =
            X509Certificate::from_der(der).map_err(|error| ObjectError::Malformed(error.to_string()))?;
        let issuers = self.named(certificate.issuer().as_raw());
        if issuers.is_empty() {
            return Ok(());
        }
        let signed = AnyRef::from_der(der)
            .and_then(|certificate| certificate.sequence(Signed::read))
            .map_err(|error| ObjectError::Malformed(error.to_string()))?;
        any(&issuers, |issuer| {
            issuer.verify(&signed).map_err(|error| ObjectError::BadSignature(error.to_string()))
        })?;
        self.learn(der);
        Ok(())
    }

    /// Remembers the issuers of a path that a root vouched for.
    pub fn learn_path(&self, path: &VerifiedPath) {
        path.certificates.iter().skip(1).for_each(|certificate| self.learn(certificate));
    }

    fn learn(&self, der: &[u8]) {
        let Ok(issuer) = Issuer::from_certificate(der) else { return };
        let mut learned = self.learned();
        if learned.len() < MAX_LEARNED || learned.contains_key(issuer.name()) {
            learned.insert(issuer.name().to_vec(), issuer);
        }
    }

    fn learned(&self) -> MutexGuard<'_, BTreeMap<Vec<u8>, Issuer>> {
        self.learned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everyone of this name.
    fn named(&self, name: &[u8]) -> Vec<Issuer> {
        let roots = self.roots.get(name).into_iter().flatten().cloned();
        roots.chain(self.learned().get(name).cloned()).collect()
    }
}

/// Good if one of them finds it good; else what the last one found.
fn any(
    issuers: &[Issuer],
    mut check: impl FnMut(&Issuer) -> Result<(), ObjectError>,
) -> Result<(), ObjectError> {
    let mut outcome = Ok(());
    for issuer in issuers {
        outcome = check(issuer);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}
