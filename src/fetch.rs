//! Fetches what isn't timed: revocation lists, OCSP answers, issuers' certificates. One attempt, and nothing kept from
//! one fetch for the next. What the bytes mean is the caller's business.
//!
//! Plain HTTP, unless the caller says otherwise: a list that is needed to judge a chain can't itself wait for a chain to
//! be judged (RFC 5280, section 8). How one request goes out by the route is in `fetch/client.rs`.

mod client;

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{
    ETAG, HeaderMap, HeaderName, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use reqwest::{Response, StatusCode};
use rustls::ClientConfig;
use tokio::time::{Instant, timeout_at};

use crate::catalog::{ProbeUrl, Scheme};
use crate::config::{Proxies, Proxy};
use crate::failure::{StageError, proxied};
use crate::names::{Destinations, leads_nowhere, without_brackets};
use crate::observation::{Failure, FailureReason as Reason, Stage};
use crate::sender::source_for;
use crate::ways::Ways;
use client::Exchange;

/// Redirects followed.
const MAX_REDIRECTS: usize = 3;

/// The longest validator that is kept, in bytes.
const MAX_VALIDATOR: usize = 1024;

/// Fetches by one route.
#[derive(Clone)]
pub struct Fetcher {
    destinations: Arc<Destinations>,
    ways: Ways,
    source: Option<IpAddr>,
    /// For proxies that are spoken to over TLS, and for servers.
    tls: ClientConfig,
}

/// What is to be fetched.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// From where.
    pub url: &'a ProbeUrl,
    /// Whether an `https` URL is fetched, by the roots that this machine trusts; from there no redirect leads to plain HTTP.
    pub secure: bool,
    /// Whether it may be on this machine: because the configuration names it, and no stranger. Redirects may not.
    pub local: bool,
    /// The most that the body may take, in bytes.
    pub limit: u64,
    /// The longest that the fetch may take, redirects included.
    pub timeout: Duration,
    /// Content type and bytes of a POST; none: GET.
    pub body: Option<(&'static str, Bytes)>,
    /// What a GET's answer of before was marked with: if it hasn't changed, it isn't sent again.
    pub known: Option<&'a Validators>,
}

impl<'a> Wanted<'a> {
    /// A GET of what a stranger may have named: by plain HTTP, and never from this machine.
    #[must_use]
    pub const fn of(url: &'a ProbeUrl, limit: u64, timeout: Duration) -> Self {
        Self { url, secure: false, local: false, limit, timeout, body: None, known: None }
    }
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// Nothing new since the [`Validators`] that were given.
    NotModified,
    /// An answer with status 200.
    Body {
        /// The body, as it was sent.
        bytes: Bytes,
        /// What it is marked with.
        validators: Validators,
    },
}

/// What a server marks an answer with, to tell whether it has changed (RFC 9110, section 8.8).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    etag: Option<HeaderValue>,
    last_modified: Option<HeaderValue>,
}

impl Validators {
    fn of(headers: &HeaderMap) -> Self {
        let short = |name| headers.get(name).filter(|value| value.len() <= MAX_VALIDATOR).cloned();
        Self { etag: short(ETAG), last_modified: short(LAST_MODIFIED) }
    }

    fn conditions(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let etag = self.etag.clone().map(|etag| (IF_NONE_MATCH, etag));
        etag.into_iter().chain(self.last_modified.clone().map(|at| (IF_MODIFIED_SINCE, at)))
    }
}

/// What the head of an answer calls for.
enum Next {
    Read,
    NotModified,
    Redirected(ProbeUrl),
}

/// How one hop of a fetch ended.
enum Hop {
    Fetched(Fetched),
    Redirected(ProbeUrl),
}

impl Fetcher {
    /// A fetcher that goes by no proxy, from this address of the machine where one is given.
    #[must_use]
    pub fn direct(destinations: Arc<Destinations>, source: Option<IpAddr>, tls: ClientConfig) -> Self {
        Self { destinations, ways: Ways::Fixed(Proxies::default()), source, tls }
    }

