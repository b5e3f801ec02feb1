//! Parses a proxy's URL, in the configuration or the environment. Pure. Errors contain no part of the URL, because a
//! malformed one may have a password anywhere.

use rustls::pki_types::ServerName;

use super::values::{host, host_port, quoted};
use super::{HostPort, ProxyKind};
use crate::text::without_brackets;

/// The parts of a proxy's URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ProxyUrl<'a> {
    pub(super) kind: ProxyKind,
    pub(super) at: HostPort,
    /// The part before the `@` (RFC 3986, section 3.2.1), not decoded.
    pub(super) userinfo: Option<&'a str>,
}

/// Splits a URL into scheme, user, host and port; nothing may follow but a slash.
///
/// The default port is that of curl: 443 for `https` and 1080 for SOCKS (CURLOPT_PROXYPORT). Plain `http` requires a
/// port: curl's default is 1080, that of others is 80.
pub(super) fn proxy_url(text: &str) -> Result<ProxyUrl<'_>, String> {
    const FORM: &str = "is not a proxy URL: expected http://, https:// or socks5:// and host:port";
    let (scheme, rest) = text.split_once("://").ok_or(FORM)?;
    let kind = kind(scheme).ok_or(FORM)?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (userinfo, at) = match rest.rsplit_once('@') {
        Some((userinfo, at)) => (Some(userinfo), at),
        None => (None, rest),
    };
    let at = proxy_address(kind, at)?;
    if kind == ProxyKind::Https && ServerName::try_from(without_brackets(&at.host)).is_err() {
        return Err("can't be reached by https://: no certificate can be for a name with a label that begins or ends \
                    with a hyphen"
            .to_owned());
    }
    Ok(ProxyUrl { kind, at, userinfo })
}

/// `socks5h` is curl's name for SOCKS5 with names resolved by the proxy, as the exporter always does.
fn kind(scheme: &str) -> Option<ProxyKind> {
    match scheme.to_ascii_lowercase().as_str() {
        "socks5h" => Some(ProxyKind::Socks5),
        scheme => ProxyKind::ALL.iter().copied().find(|kind| kind.as_str() == scheme),
    }
}

fn proxy_address(kind: ProxyKind, at: &str) -> Result<HostPort, String> {
    if at.contains(['/', '?', '#']) {
        return Err("contains more than scheme and host:port".to_owned());
    }
    if at.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']')) {
        return host_port(at);
    }
    let host = host(at)?.to_string();
    match kind {
        ProxyKind::Http => Err("has no port (proxies usually listen on 8080 or 3128)".to_owned()),
        ProxyKind::Https => Ok(HostPort { host, port: 443 }),
        ProxyKind::Socks5 => Ok(HostPort { host, port: 1080 }),
    }
}

/// The URL for messages; hidden if it may contain a password, with or without an `@`.
pub(super) fn shown(text: &str) -> String {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let is_port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let harmless = !text.contains('@') && rest.split_once(':').is_none_or(|(_, port)| is_port(port));
    if harmless { quoted(text) } else { "the URL".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        use ProxyKind::{Http, Https, Socks5};
        let check = |text: &str, kind, host: &str, port, userinfo| {
            let at = HostPort { host: host.to_owned(), port };
            assert_eq!(proxy_url(text), Ok(ProxyUrl { kind, at, userinfo }), "{text}");
        };
        check("http://proxy.example:8080", Http, "proxy.example", 8080, None);
        check("HTTP://Proxy.Example:80/", Http, "proxy.example", 80, None);
        check("http://[2001:DB8::1]:3128", Http, "[2001:db8::1]", 3128, None);
        check("http://10.0.0.1:8080", Http, "10.0.0.1", 8080, None);
        check("https://proxy.example", Https, "proxy.example", 443, None);
        for (scheme, kind) in [("http", Http), ("https", Https), ("socks5", Socks5)] {
            for host in ["proxy_1.corp.example", "_proxy.corp.example", "proxy.corp.example.", "proxy_1"] {
                check(&format!("{scheme}://{host}:8080"), kind, host, 8080, None);
            }
        }
        check("http://-proxy.example:8080", Http, "-proxy.example", 8080, None);
        check("https://[::1]/", Https, "[::1]", 443, None);
        check("https://proxy.example:8443", Https, "proxy.example", 8443, None);
        check("socks5://proxy.example", Socks5, "proxy.example", 1080, None);
        check("socks5h://proxy.example:9050", Socks5, "proxy.example", 9050, None);
        check("http://ann:p@ss@proxy.example:1", Http, "proxy.example", 1, Some("ann:p@ss"));
        check("http://@proxy.example:1", Http, "proxy.example", 1, Some(""));
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        for text in [
            "",
            "proxy.example:8080",
            "http://",
            "http://:8080",
            "http://proxy.example",
            "http://proxy.example:",
            "http://proxy.example:0",
            "http://proxy.example:65536",
            "http://proxy.example:8080/path",
            "http://proxy.example:8080?query",
            "http://proxy.example:8080#fragment",
            "http://proxy.example:80 80",
            "https://-proxy.example",
            "https://proxy-.example:8443",
            "http://::1:8080",
            "http://a b:8080",
            "http://ann:half/rest@proxy",
            "socks4://proxy.example:1080",
            "socks://proxy.example:1080",
            "ftp://proxy.example:21",
            "//proxy.example:8080",
        ] {
            assert!(proxy_url(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_may_be_a_password_is_not_shown() {
        for text in ["http://proxy.example", "proxy.example:8080", "ftp://proxy.example:21", "proxy"] {
            assert_eq!(shown(text), format!("{text:?}"));
        }
        for text in ["http://eve:hunter2", "eve:hunter2", "http://hunter2@p", "eve@p", "http://p:1/hunter2"] {
            assert_eq!(shown(text), "the URL");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,60}") {
            let _ = proxy_url(&text);
        }

        #[test]
        fn messages_repeat_nothing(scheme in "http|socks5|ftp|", tail in "[a-z:/#? @\\[\\]%]{0,12}") {
            let text = format!("{scheme}://hunter2{tail}");
            if let Err(why) = proxy_url(&text) {
                proptest::prop_assert!(!why.contains("hunter2"), "{}", why);
            }
        }
    }
}
