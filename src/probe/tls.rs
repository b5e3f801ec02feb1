//! Stage tls: the handshake, with its verification recorded. One configuration, nothing resumed.

use std::sync::Arc;

use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::classify::StageError;
use crate::clock::Clock;
use crate::observation::TlsFacts;
use crate::trust::{Recorder, Roots};

/// What every handshake shares.
pub(super) struct Tls {
    template: ClientConfig,
    provider: Arc<CryptoProvider>,
    roots: Arc<Roots>,
}

impl Tls {
    /// Handshakes that verify against `roots`, at the clock's time.
    pub(super) fn new(roots: Arc<Roots>, clock: Clock) -> Result<Self, rustls::Error> {
        let provider = Arc::new(ring::default_provider());
        let verifier =
            Arc::new(Recorder::new(Arc::clone(&roots), provider.signature_verification_algorithms));
        let mut template = ClientConfig::builder_with_details(Arc::clone(&provider), Arc::new(clock))
            .with_safe_default_protocol_versions()?
            .dangerous() // only the name of the interface: `Recorder` verifies everything
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        template.resumption = Resumption::disabled();
        template.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { template, provider, roots })
    }

    /// A recorder for one handshake.
    pub(super) fn recorder(&self) -> Arc<Recorder> {
        let algorithms = self.provider.signature_verification_algorithms;
        Arc::new(Recorder::new(Arc::clone(&self.roots), algorithms))
    }

    /// Shakes hands with a server called `host`; what it presented is left in `recorder`.
    pub(super) async fn handshake(
        &self,
        host: &str,
        stream: TcpStream,
        recorder: Arc<Recorder>,
    ) -> Result<TlsStream<TcpStream>, StageError> {
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| StageError::ServerName(host.to_owned()))?;
        let mut config = self.template.clone();
        let verifier: Arc<Recorder> = Arc::clone(&recorder);
        config.dangerous().set_certificate_verifier(verifier);
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| {
            match recorder.recorded().map(|recorded| &recorded.verdict) {
                Some(Err(refused)) => StageError::Certificate(refused.clone()),
                _ => StageError::Io(error),
            }
        })
    }
}

/// What the handshake showed, finished or not; none where the server's certificates never came.
pub(super) fn facts(recorder: &Recorder, stream: Option<&TlsStream<TcpStream>>) -> Option<TlsFacts> {
    let seen = recorder.recorded()?;
    let agreed = stream.map(|stream| stream.get_ref().1);
    Some(TlsFacts {
        verified: seen.verdict.is_ok(),
        version: agreed.and_then(|tls| tls.protocol_version()).and_then(|version| version.as_str()),
        cipher: agreed.and_then(|tls| tls.negotiated_cipher_suite()).and_then(|suite| suite.suite().as_str()),
        chain: seen.chain.clone(),
        root: seen.verdict.as_ref().ok().cloned().flatten(),
    })
}
