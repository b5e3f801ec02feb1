//! The one loop: due → permit → probe → event. It decides nothing about what a probe means.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::catalog::Component;
use crate::clock::Clock;
use crate::host::HostFacts;
use crate::observation::{Facts, Failure, FailureReason, Observation, Stage};
use crate::plan::{Plan, TargetId};
use crate::probe::Prober;
use crate::schedule::{Due, Schedule};
use crate::signatures::Answer;
use crate::trust::VerifiedPath;
use crate::trust::revocation::{CrlState, RevocationReport};

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A probe ended.
    Observed(Box<Observation>),
    /// A target was due while its last probe was still under way.
    Overrun(Component),
    /// The revocation of a chain was checked, some time after the probe that saw it.
    Revocation(Box<Checked>),
    /// The version feed was asked for.
    Feed(Box<Answer>),
    /// This machine was asked of its own Defender.
    Host(Box<HostFacts>),
    /// This machine isn't asked any more.
    NoHost,
    /// Another plan is in use: what follows is told by its ids.
    Planned(Box<Planned>),
    /// A configuration that isn't good was to be loaded; the one before stays in use.
    ReloadFailed,
}

/// A plan that came into use.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// Which.
    pub plan: Arc<Plan>,
    /// When its configuration was loaded.
    pub at: SystemTime,
}

/// What the engine is asked while it runs.
pub enum Order {
    /// To answer: its loop turns.
    Answer(oneshot::Sender<()>),
    /// To go on by another plan. Probes under way of targets that it doesn't have, or that it has otherwise, are dropped.
    Replace(Box<Work>, SystemTime),
}

/// What a check of revocation found.
#[derive(Clone, Debug, PartialEq)]
pub struct Checked {
    /// Whose chain it was.
    pub target: TargetId,
    /// The chain.
    pub path: Arc<VerifiedPath>,
    /// What is known of it.
    pub report: Arc<RevocationReport>,
    /// The lists that the chains of the target's route name.
    pub crls: Vec<CrlState>,
}

/// Runs probes, at most so many at once; the rest wait in the order in which they became due. Checks of revocation follow
/// the probes and hold none of them up.
struct Crew {
    prober: Arc<Prober>,
    clock: Clock,
    limit: usize,
    waiting: VecDeque<TargetId>,
    at_work: JoinSet<Observation>,
    names: Names,
    checks: JoinSet<Option<Checked>>,
    checked: Names,
}

/// Whose task each is, by the ids of the plan in use, and how it is ended. A task without a name is ending.
type Names = HashMap<Id, (TargetId, AbortHandle)>;

impl Crew {
    fn new(prober: Arc<Prober>, clock: Clock, limit: usize) -> Self {
        Self {
            prober,
            clock,
            limit,
            waiting: VecDeque::new(),
            at_work: JoinSet::new(),
            names: HashMap::new(),
            checks: JoinSet::new(),
            checked: HashMap::new(),
        }
    }

    fn add(&mut self, id: TargetId) {
        self.waiting.push_back(id);
        self.fill();
    }

    fn fill(&mut self) {
        while self.at_work.len() < self.limit
            && let Some(id) = self.waiting.pop_front()
        {
            let prober = Arc::clone(&self.prober);
            let task = self.at_work.spawn(async move { prober.probe(id).await });
            self.names.insert(task.id(), (id, task));
        }
    }

    /// Goes on by another plan. `kept` are, by their old ids, the targets whose probes under way are still worth something.
    fn replace(&mut self, prober: Arc<Prober>, limit: usize, kept: &HashMap<TargetId, TargetId>) {
        self.prober = prober;
        self.limit = limit;
        self.waiting = self.waiting.iter().filter_map(|id| kept.get(id).copied()).collect();
        rename(&mut self.names, kept);
        rename(&mut self.checked, kept);
        self.fill();
    }

    /// The next thing that ends; none while nothing is under way.
    async fn next(&mut self) -> Option<Event> {
        loop {
            tokio::select! {
                Some(ended) = self.at_work.join_next_with_id() => {
                    let observation = self.observed(ended);
                    self.fill();
                    if let Some(observation) = observation {
                        self.follow_up(&observation);
                        return Some(Event::Observed(Box::new(observation)));
                    }
                }
                Some(ended) = self.checks.join_next_with_id() => {
                    if let Some(checked) = self.checked(ended) {
                        return Some(Event::Revocation(Box::new(checked)));
                    }
                }
                else => return None,
            }
        }
    }

