//! What one probe learned: stages with their times, facts, and the failure if there was one.
//! No judgement lives here (see `verdict`), and no Prometheus (see `metrics`).

mod address;
mod timings;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use crate::clock;
use crate::plan::TargetId;
use crate::text::clean;
use crate::trust::VerifiedPath;
use crate::words::words;

pub use address::{AddressFacts, DIRECT};
pub use timings::{StageOutcome, Timings};

words! {
    /// The steps of a probe, in order and disjoint in time.
    Stage {
        /// From the question to the addresses.
        Resolve = "resolve",
        /// The TCP handshake.
        Connect = "connect",
        /// What a proxy is asked for before it passes bytes on: TLS to itself, CONNECT or SOCKS.
        Tunnel = "tunnel",
        /// The TLS handshake, certificate verification included.
        Tls = "tls",
        /// From the request to the first byte of the answer's head, complete.
        Request = "request",
        /// The body.
        Transfer = "transfer",
    }
}

words! {
    /// Why a probe failed: closed, so that it can be a label. Details are in [`Failure::detail`].
    FailureReason {
        /// The name does not exist (RFC 8020).
        Nxdomain = "nxdomain",
        /// The name exists without an address (RFC 2308).
        NoData = "no_data",
        /// The name server failed (RFC 1035 RCODE 2).
        Servfail = "servfail",
        /// The name server or the host refused.
        Refused = "refused",
        /// Nothing came in time.
        Timeout = "timeout",
        /// DNS answered with an address that leads nowhere (0.0.0.0, 127/8, `::`, `::1`).
        Sinkhole = "sinkhole",
        /// DNS answers with more than fits into a datagram, and TCP is of no help (RFC 7766).
        Truncated = "truncated",
        /// No route to the address, or a local firewall forbids it; a name server that rejects questions by ICMP.
        Unreachable = "unreachable",
        /// The connection was reset.
        Reset = "reset",
        /// The connection was closed before the answer was complete.
        Closed = "closed",
        /// The peer ended the TLS handshake with an alert.
        Alert = "alert",
        /// The peer does not speak TLS.
        NotTls = "not_tls",
        /// The peer breaks the protocol of the stage.
        Protocol = "protocol",
        /// A certificate of the chain, or a signed list, has expired.
        Expired = "expired",
        /// A certificate of the chain is not valid yet.
        NotYetValid = "not_yet_valid",
        /// The chain ends at no trusted root.
        UnknownIssuer = "unknown_issuer",
        /// The certificate is for another name.
        NameMismatch = "name_mismatch",
        /// The chain lacks an intermediate that could not be fetched from where it says (RFC 5280, section 4.2.2.1).
        IncompleteChain = "incomplete_chain",
        /// A signature does not fit the key of its issuer.
        BadSignature = "bad_signature",
        /// A key or digest that is too weak to be believed: RSA under 2048 bits, SHA-1, MD5.
        WeakKey = "weak_key",
        /// The chain ends at a root that this machine trusts and that is none of the genuine service's: a TLS inspector.
        Intercepted = "intercepted",
        /// A certificate of the chain has been revoked by its issuer.
        Revoked = "revoked",
        /// Whether a certificate is revoked can't be found out. Never a probe's failure: a client that checks
        /// revocation isn't connected because of it, while others are.
        RevocationUnknown = "revocation_unknown",
        /// The certificate is malformed or not for servers.
        Invalid = "invalid",
        /// More bytes than the probe accepts.
        TooLarge = "too_large",
        /// A redirect to a host that the genuine service never redirects to.
        RedirectOffSite = "redirect_off_site",
        /// A proxy on the way demands authentication (407).
        AuthRequired = "auth_required",
        /// A proxy refuses to connect to the endpoint.
        Denied = "denied",
        /// A proxy can't reach the endpoint.
        BadGateway = "bad_gateway",
        /// TLS to the proxy itself fails.
        ProxyTls = "proxy_tls",
        /// The route's PAC script can't be fetched.
        PacUnreachable = "pac_unreachable",
        /// The route's PAC script is wrong, or answers nonsense.
        PacInvalid = "pac_invalid",
        /// The route's PAC script doesn't end in time, or takes too much memory.
        PacTimeout = "pac_timeout",
        /// A filter's or a captive portal's page instead of the answer.
        BlockPage = "block_page",
        /// The expected status with content that the genuine service does not send.
        WrongContent = "wrong_content",
        /// A status that the genuine service does not answer with, where nothing else proves the answer.
        Status = "status",
        /// This program or its machine failed, not the network.
        Internal = "internal",
    }
}

