//! A verified path: the certificates from a leaf to the root that vouches for it. What is asked about it (revocation)
//! lives elsewhere.

use rustls::pki_types::{CertificateDer, TrustAnchor};

/// A root's key, as a trust anchor names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The contents of its Name, without the outer SEQUENCE, as `webpki` keeps it.
    pub subject: Vec<u8>,
    /// The contents of its SubjectPublicKeyInfo, without the outer SEQUENCE.
    pub spki: Vec<u8>,
}

impl From<&TrustAnchor<'_>> for Anchor {
    fn from(anchor: &TrustAnchor<'_>) -> Self {
        Self { subject: anchor.subject.to_vec(), spki: anchor.subject_public_key_info.to_vec() }
    }
}

/// A path whose signatures, dates and name held when it was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedPath {
    /// Leaf first, then each one's issuer; the root isn't among them.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The root.
    pub anchor: Anchor,
    /// The OCSP response that the server stapled (RFC 6066, section 8); empty: none.
    pub stapled: Vec<u8>,
}
