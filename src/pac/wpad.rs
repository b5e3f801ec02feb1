//! Where a PAC script may be by convention: the names that Web Proxy Auto-Discovery asks DNS for. Names only.

use super::answer::is_name;
use crate::catalog::ProbeUrl;

/// The most parents of a domain that are tried.
const MAX_PARENTS: usize = 8;

/// The URLs where a machine of `domain` may find its PAC script, in this order: `http://wpad/wpad.dat`, then the same
/// path on `wpad.` before the domain, then before each of its parents.
///
/// No RFC says how far to climb (the draft, draft-ietf-wrec-wpad-01, expired), and climbing is a known attack: who
/// registers `wpad.com` or `wpad.co.uk` proxies everyone who comes that high. So parents end at two labels, and before
/// two that look like a registry's own, at most three letters under a country's two. That is a guess on the safe
/// side, not the Public Suffix List: registries with longer names pass it, and the short name of a company under a
/// country is asked only where it is the domain itself, as its administrator gave it.
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

/// Whether two labels look like what names are registered under: `co.uk`, `com.au`, `gob.mx`.
fn is_registry(domain: &str) -> bool {
    let mut labels = domain.rsplit('.');
    let (country, second, third) = (labels.next(), labels.next(), labels.next());
    third.is_none()
        && country.is_some_and(|label| label.len() == 2)
        && second.is_some_and(|label| label.len() <= 3)
}
