//! A plain client: connects, shakes hands, sends a request, and returns what it received.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::clock::Clock;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::lab::{self, Lab};
use crate::load::with_timeout;

/// When nothing has come for so long, beside what the machine takes of it, nothing will.
pub const TEST_TIMEOUT: Duration = Duration::from_millis(400);
/// Whoever sends more than this sends without end.
const ENOUGH: usize = 256 * 1024;

/// How a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// In order.
    Closed,
    /// FIN without close_notify.
    Cut,
    /// RST.
    Reset,
    /// No end: the server stopped sending.
    Silent,
    /// No end: the server kept sending.
    Endless,
}

/// A TLS handshake at the lab's moment, trusting the genuine roots alone.
pub async fn shake_hands(lab: &Lab, host: &str) -> io::Result<TlsStream<TcpStream>> {
    connector(lab.pki.roots())
        .connect(ServerName::try_from(host.to_owned()).unwrap(), TcpStream::connect(lab.tls.addr()).await?)
        .await
}

/// Shakes hands at the lab's moment, trusting these alone.
pub fn connector(trusted: Vec<CertificateDer<'static>>) -> TlsConnector {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_details(provider, Arc::new(Clock::Fixed(lab::now())))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// The first bytes of a handshake, as a client sends them.
pub fn client_hello(host: &str) -> Vec<u8> {
    let config = Arc::clone(connector(Vec::new()).config());
    let mut client = ClientConnection::new(config, ServerName::try_from(host.to_owned()).unwrap()).unwrap();
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).unwrap();
    bytes
}

/// A GET over plain TCP.
pub async fn get(addr: SocketAddr, host: &str, path: &str) -> (String, Ending) {
    converse(TcpStream::connect(addr).await.unwrap(), &request("GET", host, path)).await
}

/// The body that a GET for this URL gets from this address, whatever its bytes.
pub async fn download(addr: SocketAddr, url: &ProbeUrl) -> Vec<u8> {
    let client = crate::lab::client();
    let request = client.get(format!("http://{addr}{}", url.path_and_query())).header("Host", url.host());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{url}");
    response.bytes().await.unwrap().to_vec()
}

/// The bytes of a request, the last one on its connection.
pub fn request(method: &str, host: &str, path: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").into_bytes()
}

/// Says something, and listens until it ends, goes quiet, or is too much.
pub async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, say: &[u8]) -> (String, Ending) {
    let mut heard = Vec::new();
    // May fail if the server has closed the connection; reading shows how.
    drop(stream.write_all(say).await);
    drop(stream.flush().await);
    let ending = loop {
        match with_timeout(TEST_TIMEOUT, stream.read_buf(&mut heard)).await {
            None => break Ending::Silent,
            Some(Ok(0)) => break Ending::Closed,
            Some(Ok(_)) if heard.len() > ENOUGH => break Ending::Endless,
            Some(Ok(_)) => {}
            Some(Err(error)) if error.kind() == ErrorKind::UnexpectedEof => break Ending::Cut,
            Some(Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                break Ending::Reset;
            }
        }
    };
    (String::from_utf8_lossy(&heard).into_owned(), ending)
}
