//! Decodes the machine's WinHTTP proxy setting: the binary registry value `WinHttpSettings` below
//! `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections`. Pure.
//!
//! Microsoft documents the value for direct access ("Use Group Policy to apply WinHTTP proxy settings"). The layout is
//! known from tools that read it: little-endian 32-bit numbers for version, counter and flags, then the proxies and the
//! bypass list in ASCII, each with a length prefix.

use std::sync::Arc;

use crate::config::{HostPort, NoProxy, Proxies, Proxy, ProxyKind};

#[cfg(test)]
mod tests;

/// The layout's version.
const VERSION: u32 = 0x18;

/// Direct connections are allowed.
const DIRECT: u32 = 1;

/// Connections use the proxies that follow.
const MANUAL: u32 = 2;

/// The maximum size of the value, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// The default port of a proxy, that of HTTP.
const DEFAULT_PORT: u16 = 80;

/// How services of this machine connect by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WinHttpSetting {
    /// Directly.
    Direct,
    /// Through proxies.
    Proxy(WinHttpProxies),
}

/// The proxies of the setting; at least one is set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WinHttpProxies {
    /// For `http` URLs.
    pub http: Option<HostPort>,
    /// For `https` URLs.
    pub https: Option<HostPort>,
    /// Destinations to connect to directly, as written: `<local>`, `*.example`.
    pub bypass: Vec<String>,
}

/// Why the value can't be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WinHttpError {
    /// The value is truncated.
    #[error("it ends in the middle of the {0}")]
    Truncated(SettingsPart),
    /// Bytes follow the bypass list, or the value is too large.
    #[error("it is {0} bytes too long")]
    TooLong(usize),
    /// The layout's version is unknown.
    #[error("its version is {0:#x}, only {VERSION:#x} is known")]
    Version(u32),
    /// The flags are unknown, or select neither direct access nor proxies.
    #[error("its flags are {0:#x}: 1 (direct) and 2 (by proxies) are known")]
    Flags(u32),
    /// A part contains bytes other than printable ASCII.
    #[error("the {0} is not ASCII")]
    NotAscii(SettingsPart),
    /// No proxy is for `http` or `https`, or one isn't `host:port`.
    #[error("the proxy list names no proxy as host:port")]
    NoProxy,
}

/// A part of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SettingsPart {
    /// The version.
    Version,
    /// The change counter.
    Counter,
    /// The flags.
    Flags,
    /// The proxies with their length prefix.
    ProxyList,
    /// The bypass list with its length prefix.
    BypassList,
}

impl std::fmt::Display for SettingsPart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Version => "version",
            Self::Counter => "counter",
            Self::Flags => "flags",
            Self::ProxyList => "proxy list",
            Self::BypassList => "bypass list",
        })
    }
}

impl WinHttpSetting {
    /// Decodes the value.
    ///
    /// # Errors
    /// If a byte doesn't fit the layout, or the proxy list can't be used.
    pub fn decode(value: &[u8]) -> Result<Self, WinHttpError> {
        if value.len() > MAX_BYTES {
            return Err(WinHttpError::TooLong(value.len() - MAX_BYTES));
        }
        let mut rest = value;
        let version = number(&mut rest, SettingsPart::Version)?;
        if version != VERSION {
            return Err(WinHttpError::Version(version));
        }
        let _changes = number(&mut rest, SettingsPart::Counter)?;
        let flags = number(&mut rest, SettingsPart::Flags)?;
        if flags == 0 || flags & !(DIRECT | MANUAL) != 0 {
            return Err(WinHttpError::Flags(flags));
        }
        let proxies = text(&mut rest, SettingsPart::ProxyList)?;
        let bypass = text(&mut rest, SettingsPart::BypassList)?;
        if !rest.is_empty() {
            return Err(WinHttpError::TooLong(rest.len()));
        }
        if flags & MANUAL == 0 {
            return Ok(Self::Direct);
        }
        WinHttpProxies::parse(proxies, bypass).map(Self::Proxy).ok_or(WinHttpError::NoProxy)
    }

