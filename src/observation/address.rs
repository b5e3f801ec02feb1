//! What became of each address of a name, where all of them are probed.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::{Failure, Observation};

/// What `Facts::proxy` says where a script chose to go directly.
pub const DIRECT: &str = "direct";

/// One address: as a probe of its own, of which no more is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddressFacts {
    /// The address.
    pub address: IpAddr,
    /// None: a genuine answer.
    pub failure: Option<Failure>,
    /// The sum of its stages.
    pub duration: Duration,
}

impl Observation {
    /// Every address that was probed, that of the probe itself first; empty where none was, or a proxy's was.
    pub fn by_address(&self) -> impl Iterator<Item = (IpAddr, Option<&Failure>, Duration)> {
        let facts = &self.facts;
        let directly = facts.proxy.as_deref().is_none_or(|proxy| proxy == DIRECT);
        let own = facts.peer.filter(|_| directly);
        let own = own.map(|peer| (peer.ip(), self.failure.as_ref(), facts.timings.total()));
        let others = facts.others.iter().map(|other| (other.address, other.failure.as_ref(), other.duration));
        own.into_iter().chain(others)
    }
}
