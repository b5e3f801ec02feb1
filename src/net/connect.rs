//! Phase connect: one TCP handshake with one address. No fallback address, no retry.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};

use super::failure::PhaseError;
use super::identity::source_for;
use super::local_address::local_address;

/// Connects to `address`, from the local address `from` if it is set. Nagle's algorithm is off: a probe's
/// request is one small segment.
#[expect(clippy::disallowed_methods, reason = "a probe connects here, from the configured source address")]
pub(super) async fn connect(address: SocketAddr, from: Option<IpAddr>) -> Result<TcpStream, PhaseError> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from {
        let from = source_for(address, from)?;
        let bound = socket.bind(SocketAddr::new(from, 0));
        bound.map_err(|error| PhaseError::Source { address: from, error })?;
    }
    let stream = socket.connect(address).await.map_err(|error| without_ipv6(address, error))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Maps EADDRNOTAVAIL to `NetworkUnreachable` where IPv6 is disabled. With IPv6 enabled, the same error means
/// that the ephemeral ports are exhausted.
fn without_ipv6(address: SocketAddr, error: io::Error) -> io::Error {
    if address.is_ipv6()
        && error.kind() == io::ErrorKind::AddrNotAvailable
        && local_address(address.ip()).is_none()
    {
        return io::Error::new(io::ErrorKind::NetworkUnreachable, error);
    }
    error
}
