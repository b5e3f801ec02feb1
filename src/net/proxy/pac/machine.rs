//! What a PAC script may know about this machine: addresses and time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::SystemTime;

use crate::config::resolv_conf::machine_name;
use crate::net::local_address::local_address;

/// Destinations on the Internet: Google's DNS servers, as in Chromium. Nothing is ever sent to them.
const PUBLIC: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888)),
];

/// Destinations in private networks (RFC 1918, RFC 4193), as in Chromium.
const PRIVATE: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, 0)),
    IpAddr::V4(Ipv4Addr::new(172, 16, 0, 0)),
    IpAddr::V4(Ipv4Addr::new(192, 168, 0, 0)),
    IpAddr::V6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0)),
];

/// The machine's properties that a script can read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptMachine {
    /// The time for `weekdayRange`, `dateRange` and `timeRange`. A script's own `Date` reads the system clock.
    pub now: SystemTime,
    /// The UTC offset in minutes. If `None`, the system's offset at that time.
    pub utc_offset: Option<i16>,
    /// The source addresses of connections to the Internet, preferred address of each family first.
    pub addresses: Vec<IpAddr>,
    /// The host name: its addresses are the machine's if there is no way to the Internet.
    pub host_name: Option<String>,
    /// The source addresses of connections to private networks, for a host name without addresses.
    pub private_addresses: Vec<IpAddr>,
}

impl ScriptMachine {
    /// This machine.
    #[must_use]
    pub fn local(now: SystemTime) -> Self {
        Self::with_routes(now, machine_name(), local_address)
    }

    /// A machine with these addresses on the Internet.
    #[must_use]
    pub const fn new(now: SystemTime, utc_offset: Option<i16>, addresses: Vec<IpAddr>) -> Self {
        Self { now, utc_offset, addresses, host_name: None, private_addresses: Vec::new() }
    }

    /// A machine with this host name. `source` is the source address for connections to a destination.
    pub(super) fn with_routes(
        now: SystemTime,
        host_name: Option<String>,
        source: impl Fn(IpAddr) -> Option<IpAddr>,
    ) -> Self {
        let sources = |destinations: &[IpAddr]| destinations.iter().filter_map(|to| source(*to)).collect();
        let addresses: Vec<_> = sources(&PUBLIC);
        let private_addresses = if addresses.iter().any(is_own) { Vec::new() } else { sources(&PRIVATE) };
        Self { now, utc_offset: None, addresses, host_name, private_addresses }
    }

    /// A machine without addresses at the Unix epoch.
    pub(super) const fn empty() -> Self {
        Self::new(SystemTime::UNIX_EPOCH, Some(0), Vec::new())
    }

    /// The results of `myIpAddress` and `myIpAddressEx`, preferred address of each family first: the addresses of
    /// the first source that has one, as in Chromium (services/network/proxy_auto_config_library.cc). Link-local
    /// addresses are the last resort, loopback addresses are none.
    pub(super) fn own_addresses<E>(
        &self,
        resolve: impl FnOnce(&str) -> Result<Vec<IpAddr>, E>,
    ) -> Result<Vec<IpAddr>, E> {
        let public = own(&self.addresses);
        if !public.is_empty() {
            return Ok(public);
        }
        let named = self.host_name.as_deref().map_or_else(|| Ok(Vec::new()), resolve)?;
        let others = [&named, &self.private_addresses];
        let found =
            others.into_iter().map(|addresses| own(addresses)).find(|addresses| !addresses.is_empty());
        Ok(found.unwrap_or_else(|| {
            let mut link_local =
                [&self.addresses, &named, &self.private_addresses].map(Vec::as_slice).concat();
            link_local.retain(is_link_local);
            link_local.sort_by_key(IpAddr::is_ipv6);
            link_local.truncate(1);
            link_local
        }))
    }
}

/// The machine's own addresses beyond a link, each once.
fn own(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut own = Vec::new();
    for address in addresses.iter().filter(|address| is_own(address)) {
        if !own.contains(address) {
            own.push(*address);
        }
    }
    own
}

/// Whether an address is one of the machine's own, beyond a link.
fn is_own(address: &IpAddr) -> bool {
    !address.is_loopback() && !address.is_unspecified() && !is_link_local(address)
}

fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}
