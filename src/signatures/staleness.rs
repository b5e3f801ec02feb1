//! When the signatures of this network's clients turn stale. Pure; time comes with the question.
//!
//! With Defender on this machine, its own signatures are known and answer for themselves. Without, the answer is about a
//! client that updated at the last chance it had: the latest moment at which any source worked by any route. That assumes
//! that a client can use each route, and that it asks often enough to catch the chance; a client that is switched off
//! turns stale sooner than this says. Before the exporter first ran nothing is known of the network, so clients are assumed
//! to have been able to update until then: on a network that never let them, the time counts from that first start. It is kept
//! in the state file; without one, each start is the first.

use std::time::{Duration, SystemTime};

/// What every clock that has been set shows at least: 2025-01-01. A machine without a battery for its clock starts in the
/// past, and what it sees until it has been told the time has no time.
const SET_CLOCKS_SHOW: Duration = Duration::from_secs(1_735_689_600);

/// When signatures turn stale; none where nothing is known of them.
#[must_use]
pub fn stale_after(
    installed: Option<SystemTime>,
    last_chance: Option<SystemTime>,
    after: Duration,
) -> Option<SystemTime> {
    installed.or(last_chance)?.checked_add(after)
}

/// Whether a clock that shows this has been set.
#[must_use]
pub fn is_set(now: SystemTime) -> bool {
    now >= SystemTime::UNIX_EPOCH + SET_CLOCKS_SHOW
}

/// A remembered time as it is believed at `now`: no later. One that lies ahead was noted before the clock went back, and would
/// otherwise hide for as long as it lies ahead that nothing works any more.
#[must_use]
pub fn believed(remembered: SystemTime, now: SystemTime) -> SystemTime {
    if is_set(now) { remembered.min(now) } else { remembered }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    /// 2026-11-24 and some days.
    fn day(days: i64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400_u64.saturating_add_signed(days * 86_400))
    }

    #[test]
    fn installed_signatures_answer_for_themselves() {
        let week = Duration::from_secs(7 * DAY);
        let check = |installed: Option<i64>, chance: Option<i64>, expected: Option<i64>| {
            let found = stale_after(installed.map(day), chance.map(day), week);
            assert_eq!(found, expected.map(day), "{installed:?} {chance:?}");
        };
        check(None, None, None);
        check(None, Some(0), Some(7));
        check(Some(-3), Some(0), Some(4));
        check(Some(0), Some(-3), Some(7));
        check(Some(0), None, Some(7));
    }

    #[test]
    fn a_time_ahead_is_believed_no_longer_than_until_now() {
        let check = |remembered, now, expected| assert_eq!(believed(remembered, now), expected);
        check(day(-1), day(0), day(-1));
        check(day(0), day(0), day(0));
        check(day(1), day(0), day(0));
        // A clock that has not been set proves nothing about what is remembered.
        check(day(0), SystemTime::UNIX_EPOCH, day(0));
        assert!(is_set(day(0)) && !is_set(day(-4000)));
    }
}
