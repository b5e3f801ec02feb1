//! Where connections go: names → addresses, by the configuration or DNS, for probes and fetches alike.
//! Nothing is cached between two questions, and nothing is connected to here.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use tokio::time::Instant;

use crate::config::{self, ConnectTo, HostPort};

/// How long the system's resolver configuration is used before it is read again: networks change under a long run.
const SYSTEM_CONFIG_MAX_AGE: Duration = Duration::from_secs(60);

/// The most name servers asked at once, as in the C library.
const MAX_SERVERS_AT_ONCE: usize = 3;

/// Why a name leads nowhere. What word that gets is `probe::classify`'s business.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// The resolver's error.
    #[error("{}", dns_words(.0))]
    Dns(#[from] NetError),
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
    ///
    /// # Errors
    /// When the resolver refuses its configuration.
    pub fn new(
        resolver: &config::ResolverConfig,
        connect_to: &BTreeMap<HostPort, ConnectTo>,
        patience: Duration,
    ) -> Result<Self, NetError> {
        Ok(Self { names: Names::new(resolver, patience)?, connect_to: connect_to.clone() })
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

/// Turns names into addresses as the configuration says.
struct Names {
    overrides: BTreeMap<String, Vec<IpAddr>>,
    source: Source,
    family: config::Family,
    patience: Duration,
}

enum Source {
    Servers(TokioResolver),
    System(Mutex<Option<(Instant, TokioResolver)>>),
}

impl Names {
    fn new(config: &config::ResolverConfig, patience: Duration) -> Result<Self, NetError> {
        let source = if config.servers.is_empty() {
            Source::System(Mutex::new(None))
        } else {
            let servers = config.servers.iter().map(|address| name_server(*address)).collect();
            let known = ResolverConfig::from_parts(None, Vec::new(), servers);
            let mut options = ResolverOpts::default();
            options.use_hosts_file = ResolveHosts::Never;
            Source::Servers(build(known, options, config.family, patience)?)
        };
        Ok(Self { overrides: config.overrides.clone(), source, family: config.family, patience })
    }

    /// The addresses of `host`, at least one, and whether DNS gave them.
    async fn resolve(&self, host: &str) -> Result<(Vec<IpAddr>, bool), NameError> {
        if let Some(addresses) = self.overrides.get(host) {
            let addresses = addresses.iter().copied().filter(|address| self.wants(*address)).collect();
            return Ok((at_least_one(addresses)?, false));
        }
        let mut name = Name::from_utf8(host).map_err(NetError::from)?;
        name.set_fqdn(true); // an endpoint's name is complete: search domains would ask for others
        let answer = self.resolver()?.lookup_ip(name).await?;
        Ok((at_least_one(answer.iter().collect())?, true))
    }

    fn wants(&self, address: IpAddr) -> bool {
        match self.family {
            config::Family::Any => true,
            config::Family::Ipv4 => address.is_ipv4(),
            config::Family::Ipv6 => address.is_ipv6(),
        }
    }

    fn resolver(&self) -> Result<TokioResolver, NetError> {
        match &self.source {
            Source::Servers(resolver) => Ok(resolver.clone()),
            Source::System(kept) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                match &*kept {
                    Some((read, resolver)) if read.elapsed() < SYSTEM_CONFIG_MAX_AGE => Ok(resolver.clone()),
                    _ => {
                        let resolver = self.read_system()?;
                        *kept = Some((Instant::now(), resolver.clone()));
                        Ok(resolver)
                    }
                }
            }
        }
    }

    fn read_system(&self) -> Result<TokioResolver, NetError> {
        let (known, options) = hickory_resolver::system_conf::read_system_conf()?;
        build(known, options, self.family, self.patience)
    }
}

fn at_least_one(addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, NameError> {
    if addresses.is_empty() { Err(NameError::NoAddress) } else { Ok(addresses) }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, connections)
}

/// One question to each server and no cache: a probe shows what the network answers now.
fn build(
    known: ResolverConfig,
    mut options: ResolverOpts,
    family: config::Family,
    patience: Duration,
) -> Result<TokioResolver, NetError> {
    options.cache_size = 0;
    options.attempts = 0;
    options.timeout = patience;
    options.num_concurrent_reqs = known.name_servers().len().clamp(1, MAX_SERVERS_AT_ONCE);
    options.ip_strategy = match family {
        config::Family::Any => LookupIpStrategy::Ipv4AndIpv6,
        config::Family::Ipv4 => LookupIpStrategy::Ipv4Only,
        config::Family::Ipv6 => LookupIpStrategy::Ipv6Only,
    };
    let mut builder = TokioResolver::builder_with_config(known, TokioRuntimeProvider::default());
    *builder.options_mut() = options;
    builder.build()
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
