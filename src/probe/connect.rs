//! Stage connect: the TCP handshake with one address. No second address, no second try.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream};

use crate::failure::StageError;
use crate::sender::source_for;

/// Connects, from an address of this machine where one is given; small segments are sent at once, since a probe's request
/// is one.
pub(super) async fn connect(address: SocketAddr, from: Option<IpAddr>) -> Result<TcpStream, StageError> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from {
        let from = source_for(address, from)?;
        let bound = socket.bind(SocketAddr::new(from, 0));
        bound.map_err(|error| StageError::Source { address: from, error })?;
    }
    let stream = socket.connect(address).await.map_err(|error| without_ipv6(address, error))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Where IPv6 is turned off there is no way to its addresses; the same error otherwise says that the ports have run out.
fn without_ipv6(address: SocketAddr, error: io::Error) -> io::Error {
    if address.is_ipv6() && error.kind() == io::ErrorKind::AddrNotAvailable && !has_way(address) {
        return io::Error::new(io::ErrorKind::NetworkUnreachable, error);
    }
    error
}

/// Whether this machine has an address to reach an IPv6 address from: UDP, whose ports are others, tells without a packet.
fn has_way(address: SocketAddr) -> bool {
    let socket = std::net::UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0));
    socket.and_then(|socket| socket.connect(address)).is_ok()
}
