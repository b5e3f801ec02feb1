//! Stage connect: the TCP handshake with one address. No second address, no second try.

use std::net::SocketAddr;

use tokio::net::TcpStream;

use super::classify::StageError;

/// Connects; small segments are sent at once, since a probe's request is one.
pub(super) async fn connect(address: SocketAddr) -> Result<TcpStream, StageError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
