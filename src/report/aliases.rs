//! The aliases (CNAME) behind the hosts: what a firewall sees that compares resolved names. An exemption that names the host alone misses
//! them, and two routes can get different ones.

use std::collections::BTreeMap;
use std::fmt;

use crate::plan::TargetId;
use crate::state::Snapshot;

/// Introduces a list of alias chains.
pub const ALIASES_HEADING: &str = "DNS aliases (CNAME), which rules by resolved names have to allow too:";

/// The aliases of a host, on the routes that got them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AliasChain<'a> {
    /// The host of the endpoints.
    pub host: &'a str,
    /// The names that it is an alias of, in order; at least one.
    pub names: &'a [String],
    /// The routes. Empty if all of them got the same names.
    pub routes: Vec<&'a str>,
}

impl fmt::Display for AliasChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.host)?;
        for name in self.names {
            write!(f, " → {name}")?;
        }
        if self.routes.is_empty() { Ok(()) } else { write!(f, " (via {})", self.routes.join(", ")) }
    }
}

/// The aliases of the hosts of these targets, in their order. Hosts without aliases are left out.
#[must_use]
pub fn alias_chains<'a>(
    snapshot: &'a Snapshot,
    ids: impl IntoIterator<Item = TargetId>,
) -> Vec<AliasChain<'a>> {
    let mut chains: Vec<AliasChain<'a>> = Vec::new();
    for id in ids {
        let (host, names) = (snapshot.plan.target(id).endpoint.url.host(), aliases_of(snapshot, id));
        let route = snapshot.plan.target(id).route.name.as_str();
        if names.is_empty() {
            continue;
        }
        match chains.iter_mut().find(|chain| chain.host == host && chain.names == names) {
            Some(chain) if chain.routes.contains(&route) => {}
            Some(chain) => chain.routes.push(route),
            None => chains.push(AliasChain { host, names, routes: vec![route] }),
        }
    }
    let mut of_host: BTreeMap<&str, usize> = BTreeMap::new();
    for chain in &chains {
        *of_host.entry(chain.host).or_default() += 1;
    }
    for chain in chains.iter_mut().filter(|chain| of_host[chain.host] == 1) {
        chain.routes.clear();
    }
    chains
}

/// For each target whose host DNS gives other aliases on other routes: those routes.
pub(super) fn other_aliases(snapshot: &Snapshot) -> BTreeMap<TargetId, Vec<&str>> {
    let mut by_url: BTreeMap<&str, Vec<TargetId>> = BTreeMap::new();
    for (id, target, _) in snapshot.defender().filter(|(id, ..)| !aliases_of(snapshot, *id).is_empty()) {
        by_url.entry(target.endpoint.url.as_str()).or_default().push(id);
    }
    let mut others = BTreeMap::new();
    for ids in by_url.values() {
        for id in ids {
            let own = aliases_of(snapshot, *id);
            let differ = ids.iter().filter(|other| aliases_of(snapshot, **other) != own);
            let routes: Vec<_> =
                differ.map(|other| snapshot.plan.target(*other).route.name.as_str()).collect();
            if !routes.is_empty() {
                others.insert(*id, routes);
            }
        }
    }
    others
}

/// The aliases of the endpoint's own host, of the last probe.
#[must_use]
pub fn aliases_of(snapshot: &Snapshot, id: TargetId) -> &[String] {
    let Some(last) = snapshot.targets[id.0].last.as_deref() else { return &[] };
    last.facts.hops.first().map_or(&last.facts.aliases, |own| &own.aliases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::simulation::{FIRM, MAPS, fresh, observe, target};

    /// The lines of MAPS' two endpoints if DNS gave these aliases on two routes.
    fn check(direct: &[&str], proxy: &[&str], expected: &[&str], differ: &[&str]) {
        let mut snapshot = fresh(&["direct", "proxy"]);
        for (route, names) in [("direct", direct), ("proxy", proxy)] {
            for url in [MAPS, FIRM] {
                let id = target(&snapshot, url, route);
                let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
                observe(&mut snapshot, id, 10, |facts| {
                    facts.aliases = if url == MAPS { names } else { Vec::new() };
                    None
                });
            }
        }
        let ids: Vec<_> = snapshot.iter().map(|(id, ..)| id).collect();
        let lines: Vec<_> = alias_chains(&snapshot, ids).iter().map(ToString::to_string).collect();
        assert_eq!(lines, expected);
        let others = other_aliases(&snapshot).remove(&target(&snapshot, MAPS, "direct"));
        assert_eq!(others.unwrap_or_default(), differ);
    }

    #[test]
    fn each_chain_of_a_host_is_listed_once() {
        let (traffic, cloud) = ("wd-prod-cp.trafficmanager.net", "eu.cloudapp.azure.com");
        let both = format!("wdcp.microsoft.com → {traffic} → {cloud}");
        check(&[traffic, cloud], &[traffic, cloud], &[&both], &[]);
        check(
            &[traffic, cloud],
            &["filter.example"],
            &[&format!("{both} (via direct)"), "wdcp.microsoft.com → filter.example (via proxy)"],
            &["proxy"],
        );
        // Over a proxy the exporter doesn't resolve the name: that is no difference.
        check(&[traffic, cloud], &[], &[&both], &[]);
        check(&[], &[], &[], &[]);
    }
}
