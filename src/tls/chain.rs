//! Chain verification: a presented chain → a verified path to a trusted root, or an error. Pure. Missing
//! certificates come from `aia.rs`, roots from `roots.rs`.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::der_parser::oid;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::validity::Validity;
use super::{Root, RootKind, Roots, refusal};
use crate::clock::rfc3339;
use crate::observation::VerifiedPath;

/// The minimum RSA key length, in bits (CA/Browser Forum Baseline Requirements, section 6.1.5).
const MIN_RSA_BITS: usize = 2048;

/// The certificates that a server presented.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PresentedChain {
    /// Leaf first, in the server's order.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The stapled OCSP response. Empty if there is none.
    pub stapled: Vec<u8>,
}

/// A chain that was verified against the trusted roots.
#[derive(Clone, Debug)]
pub struct TrustedChain {
    /// The verified path.
    pub path: Arc<VerifiedPath>,
    /// The root at its end.
    pub root: Root,
    /// The period in which every certificate of the path is valid, including the root.
    pub validity: Validity,
    /// Whether the path contains a certificate that the server didn't present.
    pub completed: bool,
}

/// Why a chain isn't trusted.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChainError {
    /// Path building or verification failed.
    #[error("{words}")]
    Refused {
        /// The library's error.
        error: webpki::Error,
        /// The error as a message.
        words: String,
    },
    /// A key or digest is too weak.
    #[error("certificate: {0}")]
    Weak(String),
    /// The root has expired. Path building ignores an anchor's dates (RFC 5280, section 6.1.1), but Windows
    /// checks them.
    #[error("certificate: the root {root} expired at {}", rfc3339(*.at))]
    RootExpired {
        /// Its name.
        root: String,
        /// The end of its validity.
        at: SystemTime,
    },
    /// The root is not valid yet.
    #[error("certificate: the root {root} is not valid before {}", rfc3339(*.at))]
    RootNotYetValid {
        /// Its name.
        root: String,
        /// The beginning of its validity.
        at: SystemTime,
    },
    /// An intermediate is missing and could not be fetched.
    #[error("certificate: missing intermediate {issuer}, and fetching it from {url} failed: {why}")]
    Incomplete {
        /// Who is missing.
        issuer: String,
        /// Where it should be.
        url: String,
        /// Why the fetch failed.
        why: String,
    },
    /// The clock is set before 1970.
    #[error("certificate: the clock can't be read")]
    NoTime,
    /// The chain ends at no trusted root, and the host of the missing issuer isn't allowed.
    #[error(
        "certificate: unknown issuer {issuer}; {url} is not queried, since its host is not in `tls.issuer_hosts`"
    )]
    IssuerHostNotAllowed {
        /// Who is missing.
        issuer: String,
        /// Where it should be.
        url: String,
    },
}

impl ChainError {
    /// Wraps an error of path building or verification of the presented certificates, leaf first.
    #[must_use]
    pub fn refused(error: webpki::Error, presented: &[CertificateDer<'_>]) -> Self {
        Self::Refused { words: refusal::words(&error, presented), error }
    }

    /// Whether a missing intermediate could change the verdict.
    #[must_use]
    pub const fn may_lack_issuers(&self) -> bool {
        matches!(self, Self::Refused { error: webpki::Error::UnknownIssuer, .. })
    }

    /// Whether another certificate of an intermediate could change the verdict. False if a date or name is
    /// wrong in the presented certificates or the root.
    pub(super) const fn may_have_outdated_issuers(&self) -> bool {
        use webpki::Error::{CertExpired, CertNotValidForName, CertNotValidYet};
        matches!(self, Self::Refused { error, .. }
            if !matches!(error, CertExpired { .. } | CertNotValidYet { .. } | CertNotValidForName(_)))
    }
}

/// Parameters of a verification besides the presented chain.
pub(super) struct Verification<'a> {
    pub(super) roots: &'a Roots,
    pub(super) algorithms: &'a WebPkiSupportedAlgorithms,
    /// Additional intermediates.
    pub(super) extra: &'a [CertificateDer<'static>],
    /// The name that the leaf must be valid for.
    pub(super) name: &'a ServerName<'a>,
    pub(super) now: UnixTime,
}

