//! Stage tls: the handshake, and the verdict on the chain that it showed. One configuration, nothing resumed.

use std::sync::Arc;

use rustls::client::{ClientConfig, Resumption};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::ServerName;
use rustls::time_provider::TimeProvider as _;
use rustls::{CipherSuite, ProtocolVersion};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::tunnel::Wire;
use crate::catalog::{Endpoint, Trust};
use crate::clock::Clock;
use crate::failure::StageError;
use crate::fetch::Fetcher;
use crate::observation::{Failure, FailureReason, Stage, TlsFacts};
use crate::trust::{ChainError, Issuers, Judge, Recorder, Roots, Trusted};

/// What every handshake shares.
pub(super) struct Tls {
    template: ClientConfig,
    judge: Arc<Judge>,
    fetcher: Arc<Fetcher>,
    clock: Clock,
}

/// A connection whose handshake ended. Only a chain that is trusted gives it away.
pub(super) struct Shaken {
    stream: TlsStream<Wire>,
    name: ServerName<'static>,
    recorder: Arc<Recorder>,
}

impl Tls {
    /// Handshakes that verify against `roots`, at the clock's time; missing issuers come from `issuers` or by `fetcher`.
    pub(super) fn new(
        roots: Arc<Roots>,
        issuers: Arc<Issuers>,
        fetcher: Arc<Fetcher>,
        clock: Clock,
    ) -> Result<Self, rustls::Error> {
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
        let algorithms = provider.signature_verification_algorithms;
        let judge = Arc::new(Judge::new(roots, issuers, algorithms));
        let mut template = ClientConfig::builder_with_details(provider, Arc::new(clock))
            .with_safe_default_protocol_versions()?
            .dangerous() // the name of the interface: `Shaken` gives no connection away before its chain is trusted
            .with_custom_certificate_verifier(Arc::new(Recorder::new(Arc::clone(&judge))))
            .with_no_client_auth();
        template.resumption = Resumption::disabled();
        template.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { template, judge, fetcher, clock })
    }

    /// A recorder for one handshake.
    pub(super) fn recorder(&self) -> Arc<Recorder> {
        Arc::new(Recorder::new(Arc::clone(&self.judge)))
    }

    /// Shakes hands with a server called `host`; what it presented is left in `recorder`. Whether the chain is believed is
    /// for [`Tls::judge`] to say.
    pub(super) async fn handshake(
        &self,
        host: &str,
        wire: Wire,
        recorder: Arc<Recorder>,
    ) -> Result<Shaken, StageError> {
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| StageError::ServerName(host.to_owned()))?;
        let mut config = self.template.clone();
        let verifier: Arc<Recorder> = Arc::clone(&recorder);
        config.dangerous().set_certificate_verifier(verifier);
        let ended = TlsConnector::from(Arc::new(config)).connect(name.clone(), wire).await;
        match (ended, recorder.recorded().map(|recorded| &recorded.verdict)) {
            (Ok(stream), _) => Ok(Shaken { stream, name, recorder }),
            // What is wrong with the chain tells more than what the handshake stumbled over because of it.
            (Err(_), Some(Err(refused))) => Err(StageError::Chain(refused.clone())),
            (Err(error), _) => Err(StageError::Io(error)),
        }
    }

    /// The verdict on the chain, missing issuers fetched where that may change it: outside the stage's time, and at the
    /// latest at `deadline`.
    pub(super) async fn judge(&self, shaken: &Shaken, deadline: Instant) -> Result<Trusted, ChainError> {
        let Some(seen) = shaken.recorder.recorded() else {
            // A handshake can't end without the server's certificates: none is resumed.
            return Err(ChainError::Refused(webpki::Error::UnknownIssuer));
        };
        match &seen.verdict {
            Err(error) if error.may_lack_issuers() => {
                let found = self.judge.issuers().fetch(&self.fetcher, &seen.presented, deadline).await?;
                let now = self.clock.current_time().ok_or(ChainError::NoTime)?;
                let trusted = self.judge.verify_with(&seen.presented, &found, &shaken.name, now)?;
                self.judge.issuers().keep(&seen.presented, &found);
                Ok(trusted)
            }
            verdict => verdict.clone(),
        }
    }
}

impl Shaken {
    /// The connection, for whoever has the verdict that its chain is trusted.
    pub(super) fn into_stream(self, _: &Trusted) -> TlsStream<Wire> {
        self.stream
    }
}

/// What the handshake showed, finished or not; none where the server's certificates never came.
pub(super) fn facts(recorder: &Recorder, shaken: Option<&Shaken>) -> Option<TlsFacts> {
    let seen = recorder.recorded()?;
    let agreed = shaken.map(|shaken| shaken.stream.get_ref().1);
    Some(TlsFacts {
        version: agreed.and_then(|tls| tls.protocol_version()).and_then(version_name),
        cipher: agreed
            .and_then(|tls| tls.negotiated_cipher_suite())
            .and_then(|suite| cipher_name(suite.suite())),
        chain: seen.chain.clone(),
        ..TlsFacts::default()
    })
}

/// Adds what a trusted chain tells, for an endpoint of this trust.
pub(super) fn believe(facts: &mut TlsFacts, trusted: &Trusted, trust: Trust) {
    facts.verified = true;
    facts.intercepted = !trusted.root.kind.is_genuine_for(trust);
    facts.completed = trusted.completed;
    facts.root = Some(trusted.root.name.clone());
    facts.path = Some(Arc::clone(&trusted.path));
}

/// The failure of a chain that this machine trusts and a client of Defender would refuse, since it isn't the service's.
pub(super) fn inspected(endpoint: &Endpoint, facts: &TlsFacts) -> Option<Failure> {
    if !facts.intercepted || endpoint.may_be_inspected {
        return None;
    }
    let issuer = facts.chain.first().map_or("", |leaf| &leaf.issuer);
    let root = facts.root.as_deref().unwrap_or_default();
    let detail = format!(
        "TLS is inspected: this machine trusts the chain, but it ends at {root}, none of the genuine service's roots; \
         the certificate was issued by {issuer}"
    );
    Some(Failure::new(Stage::Tls, FailureReason::Intercepted, detail))
}

/// As OpenSSL and most tools write it.
const fn version_name(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
        _ => None, // no other is offered
    }
}

/// As IANA registers it (RFC 8446, appendix B.4): the library has names of its own for those of TLS 1.3.
fn cipher_name(suite: CipherSuite) -> Option<&'static str> {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => Some("TLS_AES_128_GCM_SHA256"),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => Some("TLS_AES_256_GCM_SHA384"),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some("TLS_CHACHA20_POLY1305_SHA256"),
        other => other.as_str(),
    }
}
