//! Phase tunnel: turns a connection to a proxy into one to the endpoint, by CONNECT (RFC 9110, section 9.3.6)
//! or SOCKS 5 (RFC 1928, RFC 1929). Negotiate and NTLM aren't supported.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::ext::ReasonPhrase;
use hyper::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::{ServerName, TrustAnchor};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_socks::tcp::Socks5Stream;

use super::exchange::http1_client;
use super::failure::{PeerProtocol, PhaseError, TunnelError, proxied};
use super::first_bytes::{self, FirstBytes};
use super::identity::{AGENT, authorization};
use super::read_limit::ReadLimited;
use crate::clock::Clock;
use crate::config::{Credentials, HostPort, Proxy, ProxyKind};
use crate::text::without_brackets;

/// The maximum number of bytes read from a proxy before the tunnel is open, interim responses included.
const MAX_ANSWER: u64 = 64 * 1024;

/// The length of a SOCKS method selection message, in bytes (RFC 1928, section 3).
const SOCKS_METHOD: u64 = 2;

/// The longest time to wait for the body of a refusal, which only adds words.
const BODY_WAIT: Duration = Duration::from_secs(2);

/// A byte stream.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Io for S {}

/// A connection of any kind.
pub(crate) type BoxedStream = Box<dyn Io + Send + Sync>;

/// Opens a tunnel through the proxy to `to`. Sets `status` to the status of the CONNECT response as soon as it
/// arrives.
pub(crate) async fn tunnel(
    stream: BoxedStream,
    proxy: &Proxy,
    to: &HostPort,
    status: &mut Option<u16>,
) -> Result<BoxedStream, PhaseError> {
    match proxy.kind {
        ProxyKind::Http | ProxyKind::Https => connect(stream, proxy, to, status).await,
        ProxyKind::Socks5 => Ok(socks(stream, proxy, to).await?),
    }
}

/// Establishes TLS with the proxy itself.
pub(crate) async fn secure(
    stream: BoxedStream,
    proxy: &Proxy,
    tls: &TlsConnector,
) -> Result<BoxedStream, PhaseError> {
    let host = without_brackets(&proxy.at.host);
    let name = ServerName::try_from(host.to_owned()).map_err(|_| TunnelError::Name(host.to_owned()))?;
    let (stream, first) = first_bytes::record(stream);
    match tls.connect(name, stream).await {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => Err(other_protocol(proxy.kind, &first).unwrap_or(TunnelError::Tls(error)).into()),
    }
}

/// The error of a proxy that doesn't speak the protocol of `kind`. `None` if it does, or speaks nothing known.
fn other_protocol(kind: ProxyKind, first: &FirstBytes) -> Option<TunnelError> {
    let spoken = first.protocol()?;
    let own = match kind {
        ProxyKind::Http => spoken == PeerProtocol::Http,
        ProxyKind::Https => matches!(spoken, PeerProtocol::Tls | PeerProtocol::TlsAlert),
        ProxyKind::Socks5 => spoken == PeerProtocol::Socks5,
    };
    (!own).then_some(TunnelError::OtherProtocol { kind, spoken })
}

async fn socks(stream: BoxedStream, proxy: &Proxy, to: &HostPort) -> Result<BoxedStream, TunnelError> {
    let (stream, first) = first_bytes::record(stream);
    let mut stream = ReadLimited::new(stream, MAX_ANSWER);
    let target = (without_brackets(&to.host), to.port);
    let passed = match &proxy.credentials {
        None => Socks5Stream::connect_with_socket(&mut stream, target).await,
        Some(Credentials { username, password }) => {
            let password = password.reveal();
            Socks5Stream::connect_with_password_and_socket(&mut stream, target, username, password).await
        }
    };
    match passed.map(drop) {
        Ok(()) => Ok(stream.into_inner().into_inner()),
        Err(tokio_socks::Error::InvalidResponseVersion) => {
            let version = TunnelError::Socks(tokio_socks::Error::InvalidResponseVersion);
            Err(other_protocol(proxy.kind, &first).unwrap_or(version))
        }
        Err(tokio_socks::Error::AuthorizationRequired) => {
            Err(TunnelError::Method("user name and password, and no credentials are configured"))
        }
        // The library uses this error for two cases. The method selection is the first message read.
        Err(tokio_socks::Error::UnknownAuthMethod) if stream.read() == SOCKS_METHOD => {
            Err(TunnelError::Method("no supported method"))
        }
        Err(tokio_socks::Error::UnknownAuthMethod) => Err(TunnelError::Reply),
        Err(error) => Err(error.into()),
    }
}

