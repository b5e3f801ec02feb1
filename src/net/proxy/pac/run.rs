//! Runs an evaluation: each run of the script on its own thread, abandoned after its time limit, and DNS between
//! the runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::dns::{DnsBudget, KnownNames, PacDns, UnresolvedNames};
use super::engine::{Job, RunEnd};
use super::error::TimeSpent;
use super::{PacError, engine};
use crate::net::resolver::Resolver;

/// Limits concurrent runs in this process, and so their memory and threads. The others queue. No run waits for
/// anything, so that each has its permit for the script's time limit at most.
static RUNS: Semaphore = Semaphore::const_new(4);

/// Limits stuck runs; above it, no script is run. A script inside an engine built-in can't be stopped, only
/// abandoned: it uses a CPU and its memory until the built-in returns.
static STUCK: Semaphore = Semaphore::const_new(2);

/// The thread's stack: the script's limit plus the engine's needs.
const STACK: usize = engine::STACK + (1 << 20);

/// The time to tear down a stopped script before it counts as stuck.
const GRACE: Duration = Duration::from_millis(100);

/// The runs of one evaluation.
struct Runs {
    job: Arc<Job>,
    known: KnownNames,
    resolves: bool,
    /// When the last run has to stop, so that it is torn down by the deadline.
    deadline: Instant,
    spent: TimeSpent,
}

/// Evaluates by `deadline`. If `names` is `None`, no name resolves. Returns the names without an address too.
pub(super) async fn run(
    job: Job,
    names: Option<&Resolver>,
    deadline: Instant,
) -> (Result<String, PacError>, UnresolvedNames) {
    let deadline = deadline.checked_sub(GRACE).unwrap_or(deadline);
    let mut dns = DnsBudget::new(deadline.saturating_duration_since(Instant::now()));
    let spent = TimeSpent { limit: job.limits.time, ..TimeSpent::default() };
    let mut runs =
        Runs { job: Arc::new(job), known: KnownNames::default(), resolves: names.is_some(), deadline, spent };
    let result = loop {
        match runs.run_once().await {
            Ok(RunEnd::Missing(name)) => {
                let addresses = match names {
                    Some(names) => dns.resolve(names, &name).await,
                    None => Vec::new(),
                };
                Arc::make_mut(&mut runs.known).insert(name, addresses);
            }
            Ok(RunEnd::TimedOut) => {
                break Err(PacError::Timeout(TimeSpent { dns: dns.waited, ..runs.spent }));
            }
            Ok(RunEnd::Done(result)) => break result,
            Err(error) => break Err(error),
        }
    };
    (result, dns.unresolved)
}

impl Runs {
    /// Runs the script once, on a dedicated thread, not on the runtime's blocking pool: the runtime's shutdown
    /// waits for that pool.
    async fn run_once(&mut self) -> Result<RunEnd, PacError> {
        let queued = Instant::now();
        let permit = timeout_at(self.deadline, RUNS.acquire()).await;
        self.spent.queued += queued.elapsed();
        let Ok(permit) = permit else { return Ok(RunEnd::TimedOut) };
        let Ok(_permit) = permit else { return Err(PacError::Busy) };
        if timeout(GRACE, STUCK.acquire()).await.is_err() {
            return Err(PacError::Busy);
        }
        let start = Instant::now();
        let left = self.job.limits.time.saturating_sub(self.spent.ran);
        let stop = self.deadline.min(start + left);
        let (guard, ended) = self.start(stop)?;
        let ended = timeout_at(stop + GRACE, ended).await;
        drop(guard);
        self.spent.ran += start.elapsed();
        match ended {
            Ok(Ok(end)) => Ok(end),
            Ok(Err(_)) => Err(PacError::internal("it panicked")),
            Err(_) => Ok(RunEnd::TimedOut),
        }
    }

    fn start(&self, stop: Instant) -> Result<(WaitGuard, oneshot::Receiver<RunEnd>), PacError> {
        let guard = WaitGuard(Arc::default());
        let (job, known, resolves) = (Arc::clone(&self.job), Arc::clone(&self.known), self.resolves);
        let watched = Arc::clone(&guard.0);
        let (done, ended) = oneshot::channel();
        let evaluate = move || {
            let flag = Arc::clone(&watched);
            let abandoned = move || flag.abandoned.load(Ordering::Relaxed);
            let end = engine::evaluate(&job, PacDns::new(known, resolves), stop.into_std(), abandoned);
            drop(watched);
            let _gone = done.send(end);
        };
        let thread = thread::Builder::new().name("pac".to_owned()).stack_size(STACK).spawn(evaluate);
        thread.map(|_| (guard, ended)).map_err(|error| PacError::internal(error.to_string()))
    }
}

/// Held while a caller waits for a thread. If it is dropped while the thread still runs, the run counts as stuck
/// until the thread ends. The thread holds the other references.
struct WaitGuard(Arc<Watched>);

#[derive(Default)]
struct Watched {
    abandoned: AtomicBool,
    stuck: OnceLock<SemaphorePermit<'static>>,
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        self.0.abandoned.store(true, Ordering::Relaxed);
        let runs = Arc::strong_count(&self.0) > 1;
        if runs && let Ok(stuck) = STUCK.try_acquire() {
            let _first = self.0.stuck.set(stuck);
        }
    }
}
