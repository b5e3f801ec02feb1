//! The names to allow, in the formats of proxies and firewalls. Each includes the bare name of a wildcard if clients query it
//! (`advice::apex_rule`). The formats have no place for ports and paths.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use crate::catalog::Endpoint;

/// The longest name of an address object ("config firewall address" in FortiOS' CLI reference: 79 characters).
const MAX_FORTINET_NAME: usize = 79;

/// A name to allow, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    /// The domain, without `*.`.
    domain: String,
    /// Whether the names below the domain are meant, and not the domain itself.
    is_wildcard: bool,
}

impl Name {
    fn new(pattern: &str) -> Self {
        let pattern = crate::text::without_brackets(pattern).to_ascii_lowercase();
        match pattern.strip_prefix("*.") {
            Some(domain) => Self { domain: domain.to_owned(), is_wildcard: true },
            None => Self { domain: pattern, is_wildcard: false },
        }
    }

    /// The pattern, `*.x` or `x`.
    fn pattern(&self) -> String {
        let star = if self.is_wildcard { "*." } else { "" };
        format!("{star}{}", self.domain)
    }
}

/// The names of endpoints, each once, in the catalog's order.
fn names(endpoints: &[&Endpoint]) -> Vec<Name> {
    let mut names = Vec::new();
    for name in endpoints.iter().flat_map(|endpoint| endpoint.names_to_allow()).map(Name::new) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The ports of endpoints: "80, 443".
fn ports(endpoints: &[&Endpoint]) -> String {
    let mut ports: Vec<_> = endpoints.iter().flat_map(|endpoint| &endpoint.ports).collect();
    ports.sort_unstable();
    ports.dedup();
    ports.into_iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

/// A file for `acl NAME dstdomain "FILE"`. `.x` matches `x` and every name below it. Squid refuses a file that contains `x` and
/// `.x`, or a name before the `.x` that covers it, and warns of one after it: a covered name is therefore left out. Lines
/// with # are comments.
///
/// Source: <http://www.squid-cache.org/Doc/config/acl/> (dstdomain), and Squid 5.7 itself (`squid -k parse`).
pub(super) fn squid(endpoints: &[&Endpoint]) -> String {
    let names = names(endpoints);
    let is_covered = |name: &Name| {
        let mut above = names.iter().filter(|other| other.is_wildcard);
        above.any(|other| {
            let below = name.domain.strip_suffix(&other.domain).is_some_and(|rest| rest.ends_with('.'));
            below || (name.domain == other.domain && !name.is_wildcard)
        })
    };
    let mut text = format!(
        "# What Microsoft Defender Antivirus needs, on ports {}. In squid.conf:\n\
         #   acl defender dstdomain \"/etc/squid/defender.txt\"\n\
         #   http_access allow defender\n",
        ports(endpoints)
    );
    for name in names.iter().filter(|name| !is_covered(name)) {
        let dot = if name.is_wildcard { "." } else { "" };
        let _ = writeln!(text, "{dot}{}", name.domain); // a String never fails
    }
    text
}

/// An external dynamic list of type URL, one entry a line. `*.x/` matches names below `x`, at any depth, and not `x`. The slash ends
/// the host: without it `x` would match longer names on firewalls that don't append it. The format has no comments.
///
/// Sources: "Formatting Guidelines for an External Dynamic List"
/// (<https://docs.paloaltonetworks.com/network-security/security-policy/administration/objects/external-dynamic-lists/formatting-guidelines-for-an-external-dynamic-list>)
/// and "Guidelines for URL Category Exceptions"
/// (<https://docs.paloaltonetworks.com/advanced-url-filtering/administration/configuring-url-filtering/url-category-exceptions/guidelines-for-url-category-exceptions>).
pub(super) fn pan_edl(endpoints: &[&Endpoint]) -> String {
    let mut text = String::new();
    for name in names(endpoints) {
        let _ = writeln!(text, "{}/", name.pattern()); // a String never fails
    }
    text
}

/// Commands for FortiOS 6.2.2 and later: an address of type `fqdn` for each name, which may be a wildcard, and a group of them.
///
/// Sources: "Using wildcard FQDN addresses in firewall policies"
/// (<https://docs.fortinet.com/document/fortigate/6.2.3/cookbook/217973/using-wildcard-fqdn-addresses-in-firewall-policies>) and "config
/// firewall address" (<https://docs.fortinet.com/document/fortigate/7.0.3/cli-reference/258620>).
pub(super) fn fortinet(endpoints: &[&Endpoint]) -> String {
    let mut text = "config firewall address\n".to_owned();
    let mut members = String::new();
    for (n, name) in names(endpoints).iter().enumerate() {
        let object = fortinet_object(name, n);
        let fqdn = name.pattern();
        let _ = write!(
            text,
            "    edit \"{object}\"\n        set type fqdn\n        set fqdn \"{fqdn}\"\n    next\n"
        ); // a String never fails
        let _ = write!(members, " \"{object}\"");
    }
    let _ = write!(
        text,
        "end\nconfig firewall addrgrp\n    edit \"defender\"\n        set member{members}\n    next\nend\n"
    );
    text
}

/// The name of an address object, as Fortinet's predefined ones are named: `wildcard.dropbox.com`.
fn fortinet_object(name: &Name, n: usize) -> String {
    let wildcard = if name.is_wildcard { "wildcard." } else { "" };
    let object = format!("defender-{wildcard}{}", name.domain);
    if object.len() <= MAX_FORTINET_NAME { object } else { format!("defender-{}", n + 1) }
}