/// Every pair of stage and reason that can occur: the series that are seeded at 0.
pub const FAILURE_PAIRS: &[(Stage, FailureReason)] = {
    use FailureReason as R;
    use Stage as S;
    &[
        (S::Resolve, R::Nxdomain),
        (S::Resolve, R::NoData),
        (S::Resolve, R::Servfail),
        (S::Resolve, R::Refused),
        (S::Resolve, R::Timeout),
        (S::Resolve, R::Sinkhole),
        (S::Resolve, R::Truncated),
        (S::Resolve, R::Unreachable),
        (S::Resolve, R::Protocol),
        (S::Resolve, R::Internal),
        (S::Connect, R::Refused),
        (S::Connect, R::Timeout),
        (S::Connect, R::Unreachable),
        (S::Connect, R::Reset),
        (S::Connect, R::Internal),
        (S::Tunnel, R::Refused),
        (S::Tunnel, R::Timeout),
        (S::Tunnel, R::Unreachable),
        (S::Tunnel, R::Closed),
        (S::Tunnel, R::Reset),
        (S::Tunnel, R::Protocol),
        (S::Tunnel, R::TooLarge),
        (S::Tunnel, R::AuthRequired),
        (S::Tunnel, R::Denied),
        (S::Tunnel, R::BadGateway),
        (S::Tunnel, R::ProxyTls),
        (S::Tunnel, R::PacUnreachable),
        (S::Tunnel, R::PacInvalid),
        (S::Tunnel, R::PacTimeout),
        (S::Tunnel, R::Internal),
        (S::Tls, R::Timeout),
        (S::Tls, R::Closed),
        (S::Tls, R::Reset),
        (S::Tls, R::Alert),
        (S::Tls, R::NotTls),
        (S::Tls, R::Protocol),
        (S::Tls, R::Expired),
        (S::Tls, R::NotYetValid),
        (S::Tls, R::UnknownIssuer),
        (S::Tls, R::NameMismatch),
        (S::Tls, R::IncompleteChain),
        (S::Tls, R::BadSignature),
        (S::Tls, R::WeakKey),
        (S::Tls, R::Intercepted),
        (S::Tls, R::Revoked),
        (S::Tls, R::Invalid),
        (S::Tls, R::Internal),
        (S::Request, R::Timeout),
        (S::Request, R::Closed),
        (S::Request, R::Reset),
        (S::Request, R::Alert),
        (S::Request, R::Protocol),
        (S::Request, R::TooLarge),
        (S::Request, R::RedirectOffSite),
        (S::Request, R::AuthRequired),
        (S::Request, R::Denied),
        (S::Request, R::BadGateway),
        (S::Request, R::BlockPage),
        (S::Request, R::WrongContent),
        (S::Request, R::Status),
        (S::Request, R::Internal),
        (S::Transfer, R::Timeout),
        (S::Transfer, R::Closed),
        (S::Transfer, R::Reset),
        (S::Transfer, R::Protocol),
        (S::Transfer, R::TooLarge),
        (S::Transfer, R::Expired),
        (S::Transfer, R::BadSignature),
        (S::Transfer, R::BlockPage),
        (S::Transfer, R::WrongContent),
        (S::Transfer, R::Internal),
    ]
};

/// A certificate that a server presented. Texts are cleaned and cut: they come from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CertificateFacts {
    /// Distinguished name of the holder (RFC 4514 order as printed by OpenSSL tools).
    pub subject: String,
    /// Distinguished name of the issuer.
    pub issuer: String,
    /// Start of validity.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub not_before: SystemTime,
    /// End of validity.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub not_after: SystemTime,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde hands over; a time of Windows is small")]
fn rfc3339<S: serde::Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&clock::rfc3339(*at))
}

/// A list that is shared, as what it is.
fn as_list<S: serde::Serializer>(chain: &Arc<[CertificateFacts]>, serializer: S) -> Result<S::Ok, S::Error> {
    chain.as_ref().serialize(serializer)
}

