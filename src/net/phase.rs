//! Time and deadline of each phase. Every phase runs through [`PhaseClock::phase`]; nothing else measures time.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::failure::PhaseError;
use crate::observation::{Failure, FailureReason, Phase, PhaseOutcome, Timings};
use crate::text;

/// The number of phases that share a probe's timeout: all but failover, which takes its time from connect.
const PHASES: u32 = 6;

/// Time beside the phases is mentioned from this fraction of the timeout on.
const NOTABLE: u32 = 10;
const _: () = assert!(Phase::ALL.len() == PHASES as usize + 1);

/// Tracks the phases of one probe or fetch: their times, and the deadline.
#[derive(Debug)]
pub(crate) struct PhaseClock {
    /// Outcome and time of each phase of the current hop.
    pub(crate) timings: Timings,
    /// The sum over the previous hops.
    before: Timings,
    work: &'static str,
    deadline: Instant,
    limit: Duration,
    /// The time that went into fetching missing certificates, beside the phases.
    outside_phases: Duration,
}

impl PhaseClock {
    /// Starts now, with `limit` until the deadline. `work` is "probe" or "fetch", for messages.
    pub(crate) fn start(work: &'static str, limit: Duration) -> Self {
        let (timings, before) = (Timings::default(), Timings::default());
        Self {
            timings,
            before,
            work,
            deadline: Instant::now() + limit,
            limit,
            outside_phases: Duration::ZERO,
        }
    }

    /// Starts now, until `deadline`.
    pub(crate) fn start_until(work: &'static str, deadline: Instant) -> Self {
        Self::start(work, deadline.saturating_duration_since(Instant::now()))
    }

    /// Ends a hop and returns its times. The deadline stays.
    pub(crate) fn end_hop(&mut self) -> Timings {
        let hop = std::mem::take(&mut self.timings);
        self.before.add(&hop);
        hop
    }

    /// The sum over all ended hops.
    pub(crate) fn into_sum(self) -> Timings {
        self.before
    }

    /// The deadline.
    pub(crate) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// The time until the deadline.
    pub(crate) fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// Runs work that no phase's time includes, which may fetch missing certificates. It gets half of the time that is
    /// left, so that a slow host of certificates doesn't use up that of the request.
    pub(crate) async fn outside_phases<T, F: Future<Output = T>>(
        &mut self,
        work: impl FnOnce(Instant) -> F,
    ) -> T {
        let start = Instant::now();
        let done = work(start + self.left() / 2).await;
        self.outside_phases += start.elapsed();
        done
    }

    /// Replaces the deadline by an earlier one and returns the previous one, for [`Self::restore_deadline`].
    pub(crate) fn limit_to(&mut self, share: Duration) -> Instant {
        let limited = Instant::now().checked_add(share).map_or(self.deadline, |at| at.min(self.deadline));
        std::mem::replace(&mut self.deadline, limited)
    }

    /// Restores the deadline of the whole probe.
    pub(crate) fn restore_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// Runs one phase until it completes or the deadline passes, and records its time and outcome.
    pub(crate) async fn phase<T>(
        &mut self,
        phase: Phase,
        work: impl Future<Output = Result<T, PhaseError>>,
    ) -> Result<T, Failure> {
        self.phase_within(phase, Duration::MAX, work).await
    }

    /// Runs one phase until it completes, `share` is over, or the deadline passes.
    pub(crate) async fn phase_within<T>(
        &mut self,
        phase: Phase,
        share: Duration,
        work: impl Future<Output = Result<T, PhaseError>>,
    ) -> Result<T, Failure> {
        let start = Instant::now();
        let until = start.checked_add(share).map_or(self.deadline, |until| until.min(self.deadline));
        let ended = timeout_at(until, work).await;
        let took = start.elapsed();
        let result = match ended {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(error.failure(phase)),
            Err(_) => Err(self.timed_out(phase, took)),
        };
        match &result {
            Ok(_) => self.timings.record(phase, PhaseOutcome::Done, took),
            Err(failure) if failure.phase == phase => {
                self.timings.record(phase, PhaseOutcome::Failed, took);
            }
            Err(_) => {} // cut short by a slow earlier phase: its time is meaningless
        }
        result
    }

    /// The timeout as a failure. If DNS used up more than half of the time and left `phase` less than its
    /// share, DNS is blamed.
    fn timed_out(&self, phase: Phase, took: Duration) -> Failure {
        let (work, limit) = (self.work, text::duration(self.limit));
        let dns_time = [&self.before, &self.timings].map(|hops| hops.get(Phase::Resolve).unwrap_or_default());
        let dns_time: Duration = dns_time.iter().sum();
        let (blamed, detail) = if dns_time > self.limit / 2 && took < self.limit / PHASES {
            let (dns_time, took) = (text::duration(dns_time), text::duration(took));
            (
                Phase::Resolve,
                format!("DNS took {dns_time} of the {work}'s timeout of {limit}: {phase} had {took}"),
            )
        } else {
            let took = text::duration(took);
            let what = activity(phase);
            let outside_phases = match self.outside_phases {
                short if short < self.limit / NOTABLE => String::new(),
                long => format!(", and fetching missing certificates took {}", text::duration(long)),
            };
            (
                phase,
                format!("{what} timed out after {took} (the {work}'s timeout is {limit}{outside_phases})"),
            )
        };
        Failure::new(blamed, FailureReason::Timeout, detail)
    }
}

/// What a phase does, in words for a person.
const fn activity(phase: Phase) -> &'static str {
    match phase {
        Phase::Resolve => "DNS resolution",
        Phase::Connect | Phase::Failover => "TCP connection",
        Phase::Tunnel => "proxy tunnel",
        Phase::Tls => "TLS handshake",
        Phase::Request => "HTTP request",
        Phase::Transfer => "HTTP transfer",
    }
}
