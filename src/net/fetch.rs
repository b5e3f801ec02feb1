//! Untimed fetches: revocation lists, OCSP responses, issuers' certificates. One attempt, no state between
//! fetches. The caller interprets the bytes.
//!
//! Plain HTTP by default: fetching a list that is needed to verify a chain must not itself depend on a chain
//! (RFC 5280, section 8). Fetches share connections, phases and failure reasons with probes (`net`).

mod body;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE,
    IF_NONE_MATCH, LAST_MODIFIED,
};
use hyper::{Method, Request, StatusCode};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;
use tokio_rustls::client::TlsStream;

use body::FetchedBody;
pub use body::{BodyReader, Overflow};

use super::failure::{PhaseError, proxied};
use super::{
    BodyEnd, BoxedStream, ConnectionFacts, Connector, Dial, DialedConnection, HttpExchange, NamedBy,
    PhaseClock, ReadLimits, RequestTarget, ResponseHead, TlsClient, UnreadResponse, build_request,
    explain_alert, server_name,
};
use crate::catalog::{ProbeUrl, Scheme};
use crate::observation::{Failure, FailureReason as Reason, Phase};
use crate::tls::FetchIssuer;

/// The maximum number of redirects.
const MAX_REDIRECTS: usize = 3;

/// The longest validator that is stored, in bytes.
const MAX_VALIDATOR: usize = 1024;

/// Fetches over one route.
#[derive(Clone)]
pub struct Fetcher {
    connector: Arc<Connector>,
    tls: Arc<TlsClient>,
}

/// The body of a POST.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestBody {
    /// The media type.
    pub content_type: &'static str,
    /// The content.
    pub bytes: Bytes,
}

/// Parameters of one fetch.
#[derive(Clone, Debug)]
pub struct FetchRequest<'a> {
    /// The URL.
    pub url: &'a ProbeUrl,
    /// Whether `https` is allowed, verified against this machine's roots. Redirects from `https` to `http` are
    /// refused.
    pub secure: bool,
    /// Whether the URL may be on this machine, because the configuration names it. Redirects may not lead
    /// there.
    pub local: bool,
    /// Whether TLS may end without close_notify after a body without a length (RFC 8446, section 6.1): the content
    /// shows whether it is complete, or clients don't ask.
    pub unclean_close: bool,
    /// The maximum size of the body, in bytes.
    pub limit: u64,
    /// What reads a longer body.
    pub overflow: Option<Overflow<'a>>,
    /// The time limit, redirects included.
    pub timeout: Duration,
    /// The body of a POST. If `None`, the method is GET.
    pub body: Option<RequestBody>,
    /// Validators of the previous response, for a conditional GET.
    pub known: Option<&'a Validators>,
    /// What to send if the server doesn't accept the GET.
    pub fallback: Option<PostRequest<'a>>,
    /// Notified once the connection is established, tunnel included.
    pub connected: Option<&'a Notify>,
}

/// The same request as a POST.
#[derive(Clone, Debug)]
pub struct PostRequest<'a> {
    /// Its URL.
    pub url: &'a ProbeUrl,
    /// Its body.
    pub body: RequestBody,
}

impl<'a> FetchRequest<'a> {
    /// A GET of a URL that a third party may have named: plain HTTP, never from this machine.
    #[must_use]
    pub const fn get(url: &'a ProbeUrl, limit: u64, timeout: Duration) -> Self {
        Self {
            url,
            secure: false,
            local: false,
            unclean_close: false,
            limit,
            overflow: None,
            timeout,
            body: None,
            known: None,
            fallback: None,
            connected: None,
        }
    }
}

/// The result of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// Unchanged since the given [`Validators`].
    NotModified,
    /// A response with status 200.
    Body {
        /// The body. Empty if what reads longer bodies has it.
        bytes: Bytes,
        /// The response's validators.
        validators: Validators,
        /// What the response says of the body.
        content: ContentHeaders,
    },
}

/// How a body is to be read, as its server says. A header that isn't text is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentHeaders {
    /// `Content-Type`.
    pub media_type: Option<String>,
    /// `Content-Encoding`: a server may compress although `identity` was requested.
    pub encoding: Option<String>,
}

impl ContentHeaders {
    fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        Self { media_type: text(CONTENT_TYPE), encoding: text(CONTENT_ENCODING) }
    }
}

/// Validators of a response, for conditional requests (RFC 9110, section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Validators {
    fn from_headers(headers: &HeaderMap) -> Self {
        let short = |name| headers.get(name).filter(|value| value.len() <= MAX_VALIDATOR).cloned();
        Self { etag: short(ETAG), last_modified: short(LAST_MODIFIED) }
    }

    fn conditions(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let etag = self.etag.clone().map(|etag| (IF_NONE_MATCH, etag));
        etag.into_iter().chain(self.last_modified.clone().map(|at| (IF_MODIFIED_SINCE, at)))
    }
}

