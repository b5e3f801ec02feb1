//! When each target is due. Pure: the time is an argument.
//!
//! Every target has a stable offset within its interval, so that probes are spread evenly and a restart keeps
//! the order. The first round is compressed into a few seconds, so that a new process soon has results. After a probe
//! whose result differs from the one before, the next comes sooner: a recheck that confirms the change or shows that it was transient.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::{Plan, Target, TargetId};

/// The maximum duration of the first round.
const FIRST_ROUND: Duration = Duration::from_secs(3);

/// Probes that are late by more than this are skipped, since all of them would run at once: the machine was
/// suspended or is overloaded.
const MAX_DELAY: Duration = Duration::from_secs(5);

/// The maximum time over which skipped targets are probed after a stall.
const CATCH_UP: Duration = Duration::from_secs(60);

/// The longest time from a changed result to the recheck at it, so that two rechecks take ten seconds at most.
const RECHECK_DELAY: Duration = Duration::from_secs(5);

/// The time over which rechecks at targets that change at once are spread.
const RECHECK_SPREAD: Duration = Duration::from_secs(1);

/// The maximum number of rechecks between two regular probes of a target: one that flaps is probed three times as often, not
/// more.
const MAX_RECHECKS: u8 = 2;

/// The targets by the time of their next probe.
#[derive(Debug)]
pub struct Schedule {
    queue: BinaryHeap<Reverse<(Instant, TargetId)>>,
    /// The rechecks at targets whose result has changed. Empty while nothing changes.
    rechecks: BinaryHeap<Reverse<(Instant, TargetId)>>,
    slots: Vec<Slot>,
    start: Instant,
}

#[derive(Debug)]
struct Slot {
    interval: Duration,
    offset: Duration,
    state: SlotState,
}

/// What is known of a target, and carried over.
#[derive(Clone, Copy, Debug)]
struct SlotState {
    /// When its next regular probe is due.
    due: Instant,
    in_flight: Option<Occasion>,
    /// Whether the last probe succeeded. `None` before the first.
    succeeded: Option<bool>,
    /// The number of rechecks since the last regular probe.
    rechecks: u8,
}

/// Why a target is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occasion {
    Regular,
    Recheck,
}

impl SlotState {
    const fn new(due: Instant) -> Self {
        Self { due, in_flight: None, succeeded: None, rechecks: 0 }
    }
}

/// A due target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Probe this target. It is busy until [`Schedule::finished`].
    Probe(TargetId),
    /// The target is still busy, or its time is long past: only count it.
    Overrun(TargetId),
}

impl Schedule {
    /// Schedules every target of the plan, with the first probe soon after `start`.
    #[must_use]
    pub fn new(plan: &Plan, start: Instant) -> Self {
        Self::with_known(plan, start, start, &HashMap::new())
    }

    /// Schedules the targets of a plan that replaces the previous one. `carried` maps old ids to new ids of
    /// unchanged targets: their next probe keeps its time, or comes an interval after `now` if that is earlier.
    /// The others are new, and probed soon.
    #[must_use]
    pub fn carry_over(self, plan: &Plan, carried: &HashMap<TargetId, TargetId>, now: Instant) -> Self {
        let known = carried.iter().map(|(old, new)| (*new, self.slots[old.0].state));
        let rechecks =
            self.rechecks.iter().filter_map(|Reverse((at, old))| Some(Reverse((*at, *carried.get(old)?))));
        Self { rechecks: rechecks.collect(), ..Self::with_known(plan, self.start, now, &known.collect()) }
    }

    /// Schedules the targets of a plan. `known` has those that are carried over.
    fn with_known(plan: &Plan, start: Instant, now: Instant, known: &HashMap<TargetId, SlotState>) -> Self {
        let (mut queue, mut slots) = (BinaryHeap::new(), Vec::new());
        for (n, (target, fraction)) in plan.targets.iter().zip(offsets(&plan.targets)).enumerate() {
            let interval = target.interval;
            let state = match known.get(&TargetId(n)) {
                Some(state) => SlotState { due: state.due.min(now + interval), ..*state },
                None => SlotState::new(now + first_round(target).mul_f64(fraction)),
            };
            slots.push(Slot { interval, offset: interval.mul_f64(fraction), state });
            queue.push(Reverse((state.due, TargetId(n))));
        }
        Self { queue, rechecks: BinaryHeap::new(), slots, start }
    }

    /// When the next target is due. `None` without targets.
    #[must_use]
    pub fn next_due(&self) -> Option<Instant> {
        let regular = self.queue.peek().map(|Reverse((at, _))| *at);
        if self.rechecks.is_empty() {
            return regular;
        }
        let recheck = self.rechecks.peek().map(|Reverse((at, _))| *at);
        regular.into_iter().chain(recheck).min()
    }

    /// Takes the next target that is due at `now`, and schedules its next probe.
    pub fn due(&mut self, now: Instant) -> Option<Due> {
        if !self.rechecks.is_empty()
            && let Some(id) = self.next_recheck(now)
        {
            return Some(Due::Probe(id));
        }
        loop {
            let Reverse((at, id)) = *self.queue.peek().filter(|Reverse((at, _))| *at <= now)?;
            self.queue.pop();
            let slot = &mut self.slots[id.0];
            let late = now.duration_since(at) > MAX_DELAY;
            let next = if late { slot.catch_up(self.start, now) } else { slot.next(self.start, at, now) };
            self.queue.push(Reverse((next, id)));
            (slot.state.due, slot.state.rechecks) = (next, 0);
            match slot.state.in_flight {
                _ if late => return Some(Due::Overrun(id)),
                Some(Occasion::Regular) => return Some(Due::Overrun(id)),
                // The recheck under way is as good: nothing is left out.
                Some(Occasion::Recheck) => {}
                None => {
                    slot.state.in_flight = Some(Occasion::Regular);
                    return Some(Due::Probe(id));
                }
            }
        }
    }

