//! Starts and supervises every long-lived task. If one panics, or returns while the program runs, the program exits:
//! with a part missing, the rest would keep serving stale results. No other module spawns long-lived tasks.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::task::{Task, TaskDied, TaskEnd};
use crate::text::duration;

/// Supervises the tasks of the program.
#[derive(Debug)]
pub struct Supervisor {
    tasks: Tasks,
    deaths: mpsc::UnboundedReceiver<TaskDied>,
}

impl Supervisor {
    /// Without tasks.
    #[must_use]
    pub fn new() -> Self {
        let (died, deaths) = mpsc::unbounded_channel();
        let (all, stop) = (TaskTracker::new(), CancellationToken::new());
        let tasks = Tasks { own: all.clone(), all, stop, died, alive: Arc::default() };
        Self { tasks, deaths }
    }

    /// The handle that starts tasks.
    #[must_use]
    pub const fn tasks(&self) -> &Tasks {
        &self.tasks
    }

    /// Waits until a task dies. Cancel safe.
    pub async fn first_end(&mut self) -> TaskDied {
        match self.deaths.recv().await {
            Some(death) => death,
            None => std::future::pending().await, // unreachable: `tasks` holds a sender
        }
    }

    /// Stops all tasks, waiting at most `limit`. `first` is the death that caused the stop, if any. Returns the root
    /// cause: a panic takes precedence over a return, which is often its consequence.
    pub async fn stop(mut self, first: Option<TaskDied>, limit: Duration) -> Option<TaskDied> {
        self.tasks.stop.cancel();
        self.tasks.all.close();
        if timeout(limit, self.tasks.all.wait()).await.is_err() {
            let left: Vec<_> = self.tasks.alive().iter().map(|task| task.as_str()).collect();
            tracing::warn!(
                tasks = left.join(","),
                limit = duration(limit),
                "tasks still running at shutdown, abandoning them"
            );
        }
        let later = std::iter::from_fn(|| self.deaths.try_recv().ok());
        let mut deaths = first.into_iter().chain(later);
        let first = deaths.next()?;
        let panicked = |death: &TaskDied| death.how == TaskEnd::Panicked;
        if panicked(&first) { Some(first) } else { Some(deaths.find(panicked).unwrap_or(first)) }
    }
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

/// Starts tasks. Clones share the same supervisor.
#[derive(Clone, Debug)]
pub struct Tasks {
    /// All tasks of the program.
    all: TaskTracker,
    /// The tasks of this group.
    own: TaskTracker,
    stop: CancellationToken,
    died: mpsc::UnboundedSender<TaskDied>,
    alive: Arc<Mutex<Vec<Task>>>,
}

impl Tasks {
    /// Starts a task. It is dropped at its next await when the program or the group stops. Must be called inside the
    /// runtime.
    pub fn spawn(&self, task: Task, work: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.start(task, async move {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = work => {}
            }
        });
    }

    /// Starts a task that returns by itself when the program stops, because it watches [`Tasks::stopping`] or its input
    /// channel closes. Must be called inside the runtime.
    pub fn spawn_until_done(&self, task: Task, work: impl Future<Output = ()> + Send + 'static) {
        self.start(task, work);
    }

    /// Cancelled when the program stops.
    #[must_use]
    pub fn stopping(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// A group of tasks that can be stopped separately.
    #[must_use]
    pub fn group(&self) -> Self {
        Self { own: TaskTracker::new(), stop: self.stop.child_token(), ..self.clone() }
    }

    /// Stops the tasks of this group and waits for their end.
    pub async fn end(self) {
        self.stop.cancel();
        self.own.close();
        self.own.wait().await;
    }

    fn start(&self, task: Task, work: impl Future<Output = ()> + Send + 'static) {
        let (stop, died) = (self.stop.clone(), self.died.clone());
        let alive = Alive::new(task, Arc::clone(&self.alive));
        let supervised = async move {
            let mut work = pin!(work);
            // Only borrowed: what `work` holds is dropped after its death is reported. Otherwise a task at the other
            // end of its channel could return and be blamed first.
            let ended = AssertUnwindSafe(task.run(or_fault(task, work.as_mut()))).catch_unwind().await;
            drop(alive);
            let how = match ended {
                Err(_) => TaskEnd::Panicked,
                Ok(()) if stop.is_cancelled() => return,
                Ok(()) => TaskEnd::Returned,
            };
            let _ = died.send(TaskDied { task, how }); // without a supervisor the program has ended
        };
        let tracked = self.all.track_future(self.own.track_future(supervised));
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that starts what lives as long as the program"
        )]
        tokio::spawn(tracked);
    }

    fn alive(&self) -> Vec<Task> {
        self.alive.lock().clone()
    }
}