impl FetchIssuer for Fetcher {
    fn fetch_issuer<'a>(
        &'a self,
        url: &'a ProbeUrl,
        limit: u64,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Bytes, String>> {
        Box::pin(async move {
            match self.fetch(FetchRequest::get(url, limit, timeout)).await {
                Ok(Fetched::Body { bytes, .. }) => Ok(bytes),
                Ok(Fetched::NotModified) => Err("304 Not Modified to an unconditional request".to_owned()),
                Err(Failure { phase, reason, detail }) => Err(format!("{phase}: {reason}: {detail}")),
            }
        })
    }
}

/// The next step after a response's head.
enum ResponseStep {
    Read,
    NotModified,
    Redirected(ProbeUrl),
    /// The server doesn't accept the GET.
    Post,
}

/// The result of one hop.
enum FetchHop {
    Fetched(Fetched),
    Redirected(ProbeUrl),
    /// To be repeated as a POST.
    Post,
}

impl Fetcher {
    /// Fetches through `connector`; `tls` verifies servers' chains.
    #[must_use]
    pub const fn new(connector: Arc<Connector>, tls: Arc<TlsClient>) -> Self {
        Self { connector, tls }
    }

    /// Fetches once, within the timeout.
    ///
    /// Boxed because it recurses: verifying a server's chain may fetch a missing issuer. That fetch uses plain
    /// HTTP, so the recursion ends there.
    ///
    /// # Errors
    /// With the phase and reason that a probe would report.
    pub fn fetch<'a>(&'a self, mut request: FetchRequest<'a>) -> BoxFuture<'a, Result<Fetched, Failure>> {
        Box::pin(async move {
            let mut clock = PhaseClock::start("fetch", request.timeout);
            let mut url = request.url.clone();
            for _ in 0..=MAX_REDIRECTS {
                let hop = self.hop(&mut clock, &request, &url).await;
                match hop.map_err(|failure| where_redirected(failure, &request, &url))? {
                    FetchHop::Fetched(fetched) => return Ok(fetched),
                    FetchHop::Redirected(next) => url = next,
                    FetchHop::Post => {
                        if let Some(PostRequest { url: at, body }) = request.fallback.take() {
                            url.clone_from(at);
                            request = FetchRequest { url: at, body: Some(body), known: None, ..request };
                        }
                    }
                }
            }
            Err(redirect_error(format!("more than {MAX_REDIRECTS} redirects, the last one to {url}")))
        })
    }

    async fn hop(
        &self,
        clock: &mut PhaseClock,
        request: &FetchRequest<'_>,
        url: &ProbeUrl,
    ) -> Result<FetchHop, Failure> {
        check_allowed(request, url)?;
        let local = request.local && url == request.url;
        let named_by = if local { NamedBy::Configuration } else { NamedBy::ThirdParty };
        let dial = Dial { url, at: None, named_by };
        let DialedConnection { stream, target } =
            self.connector.dial(clock, &mut ConnectionFacts::default(), dial).await?;
        request.connected.inspect(|connected| connected.notify_one());
        match url.scheme() {
            Scheme::Http | Scheme::Folder => exchange(clock, request, url, stream, target).await,
            Scheme::Https => {
                let stream = self.secure(clock, dial, stream).await?;
                exchange(clock, request, url, stream, target).await
            }
        }
    }

    /// TLS with a chain that this machine trusts, whatever the kind of its root.
    async fn secure(
        &self,
        clock: &mut PhaseClock,
        dial: Dial<'_>,
        stream: BoxedStream,
    ) -> Result<TlsStream<BoxedStream>, Failure> {
        let (host, verifier) = (server_name(dial.url), self.tls.verifier());
        let handshake = self.tls.handshake(host, stream, Arc::clone(&verifier));
        let unverified = match clock.phase(Phase::Tls, handshake).await {
            Ok(unverified) => unverified,
            Err(failure) => return Err(explain_alert(&self.connector, clock, dial, &verifier, failure).await),
        };
        let verdict =
            clock.outside_phases(|deadline| self.tls.verify_chain(host, &verifier, self, deadline)).await;
        let trusted = verdict.map_err(|error| PhaseError::Chain(error).failure(Phase::Tls))?;
        Ok(unverified.into_stream(&trusted))
    }
}

