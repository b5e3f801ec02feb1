//! `no_proxy`: which hosts are connected to directly although the route has a proxy. Pure.

use std::net::IpAddr;

/// The rules of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoProxy(Vec<Rule>);

/// Hosts, and the port that it is about if it isn't about all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    hosts: Hosts,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Hosts {
    /// `*`
    All,
    /// A name and every name below it: without a leading dot, in lower case.
    Name(String),
    /// Addresses that agree with this one in so many first bits.
    Network(IpAddr, u8),
    /// Names without a dot.
    Local,
    /// What a pattern matches whole: in lower case, a `*` in it is any text.
    Pattern(String),
}

impl NoProxy {
    /// Whether a host, as it stands in a URL, is connected to directly.
    #[must_use]
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|rule| rule.port.is_none_or(|own| own == port) && rule.hosts.contain(&host))
    }

    pub(super) const fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// These rules and others.
    pub(super) fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Reads one more rule: `*`, a name, `.name` or `*.name` (each with all names below it), an address, a network
    /// (`10.0.0.0/8`), each but the network with a port if it isn't for all.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn add(&mut self, rule: &str) -> Result<(), String> {
        self.0.push(rule_of(rule)?);
        Ok(())
    }

    /// Adds a rule of a bypass list of Windows: `<local>`, or a pattern with `*` that is the whole host, each but the first
    /// with a scheme before it and a port behind it if need be (Microsoft's page on `WINHTTP_PROXY_INFO`). What is neither
    /// matches no host.
    pub fn add_of_windows(&mut self, rule: &str) {
        let rule = rule.trim().to_ascii_lowercase();
        if rule == "<local>" {
            self.0.push(Rule { hosts: Hosts::Local, port: None });
            return;
        }
        let rule = rule.split_once("://").map_or(rule.as_str(), |(_, rest)| rest);
        let in_brackets = rule.ends_with(']').then_some((rule, None));
        if let Some((host, port)) = in_brackets.or_else(|| with_port(rule)) {
            let host = host.trim_matches(['[', ']']).to_owned();
            self.0.push(Rule { hosts: Hosts::Pattern(host), port });
        }
    }
}

/// One rule, as [`NoProxy::add`] reads it.
pub(super) fn rule_of(text: &str) -> Result<Rule, String> {
    const FORM: &str =
        "is no rule: *, a name, .name, an address or a network such as 10.0.0.0/8, with :port if need be";
    let text = text.trim();
    if text == "*" {
        return Ok(Rule { hosts: Hosts::All, port: None });
    }
    if let Some((address, bits)) = text.split_once('/') {
        let address: IpAddr = address.parse().map_err(|_| FORM)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.parse().ok().filter(|bits| *bits <= most).ok_or(FORM)?;
        return Ok(Rule { hosts: Hosts::Network(address, bits), port: None });
    }
    let (host, port) = with_port(text).ok_or(FORM)?;
    let hosts = if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        let address = address.to_canonical();
        Hosts::Network(address, if address.is_ipv4() { 32 } else { 128 })
    } else {
        let name = host.strip_prefix('*').unwrap_or(host);
        let name = super::text::host_name(name.strip_prefix('.').unwrap_or(name)).map_err(|_| FORM)?;
        Hosts::Name(name.trim_end_matches('.').to_owned())
    };
    Ok(Rule { hosts, port })
}

/// A host, and the port behind it where there is one.
fn with_port(text: &str) -> Option<(&str, Option<u16>)> {
    if text.parse::<IpAddr>().is_ok() {
        return Some((text, None));
    }
    match text.rsplit_once(':') {
        Some((host, port)) => port.parse().ok().filter(|port| *port != 0).map(|port| (host, Some(port))),
        None => Some((text, None)),
    }
}

impl Hosts {
    fn contain(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Name(name) => {
                host.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Self::Network(network, bits) => {
                host.parse().is_ok_and(|address: IpAddr| is_within(address.to_canonical(), *network, *bits))
            }
            Self::Local => !host.contains(['.', ':']),
            Self::Pattern(pattern) => is_like(host.as_bytes(), pattern.as_bytes()),
        }
    }
}

/// Whether a pattern matches a text whole. Only the last `*` is ever gone back to, so that the time is bounded by the
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

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let same = |a: u128, b: u128, width: u32| {
        let rest = width - u32::from(bits);
        rest >= width || a >> rest == b >> rest
    };
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
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
    }

    #[test]
    fn rules_of_windows_are_patterns_of_the_whole_host() {
        let check = |rule: &str, yes: &[(&str, u16)], no: &[(&str, u16)]| {
            let mut rules = NoProxy::default();
            rules.add_of_windows(rule);
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
        ] {
            assert!(NoProxy::default().add(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(rule in ".{0,40}", host in ".{0,40}") {
            let mut rules = NoProxy::default();
            let _ = rules.add(&rule);
            rules.add_of_windows(&rule);
            let _ = rules.matches(&host, 443);
        }
    }
}
