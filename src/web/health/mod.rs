//! Asks a running exporter whether it is healthy, as a container's runtime would with curl: in the clear, over TLS, over a Unix
//! socket. Where that is, is `place.rs`' business, whom TLS trusts `pin.rs`'; the answer is made in `routes.rs`.

mod pin;
mod place;

use std::error::Error;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Empty;
use hyper::client::conn::http1::handshake;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use rustls::AlertDescription;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_rustls::TlsConnector;

use super::serve::Stream;
use crate::config::Problems;
use crate::config::web;
use crate::names::without_brackets;
pub use place::{HealthUrl, HealthUrlError};
use place::{PATH, Place};

/// How long an exporter may go on with the certificate of before, once its file has changed: it looks once a second.
const RENEWAL: Duration = Duration::from_millis(1200);

/// Why an exporter counts as healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// It says so.
    Fine,
    /// It answers something that only an exporter which lives does.
    Lives(StatusCode),
    /// It refuses to talk without a client certificate, having proven its own.
    WantsCertificate,
}

/// Why an exporter doesn't count as healthy.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// The web configuration, which says whom to trust, can't be used.
    #[error(transparent)]
    Config(#[from] Problems),
    /// Nobody is there.
    #[error("can't be connected to: {0}")]
    Connect(#[source] io::Error),
    /// TLS can't be spoken with what is there.
    #[error("no TLS: {0}")]
    Tls(#[source] io::Error),
    /// It isn't the certificate of the web configuration that is shown.
    #[error("shows another certificate than the one of --web.config.file")]
    OtherCertificate,
    /// The library refuses its own defaults.
    #[error("TLS can't be set up: {0}")]
    SetUp(#[source] rustls::Error),
    /// The URL can't be asked for.
    #[error("can't be asked for: {0}")]
    Request(#[from] hyper::http::Error),
    /// What is there doesn't speak HTTP, or hung up.
    #[error("no answer: {0}")]
    Answer(#[from] hyper::Error),
    /// It says that it isn't.
    #[error("answers {0}")]
    Unhealthy(StatusCode),
    /// It says nothing.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fine => StatusCode::OK.fmt(f),
            Self::Lives(status @ StatusCode::UNAUTHORIZED) => {
                write!(f, "{status}: it lives, and asks for a password")
            }
            Self::Lives(status @ StatusCode::BAD_REQUEST) => write!(f, "{status}: it lives, and wants TLS"),
            Self::Lives(status) => write!(f, "{status}: it lives"),
            Self::WantsCertificate => f.write_str("it lives, and asks for a client certificate"),
        }
    }
}

/// The certificate that an exporter with this web configuration shows, as its files are now; none: it speaks no TLS.
///
/// # Errors
/// With every problem of the files.
pub fn shown_by(file: Option<&Path>) -> Result<Option<CertificateDer<'static>>, Problems> {
    let config = file.map(web::load).transpose()?;
    Ok(config.and_then(|config| config.tls).and_then(|tls| tls.chain.into_iter().next()))
}

/// Asks, within the limit. Over TLS exactly the certificate of the web configuration is trusted. An exporter that was renewed a
/// moment ago is asked once more, when it must have seen so.
///
/// # Errors
/// When there is no good answer in time.
pub async fn ask_health(
    url: &HealthUrl,
    web_config: Option<&Path>,
    limit: Duration,
) -> Result<Health, HealthError> {
    let until = Instant::now() + limit;
    loop {
        let trusted = shown_by(web_config)?;
        let left = until.duration_since(Instant::now());
        match timeout(left, ask(&url.0, trusted)).await.map_err(|_| HealthError::Timeout(limit))? {
            Err(HealthError::OtherCertificate) if Instant::now() + RENEWAL < until => sleep(RENEWAL).await,
            answer => return answer,
        }
    }
}

/// Asks once. That a password is asked for, or that requests come too often, is as good an answer as "OK": the exporter lives. So is
/// the refusal of plain HTTP by an exporter that serves TLS, the one reason why it would call this request bad.
async fn ask(place: &Place, trusted: Option<CertificateDer<'static>>) -> Result<Health, HealthError> {
    const ALIVE: [StatusCode; 3] =
        [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS, StatusCode::BAD_REQUEST];
    match status(place, trusted).await {
        Ok(StatusCode::OK) => Ok(Health::Fine),
        Ok(status) if ALIVE.contains(&status) => Ok(Health::Lives(status)),
        Ok(status) => Err(HealthError::Unhealthy(status)),
        Err(error) => match of_tls(&error) {
            Some(rustls::Error::AlertReceived(AlertDescription::CertificateRequired)) => {
                Ok(Health::WantsCertificate)
            }
            Some(other) if *other == pin::OTHER => Err(HealthError::OtherCertificate),
            _ => Err(error),
        },
    }
}

async fn status(place: &Place, trusted: Option<CertificateDer<'static>>) -> Result<StatusCode, HealthError> {
    let (path, authority, tls) = match place {
        Place::Url(url) => (url.path_and_query(), url.authority(), HealthUrl(place.clone()).is_https()),
        Place::Unix(_) => (PATH, "localhost".to_owned(), trusted.is_some()),
    };
    let mut stream = connect(place).await.map_err(HealthError::Connect)?;
    if let Some(certificate) = trusted.filter(|_| tls) {
        stream = secure(stream, certificate).await?;
    }
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let request = Request::get(path).header(header::HOST, authority).body(Empty::<bytes::Bytes>::new())?;
    let connection = tokio::spawn(connection);
    let error = match sender.send_request(request).await {
        Ok(answer) => return Ok(answer.status()),
        Err(error) => error,
    };
    drop(sender);
    // Where the connection broke before the request was sent, the request alone doesn't know why.
    Err(connection.await.ok().and_then(Result::err).unwrap_or(error).into())
}

async fn connect(place: &Place) -> io::Result<Box<dyn Stream>> {
    Ok(match place {
        Place::Url(url) => Box::new(TcpStream::connect((without_brackets(url.host()), url.port())).await?),
        #[cfg(unix)]
        Place::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
        #[cfg(not(unix))]
        Place::Unix(_) => return Err(io::ErrorKind::Unsupported.into()),
    })
}

async fn secure(
    stream: Box<dyn Stream>,
    certificate: CertificateDer<'static>,
) -> Result<Box<dyn Stream>, HealthError> {
    let config = pin::client_config(certificate).map_err(HealthError::SetUp)?;
    let nobody = ServerName::IpAddress(Ipv4Addr::LOCALHOST.into()); // names aren't compared, and this one isn't sent
    let secured = TlsConnector::from(Arc::new(config)).connect(nobody, stream).await;
    Ok(Box::new(secured.map_err(HealthError::Tls)?))
}

/// What TLS has to say in an error.
fn of_tls(error: &HealthError) -> Option<&rustls::Error> {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| inner.downcast_ref()) {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