/// Sends the request over an open connection and reads the response.
async fn exchange<S>(
    clock: &mut PhaseClock,
    request: &FetchRequest<'_>,
    url: &ProbeUrl,
    stream: S,
    target: RequestTarget,
) -> Result<FetchHop, Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let exchanged = async {
        let limit = request.overflow.map_or(request.limit, |overflow| overflow.limit);
        let mut exchange = HttpExchange::new(stream, ReadLimits { body: limit }).await?;
        let response = exchange.send(http_request(request, url, &target)?, &target).await?;
        Ok((exchange, response))
    };
    let (mut exchange, UnreadResponse { head, body: incoming }) =
        clock.phase(Phase::Request, exchanged).await?;
    match next(request, url, &head)? {
        ResponseStep::NotModified => Ok(FetchHop::Fetched(Fetched::NotModified)),
        ResponseStep::Redirected(next) => Ok(FetchHop::Redirected(next)),
        ResponseStep::Post => Ok(FetchHop::Post),
        ResponseStep::Read => {
            let mut body = FetchedBody::new(request.limit, request.overflow);
            let transfer = async {
                match exchange.transfer(&head, incoming, &mut body).await? {
                    BodyEnd::Unclean if !request.unclean_close => Err(PhaseError::CutOff),
                    BodyEnd::Complete | BodyEnd::Unclean => Ok(()),
                }
            };
            clock.phase(Phase::Transfer, transfer).await?;
            let mut bytes = body.into_bytes();
            bytes.shrink_to_fit(); // they may stay cached for days
            let validators = Validators::from_headers(&head.headers);
            let content = ContentHeaders::from_headers(&head.headers);
            Ok(FetchHop::Fetched(Fetched::Body { bytes: bytes.into(), validators, content }))
        }
    }
}

/// Builds the request.
fn http_request(
    request: &FetchRequest<'_>,
    url: &ProbeUrl,
    target: &RequestTarget,
) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    if let Some(RequestBody { content_type, bytes }) = &request.body {
        let mut post = build_request(Method::POST, url, target, bytes.clone())?;
        post.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        Ok(post)
    } else {
        let mut get = build_request(Method::GET, url, target, Bytes::new())?;
        get.headers_mut().extend(request.known.into_iter().flat_map(Validators::conditions));
        Ok(get)
    }
}

/// Decides the next step after a response's head.
fn next(request: &FetchRequest<'_>, url: &ProbeUrl, head: &ResponseHead) -> Result<ResponseStep, Failure> {
    match head.status {
        StatusCode::OK => Ok(ResponseStep::Read),
        StatusCode::NOT_MODIFIED if request.known.is_some() => Ok(ResponseStep::NotModified),
        status if is_redirect(status, request) => redirect(url, head).map(ResponseStep::Redirected),
        status => match proxied::not_the_servers(status, &head.headers, head.authenticated) {
            Some(failure) => Err(failure),
            None if request.fallback.is_some() && rejects_get(status) => Ok(ResponseStep::Post),
            None => {
                let detail = format!("status {} instead of 200", status.as_u16());
                Err(Failure::new(Phase::Request, Reason::Status, detail))
            }
        },
    }
}

/// Whether a POST may be accepted where the GET isn't: 404, 405, 414.
fn rejects_get(status: StatusCode) -> bool {
    matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::URI_TOO_LONG)
}

/// Whether to follow a redirect. A POST is repeated unchanged (RFC 9110, section 15.4, allows that), but 303
/// would turn it into a GET without its body.
fn is_redirect(status: StatusCode, request: &FetchRequest<'_>) -> bool {
    matches!(status.as_u16(), 301 | 302 | 307 | 308) || (status == 303 && request.body.is_none())
}

fn redirect(url: &ProbeUrl, head: &ResponseHead) -> Result<ProbeUrl, Failure> {
    let status = head.status.as_u16();
    let location = head.header("location");
    let location = location.ok_or_else(|| redirect_error(format!("status {status} without a Location")))?;
    url.join(location).map_err(|error| redirect_error(format!("invalid redirect: {error}: {location:?}")))
}

/// Refuses `https` unless the request allows it, and redirects from `https` to `http`.
fn check_allowed(request: &FetchRequest<'_>, url: &ProbeUrl) -> Result<(), Failure> {
    match url.scheme() {
        Scheme::Https if !request.secure => Err(redirect_error(
            "https: revocation data and issuers are fetched over plain HTTP only".to_owned(),
        )),
        Scheme::Http if request.url.scheme() == Scheme::Https => {
            Err(redirect_error(format!("a redirect from https to plain http: {url}")))
        }
        _ => Ok(()),
    }
}

/// A response that violates the rules of a fetch.
fn redirect_error(detail: String) -> Failure {
    Failure::new(Phase::Request, Reason::Protocol, detail)
}

fn where_redirected(failure: Failure, request: &FetchRequest<'_>, url: &ProbeUrl) -> Failure {
    if url == request.url {
        return failure;
    }
    let Failure { phase, reason, detail } = failure;
    Failure::new(phase, reason, format!("{detail}, after a redirect to {url}"))
}
