//! TLS with a pinned certificate: exactly that certificate is trusted, regardless of its names, issuer and dates.
//! Without one, none is trusted.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ALL_VERSIONS, CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

/// Trusts only this certificate; names aren't compared, and no SNI is sent.
///
/// # Errors
/// If the TLS library rejects its own defaults.
pub(super) fn client_config(certificate: Option<CertificateDer<'static>>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(default_provider());
    let pinned = Arc::new(PinnedCertificate { certificate, provider: Arc::clone(&provider) });
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(ALL_VERSIONS)?;
    // "Dangerous" is the API's name: `PinnedCertificate` trusts one certificate, and its key is still verified.
    let mut config = builder.dangerous().with_custom_certificate_verifier(pinned).with_no_client_auth();
    config.enable_sni = false;
    Ok(config)
}

/// The error for any other certificate; no other check returns it.
pub(super) const OTHER: Error = Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure);

/// Trusts at most one certificate.
#[derive(Debug)]
struct PinnedCertificate {
    certificate: Option<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinnedCertificate {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.certificate.as_ref() == Some(shown) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(OTHER)
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
