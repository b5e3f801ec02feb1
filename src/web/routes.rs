//! The routes of the HTTP server. Responses use the newest snapshot; only `/probe` starts a probe.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody as _;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;

use super::app::AppState;
use super::serve::GeneratedSize;
use super::{api, evidence, fallback, metrics, page, probe};

/// The timeout of the engine's liveness check: shorter than health checks wait (three seconds in the Kubernetes
/// manifests).
const LIVENESS_TIMEOUT: Duration = Duration::from_secs(2);

/// Every route of the exporter.
pub fn router(app: AppState) -> Router {
    let paths = &app.paths;
    let router = Router::new()
        .route(&paths.at("/"), get(page::show))
        .route(&paths.metrics(), get(metrics::metrics))
        .route(&paths.at(api::STATUS), get(api::status))
        .route(&paths.at(api::SCHEMA), get(api::schema))
        .route(&paths.at(evidence::PATH), get(evidence::evidence))
        .route(&paths.at(probe::PATH), get(probe::probe))
        .merge(page::files(paths))
        .route(&paths.at("/-/healthy"), get(healthy))
        .route(&paths.at("/-/ready"), get(ready))
        .route(&paths.at("/-/reload"), post(reload).put(reload));
    let router = if paths.prefix.is_empty() {
        router
    } else {
        router.route("/", get(fallback::home)).route(&paths.prefix, get(fallback::home))
    };
    router
        .fallback(fallback::not_found)
        .layer(map_response(measure))
        // The texts are so repetitive that the fastest level compresses nearly as well as the others.
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest))
        .layer(map_response(harden))
        .with_state(Arc::new(app))
}

/// Notes the size of the body before it is compressed.
async fn measure(mut response: Response) -> Response {
    let size = GeneratedSize(response.body().size_hint().lower());
    response.extensions_mut().insert(size);
    response
}

/// Forbids responses to run scripts, load resources or be framed. The page sets its own policy.
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

/// The response itself proves that the server works; only the engine can tell whether probes run.
async fn healthy(State(app): State<Arc<AppState>>) -> Response {
    match &app.liveness {
        Some(liveness) if !liveness.is_alive(LIVENESS_TIMEOUT).await => {
            let says = "unhealthy: engine not responding, nothing is probed; restart the exporter\n";
            (StatusCode::SERVICE_UNAVAILABLE, says).into_response()
        }
        _ => "OK\n".into_response(),
    }
}

async fn ready(State(app): State<Arc<AppState>>) -> Response {
    let snapshot = app.newest();
    if snapshot.is_ready() {
        return "OK\n".into_response();
    }
    let probed = snapshot.defender().filter(|(.., state)| state.probes > 0).count();
    let all = snapshot.defender().count();
    let reason = format!("not ready: {probed} of {all} targets probed so far\n");
    (StatusCode::SERVICE_UNAVAILABLE, reason).into_response()
}

/// Responds as Prometheus does, with every problem of an invalid configuration.
async fn reload(State(app): State<Arc<AppState>>) -> Response {
    let Some(reloads) = &app.reloads else {
        return (StatusCode::FORBIDDEN, "Lifecycle API is not enabled.\n").into_response();
    };
    match reloads.request().await {
        Some(Ok(summary)) => format!("{summary}\n").into_response(),
        Some(Err(problems)) => {
            let says = format!("reload failed, keeping the previous configuration:\n{problems}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, says).into_response()
        }
        None => (StatusCode::SERVICE_UNAVAILABLE, "the exporter is stopping\n").into_response(),
    }
}
