//! `/probe?target=URL[&component=NAME][&route=NAME]`: probes one target now, and responds with its metrics.
//! `engine/on_demand.rs` decides what may be probed.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use super::app::AppState;
use super::metrics::show;
use crate::engine::on_demand::{ProbeRequest, RequestError};
use crate::metrics::MetricScope;
use crate::text::clean;

/// The path.
pub(super) const PATH: &str = "/probe";

/// Prometheus' scrape timeout, in seconds.
const SCRAPE_TIMEOUT: &str = "x-prometheus-scrape-timeout-seconds";

/// The part of the scrape timeout reserved for the response: a late one would be discarded.
const OFFSET: Duration = Duration::from_millis(500);

/// The maximum scrape timeout that is accepted.
const LONGEST: f64 = 86_400.0;

/// Probes the requested target. Errors are text for the user.
pub(super) async fn probe(
    State(app): State<Arc<AppState>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let probe_request = match probe_request(query.as_deref().unwrap_or_default(), &headers) {
        Ok(probe_request) => probe_request,
        Err(problem) => return (StatusCode::BAD_REQUEST, format!("{problem}\n")).into_response(),
    };
    let Some(on_demand) = &app.on_demand else {
        return (StatusCode::SERVICE_UNAVAILABLE, "nothing to probe\n").into_response();
    };
    match on_demand.probe(&probe_request).await {
        Ok(snapshot) => show(&app, &headers, Arc::new(snapshot), MetricScope::Probe).await,
        Err(refusal @ RequestError::Busy(_)) => {
            let retry = [(header::RETRY_AFTER, "1")];
            (StatusCode::SERVICE_UNAVAILABLE, retry, format!("{refusal}\n")).into_response()
        }
        Err(refusal) => (StatusCode::BAD_REQUEST, format!("{refusal}\n")).into_response(),
    }
}

fn probe_request(query: &str, headers: &HeaderMap) -> Result<ProbeRequest, String> {
    let (mut target, mut probe_request) =
        (None, ProbeRequest { limit: limit(headers)?, ..ProbeRequest::default() });
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "target" => &mut target,
            "component" => &mut probe_request.component,
            "route" => &mut probe_request.route,
            other => {
                let other = clean(other);
                return Err(format!("unknown parameter {other:?}; accepted are target, component and route"));
            }
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(format!("{name} is given twice"));
        }
    }
    probe_request.target = target.ok_or("target is missing: /probe?target=https://wdcp.microsoft.com/")?;
    Ok(probe_request)
}

/// The scrape timeout minus the time for the response, or half of a very short timeout. Returns `None` if the scraper
/// sends no timeout.
fn limit(headers: &HeaderMap) -> Result<Option<Duration>, String> {
    let Some(value) = headers.get(SCRAPE_TIMEOUT) else { return Ok(None) };
    let seconds = value.to_str().ok().and_then(|text| text.trim().parse::<f64>().ok());
    match seconds.filter(|seconds| *seconds > 0.0 && *seconds <= LONGEST) {
        Some(seconds) => {
            let whole = Duration::from_secs_f64(seconds);
            Ok(Some(whole.saturating_sub(OFFSET).max(whole / 2)))
        }
        None => Err(format!(
            "X-Prometheus-Scrape-Timeout-Seconds: {value:?} is not a number of seconds up to a day"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(timeout: &str) -> HeaderMap {
        HeaderMap::from_iter([(SCRAPE_TIMEOUT.parse().expect("a name"), timeout.parse().expect("a value"))])
    }

    #[test]
    fn what_the_scrape_timeout_leaves() {
        let check = |timeout: &str, millis: u64| {
            assert_eq!(limit(&headers(timeout)), Ok(Some(Duration::from_millis(millis))), "{timeout}");
        };
        check("10", 9500);
        check("1.5", 1000);
        check("0.6", 300);
        assert_eq!(limit(&HeaderMap::new()), Ok(None));
        for bad in ["0", "-1", "NaN", "inf", "1e9", "ten", ""] {
            assert!(limit(&headers(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn queries() {
        let of = |query| probe_request(query, &HeaderMap::new());
        let found = of("target=https%3A%2F%2Fa.example%2F%3Fb%3D1%26c&route=direct&component=maps")
            .expect("a valid request");
        assert_eq!(
            (found.target.as_str(), found.route.as_deref()),
            ("https://a.example/?b=1&c", Some("direct"))
        );
        for (query, says) in [
            ("", "target is missing"),
            ("route=direct", "target is missing"),
            ("target=a&target=b", "given twice"),
            ("target=a&rout=b", "unknown parameter \"rout\""),
        ] {
            let problem = of(query).expect_err(query);
            assert!(problem.contains(says), "{query}: {problem}");
        }
    }
}
