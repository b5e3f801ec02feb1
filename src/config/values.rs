//! Parses single values: durations, names, addresses. Pure. Errors continue the quoted value.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use url::Host;

use super::{ConnectTo, HostPort};

/// The maximum length of a DNS name (RFC 1035, section 2.3.4), in characters.
const MAX_NAME: usize = 253;

/// The maximum length of a value in messages, in characters.
const MAX_SHOWN: usize = 80;

/// An inclusive range of durations.
pub(super) struct DurationLimits {
    pub(super) least: Duration,
    pub(super) most: Duration,
}

/// The interval between probes of a target.
pub(super) const INTERVAL: DurationLimits =
    DurationLimits { least: Duration::from_secs(1), most: Duration::from_secs(24 * 60 * 60) };

/// The timeout of a probe.
pub(super) const TIMEOUT: DurationLimits =
    DurationLimits { least: Duration::from_millis(100), most: Duration::from_secs(5 * 60) };

/// The age at which signatures are stale.
pub(super) const STALE_AFTER: DurationLimits = DurationLimits { least: DAY, most: DAY.saturating_mul(30) };

/// The interval between fetches of the version feed, which is a third party's server.
pub(super) const FEED_INTERVAL: DurationLimits =
    DurationLimits { least: Duration::from_secs(5 * 60), most: DAY };

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl fmt::Display for DurationLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at least {}, at most {}", format_duration(self.least), format_duration(self.most))
    }
}

/// Formats a duration without spaces: 90 seconds are `1m30s`, a day is `1d`.
pub(crate) fn format_duration(duration: Duration) -> String {
    let text = humantime::format_duration(duration).to_string();
    text.replace("days", "d").replace("day", "d").replace(' ', "")
}

/// A humantime duration within limits.
pub(super) fn duration(text: &str, limits: &DurationLimits) -> Result<Duration, String> {
    if text.trim().bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("has no unit: write it as \"{}s\" or the like, {limits}", text.trim()));
    }
    let value = humantime::parse_duration(text.trim())
        .map_err(|_| format!("is not a duration such as \"90s\", \"5m\" or \"1h 30m\", {limits}"))?;
    if value < limits.least || value > limits.most {
        return Err(format!("is out of range: {limits}"));
    }
    Ok(value)
}

/// A host as in URLs: a name in lower-case ASCII, or an address (IPv6 in brackets).
pub(super) fn host(text: &str) -> Result<Host, String> {
    let host = Host::parse(text).map_err(|error| format!("is not a host name or address: {error}"))?;
    match &host {
        Host::Domain(name) if !is_name(name) => {
            Err("is not a host name: letters, digits, hyphens, underscores and dots".to_owned())
        }
        _ => Ok(host),
    }
}

fn is_name(name: &str) -> bool {
    let labels = name.strip_suffix('.').unwrap_or(name).split('.');
    name.len() <= MAX_NAME
        && labels.into_iter().all(|label| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        })
}

/// A valid DNS name.
pub(super) fn host_name(text: &str) -> Result<String, String> {
    match host(text)? {
        Host::Domain(name) => Ok(name),
        Host::Ipv4(_) | Host::Ipv6(_) => Err("is an IP address, which needs no resolution".to_owned()),
    }
}

/// A host name, or `*.` and a suffix.
pub(super) fn host_pattern(text: &str) -> Result<String, String> {
    match text.strip_prefix("*.") {
        Some(suffix) => Ok(format!("*.{}", host_name(suffix)?)),
        None => host_name(text),
    }
}

/// Splits `host:port`.
fn split(text: &str) -> Result<(Host, u16), String> {
    const FORM: &str = "is not host:port (an IPv6 address in brackets)";
    let (name, port) = text.rsplit_once(':').ok_or(FORM)?;
    if name.contains(':') && !name.starts_with('[') {
        return Err(FORM.to_owned());
    }
    let port = port.parse().map_err(|_| FORM)?;
    if port == 0 {
        return Err("has port 0: a port is a number from 1 to 65535".to_owned());
    }
    Ok((host(name)?, port))
}

/// `host:port`, the host as in [`host`].
pub(super) fn host_port(text: &str) -> Result<HostPort, String> {
    let (host, port) = split(text)?;
    Ok(HostPort { host: host.to_string(), port })
}

/// `address:port`, or `name:port`.
pub(super) fn connect_to(text: &str) -> Result<ConnectTo, String> {
    Ok(match split(text)? {
        (Host::Ipv4(address), port) => ConnectTo::Address((address, port).into()),
        (Host::Ipv6(address), port) => ConnectTo::Address((address, port).into()),
        (Host::Domain(host), port) => ConnectTo::Name(HostPort { host, port }),
    })
}

/// A DNS server: an address, with a port unless it is 53.
pub(super) fn server(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, 53));
    }
    match text.parse::<SocketAddr>() {
        Ok(server) if server.port() != 0 => Ok(server),
        _ => Err("is not a server's address, such as 10.0.0.53, 10.0.0.53:53 or [fd00::53]:53".to_owned()),
    }
}

/// An IP address.
pub(super) fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| "is not an IPv4 or IPv6 address".to_owned())
}

/// A URL for messages; hidden if it contains an `@`, which a password may precede.
pub(super) fn shown_url(text: &str) -> String {
    if text.contains('@') { "the URL".to_owned() } else { quoted(text) }
}

/// A text in quotes, with invisible characters escaped, truncated.
pub(super) fn quoted(text: &str) -> String {
    let cut = if text.chars().nth(MAX_SHOWN).is_some() { "…" } else { "" };
    let start: String = text.chars().take(MAX_SHOWN).collect();
    format!("{start:?}{cut}")
}

/// The known key with the smallest edit distance. Returns `None` if more than a third of it differs.
pub(super) fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    let key: String = key.chars().take(64).flat_map(char::to_lowercase).collect();
    let distance = |known: &str| strsim::damerau_levenshtein(&key, known);
    let best = known.iter().copied().min_by_key(|known| distance(known))?;
    (distance(best) <= (best.len() / 3).max(1)).then_some(best)
}