impl Verification<'_> {
    /// Finds a path from the leaf to a root over the presented and additional certificates. Of several paths it
    /// prefers the one with the most genuine root: the machine's store may contain a self-signed copy of a root
    /// that a genuine one has cross-signed.
    ///
    /// # Errors
    /// If there is no valid path, with the most specific reason.
    pub(super) fn verify(&self, presented: &PresentedChain) -> Result<TrustedChain, ChainError> {
        let found = self.path(presented, RootKind::Private);
        let found = found.map_err(|fault| self.with_other_name(fault.explain(presented), presented))?;
        let mut better = RootKind::ALL.into_iter().take_while(|kind| *kind < found.root.kind);
        Ok(better.find_map(|kind| self.path(presented, kind).ok()).unwrap_or(found))
    }

    /// Adds the leaf's names to an error of the chain if it is for another host, which path building doesn't look at:
    /// a captive portal or a block page presents a certificate of its own, an inspecting proxy one for the host.
    fn with_other_name(&self, error: ChainError, presented: &PresentedChain) -> ChainError {
        let leaf = presented.certificates.first().and_then(|leaf| EndEntityCert::try_from(leaf).ok());
        let fault = leaf.and_then(|leaf| leaf.verify_is_valid_for_subject_name(self.name).err());
        let Some(webpki::Error::CertNotValidForName(context)) = fault else { return error };
        let with_names =
            |words: &str| format!("{words}; {}", refusal::wrong_name(&context.expected, &context.presented));
        match error {
            ChainError::Refused { error: error @ webpki::Error::CertNotValidForName(_), words } => {
                ChainError::Refused { error, words }
            }
            ChainError::Refused { error, words } => ChainError::Refused { error, words: with_names(&words) },
            ChainError::Weak(words) => ChainError::Weak(with_names(&words)),
            other => other,
        }
    }

    /// Finds a path to a root of this kind or a more genuine one.
    fn path(&self, presented: &PresentedChain, kind: RootKind) -> Result<TrustedChain, PathFault> {
        let unread = || PathFault::Webpki(webpki::Error::BadDer, None);
        let (leaf, rest) = presented.certificates.split_first().ok_or_else(unread)?;
        let invalid_root = RefCell::new(None);
        let refused = |error| PathFault::Webpki(error, invalid_root.take().map(Box::new));
        let check_root = |path: &webpki::VerifiedPath<'_>| {
            let fits = |root: &Root| root.kind <= kind;
            let root = self.roots.find(path.anchor(), self.now).filter(fits);
            let root = root.ok_or(webpki::Error::UnknownIssuer)?;
            check_validity(&root, self.now).inspect_err(|error| {
                invalid_root.replace(Some(InvalidRoot { error: error.clone(), root: root.clone() }));
            })
        };
        let intermediates: Vec<CertificateDer<'static>> = rest.iter().chain(self.extra).cloned().collect();
        let leaf = EndEntityCert::try_from(leaf).map_err(refused)?;
        let found = leaf
            .verify_for_usage(
                self.algorithms.all,
                self.roots.anchors(),
                &intermediates,
                self.now,
                KeyUsage::server_auth(),
                None,
                Some(&check_root),
            )
            .map_err(refused)?;
        leaf.verify_is_valid_for_subject_name(self.name).map_err(refused)?;
        let mut certificates = presented.certificates[..1].to_vec(); // not empty: split above
        if let Some(why) = weakness(&certificates) {
            return Err(PathFault::Weak(why)); // path building ignores the leaf's own key
        }
        certificates.extend(found.intermediate_certificates().map(|link| link.der().into_owned()));
        let completed = certificates.iter().any(|link| !presented.certificates.contains(link));
        // Unreachable: the anchor is one of `self.roots`, and webpki has parsed the certificates.
        let root = self.roots.find(found.anchor(), self.now).ok_or_else(unread)?;
        let validity = validity(&certificates).ok_or_else(unread)?.intersection(root.validity);
        let anchor = found.anchor().into();
        let path = Arc::new(VerifiedPath { certificates, anchor, stapled: presented.stapled.clone() });
        Ok(TrustedChain { path, root, validity, completed })
    }
}

