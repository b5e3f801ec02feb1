//! Detects that the process was suspended, stopped or starved of CPU, by a periodic tick. Probes in flight at that time
//! measured the stall rather than the network, and are discarded.

use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clock;
use crate::text::duration;

/// The interval between ticks.
const TICK: Duration = Duration::from_millis(500);
/// A tick that is later than this counts as a stall.
const STALL: Duration = Duration::from_secs(1);

/// The ticks so far.
#[derive(Debug)]
pub(super) struct StallDetector(Mutex<Ticks>);

#[derive(Debug)]
struct Ticks {
    last: Instant,
    /// The total suspend time at the last tick, on systems whose monotonic clock stops during suspend.
    asleep: Duration,
    stalls: u64,
}

impl Ticks {
    /// How long the process stalled since the last tick. Returns `None` if it didn't.
    fn stalled_for(&self, now: Instant, asleep: Duration) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.last) + asleep.saturating_sub(self.asleep);
        (passed > TICK + STALL).then_some(passed)
    }

    fn tick(&mut self, now: Instant, asleep: Duration) -> Option<Duration> {
        let stalled = self.stalled_for(now, asleep);
        *self = Self { last: now, asleep, stalls: self.stalls + u64::from(stalled.is_some()) };
        stalled
    }

    /// Includes a stall that the next tick will count: callers may wake up before it.
    fn stalls(&self, now: Instant, asleep: Duration) -> u64 {
        self.stalls + u64::from(self.stalled_for(now, asleep).is_some())
    }
}

impl StallDetector {
    /// Ticks from now on.
    pub(super) fn new() -> Self {
        Self(Mutex::new(Ticks { last: Instant::now(), asleep: clock::time_suspended(), stalls: 0 }))
    }

    /// The number of stalls so far. A probe is invalid if this changed while it ran.
    pub(super) fn stalls(&self) -> u64 {
        self.ticks().stalls(Instant::now(), clock::time_suspended())
    }

    /// Ticks until it is dropped, and reports how long each stall lasted.
    pub(super) async fn run(&self, stalled: watch::Sender<Duration>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let passed = self.ticks().tick(Instant::now(), clock::time_suspended());
            if let Some(passed) = passed {
                tracing::warn!(
                    stalled_for = duration(passed),
                    "process stalled, discarding in-flight probes"
                );
                stalled.send_replace(passed);
            }
        }
    }

    fn ticks(&self) -> MutexGuard<'_, Ticks> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_is_counted_once_by_the_probe_or_the_tick() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut ticks = Ticks { last: start, asleep: second, stalls: 0 };
        assert_eq!(ticks.tick(start + TICK, second), None);
        assert_eq!(ticks.tick(start + TICK * 3, second), None, "late by chance");
        let woken = start + TICK * 3 + 60 * second;
        assert_eq!(ticks.stalls(woken, second), 1, "a probe notices it");
        assert_eq!(ticks.tick(woken, second), Some(60 * second), "then the tick");
        assert_eq!(ticks.stalls(woken + TICK, second), 1);
    }

    #[test]
    fn a_suspend_counts_as_a_stall() {
        let start = Instant::now();
        let mut ticks = Ticks { last: start, asleep: Duration::ZERO, stalls: 0 };
        let night = Duration::from_secs(8 * 3600);
        assert_eq!(ticks.tick(start + TICK, night), Some(night + TICK));
        assert_eq!(ticks.tick(start + TICK * 2, night), None);
    }
}
