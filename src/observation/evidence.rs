//! What the judgement of one hop rests on: what the network sent, not what was made of it. Kept only where a round is
//! recorded (`record`), so that the hop can be judged again.

use std::time::SystemTime;

use bytes::Bytes;
use rustls::pki_types::CertificateDer;

use super::{Facts, Failure, Phase, TlsFacts};
use crate::text::is_harmless;

/// What a hop's judgement rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HopEvidence {
    /// The chain that the server presented. `None` without TLS, or if the handshake failed before the certificates.
    pub chain: Option<ChainEvidence>,
    /// What was concluded of the chain, in its place: a redacted record has no certificate that names a company.
    pub concluded: Option<Box<ConcludedChain>>,
    /// The response. `None` if none was received, or none was requested.
    pub response: Option<ResponseEvidence>,
    /// The failure that ended the hop, if the network made it and not a judgement.
    pub failure: Option<ObservedFailure>,
    /// The failure of a chain that revocation lists from earlier checks revoke.
    pub revoked: Option<Failure>,
}

/// A failure that isn't the result of a judgement: nothing answered, or a connection broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedFailure {
    /// The step that failed: connect (the name and the proxy included), tls, request or transfer. The failure may blame an
    /// earlier phase, whose slowness caused it.
    pub during: Phase,
    /// The failure.
    pub failure: Failure,
}

/// What was concluded of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcludedChain {
    /// The facts. The verified path, if there is one, has placeholders in place of certificates.
    pub facts: TlsFacts,
    /// Why the chain isn't trusted or, if it is verified, why Defender's client would refuse it all the same.
    pub failure: Option<Failure>,
}

/// A presented chain, and what else its verification used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainEvidence {
    /// The presented certificates, leaf first, as many as are read.
    pub certificates: Vec<CertificateDer<'static>>,
    /// The number of certificates that the server presented.
    pub presented: usize,
    /// The stapled OCSP response. Empty if there is none.
    pub stapled: Vec<u8>,
    /// Where missing issuers were looked for.
    pub issuers: Vec<IssuerEvidence>,
    /// The time of the verification.
    pub verified_at: SystemTime,
    /// `TLSv1.2` or `TLSv1.3`, if negotiated.
    pub version: Option<&'static str>,
    /// The IANA name of the cipher suite, if negotiated.
    pub cipher: Option<&'static str>,
}

/// What a URL served as the certificate of a missing issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerEvidence {
    /// The URL, from a certificate.
    pub url: String,
    /// The body, or why there is none.
    pub outcome: Result<Bytes, String>,
}

/// A response, as far as evidence needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseEvidence {
    /// The status.
    pub status: u16,
    /// The headers that evidence, marks of block pages or words need. No cookies.
    pub headers: Vec<HeaderEvidence>,
    /// Whether the request carried proxy credentials. `None` if the response can't be a proxy's own.
    pub authenticated: Option<bool>,
    /// The first bytes of the body.
    pub body: Vec<u8>,
    /// The number of bytes that were read of the body.
    pub body_bytes: u64,
    /// Whether the server closed TLS without close_notify, so that the body may have been cut off.
    pub unclean_close: bool,
    /// The time of the judgement.
    pub judged_at: SystemTime,
    /// Whether the response is genuine, if the kept bytes of the body don't suffice to judge that again.
    pub judgement: Option<Result<bool, Failure>>,
}

/// A header of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderEvidence {
    /// The name, in lower case.
    pub name: String,
    /// The value.
    pub value: Vec<u8>,
}

/// How much of a body is shown, in bytes.
const MAX_SHOWN: usize = 1024;

/// The beginning of a body, as text. Empty if it isn't text.
fn readable(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(MAX_SHOWN)]);
    let is_binary = text.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER || *c == '\0').count() > 4;
    let shown = |c: char| if c == '\n' || is_harmless(c) { c } else { ' ' };
    if is_binary { String::new() } else { text.chars().map(shown).collect() }
}

impl HopEvidence {
    /// The beginning of the response's body, as text. Empty if there is none.
    #[must_use]
    pub fn received(&self) -> String {
        self.response.as_ref().map(|response| readable(&response.body)).unwrap_or_default()
    }

    /// The failure of one of these steps, if the network made it.
    #[must_use]
    pub fn failed_during(&self, steps: &[Phase]) -> Option<&Failure> {
        let observed = self.failure.as_ref().filter(|observed| steps.contains(&observed.during))?;
        Some(&observed.failure)
    }
}

impl Facts {
    /// The beginning of the last response's body, as text. Empty if there is none, or if no evidence is kept.
    #[must_use]
    pub fn received(&self) -> String {
        let last = self.hops.last().map_or(&self.evidence, |last| &last.evidence);
        last.as_ref().map(|evidence| evidence.received()).unwrap_or_default()
    }
}
