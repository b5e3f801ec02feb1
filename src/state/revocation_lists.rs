//! The revocation lists that chains need: known on a route as long as a chain on that route needs them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Snapshot;
use crate::plan::TargetId;
use crate::revocation::CrlState;

/// How long a target that is no longer presented a chain needs the lists of the last one: an outage shouldn't hide
/// them, and an endpoint that is gone for good shouldn't keep them.
const MAX_UNCHECKED: Duration = Duration::from_secs(24 * 60 * 60);

/// The lists that the last check of a target's chains needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeededLists {
    urls: Vec<String>,
    /// When the chains were presented.
    at: Option<SystemTime>,
}

impl Snapshot {
    /// Records the lists that a target's chains need now, and their state.
    pub(super) fn need_lists(&mut self, id: TargetId, lists: Vec<CrlState>) {
        let urls = lists.iter().map(|list| list.url.clone()).collect();
        let at = self.targets[id.0].last.as_ref().map(|last| last.at);
        if !lists.is_empty() {
            let route = self.plan.target(id).route.name.clone();
            let known = Arc::make_mut(&mut self.crls).entry(route).or_default();
            for list in lists {
                match known.binary_search_by(|known| known.url.cmp(&list.url)) {
                    Ok(n) => known[n] = list,
                    Err(n) => known.insert(n, list),
                }
            }
        }
        self.replace_needed(id, NeededLists { urls, at });
    }

    /// Forgets the lists of a target that hasn't been presented a chain for long.
    pub(super) fn forget_unchecked_lists(&mut self, id: TargetId, now: SystemTime) {
        let at = self.targets[id.0].lists.at;
        if at.is_some_and(|at| now.duration_since(at).is_ok_and(|unchecked| unchecked > MAX_UNCHECKED)) {
            self.replace_needed(id, NeededLists::default());
        }
    }

    fn replace_needed(&mut self, id: TargetId, lists: NeededLists) {
        let state = Arc::make_mut(&mut self.targets[id.0]);
        let mut dropped = std::mem::replace(&mut state.lists, lists).urls;
        dropped.retain(|url| !state.lists.urls.contains(url));
        let route = &self.plan.target(id).route.name;
        for (target, state) in self.plan.targets.iter().zip(&self.targets) {
            if dropped.is_empty() {
                return; // nearly always at once
            }
            if target.route.name == *route {
                dropped.retain(|url| !state.lists.urls.contains(url));
            }
        }
        let crls = Arc::make_mut(&mut self.crls);
        if let Some(known) = crls.get_mut(route) {
            known.retain(|list| !dropped.contains(&list.url));
            if known.is_empty() {
                crls.remove(route);
            }
        }
    }

