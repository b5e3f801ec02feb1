//! Failures of connections, handshakes and exchanges: error → phase and reason. Pure. `verdict` decides what a
//! failure means for an endpoint, and `advice` what to do about it.

mod classify;
mod describe;
mod protocol;
pub(crate) mod proxied;
mod quote;

use std::error::Error;
use std::io;
use std::net::IpAddr;

use hyper::StatusCode;

use super::resolver::{NameError, ServerOutcome};
use crate::config::ProxyKind;
use crate::observation::{Failure, FailureReason, Phase};
use crate::tls::ChainError;
use classify::classify;
pub(crate) use describe::tls as tls_error_text;
pub use protocol::PeerProtocol;
pub(crate) use quote::quote;

/// Why a phase failed, before classification.
#[derive(Debug, thiserror::Error)]
pub enum PhaseError {
    /// Name resolution failed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A socket error.
    #[error("{}", describe::io(.0))]
    Io(#[from] io::Error),
    /// The configured source address can't be used.
    #[error("{}", describe::source(*.address, .error))]
    Source {
        /// The configured address.
        address: IpAddr,
        /// The system's error.
        error: io::Error,
    },
    /// The proxy refused or failed.
    #[error(transparent)]
    Tunnel(#[from] TunnelError),
    /// The certificate chain isn't trusted.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The name isn't valid in SNI.
    #[error("{0:?} is not a valid TLS server name")]
    ServerName(String),
    /// An HTTP error.
    #[error("{}", describe::http(.0))]
    Http(#[from] hyper::Error),
    /// The peer speaks another protocol.
    #[error("{}", describe::spoken(.expected, *.spoken, .sent.as_deref()))]
    OtherProtocol {
        /// The protocol that the phase needs.
        expected: &'static str,
        /// The peer's, if it is recognised.
        spoken: Option<PeerProtocol>,
        /// What it sent first, quoted.
        sent: Option<String>,
    },
    /// The server refused the handshake, and accepts a cipher suite that only Windows offers.
    #[error(
        "the server accepts only {suite}, which Windows supports and this exporter does not (handshake: {alert})"
    )]
    Suite {
        /// The suite's IANA name.
        suite: &'static str,
        /// How the server refused the handshake of this program.
        alert: String,
    },
    /// The response isn't valid HTTP/1.1.
    #[error("{}: it begins with {sent}", describe::http(.error))]
    Unparsable {
        /// Why.
        error: hyper::Error,
        /// What came first, quoted.
        sent: String,
    },
    /// The connection ended without the close_notify of TLS, and the body has no length.
    #[error("the peer closed TLS without close_notify, so the body may have been cut off")]
    CutOff,
    /// The body is of no use, as what read it says.
    #[error("{0}")]
    Content(String),
    /// The request can't be built.
    #[error("request: {0}")]
    Request(#[from] hyper::http::Error),
    /// The body exceeds the limit.
    #[error("response body exceeds {limit} bytes")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
}

impl PhaseError {
    /// The classified failure of `phase`.
    #[must_use]
    pub fn failure(&self, phase: Phase) -> Failure {
        Failure::new(phase, classify(phase, self), self.to_string())
    }
}

/// Whether what the peer sent is no TLS at all.
pub(super) fn is_not_tls(error: &io::Error) -> bool {
    classify::io_error(Phase::Tls, error) == FailureReason::NotTls
}

/// The reason of a DNS server's failure.
pub(super) fn dns_reason(outcome: &ServerOutcome) -> FailureReason {
    classify::dns(outcome)
}

/// Why a tunnel through a proxy failed.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// The response to CONNECT isn't a success.
    #[error("the proxy answered CONNECT with {}{why}", .status.as_u16())]
    Refused {
        /// The response's status.
        status: StatusCode,
        /// The proxy's explanation, to append to the status. May be empty.
        why: String,
        /// Whether the proxy says that it can't resolve the endpoint's name.
        unresolved: bool,
    },
    /// The proxy speaks another protocol than the configured one.
    #[error("{}", describe::other_protocol(*.kind, *.spoken))]
    OtherProtocol {
        /// As which the proxy is configured.
        kind: ProxyKind,
        /// What it is.
        spoken: PeerProtocol,
    },
    /// The proxy sent data before the endpoint could have received a request.
    #[error("the proxy sent {0} bytes through the tunnel before any request")]
    Hasty(usize),
    /// The TLS handshake with the proxy failed.
    #[error("TLS to the proxy: {}", describe::io(.0))]
    Tls(io::Error),
    /// The proxy's name isn't valid in SNI. The configuration accepts no such name; a PAC script may return one.
    #[error(
        "TLS to the proxy: no certificate can be for {0:?}, which has a label that begins or ends with a hyphen"
    )]
    Name(String),
    /// The SOCKS handshake failed.
    #[error("SOCKS: {}", describe::socks(.0))]
    Socks(#[from] tokio_socks::Error),
    /// The proxy selected an authentication method that wasn't offered (RFC 1928, section 3).
    #[error("SOCKS: the proxy requires an authentication method that was not offered: {}", .0)]
    Method(&'static str),
    /// The reply code isn't assigned (RFC 1928, section 6).
    #[error("SOCKS: the proxy sent an unassigned reply code")]
    Reply,
}

/// The error of a kind among an error and its causes.
pub(super) fn cause<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.find_map(|error| error.downcast_ref())
}
