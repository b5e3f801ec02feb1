//! The result of one probe: the times of its phases, facts, and the failure if there was one. Contains no
//! verdict (see `verdict`) and no metrics (see `metrics`).

mod address;
mod attempt;
mod evidence;
mod hops;
mod path;
mod timings;
mod tls;

pub use path::{Anchor, VerifiedPath};

use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use serde::Serialize;

use crate::plan::TargetId;
use crate::string_enum::string_enum;
use crate::text::clean;

pub use address::{AddressFacts, AddressResult, AddressSource, DIRECT};
pub use attempt::{AttemptTarget, FailedAttempt};
pub use evidence::{
    ChainEvidence, HeaderEvidence, HopEvidence, IssuerEvidence, ObservedFailure, ResponseEvidence,
};
pub use hops::HopFacts;
pub use timings::{PhaseOutcome, Timings};
pub use tls::{CertificateFacts, TlsFacts};

string_enum! {
    /// The phases of a probe, in order and without overlap.
    Phase {
        /// Name resolution.
        Resolve = "resolve",
        /// Attempts at addresses and proxies that failed before the one that counted. Absent if there were none.
        Failover = "failover",
        /// The TCP handshake.
        Connect = "connect",
        /// Opening a tunnel through a proxy: TLS with the proxy, CONNECT or SOCKS.
        Tunnel = "tunnel",
        /// The TLS handshake, certificate verification included.
        Tls = "tls",
        /// From the request to the complete response head.
        Request = "request",
        /// The response body.
        Transfer = "transfer",
    }
}

string_enum! {
    /// Why a probe failed: a closed set, used as a label. Details are in [`Failure::detail`].
    FailureReason {
        /// The name does not exist (RFC 8020).
        Nxdomain = "nxdomain",
        /// The name has no address (RFC 2308).
        NoData = "no_data",
        /// The name server failed (RFC 1035 RCODE 2).
        Servfail = "servfail",
        /// The name server or the host refused the query or connection.
        Refused = "refused",
        /// The phase didn't complete in time.
        Timeout = "timeout",
        /// DNS answered with a sinkhole address (0.0.0.0, 127/8, `::`, `::1`).
        Sinkhole = "sinkhole",
        /// The DNS response is truncated, and the TCP retry failed (RFC 7766).
        Truncated = "truncated",
        /// No route to the address, a local firewall blocks it, or a name server rejects queries by ICMP.
        Unreachable = "unreachable",
        /// The connection was reset.
        Reset = "reset",
        /// The connection was closed before the response was complete.
        Closed = "closed",
        /// The peer ended the TLS handshake with an alert.
        Alert = "alert",
        /// The peer does not speak TLS.
        NotTls = "not_tls",
        /// The peer violated the phase's protocol.
        Protocol = "protocol",
        /// A certificate of the chain, or a CRL, has expired.
        Expired = "expired",
        /// A certificate of the chain is not valid yet.
        NotYetValid = "not_yet_valid",
        /// The chain ends at no trusted root.
        UnknownIssuer = "unknown_issuer",
        /// The certificate is not valid for the name.
        NameMismatch = "name_mismatch",
        /// The chain lacks an intermediate that could not be fetched (RFC 5280, section 4.2.2.1).
        IncompleteChain = "incomplete_chain",
        /// A signature is not valid for the issuer's key.
        BadSignature = "bad_signature",
        /// A key or digest is too weak: RSA under 2048 bits, SHA-1, MD5.
        WeakKey = "weak_key",
        /// The chain ends at a trusted root that isn't the genuine service's: TLS inspection.
        Intercepted = "intercepted",
        /// A certificate of the chain has been revoked.
        Revoked = "revoked",
        /// The revocation status of a certificate can't be determined. Never a probe's failure: it disconnects
        /// only clients that check revocation.
        RevocationUnknown = "revocation_unknown",
        /// The certificate is malformed or not valid for TLS servers.
        Invalid = "invalid",
        /// Windows accepts what the server presents, but the exporter can't verify it. Not a fault of the network.
        Unsupported = "unsupported",
        /// The response exceeds the size limit.
        TooLarge = "too_large",
        /// A redirect to a host that the genuine service never redirects to.
        RedirectOffSite = "redirect_off_site",
        /// A proxy demands authentication (407).
        AuthRequired = "auth_required",
        /// A proxy denies access to the endpoint.
        Denied = "denied",
        /// A proxy can't reach the endpoint.
        BadGateway = "bad_gateway",
        /// TLS with the proxy itself failed.
        ProxyTls = "proxy_tls",
        /// The route's PAC script can't be read.
        PacUnreachable = "pac_unreachable",
        /// The route's PAC script is invalid or returns an invalid value.
        PacInvalid = "pac_invalid",
        /// The route's PAC script exceeds its time or memory limit.
        PacTimeout = "pac_timeout",
        /// A block page of a filter, or a captive portal.
        BlockPage = "block_page",
        /// The expected status, but not the genuine service's content.
        WrongContent = "wrong_content",
        /// An unexpected status, without other evidence that the response is genuine.
        Status = "status",
        /// The folder, or a package in it, doesn't exist.
        NotFound = "not_found",
        /// This program's account may not read the folder.
        AccessDenied = "access_denied",
        /// The newest package in the folder is older than `signatures.stale_after`.
        Outdated = "outdated",
        /// The exporter or its machine failed, not the network.
        Internal = "internal",
    }
}

