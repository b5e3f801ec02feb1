//! Name resolution for probes and fetches: names → addresses, by the configuration or DNS. Nothing is cached,
//! and nothing is connected to.

mod error;
mod files;
pub mod hosts;
mod lookup;
mod message;
mod name_resolver;
pub mod nsswitch;
mod order;
mod query;
mod server_report;
mod system;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{self, ConnectTo, HostPort};
use crate::observation::LookupFacts;
use crate::text::without_brackets;
use name_resolver::{NameResolver, Resolved};

pub use error::{AddressOrigin, DnsFailure, NameError};
pub(crate) use name_resolver::FailedDnsServer;
pub use server_report::{ExtendedError, ServerOutcome, ServerReport};
pub(crate) use system::SystemConfigCache;

/// Finds the destination of connections: by `connect_to`, then by a literal address, then by resolving the
/// name.
pub struct Resolver {
    names: NameResolver,
    connect_to: BTreeMap<HostPort, ConnectTo>,
}

/// The destination of a connection.
pub enum Destination<'a> {
    /// A known address: nothing to resolve.
    Known(SocketAddr),
    /// A name that has yet to be resolved.
    Named(NameLookup<'a>),
}

/// A pending name resolution.
pub struct NameLookup<'a> {
    names: &'a NameResolver,
    name: &'a str,
    port: u16,
    /// Whether the configuration chose the name: then an address of this machine is intended.
    is_configured: bool,
    /// Whether it is a server of the company, which may run on this machine.
    is_on_premises: bool,
}

/// The result of a [`NameLookup`].
pub struct ResolvedAddresses {
    /// At least one address, in the order in which clients try them.
    pub addresses: Vec<IpAddr>,
    /// The names that the name is an alias of (CNAME), in order; none of the configuration's or the hosts file's.
    pub aliases: Vec<String>,
    /// Where they come from.
    pub origin: AddressOrigin,
    /// The search domain that completed the name. `None` if it was found as written.
    search_suffix: Option<String>,
    /// The DNS servers that failed before another one answered.
    pub(crate) failed_servers: Vec<FailedDnsServer>,
    /// What the DNS servers say of a sinkhole address.
    others: Vec<ServerReport>,
    port: u16,
    is_configured: bool,
    is_on_premises: bool,
}

impl Resolver {
    /// Creates a resolver that reads this machine's configuration by itself.
    #[must_use]
    pub fn new(resolver: &config::ResolverConfig, connect_to: &BTreeMap<HostPort, ConnectTo>) -> Self {
        Self::with_system(resolver, connect_to, &Arc::default())
    }

    /// Creates a resolver that shares its readings of this machine's configuration.
    #[must_use]
    pub(crate) fn with_system(
        resolver: &config::ResolverConfig,
        connect_to: &BTreeMap<HostPort, ConnectTo>,
        system: &Arc<SystemConfigCache>,
    ) -> Self {
        let names = NameResolver::new(resolver, Arc::clone(system));
        Self { names, connect_to: connect_to.clone() }
    }

    /// The destination for a host that the configuration names, such as a proxy. It may be on this machine.
    #[must_use]
    pub fn configured_destination<'a>(&'a self, host: &'a str, port: u16) -> Destination<'a> {
        match self.destination(host, port) {
            Destination::Named(lookup) => Destination::Named(NameLookup { is_configured: true, ..lookup }),
            known @ Destination::Known(_) => known,
        }
    }

    /// The destination for a server of the company. It is on this machine where the hosts file says so.
    #[must_use]
    pub fn on_premises_destination<'a>(&'a self, host: &'a str, port: u16) -> Destination<'a> {
        match self.destination(host, port) {
            Destination::Named(lookup) => Destination::Named(NameLookup { is_on_premises: true, ..lookup }),
            known @ Destination::Known(_) => known,
        }
    }

    /// The destination for `host` as written in a URL.
    #[must_use]
    pub fn destination<'a>(&'a self, host: &'a str, port: u16) -> Destination<'a> {
        let elsewhere = self.connect_to.get(&HostPort { host: host.to_owned(), port });
        let (name, port) = match elsewhere {
            Some(ConnectTo::Address(address)) => return Destination::Known(*address),
            Some(ConnectTo::Name(other)) => (other.host.as_str(), other.port),
            None => (without_brackets(host), port),
        };
        match name.parse::<IpAddr>() {
            Ok(address) => Destination::Known(SocketAddr::new(address, port)),
            Err(_) => Destination::Named(NameLookup {
                names: &self.names,
                name,
                port,
                is_configured: elsewhere.is_some(),
                is_on_premises: false,
            }),
        }
    }

