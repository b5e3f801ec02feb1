//! The errors of the libraries in words for a person: their own texts name their types, and point at their documentation. Pure.

use std::io;
use std::net::IpAddr;

use rustls::{AlertDescription, CertificateError, InvalidMessage, PeerIncompatible};

use super::{PeerProtocol, cause};
use crate::config::ProxyKind;
use crate::net::exhaustion;
use crate::net::read_limit::ReadLimitExceeded;
use crate::tls::refusal;

/// A socket's error, or that of what is spoken over it.
pub(super) fn io(error: &io::Error) -> String {
    let Some(inner) = error.get_ref() else { return exhaustion::describe(error) };
    if let Some(error) = inner.downcast_ref::<rustls::Error>() {
        return tls(error);
    }
    if let Some(error) = inner.downcast_ref::<ReadLimitExceeded>() {
        return error.to_string();
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the peer closed the connection too early".to_owned(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => "the peer sent invalid data".to_owned(),
        // The library wraps the system's error.
        _ => inner.downcast_ref::<io::Error>().map_or_else(|| error.kind().to_string(), self::io),
    }
}

/// A source address that can't be bound.
pub(super) fn source(address: IpAddr, error: &io::Error) -> String {
    match (error.raw_os_error(), error.kind()) {
        (Some(_), io::ErrorKind::AddrNotAvailable) => {
            format!("source address {address} is not an address of this machine")
        }
        (Some(_), _) => format!("failed to bind source address {address}: {}", exhaustion::describe(error)),
        (None, _) => format!("failed to bind source address {address}: {error}"),
    }
}

/// An error of TLS.
pub(crate) fn tls(error: &rustls::Error) -> String {
    use rustls::Error as E;
    match error {
        E::AlertReceived(alert) => alert_words(*alert),
        E::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            "the peer does not speak TLS".to_owned()
        }
        E::InvalidMessage(fault) => format!("the peer sent a malformed TLS message ({})", spaced(fault)),
        E::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "the peer speaks neither TLS 1.2 nor TLS 1.3".to_owned(),
        E::PeerIncompatible(fault) => {
            format!("the peer's TLS is incompatible with this exporter's ({})", spaced(fault))
        }
        E::PeerMisbehaved(fault) => format!("the peer violates the TLS protocol ({})", spaced(fault)),
        E::InappropriateMessage { .. } | E::InappropriateHandshakeMessage { .. } => {
            "the peer sent an unexpected TLS message".to_owned()
        }
        E::InvalidCertificate(fault) => format!("certificate: {}", certificate(fault)),
        E::NoCertificatesPresented => "the peer presented no certificate".to_owned(),
        E::DecryptError => "a TLS record can't be decrypted".to_owned(),
        E::PeerSentOversizedRecord => "the peer sent a TLS record that is too long".to_owned(),
        E::NoApplicationProtocol => "the peer speaks no application protocol that was offered".to_owned(),
        E::FailedToGetCurrentTime => "the clock can't be read".to_owned(),
        E::FailedToGetRandomBytes => "this machine's random number generator failed".to_owned(),
        _ => "TLS failed".to_owned(),
    }
}

/// What the TLS library finds wrong with a certificate; of an endpoint's chain, `tls` says more.
fn certificate(error: &CertificateError) -> String {
    use CertificateError as E;
    match error {
        E::Expired => "a certificate of the chain has expired".to_owned(),
        E::ExpiredContext { not_after, .. } => refusal::expired(None, *not_after),
        E::NotValidYet => "a certificate of the chain is not valid yet".to_owned(),
        E::NotValidYetContext { not_before, .. } => refusal::not_yet_valid(None, *not_before),
        E::NotValidForName => "the certificate is for another name".to_owned(),
        E::NotValidForNameContext { expected, presented } => refusal::wrong_name(expected, presented),
        E::UnknownIssuer => {
            "the issuer is unknown: the chain leads to none of this machine's trusted roots".to_owned()
        }
        E::BadSignature => refusal::BAD_SIGNATURE.to_owned(),
        E::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
            refusal::unsupported_algorithm(signature_algorithm_id)
        }
        E::UnsupportedSignatureAlgorithmForPublicKeyContext {
            signature_algorithm_id,
            public_key_algorithm_id,
        } => refusal::unfit_algorithm(signature_algorithm_id, public_key_algorithm_id),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => refusal::WRONG_PURPOSE.to_owned(),
        E::UnhandledCriticalExtension => refusal::CRITICAL_EXTENSION.to_owned(),
        E::Revoked => "a certificate of the chain is revoked".to_owned(),
        E::BadEncoding => "chain rejected (invalid encoding)".to_owned(),
        _ => "chain rejected".to_owned(),
    }
}

