//! Phases request and transfer: one HTTP/1.1 exchange. The connection is dropped afterwards.

use std::future::Future;
use std::io;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHORIZATION, TRANSFER_ENCODING, USER_AGENT,
};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::failure::{PeerProtocol, PhaseError, TunnelError, cause};
use super::first_bytes::{self, FirstBytes, RecordingStream};
use super::identity::{AGENT, authorization};
use super::read_limit::{ReadAllowance, ReadLimited};
use crate::catalog::ProbeUrl;
use crate::config::{Proxy, ProxyKind};

/// The maximum size of a response's head, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// Limits on reading a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadLimits {
    /// The maximum size of the body, in bytes.
    pub(crate) body: u64,
}

impl ReadLimits {
    /// The maximum number of bytes read until the head is complete, with interim responses.
    const HEAD: u64 = 2 * MAX_HEAD as u64;

    /// The maximum number of bytes read after that: the body with its chunk framing.
    const fn framed_body(self) -> u64 {
        2 * self.body
    }
}

/// The maximum number of headers of a response: more than any gateway adds, and less than a flood. The library's own
/// limit is 100.
const MAX_HEADERS: usize = 1000;

/// The settings of HTTP/1.1 connections. Obsolete line folding is read as spaces (RFC 9112, section 5.2), and headers whose
/// names aren't tokens are ignored, as by curl: some proxies and appliances send both.
pub(super) fn http1_client() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .max_headers(MAX_HEADERS)
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_spaces_after_header_name_in_responses(true)
        .ignore_invalid_headers_in_responses(true);
    builder
}

type HttpConnection<S> = http1::Connection<TokioIo<ReadLimited<RecordingStream<S>>>, Full<Bytes>>;

/// An HTTP/1.1 connection for one exchange.
pub(crate) struct HttpExchange<S: AsyncRead + AsyncWrite + Unpin> {
    connection: HttpConnection<S>,
    connected: bool,
    sender: http1::SendRequest<Full<Bytes>>,
    limits: ReadLimits,
    first: FirstBytes,
    allowance: ReadAllowance,
}

/// The form of a request's target (RFC 9112, section 3.2).
pub(crate) enum RequestTarget {
    /// The path: the connection leads to the URL's host.
    Origin,
    /// The whole URL: the connection leads to a proxy.
    Absolute {
        /// The value of `Proxy-Authorization`.
        authorization: Option<HeaderValue>,
    },
}

impl RequestTarget {
    /// The absolute form, for a proxy.
    pub(super) fn absolute(proxy: &Proxy) -> Self {
        Self::Absolute { authorization: authorization(proxy) }
    }

    /// Whether the request carries proxy credentials. `None` if it isn't sent to a proxy.
    const fn is_authenticated(&self) -> Option<bool> {
        match self {
            Self::Origin => None,
            Self::Absolute { authorization } => Some(authorization.is_some()),
        }
    }
}

/// The head of a response.
pub(crate) struct ResponseHead {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Whether the request carried proxy credentials. `None` if there was no proxy or the proxy only tunneled:
    /// the response can't be the proxy's own.
    pub(crate) authenticated: Option<bool>,
}

/// A response whose body hasn't been read.
pub(crate) struct UnreadResponse {
    pub(crate) head: ResponseHead,
    pub(crate) body: Incoming,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyEnd {
    /// Completely.
    Complete,
    /// With the connection, without the close_notify of TLS (RFC 8446, section 6.1): it may have been cut off.
    Unclean,
}

impl ResponseHead {
    /// Whether the body ends with the connection (RFC 9112, section 6.3).
    fn is_delimited_by_close(&self) -> bool {
        !self.headers.contains_key(CONTENT_LENGTH) && !self.headers.contains_key(TRANSFER_ENCODING)
    }

    /// A header's first value as text. `None` if it isn't visible ASCII.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        self.headers.get(name)?.to_str().ok()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> HttpExchange<S> {
    /// Prepares an exchange on `stream`. Sends nothing yet.
    pub(crate) async fn new(stream: S, limits: ReadLimits) -> Result<Self, PhaseError> {
        let (stream, first) = first_bytes::record(stream);
        let stream = ReadLimited::new(stream, ReadLimits::HEAD);
        let allowance = stream.allowance();
        let (sender, connection) =
            http1_client().max_buf_size(MAX_HEAD).handshake(TokioIo::new(stream)).await?;
        Ok(Self { connection, connected: true, sender, limits, first, allowance })
    }

    /// Sends a request that was written for `target`, and waits for the response's head.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        target: &RequestTarget,
    ) -> Result<UnreadResponse, PhaseError> {
        let answer = self.sender.send_request(request);
        let response = drive(&mut self.connection, &mut self.connected, answer).await;
        let response = response.map_err(|error| self.explained(error, target))?;
        self.allowance.raise(self.limits.framed_body());
        let (parts, body) = response.into_parts();
        let head = ResponseHead {
            status: parts.status,
            headers: parts.headers,
            authenticated: target.is_authenticated(),
        };
        Ok(UnreadResponse { head, body })
    }

