//! `no_proxy`: hosts to connect to directly although the route has a proxy. Pure.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::text::without_brackets;

/// The rules of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<NoProxyRule>);

/// Hosts, and the port if the rule isn't for all ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NoProxyRule {
    hosts: HostRule,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostRule {
    /// `*`
    All,
    /// A name and its subdomains: without a leading dot, in lower case.
    Name(String),
    /// The addresses of a network (CIDR).
    Network(IpNet),
    /// `<local>`: names without a dot.
    Local,
    /// `<-loopback>`: takes back that this machine is reached directly, which no rule here says by itself.
    NotLoopback,
    /// A pattern for the whole host: in lower case, `*` is any text.
    Pattern(String),
}

impl NoProxy {
    /// Whether a host, as written in a URL, is connected to directly.
    #[must_use]
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let host = without_brackets(host).trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|rule| rule.port.is_none_or(|own| own == port) && rule.hosts.contain(&host))
    }

    pub(super) const fn new(rules: Vec<NoProxyRule>) -> Self {
        Self(rules)
    }

    /// Combines two sets of rules.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Adds a rule: `*`, a name, `.name` or `*.name` (each with its subdomains), an address (IPv6 in brackets or not),
    /// a network (`10.0.0.0/8`), a pattern with `*` for the whole host (`192.168.*`), `<local>` or `<-loopback>`;
    /// each but networks and words in angle brackets with an optional port.
    ///
    ///
    /// # Errors
    /// If it is none of these.
    pub fn add(&mut self, rule: &str) -> Result<(), String> {
        self.0.push(parse_rule(rule)?);
        Ok(())
    }

    /// Adds a rule of a Windows bypass list: `<local>`, or a pattern with `*` for the whole host with an optional
    /// scheme and port (Microsoft's page on `WINHTTP_PROXY_INFO`). An invalid rule matches no host.
    pub fn add_windows_rule(&mut self, rule: &str) {
        let rule = rule.trim().to_ascii_lowercase();
        if rule == "<local>" {
            self.0.push(NoProxyRule { hosts: HostRule::Local, port: None });
            return;
        }
        if let Some((host, port)) = with_port(without_scheme(&rule)) {
            let host = without_brackets(host).to_owned();
            self.0.push(NoProxyRule { hosts: HostRule::Pattern(host), port });
        }
    }
}

/// Parses a list of rules as in the variable `NO_PROXY`: separated by commas, semicolons or white space, each as in
/// [`NoProxy::add`] or with a scheme, which is ignored, before it. Returns the rules, and the entries that are none.
pub(super) fn rules_of_variable(list: &str) -> (NoProxy, Vec<&str>) {
    let entries =
        list.split(|c: char| ",;".contains(c) || c.is_whitespace()).filter(|entry| !entry.is_empty());
    let (mut rules, mut rejected) = (NoProxy::default(), Vec::new());
    for entry in entries {
        if rules.add(without_scheme(entry)).is_err() {
            rejected.push(entry);
        }
    }
    (rules, rejected)
}

fn without_scheme(rule: &str) -> &str {
    rule.split_once("://").map_or(rule, |(_, rest)| rest)
}

/// Parses one rule of [`NoProxy::add`].
pub(super) fn parse_rule(text: &str) -> Result<NoProxyRule, String> {
    const FORM: &str = "is not a rule: expected *, a name, .name, an address, a network such as 10.0.0.0/8, a pattern \
                        such as 192.168.*, or <local>, optionally with :port";
    let text = text.trim();
    let word = match text.to_ascii_lowercase().as_str() {
        "*" => Some(HostRule::All),
        "<local>" => Some(HostRule::Local),
        "<-loopback>" => Some(HostRule::NotLoopback),
        _ => None,
    };
    if let Some(hosts) = word {
        return Ok(NoProxyRule { hosts, port: None });
    }
    if let Some((address, bits)) = text.split_once('/') {
        let address: IpAddr = without_brackets(address).parse().map_err(|_| FORM)?;
        let network = bits.parse().ok().and_then(|bits| IpNet::new(address, bits).ok()).ok_or(FORM)?;
        return Ok(NoProxyRule { hosts: HostRule::Network(network), port: None });
    }
    let (host, port) = with_port(text).ok_or(FORM)?;
    let hosts = if let Ok(address) = without_brackets(host).parse::<IpAddr>() {
        HostRule::Network(address.to_canonical().into())
    } else if is_pattern(host) {
        HostRule::Pattern(host.trim_end_matches('.').to_ascii_lowercase())
    } else {
        let name = host.strip_prefix('*').unwrap_or(host);
        let name =
            crate::config::values::host_name(name.strip_prefix('.').unwrap_or(name)).map_err(|_| FORM)?;
        HostRule::Name(name.trim_end_matches('.').to_owned())
    };
    Ok(NoProxyRule { hosts, port })
}

