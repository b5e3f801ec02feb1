//! A certificate verifier that keeps what it saw. It never lets a bad chain pass: the handshake fails from its
//! verdict, and the presented chain survives the failure.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, SignatureScheme};
use webpki::{EndEntityCert, KeyUsage};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Roots;
use crate::observation::{CertificateFacts, clean};

/// The longest chain that is read for its facts; webpki bounds its own work.
const MAX_CHAIN: usize = 16;

/// What verification saw and decided.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The presented chain, leaf first.
    pub chain: Vec<CertificateFacts>,
    /// The name of the root that the verified path ends at, or why there is no path.
    pub verdict: Result<Option<String>, webpki::Error>,
}

/// Verifies one handshake, and remembers it.
#[derive(Debug)]
pub struct Recorder {
    roots: Arc<Roots>,
    algorithms: WebPkiSupportedAlgorithms,
    recorded: OnceLock<Recorded>,
}

impl Recorder {
    /// A verifier for one handshake.
    #[must_use]
    pub fn new(roots: Arc<Roots>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { roots, algorithms, recorded: OnceLock::new() }
    }

    /// What was seen; none where the handshake ended before the server's certificates.
    #[must_use]
    pub fn recorded(&self) -> Option<&Recorded> {
        self.recorded.get()
    }

    /// A path from the leaf to a root, valid at `now`, for a server of this name.
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<Option<String>, webpki::Error> {
        let leaf = EndEntityCert::try_from(leaf)?;
        let path = leaf.verify_for_usage(
            self.algorithms.all,
            self.roots.anchors(),
            intermediates,
            now,
            KeyUsage::server_auth(),
            None,
            None,
        )?;
        leaf.verify_is_valid_for_subject_name(name)?;
        Ok(self.roots.name_of(path.anchor()).map(str::to_owned))
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let presented = std::iter::once(end_entity).chain(intermediates).take(MAX_CHAIN);
        let chain = presented.filter_map(|der| facts_of(der)).collect();
        let verdict = self.verify(end_entity, intermediates, server_name, now);
        let recorded = self.recorded.get_or_init(|| Recorded { chain, verdict });
        match &recorded.verdict {
            Ok(_) => Ok(ServerCertVerified::assertion()),
            Err(error) => {
                let error = CertificateError::Other(OtherError(Arc::new(error.clone())));
                Err(rustls::Error::InvalidCertificate(error))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
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

/// Unix seconds as a time; certificates may lie before 1970 and up to the year 9999.
fn moment(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { SystemTime::UNIX_EPOCH - distance } else { SystemTime::UNIX_EPOCH + distance }
}
