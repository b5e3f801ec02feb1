//! Carries the state over to a new plan. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::verdicts::belongs_to;
use super::{FeedState, SignaturesState, Snapshot};
use crate::catalog::Component;
use crate::observation::SplitHello;
use crate::plan::{Plan, TargetId};

impl Snapshot {
    /// Switches to a plan whose configuration was loaded at that time. Keeps the state of what both plans contain, and
    /// drops the rest.
    pub fn replace_plan(&mut self, plan: Arc<Plan>, loaded: SystemTime) {
        let mut next = Self::new(plan, loaded);
        for (state, carried) in self.targets.iter().zip(self.plan.carry_over(&next.plan)) {
            if let Some(carried) = carried {
                next.targets[carried.id.0] = Arc::clone(state);
            }
        }
        keep(&mut next.latencies, &self.latencies);
        keep(&mut next.failures, &self.failures);
        keep(&mut next.overruns, &self.overruns);
        next.keep_needed_lists(&self.crls);
        next.keep_verdicts(self);
        next.signatures.keep(&self.signatures, &self.plan, &next.plan);
        next.keep_split_hellos(&self.split_hellos);
        next.host.clone_from(&self.host);
        next.was_ready = self.is_ready();
        next.rejudge_all();
        *self = next;
    }

    /// Keeps the comparisons that the plan still makes.
    fn keep_split_hellos(&mut self, before: &BTreeMap<String, SplitHello>) {
        let kept = before.iter().filter(|(_, hello)| self.compares(hello));
        self.split_hellos = Arc::new(kept.map(|(route, hello)| (route.clone(), hello.clone())).collect());
    }

    /// Whether the plan makes this comparison.
    fn compares(&self, hello: &SplitHello) -> bool {
        let mut compared = self.plan.split_hellos.iter().map(|id| self.plan.target(*id));
        compared
            .any(|target| target.route.name == hello.route && target.endpoint.url.as_str() == hello.endpoint)
    }

    /// Applies a comparison, unless it was made for an earlier plan.
    pub(super) fn compared(&mut self, hello: SplitHello) {
        if self.compares(&hello) {
            Arc::make_mut(&mut self.split_hellos).insert(hello.route.clone(), hello);
        }
    }

    /// Carries verdicts over, so that only actual changes are logged. The MAPS verdict refers to target ids and is
    /// computed anew.
    fn keep_verdicts(&mut self, before: &Self) {
        for state in &mut self.components {
            let mut known = before.components.iter();
            let known = known.find(|old| old.component == state.component && old.route == state.route);
            state.verdict = known.and_then(|known| known.verdict);
        }
    }

    /// A component's verdict may change when endpoints are added or removed.
    fn rejudge_all(&mut self) {
        for n in 0..self.targets.len() {
            self.judge_alone(TargetId(n)); // the plan may expect something else of it
        }
        let plan = Arc::clone(&self.plan);
        let of_each = self.components.iter().filter_map(|state| {
            plan.targets.iter().find(|target| belongs_to(target, state.component, &state.route))
        });
        for target in of_each.collect::<Vec<_>>() {
            self.judge(target);
            if target.endpoint.component == Component::Maps {
                self.judge_maps(&target.route.name);
            }
            self.judge_sources(target, true, None);
        }
    }
}

/// Copies the values of keys that both maps contain.
fn keep<K: Ord + Clone, V: Clone>(new: &mut Arc<BTreeMap<K, V>>, old: &BTreeMap<K, V>) {
    for (key, value) in Arc::make_mut(new) {
        if let Some(known) = old.get(key) {
            value.clone_from(known);
        }
    }
}

impl SignaturesState {
    /// Carries over the state of sources, and of feeds that the plan still polls.
    fn keep(&mut self, before: &Self, old: &Plan, plan: &Plan) {
        for state in &mut self.sources {
            let mut known = before.sources.iter();
            let known = known.find(|old| old.source == state.source && old.route == state.route);
            if let Some(known) = known {
                state.clone_from(known);
            }
        }
        for state in &mut self.feeds {
            if let Some(known) = before.feeds.iter().find(|old| old.route == state.route) {
                state.keep(known, old, plan);
            }
        }
        self.last_chance = before.last_chance;
        self.installed = before.installed;
    }
}

