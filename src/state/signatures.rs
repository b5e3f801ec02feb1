//! The state of security intelligence: which sources work, what is published, and what is installed. Pure; `signatures`
//! and `verdict` have the rules.

use std::sync::Arc;
use std::time::SystemTime;

use super::Snapshot;
use crate::catalog::{SourceSpec, UpdateSource};
use crate::observation::Failure;
use crate::plan::{Plan, Target};
use crate::signatures::{
    FeedAnswer, FeedContent, FeedHistory, Finding, Installed, Version, clamp_to_now, is_set, stale_after,
};
use crate::verdict;

/// Whether clients can update from a source on one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// The source.
    pub source: UpdateSource,
    /// The route.
    pub route: String,
    /// `None` until known.
    pub available: Option<bool>,
    /// When it was last available, in this or an earlier run.
    pub last_available: Option<SystemTime>,
}

/// The state of the version feed on one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedState {
    /// The route.
    pub route: String,
    /// The result of the last fetch. `None` before the first.
    pub fetch: Option<Result<(), Failure>>,
    /// When the feed was last queried.
    pub fetched: Option<SystemTime>,
    /// What the feed has published so far on this route, in this or an earlier run.
    pub history: Option<FeedHistory>,
    /// The findings of the last fetch; empty if it failed.
    pub findings: Vec<Finding>,
}

/// The state of security intelligence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignaturesState {
    /// One per source and route that has targets.
    pub sources: Vec<SourceState>,
    /// One per route on which clients update; empty without a feed to query.
    pub feeds: Vec<FeedState>,
    /// The last time at which a client of this network could have updated, or else the first start. `None` while the
    /// clock isn't set.
    pub last_chance: Option<SystemTime>,
    /// What is installed on this machine, if known.
    pub installed: Option<Installed>,
}

impl SignaturesState {
    /// The state at the first start, at `now`.
    #[must_use]
    pub fn new(plan: &Plan, now: SystemTime) -> Self {
        let is_probed = |source: &SourceSpec, route: &str| {
            plan.targets.iter().any(|t| t.endpoint.component == source.component && t.route.name == route)
        };
        let routes = || plan.signatures.routes.iter().map(|route| route.name.clone());
        let pairs = plan.signatures.sources.iter().flat_map(|spec| routes().map(move |route| (spec, route)));
        let sources = pairs.filter(|(spec, route)| is_probed(spec, route)).map(|(spec, route)| SourceState {
            source: spec.source,
            route,
            available: None,
            last_available: None,
        });
        let queried = plan.signatures.feed_routes.iter().filter(|_| !plan.signatures.feeds.is_empty());
        let feeds = queried.map(|route| FeedState {
            route: route.name.clone(),
            fetch: None,
            fetched: None,
            history: None,
            findings: Vec::new(),
        });
        Self {
            sources: sources.collect(),
            feeds: feeds.collect(),
            last_chance: is_set(now).then_some(now),
            installed: None,
        }
    }

    /// When signatures of this machine, or of this network's clients, become stale. Returns `None` if unknown.
    #[must_use]
    pub fn stale_after(&self, plan: &Plan) -> Option<SystemTime> {
        let installed = self.installed.map(|installed| installed.built_at);
        // A cache alone keeps no client current, and a source that was never judged says nothing.
        let is_judged = |known: &SourceState| {
            known.source.suffices() && (known.available.is_some() || known.last_available.is_some())
        };
        let last_chance = self.last_chance.filter(|_| self.sources.iter().any(is_judged));
        stale_after(installed, last_chance, plan.signatures.stale_after)
    }

    /// Corrects times that are after `now`. Uses `now` as the first start if that had no time.
    pub(super) fn keep_time(&mut self, now: SystemTime) {
        let times = self.sources.iter_mut().filter_map(|source| source.last_available.as_mut());
        for time in times.chain(self.last_chance.as_mut()) {
            *time = clamp_to_now(*time, now);
        }
        if is_set(now) {
            self.last_chance.get_or_insert(now);
        }
    }

    /// Whether a source is available on a route, if known.
    fn available(&self, source: UpdateSource, route: &str) -> Option<bool> {
        self.sources.iter().find(|known| known.source == source && known.route == route)?.available
    }

    /// Stores whether a source is available on a route, and when one of its endpoints last answered.
    fn found(
        &mut self,
        source: UpdateSource,
        route: &str,
        available: Option<bool>,
        answered: Option<SystemTime>,
    ) {
        let known = self.sources.iter_mut().find(|known| known.source == source && known.route == route);
        let Some(known) = known else { return };
        known.available = available;
        if let Some(at) = answered.filter(|at| available == Some(true) && is_set(*at)) {
            known.last_available = Some(at);
            if source.suffices() {
                self.last_chance = self.last_chance.max(Some(at));
            }
        }
    }

    /// The newest signatures known from sources other than this route.
    fn known_elsewhere(&self, route: &str) -> Option<Version> {
        let others = self.feeds.iter().filter(|feed| feed.route != route);
        let published = others.filter_map(|feed| Some(feed.history.as_ref()?.published.signatures));
        published.chain(self.installed.map(|installed| installed.signatures)).max()
    }

    pub(super) fn answered(&mut self, answer: FeedAnswer) {
        let elsewhere = self.known_elsewhere(&answer.route);
        let Some(feed) = self.feeds.iter_mut().find(|feed| feed.route == answer.route) else { return };
        feed.fetched = Some(answer.at);
        let FeedContent { url, published } = match answer.result {
            Ok(content) => content,
            Err(failure) => {
                // Without content there is no outdated content.
                (feed.fetch, feed.findings) = (Some(Err(failure)), Vec::new());
                return;
            }
        };
        let history = FeedHistory::next(feed.history.take(), &url, published, elsewhere, answer.at);
        let findings: Vec<_> = history.findings(answer.at).collect();
        for finding in findings.iter().filter(|finding| !feed.findings.contains(finding)) {
            let signatures = history.published.signatures;
            tracing::warn!(route = feed.route, %finding, %signatures, "version feed serves old content");
        }
        (feed.fetch, feed.history, feed.findings) = (Some(Ok(())), Some(history), findings);
    }
}

impl Snapshot {
    /// Updates the sources that a target belongs to. Their availability changes only if the target's verdict `changed`.
    /// `answered` is the time of an answer that a probe has just received.
    pub(super) fn judge_sources(&mut self, target: &Target, changed: bool, answered: Option<SystemTime>) {
        let (plan, route) = (Arc::clone(&self.plan), &target.route.name);
        let concerned =
            plan.signatures.sources.iter().filter(|spec| spec.component == target.endpoint.component);
        for spec in concerned {
            let available = if changed {
                let by_route = self.iter().filter(|(_, target, _)| target.route.name == *route);
                let endpoints = by_route.map(|(_, target, state)| (&target.endpoint, state.verdict()));
                verdict::source(spec, endpoints)
            } else {
                self.signatures.available(spec.source, route)
            };
            self.signatures.found(spec.source, route, available, answered);
        }
    }
}
