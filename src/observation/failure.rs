//! Why a probe failed: its phase, the reason, and both together as a code.

use std::fmt;

use serde::Serialize;

use crate::string_enum::string_enum;
use crate::text::clean;

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

/// A phase and the reason for which it failed, as `explain` takes them: `connect.timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FailureCode {
    /// The phase that failed.
    pub phase: Phase,
    /// The reason.
    pub reason: FailureReason,
}

impl FailureCode {
    /// Creates a code. [`FAILURE_CODES`] lists those that occur.
    #[must_use]
    pub const fn new(phase: Phase, reason: FailureReason) -> Self {
        Self { phase, reason }
    }
}

impl From<(Phase, FailureReason)> for FailureCode {
    fn from((phase, reason): (Phase, FailureReason)) -> Self {
        Self { phase, reason }
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.phase, self.reason)
    }
}

/// Every code that can occur. Their counters are initialised to 0.
pub const FAILURE_CODES: &[FailureCode] = {
    use FailureReason as R;
    use Phase as S;
    const fn code(phase: Phase, reason: FailureReason) -> FailureCode {
        FailureCode::new(phase, reason)
    }
    &[
        code(S::Resolve, R::Nxdomain),
        code(S::Resolve, R::NoData),
        code(S::Resolve, R::Servfail),
        code(S::Resolve, R::Refused),
        code(S::Resolve, R::Timeout),
        code(S::Resolve, R::Sinkhole),
        code(S::Resolve, R::Truncated),
        code(S::Resolve, R::Unreachable),
        code(S::Resolve, R::Protocol),
        code(S::Resolve, R::Internal),
        code(S::Connect, R::Refused),
        code(S::Connect, R::Timeout),
        code(S::Connect, R::Unreachable),
        code(S::Connect, R::Reset),
        code(S::Connect, R::Internal),
        code(S::Tunnel, R::Refused),
        code(S::Tunnel, R::Timeout),
        code(S::Tunnel, R::Unreachable),
        code(S::Tunnel, R::Closed),
        code(S::Tunnel, R::Reset),
        code(S::Tunnel, R::Protocol),
        code(S::Tunnel, R::TooLarge),
        code(S::Tunnel, R::AuthRequired),
        code(S::Tunnel, R::Denied),
        code(S::Tunnel, R::BadGateway),
        code(S::Tunnel, R::ProxyTls),
        code(S::Tunnel, R::PacUnreachable),
        code(S::Tunnel, R::PacInvalid),
        code(S::Tunnel, R::PacTimeout),
        code(S::Tunnel, R::Internal),
        code(S::Tls, R::Timeout),
        code(S::Tls, R::Closed),
        code(S::Tls, R::Reset),
        code(S::Tls, R::Alert),
        code(S::Tls, R::NotTls),
        code(S::Tls, R::Protocol),
        code(S::Tls, R::Expired),
        code(S::Tls, R::NotYetValid),
        code(S::Tls, R::UnknownIssuer),
        code(S::Tls, R::NameMismatch),
        code(S::Tls, R::IncompleteChain),
        code(S::Tls, R::BadSignature),
        code(S::Tls, R::WeakKey),
        code(S::Tls, R::Intercepted),
        code(S::Tls, R::Revoked),
        code(S::Tls, R::Invalid),
        code(S::Tls, R::Unsupported),
        code(S::Tls, R::Internal),
        code(S::Request, R::Timeout),
        code(S::Request, R::Closed),
        code(S::Request, R::Reset),
        code(S::Request, R::Alert),
        code(S::Request, R::Protocol),
        code(S::Request, R::TooLarge),
        code(S::Request, R::RedirectOffSite),
        code(S::Request, R::AuthRequired),
        code(S::Request, R::Denied),
        code(S::Request, R::BadGateway),
        code(S::Request, R::BlockPage),
        code(S::Request, R::WrongContent),
        code(S::Request, R::Status),
        code(S::Request, R::Unreachable),
        code(S::Request, R::NotFound),
        code(S::Request, R::AccessDenied),
        code(S::Request, R::Outdated),
        code(S::Request, R::Unsupported),
        code(S::Request, R::Internal),
        code(S::Transfer, R::Timeout),
        code(S::Transfer, R::Closed),
        code(S::Transfer, R::Reset),
        code(S::Transfer, R::Protocol),
        code(S::Transfer, R::TooLarge),
        code(S::Transfer, R::Expired),
        code(S::Transfer, R::BadSignature),
        code(S::Transfer, R::BlockPage),
        code(S::Transfer, R::WrongContent),
        code(S::Transfer, R::Internal),
    ]
};

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

    /// Its phase and reason.
    #[must_use]
    pub const fn code(&self) -> FailureCode {
        FailureCode::new(self.phase, self.reason)
    }
}
