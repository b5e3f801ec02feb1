//! Stage tunnel: from a connection to a proxy to one that the proxy passes on to the endpoint, by CONNECT (RFC 9110,
//! section 9.3.6) or SOCKS 5 (RFC 1928, RFC 1929). Negotiate and NTLM aren't spoken.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper::header::{HOST, PROXY_AUTHORIZATION, USER_AGENT};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::pki_types::{ServerName, TrustAnchor};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_socks::tcp::Socks5Stream;

use crate::clock::Clock;
use crate::config::{Credentials, HostPort, Proxy, ProxyKind};
use crate::failure::{StageError, TunnelError, proxied};
use crate::metered::Metered;
use crate::sender::{AGENT, authorization};

/// The most that is read of a proxy's answer, in bytes, interim responses included.
const MAX_ANSWER: u64 = 64 * 1024;

/// How long a SOCKS proxy's choice of a method is, in bytes (RFC 1928, section 3).
const SOCKS_METHOD: u64 = 2;

/// Bytes to and from somewhere.
pub(super) trait Io: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> Io for S {}

/// A connection, however it came about.
pub(super) type Wire = Box<dyn Io + Send + Sync>;

/// Makes a connection to an endpoint of one to a proxy. `status` is that of the answer to CONNECT, as soon as it came.
pub(super) async fn tunnel(
    wire: Wire,
    proxy: &Proxy,
    to: &HostPort,
    status: &mut Option<u16>,
) -> Result<Wire, StageError> {
    match proxy.kind {
        ProxyKind::Http | ProxyKind::Https => connect(wire, proxy, to, status).await,
        ProxyKind::Socks5 => Ok(socks(wire, proxy, to).await?),
    }
}

/// TLS to the proxy itself.
pub(super) async fn secure(wire: Wire, proxy: &Proxy, tls: &TlsConnector) -> Result<Wire, StageError> {
    let host = proxy.at.host.trim_matches(['[', ']']);
    let name = ServerName::try_from(host.to_owned()).map_err(|_| TunnelError::Name(host.to_owned()))?;
    let stream = tls.connect(name, wire).await.map_err(TunnelError::Tls)?;
    Ok(Box::new(stream))
}

async fn socks(wire: Wire, proxy: &Proxy, to: &HostPort) -> Result<Wire, TunnelError> {
    let mut wire = Metered::new(wire, MAX_ANSWER);
    let target = (to.host.trim_matches(['[', ']']), to.port);
    let passed = match &proxy.credentials {
        None => Socks5Stream::connect_with_socket(&mut wire, target).await,
        Some(Credentials { username, password }) => {
            let password = password.reveal();
            Socks5Stream::connect_with_password_and_socket(&mut wire, target, username, password).await
        }
    };
    match passed.map(drop) {
        Ok(()) => Ok(wire.into_inner()),
        Err(tokio_socks::Error::AuthorizationRequired) => {
            Err(TunnelError::Method("user name and password, and none are configured"))
        }
        // The library's one word for two things, of which the method comes first.
        Err(tokio_socks::Error::UnknownAuthMethod) if wire.read() == SOCKS_METHOD => {
            Err(TunnelError::Method("none that this exporter speaks"))
        }
        Err(tokio_socks::Error::UnknownAuthMethod) => Err(TunnelError::Reply),
        Err(error) => Err(error.into()),
    }
}

async fn connect(
    wire: Wire,
    proxy: &Proxy,
    to: &HostPort,
    status: &mut Option<u16>,
) -> Result<Wire, StageError> {
    let request = connect_request(proxy, to)?;
    let upgraded = upgrade(wire, request, status).await?;
    // The connection was made of just that.
    let parts = upgraded.downcast::<TokioIo<Metered<Wire>>>().map_err(|_| TunnelError::Hasty(0))?;
    if !parts.read_buf.is_empty() {
        return Err(TunnelError::Hasty(parts.read_buf.len()).into());
    }
    Ok(parts.io.into_inner().into_inner())
}

async fn upgrade(
    wire: Wire,
    request: Request<Empty<Bytes>>,
    status: &mut Option<u16>,
) -> Result<Upgraded, StageError> {
    let told = request.headers().contains_key(PROXY_AUTHORIZATION);
    let io = TokioIo::new(Metered::new(wire, MAX_ANSWER));
    let (mut sender, connection) = http1::Builder::new().handshake(io).await?;
    let answered = async {
        let response = sender.send_request(request).await?;
        *status = Some(response.status().as_u16());
        if response.status().is_success() {
            return Ok(hyper::upgrade::on(response).await?);
        }
        let (status, headers) = (response.status(), response.headers());
        Err(TunnelError::Refused { status, why: proxied::refusal(status, headers, told) }.into())
    };
    let (mut answered, mut connection) = (pin!(answered), pin!(connection.with_upgrades()));
    tokio::select! {
        biased;
        upgraded = &mut answered => upgraded,
        // An error of the connection reaches the answer by itself, with its cause.
        _ended = &mut connection => answered.await,
    }
}

fn connect_request(proxy: &Proxy, to: &HostPort) -> Result<Request<Empty<Bytes>>, StageError> {
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

/// How TLS is spoken to proxies: by the roots that this machine trusts, whoever's they are, at the clock's time. Nothing is
/// resumed: each probe sees the proxy's certificate.
pub(super) fn client_config(
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
