//! The address of a running exporter: a URL, or the path of a Unix socket.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use crate::catalog::{ProbeUrl, Scheme, UrlError};
use crate::web::ListenAddress;

/// The path of the health check, without a prefix.
pub const PATH: &str = "/-/healthy";

/// The address of a running exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthUrl(pub(super) HealthTarget);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HealthTarget {
    /// HTTP or TLS, by the URL's scheme.
    Url(ProbeUrl),
    /// The path of a Unix socket. Uses TLS if a certificate is pinned.
    Unix(PathBuf),
}

/// A text that isn't a valid address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HealthUrlError {
    /// Not a URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// Not the path of a Unix socket.
    #[error(transparent)]
    Unix(#[from] crate::web::ListenAddressError),
}

impl HealthUrl {
    /// The local address of an exporter with this listen address, where `path` is the health check's. Returns `None` if the system
    /// chooses the port.
    #[must_use]
    pub fn from_listen_address(listen: &ListenAddress, path: &str, tls: bool) -> Option<Self> {
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
            ListenAddress::Unix(path) => return Some(Self(HealthTarget::Unix(path.clone()))),
        };
        let scheme = if tls { "https" } else { "http" };
        let url = ProbeUrl::parse(&format!("{scheme}://{there}{path}")).ok();
        url.filter(|url| url.port() != 0).map(|url| Self(HealthTarget::Url(url)))
    }

    /// Whether the address requires TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        matches!(&self.0, HealthTarget::Url(url) if url.scheme() == Scheme::Https)
    }
}

impl FromStr for HealthUrl {
    type Err = HealthUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("unix:")
            && let ListenAddress::Unix(path) = text.parse()?
        {
            return Ok(Self(HealthTarget::Unix(path)));
        }
        Ok(Self(HealthTarget::Url(ProbeUrl::parse(text)?)))
    }
}

impl fmt::Display for HealthUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            HealthTarget::Url(url) => f.write_str(url.as_str()),
            HealthTarget::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_an_exporter_is_asked_that_listens_there() {
        let check = |listen: &str, tls: bool, expected: Option<&str>| {
            let listen = listen.parse().expect("an address to listen on");
            let found = HealthUrl::from_listen_address(&listen, PATH, tls).map(|url| url.to_string());
            assert_eq!(found.as_deref(), expected, "{listen}");
        };
        check(":10207", false, Some("http://127.0.0.1:10207/-/healthy"));
        check(":10207", true, Some("https://127.0.0.1:10207/-/healthy"));
        check("0.0.0.0:80", false, Some("http://127.0.0.1:80/-/healthy"));
        check("192.0.2.1:8080", false, Some("http://192.0.2.1:8080/-/healthy"));
        check("[::]:8080", true, Some("https://[::1]:8080/-/healthy"));
        check("localhost:8080", false, Some("http://localhost:8080/-/healthy"));
        check(":0", true, None);
        #[cfg(unix)]
        check("unix:/run/exporter.sock", true, Some("unix:///run/exporter.sock"));
    }

    #[test]
    fn what_can_be_asked() {
        let check = |text: &str, https: bool| {
            let url: HealthUrl = text.parse().expect(text);
            assert_eq!((url.to_string().as_str(), url.is_https()), (text, https));
        };
        check("http://[::1]:9/-/healthy", false);
        check("https://localhost/-/healthy", true);
        #[cfg(unix)]
        check("unix:///run/exporter.sock", false);
        assert!(matches!("localhost:10207".parse::<HealthUrl>(), Err(HealthUrlError::Url(_))));
        assert!(matches!("unix:run/exporter.sock".parse::<HealthUrl>(), Err(HealthUrlError::Unix(_))));
    }
}
