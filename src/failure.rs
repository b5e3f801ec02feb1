//! How a connection, a handshake or an answer fails, and what that is called: error → stage and reason. Pure. What a failure
//! means for an endpoint is `verdict`'s business, and what to do about it `advice`'s.

mod classify;
mod fetch;
pub(crate) mod proxied;

use std::io;
use std::net::IpAddr;

use hyper::StatusCode;

pub(crate) use fetch::stage as fetch_stage;

use crate::names::NameError;
use crate::observation::{Failure, Stage};
use crate::shortage;
use crate::trust::ChainError;
use classify::{chain_of, classify};

/// How a stage can fail, before it has a word.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The name leads nowhere.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The socket's error.
    #[error("{}", shortage::words(.0))]
    Io(#[from] io::Error),
    /// The address of this machine that connections are to come from.
    #[error("connections can't come from {address}: {error}")]
    Source {
        /// As it is configured.
        address: IpAddr,
        /// What the system says.
        error: io::Error,
    },
    /// The proxy.
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    /// The chain isn't believed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The name can't be put into a TLS handshake.
    #[error("{0:?} is no name for a TLS server")]
    ServerName(String),
    /// The HTTP connection's error.
    #[error("{}", chain_of(.0))]
    Http(#[from] hyper::Error),
    /// The error of a fetch.
    #[error("{}", fetch::words(.0))]
    Fetch(#[from] reqwest::Error),
    /// The request can't be written.
    #[error("request: {0}")]
    Request(#[from] hyper::http::Error),
    /// More body than is accepted.
    #[error("the body is longer than {limit} bytes")]
    TooLarge {
        /// The cap, in bytes.
        limit: u64,
    },
}

impl StageError {
    /// What it is called where it ended `stage`.
    #[must_use]
    pub fn failure(&self, stage: Stage) -> Failure {
        Failure::new(stage, classify(stage, self), self.to_string())
    }
}

/// How a proxy says no.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// An answer to CONNECT that isn't a success.
    #[error("the proxy answers CONNECT with {}{why}", .status.as_u16())]
    Refused {
        /// Its status.
        status: StatusCode,
        /// What the proxy says of it, for a person, behind the status.
        why: String,
    },
    /// The proxy went on before it was spoken to.
    #[error("the proxy sends {0} bytes through the tunnel before anything was asked of the endpoint")]
    Hasty(usize),
    /// TLS to the proxy.
    #[error("TLS to the proxy: {0}")]
    Tls(io::Error),
    /// The proxy's name can't be put into a TLS handshake.
    #[error("{0:?} is no name for a TLS server")]
    Name(String),
    /// SOCKS.
    #[error("SOCKS: {0}")]
    Socks(#[from] tokio_socks::Error),
    /// The proxy chooses a method of authentication that it wasn't offered (RFC 1928, section 3).
    #[error("SOCKS: the proxy demands a method of authentication that it isn't offered: {}", .0)]
    Method(&'static str),
    /// The reply to the request is none of RFC 1928, section 6.
    #[error("SOCKS: the proxy answers with a reply that isn't assigned")]
    Reply,
}
