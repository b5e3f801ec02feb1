//! Where the exporter listens: the flag's syntax, as other Prometheus exporters have it, and the sockets.

mod address;
#[cfg(unix)]
mod systemd;
mod tcp;
#[cfg(unix)]
mod unix;

use std::io;

use tokio::net::TcpListener;

pub use address::{ListenAddress, ListenAddressError};

use super::serve::{Peer, Stream};

/// A socket that clients connect to.
#[derive(Debug)]
pub(super) enum Listener {
    /// Of the network.
    Tcp(TcpListener),
    /// Of this machine.
    #[cfg(unix)]
    Unix(unix::Socket),
}

/// Why the exporter can't listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// An address can't be had.
    #[error("cannot listen on {address}: {}", cause(.address, .source))]
    Address {
        /// The address, as it was asked for.
        address: ListenAddress,
        /// What the system says.
        source: io::Error,
    },
    /// `--web.systemd-socket` where systemd passed no socket.
    #[error("systemd passed no socket: LISTEN_FDS isn't set for this process; start it by a .socket unit")]
    NoSocket,
    /// A socket of systemd's that can't be served.
    #[error("cannot serve socket {number} of those that systemd passed: {source}")]
    Socket {
        /// Which one, counted from 0 in the order of the unit.
        number: usize,
        /// What is wrong with it.
        source: io::Error,
    },
    /// `--web.systemd-socket` on a system without systemd.
    #[error("--web.systemd-socket: there is no systemd on this system")]
    NoSystemd,
}

/// The usual causes in plain words; the system's own words for the others.
fn cause(address: &ListenAddress, error: &io::Error) -> String {
    let path = matches!(address, ListenAddress::Unix(_));
    match error.kind() {
        io::ErrorKind::AddrInUse if path => "another program listens there".to_owned(),
        io::ErrorKind::AlreadyExists => "there is a file that is no socket".to_owned(),
        io::ErrorKind::NotFound if path => "there is no such folder".to_owned(),
        io::ErrorKind::PermissionDenied if path => "its folder may not be written to".to_owned(),
        io::ErrorKind::AddrInUse => "the port is in use by another program".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have the address".to_owned(),
        io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege".to_owned(),
        _ => error.to_string(),
    }
}

impl Listener {
    /// Listens on each. To be called within a tokio runtime.
    pub(super) async fn on_each(addresses: &[ListenAddress]) -> Result<Vec<Self>, BindError> {
        let mut listeners = Vec::new();
        for address in addresses {
            listeners.push(Self::on(address).await?);
        }
        Ok(listeners)
    }

    /// Listens. To be called within a tokio runtime.
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

    /// Those that systemd passed (sd_listen_fds(3)).
    #[cfg(unix)]
    pub(super) fn of_systemd() -> Result<Vec<Self>, BindError> {
        systemd::listeners()
    }

    /// None.
    #[cfg(not(unix))]
    pub(super) fn of_systemd() -> Result<Vec<Self>, BindError> {
        Err(BindError::NoSystemd)
    }

    /// The next client.
    pub(super) async fn accept(&self) -> io::Result<(Box<dyn Stream>, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, from) = listener.accept().await?;
                let _ = stream.set_nodelay(true); // it is gone already; reading will tell
                Ok((Box::new(stream), Peer::of(from.ip())))
            }
            #[cfg(unix)]
            Self::Unix(socket) => Ok((Box::new(socket.accept().await?), Peer::Local)),
        }
    }

    /// Where a path is, for a person: `https://127.0.0.1:10207/metrics`, `https over unix:///run/exporter.sock at /metrics`.
    pub(super) fn place(&self, scheme: &str, path: &str) -> String {
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
