//! Listening TCP sockets.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, lookup_host};

use super::ListenAddress;

/// Listens on the address.
///
/// # Errors
/// If the system refuses, or the name has no address.
pub(super) async fn bind(address: &ListenAddress) -> io::Result<TcpListener> {
    match address {
        ListenAddress::Everywhere(port) => everywhere(*port),
        ListenAddress::Address(socket) => listen(*socket),
        ListenAddress::Name { host, port } => by_name(host, *port).await,
        ListenAddress::Unix(_) => Err(io::ErrorKind::Unsupported.into()), // not TCP
    }
}

/// Listens on a dual-stack socket. Falls back to IPv4 on machines without IPv6, where creating or binding it fails.
fn everywhere(port: u16) -> io::Result<TcpListener> {
    let v6 = SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0));
    let v4 = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port));
    match listen(v6) {
        Err(error) if without_ipv6(&error) => listen(v4),
        other => other,
    }
}

/// Whether IPv6 may be missing. Excludes errors that IPv4 would cause as well.
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
    // A restart must not wait for old connections in TIME_WAIT. On Windows, SO_REUSEADDR would let other programs bind
    // the same port.
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
    use super::super::Listener;
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let first = bind(&"127.0.0.1:0".parse().expect("valid")).await.expect("a free port");
        let taken = ListenAddress::Address(first.local_addr().expect("bound"));
        let error = Listener::on(&taken).await.expect_err("in use").to_string();
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
