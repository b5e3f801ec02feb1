//! The listen addresses of `--web.listen-address`.

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// A listen address. With port 0, the system chooses the port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `:10207`: all addresses of the machine, IPv4 and IPv6.
    Everywhere(u16),
    /// `127.0.0.1:10207`, `[::1]:10207`.
    Address(SocketAddr),
    /// `localhost:10207`: the first address of the name that can be listened on.
    Name {
        /// The host name.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// `unix:///run/exporter.sock`: a Unix socket with this absolute path.
    Unix(PathBuf),
}

/// The text isn't a listen address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a listen address: {problem}; accepted are :10207, 127.0.0.1:10207, [::1]:10207, localhost:10207 \
     and unix:///run/exporter.sock"
)]
pub struct ListenAddressError {
    text: String,
    problem: &'static str,
}

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map_err(|problem| ListenAddressError { text: text.to_owned(), problem })
    }
}

fn parse(text: &str) -> Result<ListenAddress, &'static str> {
    if let Ok(address) = text.parse() {
        return Ok(ListenAddress::Address(address));
    }
    if let Some(path) = text.strip_prefix("unix:") {
        return unix(path);
    }
    let (host, port) = text.rsplit_once(':').ok_or("it has no port")?;
    if host.parse::<Ipv6Addr>().is_ok() {
        return Err("an IPv6 address needs brackets");
    }
    // `parse` alone would accept "+80".
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| digits).ok_or("the port is not a number from 0 to 65535")?;
    if host.is_empty() {
        return Ok(ListenAddress::Everywhere(port));
    }
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    // A host whose last label is a number is an invalid IPv4 address (WHATWG URL, "ends in a number").
    let numeric =
        host.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_name || numeric {
        return Err("the host is not a name or address");
    }
    Ok(ListenAddress::Name { host: host.to_owned(), port })
}

/// Parses the text after `unix:`: the rest of a URL without a host, or a path.
fn unix(path: &str) -> Result<ListenAddress, &'static str> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if cfg!(not(unix)) {
        Err("Unix sockets are not supported on this system")
    } else if !path.starts_with('/') {
        Err("the path of a Unix socket is absolute")
    } else if path.ends_with('/') {
        Err("the path of a Unix socket names a file")
    } else {
        Ok(ListenAddress::Unix(path.into()))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere(port) => write!(f, ":{port}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepted_addresses() {
        let check = |text: &str, expected: ListenAddress| {
            let parsed: ListenAddress = text.parse().expect(text);
            assert_eq!(parsed, expected);
            assert_eq!(parsed.to_string(), text);
        };
        check(":10207", ListenAddress::Everywhere(10207));
        check(":0", ListenAddress::Everywhere(0));
        check("127.0.0.1:0", ListenAddress::Address(([127, 0, 0, 1], 0).into()));
        check("[::1]:10207", ListenAddress::Address((Ipv6Addr::LOCALHOST, 10207).into()));
        check("localhost:10207", ListenAddress::Name { host: "localhost".to_owned(), port: 10207 });
        check("probe-1.example:80", ListenAddress::Name { host: "probe-1.example".to_owned(), port: 80 });
    }

    #[cfg(unix)]
    #[test]
    fn unix_sockets() {
        for text in ["unix:///run/a.sock", "unix:/run/a.sock"] {
            let parsed: ListenAddress = text.parse().expect(text);
            assert_eq!(parsed.to_string(), "unix:///run/a.sock");
        }
        for (text, problem) in [
            ("unix:run/a.sock", "is absolute"),
            ("unix://host/a.sock", "is absolute"),
            ("unix:", "is absolute"),
            ("unix:///run/", "names a file"),
        ] {
            let error = text.parse::<ListenAddress>().expect_err(text).to_string();
            assert!(error.contains(problem), "{error}");
        }
    }

    #[test]
    fn refused_addresses() {
        let cases = [
            ("", "no port"),
            ("10207", "no port"),
            ("localhost", "no port"),
            ("localhost:", "the port is not a number"),
            (":65536", "the port is not a number"),
            (":+80", "the port is not a number"),
            (":http", "the port is not a number"),
            ("::1:10207", "needs brackets"),
            ("[::1:10207", "not a name or address"),
            ("[::1]", "the port is not a number"),
            ("127.0.0.1.2:80", "not a name or address"),
            ("300.0.0.1:80", "not a name or address"),
            ("http://localhost:80", "not a name or address"),
            ("a host:80", "not a name or address"),
        ];
        for (text, problem) in cases {
            let error = text.parse::<ListenAddress>().expect_err(text).to_string();
            assert!(error.contains(problem), "{text}: {error}");
            assert!(error.contains("accepted are :10207"), "{error}");
        }
    }
}
