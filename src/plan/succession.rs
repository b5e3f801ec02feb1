//! What becomes of the targets of a plan when another takes its place. Pure.

use std::collections::HashMap;

use super::{Plan, Route, Target, TargetId};
use crate::catalog::Component;

/// What names a target: its labels. Whoever has the same is the same to those who read the metrics.
type Name<'a> = (Component, &'a str, &'a str);

/// The target of the new plan that goes by the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heir {
    /// Its place in the new plan.
    pub id: TargetId,
    /// Whether a probe of the one is a probe of the other: the rhythm alone may differ.
    pub same: bool,
}

impl Plan {
    /// For each target of this plan, in its order, what it is in the next; none: it isn't probed any more.
    #[must_use]
    pub fn heirs(&self, next: &Self) -> Vec<Option<Heir>> {
        let places: HashMap<_, _> = next.targets.iter().enumerate().map(|(n, to)| (name(to), n)).collect();
        let judged_alike = self.redirect_hosts == next.redirect_hosts && self.block_pages == next.block_pages;
        let heir = |target: &Target| {
            let n = *places.get(&name(target))?;
            let same = judged_alike && is_probed_alike(target, &next.targets[n]);
            Some(Heir { id: TargetId(n), same })
        };
        self.targets.iter().map(heir).collect()
    }
}

fn name(target: &Target) -> Name<'_> {
    (target.endpoint.component, target.endpoint.url.as_str(), &target.route.name)
}

fn is_probed_alike(one: &Target, other: &Target) -> bool {
    let way = |target: &Target| Route { index: 0, ..target.route.as_ref().clone() };
    one.endpoint == other.endpoint && one.timeout == other.timeout && way(one) == way(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::embedded;
    use crate::config::{Environment, parse};
    use crate::plan::plan;

    fn of(yaml: &str) -> Plan {
        let config = parse("test", yaml, std::path::Path::new(""), &Environment::default()).expect("good");
        plan(embedded(), &config).expect("fits the catalog")
    }

    /// How many of the old targets are there still, and of these how many are the same.
    fn kept(old: &str, new: &str) -> (usize, usize) {
        let (old, new) = (of(old), of(new));
        let heirs: Vec<_> = old.heirs(&new).into_iter().flatten().collect();
        for (target, heir) in old.targets.iter().zip(old.heirs(&new)) {
            assert!(heir.is_none_or(|heir| name(new.target(heir.id)) == name(target)));
        }
        (heirs.len(), heirs.iter().filter(|heir| heir.same).count())
    }

    #[test]
    fn what_becomes_of_the_targets() {
        const ALL: usize = 54;
        let check = |old, new, expected| assert_eq!(kept(old, new), expected, "{old:?} to {new:?}");
        check("", "", (ALL, ALL));
        check("", "interval: 5m", (ALL, ALL));
        check("", "timeout: 5s", (ALL, 0));
        check("", "resolver: { family: ipv4 }", (ALL, 0));
        check("", "routes: [{ name: other }]", (0, 0));
        check("", "routes: [{ name: direct, proxy: 'http://proxy.example:8080' }]", (ALL, 0));
        check("", "routes: [{ name: first }, { name: direct }]", (ALL, ALL));
        check("", "block_pages: [{ body_contains: blocked, name: filter }]", (ALL, 0));
        let expect = "endpoints: [{ component: maps, url: 'https://wdcp.microsoft.com/', expect: [404] }]";
        check("", expect, (ALL, ALL - 1));
        let without = "components: { diagnostics: { enabled: false } }";
        let (left, same) = kept("", without);
        assert!(left == same && left < ALL, "{left}");
        assert_eq!(kept(without, ""), (left, left));
    }
}
