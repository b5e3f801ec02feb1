//! A verified path: the certificates from a leaf to a trusted root.

use rustls::pki_types::{CertificateDer, TrustAnchor};

/// A root's key, as a trust anchor names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The contents of its Name, without the outer SEQUENCE, as in `webpki`.
    pub subject: Vec<u8>,
    /// The contents of its SubjectPublicKeyInfo, without the outer SEQUENCE.
    pub spki: Vec<u8>,
}

impl From<&TrustAnchor<'_>> for Anchor {
    fn from(anchor: &TrustAnchor<'_>) -> Self {
        Self { subject: anchor.subject.to_vec(), spki: anchor.subject_public_key_info.to_vec() }
    }
}

/// A path whose signatures, dates and name were valid at verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPath {
    /// Leaf first, then each issuer, without the root.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The root.
    pub anchor: Anchor,
    /// The stapled OCSP response (RFC 6066, section 8). Empty if there is none.
    pub stapled: Vec<u8>,
}
