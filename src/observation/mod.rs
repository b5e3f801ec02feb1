//! The result of one probe: the times of its phases, facts, and the failure if there was one. Contains no
//! verdict (see `verdict`) and no metrics (see `metrics`).

mod address;
mod attempt;
mod evidence;
mod evidence_limit;
mod failure;
mod hops;
mod lookup;
mod path;
mod split_hello;
mod timings;
mod tls;

pub use path::{Anchor, VerifiedPath};

use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use serde::Serialize;

use crate::plan::TargetId;
use crate::string_enum::string_enum;

pub use address::{AddressFacts, AddressResult, AddressSource, DIRECT};
pub use attempt::{AttemptTarget, FailedAttempt};
pub use evidence::{
    ChainEvidence, ConcludedChain, HeaderEvidence, HopEvidence, IssuerEvidence, ObservedFailure,
    ResponseEvidence,
};
pub use evidence_limit::MAX_EVIDENCE;
pub use failure::{FAILURE_CODES, Failure, FailureCode, FailureReason, Phase};
pub use hops::HopFacts;
pub use lookup::LookupFacts;
pub use split_hello::{SplitHello, SplitHelloResult};
pub use timings::{PhaseOutcome, Timings};
pub use tls::{CertificateFacts, TlsFacts};

string_enum! {
    /// The result of a request for the first byte only (`Range`, RFC 9110, section 14.2), on which BITS and
    /// Delivery Optimization rely.
    RangeOutcome {
        /// 206: the requested range.
        Honored = "honored",
        /// 200: the whole object. An intermediary removes the `Range` header.
        Ignored = "ignored",
    }
}

/// Facts of the HTTP response.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HttpFacts {
    /// The status of the last response.
    pub status: u16,
    /// Whether head and body match the catalog's evidence of the genuine service. Also recorded if a stricter
    /// client would refuse the chain (interception, revocation). False for a successful probe if the expected
    /// evidence is missing, but the catalog isn't sure enough of it.
    pub genuine: bool,
    /// The `Server` header, cleaned and truncated.
    pub server: Option<String>,
    /// The `Location` header, cleaned and truncated.
    pub location: Option<String>,
    /// The number of body bytes read.
    pub body_bytes: u64,
    /// Whether the server closed TLS without close_notify (RFC 8446, section 6.1) after a body without a length, so
    /// that the body may have been cut off.
    pub unclean_close: bool,
    /// The number of redirects followed.
    pub redirects: u8,
    /// The result of a range request. Only set for endpoints that are probed with one, and if the status is 200
    /// or 206.
    pub range: Option<RangeOutcome>,
}

/// A package of security intelligence in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageFacts {
    /// Its path below the folder, as `x64/mpam-fe.exe`.
    pub file: &'static str,
    /// When it was last changed, by the file system: a copy may keep the time of its original.
    pub modified: SystemTime,
}

/// The facts of a probe, recorded whether or not it failed. If a redirected probe failed, they describe the
/// failed hop. Otherwise they describe the endpoint's own host, with the last response. Times are the sum over
/// all hops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// Time and outcome of each phase.
    pub timings: Timings,
    /// The addresses that DNS or the hosts file has, in the order in which clients try them. Empty if neither was asked.
    pub addresses: Vec<IpAddr>,
    /// The names that the host is an alias of (CNAME), in order, cleaned. A firewall that compares resolved names sees them.
    pub aliases: Vec<String>,
    /// Whether DNS or the hosts file returned them. `None` if the configuration chose the addresses.
    pub source: Option<AddressSource>,
    /// The number of private addresses. `None` if the endpoint's own name wasn't looked up.
    pub private: Option<usize>,
    /// What the lookup of the name rests on; of the proxy's name, if one was used.
    pub lookup: LookupFacts,
    /// The address and port of the TCP connection.
    pub peer: Option<SocketAddr>,
    /// The results for the name's other addresses, if all are probed. The probe itself is that of the first
    /// address.
    pub others: Vec<AddressFacts>,
    /// The number of further addresses, which weren't probed.
    pub unprobed: usize,
    /// The proxy, as `kind://host:port`. [`DIRECT`] if a PAC script chose no proxy.
    pub proxy: Option<String>,
    /// The status of the proxy's response to CONNECT.
    pub proxy_status: Option<u16>,
    /// Facts of the TLS phase.
    pub tls: Option<TlsFacts>,
    /// Facts of the HTTP response.
    pub http: Option<HttpFacts>,
    /// The newest package in a folder of update packages. `None` for other endpoints, and if there is none.
    pub package: Option<PackageFacts>,
    /// What the judgement rests on: of a recorded round, and of a failure until the next one.
    pub evidence: Option<Box<HopEvidence>>,
    /// The attempts that failed beside those that counted, over all hops, in order.
    pub failed_attempts: Vec<FailedAttempt>,
    /// All hops of a redirected probe, in order. Empty without a redirect.
    pub hops: Vec<HopFacts>,
    /// The index of the hop that these facts describe.
    pub hop: usize,
}

/// The result of one probe of one target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// The probed target.
    pub target: TargetId,
    /// When the probe ended, wall clock.
    pub at: SystemTime,
    /// The facts.
    pub facts: Facts,
    /// Why the probe failed. `None` after a success.
    pub failure: Option<Failure>,
}

impl Observation {
    /// Whether the probe succeeded: a genuine response, of any status.
    #[must_use]
    pub const fn success(&self) -> bool {
        self.failure.is_none()
    }

    /// Whether the result is about the network, not only about this machine or this program.
    #[must_use]
    pub fn is_about_network(&self) -> bool {
        let own = |failure: &Failure| {
            matches!(failure.reason, FailureReason::Internal | FailureReason::Unsupported)
                // The rights on a mounted share are those of this machine's users, not of Windows clients.
                || (cfg!(not(windows)) && failure.reason == FailureReason::AccessDenied)
        };
        !self.failure.as_ref().is_some_and(own)
    }

    /// Whether the proxy wasn't reached. Over a proxy, phases resolve and connect lead to the proxy, so nothing
    /// is known about the endpoint.
    #[must_use]
    pub fn failed_at_proxy(&self) -> bool {
        let by_proxy = self.facts.proxy.as_deref().is_some_and(|proxy| proxy != DIRECT);
        let phase = self.failure.as_ref().map(|failure| failure.phase);
        by_proxy && matches!(phase, Some(Phase::Resolve | Phase::Connect))
    }
}