    /// The same by these ways; proxies are trusted as its TLS says.
    #[must_use]
    pub fn by(self, ways: Ways) -> Self {
        Self { ways, ..self }
    }

    /// Fetches once; ends at its timeout at the latest.
    ///
    /// # Errors
    /// With the stage and reason that a probe would have failed with.
    pub async fn fetch(&self, wanted: Wanted<'_>) -> Result<Fetched, Failure> {
        let deadline = Deadline { at: Instant::now() + wanted.timeout, limit: wanted.timeout };
        let mut url = wanted.url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let hop = self.hop(&wanted, &url, deadline).await;
            match hop.map_err(|failure| where_redirected(failure, &wanted, &url))? {
                Hop::Fetched(fetched) => return Ok(fetched),
                Hop::Redirected(next) => url = next,
            }
        }
        Err(broken(format!("more than {MAX_REDIRECTS} redirects, the last one to {url}")))
    }

    async fn hop(&self, wanted: &Wanted<'_>, url: &ProbeUrl, deadline: Deadline) -> Result<Hop, Failure> {
        must_be_allowed(wanted, url)?;
        let proxy = self.ways.proxy_for(url, deadline.at).await?;
        let proxy = proxy.as_deref();
        let local = wanted.local && url == wanted.url;
        let address = deadline.bound(|_| Stage::Resolve, self.address(url, proxy, local)).await?;
        if !local {
            must_not_be_this_machine(url, proxy.is_none().then_some(address))?;
        }
        let source = self.source.map(|source| source_for(address, source)).transpose();
        let source = source.map_err(|error| error.failure(Stage::Connect))?;
        let exchange = Exchange::new(url, proxy, address, (source, &self.tls));
        let response = deadline.bound(|error| exchange.stage(error), exchange.send(wanted)).await?;
        let told = proxy.map(|proxy| proxy.credentials.is_some());
        match next(wanted, url, &response, told)? {
            Next::NotModified => Ok(Hop::Fetched(Fetched::NotModified)),
            Next::Redirected(next) => Ok(Hop::Redirected(next)),
            Next::Read => {
                let validators = Validators::of(response.headers());
                let bytes = deadline.bound(|_| Stage::Transfer, read(response, wanted.limit)).await?;
                Ok(Hop::Fetched(Fetched::Body { bytes, validators }))
            }
        }
    }
}

impl Fetcher {
    /// The address that is connected to: the server's own, or the proxy's, which resolves the server's name itself.
    async fn address(
        &self,
        url: &ProbeUrl,
        proxy: Option<&Proxy>,
        local: bool,
    ) -> Result<SocketAddr, StageError> {
        let destination = match proxy {
            None if local => self.destinations.chosen(url.host(), url.port()),
            None => self.destinations.of(url.host(), url.port()),
            Some(proxy) => self.destinations.chosen(&proxy.at.host, proxy.at.port),
        };
        Ok(destination.address().await?)
    }
}

/// When a fetch must end.
#[derive(Clone, Copy)]
struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// Waits for the end of some work, or of the time. `stage` is asked where it failed.
    async fn bound<T>(
        self,
        stage: impl Fn(Option<&StageError>) -> Stage,
        work: impl Future<Output = Result<T, StageError>>,
    ) -> Result<T, Failure> {
        match timeout_at(self.at, work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let stage = stage(Some(&error));
                Err(error.failure(stage))
            }
            Err(_) => {
                let stage = stage(None);
                let limit = humantime::format_duration(self.limit);
                let detail = format!("no end of {stage}: the fetch's timeout of {limit} has passed");
                Err(Failure::new(stage, Reason::Timeout, detail))
            }
        }
    }
}

