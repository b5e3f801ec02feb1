//! Which word each error of a library gets in each stage. What a library keeps to itself, and whether a network makes these
//! errors, is held by the integration tests.

use std::net::IpAddr;

use bytes::Bytes;
use hickory_resolver::proto::op::Query;
use http_body_util::Empty;
use hyper::StatusCode;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{AlertDescription, PeerMisbehaved};
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

use super::*;
use crate::metered::Metered;
use Stage::{Connect, Request, Resolve, Tls, Transfer, Tunnel};

#[track_caller]
fn check(stage: Stage, error: impl Into<StageError>, expected: Reason) {
    let error = error.into();
    assert_eq!(classify(stage, &error), expected, "{stage}: {error:?}");
}

#[test]
fn names_that_lead_nowhere() {
    let nothing = |code| DnsError::NoRecordsFound(NoRecords::new(Query::default(), code)).into();
    let answer = |code| NetError::from(DnsError::ResponseCode(code));
    let socket = |kind: io::ErrorKind| NetError::Io(io::Error::from(kind).into());
    for (error, expected) in [
        (nothing(ResponseCode::NXDomain), Reason::Nxdomain),
        (nothing(ResponseCode::NoError), Reason::NoData),
        (answer(ResponseCode::ServFail), Reason::Servfail),
        (answer(ResponseCode::Refused), Reason::Refused),
        (answer(ResponseCode::NotImp), Reason::Protocol),
        (NetError::Timeout, Reason::Timeout),
        (NetError::NoConnections, Reason::Unreachable),
        (NetError::Busy, Reason::Internal),
        (NetError::Message("no answer that can be read"), Reason::Protocol),
        (socket(io::ErrorKind::ConnectionRefused), Reason::Refused),
        (socket(io::ErrorKind::HostUnreachable), Reason::Unreachable),
        (socket(io::ErrorKind::ConnectionReset), Reason::Protocol),
        (socket(io::ErrorKind::UnexpectedEof), Reason::Protocol),
        (socket(io::ErrorKind::OutOfMemory), Reason::Internal),
    ] {
        check(Resolve, NameError::Dns(error), expected);
    }
    let sinkhole = IpAddr::from([0, 0, 0, 0]);
    check(Resolve, NameError::NoAddress, Reason::NoData);
    check(Resolve, NameError::Sinkhole(sinkhole), Reason::Sinkhole);
    check(Resolve, NameError::Rejected((sinkhole, 53).into()), Reason::Unreachable);
    check(Resolve, NameError::Truncated(String::new()), Reason::Truncated);
    check(Resolve, NameError::Garbage, Reason::Protocol);
}

#[test]
fn sockets_fail_in_words_of_the_stage() {
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
            &[(Resolve, Reason::Unreachable), (Connect, Reason::Unreachable), (Tls, Reason::Reset)],
        ),
        (
            &[InvalidInput],
            &[(Resolve, Reason::Unreachable), (Connect, Reason::Unreachable), (Transfer, Reason::Protocol)],
        ),
        (
            &[UnexpectedEof, BrokenPipe],
            &[(Resolve, Reason::Protocol), (Connect, Reason::Internal), (Tls, Reason::Closed)],
        ),
        (
            &[InvalidData],
            &[(Resolve, Reason::Protocol), (Connect, Reason::Internal), (Transfer, Reason::Protocol)],
        ),
        (
            &[OutOfMemory],
            &[(Resolve, Reason::Internal), (Connect, Reason::Internal), (Tls, Reason::Internal)],
        ),
    ] {
        for (stage, expected) in cases {
            for kind in kinds {
                check(*stage, io::Error::from(*kind), *expected);
            }
        }
    }
    check(Request, io::Error::other(Flood { limit: 1 }), Reason::TooLarge);
}

