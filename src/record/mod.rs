//! Records: one round of probes with what each judgement rests on, written to a file and judged again anywhere, by the code
//! that judges rounds as they end. Judging needs neither network nor clock.
//!
//! Chains, responses and revocation are judged again. Taken from the record are what the network did (who answered, how long that
//! took, which connection broke), what a file share held, and what revocation checks concluded from lists that are too large for it.

mod certificates;
mod concluded;
mod document;
mod evidence;
mod file;
mod plan;
mod probe;
mod redact;
mod revocation;
#[cfg(test)]
mod tests;
mod values;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;

use crate::catalog::current_version;
use crate::event::{Event, RevocationChecked};
use crate::observation::Observation;
use crate::plan::{Plan, Route, TargetId};
use crate::probe::{RecordedProbe, Replay};
use crate::revocation::{RecordedChecker, RecordedFetch};
use crate::state::Snapshot;
use crate::tls::Roots;
pub use file::{FileError, RecordError, RecordFile, WriteError};
use revocation::{CheckedHop, RecordedCheck};

/// The maximum size of all lists and OCSP responses of a record, in bytes: they hardly compress.
const MAX_FETCHED: usize = 96 * 1024;

/// One recorded round.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// The version of the program that recorded it.
    program: String,
    /// The version of that program's catalog.
    catalog: String,
    started: SystemTime,
    ended: SystemTime,
    selected: bool,
    checks_revocation: bool,
    /// Whether names are replaced by pseudonyms.
    is_redacted: bool,
    plan: Arc<Plan>,
    /// The number of roots that were trusted.
    root_count: usize,
    /// Those roots, or the ones among them that the evidence names.
    roots: Arc<Roots>,
    /// What revocation checks fetched, by route.
    fetched: Vec<RouteFetches>,
    events: Vec<RecordedEvent>,
}

/// What the revocation checks over one route fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RouteFetches {
    /// The index of the route in the plan.
    route: usize,
    fetched: Vec<RecordedFetch>,
}

/// An event of the round.
#[derive(Clone, Debug, PartialEq)]
enum RecordedEvent {
    Probe(Box<RecordedProbe>),
    Checked(RecordedCheck),
}

impl RecordedEvent {
    const fn target(&self) -> TargetId {
        match self {
            Self::Probe(probe) => probe.target,
            Self::Checked(check) => check.target,
        }
    }
}

/// What a round was made with.
#[derive(Clone, Debug)]
pub struct Round {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The trusted roots.
    pub roots: Arc<Roots>,
    /// Whether revocation was checked.
    pub checks_revocation: bool,
    /// Whether a part of the plan was selected.
    pub selected: bool,
}

/// Records a round while it happens.
pub struct Recorder {
    round: Round,
    fetched: Vec<RouteFetches>,
    fetched_bytes: usize,
    events: Vec<RecordedEvent>,
    last: Vec<Option<Observation>>,
}

impl Recorder {
    /// Starts a record.
    #[must_use]
    pub fn new(round: Round) -> Self {
        let last = vec![None; round.plan.targets.len()];
        Self { round, fetched: Vec::new(), fetched_bytes: 0, events: Vec::new(), last }
    }

    /// Adds an event. Probes must have kept their evidence.
    pub fn add(&mut self, event: &Event) {
        match event {
            Event::Observed(observation) => {
                let probe = RecordedProbe::from_observation(observation);
                self.events.push(RecordedEvent::Probe(Box::new(probe)));
                if let Some(last) = self.last.get_mut(observation.target.0) {
                    *last = Some(observation.as_ref().clone());
                }
            }
            Event::Revocation(checked) => {
                let RevocationChecked { target, chains, crls } = checked.as_ref();
                let Some(Some(last)) = self.last.get(target.0) else { return };
                let chains = chains.iter().filter_map(|chain| CheckedHop::new(last, chain)).collect();
                let check = RecordedCheck { target: *target, chains, crls: crls.clone() };
                self.events.push(RecordedEvent::Checked(check));
            }
            // A round has no others. Records are about the network, not about this machine's Defender.
            Event::Overrun(_)
            | Event::Feed(_)
            | Event::SplitHello(_)
            | Event::Host(_)
            | Event::HostCleared
            | Event::PlanReplaced(_)
            | Event::ReloadFailed => {}
        }
    }

