//! A certificate verifier that keeps what it saw and what it decided. It lets the handshake end, so that everything about
//! the connection is known; `probe/tls.rs` gives nobody the connection of a chain that was refused.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::chain::{self, ChainError, Presented, Trusted};
use super::memory::{Believed, Memory};
use super::{Issuers, Roots};
use crate::observation::CertificateFacts;
use crate::text::clean;

/// The longest chain that is looked at; RFC 8446 sets no limit.
const MAX_CHAIN: usize = 16;

/// What the verification of every handshake shares. Roots and algorithms never change: the memory relies on it.
#[derive(Debug)]
pub struct Judge {
    roots: Arc<Roots>,
    issuers: Arc<Issuers>,
    algorithms: WebPkiSupportedAlgorithms,
    memory: Memory,
}

/// What verification saw and decided.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The presented chain, as it came.
    pub presented: Presented,
    /// The same for people; a certificate that can't be read is left out.
    pub chain: Arc<[CertificateFacts]>,
    /// Whether it is believed.
    pub verdict: Result<Trusted, ChainError>,
}

/// Verifies one handshake, and remembers it.
#[derive(Debug)]
pub struct Recorder {
    judge: Arc<Judge>,
    recorded: OnceLock<Recorded>,
}

impl Judge {
    /// Verifies against `roots`, over intermediates of `issuers` where servers left some out; `algorithms` are the signatures
    /// that are understood.
    #[must_use]
    pub fn new(roots: Arc<Roots>, issuers: Arc<Issuers>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { roots, issuers, algorithms, memory: Memory::default() }
    }

    /// Intermediates that servers left out.
    #[must_use]
    pub fn issuers(&self) -> &Issuers {
        &self.issuers
    }

    /// What is to be said of a chain. One that was believed for the name before, and comes again unchanged, isn't verified
    /// twice.
    pub(super) fn record(&self, presented: Presented, name: &ServerName<'_>, now: UnixTime) -> Recorded {
        if let Some(Believed { chain, trusted }) = self.memory.recall(&presented, name, now) {
            return Recorded { presented, chain, verdict: Ok(trusted) };
        }
        let chain: Arc<[_]> = presented.certificates.iter().filter_map(facts_of).collect();
        let verdict = self.verify(&presented, name, now);
        if let Ok(trusted) = &verdict {
            let believed = Believed { chain: Arc::clone(&chain), trusted: trusted.clone() };
            self.memory.keep(&presented, name, believed);
        }
        Recorded { presented, chain, verdict }
    }

    /// Verifies a chain, completed by what is known of the issuers that it leaves out.
    ///
    /// # Errors
    /// When the chain isn't believed.
    pub fn verify(
        &self,
        presented: &Presented,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Trusted, ChainError> {
        match self.verify_with(presented, &[], name, now) {
            Err(error) if error.may_lack_issuers() => {
                self.verify_with(presented, &self.issuers.known(presented), name, now)
            }
            decided => decided,
        }
    }

    /// Verifies a chain, completed by `more`.
    ///
    /// # Errors
    /// When the chain isn't believed.
    pub fn verify_with(
        &self,
        presented: &Presented,
        more: &[CertificateDer<'static>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Trusted, ChainError> {
        chain::verify(&self.roots, &self.algorithms, presented, more, name, now)
    }
}

impl Recorder {
    /// A verifier for one handshake.
    #[must_use]
    pub fn new(judge: Arc<Judge>) -> Self {
        Self { judge, recorded: OnceLock::new() }
    }

    /// What was seen; none where the handshake ended before the server's certificates.
    #[must_use]
    pub fn recorded(&self) -> Option<&Recorded> {
        self.recorded.get()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificates = std::iter::once(end_entity).chain(intermediates).take(MAX_CHAIN);
        let presented = Presented {
            certificates: certificates.map(|der| der.clone().into_owned()).collect(),
            stapled: ocsp_response.to_vec(),
        };
        self.recorded.get_or_init(|| self.judge.record(presented, server_name, now));
        // Not a verdict: that is recorded, and whoever shakes hands must ask for it.
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.judge.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.judge.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.algorithms.supported_schemes()
    }
}

/// What a certificate says of itself; none if it can't be read.
fn facts_of(der: &CertificateDer<'_>) -> Option<CertificateFacts> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(CertificateFacts {
        subject: clean(&certificate.subject().to_string()),
        issuer: clean(&certificate.issuer().to_string()),
        not_before: moment(certificate.validity().not_before.timestamp()),
        not_after: moment(certificate.validity().not_after.timestamp()),
    })
}

/// Unix seconds as a time; certificates may lie before 1970 and up to the year 9999. What a system's clock can't hold (Windows
/// begins in 1601) is its epoch.
fn moment(seconds: i64) -> SystemTime {
    let (epoch, distance) = (SystemTime::UNIX_EPOCH, Duration::from_secs(seconds.unsigned_abs()));
    let at = if seconds < 0 { epoch.checked_sub(distance) } else { epoch.checked_add(distance) };
    at.unwrap_or(epoch)
}
