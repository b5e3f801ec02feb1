//! Classifies errors: library error → reason. Pure, and the only place that assigns reasons to library errors.

use std::io;

use hickory_proto::op::ResponseCode;
use rustls::{CertificateError, InvalidMessage};

use super::{PhaseError, TunnelError, cause};
use crate::config::ProxyKind;
use crate::net::read_limit::ReadLimitExceeded;
use crate::net::resolver::{NameError, ServerOutcome};
use crate::observation::{FailureReason as Reason, Phase};
use crate::tls::ChainError;

/// The reason of an error that ended `phase`.
pub(super) fn classify(phase: Phase, error: &PhaseError) -> Reason {
    match error {
        PhaseError::Name(NameError::Dns(failure)) => dns(failure.outcome()),
        PhaseError::Name(NameError::NoAddress { .. }) => Reason::NoData,
        PhaseError::Name(NameError::Sinkhole { .. }) => Reason::Sinkhole,
        PhaseError::Io(error) => io_error(phase, error),
        PhaseError::Tunnel(error) => tunnel(error),
        PhaseError::Chain(error) => chain(error),
        PhaseError::Suite { .. } => Reason::Unsupported,
        // A certificate can't be for a name that doesn't fit into SNI: a redirect named a host that can't
        // exist.
        PhaseError::OtherProtocol { .. } if phase == Phase::Tls => Reason::NotTls,
        PhaseError::Name(NameError::InvalidName(_))
        | PhaseError::ServerName(_)
        | PhaseError::OtherProtocol { .. } => Reason::Protocol,
        PhaseError::Name(NameError::Shortage(_) | NameError::Configuration(_))
        | PhaseError::Source { .. }
        | PhaseError::Request(_) => Reason::Internal,
        PhaseError::Http(error) | PhaseError::Unparsable { error, .. } => http(phase, error),
        PhaseError::TooLarge { .. } => Reason::TooLarge,
        PhaseError::CutOff => Reason::Closed,
        PhaseError::Content(_) => Reason::WrongContent,
    }
}

/// Classifies what a DNS server answered.
pub(super) fn dns(outcome: &ServerOutcome) -> Reason {
    match outcome {
        ServerOutcome::NxDomain { .. } => Reason::Nxdomain,
        ServerOutcome::NoData { .. } | ServerOutcome::AliasLoop | ServerOutcome::Addresses(_) => {
            Reason::NoData
        }
        ServerOutcome::Code(ResponseCode::ServFail) => Reason::Servfail,
        ServerOutcome::Code(ResponseCode::Refused) | ServerOutcome::Referral => Reason::Refused,
        ServerOutcome::Code(_) | ServerOutcome::Malformed | ServerOutcome::OtherOwner => Reason::Protocol,
        ServerOutcome::Silent(_) | ServerOutcome::OneTypeSilent { .. } => Reason::Timeout,
        ServerOutcome::Rejected | ServerOutcome::Unreachable(_) | ServerOutcome::NoTcp(_) => {
            Reason::Unreachable
        }
        ServerOutcome::Truncated(_) => Reason::Truncated,
        ServerOutcome::Exhausted(_) => Reason::Internal,
    }
}

pub(super) fn io_error(phase: Phase, error: &io::Error) -> Reason {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return crate::net::failure::classify::tls(phase, tls);
    }
    if error.get_ref().and_then(|inner| inner.downcast_ref::<ReadLimitExceeded>()).is_some() {
        return Reason::TooLarge;
    }
    let before = phase == Phase::Connect;
    match error.kind() {
        io::ErrorKind::ConnectionRefused if phase != Phase::Tls => Reason::Refused,
        io::ErrorKind::TimedOut => Reason::Timeout,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Reason::Reset,
        _ if is_unreachable(error) => {
            if before {
                Reason::Unreachable
            } else {
                Reason::Reset
            }
        }
        // A blackhole route, or an unconnectable address, such as a link-local one without a zone.
        io::ErrorKind::InvalidInput if before => Reason::Unreachable,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe if !before => Reason::Closed,
        // hyper reports a malformed chunk as invalid input.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput if !before => Reason::Protocol,
        _ => Reason::Internal,
    }
}

/// Whether routers or firewalls rejected the connection. The local firewall rejects connect(2) with EPERM or
/// EACCES.
fn is_unreachable(error: &io::Error) -> bool {
    // Linux maps rare ICMP messages to these: EHOSTDOWN, ENONET, ENOPROTOOPT, EPROTO.
    let rare = cfg!(target_os = "linux") && matches!(error.raw_os_error(), Some(112 | 64 | 92 | 71));
    rare || matches!(
        error.kind(),
        io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::PermissionDenied
    )
}

