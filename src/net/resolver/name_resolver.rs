//! Resolves names: the configuration's overrides, then the configured servers, or the sources of this machine as
//! getaddrinfo(3) queries them. Nothing is cached.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::Name;
use tokio::time::Instant;

use super::error::{AddressOrigin, DnsFailure};
use super::files::SystemConfig;
use super::lookup::{self, DnsAnswer, DnsServer, DnsServers, RecordTypes};
use super::message::{dns_name, shown};
use super::nsswitch::{NssSource, NssStatus};
use super::query::Transport;
use super::server_report::{ReportFor, ServerOutcome, ServerReport};
use super::system::SystemConfigCache;
use super::{NameError, is_sinkhole, order};
use crate::config;

/// The timeout of one configured server, as the C library's default.
const SERVER_TIMEOUT: Duration = Duration::from_secs(5);
/// The number of rounds through configured servers, as the C library's default.
const ATTEMPTS: u32 = 2;

/// Resolves names as configured.
pub(super) struct NameResolver {
    overrides: BTreeMap<String, Vec<IpAddr>>,
    /// The configured servers. `None`: this machine's sources.
    servers: Option<DnsServers>,
    system: Arc<SystemConfigCache>,
    family: config::Family,
    /// The number of lookups, for `options rotate`.
    lookups: AtomicUsize,
}

/// A resolved name.
#[derive(Debug)]
pub(super) struct Resolved {
    /// At least one address, in the order in which clients try them.
    pub(super) addresses: Vec<IpAddr>,
    /// The names that the queried one is an alias of (CNAME), in order.
    pub(super) aliases: Vec<String>,
    pub(super) origin: AddressOrigin,
    /// The search domain that completed the name. `None` if it was found as written.
    pub(super) search_suffix: Option<String>,
    /// What failed at DNS servers before the one that answered, in words.
    pub(super) failed_servers: Vec<FailedDnsServer>,
    /// What the servers say of a sinkhole address.
    pub(super) others: Vec<ServerReport>,
}

/// Whether and how long servers are queried for the reason of a sinkhole address or a failure.
struct Diagnosis {
    /// Whether a sinkhole address is diagnosed: not for a name that the configuration chose.
    diagnoses_sinkholes: bool,
    left: Duration,
}

/// A DNS server that failed although the name was resolved in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailedDnsServer {
    pub(crate) report: ServerReport,
    pub(crate) words: String,
}

impl NameResolver {
    pub(super) fn new(config: &config::ResolverConfig, system: Arc<SystemConfigCache>) -> Self {
        let servers =
            config.servers.iter().map(|address| DnsServer { address: *address, timeout: SERVER_TIMEOUT });
        let servers = DnsServers {
            servers: servers.collect(),
            attempts: ATTEMPTS,
            transport: Transport { tcp_only: false, edns: true },
            single_request: false,
        };
        Self {
            overrides: config.overrides.clone(),
            servers: (!servers.servers.is_empty()).then_some(servers),
            system,
            family: config.family,
            lookups: AtomicUsize::new(0),
        }
    }

    /// Resolves `host` to at least one address within `limit`. `searches` is whether the search domains of this machine
    /// apply: an endpoint's name is fully qualified, a name of the configuration may be short.
    pub(super) async fn resolve(
        &self,
        host: &str,
        searches: bool,
        limit: Duration,
    ) -> Result<Resolved, NameError> {
        if let Some(addresses) = self.overrides.get(host) {
            let addresses = addresses.iter().copied().filter(|address| self.wants(*address)).collect();
            return self.pinned(host, addresses, AddressOrigin::Configuration);
        }
        let name = dns_name(host).ok_or_else(|| NameError::InvalidName(host.to_owned()))?;
        let deadline = Instant::now() + limit;
        let left = || deadline.saturating_duration_since(Instant::now());
        let Some(servers) = &self.servers else {
            let system = self.system.config().await.map_err(NameError::Configuration)?;
            return self.by_system(host, &name, searches, &system, deadline).await;
        };
        let types = self.types((true, true));
        let answer = lookup::lookup(servers, &name, types, left()).await;
        let mut resolved = self
            .finish(servers, &name, types, answer, Diagnosis { diagnoses_sinkholes: !searches, left: left() })
            .await?;
        if resolved.addresses.len() > 1 {
            let system = self.system.config().await;
            order::sort(&mut resolved.addresses, system.as_ref().map_or(&[], |system| &system.networks));
        }
        Ok(resolved)
    }