/// What to do after the head of an answer. `told`: whether a proxy was told who asks; none without a proxy.
fn next(
    wanted: &Wanted<'_>,
    url: &ProbeUrl,
    response: &Response,
    told: Option<bool>,
) -> Result<Next, Failure> {
    let refused = |reason, detail: &str| Err(Failure::new(Stage::Request, reason, detail));
    match response.status() {
        StatusCode::OK => Ok(Next::Read),
        StatusCode::NOT_MODIFIED if wanted.known.is_some() => Ok(Next::NotModified),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            let offered = proxied::demand(response.headers(), told);
            let detail = format!(
                "407 Proxy Authentication Required: a proxy on the way demands authentication{offered}"
            );
            refused(Reason::AuthRequired, &detail)
        }
        status if is_redirect(status, wanted) => redirect(url, response).map(Next::Redirected),
        status => refused(Reason::Status, &format!("status {}, and not 200", status.as_u16())),
    }
}

/// A POST is repeated as it is (RFC 9110, section 15.4, allows that); 303 would make a GET of it, without its question.
fn is_redirect(status: StatusCode, wanted: &Wanted<'_>) -> bool {
    matches!(status.as_u16(), 301 | 302 | 307 | 308) || (status == 303 && wanted.body.is_none())
}

fn redirect(url: &ProbeUrl, response: &Response) -> Result<ProbeUrl, Failure> {
    let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
    let status = response.status().as_u16();
    let location = location.ok_or_else(|| broken(format!("status {status} without a Location")))?;
    url.join(location)
        .map_err(|error| broken(format!("a redirect that can't be followed: {error}: {location:?}")))
}

/// Reads the body to its end, at most `limit` bytes of it.
async fn read(mut response: Response, limit: u64) -> Result<Bytes, StageError> {
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(StageError::TooLarge { limit });
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if (bytes.len() + chunk.len()) as u64 > limit {
            return Err(StageError::TooLarge { limit });
        }
        bytes.extend_from_slice(&chunk);
    }
    bytes.shrink_to_fit(); // it may be kept for days
    Ok(bytes.into())
}

/// Only who may fetch by TLS does, and who does isn't led away from it.
fn must_be_allowed(wanted: &Wanted<'_>, url: &ProbeUrl) -> Result<(), Failure> {
    match url.scheme() {
        Scheme::Https if !wanted.secure => {
            Err(broken("https: what judges a chain is fetched over plain HTTP alone".to_owned()))
        }
        Scheme::Http if wanted.url.scheme() == Scheme::Https => {
            Err(broken(format!("a redirect from https to plain http: {url}")))
        }
        _ => Ok(()),
    }
}

/// The URL may be a stranger's, out of a certificate or a redirect: it must not reach the services of this machine.
/// Names are held to that where they are resolved, and the configuration may send a connection anywhere (`address`).
/// A proxy (no address) may be on this machine: what is for itself is not asked of it. It resolves other names.
fn must_not_be_this_machine(url: &ProbeUrl, address: Option<SocketAddr>) -> Result<(), Failure> {
    let host = without_brackets(url.host());
    let own = match host.parse::<IpAddr>() {
        Ok(literal) => leads_nowhere(literal) && address.is_none_or(|address| address.ip() == literal),
        Err(_) => address.is_none() && is_localhost(host),
    };
    if own {
        let detail = format!("{host} is this machine, where no public service is");
        return Err(Failure::new(Stage::Resolve, Reason::Sinkhole, detail));
    }
    Ok(())
}

/// Whether a name is one of the machine that resolves it (RFC 6761, section 6.3).
fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host.ends_with(".localhost")
}

/// The server breaks the rules of a fetch.
fn broken(detail: String) -> Failure {
    Failure::new(Stage::Request, Reason::Protocol, detail)
}

fn where_redirected(failure: Failure, wanted: &Wanted<'_>, url: &ProbeUrl) -> Failure {
    if url == wanted.url {
        return failure;
    }
    let Failure { stage, reason, detail } = failure;
    Failure::new(stage, reason, format!("{detail}, after a redirect to {url}"))
}
