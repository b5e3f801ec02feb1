//! The metrics of a snapshot, in the negotiated format.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use super::access::Access;
use super::app::AppState;
use super::response::{in_background, write_error};
use crate::metrics::{self, ExpositionFormat, MetricScope, ProcessStats, Scrape};
use crate::state::Snapshot;

/// All metrics.
pub(super) async fn metrics(State(app): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    show(&app, &headers, app.newest(), MetricScope::All).await
}

/// The metrics of a snapshot, in the negotiated format.
pub(super) async fn show(
    app: &AppState,
    headers: &HeaderMap,
    snapshot: Arc<Snapshot>,
    scope: MetricScope,
) -> Response {
    let format = ExpositionFormat::negotiate(&accept(headers));
    let (build, web) = (app.build, app.access.as_ref().map(Access::status).unwrap_or_default());
    in_background("the metrics", move || {
        let scrape = Scrape { scope, snapshot, build, process: ProcessStats::read(), web };
        match metrics::encode(format, scrape) {
            Ok(body) => ([(header::CONTENT_TYPE, format.content_type()), (header::VARY, "accept")], body)
                .into_response(),
            Err(error) => write_error("the metrics", &error),
        }
    })
    .await
}

/// Several `Accept` headers are one list (RFC 9110, section 5.3).
fn accept(headers: &HeaderMap) -> String {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}
