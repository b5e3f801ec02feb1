//! Hints that this machine's Defender uses hosts of a group of the catalog that isn't probed: those of Defender for Endpoint are off by
//! default, and their failures stay unexplained until the group is on.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::{Component, Endpoint, HostPattern, ProbeUrl, embedded};
use crate::host::HostFacts;
use crate::state::Snapshot;

/// The maximum number of hosts to name.
const MAX_NAMED: usize = 3;

/// One hint per group; empty if there is nothing to turn on.
#[must_use]
pub fn hints(snapshot: &Snapshot) -> Vec<String> {
    let hosts = snapshot.host.as_deref().map(failing_hosts).unwrap_or_default();
    let mut by_group: BTreeMap<Component, Vec<&str>> = BTreeMap::new();
    for host in &hosts {
        if let Some(group) = unprobed_group(snapshot, host) {
            by_group.entry(group).or_default().push(host);
        }
    }
    by_group.into_iter().map(|(group, hosts)| hint(group, &hosts)).collect()
}

/// The hosts at which this machine's Defender reports failures.
fn failing_hosts(facts: &HostFacts) -> BTreeSet<String> {
    let tests = facts.mdatp.iter().flat_map(|mdatp| &mdatp.connectivity).flatten();
    let tests = tests.filter(|test| test.failure.is_some()).map(|test| test.url.host().to_owned());
    let logs = facts.windows.iter().flat_map(|windows| &windows.events);
    let paths = logs.flat_map(|log| log.failures.values()).filter_map(|failure| failure.path.as_deref());
    let paths = paths.filter_map(|path| Some(ProbeUrl::parse(path).ok()?.host().to_owned()));
    tests.chain(paths).collect()
}

/// The optional group that has this host, if no probed component has it.
fn unprobed_group(snapshot: &Snapshot, host: &str) -> Option<Component> {
    let probed: BTreeSet<Component> =
        snapshot.plan.targets.iter().map(|target| target.endpoint.component).collect();
    let known: BTreeSet<Component> = embedded()
        .endpoints
        .iter()
        .filter(|endpoint| has(endpoint, host))
        .map(|endpoint| endpoint.component)
        .collect();
    let optional =
        |of: &&Component| embedded().components.iter().any(|spec| spec.component == **of && spec.optional);
    if known.is_disjoint(&probed) { known.iter().find(optional).copied() } else { None }
}

fn has(endpoint: &Endpoint, host: &str) -> bool {
    endpoint.url.host().eq_ignore_ascii_case(host) || HostPattern(endpoint.pattern.clone()).matches(host)
}

fn hint(group: Component, hosts: &[&str]) -> String {
    let named = hosts.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = hosts.len().saturating_sub(MAX_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(
        "Defender on this machine reports failures at {named}{more}: hosts of the group {group} ({}), which this exporter does \
         not probe. Add `groups: [{group}]` to the configuration to see what blocks them.",
        group.title()
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::Config;
    use crate::host::mdatp::MdatpFacts;
    use crate::host::mdatp::connectivity::parse;
    use crate::plan::plan;
    use crate::report::simulation::{at, healthy};

    /// The hints if mdatp prints this, and the configuration has these groups.
    fn check(output: &str, groups: &[Component], expected: &[&[&str]]) {
        let mut snapshot = healthy(&["direct"]);
        if !groups.is_empty() {
            let config = Config { groups: groups.to_vec(), ..Config::default() };
            snapshot = Snapshot::new(Arc::new(plan(embedded(), &config).unwrap()), at(0));
        }
        let connectivity = Some(parse(output.as_bytes()));
        let mdatp = Some(MdatpFacts { health: None, connectivity });
        snapshot.host = Some(Arc::new(HostFacts { mdatp, ..HostFacts::new(&[]) }));
        let hints = hints(&snapshot);
        assert_eq!(hints.len(), expected.len(), "{hints:?}");
        for (hint, words) in hints.iter().zip(expected) {
            assert!(words.iter().all(|word| hint.contains(word)), "{hint}");
        }
    }

    #[test]
    fn failing_hosts_of_groups_that_are_off_are_named() {
        let failed =
            |host: &str| format!("Testing connection with https://{host}/test ... [FAILED] curl error 7\n");
        let gateways =
            ["cus", "eus", "weu", "neu"].map(|of| failed(&format!("winatp-gw-{of}.microsoft.com"))).concat();
        let streamlined = failed("mdav.eu.endpoint.security.microsoft.com");
        let maps = failed("unitedstates.x.cp.wd.microsoft.com");
        check(&gateways, &[], &[&["group mde", "and 1 more", "groups: [mde]"]]);
        check(&(gateways.clone() + &streamlined), &[], &[&["[streamlined]"], &["[mde]"]]);
        check(&(gateways.clone() + &streamlined), &[Component::Mde], &[&["[streamlined]"]]);
        check(&gateways, &[Component::Mde], &[]);
        // What is probed explains itself, and an unknown host belongs to nobody.
        check(&(maps + &failed("other.example")), &[], &[]);
        check(&gateways.replace("[FAILED] curl error 7", "[OK]"), &[], &[]);
    }
}
