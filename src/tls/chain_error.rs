//! Why a chain isn't trusted, and which of several reasons to report. Pure. `refusal.rs` has the words.

use std::time::SystemTime;

use x509_parser::der_parser::Oid;
use x509_parser::der_parser::oid;
use x509_parser::prelude::{GeneralName, NameConstraints, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::links::signed;
use super::{Root, Roots, refusal};
use crate::clock::rfc3339;
use crate::text::clean;

/// The minimum RSA key length, in bits (CA/Browser Forum Baseline Requirements, section 6.1.5).
const MIN_RSA_BITS: usize = 2048;

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
    /// The chain ends at a root that only shares its name with a trusted one, such as a company's root that was made
    /// anew: its issuer is unknown, and no signature is bad.
    #[error("{words}")]
    OtherRoot {
        /// Its name, in words.
        words: String,
    },
    /// A key or digest is too weak.
    #[error("certificate: {words}")]
    Weak {
        /// Whose, and what is the least.
        words: String,
        /// Whether it is the leaf's, so that no other issuer could help.
        of_leaf: bool,
    },
    /// The chain leads to a trusted root, and Windows accepts what is in it, but this program can't verify it.
    #[error("certificate: {0}, which this program can't verify; Windows can")]
    Unsupported(String),
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
    /// Wraps an error of path building or verification of these certificates, leaf first.
    #[must_use]
    pub fn refused(error: webpki::Error, chain: &[X509Certificate<'_>]) -> Self {
        Self::Refused { words: refusal::describe(&error, chain), error }
    }

    /// A handshake that completed without certificates. No server can cause that, since sessions aren't resumed.
    #[must_use]
    pub fn no_certificates() -> Self {
        Self::refused(webpki::Error::UnknownIssuer, &[])
    }

    /// Whether the chain leads to no root at all.
    pub(super) const fn is_unknown_issuer(&self) -> bool {
        matches!(self, Self::Refused { error: webpki::Error::UnknownIssuer, .. })
    }

    /// Whether an intermediate that the server didn't present could change the verdict.
    pub(super) const fn may_lack_issuers(&self) -> bool {
        use webpki::Error::{InvalidSignatureForPublicKey, UnknownIssuer};
        matches!(
            self,
            Self::Refused { error: UnknownIssuer | InvalidSignatureForPublicKey, .. }
                | Self::OtherRoot { .. }
                | Self::Weak { of_leaf: false, .. }
        )
    }

    /// Whether the leaf itself is at fault, so that no issuer could help.
    pub(super) const fn is_of_leaf(&self) -> bool {
        matches!(
            self,
            Self::Refused { error: webpki::Error::CertNotValidForName(_), .. }
                | Self::Weak { of_leaf: true, .. }
        )
    }

    /// Whether other issuers could change the verdict on a chain that known issuers complete. False if a date is
    /// wrong, which it can only be in a presented certificate.
    pub(super) const fn may_have_outdated_issuers(&self) -> bool {
        use webpki::Error::{CertExpired, CertNotValidYet};
        let is_date =
            matches!(self, Self::Refused { error: CertExpired { .. } | CertNotValidYet { .. }, .. });
        !is_date && !self.is_of_leaf()
    }

    /// Adds words to those of a refusal.
    pub(super) fn and(self, more: &str) -> Self {
        let and = |words: &str| format!("{words}; {more}");
        match self {
            Self::Refused { error, words } => Self::Refused { error, words: and(&words) },
            Self::OtherRoot { words } => Self::OtherRoot { words: and(&words) },
            Self::Weak { words, of_leaf } => Self::Weak { words: and(&words), of_leaf },
            other => other,
        }
    }
}

/// A root out of its validity, and the error that it caused.
pub(super) struct InvalidRoot {
    pub(super) error: webpki::Error,
    pub(super) root: Root,
}

/// Chooses the error to report of a chain whose names link these certificates, leaf first. A weak key or digest
/// causes generic errors, so it is reported in their place. `invalid` is the last root out of its validity.
pub(super) fn chain_error(
    error: webpki::Error,
    invalid: Option<InvalidRoot>,
    links: &[X509Certificate<'_>],
    roots: &Roots,
) -> ChainError {
    use webpki::Error;
    match (&error, invalid) {
        (Error::CertExpired { .. }, Some(InvalidRoot { error: caused, root })) if error == caused => {
            ChainError::RootExpired { root: root.name, at: root.validity.not_after() }
        }
        (Error::CertNotValidYet { .. }, Some(InvalidRoot { error: caused, root })) if error == caused => {
            ChainError::RootNotYetValid { root: root.name, at: root.validity.not_before() }
        }
        (Error::CertExpired { .. } | Error::CertNotValidYet { .. } | Error::CertNotValidForName(_), _) => {
            ChainError::refused(error, links)
        }
        _ => weak(links)
            .or_else(|| other_root(&error, links, roots))
            .or_else(|| unsupported(&error, links, roots))
            .unwrap_or_else(|| ChainError::refused(error, links)),
    }
}

/// [`ChainError::OtherRoot`], if the chain is sound up to there.
fn other_root(error: &webpki::Error, links: &[X509Certificate<'_>], roots: &Roots) -> Option<ChainError> {
    use webpki::Error;
    if !matches!(
        error,
        Error::InvalidSignatureForPublicKey | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
    ) {
        return None;
    }
    let top = signed(links).into_iter().find(|link| roots.knows_issuer_by_another_key(link))?;
    Some(ChainError::OtherRoot { words: refusal::other_root(&clean(&top.issuer().to_string())) })
}

/// A refusal that is a limit of webpki or ring, of a chain whose last issuer has the name of a trusted root. Otherwise the
/// root is the reason.
fn unsupported(error: &webpki::Error, links: &[X509Certificate<'_>], roots: &Roots) -> Option<ChainError> {
    use webpki::Error;
    let what = match error {
        Error::CaUsedAsEndEntity => {
            let leaf = links.first()?;
            if !links.iter().any(|link| roots.knows_issuer(link)) {
                let error = Error::UnknownIssuer;
                return Some(ChainError::refused(error, links));
            }
            format!("the server's certificate {} is that of an authority (CA:TRUE)", subject(leaf))
        }
        Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            let (link, algorithm) =
                links.iter().find_map(|link| Some((link, unsupported_algorithm(link)?)))?;
            format!("{} has {algorithm}", subject(link))
        }
        Error::NameConstraintViolation => {
            let limited = links.iter().find(|link| has_directory_constraints(link))?;
            format!("{} limits the names that it issues for by a directory name", subject(limited))
        }
        _ => return None,
    };
    Some(ChainError::Unsupported(what))
}

fn subject(certificate: &X509Certificate<'_>) -> String {
    clean(&certificate.subject().to_string())
}

/// The algorithm of the certificate's key or signature that Windows supports and ring doesn't.
fn unsupported_algorithm(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    const EC_PUBLIC_KEY: Oid<'static> = oid!(1.2.840.10045.2.1);
    const SECP521R1: Oid<'static> = oid!(1.3.132.0.35);
    let key = &certificate.public_key().algorithm;
    let curve = key.parameters.as_ref().and_then(|parameters| parameters.as_oid().ok());
    if key.algorithm == EC_PUBLIC_KEY && curve == Some(SECP521R1) {
        return Some("a key of the curve P-521");
    }
    let algorithms = [
        (oid!(1.2.840.113549.1.1.10), "a signature by RSASSA-PSS"),
        (oid!(1.2.840.10045.4.3.4), "a signature by ECDSA with SHA-512"),
    ];
    let signature = &certificate.signature_algorithm.algorithm;
    algorithms.into_iter().find(|(oid, _)| oid == signature).map(|(_, words)| words)
}

/// Whether the names that an authority may issue for are limited by directory names (RFC 5280, section 4.2.1.10). webpki refuses
/// every certificate below it.
fn has_directory_constraints(certificate: &X509Certificate<'_>) -> bool {
    let Ok(Some(constraints)) = certificate.name_constraints() else { return false };
    let NameConstraints { permitted_subtrees, excluded_subtrees } = constraints.value;
    let mut trees = permitted_subtrees.iter().flatten().chain(excluded_subtrees.iter().flatten());
    trees.any(|tree| matches!(tree.base, GeneralName::DirectoryName(_)))
}

fn weak(links: &[X509Certificate<'_>]) -> Option<ChainError> {
    links
        .iter()
        .enumerate()
        .find_map(|(n, link)| Some(ChainError::Weak { words: weakness(link)?, of_leaf: n == 0 }))
}

/// Describes a certificate's weak key or digest. Ignores the signature of a self-signed certificate, which proves
/// nothing.
pub(super) fn weakness(certificate: &X509Certificate<'_>) -> Option<String> {
    let subject = certificate.subject();
    if let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed()
        && key.key_size() < MIN_RSA_BITS
    {
        let bits = key.key_size();
        return Some(format!("{subject} has an RSA key of {bits} bits; {MIN_RSA_BITS} are the least"));
    }
    let digest = outdated_digest(certificate).filter(|_| subject != certificate.issuer())?;
    Some(format!("{subject} is signed with {digest}"))
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
