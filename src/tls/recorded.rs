//! Verification of a recorded chain, at the recorded time, by the code that verifies presented ones: what URLs served as
//! missing issuers is in the record. Nothing is fetched.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};
use rustls::crypto::ring;
use rustls::pki_types::{ServerName, UnixTime};

use super::{
    AiaIssuers, CapturedChain, ChainError, ChainVerifier, FetchIssuer, IssuerSource, PresentedChain, Roots,
    TrustedChain,
};
use crate::catalog::{HostPattern, ProbeUrl};
use crate::clock::Clock;
use crate::observation::{ChainEvidence, IssuerEvidence};

/// A recorded chain that was verified again.
pub(crate) struct VerifiedAgain {
    /// The chain, as if it had just been presented.
    pub(crate) captured: CapturedChain,
    /// The verdict, with the recorded issuers.
    pub(crate) verdict: Result<TrustedChain, ChainError>,
}

/// Verifies a recorded chain of a server named `host` against `roots`. Missing issuers may come from `issuer_hosts`.
/// `None` if `host` isn't a name that a certificate can have.
pub(crate) fn verify_again(
    roots: &Arc<Roots>,
    issuer_hosts: &[HostPattern],
    host: &str,
    evidence: &ChainEvidence,
) -> Option<VerifiedAgain> {
    let name = ServerName::try_from(host).ok()?;
    let algorithms = ring::default_provider().signature_verification_algorithms;
    // Of this chain alone: what was cached when it was presented is among its issuers.
    let issuers = Arc::new(AiaIssuers::new(issuer_hosts.to_vec()));
    let verifier = ChainVerifier::new(Arc::clone(roots), issuers, algorithms);
    let ChainEvidence { certificates, presented, stapled, issuers, verified_at, .. } = evidence;
    let chain = PresentedChain { certificates: certificates.clone(), stapled: stapled.clone() };
    let since_epoch = verified_at.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
    let captured = verifier.capture_first(chain, *presented, &name, UnixTime::since_unix_epoch(since_epoch));
    let recorded = RecordedIssuers(issuers);
    let source = IssuerSource { fetcher: &recorded, clock: Clock::Fixed(*verified_at), deadline: None };
    let completed = if captured.may_be_completed {
        verifier.complete(&captured, &name, source).now_or_never() // nothing is waited for
    } else {
        None
    };
    let verdict = completed.unwrap_or_else(|| captured.verdict.clone());
    Some(VerifiedAgain { captured, verdict })
}

/// What URLs served when the chain was presented.
struct RecordedIssuers<'a>(&'a [IssuerEvidence]);

impl FetchIssuer for RecordedIssuers<'_> {
    fn fetch_issuer<'a>(
        &'a self,
        url: &'a ProbeUrl,
        _limit: u64,
        _timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes, String>> {
        let known = self.0.iter().find(|issuer| issuer.url == url.as_str());
        let outcome =
            known.map_or_else(|| Err("not in the record".to_owned()), |known| known.outcome.clone());
        Box::pin(future::ready(outcome))
    }
}
