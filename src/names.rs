//! Where connections go: names → addresses, by the configuration or DNS, for probes and fetches alike.
//! Nothing is cached between two questions, and nothing is connected to here.

mod asking;
mod sockets;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;

use crate::config::{self, ConnectTo, HostPort};
use asking::Names;

/// Why a name leads nowhere. What word that gets is `failure`'s business.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// The resolver's error.
    #[error("{}", dns_words(.0))]
    Dns(#[from] NetError),
    /// The server, or a firewall before it, rejects questions by ICMP.
    #[error("nothing takes questions at {0}: the host, or a firewall before it, rejects them (ICMP)")]
    Rejected(SocketAddr),
    /// The answer is too long for UDP, and can't be had over TCP.
    #[error("the answer is truncated over UDP, and can't be had over TCP: {0}")]
    Truncated(String),
    /// Over TCP came something else than a DNS message.
    #[error("what came over TCP is no DNS message")]
    Garbage,
    /// This machine has no socket left to ask with.
    #[error("DNS could not be asked: {0}")]
    Shortage(String),
    /// No address of the wanted family.
    #[error("the answer has no address of the configured family")]
    NoAddress,
    /// An address that leads nowhere.
    #[error("DNS answered {0}, an address that leads nowhere: a filter's sinkhole")]
    Sinkhole(IpAddr),
}

/// Decides where a connection goes: by `connect_to`, then by the address that the host is, then by its name.
pub struct Destinations {
    names: Names,
    connect_to: BTreeMap<HostPort, ConnectTo>,
}

/// Where a connection goes, as far as the configuration and the host itself say.
pub enum Destination<'a> {
    /// To this address: there is no name to resolve.
    Known(SocketAddr),
    /// To where a name leads, which is still to be asked for.
    Named(Lookup<'a>),
}

/// A question for the addresses of a name, not asked yet.
pub struct Lookup<'a> {
    names: &'a Names,
    name: &'a str,
    port: u16,
    /// Whether the configuration chose the name: then an address of this machine is what was meant.
    chosen: bool,
}

/// What a [`Lookup`] found.
pub struct Found {
    /// The addresses, at least one, in the order of the answer.
    pub addresses: Vec<IpAddr>,
    /// Whether DNS (or the hosts file) gave them, and not the configuration.
    pub by_dns: bool,
    port: u16,
    chosen: bool,
}

impl Destinations {
    /// `patience` is the longest timeout of any probe: a query is never given up earlier than that.
    #[must_use]
    pub fn new(
        resolver: &config::ResolverConfig,
        connect_to: &BTreeMap<HostPort, ConnectTo>,
        patience: Duration,
    ) -> Self {
        Self { names: Names::new(resolver, patience), connect_to: connect_to.clone() }
    }

    /// How long a question is waited for.
    #[must_use]
    pub fn patience(&self) -> Duration {
        self.names.patience()
    }

    /// Another patience, for the questions to come.
    pub fn set_patience(&self, patience: Duration) {
        self.names.set_patience(patience);
    }

    /// Where connections go to a host that the configuration names, such as a proxy: it may mean one on this machine.
    #[must_use]
    pub fn chosen<'a>(&'a self, host: &'a str, port: u16) -> Destination<'a> {
        match self.of(host, port) {
            Destination::Named(lookup) => Destination::Named(Lookup { chosen: true, ..lookup }),
            known @ Destination::Known(_) => known,
        }
    }

    /// Where connections for `host`, as it stands in a URL, go.
    #[must_use]
    pub fn of<'a>(&'a self, host: &'a str, port: u16) -> Destination<'a> {
        let elsewhere = self.connect_to.get(&HostPort { host: host.to_owned(), port });
        let (name, port) = match elsewhere {
            Some(ConnectTo::Address(address)) => return Destination::Known(*address),
            Some(ConnectTo::Name(other)) => (other.host.as_str(), other.port),
            None => (without_brackets(host), port),
        };
        match name.parse::<IpAddr>() {
            Ok(address) => Destination::Known(SocketAddr::new(address, port)),
            Err(_) => {
                Destination::Named(Lookup { names: &self.names, name, port, chosen: elsewhere.is_some() })
            }
        }
    }

    /// Every address of a name, at least one. `connect_to` has no say: nothing will be connected to.
    ///
    /// # Errors
    /// When there is no answer, or no address in it.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, NameError> {
        Ok(self.names.resolve(name).await?.0)
    }
}

impl Destination<'_> {
    /// The address to connect to.
    ///
    /// # Errors
    /// When a name leads nowhere.
    pub async fn address(&self) -> Result<SocketAddr, NameError> {
        match self {
            Self::Known(address) => Ok(*address),
            Self::Named(lookup) => lookup.ask().await?.address(),
        }
    }
}

impl Lookup<'_> {
    /// Asks, once.
    ///
    /// # Errors
    /// When there is no answer, or no address in it.
    pub async fn ask(&self) -> Result<Found, NameError> {
        let (addresses, by_dns) = self.names.resolve(self.name).await?;
        Ok(Found { addresses, by_dns, port: self.port, chosen: self.chosen })
    }
}

impl Found {
    /// How many of the addresses are private; none where the configuration chose them, or the name: then they are what was
    /// meant.
    #[must_use]
    pub fn private(&self) -> Option<usize> {
        let count = || self.addresses.iter().filter(|address| is_private(**address)).count();
        (self.by_dns && !self.chosen).then(count)
    }

    /// The one address that is connected to: the first.
    ///
    /// # Errors
    /// When DNS answered with one that leads nowhere, unless the configuration chose the name.
    pub fn address(&self) -> Result<SocketAddr, NameError> {
        match sinkhole(&self.addresses) {
            Some(address) if self.by_dns && !self.chosen => Err(NameError::Sinkhole(address)),
            _ => {
                let first = self.addresses.first().ok_or(NameError::NoAddress)?;
                Ok(SocketAddr::new(*first, self.port))
            }
        }
    }
}

/// A URL's host without the brackets of an IPv6 address.
#[must_use]
pub fn without_brackets(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// The resolver's error for a person: the library prints its whole query.
fn dns_words(error: &NetError) -> String {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(NoRecords { query, response_code, .. })) => {
            let name = query.name();
            match response_code {
                ResponseCode::NXDomain => format!("{name} does not exist (NXDOMAIN)"),
                _ => format!("{name} has no address ({response_code})"),
            }
        }
        NetError::Dns(DnsError::ResponseCode(code)) => format!("the name server answered: {code}"),
        NetError::NoConnections => "no name server is configured or reachable".to_owned(),
        NetError::Timeout => "the name server did not answer in time".to_owned(),
        other => other.to_string(),
    }
}

/// Addresses that lead nowhere, which filters answer in place of the real ones.
fn sinkhole(addresses: &[IpAddr]) -> Option<IpAddr> {
    addresses.iter().copied().find(|address| leads_nowhere(*address))
}

/// Whether an address is nobody's, or this machine's own: no service on the Internet has it.
#[must_use]
pub fn leads_nowhere(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_unspecified() || address.is_loopback()
}

/// Whether an address is for use inside a network alone, where no public service is: RFC 1918, shared (RFC 6598) and
/// link-local (RFC 3927, RFC 4291), unique local (RFC 4193).
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
