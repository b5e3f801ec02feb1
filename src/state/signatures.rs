//! What is known of security intelligence: which sources work, what is published, what is installed. The fold is pure; the
//! rules are those of `signatures` and `verdict`.

use std::sync::Arc;
use std::time::SystemTime;

use super::Snapshot;
use crate::catalog::{SourceSpec, UpdateSource};
use crate::observation::Failure;
use crate::plan::{Plan, Target};
use crate::signatures::{Answer, Finding, Installed, Told, Version, believed, is_set, stale_after};
use crate::verdict;

/// Whether clients can update from a source by one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceState {
    /// Which source.
    pub source: UpdateSource,
    /// By which route.
    pub route: String,
    /// None until it is known.
    pub available: Option<bool>,
    /// When it was last known to be, in this or an earlier run.
    pub last_available: Option<SystemTime>,
}

/// What a route's version feed says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedState {
    /// By which route.
    pub route: String,
    /// How the last fetch ended; none before the first.
    pub fetch: Option<Result<(), Failure>>,
    /// What the route has been told so far, in this or an earlier run.
    pub told: Option<Told>,
    /// What was found at the last fetch; nothing where that failed.
    pub findings: Vec<Finding>,
}

/// All that is known of security intelligence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignaturesState {
    /// One for each source and route that has targets of it.
    pub sources: Vec<SourceState>,
    /// One for each route that clients update by.
    pub feeds: Vec<FeedState>,
    /// The last moment at which a client of this network could have updated; where none ever could, the first start. None
    /// while the clock isn't set.
    pub last_chance: Option<SystemTime>,
    /// What is installed on this machine, if that is known.
    pub installed: Option<Installed>,
}

impl SignaturesState {
    /// What is known at the first start, at `now`.
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
        let feeds = routes().map(|route| FeedState { route, fetch: None, told: None, findings: Vec::new() });
        Self {
            sources: sources.collect(),
            feeds: feeds.collect(),
            last_chance: is_set(now).then_some(now),
            installed: None,
        }
    }

    /// When the signatures of this machine, or of this network's clients, turn stale; none where nothing can be told.
    #[must_use]
    pub fn stale_after(&self, plan: &Plan) -> Option<SystemTime> {
        let installed = self.installed.map(|installed| installed.built_at);
        let last_chance = self.last_chance.filter(|_| !self.sources.is_empty());
        stale_after(installed, last_chance, plan.signatures.stale_after)
    }

    /// Holds what is remembered to the clock, and takes `now` for the first start where that had no time.
    pub(super) fn keep_time(&mut self, now: SystemTime) {
        let times = self.sources.iter_mut().filter_map(|source| source.last_available.as_mut());
        for time in times.chain(self.last_chance.as_mut()) {
            *time = believed(*time, now);
        }
        if is_set(now) {
            self.last_chance.get_or_insert(now);
        }
    }

    /// Whether a source is available by a route, as far as it is known.
    fn available(&self, source: UpdateSource, route: &str) -> Option<bool> {
        self.sources.iter().find(|known| known.source == source && known.route == route)?.available
    }

    /// A source was found to be available by a route, or not, with an endpoint of it that answered at that time.
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
            self.last_chance = Some(at);
        }
    }

    /// The newest signatures known otherwise than by this route.
    fn known_elsewhere(&self, route: &str) -> Option<Version> {
        let others = self.feeds.iter().filter(|feed| feed.route != route);
        let published = others.filter_map(|feed| Some(feed.told.as_ref()?.published.signatures));
        published.chain(self.installed.map(|installed| installed.signatures)).max()
    }

    pub(super) fn answered(&mut self, answer: Answer) {
        let elsewhere = self.known_elsewhere(&answer.route);
        let Some(feed) = self.feeds.iter_mut().find(|feed| feed.route == answer.route) else { return };
        let (url, published) = match answer.result {
            Ok(answered) => answered,
            Err(failure) => {
                // What isn't handed out isn't old either.
                (feed.fetch, feed.findings) = (Some(Err(failure)), Vec::new());
                return;
            }
        };
        let told = Told::next(feed.told.take(), &url, published, elsewhere, answer.at);
        let findings: Vec<_> = told.findings(answer.at).collect();
        for finding in findings.iter().filter(|finding| !feed.findings.contains(finding)) {
            let signatures = told.published.signatures;
            tracing::warn!(route = feed.route, %finding, %signatures, "the version feed is old content");
        }
        (feed.fetch, feed.told, feed.findings) = (Some(Ok(())), Some(told), findings);
    }
}

impl Snapshot {
    /// What is known of a target now means something for the sources that it is part of: whether they are available only
    /// where its verdict `changed`. `answered`: a probe of it has just got an answer, at that time.
    pub(super) fn judge_sources(&mut self, target: &Target, changed: bool, answered: Option<SystemTime>) {
        let (plan, route) = (Arc::clone(&self.plan), &target.route.name);
        let concerned =
            plan.signatures.sources.iter().filter(|spec| spec.component == target.endpoint.component);
        for spec in concerned {
            let available = if changed {
                let by_route = self.iter().filter(|(_, target, _)| target.route.name == *route);
                let endpoints = by_route.map(|(_, target, state)| (&target.endpoint, state.verdict(target)));
                verdict::source(spec, endpoints)
            } else {
                self.signatures.available(spec.source, route)
            };
            self.signatures.found(spec.source, route, available, answered);
        }
    }
}