/// What the TLS stage learned, whatever its outcome.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TlsFacts {
    /// Whether this machine's roots vouched for the chain, for this name and at the time of the probe.
    pub verified: bool,
    /// Whether it ended at a root that is none of the genuine service's.
    pub intercepted: bool,
    /// Whether it took an intermediate that the server left out.
    pub completed: bool,
    /// `TLSv1.2` or `TLSv1.3`, once agreed.
    pub version: Option<&'static str>,
    /// The cipher suite, by its IANA name, once agreed.
    pub cipher: Option<&'static str>,
    /// The presented chain, leaf first; a certificate that can't be read is left out.
    #[serde(serialize_with = "as_list")]
    #[cfg_attr(test, schemars(with = "Vec<CertificateFacts>"))]
    pub chain: Arc<[CertificateFacts]>,
    /// Distinguished name of the root that the verified chain ends at.
    pub root: Option<String>,
    /// The verified path, for whoever asks about its revocation.
    #[serde(skip)]
    pub path: Option<Arc<VerifiedPath>>,
}

/// What the answer's head and body were.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HttpFacts {
    /// The status of the last answer.
    pub status: u16,
    /// Whether head and body were the genuine service's, by the catalog's evidence: known too where the chain is refused
    /// by a stricter client than this machine (interception, revocation).
    pub genuine: bool,
    /// The `Server` header, cleaned and cut.
    pub server: Option<String>,
    /// The `Location` header, cleaned and cut.
    pub location: Option<String>,
    /// Bytes of body read.
    pub body_bytes: u64,
    /// Redirects followed.
    pub redirects: u8,
}

/// Everything learned, kept whether or not the probe failed. TLS and addresses are those of the endpoint's own host, not of a redirect's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Time and outcome of each stage.
    pub timings: Timings,
    /// The addresses that DNS gave, in its order; empty where DNS wasn't asked.
    pub addresses: Vec<IpAddr>,
    /// How many of them are private; none where DNS wasn't asked for the endpoint's own name.
    pub private: Option<usize>,
    /// The address that was connected to.
    pub peer: Option<SocketAddr>,
    /// What became of the name's other addresses, where all are probed: the probe itself is that of the first.
    pub others: Vec<AddressFacts>,
    /// How many more addresses there were, which aren't probed.
    pub unprobed: usize,
    /// The proxy that the last hop went by, as `kind://host:port`; [`DIRECT`] where a script chose none.
    pub proxy: Option<String>,
    /// The status of the proxy's answer to CONNECT.
    pub proxy_status: Option<u16>,
    /// What TLS showed.
    pub tls: Option<TlsFacts>,
    /// What HTTP answered.
    pub http: Option<HttpFacts>,
}

/// Why the probe isn't a success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// The stage that it happened in.
    pub stage: Stage,
    /// The closed reason.
    pub reason: FailureReason,
    /// For a person: never a label; cleaned and cut.
    pub detail: String,
}

impl Failure {
    /// A failure with its detail cleaned for display.
    #[must_use]
    pub fn new(stage: Stage, reason: FailureReason, detail: impl AsRef<str>) -> Self {
        Self { stage, reason, detail: clean(detail.as_ref()) }
    }
}

/// The result of one probe of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// What was probed.
    pub target: TargetId,
    /// When the probe ended, wall clock.
    pub at: SystemTime,
    /// What was learned.
    pub facts: Facts,
    /// None: a genuine answer.
    pub failure: Option<Failure>,
}

impl Observation {
    /// Whether a genuine answer came, of whatever status.
    #[must_use]
    pub const fn success(&self) -> bool {
        self.failure.is_none()
    }

    /// Whether it tells of the network, and not of this machine alone.
    #[must_use]
    pub fn is_telling(&self) -> bool {
        self.failure.as_ref().is_none_or(|failure| failure.reason != FailureReason::Internal)
    }

    /// Whether it is the proxy that was not reached: by a proxy, the first two stages lead to it, and nothing was asked of
    /// the endpoint yet.
    #[must_use]
    pub fn failed_at_proxy(&self) -> bool {
        let by_proxy = self.facts.proxy.as_deref().is_some_and(|proxy| proxy != DIRECT);
        let stage = self.failure.as_ref().map(|failure| failure.stage);
        by_proxy && matches!(stage, Some(Stage::Resolve | Stage::Connect))
    }
}