async fn connect(
    stream: BoxedStream,
    proxy: &Proxy,
    to: &HostPort,
    status: &mut Option<u16>,
) -> Result<BoxedStream, PhaseError> {
    let request = connect_request(proxy, to)?;
    let credentials_sent = request.headers().contains_key(PROXY_AUTHORIZATION);
    let (stream, first) = first_bytes::record(stream);
    let io = TokioIo::new(ReadLimited::new(stream, MAX_ANSWER));
    let (mut sender, mut connection) = http1_client().handshake(io).await?;
    let mut open = true;
    let response = {
        let mut answered = pin!(sender.send_request(request));
        // Keeps the stream open: hyper's own upgrades leave 204 out (RFC 9110, section 9.3.6: any 2xx opens a tunnel).
        let ended = poll_fn(|cx| connection.poll_without_shutdown(cx));
        tokio::select! {
            biased;
            response = &mut answered => response,
            // `answered` receives the connection's errors, with their causes.
            _ended = ended => {
                open = false;
                answered.await
            }
        }
    };
    // Within TLS to the proxy, this is about what comes out of it.
    let other = |error: &hyper::Error| other_protocol(ProxyKind::Http, &first).filter(|_| error.is_parse());
    let mut response =
        response.map_err(|error| other(&error).map_or(PhaseError::Http(error), PhaseError::Tunnel))?;
    let code = response.status();
    *status = Some(code.as_u16());
    if code == StatusCode::BAD_REQUEST && proxy.kind == ProxyKind::Http {
        let driven = async {
            if open {
                let _ended = poll_fn(|cx| connection.poll_without_shutdown(cx)).await;
            }
        };
        if proxied::expects_tls(code, &beginning(response.body_mut(), driven).await) {
            return Err(
                TunnelError::OtherProtocol { kind: proxy.kind, spoken: PeerProtocol::HttpForTls }.into()
            );
        }
    }
    let headers = response.headers();
    if !code.is_success() {
        let phrase = response.extensions().get::<ReasonPhrase>();
        let phrase = phrase.map(|phrase| String::from_utf8_lossy(phrase.as_bytes()));
        let why = proxied::refusal(code, headers, phrase.as_deref(), credentials_sent);
        let unresolved = proxied::is_unresolved(code, phrase.as_deref());
        return Err(TunnelError::Refused { status: code, why, unresolved }.into());
    }
    let parts = connection.into_parts();
    if !parts.read_buf.is_empty() {
        return Err(TunnelError::Hasty(parts.read_buf.len()).into());
    }
    Ok(parts.io.into_inner().into_inner().into_inner())
}

/// The beginning of a body, read while the connection is `driven`.
async fn beginning(body: &mut Incoming, driven: impl Future<Output = ()>) -> Vec<u8> {
    let mut read = Vec::new();
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await
            && read.len() < proxied::SEARCHED
        {
            read.extend_from_slice(frame.data_ref().map_or(&[], |data| data));
        }
    };
    let whole = async {
        if let Either::Right(((), reading)) = select(pin!(reading), pin!(driven)).await {
            reading.await; // of what came before the end
        }
    };
    let _in_time = timeout(BODY_WAIT, whole).await;
    read
}

fn connect_request(proxy: &Proxy, to: &HostPort) -> Result<Request<Empty<Bytes>>, PhaseError> {
    let authority = to.to_string();
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(&authority)
        .header(HOST, &authority)
        .header(USER_AGENT, AGENT)
        .body(Empty::new())?;
    if let Some(value) = authorization(proxy) {
        request.headers_mut().insert(PROXY_AUTHORIZATION, value);
    }
    Ok(request)
}

/// The TLS configuration for proxies: this machine's roots, whatever their kind, at the clock's time. Without
/// resumption, so that each probe sees the proxy's certificate.
pub(crate) fn client_config(
    roots: &[TrustAnchor<'static>],
    clock: Clock,
) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(clock))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore { roots: roots.to_vec() })
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}
