//! The one loop: due → permit → probe → event. It decides nothing about what a probe means. Who makes the probes is `crew.rs`,
//! whether the loop still turns `pulse.rs`, and `heartbeat.rs` whether this program gets to run at all.

mod crew;
mod heartbeat;
mod pulse;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::catalog::Component;
use crate::clock::Clock;
use crate::host::HostFacts;
use crate::observation::Observation;
use crate::plan::{Plan, TargetId};
use crate::probe::Prober;
use crate::schedule::{Due, Schedule};
use crate::signatures::Answer;
use crate::trust::VerifiedPath;
use crate::trust::revocation::{CrlState, RevocationReport};
use crew::Crew;
use heartbeat::Heartbeat;
pub use pulse::Pulse;

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A probe ended.
    Observed(Box<Observation>),
    /// A probe was left out: its last one was still under way when it was due, or it stood still with this machine.
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
    let (heartbeat, (stood, mut standstill)) = (Arc::new(Heartbeat::new()), watch::channel(Duration::ZERO));
    let mut crew = Crew::new(Arc::clone(&work.prober), clock, work.concurrency, Some(Arc::clone(&heartbeat)));
    let mut beside = JoinSet::new(); // it ends with this
    beside.spawn(async move { heartbeat.keep(stood).await });
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
                    let kept = kept(&plan, crew.prober(), &next);
                    schedule = schedule.succeed(&next.plan, &kept, Instant::now());
                    crew.replace(next.prober, next.concurrency, &kept);
                    plan = next.plan;
                    Some(Event::Planned(Box::new(Planned { plan: Arc::clone(&plan), at })))
                }
            },
            Some(ended) = crew.next() => {
                if let Some(target) = ended.target() {
                    schedule.finished(target);
                }
                Some(ended.event(&plan))
            }
            Ok(()) = standstill.changed() => {
                let stood = *standstill.borrow_and_update();
                schedule.awake(stood, Instant::now());
                None
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
    let mut crew = Crew::new(prober, clock, concurrency, None);
    (0..plan.targets.len()).for_each(|n| crew.add(TargetId(n)));
    let mut events = Vec::with_capacity(plan.targets.len());
    loop {
        tokio::select! {
            event = crew.next() => match event {
                Some(ended) => events.push(ended.event(plan)),
                None => return events,
            },
            () = wait_until(until), if crew.has_probed() => return events,
        }
    }
}

/// Never, without a time.
async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