/// An alert by its name in RFC 8446, section 6 (RFC 5246 and RFC 6066 for the older ones).
fn alert_words(alert: AlertDescription) -> String {
    let number = u8::from(alert);
    let name = match number {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        21 => "decryption_failed",
        22 => "record_overflow",
        30 => "decompression_failure",
        40 => "handshake_failure",
        41 => "no_certificate",
        42 => "bad_certificate",
        43 => "unsupported_certificate",
        44 => "certificate_revoked",
        45 => "certificate_expired",
        46 => "certificate_unknown",
        47 => "illegal_parameter",
        48 => "unknown_ca",
        49 => "access_denied",
        50 => "decode_error",
        51 => "decrypt_error",
        60 => "export_restriction",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        86 => "inappropriate_fallback",
        90 => "user_canceled",
        100 => "no_renegotiation",
        109 => "missing_extension",
        110 => "unsupported_extension",
        111 => "certificate_unobtainable",
        112 => "unrecognized_name",
        113 => "bad_certificate_status_response",
        114 => "bad_certificate_hash_value",
        115 => "unknown_psk_identity",
        116 => "certificate_required",
        120 => "no_application_protocol",
        121 => "ech_required",
        _ => "unassigned",
    };
    format!("TLS alert: {name} ({number})")
}

