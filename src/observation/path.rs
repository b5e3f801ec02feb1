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

impl VerifiedPath {
    /// What stands for a path whose certificates aren't known. Paths with the same name are equal; no issuer is on it.
    #[must_use]
    pub fn placeholder(name: &str) -> Self {
        let anchor = Anchor { subject: Vec::new(), spki: Vec::new() };
        Self { certificates: vec![name.as_bytes().to_vec().into()], anchor, stapled: Vec::new() }
    }

    /// The name of a placeholder. `None` for a path with certificates.
    #[must_use]
    pub fn placeholder_name(&self) -> Option<&str> {
        let name = self.certificates.first().filter(|_| self.anchor.spki.is_empty())?;
        std::str::from_utf8(name).ok()
    }
}