    /// All addresses of a name, at least one, found within `limit`. Ignores `connect_to`, since nothing is connected
    /// to. Short names are completed by the search domains, as in browsers.
    ///
    /// # Errors
    /// If the name can't be resolved.
    pub async fn addresses(&self, name: &str, limit: Duration) -> Result<Vec<IpAddr>, NameError> {
        Ok(Box::pin(self.names.resolve(name, true, limit)).await?.addresses)
    }
}

impl NameLookup<'_> {
    /// Resolves the name within `limit`.
    ///
    /// # Errors
    /// If the name can't be resolved.
    pub async fn resolve(&self, limit: Duration) -> Result<ResolvedAddresses, NameError> {
        // Boxed: a lookup is large, and most of a probe's time it doesn't exist.
        let resolved = Box::pin(self.names.resolve(self.name, self.is_configured, limit)).await?;
        let Resolved { addresses, aliases, origin, search_suffix, failed_servers, others } = resolved;
        Ok(ResolvedAddresses {
            addresses,
            aliases,
            origin,
            search_suffix,
            failed_servers,
            others,
            port: self.port,
            is_configured: self.is_configured,
            is_on_premises: self.is_on_premises,
        })
    }
}

impl ResolvedAddresses {
    /// The number of private addresses. `None` if the configuration chose the addresses or the name, since then
    /// they are intended.
    #[must_use]
    pub fn private(&self) -> Option<usize> {
        let count = || self.addresses.iter().filter(|address| is_private(**address)).count();
        (self.origin.source().is_some() && !self.is_configured).then(count)
    }

    /// Whether an address of this machine is what somebody meant: the configuration chose it, or the hosts file maps a server
    /// of the company to loopback, as Debian's does with the machine's own name (127.0.1.1). The unspecified address is no
    /// server's. A DNS filter that answers such an address means neither.
    fn may_be_this_machine(&self) -> bool {
        let is_unspecified = |address: &IpAddr| address.to_canonical().is_unspecified();
        match self.origin {
            _ if self.is_configured => true,
            AddressOrigin::Configuration => true,
            AddressOrigin::HostsFile => self.is_on_premises && !self.addresses.iter().any(is_unspecified),
            AddressOrigin::Dns(_) => false,
        }
    }

    /// The addresses to connect to, in order.
    ///
    /// # Errors
    /// If DNS or the hosts file has a sinkhole address for a name, and nobody meant this machine.
    pub fn to_connect(&self) -> Result<Vec<SocketAddr>, NameError> {
        match sinkhole(&self.addresses) {
            Some(address) if !self.may_be_this_machine() => {
                let (origin, others) = (self.origin.clone(), self.others.clone());
                Err(NameError::Sinkhole { address, origin, others })
            }
            _ => Ok(self.addresses.iter().map(|address| SocketAddr::new(*address, self.port)).collect()),
        }
    }
}

/// The alias that has no address, if a lookup failed because of it: a filter by names may have removed it.
pub(crate) fn lost_alias(resolved: &Result<ResolvedAddresses, NameError>) -> Vec<String> {
    match resolved {
        Err(NameError::Dns(failure)) => failure.alias().into_iter().map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// What a lookup rests on, found or not.
pub(crate) fn lookup_facts(resolved: &Result<ResolvedAddresses, NameError>) -> LookupFacts {
    match resolved {
        Ok(found) => {
            LookupFacts { resolver: found.origin.resolver(), search_suffix: found.search_suffix.clone() }
        }
        Err(NameError::Dns(failure)) => LookupFacts { resolver: failure.decided_by(), search_suffix: None },
        Err(_) => LookupFacts::default(),
    }
}

/// The first sinkhole address. Filters return these in place of the real addresses.
fn sinkhole(addresses: &[IpAddr]) -> Option<IpAddr> {
    addresses.iter().copied().find(|address| is_sinkhole(*address))
}

/// Whether an address is unspecified or loopback: no public service has it.
#[must_use]
pub fn is_sinkhole(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_unspecified() || address.is_loopback()
}

/// Whether an address is private, where no public service is: RFC 1918, shared (RFC 6598), link-local (RFC
/// 3927, RFC 4291) and unique local (RFC 4193).
#[must_use]
pub const fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || v4.is_link_local() || (first == 100 && second & 0xc0 == 64)
        }
        IpAddr::V6(v6) => v6.is_unique_local() || v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests;