/// The name of a library's variant as words: `NoCipherSuitesInCommon` is "no cipher suites in common".
fn spaced(variant: &impl std::fmt::Debug) -> String {
    let name = format!("{variant:?}");
    let name = name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    let mut words = String::new();
    let mut before = '_';
    for c in name.chars() {
        if c.is_ascii_uppercase() && before.is_ascii_lowercase() {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
        before = c;
    }
    words
}

/// A peer that speaks another protocol than the expected one, and what it sent first, quoted.
pub(super) fn spoken(expected: &str, spoken: Option<PeerProtocol>, sent: Option<&str>) -> String {
    let sent = sent.unwrap_or("nothing that is recognised");
    match spoken {
        // What isn't text, but recognised, says more by its name.
        Some(spoken) if sent.starts_with('"') => {
            format!("the peer does not speak {expected}: it answered with {spoken} ({sent})")
        }
        Some(spoken) => format!("the peer does not speak {expected}: it answered with {spoken}"),
        None => format!("the peer does not speak {expected}: it sent {sent}"),
    }
}

/// A proxy that speaks another protocol than the configured one.
pub(super) fn other_protocol(kind: ProxyKind, spoken: PeerProtocol) -> String {
    let hint = spoken.hint(kind);
    match kind {
        ProxyKind::Http => format!("the proxy answered with {spoken}{hint}"),
        ProxyKind::Https => format!("TLS to the proxy: it answered with {spoken}{hint}"),
        ProxyKind::Socks5 => format!("SOCKS: the proxy answered with {spoken}{hint}"),
    }
}

/// An error of the HTTP connection.
pub(super) fn http(error: &hyper::Error) -> String {
    if let Some(error) = cause::<io::Error>(error) {
        return io(error);
    }
    let words = if error.is_parse_too_large() {
        "the head of the response is too long"
    } else if error.is_parse_status() {
        "the status line of the response can't be read"
    } else if error.is_parse() {
        "the response is not valid HTTP/1.1"
    } else if error.is_incomplete_message() {
        "the connection was closed before the response was complete"
    } else if error.is_closed() || error.is_canceled() {
        "the connection was closed"
    } else if error.is_user() {
        "the request can't be sent"
    } else {
        "the HTTP connection failed"
    };
    words.to_owned()
}

/// An error of a SOCKS proxy, or of the way to it. Numbers are those of the reply (RFC 1928, section 6).
pub(super) fn socks(error: &tokio_socks::Error) -> String {
    use tokio_socks::Error as E;
    let words = match error {
        E::Io(error) => return io(error),
        E::PasswordAuthFailure(status) => {
            return format!("the proxy rejects the user name and password (status {status})");
        }
        E::InvalidTargetAddress(_) => "the endpoint's name is too long",
        E::InvalidAuthValues(_) => "the user name or the password has a length that SOCKS does not allow",
        E::ProxyServerUnreachable => "the proxy can't be reached",
        E::InvalidResponseVersion => "the proxy does not speak SOCKS 5",
        E::NoAcceptableAuthMethods => "the proxy accepts none of the offered methods of authentication",
        E::UnknownAuthMethod => "the proxy chooses a method of authentication that is not supported",
        E::AuthorizationRequired => "the proxy demands a user name and a password",
        E::GeneralSocksServerFailure => "the proxy answers: general SOCKS server failure (1)",
        E::ConnectionNotAllowedByRuleset => "the proxy answers: connection not allowed by ruleset (2)",
        E::NetworkUnreachable => "the proxy answers: network unreachable (3)",
        E::HostUnreachable => "the proxy answers: host unreachable (4)",
        E::ConnectionRefused => "the proxy answers: connection refused (5)",
        E::TtlExpired => "the proxy answers: TTL expired (6)",
        E::CommandNotSupported => "the proxy answers: command not supported (7)",
        E::AddressTypeNotSupported => "the proxy answers: address type not supported (8)",
        E::ParseError(_)
        | E::UnknownError
        | E::InvalidReservedByte
        | E::UnknownAddressType
        | E::IdentdAuthFailure
        | E::InvalidUserIdAuthFailure => "the proxy's answer is malformed",
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{ServerName, UnixTime};
    use rustls::{ContentType, HandshakeType, PeerMisbehaved};

    use super::*;
    use crate::text::is_plain;

    #[track_caller]
    fn check(said: &str, expected: &str) {
        assert!(is_plain(said), "{said}");
        assert_eq!(said, expected);
    }

    #[test]
    fn tls_errors() {
        use rustls::Error as E;
        let alert = |number: u8| E::AlertReceived(AlertDescription::from(number));
        for (error, expected) in [
            (alert(40), "TLS alert: handshake_failure (40)"),
            (alert(70), "TLS alert: protocol_version (70)"),
            (alert(112), "TLS alert: unrecognized_name (112)"),
            (alert(48), "TLS alert: unknown_ca (48)"),
            (alert(200), "TLS alert: unassigned (200)"),
            (E::InvalidMessage(InvalidMessage::InvalidContentType), "the peer does not speak TLS"),
            (
                E::InvalidMessage(InvalidMessage::MissingData("ServerHello")),
                "the peer sent a malformed TLS message (missing data)",
            ),
            (
                E::PeerIncompatible(PeerIncompatible::ServerDoesNotSupportTls12Or13),
                "the peer speaks neither TLS 1.2 nor TLS 1.3",
            ),
            (
                E::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon),
                "the peer's TLS is incompatible with this exporter's (no cipher suites in common)",
            ),
            (
                E::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedCipherSuite),
                "the peer violates the TLS protocol (selected unoffered cipher suite)",
            ),
            (
                E::InappropriateMessage {
                    expect_types: vec![ContentType::Handshake],
                    got_type: ContentType::ApplicationData,
                },
                "the peer sent an unexpected TLS message",
            ),
            (
                E::InappropriateHandshakeMessage {
                    expect_types: vec![HandshakeType::Finished],
                    got_type: HandshakeType::KeyUpdate,
                },
                "the peer sent an unexpected TLS message",
            ),
            (E::NoCertificatesPresented, "the peer presented no certificate"),
            (E::DecryptError, "a TLS record can't be decrypted"),
            (E::General("a::b { c }".to_owned()), "TLS failed"),
        ] {
            check(&tls(&error), expected);
            check(&io(&io::Error::new(io::ErrorKind::InvalidData, error)), expected);
        }
    }

    #[test]
    fn certificates_that_the_tls_library_refuses() {
        use CertificateError as E;
        let (time, then) =
            (UnixTime::now(), UnixTime::since_unix_epoch(std::time::Duration::from_secs(86_400)));
        let expected_name = ServerName::try_from("proxy.example").unwrap();
        let presented = vec!["DnsName(\"a.example\")".to_owned()];
        for (error, expected) in [
            (
                E::ExpiredContext { time, not_after: then },
                "certificate: a certificate of the chain expired at 1970-01-02T00:00:00Z",
            ),
            (
                E::NotValidYetContext { time, not_before: then },
                "certificate: a certificate of the chain is not valid before 1970-01-02T00:00:00Z",
            ),
            (
                E::NotValidForNameContext { expected: expected_name, presented },
                "certificate: the certificate is not for proxy.example, but for a.example",
            ),
            (
                E::UnknownIssuer,
                "certificate: the issuer is unknown: the chain leads to none of this machine's trusted roots",
            ),
            (E::BadSignature, "certificate: a signature does not match the key of its signer"),
            (E::BadEncoding, "certificate: chain rejected (invalid encoding)"),
            (E::ApplicationVerificationFailure, "certificate: chain rejected"),
        ] {
            check(&tls(&rustls::Error::InvalidCertificate(error)), expected);
        }
    }

    #[test]
    fn socket_errors() {
        let eof =
            "peer closed connection without sending TLS close_notify: https://docs.rs/rustls/latest/rustls/";
        let early = io::Error::new(io::ErrorKind::UnexpectedEof, eof);
        check(&io(&early), "the peer closed the connection too early");
        let odd = io::Error::new(io::ErrorKind::InvalidInput, "Invalid chunk size line: {");
        check(&io(&odd), "the peer sent invalid data");
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        check(&io(&refused), "connection refused");
        check(&io(&io::Error::new(io::ErrorKind::NetworkUnreachable, refused)), "connection refused");
        check(&io(&io::Error::other("a::b")), "other error");
        let limit = io::Error::other(ReadLimitExceeded { limit: 7 });
        assert_eq!(io(&limit), ReadLimitExceeded { limit: 7 }.to_string());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn source_addresses() {
        let check_number = |number, expected| {
            check(&source([192, 0, 2, 9].into(), &io::Error::from_raw_os_error(number)), expected);
        };
        check_number(99, "source address 192.0.2.9 is not an address of this machine"); // EADDRNOTAVAIL
        let ports = "failed to bind source address 192.0.2.9: this machine has run out of local ports: Address already in use (os error 98)";
        check_number(98, ports); // EADDRINUSE
        let denied = "failed to bind source address 192.0.2.9: Permission denied (os error 13)";
        check_number(13, denied); // EACCES
    }

    #[test]
    fn socks_errors() {
        use tokio_socks::Error as E;
        for (error, expected) in [
            (E::Io(io::ErrorKind::ConnectionReset.into()), "connection reset"),
            (E::GeneralSocksServerFailure, "the proxy answers: general SOCKS server failure (1)"),
            (E::ConnectionNotAllowedByRuleset, "the proxy answers: connection not allowed by ruleset (2)"),
            (E::NetworkUnreachable, "the proxy answers: network unreachable (3)"),
            (E::HostUnreachable, "the proxy answers: host unreachable (4)"),
            (E::ConnectionRefused, "the proxy answers: connection refused (5)"),
            (E::TtlExpired, "the proxy answers: TTL expired (6)"),
            (E::CommandNotSupported, "the proxy answers: command not supported (7)"),
            (E::AddressTypeNotSupported, "the proxy answers: address type not supported (8)"),
            (E::PasswordAuthFailure(1), "the proxy rejects the user name and password (status 1)"),
            (E::InvalidResponseVersion, "the proxy does not speak SOCKS 5"),
            (E::NoAcceptableAuthMethods, "the proxy accepts none of the offered methods of authentication"),
            (E::InvalidReservedByte, "the proxy's answer is malformed"),
            (E::UnknownError, "the proxy's answer is malformed"),
        ] {
            check(&socks(&error), expected);
        }
    }
}
