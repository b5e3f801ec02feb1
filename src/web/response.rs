//! Responses that take a while to generate, on blocking threads.

use std::fmt;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;

/// Responses generated at the same time. More than the machine has cores gain nothing, and each takes memory.
static GENERATED: Semaphore = Semaphore::const_new(8);

/// Generates a response on a blocking thread: reading /proc and writing hundreds of kilobytes would delay probes.
pub(super) async fn in_background(
    what: &'static str,
    write: impl FnOnce() -> Response + Send + 'static,
) -> Response {
    let permit = GENERATED.acquire().await; // never closed
    // A panic's message may contain a peer's text. The panic hook logs where it happened.
    let task = move || {
        let _permit = permit; // until it is done, even if the client has gone
        write()
    };
    tokio::task::spawn_blocking(task).await.unwrap_or_else(|_| write_error(what, &"a panic"))
}

/// The response if generation fails; the log has the error.
pub(super) fn write_error(what: &str, error: &dyn fmt::Display) -> Response {
    tracing::error!(%error, output = what, "failed to encode");
    let says = format!("failed to encode {what} (see the log)\n");
    (StatusCode::INTERNAL_SERVER_ERROR, says).into_response()
}
