//! Who makes the probes: so many at once, the others in their turn; and the checks of revocation that follow them. When a target is
//! due isn't known here.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::heartbeat::Heartbeat;
use super::{Checked, Event};
use crate::clock::Clock;
use crate::observation::{Facts, Failure, FailureReason, Observation, Stage};
use crate::plan::{Plan, TargetId};
use crate::probe::Prober;

/// Runs probes, at most so many at once; the rest wait in the order in which they became due. Checks of revocation follow
/// the probes and hold none of them up.
pub(super) struct Crew {
    prober: Arc<Prober>,
    clock: Clock,
    limit: usize,
    waiting: VecDeque<TargetId>,
    /// What watches whether probes are held up by this machine; none: nobody does.
    heartbeat: Option<Arc<Heartbeat>>,
    at_work: JoinSet<(Observation, bool)>,
    names: Names,
    checks: JoinSet<Option<Checked>>,
    checked: Names,
}

/// What came to its end.
pub(super) enum Ended {
    /// A probe.
    Probe(Box<Observation>),
    /// A probe during which this machine stood still: what it saw is no measure of the network.
    HeldUp(TargetId),
    /// A check of revocation.
    Check(Box<Checked>),
}

impl Ended {
    /// What is to be told of it.
    pub(super) fn event(self, plan: &Plan) -> Event {
        match self {
            Self::Probe(observation) => Event::Observed(observation),
            Self::HeldUp(id) => Event::Overrun(plan.target(id).endpoint.component),
            Self::Check(checked) => Event::Revocation(checked),
        }
    }

    /// The target that may be probed again.
    pub(super) fn target(&self) -> Option<TargetId> {
        match self {
            Self::Probe(observation) => Some(observation.target),
            Self::HeldUp(id) => Some(*id),
            Self::Check(_) => None,
        }
    }
}

/// Whose task each is, by the ids of the plan in use, and how it is ended. A task without a name is ending.
type Names = HashMap<Id, (TargetId, AbortHandle)>;

impl Crew {
    pub(super) fn new(
        prober: Arc<Prober>,
        clock: Clock,
        limit: usize,
        heartbeat: Option<Arc<Heartbeat>>,
    ) -> Self {
        Self {
            prober,
            clock,
            limit,
            waiting: VecDeque::new(),
            heartbeat,
            at_work: JoinSet::new(),
            names: HashMap::new(),
            checks: JoinSet::new(),
            checked: HashMap::new(),
        }
    }

    /// What makes the probes now.
    pub(super) const fn prober(&self) -> &Arc<Prober> {
        &self.prober
    }

    /// Whether no probe is under way.
    pub(super) fn has_probed(&self) -> bool {
        self.at_work.is_empty()
    }

    /// Probes a target as soon as there is room.
    pub(super) fn add(&mut self, id: TargetId) {
        self.waiting.push_back(id);
        self.fill();
    }

    fn fill(&mut self) {
        while self.at_work.len() < self.limit
            && let Some(id) = self.waiting.pop_front()
        {
            let (prober, heartbeat) = (Arc::clone(&self.prober), self.heartbeat.clone());
            let task = self.at_work.spawn(async move {
                let standstills = || heartbeat.as_ref().map(|heartbeat| heartbeat.standstills());
                let before = standstills();
                let observation = prober.probe(id).await;
                (observation, standstills() != before)
            });
            self.names.insert(task.id(), (id, task));
        }
    }

    /// Goes on by another plan. `kept` are, by their old ids, the targets whose probes under way are still worth something.
    pub(super) fn replace(&mut self, prober: Arc<Prober>, limit: usize, kept: &HashMap<TargetId, TargetId>) {
        self.prober = prober;
        self.limit = limit;
        self.waiting = self.waiting.iter().filter_map(|id| kept.get(id).copied()).collect();
        rename(&mut self.names, kept);
        rename(&mut self.checked, kept);
        self.fill();
    }

    /// The next thing that ends; none while nothing is under way.
    pub(super) async fn next(&mut self) -> Option<Ended> {
        loop {
            tokio::select! {
                Some(ended) = self.at_work.join_next_with_id() => {
                    let ended = self.observed(ended);
                    self.fill();
                    if let Some(Ended::Probe(observation)) = &ended {
                        self.follow_up(observation);
                    }
                    if ended.is_some() {
                        return ended;
                    }
                }
                Some(ended) = self.checks.join_next_with_id() => {
                    if let Some(checked) = self.checked(ended) {
                        return Some(Ended::Check(Box::new(checked)));
                    }
                }
                else => return None,
            }
        }
    }

    /// What a probe's task ended with. A panic is an observation of its own.
    fn observed(&mut self, ended: Result<(Id, (Observation, bool)), JoinError>) -> Option<Ended> {
        match ended {
            Ok((task, (observation, held_up))) => {
                let (target, _) = self.names.remove(&task)?;
                Some(if held_up {
                    Ended::HeldUp(target)
                } else {
                    Ended::Probe(Box::new(Observation { target, ..observation }))
                })
            }
            Err(error) => Some(Ended::Probe(Box::new(self.broken(&error)?))),
        }
    }

    /// What a check's task ended with.
    fn checked(&mut self, ended: Result<(Id, Option<Checked>), JoinError>) -> Option<Checked> {
        match ended {
            Ok((task, checked)) => {
                let (target, _) = self.checked.remove(&task)?;
                Some(Checked { target, ..checked? })
            }
            Err(error) => {
                self.checked.remove(&error.id())?;
                tracing::error!(%error, "a check of revocation broke down: this is a fault of the exporter");
                None
            }
        }
    }

    /// Checks the revocation of the chain that a probe saw.
    fn follow_up(&mut self, observation: &Observation) {
        let path = observation.facts.tls.as_ref().and_then(|tls| tls.path.clone());
        let (target, prober) = (observation.target, Arc::clone(&self.prober));
        if let Some(path) = path.filter(|_| prober.checks_revocation()) {
            let task = self.checks.spawn(async move {
                let (report, crls) = prober.check_revocation(target, &path).await?;
                Some(Checked { target, path, report, crls })
            });
            self.checked.insert(task.id(), (target, task));
        }
    }

    fn broken(&mut self, error: &JoinError) -> Option<Observation> {
        let (target, _) = self.names.remove(&error.id())?;
        tracing::error!(%error, "a probe broke down: this is a fault of the exporter");
        let failure =
            Failure::new(Stage::Resolve, FailureReason::Internal, "the probe broke down; see the log");
        Some(Observation { target, at: self.clock.now(), facts: Facts::default(), failure: Some(failure) })
    }
}

/// Gives tasks the new ids of their targets, and ends those of the others.
fn rename(names: &mut Names, kept: &HashMap<TargetId, TargetId>) {
    names.retain(|_, (target, task)| {
        let heir = kept.get(target);
        match heir {
            Some(new) => *target = *new,
            None => task.abort(),
        }
        heir.is_some()
    });
}