    /// Takes over the lists of another plan that targets of this one need.
    pub(super) fn keep_needed_lists(&mut self, before: &BTreeMap<String, Vec<CrlState>>) {
        let of_each = self.plan.targets.iter().zip(&self.targets);
        let needed: BTreeSet<(&str, &str)> = of_each
            .flat_map(|(target, state)| {
                state.lists.urls.iter().map(|url| (target.route.name.as_str(), url.as_str()))
            })
            .collect();
        let kept = before.iter().filter_map(|(route, lists)| {
            let lists = lists.iter().filter(|list| needed.contains(&(route, &list.url)));
            let lists: Vec<_> = lists.cloned().collect();
            (!lists.is_empty()).then(|| (route.clone(), lists))
        });
        self.crls = Arc::new(kept.collect());
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::catalog::embedded;
    use crate::config::{Environment, parse};
    use crate::event::{Event, RevocationChecked};
    use crate::observation::{FailureReason, Phase};
    use crate::plan::plan;
    use crate::report::simulation::{self, at};
    use crate::revocation::{PathReport, RevocationReport};

    const DAY: u64 = 86_400;

    /// Snapshots of two MAPS endpoints on two routes.
    struct World {
        snapshot: Snapshot,
        one: TargetId,
        other: TargetId,
        elsewhere: TargetId,
    }

    impl World {
        fn new() -> Self {
            let snapshot = simulation::fresh(&["direct", "proxy"]);
            let target = |url, route| simulation::target(&snapshot, url, route);
            let (one, other) = (target(simulation::MAPS, "direct"), target(simulation::FIRM, "direct"));
            let elsewhere = target(simulation::MAPS, "proxy");
            Self { snapshot, one, other, elsewhere }
        }

        /// A probe whose chain needs these lists; `ok` is whether they could be fetched.
        fn probe(&mut self, target: TargetId, second: u64, lists: &[(&str, bool)]) {
            simulation::observe(&mut self.snapshot, target, second, |_| None);
            let tls = self.snapshot.targets[target.0].last.as_ref().unwrap().facts.tls.clone();
            let report = Arc::new(RevocationReport::new(Vec::new()));
            let chains = vec![PathReport { path: tls.unwrap().path.unwrap(), report }];
            let refused = || crate::observation::Failure::new(Phase::Connect, FailureReason::Refused, "");
            let crls = lists.iter().map(|(url, ok)| CrlState {
                url: (*url).to_owned(),
                fetch: Some(if *ok { Ok(()) } else { Err(refused()) }),
                fetched: Some(at(second)),
                this_update: None,
                next_update: None,
            });
            let crls = crls.collect();
            self.snapshot.apply(Event::Revocation(Box::new(RevocationChecked { target, chains, crls })));
        }

        /// A probe that is presented no chain.
        fn fail(&mut self, target: TargetId, second: u64) {
            simulation::fail(
                &mut self.snapshot,
                target,
                second,
                (Phase::Connect, FailureReason::Timeout),
                "",
            );
        }

        /// The known lists, each with its route and whether it could be fetched.
        fn check(&self, what: &str, expected: &[(&str, &str, bool)]) {
            let lists = self.snapshot.crls.iter().flat_map(|(route, lists)| {
                lists.iter().map(move |list| (route.as_str(), list.url.as_str(), list.fetch == Some(Ok(()))))
            });
            assert_eq!(lists.collect::<Vec<_>>(), expected, "{what}");
        }
    }

    #[test]
    fn a_list_ends_with_the_last_chain_that_needs_it() {
        let mut world = World::new();
        let World { one, other, elsewhere, .. } = world;
        world.probe(one, 10, &[("old", false), ("root", true)]);
        world.probe(other, 20, &[("old", true)]);
        world.probe(elsewhere, 30, &[("old", false)]);
        world.check(
            "each route has its own",
            &[("direct", "old", true), ("direct", "root", true), ("proxy", "old", false)],
        );
        world.probe(one, 70, &[("new", true), ("root", true)]);
        world.check(
            "another chain needs it",
            &[
                ("direct", "new", true),
                ("direct", "old", true),
                ("direct", "root", true),
                ("proxy", "old", false),
            ],
        );
        world.probe(other, 80, &[("new", false)]);
        world.check(
            "no chain of this route needs it",
            &[("direct", "new", false), ("direct", "root", true), ("proxy", "old", false)],
        );
        world.probe(elsewhere, 90, &[]);
        world.check("no list at all", &[("direct", "new", false), ("direct", "root", true)]);
    }

    #[test]
    fn an_outage_hides_no_list() {
        let mut world = World::new();
        let (one, other) = (world.one, world.other);
        world.probe(one, 10, &[("list", false)]);
        world.probe(other, 10, &[("other", true)]);
        let both = [("direct", "list", false), ("direct", "other", true)];
        world.fail(one, 70);
        world.check("no chain", &both);
        world.fail(one, 10 + DAY);
        world.check("a day without a chain", &both);
        world.fail(one, 11 + DAY);
        world.check("longer", &both[1..]);
    }

    #[test]
    fn a_reload_drops_the_lists_of_targets_that_are_gone() {
        let mut world = World::new();
        let (one, other) = (world.one, world.other);
        world.probe(one, 10, &[("list", false), ("root", true)]);
        world.probe(other, 10, &[("root", true)]);
        let yaml = format!("endpoints: [{{ component: maps, url: '{}', enabled: false }}]", simulation::MAPS);
        let config = parse("test", &yaml, Path::new(""), &Environment::default()).unwrap();
        world.snapshot.replace_plan(Arc::new(plan(embedded(), &config).unwrap()), at(20));
        world.check("only the other target stays", &[("direct", "root", true)]);
    }
}
