//! The reason of each library error in each phase. Integration tests cover errors that a library doesn't let
//! construct, and whether networks cause these errors.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::StatusCode;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, PeerMisbehaved};
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

use super::*;
use crate::config;
use crate::net::read_limit::ReadLimited;
use crate::net::resolver::{AddressOrigin, DnsFailure, ServerReport};
use crate::text::is_plain;
use Phase::{Connect, Request, Resolve, Tls, Transfer, Tunnel};

#[track_caller]
fn check(phase: Phase, error: impl Into<PhaseError>, expected: Reason) {
    let error = error.into();
    assert_eq!(classify(phase, &error), expected, "{phase}: {error:?}");
}

#[test]
fn name_errors() {
    use ServerOutcome as O;
    let server = ([192, 0, 2, 53], 53).into();
    let failure = |outcome| {
        let report = ServerReport { server, outcome, extended: None };
        NameError::Dns(DnsFailure { name: "a.example".to_owned(), reports: vec![report], decisive: 0 })
    };
    let silence = Duration::from_secs(1);
    for (outcome, expected) in [
        (O::NxDomain { alias: None }, Reason::Nxdomain),
        (O::NoData { alias: None }, Reason::NoData),
        (O::AliasLoop, Reason::NoData),
        (O::OtherOwner, Reason::Protocol),
        (O::Code(ResponseCode::ServFail), Reason::Servfail),
        (O::Code(ResponseCode::Refused), Reason::Refused),
        (O::Code(ResponseCode::NotImp), Reason::Protocol),
        (O::Referral, Reason::Refused),
        (O::Silent(silence), Reason::Timeout),
        (O::OneTypeSilent { record_type: "AAAA", after: silence }, Reason::Timeout),
        (O::Rejected, Reason::Unreachable),
        (O::Unreachable("no route".to_owned()), Reason::Unreachable),
        (O::NoTcp("no route".to_owned()), Reason::Unreachable),
        (O::Truncated("no route".to_owned()), Reason::Truncated),
        (O::Malformed, Reason::Protocol),
    ] {
        check(Resolve, failure(outcome), expected);
    }
    let (address, family) = (IpAddr::from([0, 0, 0, 0]), config::Family::Ipv6);
    let (name, origin) = ("a.example".to_owned(), AddressOrigin::HostsFile);
    check(Resolve, NameError::NoAddress { name, family, origin: origin.clone() }, Reason::NoData);
    check(Resolve, NameError::Sinkhole { address, origin, others: Vec::new() }, Reason::Sinkhole);
    check(Resolve, NameError::Shortage(String::new()), Reason::Internal);
    check(Resolve, NameError::Configuration(String::new()), Reason::Internal);
    check(Resolve, NameError::InvalidName(String::new()), Reason::Protocol);
}

#[test]
fn socket_errors_depend_on_the_phase() {
    use io::ErrorKind::{
        BrokenPipe, ConnectionAborted, ConnectionRefused, ConnectionReset, HostUnreachable, InvalidData,
        InvalidInput, NetworkDown, NetworkUnreachable, OutOfMemory, PermissionDenied, TimedOut,
        UnexpectedEof,
    };
    for (kinds, cases) in [
        (
            &[ConnectionRefused][..],
            &[(Connect, Reason::Refused), (Tunnel, Reason::Refused), (Tls, Reason::Internal)][..],
        ),
        (&[TimedOut], &[(Connect, Reason::Timeout), (Transfer, Reason::Timeout)]),
        (&[ConnectionReset, ConnectionAborted], &[(Connect, Reason::Reset), (Transfer, Reason::Reset)]),
        (
            &[HostUnreachable, NetworkUnreachable, NetworkDown, PermissionDenied],
            &[(Connect, Reason::Unreachable), (Tls, Reason::Reset)],
        ),
        (&[InvalidInput], &[(Connect, Reason::Unreachable), (Transfer, Reason::Protocol)]),
        (&[UnexpectedEof, BrokenPipe], &[(Connect, Reason::Internal), (Tls, Reason::Closed)]),
        (&[InvalidData], &[(Connect, Reason::Internal), (Transfer, Reason::Protocol)]),
        (&[OutOfMemory], &[(Connect, Reason::Internal), (Tls, Reason::Internal)]),
    ] {
        for (phase, expected) in cases {
            for kind in kinds {
                check(*phase, io::Error::from(*kind), *expected);
            }
        }
    }
    check(Request, io::Error::other(ReadLimitExceeded { limit: 1 }), Reason::TooLarge);
}

