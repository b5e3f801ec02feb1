//! The certificates of a document: each stored once, and referred to by its place.

use std::collections::HashMap;

use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};

use super::values::Bytes;

/// The maximum number of bytes that references to certificates may add up to: a small document could refer to a large
/// certificate very often.
const MAX_REFERRED: usize = 128 * 1024 * 1024;

/// The certificates while a document is written.
#[derive(Default)]
pub(super) struct CertificateWriter {
    places: HashMap<Vec<u8>, usize>,
    all: Vec<Bytes>,
}

impl CertificateWriter {
    /// The place of a certificate.
    pub(super) fn place(&mut self, certificate: &[u8]) -> usize {
        if let Some(place) = self.places.get(certificate) {
            return *place;
        }
        let place = self.all.len();
        self.places.insert(certificate.to_vec(), place);
        self.all.push(Bytes(certificate.to_vec()));
        place
    }

    /// The list for the document.
    pub(super) fn into_list(self) -> CertificateList {
        CertificateList(self.all)
    }
}

/// The certificates of a document, in DER.
#[derive(Default, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub(super) struct CertificateList(Vec<Bytes>);

/// The certificates while a document is read.
pub(super) struct CertificateReader {
    list: CertificateList,
    referred: usize,
}

impl CertificateReader {
    pub(super) const fn new(list: CertificateList) -> Self {
        Self { list, referred: 0 }
    }

    /// The certificates at these places.
    ///
    /// # Errors
    /// If there is none at a place, or references add up to too much: in words.
    pub(super) fn at(&mut self, places: &[usize]) -> Result<Vec<CertificateDer<'static>>, String> {
        places.iter().map(|place| self.one_at(*place)).collect()
    }

    fn one_at(&mut self, place: usize) -> Result<CertificateDer<'static>, String> {
        let Bytes(der) = self.list.0.get(place).ok_or_else(|| format!("there is no certificate {place}"))?;
        self.referred = self.referred.saturating_add(der.len());
        if self.referred > MAX_REFERRED {
            return Err(format!("references to certificates add up to more than {MAX_REFERRED} bytes"));
        }
        Ok(CertificateDer::from(der.clone()))
    }
}
