//! Facts of a TLS handshake, and whether the chain is the genuine service's. `net/handshake.rs` performs the
//! handshake and verifies the chain.

use std::sync::Arc;

use rustls::{CipherSuite, ProtocolVersion};

use crate::catalog::{Endpoint, Trust};
use crate::net::UnverifiedTls;
use crate::observation::{Failure, FailureReason, Phase, TlsFacts};
use crate::tls::inspectors::inspector;
use crate::tls::{CapturedChain, RootFit, TrustedChain, certificate_facts};

/// What was negotiated. Empty for a failed handshake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Negotiated {
    pub(super) version: Option<&'static str>,
    pub(super) cipher: Option<&'static str>,
}

impl Negotiated {
    /// What a completed handshake negotiated.
    pub(super) fn from_handshake(unverified: &UnverifiedTls) -> Self {
        let connection = unverified.negotiated();
        Self {
            version: connection.protocol_version().and_then(version_name),
            cipher: connection.negotiated_cipher_suite().and_then(|suite| cipher_name(suite.suite())),
        }
    }
}

/// The facts of a handshake that came to the server's certificates.
pub(super) fn facts(captured: &CapturedChain, negotiated: Negotiated) -> TlsFacts {
    let Negotiated { version, cipher } = negotiated;
    TlsFacts { version, cipher, chain: Arc::clone(&captured.chain), ..TlsFacts::default() }
}

/// Adds the facts of a trusted chain, for an endpoint of this trust.
pub(super) fn add_trusted(
    facts: &mut TlsFacts,
    captured: &CapturedChain,
    trusted: &TrustedChain,
    trust: Trust,
) {
    let presented = captured.presented.certificates.iter();
    let others = presented.filter(|der| !trusted.path.certificates.contains(der));
    let others = others.filter_map(certificate_facts);
    facts.unused = others.filter(|certificate| certificate.subject != trusted.root.name).collect();
    let fit = trusted.root.kind.fit(trust);
    facts.verified = true;
    facts.intercepted = fit == RootFit::Foreign;
    facts.unexpected_root = fit == RootFit::Unexpected;
    facts.completed = trusted.completed;
    facts.root = Some(trusted.root.name.clone());
    facts.chain_not_after = Some(trusted.first_to_expire.not_after());
    facts.chain_not_before = Some(trusted.first_to_expire.not_before());
    facts.path = Some(Arc::clone(&trusted.path));
}

/// The failure of a chain that this machine trusts but Defender's client would refuse, since it isn't the
/// service's.
pub(super) fn inspected(endpoint: &Endpoint, facts: &TlsFacts) -> Option<Failure> {
    if !facts.intercepted || endpoint.may_be_inspected {
        return None;
    }
    let issuer = facts.chain.first().map_or("", |leaf| leaf.issuer.as_str());
    let root = facts.root.as_deref().unwrap_or_default();
    let by = inspector([issuer, root]).map(|by| format!(" by {by}")).unwrap_or_default();
    let detail = format!(
        "TLS inspection{by}: the chain is trusted here but ends at {root}, not at a root of the genuine service; \
         certificate issued by {issuer}"
    );
    Some(Failure::new(Phase::Tls, FailureReason::Intercepted, detail))
}

/// The version as OpenSSL and most tools write it.
const fn version_name(version: ProtocolVersion) -> Option<&'static str> {
    match version {
        ProtocolVersion::TLSv1_2 => Some("TLSv1.2"),
        ProtocolVersion::TLSv1_3 => Some("TLSv1.3"),
        _ => None, // only these are offered
    }
}

/// The IANA name (RFC 8446, appendix B.4). rustls has its own names for suites of TLS 1.3.
pub(crate) fn cipher_name(suite: CipherSuite) -> Option<&'static str> {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => Some("TLS_AES_128_GCM_SHA256"),
        CipherSuite::TLS13_AES_256_GCM_SHA384 => Some("TLS_AES_256_GCM_SHA384"),
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => Some("TLS_CHACHA20_POLY1305_SHA256"),
        other => other.as_str(),
    }
}
