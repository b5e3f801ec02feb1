//! Asks a running exporter whether it is healthy, as a container's runtime would with curl. The answer is made in `routes.rs`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use http_body_util::Empty;
use hyper::client::conn::http1::handshake;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::ListenAddress;
use crate::catalog::{ProbeUrl, Scheme, UrlError};
use crate::names::without_brackets;

/// Where the answer is.
const PATH: &str = "/-/healthy";

/// Where a running exporter is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthUrl(ProbeUrl);

/// A text that is no place to ask.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HealthUrlError {
    /// No URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// A certificate would have to be judged.
    #[error("only http is asked, also of an exporter that serves https: that it refuses it is answer enough")]
    Https,
}

/// Why an exporter doesn't count as healthy.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// Nobody is there.
    #[error("can't be connected to: {0}")]
    Connect(#[source] std::io::Error),
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

impl HealthUrl {
    /// Where an exporter that listens there is asked on the same machine; none where the system chose the port, or where there
    /// is none.
    #[must_use]
    pub fn of(listen: &ListenAddress) -> Option<Self> {
        let there = match listen {
            ListenAddress::Everywhere(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, *port)).to_string(),
            ListenAddress::Address(address) => {
                let ip = match address.ip() {
                    IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
                    IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
                    ip => ip,
                };
                SocketAddr::from((ip, address.port())).to_string()
            }
            ListenAddress::Name { host, port } => format!("{host}:{port}"),
            ListenAddress::Unix(_) => return None,
        };
        let url = ProbeUrl::parse(&format!("http://{there}{PATH}")).ok();
        url.filter(|url| url.port() != 0).map(Self)
    }
}

impl FromStr for HealthUrl {
    type Err = HealthUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = ProbeUrl::parse(text)?;
        (url.scheme() == Scheme::Http).then_some(Self(url)).ok_or(HealthUrlError::Https)
    }
}

impl fmt::Display for HealthUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.as_str())
    }
}

/// Asks once. That a password is asked for is as good an answer as "OK": the exporter lives. So is the refusal of plain HTTP
/// by an exporter that serves TLS, the one reason why it would call this request bad.
///
/// # Errors
/// When there is no good answer in time.
pub async fn ask_health(url: &HealthUrl, limit: Duration) -> Result<StatusCode, HealthError> {
    let status = timeout(limit, status(&url.0)).await.map_err(|_| HealthError::Timeout(limit))??;
    match status {
        StatusCode::OK | StatusCode::UNAUTHORIZED | StatusCode::BAD_REQUEST => Ok(status),
        other => Err(HealthError::Unhealthy(other)),
    }
}

async fn status(url: &ProbeUrl) -> Result<StatusCode, HealthError> {
    let host = without_brackets(url.host());
    let stream = TcpStream::connect((host, url.port())).await.map_err(HealthError::Connect)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    let request = Request::get(url.path_and_query())
        .header(header::HOST, url.authority())
        .body(Empty::<bytes::Bytes>::new())?;
    tokio::spawn(connection); // how it ends is told by the request, too
    Ok(sender.send_request(request).await?.status())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_exporter_is_asked_that_listens_there() {
        let check = |listen: &str, expected: Option<&str>| {
            let listen = listen.parse().expect("an address to listen on");
            assert_eq!(HealthUrl::of(&listen).map(|url| url.to_string()).as_deref(), expected, "{listen}");
        };
        check(":10207", Some("http://127.0.0.1:10207/-/healthy"));
        check("0.0.0.0:80", Some("http://127.0.0.1:80/-/healthy"));
        check("192.0.2.1:8080", Some("http://192.0.2.1:8080/-/healthy"));
        check("[::]:8080", Some("http://[::1]:8080/-/healthy"));
        check("localhost:8080", Some("http://localhost:8080/-/healthy"));
        check(":0", None);
        #[cfg(unix)]
        check("unix:///run/exporter.sock", None);
    }

    #[test]
    fn what_can_be_asked() {
        assert!("http://[::1]:9/-/healthy".parse::<HealthUrl>().is_ok());
        assert_eq!("https://localhost/".parse::<HealthUrl>(), Err(HealthUrlError::Https));
        assert!(matches!("localhost:10207".parse::<HealthUrl>(), Err(HealthUrlError::Url(_))));
    }
}
