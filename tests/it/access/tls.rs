//! TLS settings of the web configuration: versions, suites, ALPN; and plain HTTP clients at a TLS port.

use std::sync::Arc;

use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::ServerName;
use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, ClientConfig, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::pki::{Ca, HOST};
use super::{Served, get, status};

/// Where certificate and key are, the first lines of every web configuration here.
pub const IDENTITY: &str = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n";

/// An exporter with a certificate of this authority, and these lines more in its web configuration.
pub fn start(ca: &Ca, lines: &str) -> Served {
    let server = ca.server();
    let files = [("server.pem", server.certificate), ("server.key", server.key)];
    Served::start(&format!("{IDENTITY}{lines}"), &files)
}

/// A handshake with the exporter.
pub async fn shake_hands(served: &Served, client: ClientConfig) -> std::io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(HOST).unwrap();
    TlsConnector::from(Arc::new(client)).connect(name, served.connect().await).await
}

/// The status of `/-/healthy`, or why there is none.
pub async fn healthy(served: &Served, client: ClientConfig) -> Result<String, String> {
    let stream = shake_hands(served, client).await.map_err(|error| error.to_string())?;
    let answer = get(stream, "/-/healthy", "").await.map_err(|error| error.to_string())?;
    Ok(status(&answer).to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_those_of_the_configuration() {
    let ca = Ca::new("Servers");
    let cases: [(&str, &[(&SupportedProtocolVersion, bool)]); 3] = [
        ("", &[(&TLS12, true), (&TLS13, true)]),
        ("  min_version: TLS13\n", &[(&TLS12, false), (&TLS13, true)]),
        ("  max_version: TLS12\n", &[(&TLS12, true), (&TLS13, false)]),
    ];
    for (lines, versions) in cases {
        let served = start(&ca, lines);
        for (version, spoken) in versions {
            let found = healthy(&served, ca.trusting(None, &[version])).await;
            let expected = if *spoken {
                found == Ok("200".to_owned())
            } else {
                found.as_ref().is_err_and(|why| why.contains("ProtocolVersion"))
            };
            assert!(expected, "{lines} {version:?}: {found:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn suites_and_their_order_are_those_of_the_configuration() {
    let ca = Ca::new("Servers");
    let list = "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, \
                TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n";
    let own = "  prefer_server_cipher_suites: false\n";
    let tls13 = "  cipher_suites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n";
    for (lines, expected) in [
        (list.to_owned(), "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
        (format!("{list}{own}"), "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"), // rustls prefers AES
        (tls13.to_owned(), "TLS13_AES_128_GCM_SHA256"),
        ("  curve_preferences: [CurveP384]\n".to_owned(), "TLS13_AES_256_GCM_SHA384"),
    ] {
        let served = start(&ca, &lines);
        let stream = shake_hands(&served, ca.trusting(None, ALL_VERSIONS)).await.unwrap();
        let connection = stream.get_ref().1;
        let suite = connection.negotiated_cipher_suite().unwrap().suite();
        assert_eq!(format!("{suite:?}"), expected, "{lines}");
        if lines.contains("P384") {
            let group = connection.negotiated_key_exchange_group().unwrap().name();
            assert_eq!(format!("{group:?}"), "secp384r1");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_2_is_negotiated_if_enabled() {
    let ca = Ca::new("Servers");
    for (lines, offered, expected) in [
        ("", vec!["h2", "http/1.1"], Some("h2")),
        ("", vec!["http/1.1"], Some("http/1.1")),
        ("", vec![], None),
        ("http_server_config: { http2: false }\n", vec!["h2", "http/1.1"], Some("http/1.1")),
    ] {
        let served = start(&ca, lines);
        let mut client = ca.trusting(None, ALL_VERSIONS);
        client.alpn_protocols = offered.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = shake_hands(&served, client).await.unwrap();
        let chosen =
            stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
        assert_eq!(chosen.as_deref(), expected, "{lines} {offered:?}");
        if expected == Some("h2") {
            assert_eq!(over_http_2(stream).await, ["200 OK HTTP/2.0"; 10]);
        } else {
            assert_eq!(status(&get(stream, "/-/healthy", "").await.unwrap()), "200");
        }
    }
}

/// Ten requests at once over one connection.
async fn over_http_2(stream: TlsStream<TcpStream>) -> Vec<String> {
    let executor = TokioExecutor::new();
    let (sender, connection) =
        hyper::client::conn::http2::handshake(executor, TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let requests = (0..10).map(|_| {
        let mut sender = sender.clone();
        async move {
            let request =
                hyper::Request::get(format!("https://{HOST}/metrics")).body(Empty::<bytes::Bytes>::new());
            let answer = sender.send_request(request.unwrap()).await.unwrap();
            format!("{} {:?}", answer.status(), answer.version())
        }
    });
    futures_util::future::join_all(requests).await
}

#[tokio::test(flavor = "multi_thread")]
async fn http_where_tls_is_asked_for_is_told_so() {
    let served = start(&Ca::new("Servers"), "");
    let expected = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    assert_eq!(served.get("/metrics", "").await, expected);
    let mut large = served.connect().await;
    large.write_all(format!("POST / HTTP/1.1\r\n\r\n{}", "x".repeat(30_000)).as_bytes()).await.unwrap();
    assert_eq!(get(large, "/", "").await.unwrap(), expected);
    let mut neither = served.connect().await;
    neither.write_all(b"hello\r\n").await.unwrap();
    let alert = get(neither, "/", "").await.unwrap_or_default();
    assert!(!alert.contains("HTTP"), "TLS answers it in its own way: {alert:?}");
}
