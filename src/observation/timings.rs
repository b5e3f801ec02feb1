//! How far a probe's stages came, and how long each took.

use std::time::Duration;

use serde::Serialize;

use super::Stage;

/// How far a stage came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StageOutcome {
    /// It ended well.
    Done,
    /// The probe failed in it.
    Failed,
    /// The probe ended before it.
    #[default]
    NotReached,
    /// This probe has no such stage (no name to resolve, no TLS).
    NotApplicable,
}

/// Outcome and time of each stage. Redirected probes add up the times of their hops.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timings([(StageOutcome, Duration); Stage::ALL.len()]);

impl Timings {
    /// Adds the time of a stage that ended well or failed.
    pub fn record(&mut self, stage: Stage, outcome: StageOutcome, took: Duration) {
        let (known, total) = &mut self.0[stage as usize];
        *known = outcome;
        *total += took;
    }

    /// Marks a stage that this probe doesn't have, unless an earlier hop had it.
    pub fn not_applicable(&mut self, stage: Stage) {
        let (known, _) = &mut self.0[stage as usize];
        if *known == StageOutcome::NotReached {
            *known = StageOutcome::NotApplicable;
        }
    }

    /// How far the stage came.
    #[must_use]
    pub const fn outcome(&self, stage: Stage) -> StageOutcome {
        self.0[stage as usize].0
    }

    /// The time spent in the stage; none where it wasn't reached or doesn't apply.
    #[must_use]
    pub fn get(&self, stage: Stage) -> Option<Duration> {
        match self.0[stage as usize] {
            (StageOutcome::Done | StageOutcome::Failed, took) => Some(took),
            _ => None,
        }
    }

    /// The probe's duration: the sum of its stages.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.0.iter().map(|(_, took)| *took).sum()
    }
}