fn tls(phase: Phase, error: &rustls::Error) -> Reason {
    match error {
        rustls::Error::AlertReceived(_) if phase == Phase::Transfer => Reason::Closed,
        rustls::Error::AlertReceived(_) => Reason::Alert,
        // After the handshake, anything but TLS violates the protocol.
        _ if phase != Phase::Tls => Reason::Protocol,
        // A peer that doesn't speak TLS produces an unknown record type or version.
        rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => Reason::NotTls,
        rustls::Error::InvalidCertificate(error) => certificate_in_handshake(error),
        rustls::Error::NoCertificatesPresented => Reason::Invalid,
        rustls::Error::FailedToGetCurrentTime | rustls::Error::FailedToGetRandomBytes => Reason::Internal,
        _ => Reason::Protocol,
    }
}

/// Certificate errors that rustls reports during the handshake. [`chain`] classifies the verification of the
/// chain.
fn certificate_in_handshake(error: &CertificateError) -> Reason {
    match error {
        CertificateError::BadSignature => Reason::BadSignature,
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Reason::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Reason::NotYetValid,
        CertificateError::UnknownIssuer => Reason::UnknownIssuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Reason::NameMismatch
        }
        _ => Reason::Invalid,
    }
}

fn tunnel(error: &TunnelError) -> Reason {
    match error {
        TunnelError::Refused { unresolved: true, .. } => Reason::BadGateway,
        TunnelError::Refused { status, .. } => match status.as_u16() {
            401 | 407 => Reason::AuthRequired,
            // Proxies redirect CONNECT to a page that explains the denial (Squid's deny_info). A tunnel can't
            // follow a redirect.
            300..500 => Reason::Denied,
            500..600 => Reason::BadGateway,
            _ => Reason::Protocol,
        },
        TunnelError::OtherProtocol { kind: ProxyKind::Https, .. }
        | TunnelError::Tls(_)
        | TunnelError::Name(_) => Reason::ProxyTls,
        TunnelError::OtherProtocol { .. } | TunnelError::Hasty(_) | TunnelError::Reply => Reason::Protocol,
        TunnelError::Method(_) => Reason::AuthRequired,
        TunnelError::Socks(error) => socks(error),
    }
}

/// Classifies SOCKS 5 replies (RFC 1928, section 6).
fn socks(error: &tokio_socks::Error) -> Reason {
    use tokio_socks::Error;
    match error {
        Error::Io(error) => io_error(Phase::Tunnel, error),
        Error::NoAcceptableAuthMethods | Error::PasswordAuthFailure(_) => Reason::AuthRequired,
        Error::GeneralSocksServerFailure => Reason::BadGateway,
        Error::ConnectionNotAllowedByRuleset => Reason::Denied,
        Error::NetworkUnreachable | Error::HostUnreachable => Reason::Unreachable,
        Error::ConnectionRefused => Reason::Refused,
        Error::TtlExpired => Reason::Timeout,
        _ => Reason::Protocol,
    }
}

fn chain(error: &ChainError) -> Reason {
    match error {
        ChainError::Refused { error, .. } => certificate(error),
        ChainError::Weak { .. } => Reason::WeakKey,
        ChainError::Incomplete { .. } => Reason::IncompleteChain,
        ChainError::OtherRoot { .. } | ChainError::IssuerHostNotAllowed { .. } => Reason::UnknownIssuer,
        ChainError::RootExpired { .. } => Reason::Expired,
        ChainError::RootNotYetValid { .. } => Reason::NotYetValid,
        ChainError::NoTime => Reason::Internal,
        ChainError::Unsupported(_) => Reason::Unsupported,
    }
}

fn certificate(error: &webpki::Error) -> Reason {
    match error {
        webpki::Error::InvalidSignatureForPublicKey => Reason::BadSignature,
        webpki::Error::CertExpired { .. } => Reason::Expired,
        webpki::Error::CertNotValidYet { .. } => Reason::NotYetValid,
        webpki::Error::UnknownIssuer => Reason::UnknownIssuer,
        webpki::Error::CertNotValidForName(_) => Reason::NameMismatch,
        _ => Reason::Invalid,
    }
}

fn http(phase: Phase, error: &hyper::Error) -> Reason {
    if error.is_parse_too_large() {
        return Reason::TooLarge;
    }
    if error.is_incomplete_message() || error.is_closed() {
        return Reason::Closed;
    }
    match cause::<io::Error>(error) {
        Some(source) => io_error(phase, source),
        None if error.is_canceled() => Reason::Closed,
        None => Reason::Protocol,
    }
}

#[cfg(test)]
mod tests;
