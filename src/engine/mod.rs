//! The main loop: due → worker pool → event. It doesn't interpret results. `worker_pool.rs` runs the probes,
//! `liveness.rs` checks that the loop makes progress, and `stall_detector.rs` detects that the whole process was
//! suspended or starved.

mod feed_poller;
mod host_poller;
mod liveness;
pub mod on_demand;
pub mod reload_requests;
mod split_hello_poller;
mod stall_detector;
mod worker_pool;

pub use feed_poller::pollers as feed_pollers;
pub use host_poller::poll as poll_host;
pub use split_hello_poller::pollers as split_hello_pollers;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;
use crate::event::{Event, PlanReplaced};
use crate::plan::schedule::{Due, Schedule};
use crate::plan::{Plan, TargetId};
use crate::probe::Prober;
pub use liveness::LivenessProbe;
use stall_detector::StallDetector;
use worker_pool::WorkerPool;

/// A command to the running engine.
pub enum EngineCommand {
    /// Reply, to prove that the loop makes progress.
    Ping(oneshot::Sender<()>),
    /// Switch to another plan. Probes in flight are aborted if their target was removed or changed.
    ReplacePlan {
        /// The new plan.
        setup: Box<ProbeSetup>,
        /// When it was loaded.
        at: SystemTime,
    },
}

/// A plan, and what is needed to probe it.
pub struct ProbeSetup {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The prober of its targets.
    pub prober: Arc<Prober>,
    /// The maximum number of probes in flight.
    pub concurrency: usize,
}

/// The engine's parts, each to be run as its own task until the program stops.
pub struct EngineTasks<L, S> {
    /// Probes every target when it is due. Dropping it aborts the probes in flight.
    pub probe_loop: L,
    /// Detects that the process was suspended or starved.
    pub stall_detector: S,
}

/// Prepares the engine's tasks.
#[must_use]
pub fn tasks(
    setup: ProbeSetup,
    clock: Clock,
    commands: mpsc::Receiver<EngineCommand>,
    events: mpsc::Sender<Event>,
) -> EngineTasks<impl Future<Output = ()> + Send + 'static, impl Future<Output = ()> + Send + 'static> {
    let detector = Arc::new(StallDetector::new());
    let (stalled, stall) = watch::channel(Duration::ZERO);
    EngineTasks {
        probe_loop: run(setup, clock, commands, events, Arc::clone(&detector), stall),
        stall_detector: async move { detector.run(stalled).await },
    }
}

/// The loop. Returns when the event channel closes.
async fn run(
    setup: ProbeSetup,
    clock: Clock,
    mut commands: mpsc::Receiver<EngineCommand>,
    events: mpsc::Sender<Event>,
    stall_detector: Arc<StallDetector>,
    mut stall: watch::Receiver<Duration>,
) {
    let mut schedule = Schedule::new(&setup.plan, Instant::now());
    let mut pool = WorkerPool::new(Arc::clone(&setup.prober), clock, setup.concurrency, Some(stall_detector));
    let mut plan = setup.plan;
    loop {
        let next_due = schedule.next_due();
        let event = tokio::select! {
            Some(command) = commands.recv() => match command {
                EngineCommand::Ping(reply) => {
                    let _ = reply.send(()); // the caller may have timed out
                    None
                }
                EngineCommand::ReplacePlan { setup: next, at } => {
                    let kept = carried_over(&plan, pool.prober(), &next);
                    schedule = schedule.carry_over(&next.plan, &kept, Instant::now());
                    pool.replace(next.prober, next.concurrency, &kept);
                    plan = next.plan;
                    Some(Event::PlanReplaced(Box::new(PlanReplaced { plan: Arc::clone(&plan), at })))
                }
            },
            Some(completed) = pool.next() => {
                if let Some(target) = completed.target() {
                    schedule.finished(target, completed.succeeded(), Instant::now());
                }
                Some(completed.event(&plan))
            }
            Ok(()) = stall.changed() => {
                let stalled = *stall.borrow_and_update();
                schedule.resume_after_stall(stalled, Instant::now());
                None
            }
            () = wait_until(next_due) => {
                let now = Instant::now();
                if !pool.has_room() {
                    schedule.drop_due_rechecks(now);
                }
                match schedule.due(now) {
                    Some(Due::Probe(id)) => {
                        pool.add(id);
                        None
                    }
                    Some(Due::Overrun(id)) => Some(Event::Overrun(plan.target(id).endpoint.component)),
                    None => None,
                }
            }
        };
        if let Some(event) = event
            && events.send(event).await.is_err()
        {
            return; // the receiver is gone
        }
    }
}

/// Maps old to new ids of the targets whose probes continue: both the target and its route context are unchanged.
fn carried_over(plan: &Plan, prober: &Prober, next: &ProbeSetup) -> HashMap<TargetId, TargetId> {
    let carried = plan.carry_over(&next.plan).into_iter().enumerate();
    let kept = carried.filter_map(|(n, carried)| {
        let (old, carried) = (TargetId(n), carried?);
        (carried.same && next.prober.shares_route_context(carried.id, prober, old))
            .then_some((old, carried.id))
    });
    kept.collect()
}

/// Probes every target of the plan once and checks the revocation of the chains presented. Revocation checks still
/// running at `until`, if given, are left out. Probes have their own timeouts.
pub async fn probe_once(
    plan: &Plan,
    prober: Arc<Prober>,
    clock: Clock,
    concurrency: usize,
    until: Option<Instant>,
) -> Vec<Event> {
    let mut events = Vec::with_capacity(plan.targets.len());
    probe_each(plan, prober, clock, concurrency, until, |event| events.push(event)).await;
    events
}

/// Like [`probe_once`]; passes on each event as soon as it happens.
pub async fn probe_each(
    plan: &Plan,
    prober: Arc<Prober>,
    clock: Clock,
    concurrency: usize,
    until: Option<Instant>,
    mut happened: impl FnMut(Event),
) {
    let mut pool = WorkerPool::new(prober, clock, concurrency, None);
    (0..plan.targets.len()).for_each(|n| pool.add(TargetId(n)));
    loop {
        tokio::select! {
            event = pool.next() => match event {
                Some(completed) => happened(completed.event(plan)),
                None => return,
            },
            () = wait_until(until), if pool.is_idle() => return,
        }
    }
}

/// Never completes without a time.
async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