/// A root out of its validity, and the error that it caused.
struct InvalidRoot {
    error: webpki::Error,
    root: Root,
}

/// Why there is no path, not yet in words: most faults are of paths that are tried and given up.
enum PathFault {
    /// An error of path building, and the last root that was out of its validity.
    Webpki(webpki::Error, Option<Box<InvalidRoot>>),
    /// A weak key or digest, in words.
    Weak(String),
}

impl PathFault {
    fn explain(self, presented: &PresentedChain) -> ChainError {
        match self {
            Self::Webpki(error, root) => chain_error(error, root.map(|root| *root), &presented.certificates),
            Self::Weak(why) => ChainError::Weak(why),
        }
    }
}

/// Checks a root's validity, with the errors that path building has for other certificates.
fn check_validity(root: &Root, now: UnixTime) -> Result<(), webpki::Error> {
    let (time, validity) = (now, root.validity);
    let seconds = |at: SystemTime| {
        UnixTime::since_unix_epoch(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
    };
    if validity.contains(now) {
        Ok(())
    } else if validity.has_ended(now) {
        Err(webpki::Error::CertExpired { time, not_after: seconds(validity.not_after()) })
    } else {
        Err(webpki::Error::CertNotValidYet { time, not_before: seconds(validity.not_before()) })
    }
}

/// The period in which all certificates are valid. `None` if one can't be parsed.
fn validity(certificates: &[CertificateDer<'_>]) -> Option<Validity> {
    let mut each = certificates
        .iter()
        .map(|der| X509Certificate::from_der(der).ok().map(|(_, certificate)| Validity::from(&certificate)));
    let first = each.next()??;
    each.try_fold(first, |all, next| Some(all.intersection(next?)))
}

/// Chooses the error to report. A weak key or digest causes generic errors, so it is reported in their place.
/// `root` is the last root out of its validity.
fn chain_error(error: webpki::Error, root: Option<InvalidRoot>, chain: &[CertificateDer<'_>]) -> ChainError {
    use webpki::Error;
    match (&error, root) {
        (Error::CertExpired { .. }, Some(InvalidRoot { error: caused, root })) if error == caused => {
            ChainError::RootExpired { root: root.name, at: root.validity.not_after() }
        }
        (Error::CertNotValidYet { .. }, Some(InvalidRoot { error: caused, root })) if error == caused => {
            ChainError::RootNotYetValid { root: root.name, at: root.validity.not_before() }
        }
        (Error::CertExpired { .. } | Error::CertNotValidYet { .. } | Error::CertNotValidForName(_), _) => {
            ChainError::refused(error, chain)
        }
        _ => weakness(chain).map_or_else(|| ChainError::refused(error, chain), ChainError::Weak),
    }
}

/// Describes a weak key or digest in the chain. Ignores the signatures of self-signed certificates, which prove
/// nothing.
fn weakness(chain: &[CertificateDer<'_>]) -> Option<String> {
    chain.iter().find_map(|der| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject();
        if let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed()
            && key.key_size() < MIN_RSA_BITS
        {
            let bits = key.key_size();
            return Some(format!("{subject} has an RSA key of {bits} bits; {MIN_RSA_BITS} are the least"));
        }
        let digest = outdated_digest(&certificate).filter(|_| subject != certificate.issuer())?;
        Some(format!("{subject} is signed with {digest}"))
    })
}

/// The digest of the certificate's signature, if it is obsolete (RFC 3279, section 2.2).
fn outdated_digest(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    let outdated = [
        (oid!(1.2.840.113549.1.1.4), "MD5"),
        (oid!(1.2.840.113549.1.1.5), "SHA-1"),
        (oid!(1.2.840.10045.4.1), "SHA-1"),
    ];
    let algorithm = &certificate.signature_algorithm.algorithm;
    outdated.into_iter().find(|(oid, _)| oid == algorithm).map(|(_, name)| name)
}

#[cfg(test)]
mod tests;