    /// The error with what the peer sent, if that is no HTTP/1.1.
    fn explained(&self, error: hyper::Error, target: &RequestTarget) -> PhaseError {
        if !error.is_parse() || error.is_parse_too_large() {
            return error.into();
        }
        let (spoken, sent) = (self.first.protocol(), self.first.quote());
        match (spoken.filter(|spoken| *spoken != PeerProtocol::Http), target, sent) {
            (Some(spoken), RequestTarget::Origin, sent) => {
                PhaseError::OtherProtocol { expected: "HTTP/1.1", spoken: Some(spoken), sent }
            }
            (Some(spoken), RequestTarget::Absolute { .. }, _) => {
                TunnelError::OtherProtocol { kind: ProxyKind::Http, spoken }.into()
            }
            (None, _, Some(sent)) => PhaseError::Unparsable { error, sent },
            (None, _, None) => error.into(),
        }
    }

    /// Reads the body to its end, or fails once it exceeds the limit.
    pub(crate) async fn transfer(
        &mut self,
        head: &ResponseHead,
        body: Incoming,
        into: &mut impl BodyBuffer,
    ) -> Result<BodyEnd, PhaseError> {
        let read = read_body(body, self.limits.body, into);
        body_end(head, drive(&mut self.connection, &mut self.connected, read).await)
    }

    /// Reads the first `count` bytes of the body only: the body may be large.
    pub(crate) async fn first_bytes(
        &mut self,
        head: &ResponseHead,
        body: Incoming,
        count: usize,
        into: &mut Vec<u8>,
    ) -> Result<BodyEnd, PhaseError> {
        let read = read_first(body, count, into);
        body_end(head, drive(&mut self.connection, &mut self.connected, read).await)
    }
}

/// Many servers close TLS without close_notify, and clients accept it. Only a body without a length could have been cut
/// off so.
fn body_end(head: &ResponseHead, read: Result<(), PhaseError>) -> Result<BodyEnd, PhaseError> {
    let is_unclean = |error: &hyper::Error| {
        cause::<io::Error>(error).is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    };
    match read {
        Ok(()) => Ok(BodyEnd::Complete),
        Err(PhaseError::Http(error)) if head.is_delimited_by_close() && is_unclean(&error) => {
            Ok(BodyEnd::Unclean)
        }
        Err(error) => Err(error),
    }
}

async fn read_first(mut body: Incoming, count: usize, into: &mut Vec<u8>) -> Result<(), PhaseError> {
    while into.len() < count
        && let Some(frame) = body.frame().await
    {
        let Ok(data) = frame?.into_data() else { continue }; // trailers are ignored
        into.extend_from_slice(&data[..data.len().min(count - into.len())]);
    }
    Ok(())
}

/// Takes a body as it arrives.
pub(crate) trait BodyBuffer {
    /// Takes the next bytes; `length` is that of the body so far, with them.
    fn push(&mut self, bytes: &[u8], length: u64) -> Result<(), PhaseError>;
}

impl BodyBuffer for Vec<u8> {
    fn push(&mut self, bytes: &[u8], _length: u64) -> Result<(), PhaseError> {
        self.extend_from_slice(bytes);
        Ok(())
    }
}

async fn read_body(mut body: Incoming, limit: u64, into: &mut impl BodyBuffer) -> Result<(), PhaseError> {
    if body.size_hint().lower() > limit {
        return Err(PhaseError::TooLarge { limit }); // by its Content-Length
    }
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue }; // trailers are ignored
        length += data.len() as u64;
        if length > limit {
            return Err(PhaseError::TooLarge { limit });
        }
        into.push(&data, length)?;
    }
    Ok(())
}

/// Polls the connection alongside `work`. No task is spawned, so dropping the exchange ends everything.
async fn drive<S, F>(connection: &mut HttpConnection<S>, connected: &mut bool, work: F) -> F::Output
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future,
{
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            output = &mut work => return output,
            // `work` receives the connection's errors, with their causes.
            _ended = &mut *connection, if *connected => *connected = false,
        }
    }
}

/// Builds a minimal request for `target`. An empty body isn't sent. `Accept-Encoding: identity`, because nothing here
/// decompresses bodies; without the header, a server or a filter may compress them.
pub(crate) fn build_request(
    method: Method,
    url: &ProbeUrl,
    target: &RequestTarget,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    let uri = match target {
        RequestTarget::Origin => url.path_and_query(),
        RequestTarget::Absolute { .. } => url.as_str(),
    };
    let mut request = Request::builder()
        .method(method)
        .uri(uri)
        .header(HOST, url.authority())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        .header(ACCEPT_ENCODING, "identity")
        .header(CONNECTION, "close")
        .body(Full::new(body))?;
    if let RequestTarget::Absolute { authorization: Some(value) } = target {
        request.headers_mut().insert(PROXY_AUTHORIZATION, value.clone());
    }
    Ok(request)
}
