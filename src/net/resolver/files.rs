//! Reads the resolver configuration of this machine: on Unix `/etc/resolv.conf`, `/etc/nsswitch.conf` and `/etc/hosts`,
//! on Windows the adapters' name servers and the hosts file.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::hosts::HostsFile;
use super::lookup::{DnsServer, DnsServers};
use super::nsswitch::{NssStep, hosts_steps};
use super::query::Transport;
use crate::config::read_capped;
use crate::config::resolv_conf::{NameServer, ResolvConf};

/// The maximum size of a file, in bytes. Hosts files that block advertising have some megabytes.
const MAX_FILE: u64 = 64 * 1024 * 1024;

/// The port of DNS.
const DNS_PORT: u16 = 53;

/// An address of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LocalNetwork {
    pub(super) address: IpAddr,
    /// The length of the network's prefix, in bits.
    pub(super) prefix: u8,
}

/// The configuration of this machine.
#[derive(Clone, Debug)]
pub(super) struct SystemConfig {
    /// The sources of addresses, in order.
    pub(super) steps: Vec<NssStep>,
    pub(super) hosts: HostsFile,
    pub(super) servers: DnsServers,
    /// Whether each lookup starts at another server.
    pub(super) rotate: bool,
    pub(super) search: Vec<String>,
    pub(super) ndots: u8,
    pub(super) no_aaaa: bool,
    /// Whether nss-resolve(8) can be used: its service runs.
    pub(super) resolved_runs: bool,
    /// The addresses of this machine.
    pub(super) networks: Vec<LocalNetwork>,
}

impl SystemConfig {
    /// Whether this machine has addresses of IPv4 and of IPv6 besides loopback: clients query A and AAAA records only
    /// then (`AI_ADDRCONFIG`, RFC 3493, section 6.1). A machine with neither counts as one with both.
    pub(super) fn families(&self) -> (bool, bool) {
        let has = |is_family: fn(&IpAddr) -> bool| {
            self.networks.iter().any(|network| is_family(&network.address) && !network.address.is_loopback())
        };
        match (has(IpAddr::is_ipv4), has(IpAddr::is_ipv6)) {
            (false, false) => (true, true),
            some => some,
        }
    }
}

/// A reading: the configuration, and the state of the files that it comes from.
#[derive(Clone)]
pub(super) struct SystemFiles {
    pub(super) config: Arc<SystemConfig>,
    resolv_conf: ResolvConf,
    stamps: Vec<Option<Stamp>>,
    interfaces: Vec<if_addrs::Interface>,
}

/// What tells a file from its previous version.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

/// The files that are watched.
fn paths() -> Vec<PathBuf> {
    if cfg!(windows) {
        vec![windows_hosts()]
    } else {
        ["/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/hosts"].map(PathBuf::from).to_vec()
    }
}

fn windows_hosts() -> PathBuf {
    let root = std::env::var_os("SystemRoot").map_or_else(|| PathBuf::from(r"C:\Windows"), PathBuf::from);
    root.join(r"System32\drivers\etc\hosts")
}

/// Reads the configuration. If no file and no address of the machine changed, `before` stays valid.
pub(super) fn read(before: Option<SystemFiles>) -> Result<SystemFiles, String> {
    let stamps: Vec<_> = paths().iter().map(|path| stamp(path)).collect();
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let resolv_conf = resolv_conf()?;
    if let Some(before) = before.filter(|before| {
        before.stamps == stamps && before.interfaces == interfaces && before.resolv_conf == resolv_conf
    }) {
        return Ok(before);
    }
    let hosts = if cfg!(windows) { windows_hosts() } else { PathBuf::from("/etc/hosts") };
    let nsswitch = if cfg!(unix) { contents(Path::new("/etc/nsswitch.conf")) } else { Vec::new() };
    let config = SystemConfig {
        steps: hosts_steps(&nsswitch),
        hosts: HostsFile::parse(&contents(&hosts)),
        servers: dns_servers(&resolv_conf, &interfaces),
        rotate: resolv_conf.rotate,
        search: resolv_conf.search.clone(),
        ndots: resolv_conf.ndots,
        no_aaaa: resolv_conf.no_aaaa,
        resolved_runs: Path::new("/run/systemd/resolve/io.systemd.Resolve").exists(),
        networks: interfaces.iter().map(network).collect(),
    };
    Ok(SystemFiles { config: Arc::new(config), resolv_conf, stamps, interfaces })
}

/// An absent file is empty, as for the C library.
fn contents(path: &Path) -> Vec<u8> {
    read_capped(path, MAX_FILE).unwrap_or_default()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&metadata);
    #[cfg(not(unix))]
    let inode = 0;
    Some(Stamp { modified: metadata.modified().ok(), length: metadata.len(), inode })
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "on Windows it can fail")]
fn resolv_conf() -> Result<ResolvConf, String> {
    Ok(ResolvConf::read())
}

