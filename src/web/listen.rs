//! Where the exporter listens: the flag's syntax, as other Prometheus exporters have it, and the sockets.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::str::FromStr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, lookup_host};

/// An address to listen on. Port 0 lets the system choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// `:10207`: every address of the machine, IPv4 and IPv6.
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
}

/// A text that is no address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no address to listen on: {problem}; accepted are :10207, 127.0.0.1:10207, [::1]:10207 and localhost:10207"
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
    let (host, port) = text.rsplit_once(':').ok_or("it has no port")?;
    if host.parse::<Ipv6Addr>().is_ok() {
        return Err("an IPv6 address needs brackets");
    }
    // `parse` alone would take "+80".
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port.parse().ok().filter(|_| digits).ok_or("the port is no number from 0 to 65535")?;
    if host.is_empty() {
        return Ok(ListenAddress::Everywhere(port));
    }
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    // A name whose last label is a number can only be a mistaken IPv4 address (WHATWG URL, "ends in a number").
    let numeric =
        host.rsplit('.').next().is_some_and(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    if !is_name || numeric {
        return Err("the host is neither a name nor an address");
    }
    Ok(ListenAddress::Name { host: host.to_owned(), port })
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everywhere(port) => write!(f, ":{port}"),
            Self::Address(address) => write!(f, "{address}"),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// Why an address can't be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {}", cause(.source))]
pub struct BindError {
    /// The address, as it was asked for.
    pub address: ListenAddress,
    /// What the system says.
    pub source: io::Error,
}

/// The usual causes in plain words; the system's own words for the others.
fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "the port is in use by another program".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have the address".to_owned(),
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege".to_owned(),
        _ => error.to_string(),
    }
}

/// Listens. To be called within a tokio runtime.
///
/// # Errors
/// When the system refuses, or the name has no address.
pub async fn bind(address: &ListenAddress) -> Result<TcpListener, BindError> {
    let listener = match address {
        ListenAddress::Everywhere(port) => everywhere(*port),
        ListenAddress::Address(socket) => listen(*socket),
        ListenAddress::Name { host, port } => by_name(host, *port).await,
    };
    listener.map_err(|source| BindError { address: address.clone(), source })
}

/// On machines without IPv6 the socket can't be had, or its address isn't there.
fn everywhere(port: u16) -> io::Result<TcpListener> {
    let v6 = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0));
    let v4 = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
    match listen(v6) {
        Err(error) if without_ipv6(&error) => listen(v4),
        other => other,
    }
}

/// Not the errors that IPv4 would meet as well.
fn without_ipv6(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

async fn by_name(host: &str, port: u16) -> io::Result<TcpListener> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in lookup_host((host, port)).await? {
        match listen(address) {
            Ok(listener) => return Ok(listener),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // A restart must not wait for the old connections' TIME_WAIT. On Windows the option would mean sharing the port.
    if !cfg!(windows) {
        socket.set_reuse_address(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    TcpListener::from_std(socket.into())
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

    #[test]
    fn refused_addresses() {
        let cases = [
            ("", "no port"),
            ("10207", "no port"),
            ("localhost", "no port"),
            ("localhost:", "the port is no number"),
            (":65536", "the port is no number"),
            (":+80", "the port is no number"),
            (":http", "the port is no number"),
            ("::1:10207", "needs brackets"),
            ("[::1:10207", "neither a name nor an address"),
            ("[::1]", "the port is no number"),
            ("127.0.0.1.2:80", "neither a name nor an address"),
            ("300.0.0.1:80", "neither a name nor an address"),
            ("http://localhost:80", "neither a name nor an address"),
            ("a host:80", "neither a name nor an address"),
        ];
        for (text, problem) in cases {
            let error = text.parse::<ListenAddress>().expect_err(text).to_string();
            assert!(error.contains(problem), "{text}: {error}");
            assert!(error.contains("accepted are :10207"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let first = bind(&"127.0.0.1:0".parse().expect("valid")).await.expect("a free port");
        let taken = ListenAddress::Address(first.local_addr().expect("bound"));
        let error = bind(&taken).await.expect_err("in use").to_string();
        assert_eq!(error, format!("cannot listen on {taken}: the port is in use by another program"));
    }

    #[tokio::test]
    async fn a_name_and_every_address() {
        let named = bind(&"localhost:0".parse().expect("valid")).await.expect("localhost");
        assert!(named.local_addr().expect("bound").ip().is_loopback());
        let everywhere = bind(&ListenAddress::Everywhere(0)).await.expect("any");
        let port = everywhere.local_addr().expect("bound").port();
        tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.expect("IPv4 is served");
    }
}
