//! Runs an evaluation: each run of the script on its own thread, abandoned after its time limit, and DNS between
//! the runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::thread;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{Instant, timeout_at};

use super::dns::{DnsBudget, KnownNames, PacDns, UnresolvedNames};
use super::engine::{Job, RunEnd};
use super::error::TimeSpent;
use super::{PacError, engine};
use crate::clock::thread_cpu_time;
use crate::net::resolver::Resolver;

/// The maximum number of concurrent runs in this process, for their memory and threads. The others queue. No run
/// waits for anything but a CPU, so that each has its permit for [`STARVED`] times the script's time limit at most.
const MAX_RUNS: usize = 4;
/// The maximum number of concurrent runs of one source, so that slow scripts of one source leave room for others.
const MAX_RUNS_OF_SOURCE: usize = 2;

/// The maximum number of stuck runs in this process. Above it, no script is run. A script inside an engine
/// built-in can't be stopped, only abandoned: it uses a CPU and its memory until the built-in returns.
const MAX_STUCK: usize = 8;
/// The maximum number of stuck runs of one source. Above it, no script of that source is run.
const MAX_STUCK_OF_SOURCE: usize = 2;

/// The runs in this process.
static PROCESS: LazyLock<RunLimiter> = LazyLock::new(|| RunLimiter::with(MAX_RUNS, MAX_STUCK));

/// The thread's stack: the script's limit plus the engine's needs.
const STACK: usize = engine::STACK + (1 << 20);

/// A run ends after this many times the script's time limit at the latest, even if it had no CPU for most of it.
const STARVED: u32 = 4;

/// The time to tear down a stopped script before it counts as stuck.
const GRACE: Duration = Duration::from_millis(100);

/// Limits the runs of the scripts of one source, so that they leave those of other sources alone.
#[derive(Debug)]
pub struct RunLimiter {
    running: Arc<Semaphore>,
    stuck: Arc<Semaphore>,
}

impl RunLimiter {
    fn with(running: usize, stuck: usize) -> Self {
        Self { running: Arc::new(Semaphore::new(running)), stuck: Arc::new(Semaphore::new(stuck)) }
    }

    /// Waits for a permit to run, until `deadline`.
    async fn wait(&self, deadline: Instant) -> Result<Option<OwnedSemaphorePermit>, PacError> {
        match timeout_at(deadline, Arc::clone(&self.running).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Some(permit)),
            Ok(Err(_)) => Err(PacError::internal("the permits are closed")), // they never are
            Err(_) => Ok(None),
        }
    }

    /// Waits until fewer runs are stuck than may be. False if that isn't so by `deadline`.
    async fn has_unstuck(&self, deadline: Instant) -> bool {
        timeout_at(deadline, self.stuck.acquire()).await.is_ok()
    }

    /// Counts a run as stuck until the permit is dropped. Above the limit, nothing is left to count.
    fn count_stuck(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.stuck).try_acquire_owned().ok()
    }
}

impl Default for RunLimiter {
    fn default() -> Self {
        Self::with(MAX_RUNS_OF_SOURCE, MAX_STUCK_OF_SOURCE)
    }
}

/// One run that ended.
struct Run {
    end: RunEnd,
    /// The CPU time that it used, if that is known.
    cpu: Option<Duration>,
}

/// The runs of one evaluation.
struct Runs {
    limiter: Arc<RunLimiter>,
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
    limiter: &Arc<RunLimiter>,
) -> (Result<String, PacError>, UnresolvedNames) {
    let deadline = deadline.checked_sub(GRACE).unwrap_or(deadline);
    let mut dns = DnsBudget::new(deadline.saturating_duration_since(Instant::now()));
    let spent = TimeSpent { limit: job.limits.time, ..TimeSpent::default() };
    let mut runs = Runs {
        limiter: Arc::clone(limiter),
        job: Arc::new(job),
        known: KnownNames::default(),
        resolves: names.is_some(),
        deadline,
        spent,
    };
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
        // The source first, so that its queue takes no permits of the process.
        let permits = match self.limiter.wait(self.deadline).await? {
            Some(of_source) => PROCESS.wait(self.deadline).await?.map(|of_process| (of_source, of_process)),
            None => None,
        };
        self.spent.queued += queued.elapsed();
        let Some(_permits) = permits else { return Ok(RunEnd::TimedOut) };
        // Scripts of another source may end later, this source's would have ended by now.
        let unstuck = self.limiter.has_unstuck(Instant::now() + GRACE).await;
        if !unstuck || !PROCESS.has_unstuck(self.deadline).await {
            return Err(PacError::Busy);
        }
        let start = Instant::now();
        let left = self.job.limits.time.saturating_sub(self.spent.ran);
        let stop = self.deadline.min(start + left * STARVED);
        let (guard, ended) = self.start(left, stop)?;
        let ended = timeout_at(stop + GRACE, ended).await;
        drop(guard);
        let took = start.elapsed();
        let (end, ran) = match ended {
            Ok(Ok(Run { end, cpu })) => (Ok(end), cpu.unwrap_or(took)),
            Ok(Err(_)) => (Err(PacError::internal("it panicked")), took),
            Err(_) => (Ok(RunEnd::TimedOut), took),
        };
        self.spent.ran += ran;
        self.spent.cpu += took.saturating_sub(ran);
        end
    }

    /// Starts a run that ends when it has run for `left`, and at `stop`.
    fn start(&self, left: Duration, stop: Instant) -> Result<(WaitGuard, oneshot::Receiver<Run>), PacError> {
        let guard = WaitGuard { limiter: Arc::clone(&self.limiter), watched: Arc::default() };
        let (job, known, resolves) = (Arc::clone(&self.job), Arc::clone(&self.known), self.resolves);
        let watched = Arc::clone(&guard.watched);
        let (done, ended) = oneshot::channel();
        let evaluate = move || {
            let (flag, start) = (Arc::clone(&watched), Instant::now());
            // The thread is new: what it has used, it has used for this run.
            let ran = move || thread_cpu_time().unwrap_or_else(|| start.elapsed());
            let out_of_time =
                move || flag.abandoned.load(Ordering::Relaxed) || ran() >= left || Instant::now() >= stop;
            let end = engine::evaluate(&job, PacDns::new(known, resolves), out_of_time);
            drop(watched);
            let _gone = done.send(Run { end, cpu: thread_cpu_time() });
        };
        let thread = thread::Builder::new().name("pac".to_owned()).stack_size(STACK).spawn(evaluate);
        thread.map(|_| (guard, ended)).map_err(|error| PacError::internal(error.to_string()))
    }
}

/// Held while a caller waits for a thread. If it is dropped while the thread still runs, the run counts as stuck
/// until the thread ends. The thread holds the other references.
struct WaitGuard {
    limiter: Arc<RunLimiter>,
    watched: Arc<Watched>,
}

#[derive(Default)]
struct Watched {
    abandoned: AtomicBool,
    /// Of the source and of the process.
    stuck: OnceLock<[Option<OwnedSemaphorePermit>; 2]>,
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        self.watched.abandoned.store(true, Ordering::Relaxed);
        let runs = Arc::strong_count(&self.watched) > 1;
        if runs {
            let _first = self.watched.stuck.set([self.limiter.count_stuck(), PROCESS.count_stuck()]);
        }
    }
}
