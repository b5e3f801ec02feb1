//! Parser for the return values of PAC scripts: `PROXY a:8080; HTTPS b:443; SOCKS5 c:1080; DIRECT`.

use std::fmt;

use url::Host;

use super::PacError;
use crate::config::HostPort;
use crate::text::clean;

/// One directive: a proxy, or a direct connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyDirective {
    /// Without a proxy.
    Direct,
    /// An HTTP proxy: `PROXY`, or Firefox's `HTTP`.
    HttpProxy(HostPort),
    /// An HTTP proxy reached over TLS: `HTTPS`.
    HttpsProxy(HostPort),
    /// A SOCKS proxy.
    Socks(Socks, HostPort),
}

/// A proxy's SOCKS version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socks {
    /// `SOCKS`: version 4 in Chromium, version 5 in Firefox.
    Unspecified,
    /// `SOCKS4`.
    V4,
    /// `SOCKS5`.
    V5,
}

/// A script's return value for one URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PacAnswer {
    /// The directives in the order of preference, at least one.
    pub directives: Vec<ProxyDirective>,
    /// Invalid parts (unknown keywords, invalid hosts or ports), cleaned and truncated.
    pub skipped: Vec<String>,
}

impl PacAnswer {
    /// The maximum number of directives, and of skipped parts.
    pub const MAX_DIRECTIVES: usize = 8;

    /// Parses a script's return value. An empty one means `DIRECT`.
    ///
    /// # Errors
    /// If no part is valid. Browsers would connect directly; here it is reported.
    pub fn parse(text: &str) -> Result<Self, PacError> {
        let mut answer = Self { directives: Vec::new(), skipped: Vec::new() };
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            match directive(part) {
                Some(parsed) => push_bounded(&mut answer.directives, parsed),
                None => push_bounded(&mut answer.skipped, clean(part)),
            }
        }
        match (answer.directives.is_empty(), answer.skipped.is_empty()) {
            (true, true) => answer.directives.push(ProxyDirective::Direct),
            (true, false) => return Err(PacError::bad_answer(text)),
            _ => {}
        }
        Ok(answer)
    }
}

fn push_bounded<T>(list: &mut Vec<T>, one: T) {
    if list.len() < PacAnswer::MAX_DIRECTIVES {
        list.push(one);
    }
}

/// Parses one directive: a keyword and, except for `DIRECT`, a host with an optional port.
fn directive(part: &str) -> Option<ProxyDirective> {
    let mut words = part.split_ascii_whitespace();
    let (kind, address, rest) = (words.next()?, words.next(), words.next());
    if rest.is_some() {
        return None;
    }
    match (kind.to_ascii_uppercase().as_str(), address) {
        ("DIRECT", None) => Some(ProxyDirective::Direct),
        ("PROXY" | "HTTP", Some(address)) => host_port(address, 80).map(ProxyDirective::HttpProxy),
        ("HTTPS", Some(address)) => host_port(address, 443).map(ProxyDirective::HttpsProxy),
        ("SOCKS", Some(address)) => socks(Socks::Unspecified, address),
        ("SOCKS4", Some(address)) => socks(Socks::V4, address),
        ("SOCKS5", Some(address)) => socks(Socks::V5, address),
        _ => None,
    }
}

fn socks(version: Socks, address: &str) -> Option<ProxyDirective> {
    host_port(address, 1080).map(|address| ProxyDirective::Socks(version, address))
}

/// Parses `host`, `host:port` or `[address]:port`. The port defaults to the protocol's own, as in browsers.
fn host_port(address: &str, default: u16) -> Option<HostPort> {
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port_number(port)?),
        _ => (address, default),
    };
    if host.contains(':') && !host.starts_with('[') {
        return None;
    }
    let host = Host::parse(host).ok()?;
    if let Host::Domain(name) = &host
        && !is_name(name)
    {
        return None;
    }
    Some(HostPort { host: host.to_string(), port })
}

fn port_number(digits: &str) -> Option<u16> {
    // u16's parser would accept a sign
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| plain && *port != 0)
}

/// Whether DNS can resolve the name (RFC 1035, section 2.3.4). Underscores are allowed.
pub(super) fn is_name(name: &str) -> bool {
    let mut labels = name.strip_suffix('.').unwrap_or(name).split('.');
    name.len() <= 253
        && labels.all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

impl fmt::Display for ProxyDirective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("DIRECT"),
            Self::HttpProxy(address) => write!(f, "PROXY {address}"),
            Self::HttpsProxy(address) => write!(f, "HTTPS {address}"),
            Self::Socks(Socks::Unspecified, address) => write!(f, "SOCKS {address}"),
            Self::Socks(Socks::V4, address) => write!(f, "SOCKS4 {address}"),
            Self::Socks(Socks::V5, address) => write!(f, "SOCKS5 {address}"),
        }
    }
}