    /// Whether a proxy is configured.
    #[must_use]
    pub const fn has_proxy(&self) -> bool {
        matches!(self, Self::Proxy(_))
    }

    /// The proxies of a route that follows this setting.
    #[must_use]
    pub fn proxies(&self) -> Proxies {
        match self {
            Self::Direct => Proxies::default(),
            Self::Proxy(proxies) => proxies.proxies(),
        }
    }
}

/// WinHTTP uses plain HTTP to its proxies. The machine's credentials aren't available here.
fn proxy(at: HostPort) -> Arc<Proxy> {
    Arc::new(Proxy { kind: ProxyKind::Http, at, credentials: None })
}

fn number(rest: &mut &[u8], part: SettingsPart) -> Result<u32, WinHttpError> {
    let (bytes, after) = rest.split_first_chunk().ok_or(WinHttpError::Truncated(part))?;
    *rest = after;
    Ok(u32::from_le_bytes(*bytes))
}

/// A length prefix and that many bytes of printable ASCII.
fn text<'a>(rest: &mut &'a [u8], part: SettingsPart) -> Result<&'a str, WinHttpError> {
    let length = number(rest, part)?;
    let length = usize::try_from(length).map_err(|_| WinHttpError::Truncated(part))?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(WinHttpError::Truncated(part))?;
    *rest = after;
    let text = str::from_utf8(bytes).map_err(|_| WinHttpError::NotAscii(part))?;
    let visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if text.bytes().all(visible) { Ok(text) } else { Err(WinHttpError::NotAscii(part)) }
}

impl WinHttpProxies {
    /// The proxies of a route that follows this list.
    #[must_use]
    pub fn proxies(&self) -> Proxies {
        let Self { http, https, bypass } = self;
        let mut no_proxy = NoProxy::default();
        for rule in bypass {
            no_proxy.add_windows_rule(rule);
        }
        Proxies { http: http.clone().map(proxy), https: https.clone().map(proxy), no_proxy }
    }

    /// Parses a proxy list, `[scheme=][scheme://]host[:port]` separated by semicolons or spaces, and a bypass list
    /// (Microsoft's page on `WinHttpOpen`). An entry for a scheme takes precedence over one for all, and the first of
    /// several for the same scheme counts. Returns `None` if an entry is invalid, or none is for `http` or `https`.
    #[must_use]
    pub fn parse(proxies: &str, bypass: &str) -> Option<Self> {
        let (mut http, mut https, mut any) = (None, None, None);
        for entry in entries(proxies) {
            let (scheme, at) = entry.split_once('=').map_or(("", entry), |(scheme, at)| (scheme, at));
            let slot = match scheme.to_ascii_lowercase().as_str() {
                "" => &mut any,
                "http" => &mut http,
                "https" => &mut https,
                _ => continue, // ftp, gopher, socks: not used here
            };
            let at = host_port(at)?;
            slot.get_or_insert(at);
        }
        let proxies = Self {
            http: http.or_else(|| any.clone()),
            https: https.or(any),
            bypass: entries(bypass).map(str::to_owned).collect(),
        };
        (proxies.http.is_some() || proxies.https.is_some()).then_some(proxies)
    }
}

fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(|c: char| c == ';' || c.is_ascii_whitespace()).filter(|entry| !entry.is_empty())
}

fn host_port(text: &str) -> Option<HostPort> {
    let text = text.split_once("://").map_or(text, |(_, rest)| rest).trim_end_matches('/');
    let (host, port) = match text.rsplit_once(':') {
        // In an IPv6 address, the last colon may be part of the address.
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok().filter(|port| *port != 0)?),
        _ => (text, DEFAULT_PORT),
    };
    let host = url::Host::parse(host).ok()?.to_string();
    Some(HostPort { host, port })
}
