//! An accepted connection: its socket and its client.

use std::fmt;
use std::net::IpAddr;

use tokio::io::{AsyncRead, AsyncWrite};

/// A connected socket, TCP or Unix.
pub(in crate::web) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The client, by which connections are counted: an IPv4 address, an IPv6 /64 network, or the local machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::web) enum Peer {
    /// Over TCP.
    Network(IpAddr),
    /// Over a Unix socket.
    #[cfg(unix)]
    Local,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(IpAddr::V6(network)) => write!(f, "{network}/64"),
            Self::Network(address) => write!(f, "{address}"),
            #[cfg(unix)]
            Self::Local => f.write_str("this machine"),
        }
    }
}

impl Peer {
    /// Reduces an IPv6 address to its /64 network, because one host can use all addresses of it.
    pub(in crate::web) fn from_address(address: IpAddr) -> Self {
        Self::Network(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}
