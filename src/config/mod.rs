//! The configuration: valid by construction. `raw.rs` knows the file's syntax, `check.rs` turns it into
//! these types or into every problem at once. What follows from a configuration is decided in `plan.rs`.

mod check;
mod credentials;
mod endpoints;
mod environment;
mod host;
mod load;
mod no_proxy;
mod problem;
mod proxy_url;
mod raw;
mod resolver;
mod route;
mod routes;
mod signatures;
mod text;
mod tls;
mod via;
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
    BlockPage, Component, Evidence, Expectation, Geo, HostPattern, Method, ProbeUrl, Scheme, Trust,
};
use crate::words::words;

pub use check::parse;
pub use environment::Environment;
pub use load::load;
pub(crate) use load::read_capped;
pub use no_proxy::NoProxy;
pub use problem::{Problem, Problems};
pub use route::{Credentials, PacConfig, PacSource, Proxies, Proxy, ProxyKind, RouteConfig, Secret, Via};
pub use signatures::{InstalledFrom, SignaturesConfig};
pub(crate) use text::said;

/// What a user may set. `Config::default()` probes everything documented.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Time between two probes of a target.
    pub interval: Duration,
    /// The longest that a probe may take.
    pub timeout: Duration,
    /// Probes under way at once.
    pub concurrency: usize,
    /// Whose regional hosts and storage accounts are probed.
    pub geos: Vec<Geo>,
    /// Optional components that are probed too.
    pub groups: Vec<Component>,
    /// Settings for one component.
    pub components: BTreeMap<Component, ComponentConfig>,
    /// The ways to the endpoints, at least one; every target is probed by each that its component is selected for.
    pub routes: Vec<RouteConfig>,
    /// How names are resolved.
    pub resolver: ResolverConfig,
    /// Where connections go instead, by host and port, as curl's `--connect-to`.
    pub connect_to: BTreeMap<HostPort, ConnectTo>,
    /// How certificates are judged.
    pub tls: TlsConfig,
    /// How this machine is asked of its own Defender.
    pub host: HostConfig,
    /// Endpoints added, or expectations changed.
    pub endpoints: Vec<EndpointOverride>,
    /// Marks of block pages besides the catalog's.
    pub block_pages: Vec<BlockPage>,
    /// How the freshness of security intelligence is told.
    pub signatures: SignaturesConfig,
    /// Where what must outlive the process is kept; none: nowhere.
    pub state_file: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            concurrency: 32,
            geos: vec![Geo::Us, Geo::Eu, Geo::Uk],
            groups: Vec::new(),
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

/// How certificates are judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsConfig {
    /// Roots trusted besides the system's and Microsoft's, as this machine's clients trust them: a TLS inspector's, say.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Roots trusted, and genuine for every endpoint: Microsoft's that are newer than the catalog.
    pub genuine_roots: Vec<CertificateDer<'static>>,
    /// Whether revocation is checked.
    pub revocation: bool,
    /// How often a revocation list that is still valid is asked for again, to know whether its host can be reached.
    pub crl_refresh: Duration,
    /// Hosts that missing intermediates may be fetched from, besides the catalog's.
    pub issuer_hosts: Vec<HostPattern>,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            extra_roots: Vec::new(),
            genuine_roots: Vec::new(),
            revocation: true,
            crl_refresh: Duration::from_secs(60 * 60),
            issuer_hosts: Vec::new(),
        }
    }
}

/// How this machine is asked of its own Defender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    /// Time between two readings.
    pub interval: Duration,
}

impl Default for HostConfig {
    fn default() -> Self {
        Self { interval: Duration::from_secs(15 * 60) }
    }
}

/// What may differ for one component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ComponentConfig {
    /// `Some(false)` turns it off.
    pub enabled: Option<bool>,
    /// Overrides [`Config::interval`].
    pub interval: Option<Duration>,
    /// Overrides [`Config::timeout`].
    pub timeout: Option<Duration>,
}

words! {
    /// Which address families are asked for and connected to.
    #[derive(Default)]
    Family {
        /// Both, IPv4 first.
        #[default]
        Any = "any",
        /// A records alone.
        Ipv4 = "ipv4",
        /// AAAA records alone.
        Ipv6 = "ipv6",
    }
}

words! {
    /// Which of a name's addresses are probed.
    #[derive(Default)]
    Addresses {
        /// The first of the answer.
        #[default]
        First = "first",
        /// Each of them, eight at most; up to four are probed at once.
        All = "all",
    }
}

/// How names are resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolverConfig {
    /// DNS servers; empty: the system's, with its hosts file.
    pub servers: Vec<SocketAddr>,
    /// Which addresses are used.
    pub family: Family,
    /// How many of them are probed.
    pub addresses: Addresses,
    /// Names with fixed addresses, in lower case. DNS isn't asked for them.
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

/// Where a connection goes instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectTo {
    /// To this address; DNS isn't asked.
    Address(SocketAddr),
    /// To this name, which is resolved in place of the endpoint's.
    Name(HostPort),
}

/// An endpoint of the configuration: a URL that the catalog has (then what is set here replaces it) or a new one.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointOverride {
    /// The component that it belongs to.
    pub component: Component,
    /// The URL; with the component it names the endpoint.
    pub url: ProbeUrl,
    /// Replaces the expected statuses.
    pub expect: Option<Expectation>,
    /// Replaces the request method.
    pub method: Option<Method>,
    /// Replaces the evidence.
    pub evidence: Option<Vec<Evidence>>,
    /// Replaces the roots that are genuine.
    pub trust: Option<Trust>,
    /// Replaces the need that it serves.
    pub serves: Option<String>,
    /// `Some(false)` leaves it out.
    pub enabled: Option<bool>,
    /// Its own interval.
    pub interval: Option<Duration>,
    /// Its own timeout.
    pub timeout: Option<Duration>,
}

impl EndpointOverride {
    /// Names a URL, and changes nothing of it.
    #[must_use]
    pub const fn of(component: Component, url: ProbeUrl) -> Self {
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

/// What makes two URLs the same request, however they are written.
pub(crate) type Request<'a> = (Scheme, &'a str, u16, &'a str);

/// The request that a URL stands for: `https://host` and `https://host:443/` are one.
pub(crate) fn request_of(url: &ProbeUrl) -> Request<'_> {
    (url.scheme(), url.host(), url.port(), url.path_and_query())
}
