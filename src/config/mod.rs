//! The configuration, valid by construction. `reader.rs` reads the file's syntax, `parser.rs` converts it to these
//! types or reports every problem at once. `plan` derives what to probe.

mod proxy;
mod reader;

mod values;

mod parser;
mod positions;

mod components;
mod credentials;
mod endpoints;
mod environment;
mod host;
mod load;
mod machine;
mod no_proxy;
mod problem;
mod proxy_url;
pub mod resolv_conf;
mod resolver;
mod route;
mod routes;
mod signatures;
mod tls;
mod update_sources;
pub mod web;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::catalog::{
    BlockPage, Cloud, Component, Expectation, ExpectedEvidence, Geo, HostPattern, ListedSource, Method,
    ProbeUrl, Scheme, Trust,
};
use crate::string_enum::string_enum;

pub use environment::Environment;
pub(crate) use load::read_capped;
pub use load::{load, with_positions};
pub use machine::{MachineProxies, MdatpProxy, PolicyProxies};
pub use no_proxy::NoProxy;
pub use parser::parse;
pub use problem::{ConfigProblem, ConfigProblems, FilePosition};
pub use route::{
    Credentials, PacConfig, PacSource, PolicyConfig, Proxies, Proxy, ProxyKind, RouteConfig, RouteProxy,
    Secret,
};
pub use signatures::{InstalledFrom, SignaturesConfig};
pub(crate) use values::format_duration;

/// The user's settings. `Config::default()` probes everything documented.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The interval between probes of a target.
    pub interval: Duration,
    /// The timeout of a probe.
    pub timeout: Duration,
    /// The maximum number of probes in flight.
    pub concurrency: usize,
    /// The geographies whose regional hosts and storage accounts are probed.
    pub geos: Vec<Geo>,
    /// The government's clouds whose hosts are probed, if `groups` has `usgov`.
    pub clouds: Vec<Cloud>,
    /// Optional components to probe.
    pub groups: Vec<Component>,
    /// The sources that clients update from, in the order of Defender's `FallbackOrder`. Others aren't probed.
    pub update_sources: Vec<ListedSource>,
    /// Settings for one component.
    pub components: BTreeMap<Component, ComponentConfig>,
    /// The routes to the endpoints, at least one. Every target is probed on each route selected for its component.
    pub routes: Vec<RouteConfig>,
    /// Name resolution.
    pub resolver: ResolverConfig,
    /// Replaces the destination of connections, by host and port, as curl's `--connect-to`.
    pub connect_to: BTreeMap<HostPort, ConnectTo>,
    /// Certificate verification.
    pub tls: TlsConfig,
    /// Checks of this machine's Defender.
    pub host: HostConfig,
    /// Added endpoints, and changed expectations.
    pub endpoints: Vec<EndpointOverride>,
    /// Markers of block pages, in addition to the catalog's.
    pub block_pages: Vec<BlockPage>,
    /// Staleness of security intelligence.
    pub signatures: SignaturesConfig,
    /// The state file. `None` if none is configured.
    pub state_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            concurrency: 32,
            geos: vec![Geo::Us, Geo::Eu, Geo::Uk],
            clouds: Cloud::ALL.to_vec(),
            groups: Vec::new(),
            update_sources: ListedSource::defaults(),
            components: BTreeMap::new(),
            routes: vec![RouteConfig::direct()],
            resolver: ResolverConfig::default(),
            connect_to: BTreeMap::new(),
            tls: TlsConfig::default(),
            host: HostConfig::default(),
            endpoints: Vec::new(),
            block_pages: Vec::new(),
            signatures: SignaturesConfig::default(),
            state_file: None,
        }
    }
}

