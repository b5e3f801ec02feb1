//! The trusted roots: the system's store, Microsoft's two that no Mozilla bundle has, and the configuration's.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::observation::clean;

/// PEM of the two roots; the file says where Microsoft publishes them.
const MICROSOFT_ROOTS: &[u8] = include_bytes!("microsoft-roots.pem");

/// The Microsoft roots that MAPS and Windows Update chain to and that no Mozilla-derived bundle has.
#[must_use]
pub fn microsoft_roots() -> &'static [CertificateDer<'static>] {
    static ROOTS: LazyLock<Vec<CertificateDer<'static>>> = LazyLock::new(|| {
        // The embedded file is held by a test: both certificates are in it and can be read.
        CertificateDer::pem_slice_iter(MICROSOFT_ROOTS).filter_map(Result::ok).collect()
    });
    &ROOTS
}

/// A certificate that can't be a root.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("certificate {position} of the extra roots can't be a trust anchor: {source}")]
pub struct RootsError {
    /// Its place in the list, from 1.
    pub position: usize,
    /// What is wrong with it.
    pub source: webpki::Error,
}

/// A set of trust anchors that knows their names.
#[derive(Debug, Default)]
pub struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
    names: BTreeMap<Vec<u8>, String>,
}

impl Roots {
    /// The system's store, Microsoft's roots and `extra`. What the system's store holds beyond reading is logged and left out.
    ///
    /// # Errors
    /// When one of `extra` is no certificate.
    pub fn load(extra: &[CertificateDer<'static>]) -> Result<Arc<Self>, RootsError> {
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "the system's certificate store can't be read completely");
        }
        let mut roots = Self::default();
        for certificate in system.certs.iter().chain(microsoft_roots()) {
            if let Err(error) = roots.add(certificate) {
                tracing::debug!(%error, "a certificate of the system's store is no trust anchor");
            }
        }
        roots.add_all(extra)?;
        tracing::debug!(count = roots.anchors.len(), "trusted roots");
        Ok(Arc::new(roots))
    }

    /// These roots and no others.
    ///
    /// # Errors
    /// When one of them is no certificate.
    pub fn only(certificates: &[CertificateDer<'static>]) -> Result<Arc<Self>, RootsError> {
        let mut roots = Self::default();
        roots.add_all(certificates)?;
        Ok(Arc::new(roots))
    }

    fn add_all(&mut self, certificates: &[CertificateDer<'static>]) -> Result<(), RootsError> {
        for (n, certificate) in certificates.iter().enumerate() {
            self.add(certificate).map_err(|source| RootsError { position: n + 1, source })?;
        }
        Ok(())
    }

    fn add(&mut self, certificate: &CertificateDer<'_>) -> Result<(), webpki::Error> {
        let anchor = webpki::anchor_from_trusted_cert(certificate)?.to_owned();
        if let Ok((_, parsed)) = X509Certificate::from_der(certificate) {
            self.names.insert(anchor.subject.to_vec(), clean(&parsed.subject().to_string()));
        }
        self.anchors.push(anchor);
        Ok(())
    }

    /// The anchors, for path building.
    #[must_use]
    pub fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// The distinguished name of an anchor of this set.
    #[must_use]
    pub fn name_of(&self, anchor: &TrustAnchor<'_>) -> Option<&str> {
        self.names.get(anchor.subject.as_ref()).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of the DER, as Microsoft's PKI repository lists the roots.
    const FINGERPRINTS: [&str; 2] = [
        "847df6a78497943f27fc72eb93f9a637320a02b561d0a91b09e87a7807ed7c61",
        "caca93b9d23d2b6fa76e8b8471931e0df3ec6f63af3cdbb936c41954a1872326",
    ];

    #[test]
    fn the_embedded_roots_have_the_published_fingerprints() {
        let mut found: Vec<String> = microsoft_roots()
            .iter()
            .map(|der| hex::encode(ring::digest::digest(&ring::digest::SHA256, der)))
            .collect();
        found.sort();
        assert_eq!(found, FINGERPRINTS);
    }

    #[test]
    fn anchors_know_their_names() {
        let roots = Roots::only(microsoft_roots()).unwrap();
        let names: Vec<&str> = roots.anchors().iter().filter_map(|a| roots.name_of(a)).collect();
        assert!(
            names.iter().any(|name| name.contains("Microsoft Root Certificate Authority 2011")),
            "{names:?}"
        );
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn garbage_is_no_root() {
        let error = Roots::only(&[CertificateDer::from(vec![0x30, 0x00])]).unwrap_err();
        assert_eq!(error.position, 1);
    }
}