/// Every pair of phase and reason that can occur. Their counters are initialised to 0.
pub const FAILURE_PAIRS: &[(Phase, FailureReason)] = {
    use FailureReason as R;
    use Phase as S;
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
        (S::Tls, R::Unsupported),
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
        (S::Request, R::Unreachable),
        (S::Request, R::NotFound),
        (S::Request, R::AccessDenied),
        (S::Request, R::Outdated),
        (S::Request, R::Unsupported),
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

string_enum! {
    /// The result of a request for the first byte only (`Range`, RFC 9110, section 14.2), on which BITS and
    /// Delivery Optimization rely.
    RangeOutcome {
        /// 206: the requested range.
        Honored = "honored",
        /// 200: the whole object. An intermediary removes the `Range` header.
        Ignored = "ignored",
    }
}

/// Facts of the HTTP response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HttpFacts {
    /// The status of the last response.
    pub status: u16,
    /// Whether head and body match the catalog's evidence of the genuine service. Also recorded if a stricter
    /// client would refuse the chain (interception, revocation). False for a successful probe if the expected
    /// evidence is missing, but the catalog isn't sure enough of it.
    pub genuine: bool,
    /// The `Server` header, cleaned and truncated.
    pub server: Option<String>,
    /// The `Location` header, cleaned and truncated.
    pub location: Option<String>,
    /// The number of body bytes read.
    pub body_bytes: u64,
    /// Whether the server closed TLS without close_notify (RFC 8446, section 6.1) after a body without a length, so
    /// that the body may have been cut off.
    pub unclean_close: bool,
    /// The number of redirects followed.
    pub redirects: u8,
    /// The result of a range request. Only set for endpoints that are probed with one, and if the status is 200
    /// or 206.
    pub range: Option<RangeOutcome>,
}

/// A package of security intelligence in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageFacts {
    /// Its path below the folder, as `x64/mpam-fe.exe`.
    pub file: &'static str,
    /// When it was last changed, by the file system: a copy may keep the time of its original.
    pub modified: SystemTime,
}

/// The facts of a probe, recorded whether or not it failed. If a redirected probe failed, they describe the
/// failed hop. Otherwise they describe the endpoint's own host, with the last response. Times are the sum over
/// all hops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Time and outcome of each phase.
    pub timings: Timings,
    /// The addresses that DNS or the hosts file has, in the order in which clients try them. Empty if neither was asked.
    pub addresses: Vec<IpAddr>,
    /// The names that the host is an alias of (CNAME), in order, cleaned. A firewall that compares resolved names sees them.
    pub aliases: Vec<String>,
    /// Whether DNS or the hosts file returned them. `None` if the configuration chose the addresses.
    pub source: Option<AddressSource>,
    /// The number of private addresses. `None` if the endpoint's own name wasn't looked up.
    pub private: Option<usize>,
    /// The address and port of the TCP connection.
    pub peer: Option<SocketAddr>,
    /// The results for the name's other addresses, if all are probed. The probe itself is that of the first
    /// address.
    pub others: Vec<AddressFacts>,
    /// The number of further addresses, which weren't probed.
    pub unprobed: usize,
    /// The proxy, as `kind://host:port`. [`DIRECT`] if a PAC script chose no proxy.
    pub proxy: Option<String>,
    /// The status of the proxy's response to CONNECT.
    pub proxy_status: Option<u16>,
    /// Facts of the TLS phase.
    pub tls: Option<TlsFacts>,
    /// Facts of the HTTP response.
    pub http: Option<HttpFacts>,
    /// The newest package in a folder of update packages. `None` for other endpoints, and if there is none.
    pub package: Option<PackageFacts>,
    /// What the judgement rests on, if the round is recorded.
    pub evidence: Option<Box<HopEvidence>>,
    /// The attempts that failed beside those that counted, over all hops, in order.
    pub failed_attempts: Vec<FailedAttempt>,
    /// All hops of a redirected probe, in order. Empty without a redirect.
    pub hops: Vec<HopFacts>,
    /// The index of the hop that these facts describe.
    pub hop: usize,
}

/// Why a probe failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Failure {
    /// The phase that failed.
    pub phase: Phase,
    /// The reason.
    pub reason: FailureReason,
    /// Details in words, cleaned and truncated. Never a label.
    pub detail: String,
}

impl Failure {
    /// Creates a failure, with its detail cleaned for display.
    #[must_use]
    pub fn new(phase: Phase, reason: FailureReason, detail: impl AsRef<str>) -> Self {
        Self { phase, reason, detail: clean(detail.as_ref()) }
    }
}

/// The result of one probe of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The probed target.
    pub target: TargetId,
    /// When the probe ended, wall clock.
    pub at: SystemTime,
    /// The facts.
    pub facts: Facts,
    /// Why the probe failed. `None` after a success.
    pub failure: Option<Failure>,
}

impl Observation {
    /// Whether the probe succeeded: a genuine response, of any status.
    #[must_use]
    pub const fn success(&self) -> bool {
        self.failure.is_none()
    }

    /// Whether the result is about the network, not only about this machine or this program.
    #[must_use]
    pub fn is_about_network(&self) -> bool {
        let own = |failure: &Failure| {
            matches!(failure.reason, FailureReason::Internal | FailureReason::Unsupported)
                // The rights on a mounted share are those of this machine's users, not of Windows clients.
                || (cfg!(not(windows)) && failure.reason == FailureReason::AccessDenied)
        };
        !self.failure.as_ref().is_some_and(own)
    }

    /// Whether the proxy wasn't reached. Over a proxy, phases resolve and connect lead to the proxy, so nothing
    /// is known about the endpoint.
    #[must_use]
    pub fn failed_at_proxy(&self) -> bool {
        let by_proxy = self.facts.proxy.as_deref().is_some_and(|proxy| proxy != DIRECT);
        let phase = self.failure.as_ref().map(|failure| failure.phase);
        by_proxy && matches!(phase, Some(Phase::Resolve | Phase::Connect))
    }
}
