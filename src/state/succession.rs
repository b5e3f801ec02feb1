//! What stays known when another plan comes into use: all of what is in both. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::owner::is_of;
use super::{FeedState, SignaturesState, Snapshot};
use crate::catalog::Component;
use crate::plan::Plan;

impl Snapshot {
    /// Goes on by another plan, loaded at that time. Counters and findings of what it doesn't have are forgotten; what is in
    /// both goes on as if nothing had happened.
    pub fn succeed(&mut self, plan: Arc<Plan>, loaded: SystemTime) {
        let mut next = Self::new(plan, loaded);
        for (state, heir) in self.targets.iter().zip(self.plan.heirs(&next.plan)) {
            if let Some(heir) = heir {
                next.targets[heir.id.0] = Arc::clone(state);
            }
        }
        keep(&mut next.latencies, &self.latencies);
        keep(&mut next.failures, &self.failures);
        keep(&mut next.overruns, &self.overruns);
        next.crls = Arc::clone(&self.crls);
        let routes = &next.plan.routes;
        Arc::make_mut(&mut next.crls).retain(|name, _| routes.iter().any(|route| route.name == *name));
        next.keep_verdicts(self);
        next.signatures.keep(&self.signatures, &self.plan, &next.plan);
        next.host.clone_from(&self.host);
        next.was_ready = self.is_ready();
        next.judge_everything();
        *self = next;
    }

    /// Takes verdicts over, so that only what a plan changes is a change.
    fn keep_verdicts(&mut self, before: &Self) {
        for state in &mut self.components {
            let mut known = before.components.iter();
            let known = known.find(|old| old.component == state.component && old.route == state.route);
            state.verdict = known.and_then(|known| known.verdict);
        }
        for state in &mut self.maps {
            let mut known = before.maps.iter();
            let known = known.find(|old| old.route == state.route && old.options == state.options);
            if let Some(known) = known {
                state.connection = known.connection; // `nearest` is an id of the plan before
            }
        }
    }

    /// A component that has lost or got endpoints may stand differently.
    fn judge_everything(&mut self) {
        let plan = Arc::clone(&self.plan);
        let of_each = self.components.iter().filter_map(|state| {
            plan.targets.iter().find(|target| is_of(target, state.component, &state.route))
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

/// Gives every key of the new map its value of before.
fn keep<K: Ord + Clone, V: Clone>(new: &mut Arc<BTreeMap<K, V>>, old: &BTreeMap<K, V>) {
    for (key, value) in Arc::make_mut(new) {
        if let Some(known) = old.get(key) {
            value.clone_from(known);
        }
    }
}

impl SignaturesState {
    /// Takes over what is known of sources, and of feeds that the plan still asks.
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
            self.clone_from(before); // the next question may be an interval away: a failure stays known until then
            return;
        }
        let asked = |url: &str| plan.signatures.feeds.iter().any(|feed| feed.as_str() == url);
        let Some(told) = before.told.as_ref().filter(|told| asked(&told.feed)) else { return };
        self.clone_from(before);
        let mut told = told.clone();
        told.newest.retain(|feed, _| asked(feed));
        self.told = Some(told);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::catalog::embedded;
    use crate::config::{Environment, parse};
    use crate::observation::{Failure, FailureReason, Stage};
    use crate::plan::{Target, plan};
    use crate::report::sample::{self, at};
    use crate::verdict::{Connection, Verdict};

    const MAPS: &str = sample::MAPS;

    fn of(yaml: &str) -> Arc<Plan> {
        let config = parse("test", yaml, Path::new(""), &Environment::default()).expect("good");
        Arc::new(plan(embedded(), &config).expect("fits the catalog"))
    }

    /// The defaults with a failure of one endpoint, then this plan.
    fn after(yaml: &str) -> (Snapshot, Snapshot) {
        let mut snapshot = sample::healthy(&["direct"]);
        let target = sample::target(&snapshot, MAPS, "direct");
        sample::fail(&mut snapshot, target, 20, (Stage::Resolve, FailureReason::Nxdomain), "");
        let before = snapshot.clone();
        snapshot.succeed(of(yaml), at(30));
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
    fn what_another_plan_does_not_have_is_forgotten_and_what_it_has_anew_is_unknown() {
        let (before, after) = after("routes: [{ name: other }]");
        assert!(after.targets.iter().all(|state| state.probes == 0));
        assert!(after.components.iter().all(|state| state.verdict.is_none()));
        assert!(after.maps.iter().all(|state| state.connection == Connection::Unknown));
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

    /// What is known of a feed that never answered, after this plan came into use.
    fn unanswered_after(yaml: &str) -> Option<bool> {
        let mut snapshot = sample::healthy(&["direct"]);
        let failure = Failure::new(Stage::Connect, FailureReason::Refused, "");
        let feed = &mut snapshot.signatures.feeds[0];
        (feed.fetch, feed.told) = (Some(Err(failure)), None);
        snapshot.succeed(of(yaml), at(30));
        snapshot.signatures.feeds[0].fetch.as_ref().map(Result::is_ok)
    }

    #[test]
    fn a_feed_that_never_answered_is_not_asked_again_at_once_so_that_stays_known() {
        assert_eq!(unanswered_after("interval: 2m"), Some(false));
        let others = "signatures: { feeds: [\"https://feed.example/\"] }";
        assert_eq!(unanswered_after(others), None, "another feed hasn't been asked yet");
    }

    #[test]
    fn a_failed_reload_is_known_until_one_succeeds() {
        let (_, mut snapshot) = after("");
        snapshot.apply(crate::engine::Event::ReloadFailed);
        assert!(snapshot.reload_failed && snapshot.config_loaded == at(30));
        snapshot.succeed(of(""), at(40));
        assert!(!snapshot.reload_failed && snapshot.config_loaded == at(40));
    }
}
