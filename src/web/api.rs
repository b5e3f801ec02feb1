//! The JSON API: the status report and its schema.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::app::AppState;
use super::response::{in_background, write_error};
use crate::report::StatusReport;

/// The path of the status report.
pub(super) const STATUS: &str = "/api/v1/status";
/// The path of its JSON Schema.
pub(super) const SCHEMA: &str = "/api/v1/status.schema.json";

/// Generated from the report's types; a test compares it with them.
const SCHEMA_TEXT: &str = include_str!("../../deploy/status.schema.json");

pub(super) async fn status(State(app): State<Arc<AppState>>) -> Response {
    let (snapshot, now, version) = (app.newest(), app.clock.now(), app.build.version);
    in_background("the status", move || {
        let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
        match StatusReport::new(&snapshot, now, version).to_json() {
            Ok(json) => (headers, json).into_response(),
            Err(error) => write_error("the status", &error),
        }
    })
    .await
}

pub(super) async fn schema() -> Response {
    ([(header::CONTENT_TYPE, "application/schema+json")], SCHEMA_TEXT).into_response()
}
