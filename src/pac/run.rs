//! Runs an evaluation on a thread of its own, answers its DNS questions, and does not wait for it past its time.

use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit, mpsc, oneshot};
use tokio::time::timeout;

use super::PacError;
use super::asker::{Asker, Question};
use super::engine::{self, Job};
use crate::names::Destinations;

/// How many evaluations run at once in this process, and so hold their memory at once. The others wait.
static TURNS: Semaphore = Semaphore::const_new(4);

/// How many strays there may be before no script is run any more. A script inside one of the engine's built-in functions
/// can't be stopped, only left alone: it keeps a processor busy, and its memory, until that function returns.
static STRAYS: Semaphore = Semaphore::const_new(2);

/// The stack of a thread: the script's own, and room for what the engine needs beside it.
const STACK: usize = engine::STACK + (1 << 20);

/// How long a script that was stopped may take to be torn down before it counts as a stray.
const GRACE: Duration = Duration::from_millis(100);

/// Evaluates, on a thread and not on the runtime's pool for blocking work: the runtime waits for those when it ends.
/// Without `names` no name has an address.
pub(super) async fn run(job: Job, names: Option<&Destinations>) -> Result<String, PacError> {
    let Ok(_turn) = TURNS.acquire().await else { return Err(PacError::Busy) };
    if timeout(GRACE, STRAYS.acquire()).await.is_err() {
        return Err(PacError::Busy);
    }
    let time = job.limits.time;
    let (asking, questions) = mpsc::channel(1);
    let (attention, ended) = start(job, asking)?;
    let attended = async {
        tokio::select! {
            ended = ended => ended.unwrap_or_else(|_| Err(PacError::internal("it panicked"))),
            never = answer(questions, names) => never,
        }
    };
    let result = timeout(time + GRACE, attended).await;
    drop(attention);
    result.unwrap_or(Err(PacError::Timeout(time)))
}

/// Kept while somebody waits for a thread. When nobody does any more, and it still runs, it counts as a stray until it
/// ends: the thread has the other half.
struct Attention(Half);

type Half = Arc<OnceLock<SemaphorePermit<'static>>>;

impl Drop for Attention {
    fn drop(&mut self) {
        let runs = Arc::strong_count(&self.0) > 1;
        if runs && let Ok(stray) = STRAYS.try_acquire() {
            let _first = self.0.set(stray);
        }
    }
}

fn start(
    job: Job,
    asking: mpsc::Sender<Question>,
) -> Result<(Attention, oneshot::Receiver<Result<String, PacError>>), PacError> {
    let attention = Attention(Half::default());
    let half = Arc::clone(&attention.0);
    let (done, ended) = oneshot::channel();
    let deadline = Instant::now() + job.limits.time;
    let work = move || {
        let result = engine::evaluate(&job, Asker::new(asking, deadline), deadline);
        drop(half);
        let _gone = done.send(result);
    };
    let thread = thread::Builder::new().name("pac".to_owned()).stack_size(STACK).spawn(work);
    thread.map(|_| (attention, ended)).map_err(|error| PacError::internal(error.to_string()))
}

/// Answers until the script has ended.
async fn answer<T>(mut questions: mpsc::Receiver<Question>, names: Option<&Destinations>) -> T {
    while let Some(Question { name, reply }) = questions.recv().await {
        let addresses = match names {
            Some(names) => names.addresses(&name).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let _gone = reply.try_send(addresses);
    }
    std::future::pending().await
}
