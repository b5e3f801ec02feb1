//! Runs probes with bounded concurrency, and the revocation checks that follow them. The schedule is decided elsewhere.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::stall_detector::StallDetector;
use crate::clock::Clock;
use crate::event::{Event, RevocationChecked};
use crate::observation::{Facts, Failure, FailureReason, Observation, Phase};
use crate::plan::{Plan, TargetId};
use crate::probe::Prober;
use crate::revocation::PathReport;
use crate::task::Task;

/// Runs up to `limit` probes at once and queues the rest, first in, first out. Revocation checks don't count towards
/// the limit and delay no probe.
pub(super) struct WorkerPool {
    prober: Arc<Prober>,
    clock: Clock,
    limit: usize,
    waiting: VecDeque<TargetId>,
    /// `None` for one-time probes, which aren't checked for stalls.
    stall_detector: Option<Arc<StallDetector>>,
    in_flight: JoinSet<ProbeEnd>,
    probe_targets: TaskTargets,
    checks: JoinSet<Option<RevocationChecked>>,
    check_targets: TaskTargets,
}

/// A probe's result.
struct ProbeEnd {
    observation: Observation,
    /// Whether the process stalled during the probe.
    stalled: bool,
}

/// A completed task.
pub(super) enum Completed {
    Probe(Box<Observation>),
    /// A probe during which the process stalled: its result doesn't describe the network.
    Stalled(TargetId),
    Check(Box<RevocationChecked>),
}

impl Completed {
    /// The event that reports it.
    pub(super) fn event(self, plan: &Plan) -> Event {
        match self {
            Self::Probe(observation) => Event::Observed(observation),
            Self::Stalled(id) => Event::Overrun(plan.target(id).endpoint.component),
            Self::Check(checked) => Event::Revocation(checked),
        }
    }

    /// The target that may be probed again.
    pub(super) fn target(&self) -> Option<TargetId> {
        match self {
            Self::Probe(observation) => Some(observation.target),
            Self::Stalled(id) => Some(*id),
            Self::Check(_) => None,
        }
    }

    /// Whether the probe succeeded. `None` if it says nothing about the network.
    pub(super) fn succeeded(&self) -> Option<bool> {
        match self {
            Self::Probe(observation) => observation.is_about_network().then(|| observation.success()),
            Self::Stalled(_) | Self::Check(_) => None,
        }
    }
}

/// The target of each task, by its id in the current plan, with the handle that aborts it. Tasks that were aborted have
/// no entry.
type TaskTargets = HashMap<Id, (TargetId, AbortHandle)>;

impl WorkerPool {
    pub(super) fn new(
        prober: Arc<Prober>,
        clock: Clock,
        limit: usize,
        stall_detector: Option<Arc<StallDetector>>,
    ) -> Self {
        Self {
            prober,
            clock,
            limit,
            waiting: VecDeque::new(),
            stall_detector,
            in_flight: JoinSet::new(),
            probe_targets: HashMap::new(),
            checks: JoinSet::new(),
            check_targets: HashMap::new(),
        }
    }

    pub(super) const fn prober(&self) -> &Arc<Prober> {
        &self.prober
    }

    /// Whether no probe is in flight.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Whether a probe would start at once.
    pub(super) fn has_room(&self) -> bool {
        self.in_flight.len() < self.limit
    }

    /// Queues a probe of the target.
    pub(super) fn add(&mut self, id: TargetId) {
        self.waiting.push_back(id);
        self.start_waiting();
    }

    fn start_waiting(&mut self) {
        while self.has_room()
            && let Some(id) = self.waiting.pop_front()
        {
            let (prober, stall_detector) = (Arc::clone(&self.prober), self.stall_detector.clone());
            let task = self.in_flight.spawn(Task::Probe.run(async move {
                let stalls = || stall_detector.as_ref().map(|stall_detector| stall_detector.stalls());
                let before = stalls();
                let observation = prober.probe(id).await;
                ProbeEnd { observation, stalled: stalls() != before }
            }));
            self.probe_targets.insert(task.id(), (id, task));
        }
    }

