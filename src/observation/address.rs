//! Results for each address of a name, if all of them are probed.

use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::{AttemptTarget, Facts, Failure, Observation};
use crate::string_enum::string_enum;

/// The value of `Facts::proxy` if a PAC script chose a direct connection.
pub const DIRECT: &str = "direct";

string_enum! {
    /// Where the addresses of a name come from, if not from the exporter's configuration.
    AddressSource {
        /// DNS.
        Dns = "dns",
        /// The hosts file of this machine.
        HostsFile = "hosts_file",
    }
}

/// The result of probing one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AddressFacts {
    /// The address.
    pub address: IpAddr,
    /// Why the probe failed. `None` after a success.
    pub failure: Option<Failure>,
    /// The sum of its phases.
    pub duration: Duration,
}

/// The result for one of several addresses.
#[derive(Clone, Copy, Debug)]
pub struct AddressResult<'a> {
    /// The address.
    pub address: IpAddr,
    /// Why the probe failed. `None` after a success.
    pub failure: Option<&'a Failure>,
    /// The sum of its phases.
    pub duration: Duration,
}

impl Observation {
    /// Every probed address, that of the probe itself first. Empty if there is none, or if the probe went
    /// through a proxy.
    pub fn by_address(&self) -> impl Iterator<Item = AddressResult<'_>> {
        let facts = &self.facts;
        let is_direct = facts.own_proxy().is_none_or(|proxy| proxy == DIRECT);
        let own = facts.own_peer().filter(|_| is_direct);
        let own = own.map(|peer| AddressResult {
            address: peer.ip(),
            failure: self.failure.as_ref(),
            duration: facts.timings.total(),
        });
        let others = facts.others.iter().map(|other| AddressResult {
            address: other.address,
            failure: other.failure.as_ref(),
            duration: other.duration,
        });
        let is_other = |address: IpAddr| facts.others.iter().any(|other| other.address == address);
        let failed = facts.failed_addresses().filter(move |result| is_direct && !is_other(result.address));
        own.into_iter().chain(others).chain(failed)
    }
}

impl Facts {
    /// The addresses that failed beside the one that counted.
    pub fn failed_addresses(&self) -> impl Iterator<Item = AddressResult<'_>> {
        self.failed_attempts.iter().filter_map(|attempt| match &attempt.target {
            AttemptTarget::Address(address) => Some(AddressResult {
                address: address.ip(),
                failure: Some(&attempt.failure),
                duration: attempt.duration,
            }),
            AttemptTarget::DnsServer(_)
            | AttemptTarget::Proxy(_)
            | AttemptTarget::Script(_)
            | AttemptTarget::Direct => None,
        })
    }
}
