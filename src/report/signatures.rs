//! Security intelligence in a report: where clients can update from, what is published, and when theirs turns stale.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::Timestamp;
use crate::catalog::UpdateSource;
use crate::observation::Failure;
use crate::signatures::Finding;
use crate::state::{FeedState, Snapshot, SourceState};
use crate::verdict::Verdict;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What is left of the time at which the alert `DefenderStaleSignatureRisk` warns, and at which it pages.
const WARNING: Duration = DAY.saturating_mul(4);
const CRITICAL: Duration = DAY;

/// All that is known of security intelligence.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SignaturesReport<'a> {
    /// Whether signatures stay fresh: bad where they are stale or will be within a day, degraded within four; null where
    /// nothing can be told.
    pub verdict: Option<Verdict>,
    /// When the signatures of this machine turn stale; where it has no Defender, those of a client of this network that updated
    /// at the last chance; null where nothing can be told.
    pub stale_after: Option<Timestamp>,
    /// Whether that is told of this machine's own signatures.
    pub installed_here: bool,
    /// Whether clients can update, by source and route.
    pub sources: Vec<SourceReport<'a>>,
    /// What the version feed says, by route.
    pub feeds: Vec<FeedReport<'a>>,
}

impl<'a> SignaturesReport<'a> {
    pub(super) fn of(snapshot: &'a Snapshot, now: SystemTime) -> Self {
        let known = &snapshot.signatures;
        let stale_after = known.stale_after(&snapshot.plan);
        Self {
            verdict: stale_after.map(|at| freshness(at, now)),
            stale_after: stale_after.map(Timestamp),
            installed_here: known.installed.is_some(),
            sources: known.sources.iter().map(SourceReport::of).collect(),
            feeds: known.feeds.iter().map(FeedReport::of).collect(),
        }
    }
}

/// How near the time is at which signatures turn stale, as the alerts see it.
#[must_use]
pub fn freshness(stale_after: SystemTime, now: SystemTime) -> Verdict {
    match stale_after.duration_since(now).unwrap_or_default() {
        left if left < CRITICAL => Verdict::Bad,
        left if left < WARNING => Verdict::Degraded,
        _ => Verdict::Good,
    }
}

/// Whether clients can update from a source by a route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SourceReport<'a> {
    /// Which source.
    pub source: UpdateSource,
    /// By which route.
    pub route: &'a str,
    /// Null until each of its endpoints has been probed once.
    pub available: Option<bool>,
    /// When it was last known to be, in this or an earlier run.
    pub last_available: Option<Timestamp>,
}

impl<'a> SourceReport<'a> {
    fn of(state: &'a SourceState) -> Self {
        Self {
            source: state.source,
            route: &state.route,
            available: state.available,
            last_available: state.last_available.map(Timestamp),
        }
    }
}

/// What the version feed says by a route. The versions are those of the last answer, in this or an earlier run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FeedReport<'a> {
    /// By which route.
    pub route: &'a str,
    /// Whether the last fetch succeeded; null before the first.
    pub fetched: Option<bool>,
    /// Why it didn't.
    pub failure: Option<&'a Failure>,
    /// The URL that answered last.
    pub url: Option<&'a str>,
    /// The version of the signatures.
    pub signatures: Option<String>,
    /// Of the engine.
    pub engine: Option<String>,
    /// Of the platform.
    pub platform: Option<String>,
    /// When the signatures were published.
    pub published_at: Option<Timestamp>,
    /// Signs that the network hands out old content.
    pub findings: &'a [Finding],
}

impl<'a> FeedReport<'a> {
    fn of(state: &'a FeedState) -> Self {
        let fetch = state.fetch.as_ref();
        let published = state.told.as_ref().map(|told| &told.published);
        Self {
            route: &state.route,
            fetched: fetch.map(Result::is_ok),
            failure: fetch.and_then(|fetch| fetch.as_ref().err()),
            url: state.told.as_ref().map(|told| told.feed.as_str()),
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
    use crate::report::sample::at;

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
        let rules = include_str!("../../alerts/defender.rules.yml");
        let left = "expr: instance:defender_signatures_stale_after_timestamp_seconds:remaining <";
        for (limit, written) in [(WARNING, "4 * 86400"), (CRITICAL, "86400")] {
            let expression = format!("{left} {written}\n");
            assert_eq!(rules.matches(&expression).count(), 1, "the alerts know no {limit:?}");
        }
    }
}