    /// Switches to another plan. `kept` maps old to new ids of the targets whose probes in flight remain valid.
    pub(super) fn replace(&mut self, prober: Arc<Prober>, limit: usize, kept: &HashMap<TargetId, TargetId>) {
        self.prober = prober;
        self.limit = limit;
        self.waiting = self.waiting.iter().filter_map(|id| kept.get(id).copied()).collect();
        retarget(&mut self.probe_targets, kept);
        retarget(&mut self.check_targets, kept);
        self.start_waiting();
    }

    /// The next completed task. Returns `None` if no task is in flight.
    pub(super) async fn next(&mut self) -> Option<Completed> {
        loop {
            tokio::select! {
                Some(ended) = self.in_flight.join_next_with_id() => {
                    let ended = self.probe_completed(ended);
                    self.start_waiting();
                    if let Some(Completed::Probe(observation)) = &ended {
                        self.check_revocation(observation);
                    }
                    if ended.is_some() {
                        return ended;
                    }
                }
                Some(ended) = self.checks.join_next_with_id() => {
                    if let Some(checked) = self.check_completed(ended) {
                        return Some(Completed::Check(Box::new(checked)));
                    }
                }
                else => return None,
            }
        }
    }

    /// The result of a probe's task. A panic becomes an observation as well.
    fn probe_completed(&mut self, ended: Result<(Id, ProbeEnd), JoinError>) -> Option<Completed> {
        match ended {
            Ok((task, ProbeEnd { observation, stalled })) => {
                let (target, _) = self.probe_targets.remove(&task)?;
                Some(if stalled {
                    Completed::Stalled(target)
                } else {
                    Completed::Probe(Box::new(Observation { target, ..observation }))
                })
            }
            Err(error) => Some(Completed::Probe(Box::new(self.probe_panicked(&error)?))),
        }
    }

    fn check_completed(
        &mut self,
        ended: Result<(Id, Option<RevocationChecked>), JoinError>,
    ) -> Option<RevocationChecked> {
        match ended {
            Ok((task, checked)) => {
                let (target, _) = self.check_targets.remove(&task)?;
                Some(RevocationChecked { target, ..checked? })
            }
            Err(error) => {
                self.check_targets.remove(&error.id())?;
                tracing::error!(
                    "revocation check panicked: a bug in the exporter (location in the previous line)"
                );
                None
            }
        }
    }

    /// Checks the revocation of the chains that a probe was presented, one per hop: side by side, so that the lists of
    /// all hops take one timeout together.
    fn check_revocation(&mut self, observation: &Observation) {
        if !self.prober.checks_revocation() {
            return;
        }
        let paths: Vec<_> = observation.facts.chains().map(|(_, path)| Arc::clone(path)).collect();
        if paths.is_empty() {
            return;
        }
        let (target, prober) = (observation.target, Arc::clone(&self.prober));
        let task = self.checks.spawn(Task::RevocationCheck.run(async move {
            let checks = paths.iter().map(|path| prober.check_revocation(target, path));
            let checked = join_all(checks).await;
            let (mut chains, mut crls) = (Vec::with_capacity(paths.len()), Vec::new());
            for (path, checked) in paths.into_iter().zip(checked) {
                let (report, lists) = checked?;
                chains.push(PathReport { path, report });
                crls.extend(lists);
            }
            Some(RevocationChecked { target, chains, crls })
        }));
        self.check_targets.insert(task.id(), (target, task));
    }

    fn probe_panicked(&mut self, error: &JoinError) -> Option<Observation> {
        let (target, _) = self.probe_targets.remove(&error.id())?;
        tracing::error!("probe panicked: a bug in the exporter (location in the previous line)");
        let failure = Failure::new(
            Phase::Resolve,
            FailureReason::Internal,
            "probe panicked: a bug in the exporter (location in its log)",
        );
        Some(Observation { target, at: self.clock.now(), facts: Facts::default(), failure: Some(failure) })
    }
}

/// Updates the target ids of tasks, and aborts those whose target was removed or changed.
fn retarget(tasks: &mut TaskTargets, kept: &HashMap<TargetId, TargetId>) {
    tasks.retain(|_, (target, task)| {
        let carried = kept.get(target);
        match carried {
            Some(new) => *target = *new,
            None => task.abort(),
        }
        carried.is_some()
    });
}