/// The name servers of the adapters that are up, and the search list. Windows queries them in this order, and repeats
/// after a second or more ("DNS client resolution timeouts").
#[cfg(windows)]
fn resolv_conf() -> Result<ResolvConf, String> {
    let adapters = ipconfig::get_adapters().map_err(|_| "the network adapters can't be listed".to_owned())?;
    let is_up = |adapter: &&ipconfig::Adapter| adapter.oper_status() == ipconfig::OperStatus::IfOperStatusUp;
    let mut servers: Vec<NameServer> = Vec::new();
    for address in adapters.iter().filter(is_up).flat_map(ipconfig::Adapter::dns_servers) {
        // Placeholders of adapters without a configured server.
        let is_placeholder =
            matches!(address, IpAddr::V6(v6) if v6.segments()[..4] == [0xfec0, 0, 0, 0xffff]);
        let server = NameServer { address: *address, scope: None };
        if !is_placeholder && !servers.contains(&server) {
            servers.push(server);
        }
    }
    let search = ipconfig::computer::get_search_list().unwrap_or_default();
    let domain = ipconfig::computer::get_domain().ok().flatten();
    let search = if search.is_empty() { domain.into_iter().collect() } else { search };
    let defaults = ResolvConf::default();
    Ok(ResolvConf {
        servers: if servers.is_empty() { defaults.servers } else { servers },
        search,
        ..defaults
    })
}

fn dns_servers(conf: &ResolvConf, interfaces: &[if_addrs::Interface]) -> DnsServers {
    let servers = conf.servers.iter().enumerate().map(|(index, server)| DnsServer {
        address: socket_address(server, interfaces),
        timeout: conf.timeout_at(index),
    });
    DnsServers {
        servers: servers.collect(),
        attempts: u32::from(conf.attempts),
        transport: Transport { tcp_only: conf.use_vc, edns: conf.edns0 },
        single_request: conf.single_request,
    }
}

/// The address with the index of its interface.
fn socket_address(server: &NameServer, interfaces: &[if_addrs::Interface]) -> SocketAddr {
    match (server.address, &server.scope) {
        (IpAddr::V6(address), Some(scope)) => {
            SocketAddrV6::new(address, DNS_PORT, 0, interface_index(scope, interfaces)).into()
        }
        (address, _) => SocketAddr::new(address, DNS_PORT),
    }
}

/// The index of an interface, by name or number. 0, no interface, if it doesn't exist.
fn interface_index(scope: &str, interfaces: &[if_addrs::Interface]) -> u32 {
    let named = interfaces.iter().find(|interface| interface.name == scope);
    named.and_then(|interface| interface.index).or_else(|| scope.parse().ok()).unwrap_or_default()
}

fn network(interface: &if_addrs::Interface) -> LocalNetwork {
    let address = interface.ip();
    let prefix = match &interface.addr {
        if_addrs::IfAddr::V4(v4) => v4.netmask.octets().map(u8::leading_ones).iter().sum::<u32>(),
        if_addrs::IfAddr::V6(v6) => Ipv6Addr::octets(&v6.netmask).map(u8::leading_ones).iter().sum::<u32>(),
    };
    LocalNetwork { address, prefix: u8::try_from(prefix).unwrap_or(u8::MAX) }
}

#[cfg(test)]
impl SystemFiles {
    /// A machine without files, servers and addresses.
    pub(super) fn empty() -> Self {
        let resolv_conf = ResolvConf::default();
        let config = SystemConfig {
            steps: hosts_steps(b""),
            hosts: HostsFile::default(),
            servers: dns_servers(&resolv_conf, &[]),
            rotate: false,
            search: Vec::new(),
            ndots: 1,
            no_aaaa: false,
            resolved_runs: false,
            networks: Vec::new(),
        };
        Self { config: Arc::new(config), resolv_conf, stamps: Vec::new(), interfaces: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_of_this_machine() {
        let check = |addresses: &[&str], expected: (bool, bool)| {
            let mut config = SystemConfig::clone(&SystemFiles::empty().config);
            let networks =
                addresses.iter().map(|text| LocalNetwork { address: text.parse().unwrap(), prefix: 8 });
            config.networks = networks.collect();
            assert_eq!(config.families(), expected, "{addresses:?}");
        };
        check(&[], (true, true));
        check(&["127.0.0.1", "::1"], (true, true));
        check(&["127.0.0.1", "::1", "192.0.2.1"], (true, false));
        check(&["127.0.0.1", "2001:db8::1"], (false, true));
        check(&["192.0.2.1", "2001:db8::1"], (true, true));
    }
}
