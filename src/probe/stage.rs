//! A stage's time and deadline: every stage runs through [`Run::stage`], and nothing else measures.

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::classify::{StageError, classify};
use crate::observation::{Facts, Failure, FailureReason, Stage, StageOutcome};

/// One probe under way: what it has learned, and when it must end.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) facts: Facts,
    /// The addresses that the endpoint's name leads to, whoever says so.
    pub(super) found: Vec<IpAddr>,
    deadline: Instant,
    limit: Duration,
}

impl Run {
    /// A probe that begins now and may take `limit`.
    pub(super) fn new(limit: Duration) -> Self {
        Self { facts: Facts::default(), found: Vec::new(), deadline: Instant::now() + limit, limit }
    }

    /// When the probe must end.
    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Runs one stage until it ends or the probe's deadline passes, and records its time and outcome.
    pub(super) async fn stage<T>(
        &mut self,
        stage: Stage,
        work: impl Future<Output = Result<T, StageError>>,
    ) -> Result<T, Failure> {
        let start = Instant::now();
        let ended = timeout_at(self.deadline, work).await;
        let took = start.elapsed();
        let result = match ended {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Failure::new(stage, classify(stage, &error), error.to_string())),
            Err(_) => Err(self.timed_out(stage, took)),
        };
        let outcome = if result.is_ok() { StageOutcome::Done } else { StageOutcome::Failed };
        self.facts.timings.record(stage, outcome, took);
        result
    }

    /// Which limit fired, in words.
    fn timed_out(&self, stage: Stage, took: Duration) -> Failure {
        let took = humantime::format_duration(Duration::from_millis(millis(took)));
        let limit = humantime::format_duration(self.limit);
        let detail = format!("no end of {stage} after {took}: the probe's timeout of {limit} has passed");
        Failure::new(stage, FailureReason::Timeout, detail)
    }
}

/// Whole milliseconds, at most u64::MAX.
fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
