//! The outcome and time of each phase of a probe.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Phase;

/// The outcome of a phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PhaseOutcome {
    /// The phase succeeded.
    Done,
    /// The probe failed in this phase.
    Failed,
    /// The probe ended before this phase.
    #[default]
    NotReached,
    /// The probe has no such phase (no name to resolve, no TLS).
    NotApplicable,
}

/// Outcome and time of each phase. For redirected probes, times are the sum over all hops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timings([PhaseTiming; Phase::ALL.len()]);

/// Outcome and time of one phase.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct PhaseTiming {
    outcome: PhaseOutcome,
    duration: Duration,
}

impl Default for Timings {
    /// No phase was reached. Most probes have no failover.
    fn default() -> Self {
        let mut phases = [PhaseTiming::default(); Phase::ALL.len()];
        phases[Phase::Failover as usize].outcome = PhaseOutcome::NotApplicable;
        Self(phases)
    }
}

impl Timings {
    /// Turns the time of a failed phase of this hop into time lost to failover, so that the phase can be repeated. Returns
    /// that time.
    pub fn fail_over(&mut self, phase: Phase) -> Duration {
        let PhaseTiming { duration, .. } = std::mem::take(&mut self.0[phase as usize]);
        self.record(Phase::Failover, PhaseOutcome::Done, duration);
        duration
    }

    /// Turns the time of a phase of the last attempt into time lost, and lets the phase be as it was after an `earlier`
    /// attempt, whose time was turned into time lost by [`Self::fail_over`].
    pub fn fail_back(&mut self, phase: Phase, earlier: &Self) {
        self.fail_over(phase);
        let earlier = earlier.0[phase as usize];
        let lost = &mut self.0[Phase::Failover as usize].duration;
        *lost = lost.saturating_sub(earlier.duration);
        self.0[phase as usize] = earlier;
    }

    /// Records the outcome of a phase that succeeded or failed, and adds its time.
    pub fn record(&mut self, phase: Phase, outcome: PhaseOutcome, took: Duration) {
        let timing = &mut self.0[phase as usize];
        timing.outcome = outcome;
        timing.duration += took;
    }

    /// Marks a phase as not applicable, unless an earlier hop had it.
    pub fn not_applicable(&mut self, phase: Phase) {
        let timing = &mut self.0[phase as usize];
        if timing.outcome == PhaseOutcome::NotReached {
            timing.outcome = PhaseOutcome::NotApplicable;
        }
    }

    /// Adds the timings of a later hop. A phase that the later hop didn't have keeps its outcome.
    pub fn add(&mut self, later: &Self) {
        for (timing, later) in self.0.iter_mut().zip(later.0) {
            timing.duration += later.duration;
            match (later.outcome, timing.outcome) {
                (PhaseOutcome::Done | PhaseOutcome::Failed, _) | (_, PhaseOutcome::NotReached) => {
                    timing.outcome = later.outcome;
                }
                (PhaseOutcome::NotReached | PhaseOutcome::NotApplicable, _) => {}
            }
        }
    }

    /// The outcome of a phase.
    #[must_use]
    pub const fn outcome(&self, phase: Phase) -> PhaseOutcome {
        self.0[phase as usize].outcome
    }

    /// The time of a phase. `None` if it wasn't reached or doesn't apply.
    #[must_use]
    pub fn get(&self, phase: Phase) -> Option<Duration> {
        let timing = self.0[phase as usize];
        matches!(timing.outcome, PhaseOutcome::Done | PhaseOutcome::Failed).then_some(timing.duration)
    }

    /// The sum over all phases: the probe's duration.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.0.iter().map(|timing| timing.duration).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use PhaseOutcome::{Done, Failed, NotApplicable, NotReached};

    #[test]
    fn hop_times_add_up_and_the_later_hop_determines_the_outcome() {
        let check = |first, later, expected| {
            let with = |outcome| {
                let mut timings = Timings::default();
                timings.0[Phase::Tls as usize] = PhaseTiming { outcome, duration: Duration::from_millis(2) };
                timings
            };
            let mut sum = with(first);
            sum.add(&with(later));
            assert_eq!(
                sum.0[Phase::Tls as usize],
                PhaseTiming { outcome: expected, duration: Duration::from_millis(4) },
                "{first:?} {later:?}"
            );
        };
        check(Done, Failed, Failed);
        check(Done, NotReached, Done);
        check(Done, NotApplicable, Done);
        check(NotApplicable, Done, Done);
        check(NotApplicable, NotReached, NotApplicable);
        check(NotReached, NotApplicable, NotApplicable);
    }
}
