//! Whether a server that answered the ClientHello with an alert accepts cipher suites that Windows offers and rustls
//! doesn't have (CBC, RSA key exchange, finite-field Diffie-Hellman): then the alert is a limit of this program. One
//! more connection, closed after the ServerHello.

use ring::rand::{SecureRandom as _, SystemRandom};
use rustls::CipherSuite;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use super::attempts::ConnectionFacts;
use super::connector::{Connector, Dial, DialedConnection};
use super::failure::PhaseError;
use super::handshake::server_name;
use super::phase::PhaseClock;
use super::tunnel::BoxedStream;
use crate::observation::{Failure, FailureCode, FailureReason, Phase};
use crate::tls::CapturingVerifier;

/// The cipher suites of TLS 1.2 that Windows enables by default and rustls doesn't support, in Windows' order
/// ("TLS Cipher Suites in Windows 10 v22H2", learn.microsoft.com).
const SUITES: [CipherSuite; 16] = [
    CipherSuite::TLS_DHE_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_DHE_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
    CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA,
    CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
    CipherSuite::TLS_RSA_WITH_AES_256_GCM_SHA384,
    CipherSuite::TLS_RSA_WITH_AES_128_GCM_SHA256,
    CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA256,
    CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA256,
    CipherSuite::TLS_RSA_WITH_AES_256_CBC_SHA,
    CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA,
];

/// The version number of TLS 1.2 (RFC 5246, section 6.2.1).
const TLS12: [u8; 2] = [3, 3];

/// The record type of handshake messages (RFC 5246, section 6.2.1).
const HANDSHAKE: u8 = 22;

/// The number of bytes to read: the record's header, and a ServerHello up to its cipher suite with the longest session id.
const MAX_READ: u64 = 5 + 4 + 2 + 32 + 1 + 32 + 2;

/// Replaces the failure of a handshake that ended with an alert before the server's certificates, if the server accepts
/// one of [`SUITES`] instead. Any other failure is returned as it is.
pub(crate) async fn explain_alert(
    connector: &Connector,
    clock: &mut PhaseClock,
    dial: Dial<'_>,
    verifier: &CapturingVerifier,
    failure: Failure,
) -> Failure {
    let is_alert = failure.code() == FailureCode::new(Phase::Tls, FailureReason::Alert);
    if !is_alert || verifier.captured().is_some() {
        return failure;
    }
    match clock.outside_phases(|deadline| chosen_suite(connector, dial, deadline)).await {
        Some(suite) => PhaseError::Suite { suite, alert: failure.detail }.failure(Phase::Tls),
        None => failure,
    }
}

/// The name of the suite that the server chooses of [`SUITES`]. `None` if it refuses them as well, or doesn't answer by
/// `deadline`.
async fn chosen_suite(connector: &Connector, dial: Dial<'_>, deadline: Instant) -> Option<&'static str> {
    let mut clock = PhaseClock::start_until("probe", deadline);
    let dialed = connector.dial(&mut clock, &mut ConnectionFacts::default(), dial).await;
    let DialedConnection { stream, .. } = dialed.ok()?;
    let hello = client_hello(server_name(dial.url))?;
    timeout_at(deadline, ask(stream, &hello)).await.ok()?
}

/// Sends a ClientHello and reads until a ServerHello of one of [`SUITES`] has arrived.
async fn ask(mut stream: BoxedStream, hello: &[u8]) -> Option<&'static str> {
    stream.write_all(hello).await.ok()?;
    let mut answer = Vec::new();
    let mut limited = stream.take(MAX_READ);
    while limited.read_buf(&mut answer).await.ok()? > 0 {
        if let Some(suite) = suite_of(&answer) {
            return Some(suite);
        }
    }
    None
}