    /// What a probe's task ended with. A panic is an observation of its own.
    fn observed(&mut self, ended: Result<(Id, Observation), JoinError>) -> Option<Observation> {
        match ended {
            Ok((task, observation)) => {
                let (target, _) = self.names.remove(&task)?;
                Some(Observation { target, ..observation })
            }
            Err(error) => self.broken(&error),
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

/// What the engine works by.
pub struct Work {
    /// What is probed.
    pub plan: Arc<Plan>,
    /// Makes the probes.
    pub prober: Arc<Prober>,
    /// Probes under way at once.
    pub concurrency: usize,
}

/// Probes every target when it is due, until `shutdown` completes; probes still under way are then dropped.
pub async fn run(
    work: Work,
    clock: Clock,
    mut orders: mpsc::Receiver<Order>,
    events: mpsc::Sender<Event>,
    shutdown: impl Future<Output = ()>,
) {
    let mut schedule = Schedule::new(&work.plan, Instant::now());
    let mut crew = Crew::new(Arc::clone(&work.prober), clock, work.concurrency);
    let mut plan = work.plan;
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next_due = schedule.next_due();
        let event = tokio::select! {
            () = &mut shutdown => return,
            Some(order) = orders.recv() => match order {
                Order::Answer(reply) => {
                    let _ = reply.send(()); // who asked may have gone
                    None
                }
                Order::Replace(next, at) => {
                    let kept = kept(&plan, &crew.prober, &next);
                    schedule = schedule.succeed(&next.plan, &kept, Instant::now());
                    crew.replace(next.prober, next.concurrency, &kept);
                    plan = next.plan;
                    Some(Event::Planned(Box::new(Planned { plan: Arc::clone(&plan), at })))
                }
            },
            Some(event) = crew.next() => {
                if let Event::Observed(observation) = &event {
                    schedule.finished(observation.target);
                }
                Some(event)
            }
            () = wait_until(next_due) => match schedule.due(Instant::now()) {
                Some(Due::Probe(id)) => {
                    crew.add(id);
                    None
                }
                Some(Due::Overrun(id)) => Some(Event::Overrun(plan.target(id).endpoint.component)),
                None => None,
            },
        };
        if let Some(event) = event
            && events.send(event).await.is_err()
        {
            return; // nobody listens any more
        }
    }
}

/// The targets whose probes go on, by their ids before and after: those that are the same and are probed by the same means.
fn kept(plan: &Plan, prober: &Prober, next: &Work) -> HashMap<TargetId, TargetId> {
    let heirs = plan.heirs(&next.plan).into_iter().enumerate();
    let kept = heirs.filter_map(|(n, heir)| {
        let (old, heir) = (TargetId(n), heir?);
        (heir.same && next.prober.shares_lane(heir.id, prober, old)).then_some((old, heir.id))
    });
    kept.collect()
}

/// Probes every target of the plan once, and checks the revocation of the chains that it sees: what of that isn't known by
/// `until`, if that is given, is left out. Probes end by themselves.
pub async fn round(
    plan: &Plan,
    prober: Arc<Prober>,
    clock: Clock,
    concurrency: usize,
    until: Option<Instant>,
) -> Vec<Event> {
    let mut crew = Crew::new(prober, clock, concurrency);
    (0..plan.targets.len()).for_each(|n| crew.add(TargetId(n)));
    let mut events = Vec::with_capacity(plan.targets.len());
    loop {
        tokio::select! {
            event = crew.next() => match event {
                Some(event) => events.push(event),
                None => return events,
            },
            () = wait_until(until), if crew.at_work.is_empty() => return events,
        }
    }
}

/// Waits for the engine to answer; false: it has ended.
pub async fn answers(engine: &mpsc::Sender<Order>) -> bool {
    let (reply, answer) = oneshot::channel();
    engine.send(Order::Answer(reply)).await.is_ok() && answer.await.is_ok()
}

/// Never, without a time.
async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