/// Whether a host is a pattern other than `*name` and `*.name`, which are for a name with its subdomains.
fn is_pattern(host: &str) -> bool {
    let inner = host.strip_prefix('*').unwrap_or(host);
    (inner.contains('*') || inner.is_empty())
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"*-_.".contains(&byte))
        && !host.is_empty()
}

/// A host, and its port if there is one.
fn with_port(text: &str) -> Option<(&str, Option<u16>)> {
    if text.ends_with(']') || text.parse::<IpAddr>().is_ok() {
        return Some((text, None));
    }
    match text.rsplit_once(':') {
        Some((host, port)) => port.parse().ok().filter(|port| *port != 0).map(|port| (host, Some(port))),
        None => Some((text, None)),
    }
}

impl HostRule {
    fn contain(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Name(name) => {
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Self::Network(network) => {
                host.parse().is_ok_and(|address: IpAddr| network.contains(&address.to_canonical()))
            }
            Self::Local => !host.contains(['.', ':']),
            Self::NotLoopback => false,
            Self::Pattern(pattern) => is_like(host.as_bytes(), pattern.as_bytes()),
        }
    }
}

/// Whether a pattern matches the whole text. Backtracks only to the last `*`, so that the time is bounded by the
/// product of the lengths.
fn is_like(text: &[u8], pattern: &[u8]) -> bool {
    let (mut t, mut p, mut retry) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((t, p + 1));
                p += 1;
            }
            Some(byte) if *byte == text[t] => (t, p) = (t + 1, p + 1),
            _ => {
                let Some((from, after_star)) = retry else { return false };
                (t, p) = (from + 1, after_star);
                retry = Some((t, p));
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_hosts_networks_and_ports() {
        let check = |rule: &str, yes: &[(&str, u16)], no: &[(&str, u16)]| {
            let mut rules = NoProxy::default();
            rules.add(rule).unwrap();
            for (host, port) in yes {
                assert!(rules.matches(host, *port), "{rule}: {host}:{port}");
            }
            for (host, port) in no {
                assert!(!rules.matches(host, *port), "not {rule}: {host}:{port}");
            }
        };
        check("*", &[("a.example", 443), ("[::1]", 80)], &[]);
        for rule in ["a.example", ".a.example", "*.a.example", "A.Example."] {
            check(rule, &[("a.example", 1), ("B.a.example.", 2)], &[("ba.example", 1), ("example", 1)]);
        }
        check("a.example:8080", &[("a.example", 8080)], &[("a.example", 443)]);
        check("10.0.0.0/8", &[("10.255.0.1", 443)], &[("11.0.0.1", 443), ("a.example", 443)]);
        check("10.1.2.3", &[("10.1.2.3", 443)], &[("10.1.2.4", 443)]);
        check("0.0.0.0/0", &[("203.0.113.1", 443)], &[("[2001:db8::1]", 443)]);
        check("2001:db8::/32", &[("[2001:db8:1::1]", 443)], &[("[2001:db9::1]", 443), ("10.0.0.1", 443)]);
        check("::ffff:10.1.2.3", &[("10.1.2.3", 443), ("[::ffff:a01:203]", 443)], &[("10.1.2.4", 443)]);
        check("2001:db8::1", &[("[2001:db8::1]", 443)], &[("[2001:db8::2]", 443)]);
        check("[2001:db8::1]:8443", &[("[2001:db8::1]", 8443)], &[("[2001:db8::1]", 443)]);
        check("[::1]", &[("[::1]", 443), ("[0:0::1]", 80)], &[("[::2]", 443), ("127.0.0.1", 443)]);
        check("[2001:db8::]/32", &[("[2001:db8::1]", 443)], &[("[2001:db9::1]", 443)]);
        check("10.*", &[("10.1.2.3", 443)], &[("110.1.2.3", 443), ("11.0.0.1", 443), ("[10::1]", 443)]);
        check("192.168.*", &[("192.168.0.1", 1)], &[("192.169.0.1", 1), ("a.192.168.example", 1)]);
        check("192.168.*.*:80", &[("192.168.0.1", 80)], &[("192.168.0.1", 443)]);
        check("Web*.Corp.example", &[("web1.corp.EXAMPLE.", 1)], &[("aweb1.corp.example", 1)]);
        check("*:8080", &[("a.example", 8080), ("10.0.0.1", 8080)], &[("a.example", 443)]);
        check("host_1.corp.example", &[("host_1.corp.example", 1)], &[("host-1.corp.example", 1)]);
        for rule in ["<local>", " <LOCAL> "] {
            check(rule, &[("intranet", 443)], &[("a.example", 443), ("[::1]", 80), ("10.0.0.1", 80)]);
        }
        check("<-loopback>", &[], &[("localhost", 443), ("127.0.0.1", 443), ("[::1]", 443)]);
    }

    #[test]
    fn a_variable_is_read_as_far_as_it_can_be() {
        let check = |list: &str, direct: &[&str], expected: &[&str]| {
            let (rules, rejected) = rules_of_variable(list);
            assert_eq!(rejected, expected, "{list:?}");
            for host in direct {
                assert!(rules.matches(host, 443), "{list:?}: {host}");
            }
            assert!(!rules.matches("c.example", 443), "{list:?}");
        };
        check("", &[], &[]);
        check(" , ;; ", &[], &[]);
        check("a.example,b.example", &["a.example", "b.example"], &[]);
        check("a.example; *.b.example;<local>", &["a.example", "x.b.example", "intranet"], &[]);
        check("localhost 127.0.0.1 [::1]\t10.*", &["localhost", "127.0.0.1", "[::1]", "10.9.8.7"], &[]);
        check("https://a.example:443", &["a.example"], &[]);
        check("a..example, a.example, 10.0.0.0/33", &["a.example"], &["a..example", "10.0.0.0/33"]);
        check("fe80::1%eth0 | c.example/x \u{fffd}", &[], &["fe80::1%eth0", "|", "c.example/x", "\u{fffd}"]);
    }

    #[test]
    fn rules_of_windows_are_patterns_of_the_whole_host() {
        let check = |rule: &str, yes: &[(&str, u16)], no: &[(&str, u16)]| {
            let mut rules = NoProxy::default();
            rules.add_windows_rule(rule);
            for (host, port) in yes {
                assert!(rules.matches(host, *port), "{rule}: {host}:{port}");
            }
            for (host, port) in no {
                assert!(!rules.matches(host, *port), "not {rule}: {host}:{port}");
            }
        };
        check(
            "<local>",
            &[("intranet", 443), ("PRINTER", 80)],
            &[("a.example", 443), ("[::1]", 80), ("10.0.0.1", 80)],
        );
        check("*.example", &[("a.example", 1), ("A.B.Example.", 2)], &[("example", 1), ("a.example.net", 1)]);
        check("a.example", &[("a.example", 1)], &[("b.a.example", 1), ("xa.example", 1)]);
        check("*example*", &[("an.example.net", 1), ("example", 1)], &[("examine", 1)]);
        check("10.*", &[("10.1.2.3", 443)], &[("110.1.2.3", 443)]);
        check("*:8080", &[("a.example", 8080)], &[("a.example", 443)]);
        check("https://a.example:443", &[("a.example", 443)], &[("a.example", 80)]);
        check("[2001:db8::1]", &[("[2001:db8::1]", 443)], &[("[2001:db8::2]", 443)]);
        for rule in ["<-loopback>", "", "a.example:0"] {
            check(rule, &[], &[("localhost", 443), ("a.example", 443), ("[::1]", 443)]);
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "a b",
            "10.0.0.0/33",
            "2001:db8::/129",
            "10.0.0.0/x",
            "a.example:0",
            "a.example:99999",
            "http://a",
            "*/8",
            "10.*/8",
            "a.*:0",
            "<locals>",
            "<local>:80",
            "[::1]:",
            "[::1",
            "[a.example]",
            "fe80::*",
        ] {
            assert!(NoProxy::default().add(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(rule in ".{0,40}", host in ".{0,40}") {
            let mut rules = NoProxy::default();
            let _ = rules.add(&rule);
            rules.add_windows_rule(&rule);
            let _ = rules.matches(&host, 443);
        }
    }
}
