//! The listeners: the syntax of the flag, which is that of other Prometheus exporters, and the sockets.

mod accepted;
mod address;
#[cfg(unix)]
mod systemd;
mod tcp;
#[cfg(unix)]
mod unix;

use std::io;

use tokio::net::TcpListener;

pub(super) use accepted::{Peer, Stream};
pub use address::{ListenAddress, ListenAddressError};

/// A listening socket.
#[derive(Debug)]
pub(super) enum Listener {
    /// A TCP socket.
    Tcp(TcpListener),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(unix::Socket),
}

/// The exporter can't listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Binding an address failed.
    #[error("cannot listen on {address}: {}", cause(.address, .source))]
    Address {
        /// The configured address.
        address: ListenAddress,
        /// The operating system's error.
        source: io::Error,
    },
    /// `--web.systemd-socket` is set, but systemd passed no socket.
    #[error("systemd passed no socket: LISTEN_FDS is not set; start the exporter through a .socket unit")]
    NoSocket,
    /// A socket passed by systemd can't be served.
    #[error("cannot serve socket {number} of those that systemd passed: {source}")]
    Socket {
        /// The socket's index, from 0 in the order of the unit.
        number: usize,
        /// Why the socket can't be served.
        source: io::Error,
    },
    /// `--web.systemd-socket` is set on a system without systemd.
    #[error("--web.systemd-socket: this system has no systemd")]
    NoSystemd,
}

impl BindError {
    /// Whether a later start may succeed without a change of flags or permissions: an address that isn't assigned yet, a port
    /// in use, a name that doesn't resolve yet, exhausted resources.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Address { address, source } => is_temporary(address, source),
            Self::NoSocket | Self::Socket { .. } | Self::NoSystemd => false,
        }
    }
}

fn is_temporary(address: &ListenAddress, error: &io::Error) -> bool {
    let lasting = matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
    );
    match address {
        // No such directory, or a file that isn't a socket.
        ListenAddress::Unix(_) => error.kind() == io::ErrorKind::AddrInUse,
        ListenAddress::Everywhere(_) | ListenAddress::Address(_) | ListenAddress::Name { .. } => !lasting,
    }
}

/// Describes the usual causes. Other errors keep the system's message.
fn cause(address: &ListenAddress, error: &io::Error) -> String {
    let path = matches!(address, ListenAddress::Unix(_));
    match error.kind() {
        io::ErrorKind::AddrInUse if path => "another program is listening there".to_owned(),
        io::ErrorKind::AlreadyExists => "a file that is not a socket exists there".to_owned(),
        io::ErrorKind::NotFound if path => "no such directory".to_owned(),
        io::ErrorKind::PermissionDenied if path => "permission denied in its directory".to_owned(),
        io::ErrorKind::AddrInUse => "the port is in use by another program".to_owned(),
        io::ErrorKind::AddrNotAvailable => "the address does not belong to this machine".to_owned(),
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege".to_owned(),
        _ => error.to_string(),
    }
}

impl Listener {
    /// Listens on each address. Must be called within a tokio runtime.
    pub(super) async fn on_each(addresses: &[ListenAddress]) -> Result<Vec<Self>, BindError> {
        let mut listeners = Vec::new();
        for address in addresses {
            listeners.push(Self::on(address).await?);
        }
        Ok(listeners)
    }

    /// Listens on an address. Must be called within a tokio runtime.
    pub(super) async fn on(address: &ListenAddress) -> Result<Self, BindError> {
        let listener = match address {
            #[cfg(unix)]
            ListenAddress::Unix(path) => unix::Socket::bind(path).await.map(Self::Unix),
            #[cfg(not(unix))]
            ListenAddress::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
            other => tcp::bind(other).await.map(Self::Tcp),
        };
        listener.map_err(|source| BindError::Address { address: address.clone(), source })
    }

    /// The sockets passed by systemd (sd_listen_fds(3)).
    #[cfg(unix)]
    pub(super) fn from_systemd() -> Result<Vec<Self>, BindError> {
        systemd::listeners()
    }

    /// Always fails: systemd runs on Linux only.
    #[cfg(not(unix))]
    pub(super) fn from_systemd() -> Result<Vec<Self>, BindError> {
        Err(BindError::NoSystemd)
    }

    /// Accepts the next connection.
    pub(super) async fn accept(&self) -> io::Result<(Box<dyn Stream>, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                let _ = stream.set_nodelay(true); // if the client is already gone, reading fails
                Ok((Box::new(stream), Peer::from_address(from.ip())))
            }
            #[cfg(unix)]
            Self::Unix(socket) => Ok((Box::new(socket.accept().await?), Peer::Local)),
        }
    }

    /// The URL of a path, for the user: `https://127.0.0.1:10207/metrics`, `https over unix:///run/exporter.sock at
    /// /metrics`.
    pub(super) fn display_url(&self, scheme: &str, path: &str) -> String {
        match self {
            Self::Tcp(listener) => {
                let address = listener.local_addr().map_or_else(|_| String::new(), |at| at.to_string());
                format!("{scheme}://{address}{path}")
            }
            #[cfg(unix)]
            Self::Unix(socket) => format!("{scheme} over {socket} at {path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_that_pass_by_themselves_are_temporary() {
        let check = |address: &str, kind: io::ErrorKind, expected: bool| {
            let address = address.parse().expect(address);
            let error = BindError::Address { address, source: kind.into() };
            assert_eq!(error.is_temporary(), expected, "{error}");
        };
        check("192.0.2.1:10207", io::ErrorKind::AddrNotAvailable, true);
        check(":10207", io::ErrorKind::AddrInUse, true);
        check("exporter.example:10207", io::ErrorKind::NotFound, true);
        check("exporter.example:10207", io::ErrorKind::Other, true); // getaddrinfo
        check(":10207", io::ErrorKind::OutOfMemory, true);
        check("127.0.0.1:80", io::ErrorKind::PermissionDenied, false);
        check("[fe80::1]:10207", io::ErrorKind::InvalidInput, false);
        #[cfg(unix)]
        for (kind, expected) in [
            (io::ErrorKind::AddrInUse, true),
            (io::ErrorKind::NotFound, false),
            (io::ErrorKind::AlreadyExists, false),
            (io::ErrorKind::PermissionDenied, false),
        ] {
            check("unix:///run/exporter.sock", kind, expected);
        }
        assert!(!BindError::NoSocket.is_temporary());
    }
}
