//! The machine's WinHTTP proxy: the binary registry value `WinHttpSettings` below
//! `HKLM\SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections`, decoded. Pure.
//!
//! Microsoft documents the value for direct access ("Use Group Policy to apply WinHTTP proxy settings"); the layout is
//! known from tools that read it: little-endian numbers of 32 bits for version, counter and flags, then the proxies and
//! the bypass list in ASCII, each after its length.

use std::sync::Arc;

use crate::config::{HostPort, NoProxy, Proxies, Proxy, ProxyKind};

#[cfg(test)]
mod tests;

/// The layout's version.
const VERSION: u32 = 0x18;

/// Connections may be made directly.
const DIRECT: u32 = 1;

/// Connections are made by the proxies that follow.
const MANUAL: u32 = 2;

/// The longest value that is looked at, in bytes.
const MAX_BYTES: usize = 64 * 1024;

/// The port of a proxy that none is written for: that of HTTP, which such a proxy speaks.
const DEFAULT_PORT: u16 = 80;

/// How services of this machine connect unless they know better.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WinHttpSetting {
    /// Directly.
    Direct,
    /// By proxies.
    Proxy(WinHttpProxies),
}

/// The proxies of the setting; at least one of the two is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WinHttpProxies {
    /// For `http` URLs.
    pub http: Option<HostPort>,
    /// For `https` URLs.
    pub https: Option<HostPort>,
    /// What is connected to directly all the same, as it is written: `<local>`, `*.example`.
    pub bypass: Vec<String>,
}

/// Why the value can't be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WinHttpError {
    /// The value ends too soon.
    #[error("it ends in the middle of the {0}")]
    Truncated(Part),
    /// Bytes follow the bypass list, or there are far too many.
    #[error("it is {0} bytes too long")]
    TooLong(usize),
    /// Another layout.
    #[error("its version is {0:#x}, only {VERSION:#x} is known")]
    Version(u32),
    /// Neither direct nor by proxies, or something else besides.
    #[error("its flags are {0:#x}: 1 (direct) and 2 (by proxies) are known")]
    Flags(u32),
    /// Bytes that are no visible ASCII.
    #[error("the {0} is not ASCII")]
    NotAscii(Part),
    /// No proxy that `http` or `https` could use, or one that isn't `host:port`.
    #[error("the proxy list names no proxy as host:port")]
    NoProxy,
}

/// A part of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The version.
    Version,
    /// The counter of changes.
    Counter,
    /// The flags.
    Flags,
    /// The proxies and their length.
    ProxyList,
    /// The bypass list and its length.
    BypassList,
}

impl std::fmt::Display for Part {
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
    /// When it isn't of the layout in every byte, or when its proxy list can't be used.
    pub fn decode(value: &[u8]) -> Result<Self, WinHttpError> {
        if value.len() > MAX_BYTES {
            return Err(WinHttpError::TooLong(value.len() - MAX_BYTES));
        }
        let mut rest = value;
        let version = number(&mut rest, Part::Version)?;
        if version != VERSION {
            return Err(WinHttpError::Version(version));
        }
        let _changes = number(&mut rest, Part::Counter)?;
        let flags = number(&mut rest, Part::Flags)?;
        if flags == 0 || flags & !(DIRECT | MANUAL) != 0 {
            return Err(WinHttpError::Flags(flags));
        }
        let proxies = text(&mut rest, Part::ProxyList)?;
        let bypass = text(&mut rest, Part::BypassList)?;
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

    /// What a route uses that follows this setting.
    #[must_use]
    pub fn proxies(&self) -> Proxies {
        match self {
            Self::Direct => Proxies::default(),
            Self::Proxy(WinHttpProxies { http, https, bypass }) => {
                let mut no_proxy = NoProxy::default();
                for rule in bypass {
                    no_proxy.add_of_windows(rule);
                }
                Proxies { http: http.clone().map(proxy), https: https.clone().map(proxy), no_proxy }
            }
        }
    }
}

/// WinHTTP speaks plain HTTP to its proxies; the machine's own credentials aren't known here.
fn proxy(at: HostPort) -> Arc<Proxy> {
    Arc::new(Proxy { kind: ProxyKind::Http, at, credentials: None })
}

fn number(rest: &mut &[u8], part: Part) -> Result<u32, WinHttpError> {
    let (bytes, after) = rest.split_first_chunk().ok_or(WinHttpError::Truncated(part))?;
    *rest = after;
    Ok(u32::from_le_bytes(*bytes))
}

/// A length, and so many bytes of visible ASCII.
fn text<'a>(rest: &mut &'a [u8], part: Part) -> Result<&'a str, WinHttpError> {
    let length = number(rest, part)?;
    let length = usize::try_from(length).map_err(|_| WinHttpError::Truncated(part))?;
    let (bytes, after) = rest.split_at_checked(length).ok_or(WinHttpError::Truncated(part))?;
    *rest = after;
    let text = str::from_utf8(bytes).map_err(|_| WinHttpError::NotAscii(part))?;
    let visible = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    if text.bytes().all(visible) { Ok(text) } else { Err(WinHttpError::NotAscii(part)) }
}

impl WinHttpProxies {
    /// A proxy list, `[scheme=][scheme://]host[:port]` separated by semicolons or spaces, and a bypass list (Microsoft's page
    /// on `WinHttpOpen`). An entry for a scheme goes before one for all; of several for the same, the first counts. None
    /// where an entry can't be read, or none is for `http` or `https`.
    #[must_use]
    pub fn parse(proxies: &str, bypass: &str) -> Option<Self> {
        let (mut http, mut https, mut any) = (None, None, None);
        for entry in entries(proxies) {
            let (scheme, at) = entry.split_once('=').map_or(("", entry), |(scheme, at)| (scheme, at));
            let slot = match scheme.to_ascii_lowercase().as_str() {
                "" => &mut any,
                "http" => &mut http,
                "https" => &mut https,
                _ => continue, // ftp, gopher, socks: nothing here is fetched by them
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
        // The last colon of an address in brackets may be the address's own.
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok().filter(|port| *port != 0)?),
        _ => (text, DEFAULT_PORT),
    };
    let host = url::Host::parse(host).ok()?.to_string();
    Some(HostPort { host, port })
}
