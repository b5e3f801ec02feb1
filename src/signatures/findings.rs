//! Detects from a route's feed that the network serves outdated content, for example from a caching proxy.
//! Pure: the time comes with each response. `engine/feed_poller.rs` fetches the feed.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::feed::Published;
use super::staleness::clamp_to_now;
use super::version::Version;
use crate::alert_thresholds::{FEED_BEHIND, FEED_OLD};
use crate::string_enum::string_enum;

/// How long a feed's newest version is remembered. A version that was published by mistake must expire.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

string_enum! {
    /// A sign that a feed is outdated content.
    Finding {
        /// The feed reports older signatures than it did before.
        Backwards = "backwards",
        /// For a day, the feed has reported older signatures than are known from another route or installed on
        /// this machine.
        Behind = "behind",
        /// The newest reported signatures are at least two days old.
        Old = "old",
    }
}

impl Finding {
    /// A short description.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Backwards => "names older signatures than before",
            Self::Behind => "has named older signatures than are known elsewhere for a day",
            Self::Old => "the newest signatures that it names are days old",
        }
    }
}

/// The newest signatures that a feed has reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewestReport {
    /// Their version.
    pub signatures: Version,
    /// When the feed last reported them.
    pub at: SystemTime,
}

/// The history of a route's feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedHistory {
    /// The last response.
    pub published: Published,
    /// The URL of the feed that sent it.
    pub feed: String,
    /// The newest signatures that each feed has reported, by its URL.
    pub newest: BTreeMap<String, NewestReport>,
    /// Since when the reported signatures have been older than those known elsewhere.
    pub behind_since: Option<SystemTime>,
}

impl FeedHistory {
    /// Adds a response: at `at`, `feed` reported `published`. `elsewhere` are the newest signatures known from
    /// other sources.
    #[must_use]
    pub fn next(
        known: Option<Self>,
        feed: &str,
        published: Published,
        elsewhere: Option<Version>,
        at: SystemTime,
    ) -> Self {
        let (mut newest, behind_since) =
            known.map_or_else(Default::default, |known| (known.newest, known.behind_since));
        for report in newest.values_mut() {
            report.at = clamp_to_now(report.at, at);
        }
        newest.retain(|_, report| !has_lasted(REMEMBERED, report.at, at));
        let report = NewestReport { signatures: published.signatures, at };
        let own = newest.entry(feed.to_owned()).or_insert(report);
        if report.signatures >= own.signatures {
            *own = report;
        }
        let is_behind = elsewhere.is_some_and(|elsewhere| published.signatures < elsewhere);
        let behind_since = is_behind.then(|| behind_since.map_or(at, |since| clamp_to_now(since, at)));
        Self { published, feed: feed.to_owned(), newest, behind_since }
    }

    /// The findings at `now`.
    pub fn findings(&self, now: SystemTime) -> impl Iterator<Item = Finding> {
        Finding::ALL.iter().copied().filter(move |finding| self.shows(*finding, now))
    }

    fn shows(&self, finding: Finding, now: SystemTime) -> bool {
        match finding {
            Finding::Backwards => self.newest.get(&self.feed).is_some_and(|newest| {
                self.published.signatures < newest.signatures && !has_lasted(REMEMBERED, newest.at, now)
            }),
            Finding::Behind => self.behind_since.is_some_and(|since| has_lasted(FEED_BEHIND, since, now)),
            Finding::Old => has_lasted(FEED_OLD, self.published.published_at, now),
        }
    }
}