    /// Queries the sources of this machine in their order.
    async fn by_system(
        &self,
        host: &str,
        name: &Name,
        searches: bool,
        system: &Arc<SystemConfig>,
        deadline: Instant,
    ) -> Result<Resolved, NameError> {
        let mut failure = None;
        for step in &system.steps {
            let pins = match step.source {
                NssSource::Files => true,
                NssSource::Resolve => system.resolved_runs,
                NssSource::Dns | NssSource::Other => false,
            };
            let dns = match step.source {
                NssSource::Dns => true,
                NssSource::Resolve => system.resolved_runs,
                NssSource::Files | NssSource::Other => false,
            };
            let pinned = system.hosts.get(host).iter().copied().filter(|address| self.wants(*address));
            let mut pinned: Vec<_> = if pins { pinned.collect() } else { Vec::new() };
            let status = if !pinned.is_empty() {
                if step.returns(NssStatus::Success) {
                    order::sort(&mut pinned, &system.networks);
                    return self.pinned(host, pinned, AddressOrigin::HostsFile);
                }
                NssStatus::Success
            } else if dns {
                match self.by_dns(name, searches, system, deadline).await {
                    Ok(resolved) => return Ok(resolved),
                    Err(error) => {
                        let status = status(&error);
                        failure = Some(error);
                        status
                    }
                }
            } else if pins {
                NssStatus::NotFound
            } else {
                NssStatus::Unavailable
            };
            if step.returns(status) {
                break;
            }
        }
        Err(failure.unwrap_or(NameError::NoAddress {
            name: host.to_owned(),
            family: self.family,
            origin: AddressOrigin::HostsFile,
        }))
    }

    /// Queries DNS for the name, and for the name in the search domains, in the order of resolv.conf(5).
    async fn by_dns(
        &self,
        name: &Name,
        searches: bool,
        system: &SystemConfig,
        deadline: Instant,
    ) -> Result<Resolved, NameError> {
        let types = self.types(system.families());
        let types = RecordTypes { aaaa: types.aaaa && !system.no_aaaa, ..types };
        if !types.a && !types.aaaa {
            let origin = AddressOrigin::Configuration;
            return Err(NameError::NoAddress { name: shown(name), family: self.family, origin });
        }
        let servers = self.rotated(system);
        let mut failure = None;
        for candidate in candidates(name, searches, system) {
            let candidate = candidate?;
            let left = || deadline.saturating_duration_since(Instant::now());
            let answer = lookup::lookup(&servers, &candidate, types, left()).await;
            let ends = !answer.as_ref().err().is_some_and(continues_search);
            match self
                .finish(
                    &servers,
                    &candidate,
                    types,
                    answer,
                    Diagnosis { diagnoses_sinkholes: !searches, left: left() },
                )
                .await
            {
                Ok(mut resolved) => {
                    order::sort(&mut resolved.addresses, &system.networks);
                    return Ok(Resolved { search_suffix: search_suffix(name, &candidate), ..resolved });
                }
                // The failure of the name as written says most.
                Err(error) if failure.is_none() || candidate == *name => failure = Some(error),
                Err(_) => {}
            }
            if ends {
                break;
            }
        }
        Err(failure.unwrap_or_else(|| NameError::InvalidName(shown(name)))) // unreachable: the name itself is a candidate
    }

    /// Turns the result of a lookup into addresses or an error, with what the servers say of it.
    async fn finish(
        &self,
        servers: &DnsServers,
        name: &Name,
        types: RecordTypes,
        answer: Result<DnsAnswer, DnsFailure>,
        Diagnosis { diagnoses_sinkholes, left }: Diagnosis,
    ) -> Result<Resolved, NameError> {
        match answer {
            Ok(DnsAnswer { addresses, aliases, server, extended, failed_servers }) => {
                // Without a socket for the first family the answer isn't whole.
                let shortage = failed_servers.iter().find_map(|report| match &report.outcome {
                    ServerOutcome::Exhausted(why) => Some(why.clone()),
                    _ => None,
                });
                let is_whole = !types.a || addresses.iter().any(IpAddr::is_ipv4);
                if let Some(shortage) = shortage.filter(|_| !is_whole) {
                    return Err(NameError::Shortage(shortage));
                }
                let mut others = Vec::new();
                if diagnoses_sinkholes && addresses.iter().any(|address| is_sinkhole(*address)) {
                    others.push(ServerReport {
                        server,
                        outcome: ServerOutcome::Addresses(addresses.len()),
                        extended,
                    });
                    lookup::diagnose(servers, name, types, &mut others, left).await;
                    others.retain(|report| report.server != server || report.extended.is_some());
                }
                let shown = shown(name);
                let failed_servers = failed_servers
                    .into_iter()
                    .filter(|report| !matches!(report.outcome, ServerOutcome::Exhausted(_)));
                let failed_servers = failed_servers.map(|report| {
                    let words = ReportFor { report: &report, name: &shown }.to_string();
                    FailedDnsServer { report, words }
                });
                let failed_servers = failed_servers.collect();
                let origin = AddressOrigin::Dns(server);
                Ok(Resolved { addresses, aliases, origin, search_suffix: None, failed_servers, others })
            }
            Err(mut failure) => {
                if let ServerOutcome::Exhausted(why) = failure.outcome() {
                    return Err(NameError::Shortage(why.clone()));
                }
                if has_answer(failure.outcome()) {
                    lookup::diagnose(servers, name, types, &mut failure.reports, left).await;
                }
                Err(NameError::Dns(failure))
            }
        }
    }

