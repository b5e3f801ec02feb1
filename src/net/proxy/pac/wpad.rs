//! Candidate URLs of Web Proxy Auto-Discovery (WPAD) by DNS. Builds names only.

use super::directives::is_name;
use crate::catalog::ProbeUrl;

/// The maximum number of parent domains.
const MAX_PARENTS: usize = 8;

/// The candidate URLs for a machine in `domain`, in order: `http://wpad/wpad.dat`, then the same path on
/// `wpad.` in the domain and in each of its parents.
///
/// No RFC says how many parents to try (the draft, draft-ietf-wrec-wpad-01, expired), and it is a known attack:
/// the owner of `wpad.com` or `wpad.co.uk` would proxy every client that gets there. So parents end at two
/// labels, and exclude two labels that look like a registry suffix: at most three letters below a two-letter
/// country code. This is a conservative heuristic, not the Public Suffix List: longer registry suffixes pass
/// it, and a company's short name below a country code is only tried if it is the configured domain itself.
#[must_use]
pub fn wpad_candidates(domain: &str) -> Vec<ProbeUrl> {
    let domain = domain.trim().trim_end_matches('.').to_ascii_lowercase();
    let mut hosts = vec!["wpad".to_owned()];
    if is_name(&domain) && domain.contains('.') {
        hosts.push(format!("wpad.{domain}"));
        hosts.extend(parents(&domain).map(|parent| format!("wpad.{parent}")));
    }
    hosts.iter().filter_map(|host| ProbeUrl::parse(&format!("http://{host}/wpad.dat")).ok()).collect()
}

/// The parents of a domain that an organisation may own, nearest first.
fn parents(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(domain), |domain| Some(domain.split_once('.')?.1))
        .skip(1)
        .take_while(|parent| parent.contains('.') && !is_registry(parent))
        .take(MAX_PARENTS)
}

/// Whether a domain looks like a registry suffix: `co.uk`, `com.au`, `gob.mx`.
fn is_registry(domain: &str) -> bool {
    let mut labels = domain.rsplit('.');
    let (country, second, third) = (labels.next(), labels.next(), labels.next());
    third.is_none()
        && country.is_some_and(|label| label.len() == 2)
        && second.is_some_and(|label| label.len() <= 3)
}
