//! The state of a running probe: the current hop and the previous ones.

use std::net::IpAddr;
use std::time::Duration;

use crate::catalog::ProbeUrl;
use crate::net::{ConnectionFacts, PhaseClock};
use crate::observation::{Facts, FailedAttempt, Failure, HopFacts, PhaseOutcome};
use crate::text::clean;

/// A running probe.
#[derive(Debug)]
pub(super) struct ProbeRun {
    /// Tracks its phases.
    pub(super) clock: PhaseClock,
    /// The current hop. Its URL and times are set when it ends.
    pub(super) hop: HopFacts,
    before: Vec<HopFacts>,
    failed_attempts: Vec<FailedAttempt>,
    found: Vec<IpAddr>,
}

/// The result of a probe.
#[derive(Debug)]
pub(super) struct ProbeOutcome {
    /// The facts.
    pub(super) facts: Facts,
    /// The addresses of the endpoint's name, from DNS or the configuration.
    pub(super) found: Vec<IpAddr>,
    /// Why the probe failed. `None` after a success.
    pub(super) failure: Option<Failure>,
}

impl ProbeRun {
    /// Starts a probe with a time limit.
    pub(super) fn new(limit: Duration) -> Self {
        let clock = PhaseClock::start("probe", limit);
        let (before, failed_attempts, found) = (Vec::new(), Vec::new(), Vec::new());
        Self { clock, hop: HopFacts::default(), before, failed_attempts, found }
    }

    /// The number of previous hops.
    pub(super) fn redirects(&self) -> u8 {
        u8::try_from(self.before.len()).unwrap_or(u8::MAX) // the catalog's limit is a u8
    }

    /// Records the connection of the current hop.
    pub(super) fn take(&mut self, connection: ConnectionFacts) {
        let ConnectionFacts {
            addresses,
            aliases,
            source,
            private,
            lookup,
            peer,
            proxy,
            proxy_status,
            failed_attempts,
        } = connection;
        self.failed_attempts.extend(failed_attempts);
        if source.is_some() {
            self.hop.addresses.clone_from(&addresses);
        }
        if self.before.is_empty() {
            self.found = addresses;
        }
        self.hop = HopFacts {
            aliases,
            source,
            private,
            lookup,
            peer,
            proxy,
            proxy_status,
            ..std::mem::take(&mut self.hop)
        };
    }

    /// Ends the current hop, which was at `url`, and starts the next one.
    pub(super) fn redirect(&mut self, url: &ProbeUrl) {
        let (hop, timings) = (std::mem::take(&mut self.hop), self.clock.end_hop());
        let (url, authority) = (clean(url.as_str()), clean(&url.authority()));
        self.before.push(HopFacts { url, authority, timings, ..hop });
    }

    /// Ends the probe; the current hop is at `url`. If the response of a completed phase is refused, the probe
    /// failed in that phase.
    pub(super) fn end(mut self, url: &ProbeUrl, failure: Option<Failure>) -> ProbeOutcome {
        if let Some(failure) = &failure
            && self.clock.timings.outcome(failure.phase) == PhaseOutcome::Done
        {
            self.clock.timings.record(failure.phase, PhaseOutcome::Failed, Duration::ZERO);
        }
        if self.before.is_empty() {
            self.hop.timings = self.clock.end_hop();
            let facts = Facts { failed_attempts: self.failed_attempts, ..self.hop.into() };
            return ProbeOutcome { facts, found: self.found, failure };
        }
        let failure = failure.map(|failure| failure.after_redirect_to(&clean(&url.authority())));
        self.redirect(url);
        let failed_attempts = std::mem::take(&mut self.failed_attempts);
        let facts = Facts::redirected(self.before, self.clock.into_sum(), failure.is_some());
        let facts = Facts { failed_attempts, ..facts };
        ProbeOutcome { facts, found: self.found, failure }
    }
}
