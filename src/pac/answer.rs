//! What a PAC script answers, parsed: `PROXY a:8080; HTTPS b:443; SOCKS5 c:1080; DIRECT`.

use std::fmt;

use url::Host;

use super::PacError;
use crate::config::HostPort;
use crate::text::clean;

/// One way to a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Without a proxy.
    Direct,
    /// An HTTP proxy: `PROXY`, or Firefox's `HTTP`.
    HttpProxy(HostPort),
    /// An HTTP proxy reached over TLS: `HTTPS`.
    HttpsProxy(HostPort),
    /// A SOCKS proxy.
    Socks(Socks, HostPort),
}

/// Which SOCKS a proxy speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Socks {
    /// `SOCKS`: Chromium takes it for version 4, Firefox for version 5.
    Unsaid,
    /// `SOCKS4`.
    V4,
    /// `SOCKS5`.
    V5,
}

/// What a script answered for one URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The ways to try, in this order: at least one.
    pub choices: Vec<Choice>,
    /// Parts of the answer that say nothing, cleaned and cut: unknown words, hosts or ports that are none.
    pub skipped: Vec<String>,
}

impl Answer {
    /// The most choices kept, and the most parts said to be skipped.
    pub const MAX_CHOICES: usize = 8;

    /// Reads the text that a script returned. An empty one means `DIRECT`.
    ///
    /// # Errors
    /// When no part of it says anything. Browsers would connect directly; here it is worth knowing.
    pub fn parse(text: &str) -> Result<Self, PacError> {
        let mut answer = Self { choices: Vec::new(), skipped: Vec::new() };
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            match choice(part) {
                Some(choice) => keep(&mut answer.choices, choice),
                None => keep(&mut answer.skipped, clean(part)),
            }
        }
        match (answer.choices.is_empty(), answer.skipped.is_empty()) {
            (true, true) => answer.choices.push(Choice::Direct),
            (true, false) => return Err(PacError::bad_answer(text)),
            _ => {}
        }
        Ok(answer)
    }
}

fn keep<T>(kept: &mut Vec<T>, one: T) {
    if kept.len() < Answer::MAX_CHOICES {
        kept.push(one);
    }
}

/// One part: a word, and for all but `DIRECT` a host with an optional port.
fn choice(part: &str) -> Option<Choice> {
    let mut words = part.split_ascii_whitespace();
    let (kind, place, rest) = (words.next()?, words.next(), words.next());
    if rest.is_some() {
        return None;
    }
    match (kind.to_ascii_uppercase().as_str(), place) {
        ("DIRECT", None) => Some(Choice::Direct),
        ("PROXY" | "HTTP", Some(place)) => host_port(place, 80).map(Choice::HttpProxy),
        ("HTTPS", Some(place)) => host_port(place, 443).map(Choice::HttpsProxy),
        ("SOCKS", Some(place)) => socks(Socks::Unsaid, place),
        ("SOCKS4", Some(place)) => socks(Socks::V4, place),
        ("SOCKS5", Some(place)) => socks(Socks::V5, place),
        _ => None,
    }
}

fn socks(version: Socks, place: &str) -> Option<Choice> {
    host_port(place, 1080).map(|place| Choice::Socks(version, place))
}

/// `host`, `host:port` or `[address]:port`. Without a port it is the protocol's own, as in browsers.
fn host_port(place: &str, default: u16) -> Option<HostPort> {
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port_number(port)?),
        _ => (place, default),
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
    // u16's parser would take a sign
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|port| plain && *port != 0)
}

/// A name that DNS could be asked for (RFC 1035, section 2.3.4), underscores let pass.
pub(super) fn is_name(name: &str) -> bool {
    let mut labels = name.strip_suffix('.').unwrap_or(name).split('.');
    name.len() <= 253
        && labels.all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct => f.write_str("DIRECT"),
            Self::HttpProxy(place) => write!(f, "PROXY {place}"),
            Self::HttpsProxy(place) => write!(f, "HTTPS {place}"),
            Self::Socks(Socks::Unsaid, place) => write!(f, "SOCKS {place}"),
            Self::Socks(Socks::V4, place) => write!(f, "SOCKS4 {place}"),
            Self::Socks(Socks::V5, place) => write!(f, "SOCKS5 {place}"),
        }
    }
}
