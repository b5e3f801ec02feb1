//! A fetch's error → stage and reason. What goes wrong between the library and a proxy has types that it keeps to itself:
//! those are known by their words, which the tests of fetches by proxies hold.

use std::io;

use super::classify::{cause, causes, chain_of, http, io_error, tls};
use crate::observation::{FailureReason as Reason, Stage};

/// How the library names a TCP connection that doesn't come about.
const CONNECT: [&str; 2] = ["tcp ", "SOCKS error: failed to create underlying connection"];

/// How it names what goes wrong between it and a proxy that it is connected to.
const TUNNEL: [&str; 2] = ["tunnel error: ", "SOCKS error: "];

/// What proxies answer, in the library's words; RFC 1928, section 6, and RFC 9110, section 9.3.6.
const ANSWERS: &[(&str, Reason)] = &[
    ("tunnel error: proxy authorization required", Reason::AuthRequired),
    ("tunnel error: unsuccessful", Reason::Denied), // it has not kept the status
    ("tunnel error: proxy response headers too long", Reason::TooLarge),
    ("tunnel error: unexpected end of file", Reason::Closed),
    ("SOCKS error: server does not support user/pass authentication", Reason::AuthRequired),
    ("SOCKS error: server implements authentication incorrectly", Reason::AuthRequired),
    ("SOCKS error: credentials not accepted", Reason::AuthRequired),
    ("SOCKS error: general server failure", Reason::BadGateway),
    ("SOCKS error: connection not allowed", Reason::Denied),
    ("SOCKS error: network unreachable", Reason::Unreachable),
    ("SOCKS error: host unreachable", Reason::Unreachable),
    ("SOCKS error: connection refused", Reason::Refused),
    ("SOCKS error: ttl expired", Reason::Timeout),
    ("SOCKS error: command not supported", Reason::Protocol),
    ("SOCKS error: address type not supported", Reason::Protocol),
    ("SOCKS error: failed parsing server response", Reason::Protocol),
];

/// The kinds of errors that the library's SOCKS swallows, as `Debug` alone still shows them.
const SWALLOWED: &[(&str, io::ErrorKind)] = &[
    ("kind: ConnectionRefused", io::ErrorKind::ConnectionRefused),
    ("kind: ConnectionReset", io::ErrorKind::ConnectionReset),
    ("kind: ConnectionAborted", io::ErrorKind::ConnectionAborted),
    ("kind: BrokenPipe", io::ErrorKind::BrokenPipe),
    ("kind: UnexpectedEof", io::ErrorKind::UnexpectedEof),
    ("kind: TimedOut", io::ErrorKind::TimedOut),
    ("kind: HostUnreachable", io::ErrorKind::HostUnreachable),
    ("kind: NetworkUnreachable", io::ErrorKind::NetworkUnreachable),
    ("kind: NetworkDown", io::ErrorKind::NetworkDown),
    ("kind: PermissionDenied", io::ErrorKind::PermissionDenied),
    ("kind: AddrNotAvailable", io::ErrorKind::AddrNotAvailable),
];

/// The stage of a connection that didn't come about, where the error tells: none after TCP and tunnel, in TLS.
pub(crate) fn stage(error: &reqwest::Error) -> Option<Stage> {
    let begins = |with: &[&str]| {
        causes(error).any(|cause| {
            let text = cause.to_string();
            with.iter().any(|with| text.starts_with(with))
        })
    };
    if begins(&CONNECT) { Some(Stage::Connect) } else { begins(&TUNNEL).then_some(Stage::Tunnel) }
}

/// The reason of a fetch that failed in `stage`.
pub(super) fn reason(stage: Stage, error: &reqwest::Error) -> Reason {
    if let Some(error) = cause::<hyper::Error>(error) {
        return http(stage, error);
    }
    let answered = causes(error).find_map(|cause| {
        let text = cause.to_string();
        ANSWERS.iter().find(|(words, _)| *words == text)
    });
    if let Some((_, reason)) = answered {
        return *reason;
    }
    match (cause::<io::Error>(error).map(innermost), swallowed(error)) {
        (Some(source), _) => match source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(_) if stage == Stage::Tunnel => Reason::ProxyTls,
            Some(error) => tls(stage, error),
            None => io_error(stage, source),
        },
        (None, Some(kind)) => io_error(stage, &kind.into()),
        (None, None) => Reason::Internal, // the library refuses what it was asked for
    }
}

/// What went wrong, without the layers of libraries around it.
pub(super) fn words(error: &reqwest::Error) -> String {
    let proxy =
        causes(error).map(ToString::to_string).find(|text| TUNNEL.iter().any(|with| text.starts_with(with)));
    match (cause::<hyper::Error>(error), cause::<io::Error>(error).map(innermost), proxy) {
        (Some(http), ..) => chain_of(http),
        (None, Some(io), _) => io.to_string(),
        (None, None, Some(text)) => match swallowed(error) {
            Some(kind) => format!("{text}: {kind}"),
            None => text,
        },
        (None, None, None) => chain_of(error),
    }
}

/// The error that others of its kind are wrapped around.
fn innermost(mut error: &io::Error) -> &io::Error {
    while let Some(inner) = error.get_ref().and_then(|inner| inner.downcast_ref()) {
        error = inner;
    }
    error
}

fn swallowed(error: &reqwest::Error) -> Option<io::ErrorKind> {
    let socks = causes(error).find(|cause| cause.to_string().starts_with("SOCKS error: "))?;
    let text = format!("{socks:?}");
    SWALLOWED.iter().find(|(words, _)| text.contains(words)).map(|(_, kind)| *kind)
}
