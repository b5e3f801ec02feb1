//! Security intelligence: the sources that clients can update from, the published versions, and when signatures become
//! stale.

use std::time::SystemTime;

use serde::Serialize;

use super::Timestamp;
use crate::alert_thresholds::{STALE_SIGNATURES_CRITICAL, STALE_SIGNATURES_WARNING};
use crate::catalog::UpdateSource;
use crate::observation::Failure;
use crate::signatures::Finding;
use crate::state::{FeedState, Snapshot, SourceState};
use crate::verdict::Verdict;

/// The state of security intelligence.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SignaturesReport<'a> {
    /// Whether signatures stay up to date: bad if they are stale or will be within a day, degraded within four days;
    /// null if unknown.
    pub verdict: Option<Verdict>,
    /// When this machine's signatures become stale. Without a Defender, those of a client of this network that updated
    /// at the last opportunity. Null if unknown.
    pub stale_after: Option<Timestamp>,
    /// Whether `stale_after` refers to this machine's own signatures.
    pub installed_here: bool,
    /// Whether clients can update, by source and route.
    pub sources: Vec<SourceReport<'a>>,
    /// The state of the version feed, by route.
    pub feeds: Vec<FeedReport<'a>>,
}

impl<'a> SignaturesReport<'a> {
    pub(super) fn new(snapshot: &'a Snapshot, now: SystemTime) -> Self {
        let known = &snapshot.signatures;
        let stale_after = known.stale_after(&snapshot.plan);
        Self {
            verdict: stale_after.map(|at| freshness(at, now)),
            stale_after: stale_after.map(Timestamp),
            installed_here: known.installed.is_some(),
            sources: known.sources.iter().map(SourceReport::new).collect(),
            feeds: known.feeds.iter().map(FeedReport::new).collect(),
        }
    }
}

/// How close the signatures are to being stale, with the thresholds of the alerts.
#[must_use]
pub fn freshness(stale_after: SystemTime, now: SystemTime) -> Verdict {
    match stale_after.duration_since(now).unwrap_or_default() {
        left if left < STALE_SIGNATURES_CRITICAL => Verdict::Bad,
        left if left < STALE_SIGNATURES_WARNING => Verdict::Degraded,
        _ => Verdict::Good,
    }
}

/// Whether clients can update from a source on a route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SourceReport<'a> {
    /// The source.
    pub source: UpdateSource,
    /// The route.
    pub route: &'a str,
    /// Null until each of its endpoints has been probed.
    pub available: Option<bool>,
    /// When it was last available, in this or an earlier run.
    pub last_available: Option<Timestamp>,
}

impl<'a> SourceReport<'a> {
    fn new(state: &'a SourceState) -> Self {
        Self {
            source: state.source,
            route: &state.route,
            available: state.available,
            last_available: state.last_available.map(Timestamp),
        }
    }
}

/// The state of the version feed on a route. The versions are those of the last response, in this or an earlier run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FeedReport<'a> {
    /// The route.
    pub route: &'a str,
    /// Whether the last fetch succeeded; null before the first.
    pub fetched: Option<bool>,
    /// Why it failed.
    pub failure: Option<&'a Failure>,
    /// The URL of the last response.
    pub url: Option<&'a str>,
    /// The version of the signatures.
    pub signatures: Option<String>,
    /// The version of the engine.
    pub engine: Option<String>,
    /// The version of the platform.
    pub platform: Option<String>,
    /// When the signatures were published.
    pub published_at: Option<Timestamp>,
    /// Signs that the network delivers outdated content.
    pub findings: &'a [Finding],
}

impl<'a> FeedReport<'a> {
    fn new(state: &'a FeedState) -> Self {
        let fetch = state.fetch.as_ref();
        let published = state.history.as_ref().map(|history| &history.published);
        Self {
            route: &state.route,
            fetched: fetch.map(Result::is_ok),
            failure: fetch.and_then(|fetch| fetch.as_ref().err()),
            url: state.history.as_ref().map(|history| history.feed.as_str()),
            signatures: published.map(|published| published.signatures.to_string()),
            engine: published.map(|published| published.engine.to_string()),
            platform: published.map(|published| published.platform.to_string()),
            published_at: published.map(|published| Timestamp(published.published_at)),
            findings: &state.findings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::simulation::at;

    #[test]
    fn the_verdict_turns_where_the_alerts_do() {
        let days = |n: u64| n * 24 * 60 * 60;
        for (stale_after, expected) in [
            (days(5), Verdict::Good),
            (days(4), Verdict::Good),
            (days(4) - 1, Verdict::Degraded),
            (days(1), Verdict::Degraded),
            (days(1) - 1, Verdict::Bad),
            (0, Verdict::Bad),
        ] {
            assert_eq!(freshness(at(stale_after), at(0)), expected, "{stale_after}");
        }
        assert_eq!(freshness(at(0), at(days(1))), Verdict::Bad, "long since");
    }
}
