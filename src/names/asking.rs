//! Asks for the addresses of a name: the configuration's overrides, then the configured servers or the system's. Each lookup
//! has a resolver of its own, so that nothing outlives it and what it met on the way is known.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::{Hosts, Resolver};
use tokio::time::{Instant, sleep};

use super::NameError;
use super::sockets::{Noted, Sockets};
use crate::config;

/// How long the system's resolver configuration is used before it is read again: networks change under a long run.
const SYSTEM_CONFIG_MAX_AGE: Duration = Duration::from_secs(60);
/// The most name servers asked at once, as in the C library.
const MAX_SERVERS_AT_ONCE: usize = 3;
/// A question that has no answer after this part of the patience is asked once more.
const AGAIN: u32 = 4;
/// How long a name server may take to accept a TCP connection, as in the C library; half of the patience where that is less.
const TCP_PATIENCE: Duration = Duration::from_secs(5);

/// Turns names into addresses as the configuration says.
pub(super) struct Names {
    overrides: BTreeMap<String, Vec<IpAddr>>,
    source: Source,
    family: config::Family,
    /// In milliseconds.
    patience: AtomicU64,
}

enum Source {
    Configured(Servers),
    System(Mutex<Option<(Instant, Servers)>>),
}

/// Who is asked, and how.
#[derive(Clone)]
struct Servers {
    known: ResolverConfig,
    options: ResolverOpts,
    hosts: Arc<Hosts>,
}

impl Names {
    pub(super) fn new(config: &config::ResolverConfig, patience: Duration) -> Self {
        let source = if config.servers.is_empty() {
            Source::System(Mutex::new(None))
        } else {
            let servers = config.servers.iter().map(|address| name_server(*address)).collect();
            let known = ResolverConfig::from_parts(None, Vec::new(), servers);
            Source::Configured(Servers { known, options: ResolverOpts::default(), hosts: Arc::default() })
        };
        let names =
            Self { overrides: config.overrides.clone(), source, family: config.family, patience: 0.into() };
        names.set_patience(patience);
        names
    }

    pub(super) fn patience(&self) -> Duration {
        Duration::from_millis(self.patience.load(Ordering::Relaxed))
    }

    pub(super) fn set_patience(&self, patience: Duration) {
        let millis = patience.as_millis().try_into().unwrap_or(u64::MAX);
        self.patience.store(millis, Ordering::Relaxed);
    }

    /// The addresses of `host`, at least one, and whether DNS gave them.
    pub(super) async fn resolve(&self, host: &str) -> Result<(Vec<IpAddr>, bool), NameError> {
        if let Some(addresses) = self.overrides.get(host) {
            let addresses = addresses.iter().copied().filter(|address| self.wants(*address)).collect();
            return Ok((at_least_one(addresses)?, false));
        }
        let mut name = Name::from_utf8(host).map_err(NetError::from)?;
        name.set_fqdn(true); // an endpoint's name is complete: search domains would ask for others
        let first = Box::pin(self.ask(name.clone())); // boxed: the second is rare, and every probe would carry its room
        // The library repeats its packets within a second, and then no more: too soon for a server that limits bursts.
        let answer = match select(first, pin!(sleep(self.patience() / AGAIN))).await {
            Either::Left((answer, _)) => answer?,
            Either::Right(((), first)) => select(first, Box::pin(self.ask(name))).await.factor_first().0?,
        };
        Ok((at_least_one(answer)?, true))
    }

    /// One lookup, over sockets of its own.
    async fn ask(&self, name: Name) -> Result<Vec<IpAddr>, NameError> {
        let sockets = Sockets::new((self.patience() / 2).min(TCP_PATIENCE));
        let resolver = self.resolver(sockets.clone())?;
        let answer = resolver.lookup_ip(name).await.map(|answer| answer.iter().collect::<Vec<_>>());
        let noted = sockets.noted();
        if let Some(shortage) = noted.shortage.clone().filter(|_| !self.is_whole(&answer)) {
            return Err(NameError::Shortage(shortage));
        }
        answer.map_err(|error| explain(error, noted))
    }

    /// Whether an answer is what it would have been, had all questions been put: an address of the family that is asked for
    /// first, or that there is no such name.
    fn is_whole(&self, answer: &Result<Vec<IpAddr>, NetError>) -> bool {
        match answer {
            Ok(addresses) => self.family == config::Family::Ipv6 || addresses.iter().any(IpAddr::is_ipv4),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                none.response_code == ResponseCode::NXDomain
            }
            Err(_) => false,
        }
    }

    fn wants(&self, address: IpAddr) -> bool {
        match self.family {
            config::Family::Any => true,
            config::Family::Ipv4 => address.is_ipv4(),
            config::Family::Ipv6 => address.is_ipv6(),
        }
    }

    /// One question to each server and no cache: a probe shows what the network answers now.
    fn resolver(&self, sockets: Sockets) -> Result<Resolver<Sockets>, NetError> {
        let Servers { known, mut options, hosts } = self.servers()?;
        options.use_hosts_file = ResolveHosts::Never; // it was read with the rest
        options.cache_size = 0;
        options.attempts = 0;
        options.timeout = self.patience();
        options.num_concurrent_reqs = known.name_servers().len().clamp(1, MAX_SERVERS_AT_ONCE);
        options.ip_strategy = match self.family {
            config::Family::Any => LookupIpStrategy::Ipv4AndIpv6,
            config::Family::Ipv4 => LookupIpStrategy::Ipv4Only,
            config::Family::Ipv6 => LookupIpStrategy::Ipv6Only,
        };
        let mut builder = Resolver::builder_with_config(known, sockets);
        *builder.options_mut() = options;
        let mut resolver = builder.build()?;
        resolver.set_hosts(hosts);
        Ok(resolver)
    }

    fn servers(&self) -> Result<Servers, NetError> {
        match &self.source {
            Source::Configured(servers) => Ok(servers.clone()),
            Source::System(kept) => {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                match &*kept {
                    Some((read, servers)) if read.elapsed() < SYSTEM_CONFIG_MAX_AGE => Ok(servers.clone()),
                    _ => {
                        let servers = read_system()?;
                        *kept = Some((Instant::now(), servers.clone()));
                        Ok(servers)
                    }
                }
            }
        }
    }
}

fn read_system() -> Result<Servers, NetError> {
    let (known, options) = hickory_resolver::system_conf::read_system_conf()?;
    let hosts = match options.use_hosts_file {
        ResolveHosts::Never => Hosts::default(),
        ResolveHosts::Always | ResolveHosts::Auto => Hosts::from_system().unwrap_or_default(),
    };
    Ok(Servers { known, options, hosts: Arc::new(hosts) })
}

/// The resolver's error, in view of what was met on the way. A server's own answer stands.
fn explain(error: NetError, noted: Noted) -> NameError {
    match (&error, noted) {
        (NetError::Dns(_), _) => error.into(),
        (_, Noted { garbage: true, .. }) => NameError::Garbage,
        (_, Noted { no_tcp: Some(why), .. }) => NameError::Truncated(why),
        (NetError::Truncated, _) => {
            NameError::Truncated("it is truncated there too, or does not come".to_owned())
        }
        (NetError::Io(_) | NetError::NoConnections, Noted { rejected: Some(server), .. }) => {
            NameError::Rejected(server)
        }
        _ => error.into(),
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
