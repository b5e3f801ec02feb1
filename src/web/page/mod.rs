//! The status page at `/`, which an administrator opens first. It goes one way: snapshot, moment and filter → `view` (what
//! it says, as data) → `markup` (HTML). Its style and script are the files in `assets/`.

mod assets;
mod filter;
mod markup;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{Html, IntoResponse, Response};

use super::routes::in_background;
use super::{App, TelemetryPath};
use crate::metrics::BuildInfo;
use crate::state::Snapshot;

pub(super) use assets::routes as files;
pub(super) use filter::Filter;

/// What the page may do: load its own style, script and icon, and ask this server for newer pages. The form sends to it, too.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What the page says of the exporter itself.
struct About<'a> {
    build: BuildInfo,
    telemetry_path: &'a TelemetryPath,
}

/// The page, for the query of its address.
pub(super) async fn show(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let (snapshot, now) = (app.newest(), app.clock.now());
    let filter = Filter::parse(uri.query().unwrap_or_default());
    in_background("the page", move || {
        let about = About { build: app.build, telemetry_path: &app.telemetry_path };
        let headers = [(header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-cache")];
        (headers, Html(render(&snapshot, now, filter, &about))).into_response()
    })
    .await
}

fn render(snapshot: &Snapshot, now: SystemTime, filter: Filter, about: &About<'_>) -> String {
    markup::document(&view::Page::of(snapshot, now, filter), about).into_string()
}
