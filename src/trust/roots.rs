//! The trusted roots: the system's store, Microsoft's two that no Mozilla bundle has, and the configuration's; and for
//! whom each of them is genuine. How a chain finds its root is in `chain.rs`.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use ring::digest::{SHA256, digest};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, TrustAnchor};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::catalog::{Fingerprint, KnownRoot, Trust};
use crate::config::TlsConfig;
use crate::text::clean;

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
#[error("certificate {position} of `tls.{key}` can't be a trust anchor: {source}")]
pub struct RootsError {
    /// The configuration's key.
    pub key: &'static str,
    /// Its place in the list, from 1.
    pub position: usize,
    /// What is wrong with it.
    pub source: webpki::Error,
}

/// Whose root it is: what decides for whom it is genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RootKind {
    /// One of the catalog's, or of `tls.genuine_roots`.
    Microsoft,
    /// In Mozilla's bundle.
    Public,
    /// In the store of this machine or in `tls.extra_roots`, and in no public list.
    Private,
}

impl RootKind {
    /// Whether a chain that ends at such a root can be the genuine service's.
    #[must_use]
    pub const fn is_genuine_for(self, trust: Trust) -> bool {
        match trust {
            Trust::Microsoft => matches!(self, Self::Microsoft),
            Trust::Public => matches!(self, Self::Microsoft | Self::Public),
            // Plain HTTP has no chain; whoever added an endpoint says what it is trusted by.
            Trust::Any | Trust::Plain | Trust::SignedObject => true,
        }
    }
}

/// What is known of a root besides its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Its distinguished name, cleaned.
    pub name: String,
    /// Whose it is.
    pub kind: RootKind,
}

/// A set of trust anchors that knows what each of them is.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Roots {
    anchors: Vec<TrustAnchor<'static>>,
    about: Vec<Root>,
    genuine: BTreeSet<Fingerprint>,
}

impl Roots {
    /// The system's store, Microsoft's roots and those of `config`; `known` are genuine wherever they come from.
    /// What the system's store holds beyond reading is logged and left out.
    ///
    /// # Errors
    /// When one of the configuration's is no certificate.
    pub fn load(known: &[KnownRoot], config: &TlsConfig) -> Result<Arc<Self>, RootsError> {
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "the system's certificate store can't be read completely");
        }
        Self::of(&system.certs, known, config)
    }

    /// The same with `system` in place of the system's store.
    ///
    /// # Errors
    /// When one of the configuration's is no certificate.
    pub fn of(
        system: &[CertificateDer<'_>],
        known: &[KnownRoot],
        config: &TlsConfig,
    ) -> Result<Arc<Self>, RootsError> {
        let mut roots = Self::default();
        roots.genuine.extend(known.iter().map(|root| root.sha256));
        roots.genuine.extend(config.genuine_roots.iter().map(|der| fingerprint(der)));
        for certificate in system.iter().chain(microsoft_roots()) {
            if let Err(error) = roots.add(certificate) {
                tracing::debug!(%error, "a certificate of the system's store is no trust anchor");
            }
        }
        roots.add_all("genuine_roots", &config.genuine_roots)?;
        roots.add_all("extra_roots", &config.extra_roots)?;
        tracing::debug!(count = roots.anchors.len(), "trusted roots");
        Ok(Arc::new(roots))
    }

    fn add_all(
        &mut self,
        key: &'static str,
        certificates: &[CertificateDer<'static>],
    ) -> Result<(), RootsError> {
        for (n, certificate) in certificates.iter().enumerate() {
            self.add(certificate).map_err(|source| RootsError { key, position: n + 1, source })?;
        }
        Ok(())
    }

    fn add(&mut self, certificate: &CertificateDer<'_>) -> Result<(), webpki::Error> {
        let anchor = webpki::anchor_from_trusted_cert(certificate)?.to_owned();
        let kind = self.kind_of(certificate, &anchor);
        let parsed = X509Certificate::from_der(certificate).ok();
        let name = parsed.map(|(_, parsed)| clean(&parsed.subject().to_string())).unwrap_or_default();
        self.anchors.push(anchor);
        self.about.push(Root { name, kind });
        Ok(())
    }

    fn kind_of(&self, certificate: &CertificateDer<'_>, anchor: &TrustAnchor<'_>) -> RootKind {
        if self.genuine.contains(&fingerprint(certificate)) {
            return RootKind::Microsoft;
        }
        let same = |public: &TrustAnchor<'_>| {
            public.subject == anchor.subject
                && public.subject_public_key_info == anchor.subject_public_key_info
        };
        if webpki_roots::TLS_SERVER_ROOTS.iter().any(same) { RootKind::Public } else { RootKind::Private }
    }

    /// The anchors, for path building.
    #[must_use]
    pub fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// What is known of an anchor of this set.
    #[must_use]
    pub fn about(&self, anchor: &TrustAnchor<'_>) -> Option<&Root> {
        let same = |known: &TrustAnchor<'_>| {
            known.subject == anchor.subject && known.subject_public_key_info == anchor.subject_public_key_info
        };
        // The same key may stand here as several certificates; the most genuine of them counts.
        let fitting = self.anchors.iter().zip(&self.about).filter(|(known, _)| same(known));
        fitting.map(|(_, root)| root).min_by_key(|root| root.kind)
    }
}