/// Certificate verification.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// Roots trusted in addition to the system's and Microsoft's, as this machine's clients trust them, such as a TLS
    /// inspector's.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Roots trusted, and genuine for every endpoint: roots of Microsoft that are newer than the catalog.
    pub genuine_roots: Vec<CertificateDer<'static>>,
    /// Whether revocation is checked.
    pub revocation: bool,
    /// How often a revocation list that is still valid is fetched again, to check that its host is reachable.
    pub crl_refresh: Duration,
    /// Whether a handshake whose ClientHello comes in two segments is compared with a whole one, hourly.
    pub split_hello: bool,
    /// Hosts from which missing intermediates may be fetched, in addition to the catalog's.
    pub issuer_hosts: Vec<HostPattern>,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            extra_roots: Vec::new(),
            genuine_roots: Vec::new(),
            revocation: true,
            crl_refresh: Duration::from_secs(60 * 60),
            split_hello: true,
            issuer_hosts: Vec::new(),
        }
    }
}

/// Checks of this machine's Defender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    /// The interval between readings.
    pub interval: Duration,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self { interval: Duration::from_secs(15 * 60) }
    }
}

/// Settings of one component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentConfig {
    /// `Some(false)` disables it.
    pub enabled: Option<bool>,
    /// Overrides [`Config::interval`].
    pub interval: Option<Duration>,
    /// Overrides [`Config::timeout`].
    pub timeout: Option<Duration>,
}

string_enum! {
    /// The address families that are queried and connected to.
    #[derive(Default)]
    Family {
        /// Both, in the order of RFC 6724.
        #[default]
        Any = "any",
        /// Only A records.
        Ipv4 = "ipv4",
        /// Only AAAA records.
        Ipv6 = "ipv6",
    }
}

string_enum! {
    /// Which of a name's addresses are probed.
    #[derive(Default)]
    Addresses {
        /// The first in the response.
        #[default]
        First = "first",
        /// All, up to eight, of which up to four at once.
        All = "all",
    }
}

/// Name resolution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolverConfig {
    /// DNS servers. If empty, the system's, with its hosts file.
    pub servers: Vec<SocketAddr>,
    /// The address families to use.
    pub family: Family,
    /// The addresses to probe.
    pub addresses: Addresses,
    /// Names with fixed addresses, in lower case. They aren't looked up in DNS.
    pub overrides: BTreeMap<String, Vec<IpAddr>>,
}

/// A host and port, the host in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostPort {
    /// A name, or an address (IPv6 in brackets).
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The destination that replaces another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectTo {
    /// This address, without DNS.
    Address(SocketAddr),
    /// This name, which is resolved instead of the endpoint's.
    Name(HostPort),
}

/// An endpoint in the configuration: overrides the catalog's endpoint with this URL, or adds a new one.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointOverride {
    /// The component that it belongs to.
    pub component: Component,
    /// The URL. Together with the component, it identifies the endpoint.
    pub url: ProbeUrl,
    /// Replaces the expected statuses.
    pub expect: Option<Expectation>,
    /// Replaces the request method.
    pub method: Option<Method>,
    /// Replaces the evidence.
    pub evidence: Option<Vec<ExpectedEvidence>>,
    /// Replaces the genuine roots.
    pub trust: Option<Trust>,
    /// Replaces the MAPS need that it serves.
    pub serves: Option<String>,
    /// `Some(false)` removes it.
    pub enabled: Option<bool>,
    /// Its own interval.
    pub interval: Option<Duration>,
    /// Its own timeout.
    pub timeout: Option<Duration>,
}

impl EndpointOverride {
    /// An override that changes nothing.
    #[must_use]
    pub const fn unchanged(component: Component, url: ProbeUrl) -> Self {
        Self {
            component,
            url,
            expect: None,
            method: None,
            evidence: None,
            trust: None,
            serves: None,
            enabled: None,
            interval: None,
            timeout: None,
        }
    }
}

/// What identifies a request. Equal for `https://host` and `https://host:443/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RequestKey {
    scheme: Scheme,
    host: String,
    port: u16,
    path_and_query: String,
}

impl RequestKey {
    pub(crate) fn new(url: &ProbeUrl) -> Self {
        let (host, path_and_query) = (url.host().to_owned(), url.path_and_query().to_owned());
        Self { scheme: url.scheme(), host, port: url.port(), path_and_query }
    }
}