#[cfg(target_os = "linux")]
#[test]
fn the_rarer_messages_of_icmp_are_known() {
    const ENOMEM: i32 = 12;
    for number in [112, 64, 92, 71] {
        check(Connect, io::Error::from_raw_os_error(number), Reason::Unreachable);
        check(Transfer, io::Error::from_raw_os_error(number), Reason::Reset);
    }
    check(Connect, io::Error::from_raw_os_error(ENOMEM), Reason::Internal);
}

#[test]
fn tls_fails_in_words_of_the_stage() {
    let check = |stage, error: rustls::Error, expected| check(stage, io::Error::other(error), expected);
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
fn the_library_finds_chains_wrong() {
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
fn a_chain_is_not_believed() {
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
        check(Tls, ChainError::Refused(error), expected);
    }
    let (issuer, url, why) = (String::new(), String::new(), String::new());
    check(Tls, ChainError::Weak(String::new()), Reason::WeakKey);
    check(Tls, ChainError::Foreign { issuer: String::new(), url: String::new() }, Reason::UnknownIssuer);
    check(Tls, ChainError::Incomplete { issuer, url, why }, Reason::IncompleteChain);
    check(Tls, ChainError::NoTime, Reason::Internal);
}

#[test]
fn proxies_say_no() {
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
        check(Tunnel, TunnelError::Refused { status, why: String::new() }, expected);
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
fn what_is_this_programs_own_doing() {
    let source = StageError::Source {
        address: IpAddr::from([192, 0, 2, 1]),
        error: io::ErrorKind::AddrNotAvailable.into(),
    };
    check(Connect, source, Reason::Internal);
    let request = hyper::http::Request::builder().method("not one").body(()).unwrap_err();
    check(Request, request, Reason::Internal);
    check(Tls, StageError::ServerName("a..example".to_owned()), Reason::Protocol);
    check(Transfer, StageError::TooLarge { limit: 1 }, Reason::TooLarge);
}

/// What becomes of a request where the server sends this and hangs up, or goes on sending for ever.
async fn http_error(server: impl AsyncFnOnce(DuplexStream)) -> hyper::Error {
    let (client, there) = duplex(64 * 1024);
    let wire = TokioIo::new(Metered::new(client, 16 * 1024));
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(8 * 1024).handshake::<_, Empty<Bytes>>(wire).await.unwrap();
    let ask = sender.send_request(hyper::Request::new(Empty::new()));
    let (answer, _, ()) = tokio::join!(ask, connection, server(there));
    answer.unwrap_err()
}

/// A server that answers any request with this, again and again, and hangs up.
async fn says(answer: &str, times: usize) -> hyper::Error {
    http_error(async |mut wire| {
        for _ in 0..times {
            _ = wire.write_all(answer.as_bytes()).await;
        }
    })
    .await
}

#[tokio::test]
async fn http_connections_fail() {
    check(Request, says("", 0).await, Reason::Closed);
    check(Request, says("HTTP/1.1 2", 1).await, Reason::Closed);
    check(Request, says("no HTTP at all\r\n\r\n", 1).await, Reason::Protocol);
    let long = format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(9 * 1024));
    check(Request, says(&long, 1).await, Reason::TooLarge);
    let flood = says("HTTP/1.1 103 Early Hints\r\n\r\n", 1024).await;
    assert!(StageError::from(flood).to_string().contains("over 16384 bytes"), "the cause is said");
    check(Request, says("HTTP/1.1 103 Early Hints\r\n\r\n", 1024).await, Reason::TooLarge);
}

#[tokio::test]
async fn requests_on_a_connection_that_is_gone_fail() {
    let (client, _server) = duplex(64);
    let (mut sender, connection) = http1::handshake::<_, Empty<Bytes>>(TokioIo::new(client)).await.unwrap();
    drop(connection);
    check(Request, sender.ready().await.unwrap_err(), Reason::Closed);
    let canceled = sender.send_request(hyper::Request::new(Empty::new())).await.unwrap_err();
    assert!(canceled.is_canceled());
    check(Request, canceled, Reason::Closed);
}
