//! What a route's feed tells of the network that it comes through: a caching proxy that hands out old content. Pure; time
//! comes with each answer. When the feed is asked is `watch.rs`' business.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::feed::Published;
use super::staleness::believed;
use super::version::Version;
use crate::words::words;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a feed may name older signatures than are known elsewhere. Servers that share the work differ for minutes.
const BEHIND: Duration = DAY;

/// The age of the newest signatures at which something must be wrong: Microsoft publishes several times a day.
const OLD: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// How long a feed's newest version is held against it; one that was a mistake must not be forever.
const REMEMBERED: Duration = Duration::from_secs(7 * 24 * 60 * 60);

words! {
    /// A sign that a feed is old content.
    Finding {
        /// It names older signatures than it has named before.
        Backwards = "backwards",
        /// For a day it has named older signatures than are known elsewhere: by another route, or installed here.
        Behind = "behind",
        /// The newest signatures that it names are three or more days old.
        Old = "old",
    }
}

impl Finding {
    /// What was found, in a few words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Backwards => "names older signatures than before",
            Self::Behind => "has named older signatures than are known elsewhere for a day",
            Self::Old => "the newest signatures that it names are days old",
        }
    }
}

/// What a route has been told so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// By the last answer.
    pub published: Published,
    /// The URL of the feed that it came from.
    pub feed: String,
    /// The newest signatures that each feed has named, by its URL, and when it did so last.
    pub newest: BTreeMap<String, (Version, SystemTime)>,
    /// Since when the answers have been older than what is known elsewhere.
    pub behind_since: Option<SystemTime>,
}

impl Told {
    /// Takes in an answer: at `at`, `feed` names what is `published`. `elsewhere` are the newest signatures that are known
    /// otherwise.
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
        for (_, noted) in newest.values_mut() {
            *noted = believed(*noted, at);
        }
        newest.retain(|_, (_, noted)| !has_lasted(REMEMBERED, *noted, at));
        let own = newest.entry(feed.to_owned()).or_insert((published.signatures, at));
        if published.signatures >= own.0 {
            *own = (published.signatures, at);
        }
        let is_behind = elsewhere.is_some_and(|elsewhere| published.signatures < elsewhere);
        let behind_since = is_behind.then(|| behind_since.map_or(at, |since| believed(since, at)));
        Self { published, feed: feed.to_owned(), newest, behind_since }
    }

    /// What is found at `now`.
    pub fn findings(&self, now: SystemTime) -> impl Iterator<Item = Finding> {
        Finding::ALL.iter().copied().filter(move |finding| self.shows(*finding, now))
    }

    fn shows(&self, finding: Finding, now: SystemTime) -> bool {
        match finding {
            Finding::Backwards => self.newest.get(&self.feed).is_some_and(|(version, noted)| {
                self.published.signatures < *version && !has_lasted(REMEMBERED, *noted, now)
            }),
            Finding::Behind => self.behind_since.is_some_and(|since| has_lasted(BEHIND, since, now)),
            Finding::Old => has_lasted(OLD, self.published.published_at, now),
        }
    }
}

/// Whether so long has passed since `start`. A start that lies ahead is none: the clock went back.
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

    /// The n-th release, published at that hour.
    fn release(n: u64) -> Published {
        let version = |n: u64| Version([1, 441, u32::try_from(n).unwrap_or(u32::MAX), 0]);
        Published {
            signatures: version(n),
            engine: Version([1, 1, 26010, 1]),
            platform: Version([4, 18, 26010, 5]),
            published_at: hour(n),
        }
    }

    /// An answer: at which hour it came, from which feed, which release it names, and which is known elsewhere.
    type Answer = (u64, &'static str, u64, Option<u64>);

    /// What is found after the last answer.
    fn check(answers: &[Answer], expected: &[Finding]) {
        let mut told = None;
        let mut now = hour(0);
        for (at, feed, n, elsewhere) in answers {
            now = hour(*at);
            let elsewhere = elsewhere.map(|n| release(n).signatures);
            told = Some(Told::next(told, feed, release(*n), elsewhere, now));
        }
        let found: Vec<Finding> = told.iter().flat_map(|told| told.findings(now)).collect();
        assert_eq!(found, expected, "{answers:?}");
    }

    #[test]
    fn a_feed_that_follows_what_is_published_shows_nothing() {
        check(&[(0, "a", 0, None)], &[]);
        check(&[(0, "a", 0, None), (1, "a", 0, Some(0)), (9, "a", 8, Some(8)), (10, "a", 10, Some(8))], &[]);
    }

    #[test]
    fn a_feed_that_goes_back_is_found_until_it_is_where_it_was() {
        check(&[(9, "a", 8, None), (10, "a", 4, None)], &[Backwards]);
        check(&[(9, "a", 8, None), (10, "a", 4, None), (11, "a", 6, None)], &[Backwards]);
        check(&[(9, "a", 8, None), (10, "a", 4, None), (11, "a", 8, None)], &[]);
        // Another feed has a time of its own.
        check(&[(9, "a", 8, None), (10, "b", 4, None)], &[]);
        check(&[(9, "a", 8, None), (10, "b", 4, None), (11, "a", 7, None)], &[Backwards]);
    }

    #[test]
    fn a_version_that_never_came_again_is_forgotten_after_a_week() {
        let mistake = (0, "a", 900, None);
        check(&[mistake, (167, "a", 160, None)], &[Backwards]);
        check(&[mistake, (167, "a", 160, None), (168, "a", 168, None)], &[]);
        check(&[mistake, (168, "a", 168, None), (169, "a", 160, None)], &[Backwards]);
    }

    #[test]
    fn a_feed_that_stands_still_for_a_day_while_others_move_is_found() {
        check(&[(1, "a", 0, Some(0)), (6, "a", 0, Some(4)), (29, "a", 0, Some(28))], &[]);
        check(&[(1, "a", 0, Some(0)), (6, "a", 0, Some(4)), (30, "a", 0, Some(28))], &[Behind]);
        // It catches up in between.
        check(&[(6, "a", 0, Some(4)), (20, "a", 20, Some(20)), (30, "a", 20, Some(28))], &[]);
        // It moves, a day late: old content all the same.
        check(&[(6, "a", 0, Some(4)), (20, "a", 2, Some(20)), (30, "a", 6, Some(28))], &[Behind]);
        // Nothing moves anywhere, or nothing else is known.
        check(&[(1, "a", 0, Some(0)), (48, "a", 0, Some(0))], &[]);
        check(&[(1, "a", 0, None), (48, "a", 0, None)], &[]);
    }

    #[test]
    fn a_feed_whose_newest_is_days_old_is_found_without_another() {
        check(&[(71, "a", 0, None)], &[]);
        check(&[(72, "a", 0, None)], &[Old]);
        check(&[(72, "a", 71, None), (73, "a", 0, Some(71))], &[Backwards, Old]);
    }

    #[test]
    fn a_clock_that_goes_back_makes_no_finding_and_hides_none_for_long() {
        let behind_ahead = (1000, "a", 0, Some(4));
        check(&[behind_ahead, (6, "a", 0, Some(4))], &[]);
        check(&[behind_ahead, (6, "a", 0, Some(4)), (29, "a", 0, Some(4))], &[]);
        check(&[behind_ahead, (6, "a", 0, Some(4)), (30, "a", 0, Some(4))], &[Behind]);
        check(&[(1000, "a", 8, None), (6, "a", 6, None), (173, "a", 6, None)], &[Backwards, Old]);
        check(&[(1000, "a", 8, None), (6, "a", 6, None), (174, "a", 6, None)], &[Old]);
    }
}
