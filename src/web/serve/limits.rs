//! Limits per client: sizes, counts and timeouts. `connection.rs` enforces the timeouts, `connection_limit.rs` the
//! number of connections, hyper and the layers here the rest.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
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
}

/// hyper counts only for HTTP/1.
async fn count_headers(request: Request, next: Next) -> Response {
    if request.headers().len() > HEADERS {
        return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response();
    }
    next.run(request).await
}