/// Whether `limit` has passed since `start`. False if `start` is in the future, because the clock was set back.
fn has_lasted(limit: Duration, start: SystemTime, now: SystemTime) -> bool {
    now.duration_since(start).is_ok_and(|passed| passed >= limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    use Finding::{Backwards, Behind, Old};

    const HOUR: u64 = 60 * 60;

    /// 2026-11-24 and some hours.
    fn hour(hours: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400 + hours * HOUR)
    }

    /// The n-th release, published in hour n.
    fn release(n: u64) -> Published {
        let version = |n: u64| Version([1, 441, u32::try_from(n).unwrap_or(u32::MAX), 0]);
        Published {
            signatures: version(n),
            engine: Version([1, 1, 26010, 1]),
            platform: Version([4, 18, 26010, 5]),
            published_at: hour(n),
        }
    }

    /// A response: its hour, its feed, the reported release, and the release known elsewhere.
    type Answer = (u64, &'static str, u64, Option<u64>);

    /// Checks the findings after the last response.
    fn check(answers: &[Answer], expected: &[Finding]) {
        let mut history = None;
        let mut now = hour(0);
        for (at, feed, n, elsewhere) in answers {
            now = hour(*at);
            let elsewhere = elsewhere.map(|n| release(n).signatures);
            history = Some(FeedHistory::next(history, feed, release(*n), elsewhere, now));
        }
        let found: Vec<Finding> = history.iter().flat_map(|history| history.findings(now)).collect();
        assert_eq!(found, expected, "{answers:?}");
    }

    #[test]
    fn an_up_to_date_feed_has_no_finding() {
        check(&[(0, "a", 0, None)], &[]);
        check(&[(0, "a", 0, None), (1, "a", 0, Some(0)), (9, "a", 8, Some(8)), (10, "a", 10, Some(8))], &[]);
    }

    #[test]
    fn a_feed_that_goes_backwards_is_found_until_it_recovers() {
        check(&[(9, "a", 8, None), (10, "a", 4, None)], &[Backwards]);
        check(&[(9, "a", 8, None), (10, "a", 4, None), (11, "a", 6, None)], &[Backwards]);
        check(&[(9, "a", 8, None), (10, "a", 4, None), (11, "a", 8, None)], &[]);
        // Each feed has its own history.
        check(&[(9, "a", 8, None), (10, "b", 4, None)], &[]);
        check(&[(9, "a", 8, None), (10, "b", 4, None), (11, "a", 7, None)], &[Backwards]);
    }

    #[test]
    fn a_withdrawn_version_is_forgotten_after_a_week() {
        let mistake = (0, "a", 900, None);
        check(&[mistake, (167, "a", 160, None)], &[Backwards]);
        check(&[mistake, (167, "a", 160, None), (168, "a", 168, None)], &[]);
        check(&[mistake, (168, "a", 168, None), (169, "a", 160, None)], &[Backwards]);
    }

    #[test]
    fn a_feed_that_is_behind_for_a_day_is_found() {
        check(&[(1, "a", 0, Some(0)), (6, "a", 0, Some(4)), (29, "a", 0, Some(28))], &[]);
        check(&[(1, "a", 0, Some(0)), (6, "a", 0, Some(4)), (30, "a", 0, Some(28))], &[Behind]);
        // The feed catches up in between.
        check(&[(6, "a", 0, Some(4)), (20, "a", 20, Some(20)), (30, "a", 20, Some(28))], &[]);
        // The feed advances, but a day late: still outdated content.
        check(&[(6, "a", 0, Some(4)), (20, "a", 2, Some(20)), (30, "a", 6, Some(28))], &[Behind]);
        // No source advances, or no other source is known.
        check(&[(1, "a", 0, Some(0)), (47, "a", 0, Some(0))], &[]);
        check(&[(1, "a", 0, None), (47, "a", 0, None)], &[]);
    }

    #[test]
    fn old_signatures_are_found_without_another_source() {
        check(&[(47, "a", 0, None)], &[]);
        check(&[(48, "a", 0, None)], &[Old]);
        check(&[(48, "a", 47, None), (49, "a", 0, Some(47))], &[Backwards, Old]);
    }

    #[test]
    fn findings_after_the_clock_is_set_back() {
        let behind_ahead = (1000, "a", 0, Some(4));
        check(&[behind_ahead, (6, "a", 0, Some(4))], &[]);
        check(&[behind_ahead, (6, "a", 0, Some(4)), (29, "a", 0, Some(4))], &[]);
        check(&[behind_ahead, (6, "a", 0, Some(4)), (30, "a", 0, Some(4))], &[Behind]);
        check(&[(1000, "a", 8, None), (6, "a", 6, None), (173, "a", 6, None)], &[Backwards, Old]);
        check(&[(1000, "a", 8, None), (6, "a", 6, None), (174, "a", 6, None)], &[Old]);
    }
}
