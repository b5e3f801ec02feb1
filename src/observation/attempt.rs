//! Attempts that failed before the one that counted.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Facts, Failure, FailureReason};

/// The port of DNS, which words omit.
const DNS_PORT: u16 = 53;

/// What an attempt was made at.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AttemptTarget {
    /// A DNS server.
    DnsServer(SocketAddr),
    /// An address of the endpoint or of its proxy.
    Address(SocketAddr),
    /// A proxy that a PAC script or a policy names, as `kind://host:port`.
    Proxy(String),
    /// The PAC script that was to name one.
    Script(String),
    /// The endpoint without a proxy, after one failed.
    Direct,
}

impl fmt::Display for AttemptTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DnsServer(server) if server.port() == DNS_PORT => write!(f, "DNS server {}", server.ip()),
            Self::DnsServer(server) => write!(f, "DNS server {server}"),
            Self::Address(address) => write!(f, "address {address}"),
            Self::Proxy(proxy) => write!(f, "proxy {proxy}"),
            Self::Script(script) => write!(f, "PAC script {script}"),
            Self::Direct => f.write_str("the direct connection"),
        }
    }
}

/// A failed attempt, which clients make as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedAttempt {
    /// What was tried.
    pub target: AttemptTarget,
    /// Why it failed.
    pub failure: Failure,
    /// The time that it took.
    pub duration: Duration,
}

impl FailedAttempt {
    /// Whether clients lose time to it. A DNS server that answers with an error costs them one packet only.
    #[must_use]
    pub fn delays_clients(&self) -> bool {
        !matches!(self.target, AttemptTarget::DnsServer(_)) || self.failure.reason == FailureReason::Timeout
    }
}

impl Facts {
    /// The failed attempts that clients lose time to.
    pub fn delays(&self) -> impl Iterator<Item = &FailedAttempt> {
        self.failed_attempts.iter().filter(|attempt| attempt.delays_clients())
    }
}
