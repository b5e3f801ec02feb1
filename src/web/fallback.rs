//! The answer where there is nothing: a 404 that lists what there is.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::app::AppState;
use super::{api, probe};
use crate::text::clean;

pub(super) async fn not_found(State(app): State<Arc<AppState>>, uri: Uri) -> Response {
    let paths = &app.paths;
    let served = [
        (paths.at("/"), "status page"),
        (paths.metrics(), "metrics"),
        (paths.at(probe::PATH) + "?target=URL", "metrics of one probe"),
        (paths.at(api::STATUS), "status as JSON"),
        (paths.at("/-/healthy"), "health"),
        (paths.at("/-/ready"), "readiness"),
    ];
    let width = served.iter().map(|(path, _)| path.len()).max().unwrap_or_default();
    let mut says = format!("404 not found: {}\ndefender-exporter serves:\n", clean(uri.path()));
    for (path, what) in &served {
        let _ = writeln!(says, "  {path:width$}  {what}"); // to a String, it can't fail
    }
    (StatusCode::NOT_FOUND, says).into_response()
}

/// Redirects from where the page could be expected to where it is: its links are relative to it.
pub(super) async fn home(State(app): State<Arc<AppState>>) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, app.paths.home.clone())]).into_response()
}
