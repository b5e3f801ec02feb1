//! The one loop: due → permit → probe → event. It decides nothing about what a probe means.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::catalog::Component;
use crate::clock::Clock;
use crate::observation::{Facts, Failure, FailureReason, Observation, Stage};
use crate::plan::{Plan, TargetId};
use crate::probe::Prober;
use crate::schedule::{Due, Schedule};

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A probe ended.
    Observed(Box<Observation>),
    /// A target was due while its last probe was still under way.
    Overrun(Component),
}

/// Runs probes, at most so many at once; the rest wait in the order in which they became due.
struct Crew {
    prober: Arc<Prober>,
    clock: Clock,
    limit: usize,
    waiting: VecDeque<TargetId>,
    at_work: JoinSet<Observation>,
    names: HashMap<Id, TargetId>,
}

impl Crew {
    fn new(prober: Arc<Prober>, clock: Clock, limit: usize) -> Self {
        Self {
            prober,
            clock,
            limit,
            waiting: VecDeque::new(),
            at_work: JoinSet::new(),
            names: HashMap::new(),
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
            self.names.insert(task.id(), id);
        }
    }

    /// The next probe that ends; none while nothing is under way. A panic is an observation of its own.
    async fn next(&mut self) -> Option<Observation> {
        let ended = self.at_work.join_next_with_id().await?;
        let observation = match ended {
            Ok((task, observation)) => {
                self.names.remove(&task);
                observation
            }
            Err(error) => self.broken(&error)?,
        };
        self.fill();
        Some(observation)
    }

    fn broken(&mut self, error: &JoinError) -> Option<Observation> {
        let target = self.names.remove(&error.id())?;
        tracing::error!(%error, "a probe broke down: this is a fault of the exporter");
        let failure =
            Failure::new(Stage::Resolve, FailureReason::Internal, "the probe broke down; see the log");
        Some(Observation { target, at: self.clock.now(), facts: Facts::default(), failure: Some(failure) })
    }
}

/// Probes every target when it is due, until `shutdown` completes; probes still under way are then dropped.
pub async fn run(
    plan: Arc<Plan>,
    prober: Arc<Prober>,
    clock: Clock,
    concurrency: usize,
    events: mpsc::Sender<Event>,
    shutdown: impl Future<Output = ()>,
) {
    let mut schedule = Schedule::new(&plan, Instant::now());
    let mut crew = Crew::new(prober, clock, concurrency);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let next_due = schedule.next_due();
        let event = tokio::select! {
            () = &mut shutdown => return,
            Some(observation) = crew.next() => {
                schedule.finished(observation.target);
                Some(Event::Observed(Box::new(observation)))
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

/// Probes every target of the plan once.
pub async fn round(plan: &Plan, prober: Arc<Prober>, clock: Clock, concurrency: usize) -> Vec<Observation> {
    let mut crew = Crew::new(prober, clock, concurrency);
    (0..plan.targets.len()).for_each(|n| crew.add(TargetId(n)));
    let mut observations = Vec::with_capacity(plan.targets.len());
    while let Some(observation) = crew.next().await {
        observations.push(observation);
    }
    observations
}

/// Never, without a time.
async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
