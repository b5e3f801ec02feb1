//! The server side of a TLS handshake. Faults are selected by SNI name.

use std::sync::Arc;

use rustls::server::{Acceptor, ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ALL_VERSIONS, RootCertStore, ServerConfig, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use super::faults::Handshake;
use super::http;
use super::origin::Shared;

/// Reads the ClientHello and plays the fault of its host. `None` if no TLS connection results.
pub(super) async fn shake_hands(
    stream: TcpStream,
    shared: &Shared,
) -> Option<(TlsStream<TcpStream>, Option<String>)> {
    let mut start = LazyConfigAcceptor::new(Acceptor::default(), stream).await.ok()?;
    let sni = start.client_hello().server_name().map(str::to_ascii_lowercase);
    // RFC 6066 knows no SNI for addresses: the certificate is for the one that was connected to.
    let host = sni.clone().unwrap_or_else(|| start.io.local_addr().unwrap().ip().to_string());
    let order = match shared.handshake(&host) {
        Handshake::Suite(suite) if start.client_hello().cipher_suites().contains(&suite) => {
            Handshake::server_hello(suite)
        }
        Handshake::Suite(_) => Handshake::alert(40),
        other => other,
    };
    let demanding = matches!(order, Handshake::DemandsCertificate(_));
    let versions: &[&SupportedProtocolVersion] = match order {
        Handshake::Normal => ALL_VERSIONS,
        Handshake::Delay(delay) => {
            tokio::time::sleep(delay).await;
            ALL_VERSIONS
        }
        Handshake::Only(version) | Handshake::DemandsCertificate(version) => &[version],
        Handshake::Silent => {
            http::until_gone(&mut start.io).await;
            return None;
        }
        Handshake::End(how) => {
            http::end(start.io, how).await;
            return None;
        }
        Handshake::Suite(_) => unreachable!("replaced above"),
        Handshake::Raw(bytes) => {
            start.io.write_all(&bytes).await.ok()?;
            http::until_gone(&mut start.io).await;
            return None;
        }
        Handshake::Drip(bytes, every) => {
            http::drip(&mut start.io, &bytes, every).await.ok()?;
            http::until_gone(&mut start.io).await;
            return None;
        }
    };
    Some((finish(start, versions, demanding, shared.identity(&host)).await?, sni))
}

/// None when the client would not.
async fn finish(
    start: StartHandshake<TcpStream>,
    versions: &[&'static SupportedProtocolVersion],
    demanding: bool,
    identity: Arc<CertifiedKey>,
) -> Option<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(versions).unwrap();
    let config = if demanding {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(identity.cert.last().cloned()); // whichever: no client has any
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        config.with_client_cert_verifier(verifier.build().unwrap())
    } else {
        config.with_no_client_auth()
    };
    let config = config.with_cert_resolver(Arc::new(Always(identity)));
    start.into_stream(Arc::new(config)).await.ok()
}

/// Presents one chain, even one that no server should.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
