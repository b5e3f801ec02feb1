//! The answers for programs: what is known as JSON, and its schema.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::App;
use super::routes::in_background;
use crate::report::Report;

/// Where the newest snapshot is.
pub(super) const STATUS: &str = "/api/v1/status";
/// Where its JSON Schema is.
pub(super) const SCHEMA: &str = "/api/v1/status.schema.json";

/// Made from the report's types; a test holds it to them.
const SCHEMA_TEXT: &str = include_str!("../../deploy/status.schema.json");

pub(super) async fn status(State(app): State<Arc<App>>) -> Response {
    let (snapshot, now, version) = (app.newest(), app.clock.now(), app.build.version);
    in_background("the status", move || {
        let json = Report::of(&snapshot, now, version).to_json();
        let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
        (headers, json).into_response()
    })
    .await
}

pub(super) async fn schema() -> Response {
    ([(header::CONTENT_TYPE, "application/schema+json")], SCHEMA_TEXT).into_response()
}
