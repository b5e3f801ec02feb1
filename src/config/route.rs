//! The ways to the endpoints: directly, by proxies, or as a PAC script says. Types and the pure rule that picks a proxy;
//! how they are written in the file is read in `routes.rs`.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use super::{HostPort, NoProxy, ResolverConfig};
use crate::catalog::{Component, ProbeUrl, Scheme};
use crate::words::words;

/// One way to the endpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteConfig {
    /// The value of the label `route`; unique.
    pub name: String,
    /// How connections are made.
    pub via: Via,
    /// Whose endpoints are probed by it; empty: all.
    pub components: Vec<Component>,
    /// How names are resolved by it; none: as everywhere.
    pub resolver: Option<ResolverConfig>,
    /// The address of this machine that connections come from; none: as the system chooses.
    pub source_address: Option<IpAddr>,
}

impl RouteConfig {
    /// Without a proxy.
    #[must_use]
    pub fn direct() -> Self {
        Self {
            name: "direct".to_owned(),
            via: Via::Proxies(Proxies::default()),
            components: Vec::new(),
            resolver: None,
            source_address: None,
        }
    }
}

/// How a route's connections are made.
#[derive(Clone, Debug, PartialEq)]
pub enum Via {
    /// By these proxies, or directly where there is none.
    Proxies(Proxies),
    /// As a script says (proxy auto-configuration).
    Pac(PacConfig),
}

impl Via {
    /// Whether some connections may be made by a proxy.
    #[must_use]
    pub const fn may_use_a_proxy(&self) -> bool {
        match self {
            Self::Proxies(proxies) => proxies.http.is_some() || proxies.https.is_some(),
            Self::Pac(_) => true,
        }
    }
}

/// The proxies of a route; both are the same unless the environment names two.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proxies {
    /// For `http` URLs.
    pub http: Option<Arc<Proxy>>,
    /// For `https` URLs.
    pub https: Option<Arc<Proxy>>,
    /// What is connected to directly all the same.
    pub no_proxy: NoProxy,
}

impl Proxies {
    /// The proxy for a URL; none: directly.
    #[must_use]
    pub fn of(&self, url: &ProbeUrl) -> Option<&Arc<Proxy>> {
        let proxy = match url.scheme() {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        };
        proxy.as_ref().filter(|_| !self.no_proxy.matches(url.host(), url.port()))
    }
}

/// Where a route's script comes from, and what its proxies are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacConfig {
    /// Where the script is.
    pub source: PacSource,
    /// For every proxy that the script names.
    pub credentials: Option<Credentials>,
}

/// Where a PAC script is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PacSource {
    /// In a file.
    File(PathBuf),
    /// Behind a plain `http` URL.
    Url(ProbeUrl),
    /// Where the name `wpad` leads, in this domain or one above it.
    Wpad {
        /// The machine's domain.
        domain: String,
    },
}

words! {
    /// How a proxy is spoken to.
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
    /// How it is spoken to.
    pub kind: ProxyKind,
    /// Where it is.
    pub at: HostPort,
    /// What it is told when it asks, by Basic (RFC 7617) or RFC 1929.
    pub credentials: Option<Credentials>,
}

/// A user's name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// A text that nothing prints.
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
