//! Embedded Microsoft certificates: roots that Mozilla-derived bundles lack, and intermediates that servers
//! omit.

use std::sync::LazyLock;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// PEM of the roots; the file says where Microsoft publishes them.
const ROOTS: &[u8] = include_bytes!("microsoft-roots.pem");

/// PEM of the intermediates; the file says where Microsoft publishes them.
const INTERMEDIATES: &[u8] = include_bytes!("microsoft-intermediates.pem");

/// Microsoft roots that its services chain to and that no Mozilla-derived bundle contains.
#[must_use]
pub fn microsoft_roots() -> &'static [CertificateDer<'static>] {
    static READ: LazyLock<Vec<CertificateDer<'static>>> = LazyLock::new(|| read(ROOTS));
    &READ
}

/// Cross-signed certificates that Microsoft's servers omit. With them, a chain reaches its root without a
/// fetch.
#[must_use]
pub fn microsoft_intermediates() -> &'static [CertificateDer<'static>] {
    static READ: LazyLock<Vec<CertificateDer<'static>>> = LazyLock::new(|| read(INTERMEDIATES));
    &READ
}

/// Parses the embedded files. A test checks that every certificate in them parses.
fn read(pem: &'static [u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(Result::ok).collect()
}

#[cfg(test)]
mod tests {
    use der::Decode as _;
    use der::asn1::AnyRef;
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    use super::*;
    use crate::catalog::embedded;
    use crate::tls::roots::fingerprint;
    use crate::tls::signature::Signed;

    fn parsed<'a>(der: &'a CertificateDer<'_>) -> X509Certificate<'a> {
        X509Certificate::from_der(der).unwrap().1
    }

    fn fingerprints(certificates: &[CertificateDer<'_>]) -> Vec<String> {
        certificates.iter().map(|der| fingerprint(der).to_string()).collect()
    }

    /// As listed in Microsoft's PKI repository and captured from its services' chains in 2026.
    #[test]
    fn each_embedded_certificate_is_the_published_one() {
        assert_eq!(
            fingerprints(microsoft_roots()),
            [
                "847df6a78497943f27fc72eb93f9a637320a02b561d0a91b09e87a7807ed7c61",
                "caca93b9d23d2b6fa76e8b8471931e0df3ec6f63af3cdbb936c41954a1872326",
                "6a170583db584151e1c454eeca2a64cc5d8e484a5bd1156e720b4458654ee9e5",
            ]
        );
        assert_eq!(
            fingerprints(microsoft_intermediates()),
            [
                "ddcd1e8a20638d4aaff7201bb1d56452acd2c759f1686bdc38f73dd15732bdc2",
                "61799e3594f6fa6c9f619031e4a3c9f643fda38c083704a5075e5709a21b1ab7",
            ]
        );
    }

    #[test]
    fn the_embedded_roots_are_the_first_of_the_catalog() {
        let catalog = embedded().microsoft_roots.iter().map(|root| root.sha256.to_string());
        assert_eq!(
            fingerprints(microsoft_roots()),
            catalog.take(microsoft_roots().len()).collect::<Vec<_>>()
        );
    }

    /// So a chain that ends at one of them reaches a genuine root.
    #[test]
    fn embedded_intermediates_are_signed_by_catalog_roots() {
        let bundle = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
        for der in microsoft_intermediates() {
            let issuer = parsed(der).issuer().as_raw().to_vec();
            let root = bundle.iter().find(|root| parsed(root).subject().as_raw() == issuer).unwrap();
            let known = embedded().microsoft_roots.iter().find(|known| known.sha256 == fingerprint(root));
            let signed = AnyRef::from_der(der).unwrap().sequence(Signed::read).unwrap();
            assert_eq!(signed.verify(parsed(root).public_key().raw), Ok(()), "{known:?}");
            assert!(known.is_some(), "{}", parsed(der).issuer());
        }
    }

    /// Microsoft TLS RSA Root G2 has the same name and key in both files.
    #[test]
    fn a_root_and_its_cross_signed_certificate_have_one_key() {
        let (root, cross) = (parsed(&microsoft_roots()[2]), parsed(&microsoft_intermediates()[0]));
        assert_eq!(root.subject(), cross.subject());
        assert_eq!(root.public_key().raw, cross.public_key().raw);
    }
}