/// A ClientHello of TLS 1.2 (RFC 5246, section 7.4.1.2) in a record of its own. `None` without random numbers.
fn client_hello(host: &str) -> Option<Vec<u8>> {
    let mut random = [0; 32];
    SystemRandom::new().fill(&mut random).ok()?;
    let suites: Vec<u8> = SUITES.iter().flat_map(|suite| u16::from(*suite).to_be_bytes()).collect();
    let mut extensions = Vec::new();
    if let Ok(ServerName::DnsName(name)) = ServerName::try_from(host) {
        // server_name (RFC 6066, section 3): one host_name
        let name = [vec![0], with_length(name.as_ref().as_bytes())].concat();
        extensions.extend(extension(0, &with_length(&name)));
    }
    // supported_groups (RFC 8422, section 5.1.1): x25519, secp256r1, secp384r1
    extensions.extend(extension(10, &with_length(&[0, 29, 0, 23, 0, 24])));
    // ec_point_formats: uncompressed
    extensions.extend(extension(11, &[1, 0]));
    // signature_algorithms (RFC 8446, section 4.2.3): RSA (PKCS #1 and PSS) and ECDSA with SHA-256, 384 and 512; SHA-1
    let algorithms = [4, 1, 5, 1, 6, 1, 8, 4, 8, 5, 8, 6, 4, 3, 5, 3, 6, 3, 2, 1, 2, 3];
    extensions.extend(extension(13, &with_length(&algorithms)));
    // extended_master_secret (RFC 7627) and an empty renegotiation_info (RFC 5746)
    extensions.extend(extension(23, &[]));
    extensions.extend(extension(0xff01, &[0]));
    let no_session: &[u8] = &[0];
    let no_compression: &[u8] = &[1, 0];
    let body =
        [&TLS12, &random[..], no_session, &with_length(&suites), no_compression, &with_length(&extensions)];
    let body = body.concat();
    let message = [&[1, 0][..], &with_length(&body)].concat(); // the length has three bytes
    Some([&[HANDSHAKE], &TLS12[..], &with_length(&message)].concat())
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &with_length(data)].concat()
}

/// The bytes after their length in two bytes.
fn with_length(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX); // a host name has at most 253
    [&length.to_be_bytes()[..], bytes].concat()
}

/// The suite of a ServerHello of TLS 1.2 (RFC 5246, section 7.4.1.3), if it is one of [`SUITES`].
fn suite_of(answer: &[u8]) -> Option<&'static str> {
    let (&[kind, _, _, _, _], record) = answer.split_first_chunk()?;
    let (&[message, _, _, _], body) = record.split_first_chunk()?;
    let (version, body) = body.split_first_chunk()?;
    let (_random, body) = body.split_first_chunk::<32>()?;
    let (&session, body) = body.split_first()?;
    let (suite, _) = body.get(usize::from(session)..)?.split_first_chunk()?;
    let suite = CipherSuite::from(u16::from_be_bytes(*suite));
    let is_hello = kind == HANDSHAKE && message == 2 && *version == TLS12;
    if is_hello && SUITES.contains(&suite) { suite.as_str() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::server::Acceptor;

    use super::*;

    fn server_hello(version: [u8; 2], session: &[u8], suite: CipherSuite) -> Vec<u8> {
        let length = u8::try_from(session.len()).unwrap();
        let suite = u16::from(suite).to_be_bytes();
        let body = [&version[..], &[7; 32], &[length], session, &suite, &[0]].concat();
        let message = [&[2, 0][..], &with_length(&body)].concat();
        [&[HANDSHAKE], &TLS12[..], &with_length(&message)].concat()
    }

    #[test]
    fn a_server_reads_the_client_hello() {
        for (host, expected) in [("wdcp.microsoft.com", Some("wdcp.microsoft.com")), ("192.0.2.1", None)] {
            let mut acceptor = Acceptor::default();
            acceptor.read_tls(&mut client_hello(host).unwrap().as_slice()).unwrap();
            let accepted = acceptor.accept().unwrap().expect("one record holds it");
            let hello = accepted.client_hello();
            assert_eq!(hello.server_name(), expected);
            assert_eq!(hello.cipher_suites(), SUITES);
            assert!(hello.signature_schemes().len() >= 11);
        }
    }

    #[test]
    fn only_a_suite_that_was_offered_counts() {
        use CipherSuite as C;
        let cbc = C::TLS_RSA_WITH_AES_128_CBC_SHA;
        let whole = server_hello(TLS12, &[9; 32], cbc);
        assert!(whole.len() as u64 >= MAX_READ, "all that is read");
        let cases = [
            (whole.clone(), Some("TLS_RSA_WITH_AES_128_CBC_SHA")),
            (
                server_hello(TLS12, &[], C::TLS_DHE_RSA_WITH_AES_256_GCM_SHA384),
                Some("TLS_DHE_RSA_WITH_AES_256_GCM_SHA384"),
            ),
            (server_hello(TLS12, &[], C::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256), None),
            (server_hello([3, 1], &[], cbc), None),
            (vec![21, 3, 3, 0, 2, 2, 40], None),
            (whole[..70].to_vec(), None),
            (Vec::new(), None),
        ];
        for (answer, expected) in cases {
            assert_eq!(suite_of(&answer), expected, "{answer:?}");
        }
    }

    proptest! {
        #[test]
        fn no_answer_panics(answer in proptest::collection::vec(any::<u8>(), 0..90), cut in 0..90_usize) {
            let _ = suite_of(&answer);
            let hello = server_hello(TLS12, &[9; 32], CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA);
            prop_assert_eq!(suite_of(&hello[..cut.min(hello.len())]).is_some(), cut >= 78);
        }
    }
}
