//! Stage resolve: a host name → addresses, by DNS. Nothing is cached between probes.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use tokio::time::Instant;

use super::classify::StageError;
use crate::config;

/// How long the system's resolver configuration is used before it is read again: networks change under a long run.
const SYSTEM_CONFIG_MAX_AGE: Duration = Duration::from_secs(60);

/// The most name servers asked at once, as in the C library.
const MAX_SERVERS_AT_ONCE: usize = 3;

/// Turns names into addresses as the configuration says.
pub(super) struct Names {
    overrides: BTreeMap<String, Vec<IpAddr>>,
    source: Source,
    family: config::Family,
    patience: Duration,
}

enum Source {
    Servers(TokioResolver),
    System(Mutex<Option<(Instant, TokioResolver)>>),
}

/// Where the addresses of a name came from.
pub(super) struct Resolved {
    pub(super) addresses: Vec<IpAddr>,
    /// Whether DNS (or the hosts file) gave them, and not the configuration.
    pub(super) by_dns: bool,
}

impl Names {
    /// `patience` is the longest timeout of any probe: a query is never given up earlier than that.
    pub(super) fn new(config: &config::ResolverConfig, patience: Duration) -> Result<Self, NetError> {
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

    /// The addresses of `host`, a name without brackets.
    pub(super) async fn resolve(&self, host: &str) -> Result<Resolved, StageError> {
        if let Some(addresses) = self.overrides.get(host) {
            let addresses = addresses.iter().copied().filter(|address| self.wants(*address)).collect();
            return some_address(addresses, false);
        }
        let mut name = Name::from_utf8(host).map_err(NetError::from)?;
        name.set_fqdn(true); // an endpoint's name is complete: search domains would ask for others
        let answer = self.resolver()?.lookup_ip(name).await?;
        some_address(answer.iter().collect(), true)
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

fn some_address(addresses: Vec<IpAddr>, by_dns: bool) -> Result<Resolved, StageError> {
    if addresses.is_empty() {
        return Err(StageError::NoAddress);
    }
    Ok(Resolved { addresses, by_dns })
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
pub(super) fn sinkhole(addresses: &[IpAddr]) -> Option<IpAddr> {
    addresses.iter().copied().find(|address| {
        let address = address.to_canonical();
        address.is_unspecified() || address.is_loopback()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sinkholes_are_told_from_addresses() {
        let cases = [
            ("0.0.0.0", true),
            ("127.0.0.1", true),
            ("127.255.0.3", true),
            ("::", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.1", false),
            ("203.0.113.7", false),
            ("2001:db8::1", false),
        ];
        for (address, expected) in cases {
            let found = sinkhole(&[address.parse().unwrap()]).is_some();
            assert_eq!(found, expected, "{address}");
        }
    }
}