    fn pinned(
        &self,
        host: &str,
        addresses: Vec<IpAddr>,
        origin: AddressOrigin,
    ) -> Result<Resolved, NameError> {
        if addresses.is_empty() {
            return Err(NameError::NoAddress { name: host.to_owned(), family: self.family, origin });
        }
        let (aliases, failed_servers, others) = (Vec::new(), Vec::new(), Vec::new());
        Ok(Resolved { addresses, aliases, origin, search_suffix: None, failed_servers, others })
    }

    /// The record types to query on a machine of these families (IPv4, IPv6).
    const fn types(&self, (ipv4, ipv6): (bool, bool)) -> RecordTypes {
        match self.family {
            config::Family::Any => RecordTypes { a: ipv4, aaaa: ipv6 },
            config::Family::Ipv4 => RecordTypes { a: true, aaaa: false },
            config::Family::Ipv6 => RecordTypes { a: false, aaaa: true },
        }
    }

    const fn wants(&self, address: IpAddr) -> bool {
        match self.family {
            config::Family::Any => true,
            config::Family::Ipv4 => address.is_ipv4(),
            config::Family::Ipv6 => address.is_ipv6(),
        }
    }

    /// The servers of the machine, from another one on at each lookup if it is so configured.
    fn rotated(&self, system: &SystemConfig) -> DnsServers {
        let mut servers = system.servers.clone();
        if system.rotate {
            let turn = self.lookups.fetch_add(1, Ordering::Relaxed) % servers.servers.len().max(1);
            servers.servers.rotate_left(turn);
        }
        servers
    }
}

/// The names to query, in order. An invalid search domain ends the lookup, as in the C library.
fn candidates(name: &Name, searches: bool, system: &SystemConfig) -> Vec<Result<Name, NameError>> {
    let dots = usize::from(name.num_labels()).saturating_sub(1);
    let domains = system.search.iter().filter(|_| searches);
    let append = |domain: &String| {
        let longer = dns_name(domain).and_then(|domain| name.clone().append_domain(&domain).ok());
        longer.ok_or_else(|| NameError::InvalidName(format!("{}.{domain}", shown(name))))
    };
    let mut candidates: Vec<_> = domains.map(append).collect();
    let at = if dots >= usize::from(system.ndots) { 0 } else { candidates.len() };
    candidates.insert(at, Ok(name.clone()));
    candidates
}

/// What a candidate adds to a name. `None` if it is the name itself.
fn search_suffix(name: &Name, candidate: &Name) -> Option<String> {
    let (name, candidate) = (shown(name), shown(candidate));
    candidate.strip_prefix(&name)?.strip_prefix('.').map(str::to_owned)
}

/// Whether the next search domain is tried after this failure (res_search(3)).
fn continues_search(failure: &DnsFailure) -> bool {
    match failure.outcome() {
        ServerOutcome::NxDomain { .. } | ServerOutcome::NoData { .. } => true,
        ServerOutcome::Code(code) => *code == ResponseCode::ServFail,
        _ => false,
    }
}

/// Whether a server answered, so that it may say more.
const fn has_answer(outcome: &ServerOutcome) -> bool {
    matches!(
        outcome,
        ServerOutcome::NxDomain { .. }
            | ServerOutcome::NoData { .. }
            | ServerOutcome::AliasLoop
            | ServerOutcome::Code(_)
    )
}

/// The status of DNS as a source (nsswitch.conf(5)).
fn status(error: &NameError) -> NssStatus {
    match error {
        NameError::Dns(failure) => match failure.outcome() {
            ServerOutcome::NxDomain { .. } | ServerOutcome::NoData { .. } => NssStatus::NotFound,
            ServerOutcome::Rejected | ServerOutcome::Unreachable(_) => NssStatus::Unavailable,
            _ => NssStatus::TryAgain,
        },
        _ => NssStatus::Unavailable,
    }
}
