//! Limits per client: sizes, counts and timeouts. `connection.rs` enforces the timeouts, `connection_limit.rs` the
//! number of connections, hyper and the layers here the rest.

use std::net::Ipv6Addr;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, Version, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

/// The maximum size of a request's head, in bytes; beyond: 431.
pub(super) const HEAD: u32 = 16 * 1024;

/// The maximum number of header lines; beyond: 431.
pub(super) const HEADERS: usize = 100;

/// The maximum size of a request's body, in bytes; beyond: 413. No route expects one.
const BODY: usize = 64 * 1024;

/// hyper's buffer per connection and direction, in bytes. It must hold a request's head.
pub(super) const BUFFER: usize = 32 * 1024;

/// The maximum number of concurrent requests on an HTTP/2 connection.
pub(super) const STREAMS: u32 = 16;

/// The time to generate a response; beyond: 503. An on-demand probe may take the scrape timeout.
const ANSWER: Duration = Duration::from_secs(120);

/// The timeouts of a connection, by activity.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConnectionTimeouts {
    /// From the start of the connection, including TLS, or the first byte of a request, to the end of the request's
    /// head.
    pub(super) head: Duration,
    /// From the head of a response until the client has received it all.
    pub(super) sending: Duration,
    /// Between a response and the next request. Prometheus scrapes every minute or two over one connection.
    pub(super) idle: Duration,
}

impl ConnectionTimeouts {
    pub(super) const USUAL: Self = Self {
        head: Duration::from_secs(10),
        sending: Duration::from_secs(60),
        idle: Duration::from_secs(5 * 60),
    };
}

/// Wraps the router with the limits on single requests.
pub(super) fn limited(router: Router) -> Router {
    router
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER))
        .layer(RequestBodyLimitLayer::new(BODY))
        .layer(from_fn(count_headers))
        .layer(from_fn(require_host))
}

/// RFC 9112, section 3.2: a request has one Host header, except with HTTP/1.0. In HTTP/2, `:authority` replaces it.
async fn require_host(request: Request, next: Next) -> Response {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let problem = match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => "more than one Host header",
        (Some(host), None) if !is_host(host) => "the Host header is not a host with an optional port",
        (None, None) if request.version() == Version::HTTP_11 => "no Host header",
        _ => return next.run(request).await,
    };
    (StatusCode::BAD_REQUEST, format!("400 bad request: {problem} (RFC 9112, section 3.2)\n")).into_response()
}

/// Whether a value is `uri-host [ ":" port ]` (RFC 9110, section 7.2). It may be empty.
fn is_host(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    // RFC 3986, section 3.2.2: reg-name, or an address in brackets.
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=".contains(&byte);
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_valid = match address {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => host.bytes().all(is_name),
    };
    is_valid && port.bytes().all(|byte| byte.is_ascii_digit())
}

/// hyper counts only for HTTP/1.
async fn count_headers(request: Request, next: Next) -> Response {
    if request.headers().len() > HEADERS {
        return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let check = |value: &'static str, expected: bool| {
            assert_eq!(is_host(&HeaderValue::from_static(value)), expected, "{value}");
        };
        for good in ["", "localhost", "exporter.example:10207", "192.0.2.1:80", "[::1]", "[::1]:80", "a_b:"] {
            check(good, true);
        }
        for bad in ["a b", "user@host", "a/b", "::1", "[::1", "[x]:80", "host:http", "http://host"] {
            check(bad, false);
        }
    }
}
