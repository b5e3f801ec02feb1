//! A presented chain → a verified path to a trusted root, or why there is none. Pure; where missing certificates come
//! from is `issuers.rs`, whose root it is `roots.rs`.

use std::sync::Arc;

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::der_parser::oid;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::{Root, Roots, VerifiedPath};

/// RSA keys shorter than this are refused, in bits (CA/Browser Forum Baseline Requirements, section 6.1.5).
const LEAST_RSA_BITS: usize = 2048;

/// What a server presented.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presented {
    /// Leaf first, in the server's order.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The OCSP response that came with it; empty: none.
    pub stapled: Vec<u8>,
}

/// A chain that this machine's roots vouch for.
#[derive(Clone, Debug)]
pub struct Trusted {
    /// The path that was found.
    pub path: Arc<VerifiedPath>,
    /// The root that it ends at.
    pub root: Root,
    /// Whether it needs a certificate that the server didn't present.
    pub completed: bool,
}

/// Why a chain isn't believed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ChainError {
    /// Path building or verification says so.
    #[error("certificate: {0}")]
    Refused(webpki::Error),
    /// A key or a digest is too weak.
    #[error("certificate: {0}")]
    Weak(String),
    /// An intermediate is missing and could not be fetched from where the chain says.
    #[error("certificate: the chain lacks {issuer}, and it can't be had from {url}: {why}")]
    Incomplete {
        /// Who is missing.
        issuer: String,
        /// Where it should be.
        url: String,
        /// Why it could not be had.
        why: String,
    },
    /// The clock stands before 1970.
    #[error("certificate: the clock can't be read")]
    NoTime,
    /// The chain ends at no trusted root, and what might complete it is at a host that isn't asked.
    #[error(
        "certificate: {issuer} is unknown, and {url} isn't asked for it: its host is none of `tls.issuer_hosts`"
    )]
    Foreign {
        /// Who is missing.
        issuer: String,
        /// Where it should be.
        url: String,
    },
}

impl ChainError {
    /// Whether an intermediate that wasn't presented could change the verdict.
    #[must_use]
    pub const fn may_lack_issuers(&self) -> bool {
        matches!(self, Self::Refused(webpki::Error::UnknownIssuer))
    }
}

/// A path from the leaf to a root, over the presented certificates and `more`, valid at `now`, for a server called `name`.
///
/// # Errors
/// When no path holds, with the most telling of the reasons.
pub(super) fn verify(
    roots: &Roots,
    algorithms: &WebPkiSupportedAlgorithms,
    presented: &Presented,
    more: &[CertificateDer<'static>],
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<Trusted, ChainError> {
    let refused = |error| refused(error, &presented.certificates);
    let (leaf, rest) =
        presented.certificates.split_first().ok_or(ChainError::Refused(webpki::Error::BadDer))?;
    let intermediates: Vec<CertificateDer<'static>> = rest.iter().chain(more).cloned().collect();
    let leaf = EndEntityCert::try_from(leaf).map_err(refused)?;
    let usage = KeyUsage::server_auth();
    let found = leaf
        .verify_for_usage(algorithms.all, roots.anchors(), &intermediates, now, usage, None, None)
        .map_err(refused)?;
    leaf.verify_is_valid_for_subject_name(name).map_err(refused)?;
    let mut certificates = presented.certificates[..1].to_vec(); // split above: it is there
    if let Some(why) = weakness(&certificates) {
        return Err(ChainError::Weak(why)); // path building doesn't look at the leaf's own key
    }
    certificates.extend(found.intermediate_certificates().map(|link| link.der().into_owned()));
    let completed = certificates.iter().any(|link| !presented.certificates.contains(link));
    let root = roots.about(found.anchor()).cloned();
    let anchor = found.anchor().into();
    let path = Arc::new(VerifiedPath { certificates, anchor, stapled: presented.stapled.clone() });
    // The anchor is one of the set's own.
    root.map(|root| Trusted { path, root, completed })
        .ok_or(ChainError::Refused(webpki::Error::UnknownIssuer))
}

/// A signature that can't be checked, or no path at all, may be a weakness' doing: then that is said.
fn refused(error: webpki::Error, chain: &[CertificateDer<'_>]) -> ChainError {
    use webpki::Error;
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } | Error::CertNotValidForName(_) => {
            ChainError::Refused(error)
        }
        _ => weakness(chain).map_or(ChainError::Refused(error), ChainError::Weak),
    }
}

/// What is too weak in a chain, in words. A self-signed certificate's signature proves nothing and is passed over.
fn weakness(chain: &[CertificateDer<'_>]) -> Option<String> {
    chain.iter().find_map(|der| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let subject = certificate.subject();
        if let Ok(PublicKey::RSA(key)) = certificate.public_key().parsed()
            && key.key_size() < LEAST_RSA_BITS
        {
            let bits = key.key_size();
            return Some(format!("{subject} has an RSA key of {bits} bits; {LEAST_RSA_BITS} are the least"));
        }
        let digest = outdated_digest(&certificate).filter(|_| subject != certificate.issuer())?;
        Some(format!("{subject} is signed with {digest}"))
    })
}

/// The digest of the certificate's signature, if nobody accepts it any more (RFC 3279, section 2.2).
fn outdated_digest(certificate: &X509Certificate<'_>) -> Option<&'static str> {
    let outdated = [
        (oid!(1.2.840.113549.1.1.4), "MD5"),
        (oid!(1.2.840.113549.1.1.5), "SHA-1"),
        (oid!(1.2.840.10045.4.1), "SHA-1"),
    ];
    let algorithm = &certificate.signature_algorithm.algorithm;
    outdated.into_iter().find(|(oid, _)| oid == algorithm).map(|(_, name)| name)
}
