//! The names of the program's tasks, which the log adds to panics. `app/supervisor.rs` starts and supervises long-lived
//! tasks.

use std::fmt;
use std::future::{Future, pending};
use std::panic::resume_unwind;

use crate::string_enum::string_enum;

string_enum! {
    /// A task of the program, by its name in logs and exit messages.
    Task {
        /// Starts the program and waits for its end, or runs a command.
        Main = "main",
        /// Applies events to the snapshot.
        StateReducer = "state_reducer",
        /// Schedules and runs probes.
        Engine = "engine",
        /// Detects that the process was suspended or starved of CPU.
        StallDetector = "stall_detector",
        /// Accepts connections; one per address.
        Listener = "listener",
        /// Reloads the configuration.
        Reloader = "reloader",
        /// Polls the version feed; one per route.
        FeedPoller = "feed_poller",
        /// Compares a handshake in two segments with a whole one; one per route.
        SplitHelloPoller = "split_hello_poller",
        /// Reads this machine's Defender.
        HostPoller = "host_poller",
        /// Writes the state file.
        StateFile = "state_file",
        /// Sends the status line to systemd.
        SystemdStatus = "systemd_status",
        /// Sends watchdog keep-alives to systemd.
        SystemdWatchdog = "systemd_watchdog",
        /// Handles SIGHUP.
        Sighup = "sighup",
        /// Handles reload requests of the Windows service manager.
        ServiceControl = "service_control",
        /// Serves one connection. A panic doesn't end the program.
        Connection = "connection",
        /// Runs one probe. A panic doesn't end the program: the probe fails as `internal`.
        Probe = "probe",
        /// Checks the revocation of one probe's chains. A panic doesn't end the program.
        RevocationCheck = "revocation_check",
    }
}

/// How a task died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskEnd {
    /// It panicked; the log shows where.
    Panicked,
    /// It returned while the program was running, often because a task that it depends on died.
    Returned,
}

impl fmt::Display for TaskEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Panicked => "panicked",
            Self::Returned => "returned",
        })
    }
}

/// A long-lived task died: a bug in the exporter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("task {task} {how}: a bug in the exporter")]
pub struct TaskDied {
    /// The task.
    pub task: Task,
    /// How it died.
    pub how: TaskEnd,
}

tokio::task_local! {
    static CURRENT: Task;
}

impl Task {
    /// Runs `work` under this task's name, which is logged if it panics.
    pub async fn run<T>(self, work: impl Future<Output = T>) -> T {
        CURRENT.scope(self, or_panic(self, work)).await
    }

    /// The task that runs on this thread. Returns `None` outside of any.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|task| *task).ok()
    }
}

/// Runs `work`. In debug builds, tests can make it panic.
async fn or_panic<T>(task: Task, work: impl Future<Output = T>) -> T {
    #[cfg(debug_assertions)]
    tokio::select! {
        biased;
        never = fault::panic_if_due(task) => match never {},
        done = work => done,
    }
    #[cfg(not(debug_assertions))]
    {
        let _ = task;
        work.await
    }
}

/// Runs blocking work (files, the registry, sockets without a timeout) on a blocking thread. A panic is propagated to
/// the caller.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let task = Task::current();
    let work = move || match task {
        Some(task) => CURRENT.sync_scope(task, work),
        None => work(),
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // Cancelled before it started: the runtime is shutting down, and the caller will be dropped.
            Err(_) => pending().await,
        },
    }
}

/// Faults injected by tests. Not in release builds.
#[cfg(debug_assertions)]
pub(crate) mod fault {
    use std::convert::Infallible;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::Task;

    /// The fault to inject, as `KIND:TASK:FILE`: once the file exists, the task panics (`panic`) or returns (`end`).
    const VARIABLE: &str = "DEFENDER_EXPORTER_FAULT";

    /// The interval between checks for the file.
    const POLL_INTERVAL: Duration = Duration::from_millis(20);

    /// Waits until the fault is due. Never completes if no such fault is set for this task.
    async fn due(kind: &str, task: Task) -> PathBuf {
        let fault = std::env::var(VARIABLE).unwrap_or_default();
        let file = fault.strip_prefix(kind).and_then(|rest| rest.strip_prefix(':'));
        let file = file.and_then(|rest| rest.strip_prefix(task.as_str())?.strip_prefix(':'));
        let Some(file) = file.map(PathBuf::from) else { return std::future::pending().await };
        while !file.exists() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        file
    }

    /// Panics when the fault is due. The file's name represents a secret that no log may contain.
    pub(super) async fn panic_if_due(task: Task) -> Infallible {
        let file = due("panic", task).await;
        panic!("a fault was ordered: {}", file.display())
    }

    /// Returns when the fault is due.
    pub(crate) async fn end_if_due(task: Task) {
        due("end", task).await;
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use futures_util::poll;
    use tokio::runtime::Builder;

    use super::*;

    #[tokio::test]
    async fn blocking_work_runs_on_another_thread_under_its_tasks_name() {
        let here = std::thread::current().id();
        let there = Task::Engine.run(blocking(|| (Task::current(), std::thread::current().id()))).await;
        assert_eq!(there.0, Some(Task::Engine));
        assert_ne!(there.1, here);
        assert_eq!(Task::current(), None);
    }

    #[tokio::test]
    async fn a_panic_of_blocking_work_is_propagated_to_its_task() {
        let ended = tokio::spawn(blocking(|| panic!("expected by the test"))).await;
        assert!(ended.unwrap_err().is_panic());
    }

    #[tokio::test]
    async fn blocking_work_that_never_started_does_not_panic() {
        let ended = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let handle = ended.handle().clone();
        ended.shutdown_background();
        let never = handle.spawn_blocking(|| ()).await.unwrap_err();
        assert!(never.is_cancelled(), "what this is about: {never}");
        let mut waiting = Box::pin(blocking(|| ()));
        let _inside = handle.enter();
        for _ in 0..100 {
            assert_eq!(poll!(&mut waiting), Poll::Pending);
        }
    }
}
