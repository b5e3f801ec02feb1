//! A certificate verifier that records the presented chain and its verdict but lets every handshake complete,
//! so that all facts of the connection are known. `net/handshake.rs` releases no connection whose chain was
//! refused.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider as _;
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::time::Instant;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::aia::{FetchIssuer, IssuerSearch};
use super::chain::{PresentedChain, TrustedChain, Verification};
use super::chain_error::ChainError;
use super::verdict_cache::{CachedVerdict, MAX_NAMES, VerdictCache};
use super::{AiaIssuers, Roots, Validity};
use crate::clock::Clock;
use crate::observation::CertificateFacts;
use crate::text::clean;

/// The maximum number of certificates read from a chain. RFC 8446 sets no limit.
const MAX_CHAIN: usize = 16;

/// The verification state that all handshakes share. Roots and algorithms never change: the verdict cache
/// relies on that.
#[derive(Debug)]
pub struct ChainVerifier {
    roots: Arc<Roots>,
    issuers: Arc<AiaIssuers>,
    algorithms: WebPkiSupportedAlgorithms,
    cache: VerdictCache,
}

/// A presented chain and its verdict.
#[derive(Clone, Debug)]
pub struct CapturedChain {
    /// The presented chain.
    pub presented: PresentedChain,
    /// The presented certificates for display. Omits certificates that can't be parsed.
    pub chain: Arc<[CertificateFacts]>,
    /// The verified path, or why the chain isn't trusted.
    pub verdict: Result<TrustedChain, ChainError>,
    /// Whether the chain isn't trusted, but a missing issuer may change that.
    pub may_be_completed: bool,
    /// The number of certificates that the server presented, of which at most 16 are read.
    pub count: usize,
    /// The time of the verification.
    pub at: UnixTime,
}

/// Where missing issuers are fetched.
#[derive(Clone, Copy)]
pub struct IssuerSource<'a> {
    /// Fetches them.
    pub fetcher: &'a dyn FetchIssuer,
    /// The time of verification.
    pub clock: Clock,
    /// When fetching must end. `None` if nothing has to be waited for.
    pub deadline: Option<Instant>,
}

/// Captures the chain of one handshake.
#[derive(Debug)]
pub struct CapturingVerifier {
    chain_verifier: Arc<ChainVerifier>,
    captured: OnceLock<CapturedChain>,
}

/// The result of a verification without fetches.
struct Verified {
    verdict: Result<TrustedChain, ChainError>,
    /// Whether fetching an issuer may change a refusal.
    may_be_completed: bool,
}

impl ChainVerifier {
    /// Verifies against `roots`, with `issuers` for omitted intermediates. `algorithms` are the accepted
    /// signature algorithms.
    #[must_use]
    pub fn new(roots: Arc<Roots>, issuers: Arc<AiaIssuers>, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { roots, issuers, algorithms, cache: VerdictCache::new(MAX_NAMES) }
    }

