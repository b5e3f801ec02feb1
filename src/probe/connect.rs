//! Stage connect: the TCP handshake with one address. No second address, no second try.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::classify::StageError;

/// Connects; small segments are sent at once, since a probe's request is one.
pub(super) async fn connect(address: SocketAddr) -> Result<TcpStream, StageError> {
    let stream = TcpStream::connect(address).await.map_err(|error| without_ipv6(address, error))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Where IPv6 is turned off there is no way to its addresses; with IPv4 the same error says that the ports have run out.
fn without_ipv6(address: SocketAddr, error: io::Error) -> io::Error {
    if address.is_ipv6() && error.kind() == io::ErrorKind::AddrNotAvailable {
        return io::Error::new(io::ErrorKind::NetworkUnreachable, error);
    }
    error
}