#[cfg(target_os = "linux")]
#[test]
fn rare_icmp_messages_are_unreachable() {
    const ENOMEM: i32 = 12;
    for number in [112, 64, 92, 71] {
        check(Connect, io::Error::from_raw_os_error(number), Reason::Unreachable);
        check(Transfer, io::Error::from_raw_os_error(number), Reason::Reset);
    }
    check(Connect, io::Error::from_raw_os_error(ENOMEM), Reason::Internal);
}

#[test]
fn tls_errors_depend_on_the_phase() {
    let check = |phase, error: rustls::Error, expected| check(phase, io::Error::other(error), expected);
    let alert = || rustls::Error::AlertReceived(AlertDescription::HandshakeFailure);
    check(Tls, alert(), Reason::Alert);
    check(Request, alert(), Reason::Alert);
    check(Transfer, alert(), Reason::Closed);
    for (error, expected) in [
        (rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType), Reason::NotTls),
        (rustls::Error::InvalidMessage(InvalidMessage::UnknownProtocolVersion), Reason::NotTls),
        (rustls::Error::InvalidMessage(InvalidMessage::InvalidCcs), Reason::Protocol),
        (rustls::Error::PeerMisbehaved(PeerMisbehaved::MissingKeyShare), Reason::Protocol),
        (rustls::Error::NoCertificatesPresented, Reason::Invalid),
        (rustls::Error::FailedToGetCurrentTime, Reason::Internal),
        (rustls::Error::FailedToGetRandomBytes, Reason::Internal),
    ] {
        check(Tls, error.clone(), expected);
        check(Request, error, Reason::Protocol);
    }
}

#[test]
fn certificate_errors_in_the_handshake() {
    use CertificateError as E;
    let (time, not_after, not_before) = (UnixTime::now(), UnixTime::now(), UnixTime::now());
    let expected_name = ServerName::try_from("a.example").unwrap();
    for (error, expected) in [
        (E::BadSignature, Reason::BadSignature),
        (E::Expired, Reason::Expired),
        (E::ExpiredContext { time, not_after }, Reason::Expired),
        (E::NotValidYet, Reason::NotYetValid),
        (E::NotValidYetContext { time, not_before }, Reason::NotYetValid),
        (E::UnknownIssuer, Reason::UnknownIssuer),
        (E::NotValidForName, Reason::NameMismatch),
        (E::NotValidForNameContext { expected: expected_name, presented: Vec::new() }, Reason::NameMismatch),
        (E::BadEncoding, Reason::Invalid),
    ] {
        check(Tls, io::Error::other(rustls::Error::InvalidCertificate(error)), expected);
    }
}

#[test]
fn chain_errors() {
    use webpki::Error as E;
    let (time, not_after, not_before) = (UnixTime::now(), UnixTime::now(), UnixTime::now());
    let name = webpki::InvalidNameContext {
        expected: ServerName::try_from("a.example").unwrap(),
        presented: Vec::new(),
    };
    for (error, expected) in [
        (E::InvalidSignatureForPublicKey, Reason::BadSignature),
        (E::CertExpired { time, not_after }, Reason::Expired),
        (E::CertNotValidYet { time, not_before }, Reason::NotYetValid),
        (E::UnknownIssuer, Reason::UnknownIssuer),
        (E::CertNotValidForName(name), Reason::NameMismatch),
        (E::BadDer, Reason::Invalid),
    ] {
        check(Tls, ChainError::refused(error, &[]), expected);
    }
    let (issuer, url, why) = (String::new(), String::new(), String::new());
    check(Tls, ChainError::Weak { words: String::new(), of_leaf: true }, Reason::WeakKey);
    check(
        Tls,
        ChainError::IssuerHostNotAllowed { issuer: String::new(), url: String::new() },
        Reason::UnknownIssuer,
    );
    check(Tls, ChainError::Incomplete { issuer, url, why }, Reason::IncompleteChain);
    check(Tls, ChainError::OtherRoot { words: String::new() }, Reason::UnknownIssuer);
    check(Tls, ChainError::NoTime, Reason::Internal);
}

