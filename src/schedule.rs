//! When each target is due. Pure: the caller says what time it is.
//!
//! Every target has a stable offset within its interval, so that probes are spread evenly and a restart finds the
//! same order. The first round is compressed into a few seconds, so that a new process soon has something to say.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use crate::plan::{Plan, Target, TargetId};

/// The longest time over which the first round is spread.
const FIRST_ROUND: Duration = Duration::from_secs(3);

/// What is late by more than this is left out, since all of it would come at once: the machine was suspended, or has too much
/// to do.
const LATE: Duration = Duration::from_secs(5);

/// The longest time over which targets are probed again that a standstill has kept from it.
const CATCH_UP: Duration = Duration::from_secs(60);

/// The targets by the time at which they are due next.
#[derive(Debug)]
pub struct Schedule {
    queue: BinaryHeap<Reverse<(Instant, TargetId)>>,
    slots: Vec<Slot>,
    start: Instant,
}

#[derive(Debug)]
struct Slot {
    interval: Duration,
    offset: Duration,
    busy: bool,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// This target is to be probed; it is busy until [`Schedule::finished`].
    Probe(TargetId),
    /// This target is still busy with its last probe, or its time has long passed: nothing is to be done but to count it.
    Overrun(TargetId),
}

impl Schedule {
    /// Every target of the plan, its first probe soon after `start`.
    #[must_use]
    pub fn new(plan: &Plan, start: Instant) -> Self {
        Self::of(plan, start, start, &HashMap::new())
    }

    /// The same for the plan that takes the place of the one before. `kept` are, by their old ids, the targets that go on as
    /// they are: their next probes come when they would have, or an interval after `now` if that is earlier. The others are
    /// new, and soon probed.
    #[must_use]
    pub fn succeed(self, plan: &Plan, kept: &HashMap<TargetId, TargetId>, now: Instant) -> Self {
        let next = self.queue.iter().map(|Reverse((at, id))| (*id, *at));
        let known = next.filter_map(|(old, at)| Some((*kept.get(&old)?, (at, self.slots[old.0].busy))));
        Self::of(plan, self.start, now, &known.collect())
    }

    /// `known`: when targets are due, and whether they are busy.
    fn of(plan: &Plan, start: Instant, now: Instant, known: &HashMap<TargetId, (Instant, bool)>) -> Self {
        let (mut queue, mut slots) = (BinaryHeap::new(), Vec::new());
        for (n, (target, part)) in plan.targets.iter().zip(offsets(&plan.targets)).enumerate() {
            let interval = target.interval;
            let (due, busy) = match known.get(&TargetId(n)) {
                Some((due, busy)) => ((*due).min(now + interval), *busy),
                None => (now + first_round(target).mul_f64(part), false),
            };
            slots.push(Slot { interval, offset: interval.mul_f64(part), busy });
            queue.push(Reverse((due, TargetId(n))));
        }
        Self { queue, slots, start }
    }

    /// When the next target is due; none without targets.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        self.queue.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the next target that is due at `now`, and plans its next time.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        let Reverse((at, id)) = *self.queue.peek().filter(|Reverse((at, _))| *at <= now)?;
        self.queue.pop();
        let slot = &mut self.slots[id.0];
        let late = now.duration_since(at) > LATE;
        let next = if late { slot.catch_up(self.start, now) } else { slot.next(self.start, at, now) };
        self.queue.push(Reverse((next, id)));
        if slot.busy || late {
            return Some(Due::Overrun(id));
        }
        slot.busy = true;
        Some(Due::Probe(id))
    }

    /// Says that the program didn't run for a time, which this clock may not have told: whoever waits for long is probed soon.
    pub fn awake(&mut self, stood: Duration, now: Instant) {
        if stood >= CATCH_UP {
            let (slots, start) = (&self.slots, self.start);
            let soon = |(at, id): (Instant, TargetId)| (at.min(slots[id.0].catch_up(start, now)), id);
            self.queue = self.queue.drain().map(|Reverse(entry)| Reverse(soon(entry))).collect();
        }
    }

    /// Says that the probe of a target has ended.
    pub fn finished(&mut self, id: TargetId) {
        self.slots[id.0].busy = false;
    }
}

impl Slot {
    /// The next regular time, or within a minute where that is far: all targets together keep even distances.
    fn catch_up(&self, start: Instant, now: Instant) -> Instant {
        if self.interval <= CATCH_UP {
            return self.next(start, start, now);
        }
        now + CATCH_UP.mul_f64(1.0 - self.offset.div_duration_f64(self.interval))
    }

    /// The first regular time that is at least half an interval after the last one and lies in the future: what a
    /// suspended machine has missed is missed.
    fn next(&self, start: Instant, last: Instant, now: Instant) -> Instant {
        let earliest = (last + self.interval / 2).max(now).duration_since(start);
        let rounds =
            earliest.saturating_sub(self.offset).as_nanos().div_ceil(self.interval.as_nanos().max(1));
        let regular =
            start + self.offset + self.interval.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        if regular > now { regular } else { regular + self.interval }
    }
}

/// The time over which the first probes of targets like this one are spread.
fn first_round(target: &Target) -> Duration {
    FIRST_ROUND.min(target.timeout / 2).min(target.interval)
}

/// Each target's place within its interval, as a part of it: targets are put in the order of a hash of their name,
/// so that neighbours of the catalog don't follow each other, and spaced evenly.
fn offsets(targets: &[Target]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..targets.len()).collect();
    order.sort_by_cached_key(|n| (name_hash(&targets[*n]), *n));
    let mut offsets = vec![0.0; targets.len()];
    for (rank, n) in order.into_iter().enumerate() {
        // Plans hold at most 100,000 targets: both numbers are exact.
        #[allow(clippy::cast_precision_loss)]
        let part = rank as f64 / targets.len() as f64;
        offsets[n] = part;
    }
    offsets
}

/// A number that stands for what names a target.
pub(crate) fn name_hash(target: &Target) -> u64 {
    hash([target.endpoint.component.as_str(), target.endpoint.url.as_str(), target.route.name.as_str()])
}

/// The place within an interval, as a part of it, of what goes by these words.
#[must_use]
pub fn part<'a>(words: impl IntoIterator<Item = &'a str>) -> f64 {
    // The upper half decides, and is exact in a float.
    f64::from((hash(words) >> 32) as u32) / (f64::from(u32::MAX) + 1.0)
}

/// FNV-1a over words: the same in every build and on every machine, which `std`'s hasher doesn't promise.
fn hash<'a>(words: impl IntoIterator<Item = &'a str>) -> u64 {
    words.into_iter().flat_map(|word| word.bytes().chain([0])).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