    /// Verifies a chain, or takes the verdict from the cache if the same chain was trusted for this name
    /// before.
    pub(super) fn capture(
        &self,
        presented: PresentedChain,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> CapturedChain {
        if let Some(CachedVerdict { chain, trusted }) = self.cache.get(&presented, name, now) {
            let (count, verdict) = (presented.certificates.len(), Ok(trusted));
            return CapturedChain { presented, chain, verdict, may_be_completed: false, count, at: now };
        }
        let chain: Arc<[_]> = presented.certificates.iter().filter_map(certificate_facts).collect();
        let Verified { verdict, may_be_completed } = self.verify_or_complete(&presented, name, now);
        if let Ok(trusted) = &verdict {
            let verdict_to_cache = CachedVerdict { chain: Arc::clone(&chain), trusted: trusted.clone() };
            self.cache.insert(&presented, name, verdict_to_cache);
        }
        let count = presented.certificates.len();
        CapturedChain { presented, chain, verdict, may_be_completed, count, at: now }
    }

    /// Verifies the certificates that were read of a chain of `count`.
    pub(super) fn capture_first(
        &self,
        presented: PresentedChain,
        count: usize,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> CapturedChain {
        let mut captured = self.capture(presented, name, now);
        captured.count = count;
        if count > MAX_CHAIN {
            let more = format!("the server presents {count} certificates, of which {MAX_CHAIN} are read");
            captured.verdict = captured.verdict.map_err(|error| error.and(&more));
        }
        captured
    }

    /// Verifies a chain, completed with known issuers if it omits some.
    ///
    /// # Errors
    /// If the chain isn't trusted.
    pub fn verify(
        &self,
        presented: &PresentedChain,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<TrustedChain, ChainError> {
        self.verify_or_complete(presented, name, now).verdict
    }

    /// Verifies a chain, completed with known issuers if it omits some.
    fn verify_or_complete(
        &self,
        presented: &PresentedChain,
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Verified {
        match self.verify_with(presented, &[], name, now) {
            Err(error) if error.may_lack_issuers() => {
                let verdict = self.verify_with(presented, &self.issuers.known(presented, now), name, now);
                let may_be_completed = verdict.as_ref().is_err_and(ChainError::may_have_outdated_issuers);
                Verified { verdict, may_be_completed }
            }
            verdict => Verified { verdict, may_be_completed: false },
        }
    }

    /// Verifies a chain that [may be completed](CapturedChain::may_be_completed) with fetched issuers, and
    /// caches them. Replaces cached issuers too: an issuer may have been renewed or re-keyed.
    ///
    /// # Errors
    /// If the chain isn't trusted.
    pub async fn complete(
        &self,
        captured: &CapturedChain,
        name: &ServerName<'_>,
        source: IssuerSource<'_>,
    ) -> Result<TrustedChain, ChainError> {
        let IssuerSource { fetcher, clock, deadline } = source;
        let mut verdict = captured.verdict.clone();
        let mut search = IssuerSearch::new(&self.issuers, &captured.presented);
        while search.next(fetcher, deadline).await {
            let now = clock.current_time().ok_or(ChainError::NoTime)?;
            verdict = self.verify_with(&captured.presented, search.candidates(), name, now);
            match &verdict {
                Ok(trusted) => {
                    search.cache(trusted);
                    return verdict;
                }
                Err(error) if error.is_of_leaf() => return verdict,
                Err(_) => {} // another issuer may help
            }
        }
        verdict.map_err(|error| search.explain(error))
    }

    /// Verifies a chain, completed with `more`.
    fn verify_with(
        &self,
        presented: &PresentedChain,
        more: &[CertificateDer<'static>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<TrustedChain, ChainError> {
        let Self { roots, algorithms, .. } = self;
        Verification { roots, algorithms, extra: more, name, now }.verify(presented)
    }
}

impl CapturingVerifier {
    /// A verifier for one handshake.
    #[must_use]
    pub fn new(chain_verifier: Arc<ChainVerifier>) -> Self {
        Self { chain_verifier, captured: OnceLock::new() }
    }

    /// The captured chain. `None` if the handshake failed before the server's certificates.
    #[must_use]
    pub fn captured(&self) -> Option<&CapturedChain> {
        self.captured.get()
    }
}

impl ServerCertVerifier for CapturingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let certificates = std::iter::once(end_entity).chain(intermediates);
        let count = certificates.clone().count();
        let presented = PresentedChain {
            certificates: certificates.take(MAX_CHAIN).map(|der| der.clone().into_owned()).collect(),
            stapled: ocsp_response.to_vec(),
        };
        self.captured.get_or_init(|| self.chain_verifier.capture_first(presented, count, server_name, now));
        // Not the verdict: callers must check the captured one.
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.chain_verifier.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.chain_verifier.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain_verifier.algorithms.supported_schemes()
    }
}

/// A certificate's fields for display. `None` if it can't be parsed.
pub(crate) fn certificate_facts(der: &CertificateDer<'_>) -> Option<CertificateFacts> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let validity = Validity::from(&certificate);
    Some(CertificateFacts {
        subject: clean(&certificate.subject().to_string()),
        issuer: clean(&certificate.issuer().to_string()),
        not_before: validity.not_before(),
        not_after: validity.not_after(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TlsConfig;
    use crate::tls::fixture::{HOST, chain_verifier, intermediate_ca, leaf, root, unix};

    /// Servers with very long chains are few, and the report says that their chains are cut.
    #[test]
    fn a_chain_is_read_up_to_a_limit() {
        let root = root("Root", (-100, 100));
        let ca = intermediate_ca("CA", (-100, 100), &root);
        let leaf = leaf((-10, 10), &ca);
        let genuine_roots = vec![root.der().clone()];
        let config = TlsConfig { genuine_roots, ..TlsConfig::default() };
        let roots = Roots::from_lists(&[], &[], &config).unwrap();
        let check = |others: usize, expected: Option<&str>| {
            let verifier = CapturingVerifier::new(Arc::new(chain_verifier(Arc::clone(&roots))));
            let mut intermediates = vec![root.der().clone(); others];
            intermediates.push(ca.der().clone());
            let name = ServerName::try_from(HOST).unwrap();
            verifier.verify_server_cert(&leaf, &intermediates, &name, &[], unix(0)).unwrap();
            let error = verifier.captured().unwrap().verdict.as_ref().err().map(ToString::to_string);
            assert_eq!(error.as_deref(), expected, "{others}");
        };
        check(0, None);
        check(MAX_CHAIN - 2, None);
        let words = "certificate: CN=wdcp.microsoft.com is issued by CN=CA, an issuer that this machine does not know; \
                     the server presents 17 certificates, of which 16 are read";
        check(MAX_CHAIN - 1, Some(words));
    }
}
