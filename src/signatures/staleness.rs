//! When the signatures of this network's clients become stale. Pure: the time is an argument.
//!
//! If Defender is installed on this machine, its own signatures count. Otherwise the result is about a client
//! that updated at the last opportunity: the latest time at which any source worked over any route. This
//! assumes that clients can use every route and update often enough; clients that are switched off become stale
//! sooner. Nothing is known about the network before the exporter first started, so clients are assumed to have
//! been able to update until then. That first start is stored in the state file; without a state file, every
//! start is the first.

use std::time::{Duration, SystemTime};

/// The earliest time of a clock that has been set: 2025-01-01. A machine without a clock battery starts in the
/// past, and its times are meaningless until its clock is set.
const EARLIEST_SET_CLOCK: Duration = Duration::from_secs(1_735_689_600);

/// When signatures become stale. `None` if nothing is known about them.
#[must_use]
pub fn stale_after(
    installed: Option<SystemTime>,
    last_chance: Option<SystemTime>,
    after: Duration,
) -> Option<SystemTime> {
    installed.or(last_chance)?.checked_add(after)
}

/// Whether the clock has been set.
#[must_use]
pub fn is_set(now: SystemTime) -> bool {
    now >= SystemTime::UNIX_EPOCH + EARLIEST_SET_CLOCK
}

/// Limits a remembered time to `now`. A later time was recorded before the clock was set back, and would hide
/// failures until it has passed. Returns it unchanged if the clock isn't set.
#[must_use]
pub fn clamp_to_now(remembered: SystemTime, now: SystemTime) -> SystemTime {
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
    fn installed_signatures_take_precedence() {
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
    fn a_time_in_the_future_is_limited_to_now() {
        let check = |remembered, now, expected| assert_eq!(clamp_to_now(remembered, now), expected);
        check(day(-1), day(0), day(-1));
        check(day(0), day(0), day(0));
        check(day(1), day(0), day(0));
        // A clock that isn't set says nothing about remembered times.
        check(day(0), SystemTime::UNIX_EPOCH, day(0));
        assert!(is_set(day(0)) && !is_set(day(-4000)));
    }
}