    /// Adds what the revocation checks over a route of the plan fetched. Lists beyond `MAX_FETCHED` bytes are left out: their
    /// conclusions are in the record.
    pub fn add_fetched(&mut self, route: &Route, fetched: Vec<RecordedFetch>) {
        let kept = fetched.into_iter().filter(|fetch| {
            let size = fetch.outcome.as_ref().map_or(0, Bytes::len);
            let fits = self.fetched_bytes + size <= MAX_FETCHED;
            self.fetched_bytes += if fits { size } else { 0 };
            fits
        });
        let fetched = kept.collect();
        self.fetched.push(RouteFetches { route: route.index, fetched });
    }

    /// Ends the record of a round between these times.
    #[must_use]
    pub fn finish(self, started: SystemTime, ended: SystemTime) -> Record {
        let Round { plan, roots, checks_revocation, selected } = self.round;
        Record {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            catalog: current_version().to_string(),
            started,
            ended,
            selected,
            checks_revocation,
            is_redacted: false,
            plan,
            root_count: roots.anchors().len(),
            roots,
            fetched: self.fetched,
            events: self.events,
        }
    }
}

impl Record {
    /// The version of the program that recorded the round.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The version of that program's catalog.
    #[must_use]
    pub fn catalog(&self) -> &str {
        &self.catalog
    }

    /// When the round began.
    #[must_use]
    pub const fn started(&self) -> SystemTime {
        self.started
    }

    /// Whether names are replaced by pseudonyms.
    #[must_use]
    pub const fn is_redacted(&self) -> bool {
        self.is_redacted
    }

    /// The beginning of the body that a target's probe received last, as text. Empty if there is none.
    #[must_use]
    pub fn received(&self, target: TargetId) -> String {
        let probe = self.events.iter().find_map(|event| match event {
            RecordedEvent::Probe(probe) if probe.target == target => Some(probe),
            RecordedEvent::Probe(_) | RecordedEvent::Checked(_) => None,
        });
        let evidence = probe.and_then(|probe| probe.hops.last()?.evidence.as_ref());
        evidence.map(|evidence| evidence.received()).unwrap_or_default()
    }

    /// When the round ended. Whatever depends on the time is shown as it was then.
    #[must_use]
    pub const fn ended(&self) -> SystemTime {
        self.ended
    }

    /// Whether a part of the plan was selected.
    #[must_use]
    pub const fn is_of_selection(&self) -> bool {
        self.selected
    }

    /// Judges the round again: the state after it.
    #[must_use]
    pub fn judge(&self) -> Snapshot {
        let replay = Replay::new(Arc::clone(&self.plan), Arc::clone(&self.roots));
        let mut snapshot = Snapshot::new(Arc::clone(&self.plan), self.started);
        let fetched = self.fetched.iter();
        let mut checkers: HashMap<usize, RecordedChecker> =
            fetched.map(|of| (of.route, RecordedChecker::new(of.fetched.iter().cloned()))).collect();
        for event in &self.events {
            match event {
                RecordedEvent::Probe(probe) => {
                    let observation = replay.judge(probe.as_ref().clone());
                    if self.checks_revocation {
                        replay.add_issuers(&observation);
                    }
                    snapshot.apply(Event::Observed(Box::new(observation)));
                }
                RecordedEvent::Checked(check) => {
                    let Some(last) = &snapshot.targets[check.target.0].last else { continue };
                    let again = checkers.get_mut(&self.plan.target(check.target).route.index);
                    let chains = check.path_reports(last, again);
                    let checked =
                        RevocationChecked { target: check.target, chains, crls: check.crls.clone() };
                    snapshot.apply(Event::Revocation(Box::new(checked)));
                }
            }
        }
        snapshot
    }
}