    /// Takes the next recheck that is due at `now`. It is dropped if it is long past, or if a probe under way shows the same.
    fn next_recheck(&mut self, now: Instant) -> Option<TargetId> {
        while let Some(Reverse((at, id))) =
            self.rechecks.peek().copied().filter(|Reverse((at, _))| *at <= now)
        {
            self.rechecks.pop();
            let in_flight = &mut self.slots[id.0].state.in_flight;
            if in_flight.is_none() && now.duration_since(at) <= MAX_DELAY {
                *in_flight = Some(Occasion::Recheck);
                return Some(id);
            }
        }
        None
    }

    /// Drops the rechecks that are due at `now`: all places are taken, and a recheck that waits would delay regular probes.
    pub fn drop_due_rechecks(&mut self, now: Instant) {
        while self.rechecks.peek().is_some_and(|Reverse((at, _))| *at <= now) {
            self.rechecks.pop();
        }
    }

    /// Reports a stall of the process, which the monotonic clock may have missed: targets that would wait for
    /// long are probed soon.
    pub fn resume_after_stall(&mut self, stalled: Duration, now: Instant) {
        if stalled >= CATCH_UP {
            let (slots, start) = (&self.slots, self.start);
            let soon = |(at, id): (Instant, TargetId)| (at.min(slots[id.0].catch_up(start, now)), id);
            self.queue = self.queue.drain().map(|Reverse(entry)| Reverse(soon(entry))).collect();
            for Reverse((at, id)) in &self.queue {
                self.slots[id.0].state.due = *at;
            }
        }
    }

    /// Reports the end of a target's probe at `now`, and whether it succeeded; `None` if its result says nothing about the
    /// network. If that is a change, a recheck follows, unless the next regular probe comes before it.
    pub fn finished(&mut self, id: TargetId, succeeded: Option<bool>, now: Instant) {
        let Slot { interval, offset, state } = &mut self.slots[id.0];
        state.in_flight = None;
        let Some(succeeded) = succeeded else { return };
        let changed = state.succeeded == Some(!succeeded);
        state.succeeded = Some(succeeded);
        if !changed || state.rechecks == MAX_RECHECKS {
            return;
        }
        let at = now + RECHECK_DELAY - RECHECK_SPREAD.mul_f64(offset.div_duration_f64(*interval));
        if at < state.due {
            state.rechecks += 1;
            self.rechecks.push(Reverse((at, id)));
        }
    }
}

impl Slot {
    /// The next regular time, or within a minute if that is far away. All targets together stay evenly spread.
    fn catch_up(&self, start: Instant, now: Instant) -> Instant {
        if self.interval <= CATCH_UP {
            return self.next(start, start, now);
        }
        now + CATCH_UP.mul_f64(1.0 - self.offset.div_duration_f64(self.interval))
    }

    /// The first regular time in the future that is at least half an interval after the last one. Missed times
    /// are skipped.
    fn next(&self, start: Instant, last: Instant, now: Instant) -> Instant {
        let earliest = (last + self.interval / 2).max(now).duration_since(start);
        let rounds =
            earliest.saturating_sub(self.offset).as_nanos().div_ceil(self.interval.as_nanos().max(1));
        let regular =
            start + self.offset + self.interval.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        if regular > now { regular } else { regular + self.interval }
    }
}

/// The time over which the first probes of such targets are spread.
fn first_round(target: &Target) -> Duration {
    FIRST_ROUND.min(target.timeout / 2).min(target.interval)
}

/// Each target's offset, as a fraction of its interval. Targets are ordered by a hash of their names, so that
/// neighbours in the catalog aren't adjacent, and spaced evenly.
fn offsets(targets: &[Target]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..targets.len()).collect();
    order.sort_by_cached_key(|n| (name_hash(&targets[*n]), *n));
    let mut offsets = vec![0.0; targets.len()];
    for (rank, n) in order.into_iter().enumerate() {
        // Plans hold at most 100,000 targets: both numbers are exact.
        #[allow(clippy::cast_precision_loss)]
        let fraction = rank as f64 / targets.len() as f64;
        offsets[n] = fraction;
    }
    offsets
}

/// The hash of a target's labels.
pub(crate) fn name_hash(target: &Target) -> u64 {
    hash([target.endpoint.component.as_str(), target.endpoint.url.as_str(), target.route.name.as_str()])
}

/// The offset for these words, as a fraction of an interval.
#[must_use]
pub fn fraction<'a>(words: impl IntoIterator<Item = &'a str>) -> f64 {
    // Uses the upper half, which a float represents exactly.
    f64::from((hash(words) >> 32) as u32) / (f64::from(u32::MAX) + 1.0)
}

/// FNV-1a over words: identical in every build and on every machine, which `std`'s hasher doesn't guarantee.
fn hash<'a>(words: impl IntoIterator<Item = &'a str>) -> u64 {
    words.into_iter().flat_map(|word| word.bytes().chain([0])).fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests;
