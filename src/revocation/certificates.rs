//! The subject and issuer of a revocation check. The issuer is a certificate of the path, or the trust anchor
//! at its end.

use der::asn1::AnyRef;
use der::{Encode as _, Tag};
use x509_parser::prelude::{FromDer as _, ParsedExtension, X509Certificate};

use crate::text::clean;
use crate::tls::certificate_urls::RevocationSources;
use crate::tls::signature::{SignatureError, Signed, public_key};

/// The bytes aren't a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a certificate")]
pub struct NotACertificate;

/// A certificate to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Distinguished name of the subject, cleaned for display.
    pub subject: String,
    /// DER of the issuer's Name.
    pub issuer: Vec<u8>,
    /// The contents of the serial number's INTEGER.
    pub serial: Vec<u8>,
    /// Whether it may issue certificates.
    pub is_ca: bool,
    /// The CRLs and OCSP responders that it names.
    pub sources: RevocationSources,
}

impl Certificate {
    /// Parses a certificate.
    ///
    /// # Errors
    /// If `der` isn't one.
    pub fn read(der: &[u8]) -> Result<Self, NotACertificate> {
        let certificate = parse(der)?;
        Ok(Self {
            subject: clean(&certificate.subject().to_string()),
            issuer: certificate.issuer().as_raw().to_vec(),
            serial: certificate.raw_serial().to_vec(),
            is_ca: certificate.is_ca(),
            sources: RevocationSources::from_certificate(&certificate),
        })
    }
}

/// An issuer, with the key that signs its CRLs and OCSP responses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// DER of its Name.
    name: Vec<u8>,
    /// DER of its `SubjectPublicKeyInfo`.
    spki: Vec<u8>,
    /// False if its key usage forbids signing CRLs.
    signs_crls: bool,
    key_id: Option<Vec<u8>>,
}

impl Issuer {
    /// Reads the issuer from its certificate.
    ///
    /// # Errors
    /// If `der` isn't a certificate.
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

    /// Reads the issuer from a trust anchor of webpki: the contents of Name and `SubjectPublicKeyInfo`, without
    /// their headers.
    ///
    /// # Errors
    /// If one of them is too long for DER (256 MiB).
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

    /// The bits of its key. `None` if it can't be parsed.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        public_key(&self.spki).ok().map(|(_, key)| key)
    }

    /// Whether its key usage, if present, allows signing CRLs (RFC 5280 section 4.2.1.3).
    #[must_use]
    pub const fn signs_crls(&self) -> bool {
        self.signs_crls
    }

    /// Whether a key identifier can be this issuer's. Always true if the issuer's own identifier is unknown.
    #[must_use]
    pub fn matches_key_id(&self, key_id: &[u8]) -> bool {
        self.key_id.as_deref().is_none_or(|own| own == key_id)
    }

    /// Verifies a signature with its key.
    ///
    /// # Errors
    /// See [`Signed::verify`].
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
