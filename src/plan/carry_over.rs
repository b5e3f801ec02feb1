//! The targets that a new plan carries over from the previous one. Pure.

use std::collections::HashMap;

use super::{Plan, Route, Target, TargetId};
use crate::catalog::Component;

/// A target's identity: its labels. Targets with equal labels are the same series in the metrics.
type TargetKey<'a> = (Component, &'a str, &'a str);

/// The target of the new plan with the same labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarriedOver {
    /// Its id in the new plan.
    pub id: TargetId,
    /// Whether both are probed in the same way. The interval may differ.
    pub same: bool,
}

impl Plan {
    /// For each target of this plan, in order, its counterpart in the next plan. `None` if it is no longer
    /// probed.
    #[must_use]
    pub fn carry_over(&self, next: &Self) -> Vec<Option<CarriedOver>> {
        let places: HashMap<_, _> =
            next.targets.iter().enumerate().map(|(n, to)| (target_key(to), n)).collect();
        let same_checks = self.redirect_hosts == next.redirect_hosts && self.block_pages == next.block_pages;
        let carried = |target: &Target| {
            let n = *places.get(&target_key(target))?;
            let same = same_checks && is_probed_equally(target, &next.targets[n]);
            Some(CarriedOver { id: TargetId(n), same })
        };
        self.targets.iter().map(carried).collect()
    }
}

fn target_key(target: &Target) -> TargetKey<'_> {
    (target.endpoint.component, target.endpoint.url.as_str(), &target.route.name)
}

fn is_probed_equally(one: &Target, other: &Target) -> bool {
    let route = |target: &Target| Route { index: 0, ..target.route.as_ref().clone() };
    one.endpoint == other.endpoint && one.timeout == other.timeout && route(one) == route(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::embedded;
    use crate::config::{Environment, parse};
    use crate::plan::plan;

    fn plan_from(yaml: &str) -> Plan {
        let config = parse("test", yaml, std::path::Path::new(""), &Environment::default()).expect("good");
        plan(embedded(), &config).expect("fits the catalog")
    }

    /// The number of targets that are carried over, and of these, the number that are probed in the same way.
    fn carried_over(old: &str, new: &str) -> (usize, usize) {
        let (old, new) = (plan_from(old), plan_from(new));
        let carried: Vec<_> = old.carry_over(&new).into_iter().flatten().collect();
        for (target, carried) in old.targets.iter().zip(old.carry_over(&new)) {
            assert!(carried.is_none_or(|carried| target_key(new.target(carried.id)) == target_key(target)));
        }
        (carried.len(), carried.iter().filter(|carried| carried.same).count())
    }

    #[test]
    fn targets_are_carried_over() {
        const ALL: usize = 56 + 1; // and the control
        let check = |old, new, expected| assert_eq!(carried_over(old, new), expected, "{old:?} to {new:?}");
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
        let (left, same) = carried_over("", without);
        assert!(left == same && left < ALL, "{left}");
        assert_eq!(carried_over(without, ""), (left, left));
    }
}
