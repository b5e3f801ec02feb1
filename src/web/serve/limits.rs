//! What one client may cost: sizes, counts and times, in one place. Times are enforced by `watch.rs`, the number of
//! connections by `crowd.rs`, the rest by hyper and by the layers here.

use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

/// The longest head of a request, in bytes; beyond: 431.
pub(super) const HEAD: u32 = 16 * 1024;

/// The most header lines of a request; beyond: 431.
pub(super) const HEADERS: usize = 100;

/// The longest body of a request, in bytes; beyond: 413. Nothing here wants one.
const BODY: usize = 64 * 1024;

/// What hyper keeps of one connection at most, in bytes, each way. It must hold a head.
pub(super) const BUFFER: usize = 32 * 1024;

/// Requests at once on one connection of HTTP/2.
pub(super) const STREAMS: u32 = 16;

/// How long making an answer may take, until the client is told 503. A probe on demand may take its scrape's timeout.
const ANSWER: Duration = Duration::from_secs(120);

/// How long a connection may take, by what it is doing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// From its begin, TLS included, or from the first byte of a request, to the end of the request's head.
    pub(super) head: Duration,
    /// From the head of an answer until the client has taken the answer.
    pub(super) sending: Duration,
    /// Between an answer and the next request. Prometheus scrapes each minute or two, over one connection.
    pub(super) idle: Duration,
}

impl Times {
    pub(super) const USUAL: Self = Self {
        head: Duration::from_secs(10),
        sending: Duration::from_secs(60),
        idle: Duration::from_secs(5 * 60),
    };
}

/// The router behind the limits on single requests.
pub(super) fn limited(router: Router) -> Router {
    router
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, ANSWER))
        .layer(RequestBodyLimitLayer::new(BODY))
        .layer(from_fn(count_headers))
}

/// hyper counts for HTTP/1 alone.
async fn count_headers(request: Request, next: Next) -> Response {
    if request.headers().len() > HEADERS {
        return StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE.into_response();
    }
    next.run(request).await
}