/// SHA-256 over the DER.
fn fingerprint(certificate: &[u8]) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, certificate).as_ref()); // SHA-256 has 32 bytes
    Fingerprint(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::embedded;

    fn only(genuine_roots: &[CertificateDer<'static>]) -> Result<Arc<Roots>, RootsError> {
        let config = TlsConfig { genuine_roots: genuine_roots.to_vec(), ..TlsConfig::default() };
        Roots::of(&[], &embedded().microsoft_roots, &config)
    }

    #[test]
    fn the_embedded_roots_are_the_first_two_of_the_catalog() {
        let mut found: Vec<_> = microsoft_roots().iter().map(|der| fingerprint(der)).collect();
        found.sort();
        let catalog: Vec<_> = embedded().microsoft_roots.iter().take(2).map(|root| root.sha256).collect();
        assert_eq!(found, catalog);
        // As Microsoft's PKI repository lists them.
        assert_eq!(
            catalog.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [
                "847df6a78497943f27fc72eb93f9a637320a02b561d0a91b09e87a7807ed7c61",
                "caca93b9d23d2b6fa76e8b8471931e0df3ec6f63af3cdbb936c41954a1872326",
            ]
        );
    }

    #[test]
    fn anchors_know_their_names_and_kinds() {
        let roots = only(&[]).unwrap();
        let about: Vec<_> = roots.anchors().iter().filter_map(|anchor| roots.about(anchor)).collect();
        assert_eq!(about.len(), 2);
        assert!(about.iter().any(|root| root.name.contains("Microsoft Root Certificate Authority 2011")));
        assert!(about.iter().all(|root| root.kind == RootKind::Microsoft));
    }

    /// Which roots of the catalog are public is known of three; the others are in no Mozilla-derived bundle.
    #[test]
    fn the_public_roots_of_the_catalog_are_mozillas() {
        let bundle: BTreeSet<_> =
            webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| fingerprint(der)).collect();
        let known = &embedded().microsoft_roots;
        let public: Vec<_> = known
            .iter()
            .filter(|root| bundle.contains(&root.sha256))
            .map(|root| root.name.as_str())
            .collect();
        assert_eq!(
            public,
            [
                "DigiCert Global Root G2",
                "Microsoft RSA Root Certificate Authority 2017",
                "Microsoft ECC Root Certificate Authority 2017"
            ]
        );
    }

    #[test]
    fn kinds_follow_from_where_a_root_is_listed() {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        let der = certificate.der().clone();
        let check = |config: TlsConfig, expected| {
            let roots = Roots::of(&[], &[], &config).unwrap();
            let anchor = webpki::anchor_from_trusted_cert(&der).unwrap();
            assert_eq!(roots.about(&anchor).map(|root| root.kind), expected);
        };
        check(TlsConfig::default(), None);
        check(TlsConfig { extra_roots: vec![der.clone()], ..TlsConfig::default() }, Some(RootKind::Private));
        check(
            TlsConfig { genuine_roots: vec![der.clone()], ..TlsConfig::default() },
            Some(RootKind::Microsoft),
        );
        let both = TlsConfig {
            extra_roots: vec![der.clone()],
            genuine_roots: vec![der.clone()],
            ..TlsConfig::default()
        };
        check(both, Some(RootKind::Microsoft));
    }

    #[test]
    fn garbage_is_no_root() {
        let error = only(&[CertificateDer::from(vec![0x30, 0x00])]).unwrap_err();
        assert_eq!((error.key, error.position), ("genuine_roots", 1));
    }
}
