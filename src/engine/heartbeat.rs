//! Whether this program gets to run: a heart that beats while it does. Where it didn't, on a machine that was suspended or as
//! a process that was stopped or starved, what was under way has measured that, and not the network.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clock;

/// Between two beats.
const BEAT: Duration = Duration::from_millis(500);
/// A beat that is late by more than this wasn't late by chance.
const STANDSTILL: Duration = Duration::from_secs(1);

/// The beats so far.
#[derive(Debug)]
pub(super) struct Heartbeat(Mutex<Beats>);

#[derive(Debug)]
struct Beats {
    last: Instant,
    /// How long the machine had been suspended until then, where the monotonic clock doesn't tell.
    asleep: Duration,
    standstills: u64,
}

impl Beats {
    /// How long the program didn't run since the last beat; none: it did.
    fn stood(&self, now: Instant, asleep: Duration) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.last) + asleep.saturating_sub(self.asleep);
        (passed > BEAT + STANDSTILL).then_some(passed)
    }

    fn beat(&mut self, now: Instant, asleep: Duration) -> Option<Duration> {
        let stood = self.stood(now, asleep);
        *self = Self { last: now, asleep, standstills: self.standstills + u64::from(stood.is_some()) };
        stood
    }

    /// The one that ends only now is counted too: who asks may be woken before the next beat.
    fn standstills(&self, now: Instant, asleep: Duration) -> u64 {
        self.standstills + u64::from(self.stood(now, asleep).is_some())
    }
}

impl Heartbeat {
    /// It beats from now on.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Beats { last: Instant::now(), asleep: clock::asleep(), standstills: 0 }))
    }

    /// How often the program stood still: a probe before and after which this isn't the same number was held up.
    pub(super) fn standstills(&self) -> u64 {
        self.beats().standstills(Instant::now(), clock::asleep())
    }

    /// Beats until it is dropped, and tells how long the program stood still.
    pub(super) async fn keep(&self, stood: watch::Sender<Duration>) {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            let passed = self.beats().beat(Instant::now(), clock::asleep());
            if let Some(passed) = passed {
                tracing::warn!(
                    "this machine, or this program, stood still for {passed:.1?}: probes under way don't count"
                );
                stood.send_replace(passed);
            }
        }
    }

    fn beats(&self) -> MutexGuard<'_, Beats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standstill_is_counted_once_whoever_notices_it_first() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut beats = Beats { last: start, asleep: second, standstills: 0 };
        assert_eq!(beats.beat(start + BEAT, second), None);
        assert_eq!(beats.beat(start + BEAT * 3, second), None, "late by chance");
        let woken = start + BEAT * 3 + 60 * second;
        assert_eq!(beats.standstills(woken, second), 1, "a probe notices it");
        assert_eq!(beats.beat(woken, second), Some(60 * second), "then the beat");
        assert_eq!(beats.standstills(woken + BEAT, second), 1);
    }

    #[test]
    fn a_machine_that_was_suspended_stood_still_although_its_clock_did_too() {
        let start = Instant::now();
        let mut beats = Beats { last: start, asleep: Duration::ZERO, standstills: 0 };
        let night = Duration::from_secs(8 * 3600);
        assert_eq!(beats.beat(start + BEAT, night), Some(night + BEAT));
        assert_eq!(beats.beat(start + BEAT * 2, night), None);
    }
}
