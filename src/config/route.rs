//! Routes to the endpoints: directly, through proxies, or as a PAC script or a policy decides. Contains the types and the pure
//! selection of a proxy; `routes.rs` reads them.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::{HostPort, NoProxy, ResolverConfig};
use crate::catalog::{Component, ProbeUrl, Scheme};
use crate::string_enum::string_enum;

/// A route to the endpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteConfig {
    /// The value of the label `route`; unique.
    pub name: String,
    /// How connections are made.
    pub via: RouteProxy,
    /// The components probed on it; empty for all.
    pub components: Vec<Component>,
    /// Its name resolution. `None` for the general one.
    pub resolver: Option<ResolverConfig>,
    /// The source address of connections. `None` lets the system choose.
    pub source_address: Option<IpAddr>,
}

impl RouteConfig {
    /// Without a proxy.
    #[must_use]
    pub fn direct() -> Self {
        Self {
            name: "direct".to_owned(),
            via: RouteProxy::Proxies(Proxies::default()),
            components: Vec::new(),
            resolver: None,
            source_address: None,
        }
    }
}

/// Which proxy a route's connections use.
#[derive(Clone, Debug, PartialEq)]
pub enum RouteProxy {
    /// Through these proxies, or directly if there is none.
    Proxies(Proxies),
    /// As a script decides (proxy auto-configuration).
    Pac(PacConfig),
    /// As a policy of this Windows machine says.
    Policy(PolicyConfig),
}

impl RouteProxy {
    /// Whether connections may use a proxy.
    #[must_use]
    pub const fn may_use_a_proxy(&self) -> bool {
        match self {
            Self::Proxies(proxies) => proxies.http.is_some() || proxies.https.is_some(),
            Self::Pac(_) | Self::Policy(_) => true,
        }
    }
}

/// The proxies of a route; they differ only if the environment names two.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proxies {
    /// For `http` URLs.
    pub http: Option<Arc<Proxy>>,
    /// For `https` URLs.
    pub https: Option<Arc<Proxy>>,
    /// Destinations to connect to directly.
    pub no_proxy: NoProxy,
}

impl Proxies {
    /// The proxy for a URL. Returns `None` for a direct connection.
    #[must_use]
    pub fn for_url(&self, url: &ProbeUrl) -> Option<&Arc<Proxy>> {
        let proxy = match url.scheme() {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
            Scheme::Folder => return None,
        };
        proxy.as_ref().filter(|_| !self.bypass(url))
    }

    /// Whether a URL's destination must be connected to directly.
    #[must_use]
    pub fn bypass(&self, url: &ProbeUrl) -> bool {
        self.no_proxy.matches(url.host(), url.port())
    }
}

/// The proxies of a policy, tried in this order: the named one, those of the script, then a direct connection.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyConfig {
    /// The named proxy, if any, and the destinations that bypass every proxy.
    pub server: Proxies,
    /// The script.
    pub script: Option<PacConfig>,
    /// The proxies of what Windows itself fetches for Defender: revocation lists and missing issuers.
    pub system: Proxies,
}

/// The script of a route, and credentials for its proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacConfig {
    /// The location of the script.
    pub source: PacSource,
    /// Sent to every proxy that the script names.
    pub credentials: Option<Credentials>,
}

/// The location of a PAC script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PacSource {
    /// A file.
    File(PathBuf),
    /// An `http` or `https` URL.
    Url(ProbeUrl),
    /// The host `wpad` in this domain or one above it.
    Wpad {
        /// The machine's domain.
        domain: String,
    },
}

impl fmt::Display for PacSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Url(url) => write!(f, "{url}"),
            Self::Wpad { domain } => write!(f, "of wpad.{domain}"),
        }
    }
}

string_enum! {
    /// The protocol of a proxy.
    ProxyKind {
        /// HTTP: CONNECT for `https`, the absolute form for `http` (RFC 9110, section 9.3.6; RFC 9112, section 3.2.2).
        Http = "http",
        /// The same over TLS.
        Https = "https",
        /// SOCKS version 5, names resolved by the proxy (RFC 1928).
        Socks5 = "socks5",
    }
}

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its protocol.
    pub kind: ProxyKind,
    /// Its address.
    pub at: HostPort,
    /// Sent if it requires authentication: Basic (RFC 7617) or RFC 1929.
    pub credentials: Option<Credentials>,
}

/// A user name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// A string that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides a text.
    #[must_use]
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The text, for whom it is meant.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
