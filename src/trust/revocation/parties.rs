//! The two that a question of revocation is about: the certificate, and its issuer. An issuer may be a certificate of the
//! path or the trust anchor at its end.

use der::asn1::AnyRef;
use der::{Encode as _, Tag};
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};

use super::sources::Sources;
use crate::text::clean;
use crate::trust::signature::{SignatureError, Signed, public_key};

/// Bytes that are no certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a certificate")]
pub struct NotACertificate;

/// A certificate whose status is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Distinguished name of the holder, cleaned for display.
    pub subject: String,
    /// DER of the issuer's Name.
    pub issuer: Vec<u8>,
    /// The contents of the serial number's INTEGER.
    pub serial: Vec<u8>,
    /// Whether it may issue certificates.
    pub is_ca: bool,
    /// Where it says that its status can be had.
    pub sources: Sources,
}

impl Certificate {
    /// Reads a certificate.
    ///
    /// # Errors
    /// When it isn't one.
    pub fn read(der: &[u8]) -> Result<Self, NotACertificate> {
        let certificate = parse(der)?;
        Ok(Self {
            subject: clean(&certificate.subject().to_string()),
            issuer: certificate.issuer().as_raw().to_vec(),
            serial: certificate.raw_serial().to_vec(),
            is_ca: certificate.is_ca(),
            sources: Sources::of(&certificate),
        })
    }
}

/// Who issued a certificate, and may sign its CRLs and OCSP answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// DER of its Name.
    name: Vec<u8>,
    /// DER of its `SubjectPublicKeyInfo`.
    spki: Vec<u8>,
    /// False where its key usage says so.
    signs_crls: bool,
    key_id: Option<Vec<u8>>,
}

impl Issuer {
    /// A certificate as the issuer of another.
    ///
    /// # Errors
    /// When it isn't one.
    pub fn from_certificate(der: &[u8]) -> Result<Self, NotACertificate> {
        let certificate = parse(der)?;
        let usage = certificate.key_usage().ok().flatten();
        let key_id = certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
            _ => None,
        });
        Ok(Self {
            name: certificate.subject().as_raw().to_vec(),
            spki: certificate.public_key().raw.to_vec(),
            signs_crls: usage.is_none_or(|usage| usage.value.crl_sign()),
            key_id,
        })
    }

    /// A trust anchor as webpki holds it: the contents of Name and `SubjectPublicKeyInfo`, without their headers.
    ///
    /// # Errors
    /// When one of them is longer than DER can say (256 MiB).
    pub fn from_anchor(subject: &[u8], spki: &[u8]) -> Result<Self, NotACertificate> {
        let sequence = |contents| AnyRef::new(Tag::Sequence, contents).and_then(|value| value.to_der());
        let (name, spki) =
            sequence(subject).and_then(|name| Ok((name, sequence(spki)?))).map_err(|_| NotACertificate)?;
        Ok(Self { name, spki, signs_crls: true, key_id: None })
    }

    /// DER of its Name.
    #[must_use]
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// DER of its `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The bits of its key; none where it can't be read.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        public_key(&self.spki).ok().map(|(_, key)| key)
    }

    /// Whether its key usage, where it has one, allows it to sign CRLs (RFC 5280 section 4.2.1.3).
    #[must_use]
    pub const fn signs_crls(&self) -> bool {
        self.signs_crls
    }

    /// Whether a key identifier can be this issuer's: only one that is known can differ.
    #[must_use]
    pub fn may_be(&self, key_id: &[u8]) -> bool {
        self.key_id.as_deref().is_none_or(|own| own == key_id)
    }

    /// Holds a signature to its key.
    ///
    /// # Errors
    /// As [`Signed::verify`].
    pub fn verify(&self, signed: &Signed<'_>) -> Result<(), SignatureError> {
        signed.verify(&self.spki)
    }
}

fn parse(der: &[u8]) -> Result<X509Certificate<'_>, NotACertificate> {
    match X509Certificate::from_der(der) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(NotACertificate),
    }
}