/// Runs `work`. In debug builds, tests can make it return early.
async fn or_fault(task: Task, work: impl Future<Output = ()>) {
    #[cfg(debug_assertions)]
    tokio::select! {
        biased;
        () = crate::task::fault::end_if_due(task) => {}
        () = work => {}
    }
    #[cfg(not(debug_assertions))]
    {
        let _ = task;
        work.await;
    }
}

/// Lists a task as alive until it is dropped.
struct Alive(Task, Arc<Mutex<Vec<Task>>>);

impl Alive {
    fn new(task: Task, list: Arc<Mutex<Vec<Task>>>) -> Self {
        list.lock().push(task);
        Self(task, list)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        let mut list = self.1.lock();
        if let Some(at) = list.iter().position(|task| *task == self.0) {
            list.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::sync::oneshot;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    fn died(task: Task, how: TaskEnd) -> TaskDied {
        TaskDied { task, how }
    }

    #[tokio::test]
    async fn a_panic_takes_precedence_over_its_consequences() {
        let mut supervisor = Supervisor::new();
        let (cause, effect) = oneshot::channel::<()>();
        // On several threads, the channel closes while the panic unwinds, and its reader reports first.
        supervisor.tasks().spawn(Task::Engine, async move {
            let _ = effect.await;
        });
        drop(cause);
        let first = supervisor.first_end().await;
        assert_eq!(first, died(Task::Engine, TaskEnd::Returned));
        supervisor.tasks().spawn(Task::StateReducer, async { panic!("expected by the test") });
        let blamed = loop {
            // Let it run: the stop would drop a task that hasn't started.
            tokio::task::yield_now().await;
            if supervisor.tasks().alive().is_empty() {
                break supervisor.stop(Some(first), LIMIT).await;
            }
        };
        assert_eq!(blamed, Some(died(Task::StateReducer, TaskEnd::Panicked)));
    }

    #[tokio::test]
    async fn stop_waits_for_tasks() {
        let supervisor = Supervisor::new();
        let stopping = supervisor.tasks().stopping();
        let (done, is_done) = oneshot::channel();
        supervisor.tasks().spawn(Task::Engine, pending());
        supervisor.tasks().spawn_until_done(Task::StateFile, async move {
            stopping.cancelled().await;
            tokio::task::yield_now().await;
            done.send(()).unwrap();
        });
        assert_eq!(supervisor.stop(None, LIMIT).await, None);
        is_done.await.expect("it was waited for");
    }

    #[tokio::test(start_paused = true)]
    async fn stop_abandons_hanging_tasks_and_reports_panics() {
        let supervisor = Supervisor::new();
        let stopping = supervisor.tasks().stopping();
        supervisor.tasks().spawn_until_done(Task::Listener, pending());
        supervisor.tasks().spawn_until_done(Task::StateFile, async move {
            stopping.cancelled().await;
            panic!("expected by the test");
        });
        let blamed = supervisor.stop(None, LIMIT).await;
        assert_eq!(blamed, Some(died(Task::StateFile, TaskEnd::Panicked)));
    }

    #[tokio::test]
    async fn a_group_can_be_stopped_alone_and_stops_with_the_program() {
        let mut supervisor = Supervisor::new();
        let tasks = supervisor.tasks().clone();
        let (early, late) = (tasks.group(), tasks.group());
        early.spawn(Task::FeedPoller, pending());
        late.spawn(Task::HostPoller, pending());
        early.end().await;
        assert_eq!(tasks.alive(), [Task::HostPoller]);
        late.spawn(Task::FeedPoller, async {});
        assert_eq!(supervisor.first_end().await, died(Task::FeedPoller, TaskEnd::Returned));
        assert_eq!(supervisor.stop(None, LIMIT).await, None);
        assert_eq!(tasks.alive(), []);
    }
}
