//! What is answered at which path. Answers are read from the newest snapshot; no request but one to `/probe` starts a probe.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::watch;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use super::{api, page, probe};
use crate::clock::Clock;
use crate::engine::Pulse;
use crate::metrics::{self, BuildInfo, Format, ProcessStats, Scope, Scrape};
use crate::on_demand::OnDemand;
use crate::reload::Reloads;
use crate::state::Snapshot;

/// How long the engine may take to show that it lives: less than any health check waits (Kubernetes' here three seconds).
const PULSE_LIMIT: Duration = Duration::from_secs(2);

/// What the answers are made from.
#[derive(Clone)]
pub struct App {
    /// The newest snapshot.
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    /// Which build is running.
    pub build: BuildInfo,
    /// Where the metrics are.
    pub telemetry_path: TelemetryPath,
    /// Where wall time comes from.
    pub clock: Clock,
    /// Asks for reloads; none where that isn't done over HTTP.
    pub reloads: Option<Reloads>,
    /// Probes on demand; none where nothing can be probed.
    pub on_demand: Option<OnDemand>,
    /// Whether the engine lives; none where there is no engine.
    pub pulse: Option<Pulse>,
}

impl App {
    pub(super) fn newest(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }
}

/// The path of the metrics, one that collides with no other route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TelemetryPath(String);

/// A text that can't be the path of the metrics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} can't be the path of the metrics: {problem}; an example is /metrics")]
pub struct TelemetryPathError {
    text: String,
    problem: &'static str,
}

impl TelemetryPath {
    fn problem(path: &str) -> Option<&'static str> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        if !path.starts_with('/') {
            Some("it doesn't begin with /")
        } else if path == "/" {
            Some("the status page is there")
        } else if path.starts_with("/-/")
            || path.starts_with("/api/")
            || path.starts_with("/assets/")
            || path == "/probe"
        {
            Some("the exporter's other answers are there")
        } else if !path.bytes().all(plain) {
            Some("only letters, digits and -._~/ are accepted")
        } else {
            None
        }
    }
}

impl FromStr for TelemetryPath {
    type Err = TelemetryPathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match Self::problem(text) {
            Some(problem) => Err(TelemetryPathError { text: text.to_owned(), problem }),
            None => Ok(Self(text.to_owned())),
        }
    }
}

impl Default for TelemetryPath {
    fn default() -> Self {
        Self("/metrics".to_owned())
    }
}

impl fmt::Display for TelemetryPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Every route of the exporter.
pub fn router(app: App) -> Router {
    Router::new()
        .route("/", get(page::show))
        .route(&app.telemetry_path.0, get(show_metrics))
        .route(api::STATUS, get(api::status))
        .route(api::SCHEMA, get(api::schema))
        .route(probe::PATH, get(probe::probe))
        .merge(page::files())
        .route("/-/healthy", get(healthy))
        .route("/-/ready", get(ready))
        .route("/-/reload", post(reload).put(reload))
        // The texts repeat themselves so much that the fastest level is nearly as small as the others.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(map_response(harden))
        .with_state(Arc::new(app))
}

/// No answer has anything to run, to load or to be framed, but for the page, which says so itself.
async fn harden(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 3] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// That something is answered at all proves the rest; whether anything is probed only the engine can tell.
async fn healthy(State(app): State<Arc<App>>) -> Response {
    match &app.pulse {
        Some(pulse) if !pulse.beats(PULSE_LIMIT).await => {
            let says = "not healthy: the engine doesn't answer, so nothing is probed; a restart helps\n";
            (StatusCode::SERVICE_UNAVAILABLE, says).into_response()
        }
        _ => "OK\n".into_response(),
    }
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    let snapshot = app.newest();
    if snapshot.is_ready() {
        return "OK\n".into_response();
    }
    let probed = snapshot.targets.iter().filter(|target| target.probes > 0).count();
    let reason = format!("not ready: {probed} of {} endpoints were probed so far\n", snapshot.targets.len());
    (StatusCode::SERVICE_UNAVAILABLE, reason).into_response()
}

/// As Prometheus answers, with every problem of a configuration that isn't good.
async fn reload(State(app): State<Arc<App>>) -> Response {
    let Some(reloads) = &app.reloads else {
        return (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.\n").into_response();
    };
    match reloads.ask().await {
        Some(Ok(said)) => format!("{said}\n").into_response(),
        Some(Err(problems)) => {
            let says =
                format!("the configuration can't be loaded; the one before stays in use:\n{problems}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, says).into_response()
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "the exporter is stopping\n").into_response(),
    }
}

async fn show_metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    show(&app, &headers, app.newest(), Scope::All).await
}

/// The metrics of a snapshot, in the format that is asked for.
pub(super) async fn show(app: &App, headers: &HeaderMap, snapshot: Arc<Snapshot>, scope: Scope) -> Response {
    let format = Format::negotiate(&accept(headers));
    let build = app.build;
    in_background("the metrics", move || {
        let scrape = Scrape { scope, snapshot, build, process: ProcessStats::read() };
        match metrics::encode(format, scrape) {
            Ok(body) => ([(header::CONTENT_TYPE, format.content_type()), (header::VARY, "accept")], body)
                .into_response(),
            Err(error) => broken("the metrics", &error),
        }
    })
    .await
}

/// An answer made where it holds up no probe: reading /proc and writing some hundred kilobytes would, on their thread.
pub(super) async fn in_background(
    what: &'static str,
    write: impl FnOnce() -> Response + Send + 'static,
) -> Response {
    tokio::task::spawn_blocking(write).await.unwrap_or_else(|error| broken(what, &error))
}

/// Several `Accept` headers are one list (RFC 9110, section 5.3).
fn accept(headers: &HeaderMap) -> String {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    values.collect::<Vec<_>>().join(",")
}

fn broken(what: &str, error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "{what} can't be written");
    let says = format!("{what} can't be written; the log says why\n");
    (StatusCode::INTERNAL_SERVER_ERROR, says).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telemetry_paths() {
        for good in ["/metrics", "/a/b-c_d.e~f", "/m"] {
            assert_eq!(good.parse::<TelemetryPath>().map(|path| path.to_string()).as_deref(), Ok(good));
        }
        for (bad, problem) in [
            ("", "begin with /"),
            ("metrics", "begin with /"),
            ("/", "status page"),
            ("/-/ready", "other answers"),
            ("/probe", "other answers"),
            ("/assets/page.css", "other answers"),
            ("/{x}", "only letters"),
            ("/a b", "only letters"),
            ("/a?b", "only letters"),
        ] {
            let error = bad.parse::<TelemetryPath>().expect_err(bad).to_string();
            assert!(error.contains(problem), "{bad}: {error}");
        }
    }
}
