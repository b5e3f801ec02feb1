//! A stage's time and deadline: every stage runs through [`Run::stage`], and nothing else measures.

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::failure::StageError;
use crate::observation::{Facts, Failure, FailureReason, Stage, StageOutcome};

/// Among how many the time would be dealt out evenly.
const STAGES: u32 = 6;
const _: () = assert!(Stage::ALL.len() == 6);

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
            Ok(Err(error)) => Err(error.failure(stage)),
            Err(_) => Err(self.timed_out(stage, took)),
        };
        match &result {
            Ok(_) => self.facts.timings.record(stage, StageOutcome::Done, took),
            Err(failure) if failure.stage == stage => {
                self.facts.timings.record(stage, StageOutcome::Failed, took);
            }
            Err(_) => {} // it was cut short by another's fault, so its time tells nothing
        }
        result
    }

    /// Which limit fired, in words. A stage that DNS has left less than its share of the time isn't to blame for its end.
    fn timed_out(&self, stage: Stage, took: Duration) -> Failure {
        let limit = rounded(self.limit);
        let asked = self.facts.timings.get(Stage::Resolve).unwrap_or_default();
        let (blamed, detail) = if asked > self.limit / 2 && took < self.limit / STAGES {
            let (asked, took) = (rounded(asked), rounded(took));
            (
                Stage::Resolve,
                format!("DNS took {asked} of the probe's timeout of {limit}: {stage} had {took}"),
            )
        } else {
            let took = rounded(took);
            (stage, format!("no end of {stage} after {took}: the probe's timeout of {limit} has passed"))
        };
        Failure::new(blamed, FailureReason::Timeout, detail)
    }
}

/// In whole milliseconds, for a person.
fn rounded(took: Duration) -> humantime::FormattedDuration {
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    humantime::format_duration(Duration::from_millis(millis))
}
