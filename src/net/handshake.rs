//! Phase tls: the handshake and the verification of the presented chain. One configuration, no resumption.
//! `verdict` decides what the chain means for an endpoint.

use std::sync::Arc;

use rustls::ClientConnection;
use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::failure::{PeerProtocol, PhaseError, is_not_tls};
use super::first_bytes;
use super::tunnel::BoxedStream;
use crate::catalog::ProbeUrl;
use crate::clock::Clock;
use crate::text::without_brackets;
use crate::tls::{
    AiaIssuers, CapturedChain, CapturingVerifier, ChainError, ChainVerifier, FetchIssuer, IssuerSource,
    Roots, TrustedChain,
};

/// The configuration that all handshakes share.
pub struct TlsClient {
    template: ClientConfig,
    chain_verifier: Arc<ChainVerifier>,
    clock: Clock,
}

/// A connection after the handshake, with its chain not verified yet. Only a [`TrustedChain`] releases the
/// stream.
pub(crate) struct UnverifiedTls {
    stream: TlsStream<BoxedStream>,
}

impl TlsClient {
    /// Verifies against `roots` at the clock's time, with missing issuers from `issuers`.
    ///
    /// # Errors
    /// If rustls rejects its configuration.
    pub fn new(roots: Arc<Roots>, issuers: Arc<AiaIssuers>, clock: Clock) -> Result<Self, rustls::Error> {
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let chain_verifier = Arc::new(ChainVerifier::new(roots, issuers, algorithms));
        let mut template = ClientConfig::builder_with_details(provider, Arc::new(clock))
            .with_safe_default_protocol_versions()?
            .dangerous() // rustls's name; `UnverifiedTls` releases no stream before its chain is trusted
            .with_custom_certificate_verifier(Arc::new(CapturingVerifier::new(Arc::clone(&chain_verifier))))
            .with_no_client_auth();
        template.resumption = Resumption::disabled();
        template.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { template, chain_verifier, clock })
    }

    /// A verifier for one handshake.
    pub(crate) fn verifier(&self) -> Arc<CapturingVerifier> {
        Arc::new(CapturingVerifier::new(Arc::clone(&self.chain_verifier)))
    }

    /// Performs the handshake with a server named `host`. `verifier` captures the presented certificates.
    /// [`Self::verify_chain`] decides whether the chain is trusted.
    pub(crate) async fn handshake(
        &self,
        host: &str,
        stream: BoxedStream,
        verifier: Arc<CapturingVerifier>,
    ) -> Result<UnverifiedTls, PhaseError> {
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| PhaseError::ServerName(host.to_owned()))?;
        let mut config = self.template.clone();
        config.dangerous().set_certificate_verifier(Arc::<CapturingVerifier>::clone(&verifier));
        let (stream, first) = first_bytes::record(stream);
        let stream: BoxedStream = Box::new(stream);
        let connected = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
        match (connected, verifier.captured()) {
            (Ok(stream), _) => Ok(UnverifiedTls { stream }),
            // The chain's error is more specific than the handshake error that it caused.
            (Err(_), Some(CapturedChain { verdict: Err(refused), may_be_completed: false, .. })) => {
                Err(PhaseError::Chain(refused.clone()))
            }
            (Err(error), _) => match first.protocol() {
                Some(PeerProtocol::Tls | PeerProtocol::TlsAlert) => Err(PhaseError::Io(error)),
                None if !is_not_tls(&error) => Err(PhaseError::Io(error)),
                spoken => Err(PhaseError::OtherProtocol { expected: "TLS", spoken, sent: first.quote() }),
            },
        }
    }

    /// Verifies the chain that was captured in a handshake with a server named `host`, completed or not. Fetches
    /// missing issuers through `fetcher` if they may change the verdict: outside the phase's time, until `deadline`
    /// at the latest.
    ///
    /// # Errors
    /// If the chain isn't trusted, or the handshake failed before the server's certificates.
    pub(crate) async fn verify_chain(
        &self,
        host: &str,
        verifier: &CapturingVerifier,
        fetcher: &dyn FetchIssuer,
        deadline: Instant,
    ) -> Result<TrustedChain, ChainError> {
        let (Some(captured), Ok(name)) = (verifier.captured(), ServerName::try_from(host)) else {
            return Err(ChainError::no_certificates());
        };
        if !captured.may_be_completed {
            return captured.verdict.clone();
        }
        let source = IssuerSource { fetcher, clock: self.clock, deadline: Some(deadline) };
        self.chain_verifier.complete(captured, &name, source).await
    }
}

impl UnverifiedTls {
    /// Releases the stream. The argument proves that the chain is trusted.
    pub(crate) fn into_stream(self, _: &TrustedChain) -> TlsStream<BoxedStream> {
        self.stream
    }

    /// The negotiated parameters.
    pub(crate) fn negotiated(&self) -> &ClientConnection {
        self.stream.get_ref().1
    }
}

/// The server name for SNI and verification.
pub(crate) fn server_name(url: &ProbeUrl) -> &str {
    without_brackets(url.host())
}