impl FeedState {
    fn keep(&mut self, before: &Self, old: &Plan, plan: &Plan) {
        if old.signatures.feeds == plan.signatures.feeds {
            self.clone_from(before); // the next poll may be an interval away, so a failure stays known until then
            return;
        }
        let is_configured = |url: &str| plan.signatures.feeds.iter().any(|feed| feed.as_str() == url);
        let Some(history) = before.history.as_ref().filter(|history| is_configured(&history.feed)) else {
            return;
        };
        self.clone_from(before);
        let mut history = history.clone();
        history.newest.retain(|feed, _| is_configured(feed));
        self.history = Some(history);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::catalog::embedded;
    use crate::config::{Environment, parse};
    use crate::event::Event;
    use crate::observation::{Failure, FailureReason, Phase, SplitHelloResult};
    use crate::plan::{Target, plan};
    use crate::report::simulation::{self, at};
    use crate::verdict::{MapsConnection, Verdict};

    const MAPS: &str = simulation::MAPS;

    fn of(yaml: &str) -> Arc<Plan> {
        let config = parse("test", yaml, Path::new(""), &Environment::default()).expect("good");
        Arc::new(plan(embedded(), &config).expect("fits the catalog"))
    }

    /// The default plan with one failing endpoint, before and after a switch to this configuration.
    fn after(yaml: &str) -> (Snapshot, Snapshot) {
        let mut snapshot = simulation::healthy(&["direct"]);
        let target = simulation::target(&snapshot, MAPS, "direct");
        simulation::fail(&mut snapshot, target, 20, (Phase::Resolve, FailureReason::Nxdomain), "");
        let before = snapshot.clone();
        snapshot.replace_plan(of(yaml), at(30));
        (before, snapshot)
    }

    #[test]
    fn nothing_is_lost_where_nothing_changes() {
        let (before, after) = after("");
        let expected = Snapshot { config_loaded: at(30), was_ready: true, ..before };
        assert_eq!(after, expected);
    }

    #[test]
    fn a_target_that_stays_keeps_its_state_at_another_place() {
        let (before, after) = after("components: { diagnostics: { enabled: false } }\ninterval: 2m");
        assert!(after.targets.len() < before.targets.len());
        let of = |target: &Target| (target.endpoint.component, target.endpoint.url.clone());
        for (_, target, state) in after.iter() {
            let old = before.iter().find(|(_, old, _)| of(old) == of(target));
            assert_eq!(Some(state), old.map(|(.., old)| old));
        }
        let key = |key: &&crate::state::FailureKey| key.component == crate::catalog::Component::Diagnostics;
        assert_eq!(
            (before.failures.keys().filter(key).count() > 0, after.failures.keys().find(key)),
            (true, None)
        );
        let failures: u64 = after.failures.values().sum();
        assert_eq!(failures, 1, "the counters go on");
    }

    #[test]
    fn a_new_plan_drops_removed_and_adds_unknown_state() {
        let (before, after) = after("routes: [{ name: other }]");
        assert!(after.targets.iter().all(|state| state.probes == 0));
        assert!(after.components.iter().all(|state| state.verdict.is_none()));
        assert!(after.maps.iter().all(|state| state.connection == MapsConnection::Unknown));
        assert!(after.crls.is_empty() && !before.crls.is_empty());
        assert_eq!(after.failures.values().sum::<u64>(), 0);
        assert_eq!(after.signatures.last_chance, before.signatures.last_chance, "a chance was a chance");
        assert!(after.is_ready(), "who is ready stays it");
    }

    #[test]
    fn a_component_is_judged_by_the_endpoints_that_it_has_now() {
        let (before, after) =
            after(&format!("endpoints: [{{ component: maps, url: '{MAPS}', enabled: false }}]"));
        let verdict = |snapshot: &Snapshot| snapshot.components[0].verdict;
        assert_ne!(verdict(&before), Some(Verdict::Good));
        assert_eq!(verdict(&after), Some(Verdict::Good));
    }

    /// The state of a feed that never answered, after a switch to this configuration.
    fn unanswered_after(yaml: &str) -> Option<bool> {
        let mut snapshot = simulation::healthy(&["direct"]);
        let failure = Failure::new(Phase::Connect, FailureReason::Refused, "");
        let feed = &mut snapshot.signatures.feeds[0];
        (feed.fetch, feed.history) = (Some(Err(failure)), None);
        snapshot.replace_plan(of(yaml), at(30));
        snapshot.signatures.feeds[0].fetch.as_ref().map(Result::is_ok)
    }

    #[test]
    fn a_failed_feed_stays_failed_after_a_reload() {
        assert_eq!(unanswered_after("interval: 2m"), Some(false));
        let others = "signatures: { feeds: [\"https://feed.example/\"] }";
        assert_eq!(unanswered_after(others), None, "another feed hasn't been asked yet");
    }

    #[test]
    fn a_comparison_that_the_plan_no_longer_makes_is_dropped() {
        let compared = SplitHello {
            endpoint: simulation::FIRM.to_owned(),
            route: "direct".to_owned(),
            at: at(20),
            result: SplitHelloResult::Passes,
        };
        let check = |yaml: &str, is_kept: bool| {
            let mut snapshot = simulation::healthy(&["direct"]);
            snapshot.apply(Event::SplitHello(Box::new(compared.clone())));
            assert_eq!(snapshot.split_hellos.len(), 1, "the default plan makes it");
            snapshot.replace_plan(of(yaml), at(30));
            assert_eq!(snapshot.split_hellos.len(), usize::from(is_kept), "{yaml}");
            // It was on its way while the plan changed.
            snapshot.apply(Event::SplitHello(Box::new(compared.clone())));
            assert_eq!(snapshot.split_hellos.len(), usize::from(is_kept), "{yaml}");
        };
        check("", true);
        check("interval: 2m", true);
        check("tls: { split_hello: false }", false);
        check("components: { maps: { enabled: false } }", false);
        check("routes: [{ name: other }]", false);
        check("geos: [eu]", false);
    }

    #[test]
    fn a_failed_reload_is_known_until_one_succeeds() {
        let (_, mut snapshot) = after("");
        snapshot.apply(Event::ReloadFailed);
        assert!(snapshot.reload_failed && snapshot.config_loaded == at(30));
        snapshot.replace_plan(of(""), at(40));
        assert!(!snapshot.reload_failed && snapshot.config_loaded == at(40));
    }
}
