//! Error → reason. Pure, and the only place where an error of a library gets its word.

use std::error::Error;
use std::io;

use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use rustls::{CertificateError, InvalidMessage};

use super::{StageError, TunnelError, fetch};
use crate::metered::Flood;
use crate::names::NameError;
use crate::observation::{FailureReason as Reason, Stage};
use crate::trust::ChainError;

/// The reason of an error that ended `stage`.
pub(super) fn classify(stage: Stage, error: &StageError) -> Reason {
    match error {
        StageError::Name(NameError::Dns(error)) => dns(error),
        StageError::Name(NameError::NoAddress) => Reason::NoData,
        StageError::Name(NameError::Sinkhole(_)) => Reason::Sinkhole,
        StageError::Name(NameError::Rejected(_)) => Reason::Unreachable,
        StageError::Name(NameError::Truncated(_)) => Reason::Truncated,
        StageError::Io(error) => io_error(stage, error),
        StageError::Tunnel(error) => tunnel(error),
        StageError::Chain(error) => chain(error),
        // Certificates are for names that TLS can ask for: the one that redirected here speaks of no such host.
        StageError::Name(NameError::Garbage) | StageError::ServerName(_) => Reason::Protocol,
        StageError::Name(NameError::Shortage(_)) | StageError::Source { .. } | StageError::Request(_) => {
            Reason::Internal
        }
        StageError::Http(error) => http(stage, error),
        StageError::Fetch(error) => fetch::reason(stage, error),
        StageError::TooLarge { .. } => Reason::TooLarge,
    }
}

fn dns(error: &NetError) -> Reason {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(NoRecords { response_code, .. })) => match response_code {
            ResponseCode::NXDomain => Reason::Nxdomain,
            _ => Reason::NoData,
        },
        NetError::Dns(DnsError::ResponseCode(ResponseCode::ServFail)) => Reason::Servfail,
        NetError::Dns(DnsError::ResponseCode(ResponseCode::Refused)) => Reason::Refused,
        NetError::Timeout => Reason::Timeout,
        NetError::NoConnections => Reason::Unreachable,
        NetError::Io(error) => match io_error(Stage::Resolve, error) {
            // A name server that hangs up on TCP has broken its protocol.
            Reason::Closed | Reason::Reset => Reason::Protocol,
            other => other,
        },
        NetError::Busy => Reason::Internal,
        _ => Reason::Protocol,
    }
}

pub(super) fn io_error(stage: Stage, error: &io::Error) -> Reason {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return self::tls(stage, tls);
    }
    if error.get_ref().and_then(|inner| inner.downcast_ref::<Flood>()).is_some() {
        return Reason::TooLarge;
    }
    let before = matches!(stage, Stage::Resolve | Stage::Connect);
    match error.kind() {
        io::ErrorKind::ConnectionRefused if stage != Stage::Tls => Reason::Refused,
        io::ErrorKind::TimedOut => Reason::Timeout,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Reason::Reset,
        _ if is_unreachable(error) => {
            if before {
                Reason::Unreachable
            } else {
                Reason::Reset
            }
        }
        // A blackhole route, or an address that can't be connected to, such as a link-local one.
        io::ErrorKind::InvalidInput if before => Reason::Unreachable,
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe if stage != Stage::Connect => closed(stage),
        // hyper calls a malformed chunk invalid input.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput if !before => Reason::Protocol,
        io::ErrorKind::InvalidData if stage == Stage::Resolve => Reason::Protocol,
        _ => Reason::Internal,
    }
}

/// What routers and firewalls say, this machine's own among them: those answer connect(2) with EPERM or EACCES.
fn is_unreachable(error: &io::Error) -> bool {
    // Linux makes these of ICMP's rarer messages: EHOSTDOWN, ENONET, ENOPROTOOPT, EPROTO.
    let rare = cfg!(target_os = "linux") && matches!(error.raw_os_error(), Some(112 | 64 | 92 | 71));
    rare || matches!(
        error.kind(),
        io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::PermissionDenied
    )
}

/// Name resolution knows no "closed": a name server that hangs up has broken its protocol.
fn closed(stage: Stage) -> Reason {
    if stage == Stage::Resolve { Reason::Protocol } else { Reason::Closed }
}

pub(super) fn tls(stage: Stage, error: &rustls::Error) -> Reason {
    match error {
        rustls::Error::AlertReceived(_) if stage == Stage::Transfer => Reason::Closed,
        rustls::Error::AlertReceived(_) => Reason::Alert,
        // After the handshake, what isn't TLS breaks TLS.
        _ if stage != Stage::Tls => Reason::Protocol,
        // The first bytes of something else make an unknown record type or version.
        rustls::Error::InvalidMessage(
            InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
        ) => Reason::NotTls,
        rustls::Error::InvalidCertificate(error) => presented(error),
        rustls::Error::NoCertificatesPresented => Reason::Invalid,
        rustls::Error::FailedToGetCurrentTime | rustls::Error::FailedToGetRandomBytes => Reason::Internal,
        _ => Reason::Protocol,
    }
}

/// What the TLS library itself finds wrong with a chain, in fetches; a probe's chain is judged by [`chain`].
fn presented(error: &CertificateError) -> Reason {
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
        TunnelError::Refused { status, .. } => match status.as_u16() {
            407 => Reason::AuthRequired,
            // A redirect is how many say why they deny (Squid's deny_info): nobody can follow it to a tunnel.
            300..500 => Reason::Denied,
            500..600 => Reason::BadGateway,
            _ => Reason::Protocol,
        },
        TunnelError::Hasty(_) | TunnelError::Reply => Reason::Protocol,
        TunnelError::Method(_) => Reason::AuthRequired,
        TunnelError::Tls(_) | TunnelError::Name(_) => Reason::ProxyTls,
        TunnelError::Socks(error) => socks(error),
    }
}

/// By the replies of RFC 1928, section 6.
fn socks(error: &tokio_socks::Error) -> Reason {
    use tokio_socks::Error;
    match error {
        Error::Io(error) => io_error(Stage::Tunnel, error),
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
        ChainError::Refused(error) => certificate(error),
        ChainError::Weak(_) => Reason::WeakKey,
        ChainError::Incomplete { .. } => Reason::IncompleteChain,
        ChainError::Foreign { .. } => Reason::UnknownIssuer,
        ChainError::NoTime => Reason::Internal,
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

pub(super) fn http(stage: Stage, error: &hyper::Error) -> Reason {
    if error.is_parse_too_large() {
        return Reason::TooLarge;
    }
    if error.is_incomplete_message() || error.is_closed() {
        return Reason::Closed;
    }
    match cause::<io::Error>(error) {
        Some(source) => io_error(stage, source),
        None if error.is_canceled() => Reason::Closed,
        None => Reason::Protocol,
    }
}

/// An error and its causes.
pub(super) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The error of a kind among an error and its causes.
pub(super) fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).find_map(|error| error.downcast_ref())
}

/// An error with its causes: hyper's own text leaves them out.
pub(super) fn chain_of(error: &(dyn Error + 'static)) -> String {
    let texts: Vec<_> = causes(error).map(ToString::to_string).collect();
    texts.join(": ")
}

#[cfg(test)]
mod tests;
