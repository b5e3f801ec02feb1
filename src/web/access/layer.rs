//! What happens to a request before it is answered: the rate limit, then the password. Every answer gets the headers of the
//! web configuration, which come before the exporter's own.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::basic::Verdict;
use super::{Access, Rules};

/// What a browser shows when it asks for a password.
const CHALLENGE: &str = "Basic realm=\"defender-exporter\", charset=\"UTF-8\"";

/// The router behind the rules, all of it: health and the page's files too, as with exporter-toolkit.
pub(in crate::web) fn guarded(router: Router, access: Access) -> Router {
    router.layer(from_fn_with_state(access, admit))
}

async fn admit(State(access): State<Access>, request: Request, next: Next) -> Response {
    let rules = access.rules().await;
    let mut response = match access.judge(&rules, request.headers()).await {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal,
    };
    for (name, value) in &rules.config.headers {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

impl Access {
    async fn judge(&self, rules: &Rules, headers: &HeaderMap) -> Result<(), Response> {
        if let Some(limiter) = &rules.limiter {
            limiter.admit(Instant::now()).map_err(|wait| later(StatusCode::TOO_MANY_REQUESTS, wait))?;
        }
        let users = &rules.config.users;
        if users.is_empty() {
            return Ok(());
        }
        match self.0.gate.judge(users, headers.get(header::AUTHORIZATION)).await {
            Verdict::Known => Ok(()),
            Verdict::Unknown => {
                Err(refusal(StatusCode::UNAUTHORIZED, header::WWW_AUTHENTICATE, CHALLENGE.to_owned()))
            }
            Verdict::Busy => Err(later(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(1))),
        }
    }
}

/// `Retry-After` has whole seconds (RFC 9110, section 10.2.3).
fn later(status: StatusCode, wait: Duration) -> Response {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    refusal(status, header::RETRY_AFTER, seconds.to_string())
}

fn refusal(status: StatusCode, name: HeaderName, value: String) -> Response {
    let text = format!("{}\n", status.canonical_reason().unwrap_or_default());
    let mut response = (status, text).into_response();
    response.headers_mut().extend(HeaderValue::try_from(value).ok().map(|value| (name, value)));
    response
}
