//! A TLS client that accepts any chain and returns what the server presented.

use std::sync::{Arc, Mutex};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::lab::Lab;

/// What a server showed in a handshake.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// The chain, leaf first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The OCSP answer; empty without one.
    pub staple: Vec<u8>,
    /// How the handshake was signed.
    pub scheme: Option<SignatureScheme>,
}

/// What the TLS origin shows for a host.
pub async fn shown(lab: &Lab, host: &str) -> Shown {
    shown_over(TcpStream::connect(lab.tls.addr()).await.unwrap(), host).await
}

/// What the server at the other end of a connection shows for a host.
pub async fn shown_over(stream: TcpStream, host: &str) -> Shown {
    let recorder = Arc::new(Recorder(Mutex::default()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&recorder) as _)
        .with_no_client_auth();
    let name = ServerName::try_from(host.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    recorder.0.lock().unwrap().clone()
}

#[derive(Debug)]
struct Recorder(Mutex<Shown>);

impl Recorder {
    fn signed(&self, scheme: SignatureScheme) -> HandshakeSignatureValid {
        self.0.lock().unwrap().scheme = Some(scheme);
        HandshakeSignatureValid::assertion()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        issuers: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        staple: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut shown = self.0.lock().unwrap();
        shown.chain = std::iter::once(leaf).chain(issuers).map(|der| der.clone().into_owned()).collect();
        shown.staple = staple.to_vec();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.signed(signed.scheme))
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(self.signed(signed.scheme))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
