//! Queries the health of a running exporter, as container health checks do with curl: over HTTP, TLS or a Unix socket.
//! `target.rs` has the address, `pinned_certificate.rs` the trust in TLS; `web/routes.rs` responds.

mod pinned_certificate;

mod target;

use std::error::Error;
use std::path::Path;
use std::time::Duration;
use std::{fmt, io};

use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use rustls::AlertDescription;
use rustls::pki_types::CertificateDer;
use tokio::time::{Instant, sleep, timeout};

use crate::config::{ConfigProblems, web};
use target::HealthTarget;
pub use target::{HealthUrl, HealthUrlError, PATH};

/// How long an exporter may serve the previous certificate after its file has changed: it checks once a second.
const RENEWAL: Duration = Duration::from_millis(1200);

/// Why an exporter counts as healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthStatus {
    /// It reports that it is healthy.
    Healthy,
    /// It sent another response that proves that it is running.
    Alive(StatusCode),
    /// It requires a client certificate, after proving its own.
    NeedsClientCertificate,
}

/// Why an exporter doesn't count as healthy.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The web configuration, which defines the trusted certificate, is invalid.
    #[error(transparent)]
    Config(#[from] ConfigProblems),
    /// The connection failed.
    #[error("connection failed: {}", root_cause(.0))]
    Connect(#[source] reqwest::Error),
    /// The TLS handshake failed.
    #[error("TLS failed: {}", root_cause(.0))]
    Tls(#[source] reqwest::Error),
    /// The certificate isn't that of the web configuration.
    #[error("presents a certificate other than the one in --web.config.file")]
    OtherCertificate,
    /// The TLS library can't be initialized.
    #[error("TLS setup failed: {0}")]
    SetUp(#[source] rustls::Error),
    /// The request can't be sent.
    #[error("request failed: {}", root_cause(.0))]
    Request(#[source] reqwest::Error),
    /// The response isn't HTTP, or the connection was closed.
    #[error("no answer: {}", root_cause(.0))]
    Answer(#[source] reqwest::Error),
    /// It reports that it is unhealthy.
    #[error("answers {0}")]
    Unhealthy(StatusCode),
    /// No response in time.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Healthy => StatusCode::OK.fmt(f),
            Self::Alive(status @ StatusCode::UNAUTHORIZED) => {
                write!(f, "{status}: alive, requires a password")
            }
            Self::Alive(status @ StatusCode::BAD_REQUEST) => write!(f, "{status}: alive, requires TLS"),
            Self::Alive(status) => write!(f, "{status}: alive"),
            Self::NeedsClientCertificate => f.write_str("alive, requires a client certificate"),
        }
    }
}

/// The certificate of an exporter with this web configuration. Returns `None` if it doesn't use TLS.
///
/// # Errors
/// If the files are invalid: the error lists every problem.
pub fn presented_certificate(file: Option<&Path>) -> Result<Option<CertificateDer<'static>>, ConfigProblems> {
    let config = file.map(web::load).transpose()?;
    Ok(config.and_then(|config| config.tls).and_then(|tls| tls.chain.into_iter().next()))
}

/// Queries the health, within the limit; over a Unix socket at `path`. Over TLS, only the certificate of the web configuration is trusted. If another
/// one is presented, retries, because the exporter may not have reloaded it yet; likewise if the request wasn't sent.
///
/// # Errors
/// If no healthy response arrives in time.
pub async fn query_health(
    url: &HealthUrl,
    path: &str,
    web_config: Option<&Path>,
    limit: Duration,
) -> Result<HealthStatus, HealthError> {
    let until = Instant::now() + limit;
    loop {
        let trusted = presented_certificate(web_config)?;
        let left = until.duration_since(Instant::now());
        match timeout(left, query(&url.0, path, trusted)).await.map_err(|_| HealthError::Timeout(limit))? {
            Err(HealthError::OtherCertificate) if Instant::now() + RENEWAL < until => sleep(RENEWAL).await,
            Err(HealthError::Answer(error)) if is_unsent(&error) && Instant::now() + RENEWAL < until => {
                sleep(RENEWAL).await;
            }
            answer => return answer,
        }
    }
}

/// Queries once. A request for a password, or too many requests, also proves that the exporter runs. So does "bad
/// request" for plain HTTP if the exporter serves TLS, the only reason for which it rejects this request.
async fn query(
    target: &HealthTarget,
    path: &str,
    trusted: Option<CertificateDer<'static>>,
) -> Result<HealthStatus, HealthError> {
    const ALIVE: [StatusCode; 3] =
        [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_REQUEST];
    match status(target, path, trusted).await {
        Ok(StatusCode::OK) => Ok(HealthStatus::Healthy),
        Ok(status) if ALIVE.contains(&status) => Ok(HealthStatus::Alive(status)),
        Ok(status) => Err(HealthError::Unhealthy(status)),
        Err(error) => match tls_error(&error) {
            Some(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)) => {
                Ok(HealthStatus::NeedsClientCertificate)
            }
            Some(other) if *other == pinned_certificate::OTHER => Err(HealthError::OtherCertificate),
            _ => Err(error),
        },
    }
}

async fn status(
    target: &HealthTarget,
    path: &str,
    trusted: Option<CertificateDer<'static>>,
) -> Result<StatusCode, HealthError> {
    let url = match target {
        HealthTarget::Url(url) => url.to_string(),
        HealthTarget::Unix(_) if trusted.is_some() => format!("https://localhost{path}"),
        HealthTarget::Unix(_) => format!("http://localhost{path}"),
    };
    let answer = client(target, trusted)?.get(url).send().await.map_err(classify)?;
    Ok(answer.status())
}

/// A client that doesn't retry, follow redirects or use proxies.
#[cfg_attr(not(unix), allow(unused_variables, reason = "only a Unix socket changes the client"))]
fn client(target: &HealthTarget, trusted: Option<CertificateDer<'static>>) -> Result<Client, HealthError> {
    let tls = pinned_certificate::client_config(trusted).map_err(HealthError::SetUp)?;
    let client = Client::builder()
        .no_proxy()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .tls_backend_preconfigured(tls);
    #[cfg(unix)]
    let client = match target {
        HealthTarget::Unix(socket) => client.unix_socket(socket.as_path()),
        HealthTarget::Url(_) => client,
    };
    client.build().map_err(HealthError::Request)
}

/// Classifies an error of reqwest, which reports a failed handshake as a failed connection.
fn classify(error: reqwest::Error) -> HealthError {
    if error.is_builder() {
        return HealthError::Request(error);
    }
    if !error.is_connect() {
        HealthError::Answer(error)
    } else if tls_error(&error).is_some() || closed_during_handshake(&error) {
        HealthError::Tls(error)
    } else {
        HealthError::Connect(error)
    }
}

/// Whether the connection ended before the request was sent. A TLS 1.3 server that demands a certificate says so after the
/// handshake; if it closes first, its alert is lost.
fn is_unsent(error: &reqwest::Error) -> bool {
    causes(error).any(|error| error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled))
}

/// An error and its sources.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// The innermost error message.
fn root_cause(error: &reqwest::Error) -> String {
    causes(error).last().map(ToString::to_string).unwrap_or_default()
}

/// The TLS error among the sources.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    io_errors(error).find_map(|error| error.get_ref()?.downcast_ref())
}

/// Whether the peer closed the connection during the handshake.
fn closed_during_handshake(error: &reqwest::Error) -> bool {
    io_errors(error).any(|error| error.kind() == io::ErrorKind::UnexpectedEof)
}

/// Every IO error among the sources, including those wrapped in another IO error, which `source` skips.
fn io_errors<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a io::Error> {
    let outer = causes(error).filter_map(|error| error.downcast_ref::<io::Error>());
    outer.flat_map(|outer| std::iter::successors(Some(outer), |error| error.get_ref()?.downcast_ref()))
}
