//! Applied to every request: the rate limit, then authentication. Every response gets the headers of the web
//! configuration, which take precedence over the exporter's own.

use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::time::Instant;

use super::basic_auth::Credential;
use super::{Access, AccessRules};

/// The realm that a browser displays when it requests the password.
const CHALLENGE: &str = "Basic realm=\"defender-exporter\", charset=\"UTF-8\"";

/// Wraps the whole router: health checks and assets as well, as with exporter-toolkit.
pub(in crate::web) fn guarded(router: Router, access: Access) -> Router {
    router.layer(from_fn_with_state(access, admit))
}

async fn admit(State(access): State<Access>, request: Request, next: Next) -> Response {
    let rules = access.rules().await;
    let mut response = match access.authorize(&rules, request.headers()).await {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal,
    };
    for (name, value) in &rules.config.headers {
        response.headers_mut().insert(name.clone(), value.clone());
    }
    response
}

impl Access {
    async fn authorize(&self, rules: &AccessRules, headers: &HeaderMap) -> Result<(), Response> {
        if let Some(limiter) = &rules.limiter {
            limiter.admit(Instant::now()).map_err(|wait| later(StatusCode::TOO_MANY_REQUESTS, wait))?;
        }
        let users = &rules.config.users;
        if users.is_empty() {
            return Ok(());
        }
        match self.0.basic_auth.check(users, headers.get(header::AUTHORIZATION)).await {
            Credential::Known => Ok(()),
            Credential::Unknown => {
                Err(refusal(StatusCode::UNAUTHORIZED, header::WWW_AUTHENTICATE, CHALLENGE.to_owned()))
            }
            Credential::Busy => Err(later(StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(1))),
        }
    }
}

/// `Retry-After` is in whole seconds (RFC 9110, section 10.2.3).
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
