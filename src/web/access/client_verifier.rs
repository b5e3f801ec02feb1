//! Verifies client certificates: by their chain, or as one of the listed certificates, byte for byte, and then by
//! `client_allowed_sans`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::config::web::is_for_clients;
use crate::tls::Validity;

/// Wraps a verifier of chains.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    chain: Arc<dyn ClientCertVerifier>,
    /// Certificates that are trusted themselves, in addition to those that they signed. webpki accepts none that is a CA's, as
    /// self-signed ones usually are; Go does.
    listed: Vec<CertificateDer<'static>>,
    /// If empty, any name.
    allowed_sans: Vec<String>,
}

impl ClientVerifier {
    pub(super) fn new(
        chain: Arc<dyn ClientCertVerifier>,
        listed: Vec<CertificateDer<'static>>,
        allowed_sans: Vec<String>,
    ) -> Self {
        Self { chain, listed, allowed_sans }
    }

    fn allows(&self, certificate: &CertificateDer<'_>) -> bool {
        if self.allowed_sans.is_empty() {
            return true;
        }
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
        let Ok(Some(names)) = certificate.subject_alternative_name() else { return false };
        let mut names = names.value.general_names.iter();
        names.any(|name| self.allowed_sans.iter().any(|allowed| is(name, allowed)))
    }
}

/// Verifies a listed certificate as it would be at the end of a chain: its time and its purpose.
fn verify_listed(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<ClientCertVerified, Error> {
    let refuse = |error| Err(Error::InvalidCertificate(error));
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return refuse(CertificateError::BadEncoding);
    };
    let validity = Validity::from(&certificate);
    if validity.has_ended(now) {
        return refuse(CertificateError::Expired);
    }
    if !validity.contains(now) {
        return refuse(CertificateError::NotValidYet);
    }
    if !is_for_clients(&certificate) {
        return refuse(CertificateError::InvalidPurpose);
    }
    Ok(ClientCertVerified::assertion())
}

/// Compares DNS names, e-mail addresses and URIs as text, and IP addresses by value.
fn is(name: &GeneralName<'_>, allowed: &str) -> bool {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => {
            *text == allowed
        }
        GeneralName::IPAddress(bytes) => address(bytes).is_some_and(|ip| Ok(ip) == allowed.parse()),
        _ => false,
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| Ipv4Addr::from(bytes).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|bytes| Ipv6Addr::from(bytes).into())).ok()
}

impl ClientCertVerifier for ClientVerifier {
    fn offer_client_auth(&self) -> bool {
        self.chain.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = if self.listed.contains(end_entity) {
            verify_listed(end_entity, now)?
        } else {
            self.chain.verify_client_cert(end_entity, intermediates, now)?
        };
        if self.allows(end_entity) {
            Ok(verified)
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
