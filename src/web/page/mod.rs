//! The status page at `/`. Data flows one way: snapshot, time and filter → `view` (the content, as data) → `markup`
//! (HTML). The style sheet, script and icon are in `assets/`.

mod assets;
#[cfg(test)]
mod complaints;
mod filter;
mod markup;
mod state;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;
use std::time::SystemTime;

use axum::extract::State;
use axum::http::{Uri, header};
use axum::response::{Html, IntoResponse, Response};

use super::app::AppState;
use super::response::in_background;
use super::telemetry_path::TelemetryPath;
use crate::metrics::BuildInfo;
use crate::plan::TargetId;
use crate::state::Snapshot;

pub(super) use assets::routes as files;
pub(super) use filter::Filter;

/// The content security policy: the page may load its own style sheet, script and icon, fetch from this server, and
/// submit its form to it.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The exporter's own data on the page.
struct About<'a> {
    build: BuildInfo,
    telemetry_path: &'a TelemetryPath,
}

/// Serves the page, filtered by the query string.
pub(super) async fn show(State(app): State<Arc<AppState>>, uri: Uri) -> Response {
    let (snapshot, now) = (app.newest(), app.clock.now());
    let filter = Filter::parse(uri.query().unwrap_or_default());
    in_background("the page", move || {
        let about = About { build: app.build, telemetry_path: &app.paths.telemetry };
        let headers = [(header::CONTENT_SECURITY_POLICY, POLICY), (header::CACHE_CONTROL, "no-cache")];
        (headers, Html(render(&snapshot, now, filter, &about))).into_response()
    })
    .await
}

/// A recorded round, to be reported to whoever changes the firewall or the proxy.
#[derive(Clone, Copy)]
pub struct RoundReport<'a> {
    /// The version of the program that recorded it.
    pub program: &'a str,
    /// The version of its catalog.
    pub catalog: &'a str,
    /// When the round began.
    pub started: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// Whether names are replaced by pseudonyms.
    pub is_redacted: bool,
    /// The beginning of the body that a target's probe received, as text.
    pub received: &'a dyn Fn(TargetId) -> String,
}

impl RoundReport<'_> {
    /// One HTML document that loads nothing, of the round that led to this state.
    #[must_use]
    pub fn render(&self, snapshot: &Snapshot) -> String {
        let filter = Filter::default();
        let input = view::ViewInput { snapshot, now: self.ended, filter: &filter };
        markup::report_document(&view::ReportView::new(self, input), self).into_string()
    }
}

fn render(snapshot: &Snapshot, now: SystemTime, filter: Filter, about: &About<'_>) -> String {
    markup::document(&view::Page::new(snapshot, now, filter), about).into_string()
}