#[test]
fn tunnel_errors() {
    use tokio_socks::Error as E;
    for (status, expected) in [
        (199, Reason::Protocol),
        (204, Reason::Protocol),
        (299, Reason::Protocol),
        (300, Reason::Denied),
        (403, Reason::Denied),
        (407, Reason::AuthRequired),
        (499, Reason::Denied),
        (500, Reason::BadGateway),
        (599, Reason::BadGateway),
        (600, Reason::Protocol),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        check(Tunnel, TunnelError::Refused { status, why: String::new(), unresolved: false }, expected);
    }
    for (error, expected) in [
        (E::Io(io::ErrorKind::ConnectionReset.into()), Reason::Reset),
        (E::NoAcceptableAuthMethods, Reason::AuthRequired),
        (E::PasswordAuthFailure(1), Reason::AuthRequired),
        (E::GeneralSocksServerFailure, Reason::BadGateway),
        (E::ConnectionNotAllowedByRuleset, Reason::Denied),
        (E::NetworkUnreachable, Reason::Unreachable),
        (E::HostUnreachable, Reason::Unreachable),
        (E::ConnectionRefused, Reason::Refused),
        (E::TtlExpired, Reason::Timeout),
        (E::CommandNotSupported, Reason::Protocol),
    ] {
        check(Tunnel, TunnelError::Socks(error), expected);
    }
    check(Tunnel, TunnelError::Hasty(1), Reason::Protocol);
    check(Tunnel, TunnelError::Reply, Reason::Protocol);
    check(Tunnel, TunnelError::Method("GSSAPI"), Reason::AuthRequired);
    check(Tunnel, TunnelError::Tls(io::ErrorKind::ConnectionReset.into()), Reason::ProxyTls);
    check(Tunnel, TunnelError::Name(String::new()), Reason::ProxyTls);
}

#[test]
fn internal_errors() {
    let source = PhaseError::Source {
        address: IpAddr::from([192, 0, 2, 1]),
        error: io::ErrorKind::AddrNotAvailable.into(),
    };
    check(Connect, source, Reason::Internal);
    let request = hyper::http::Request::builder().method("not one").body(()).unwrap_err();
    check(Request, request, Reason::Internal);
    check(Tls, PhaseError::ServerName("a..example".to_owned()), Reason::Protocol);
    check(Transfer, PhaseError::TooLarge { limit: 1 }, Reason::TooLarge);
}

/// The error of a request to a server that sends this and then hangs up, or never stops sending.
async fn http_error(server: impl AsyncFnOnce(DuplexStream)) -> hyper::Error {
    let (client, there) = duplex(64 * 1024);
    let wire = TokioIo::new(ReadLimited::new(client, 16 * 1024));
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(8 * 1024).handshake::<_, Empty<Bytes>>(wire).await.unwrap();
    let ask = sender.send_request(hyper::Request::new(Empty::new()));
    let (answer, _, ()) = tokio::join!(ask, connection, server(there));
    answer.unwrap_err()
}

/// A server that answers with this text, repeatedly, and hangs up.
async fn error_of_response(answer: &str, times: usize) -> hyper::Error {
    http_error(async |mut wire| {
        for _ in 0..times {
            _ = wire.write_all(answer.as_bytes()).await;
        }
    })
    .await
}

#[tokio::test]
async fn http_errors_are_worded() {
    let check = |error: hyper::Error, expected: &str| {
        let said = PhaseError::from(error).to_string();
        assert!(is_plain(&said), "{said}");
        assert_eq!(said, expected);
    };
    let cut_short = "the connection was closed before the response was complete";
    check(error_of_response("", 0).await, cut_short);
    check(error_of_response("HTTP/1.1 2", 1).await, cut_short);
    check(error_of_response("no HTTP at all\r\n\r\n", 1).await, "the response is not valid HTTP/1.1");
    check(
        error_of_response("HTTP/1.1 2x0 OK\r\n\r\n", 1).await,
        "the status line of the response can't be read",
    );
    let long = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(9 * 1024));
    check(error_of_response(&long, 1).await, "the head of the response is too long");
}

#[tokio::test]
async fn http_errors() {
    check(Request, error_of_response("", 0).await, Reason::Closed);
    check(Request, error_of_response("HTTP/1.1 2", 1).await, Reason::Closed);
    check(Request, error_of_response("no HTTP at all\r\n\r\n", 1).await, Reason::Protocol);
    let long = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(9 * 1024));
    check(Request, error_of_response(&long, 1).await, Reason::TooLarge);
    let flood = error_of_response("HTTP/1.1 103 Early Hints\r\n\r\n", 1024).await;
    assert!(PhaseError::from(flood).to_string().contains("exceeded 16384 bytes"), "the cause is said");
    check(Request, error_of_response("HTTP/1.1 103 Early Hints\r\n\r\n", 1024).await, Reason::TooLarge);
}

#[tokio::test]
async fn requests_on_a_closed_connection_fail() {
    let (client, _server) = duplex(64);
    let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(client)).await.unwrap();
    drop(connection);
    check(Request, sender.ready().await.unwrap_err(), Reason::Closed);
    let canceled = sender.send_request(hyper::Request::new(Empty::new())).await.unwrap_err();
    assert!(canceled.is_canceled());
    check(Request, canceled, Reason::Closed);
}
