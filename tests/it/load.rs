//! The machine's load during a time measurement: how long the test's threads, or another process, waited for and
//! ran on a processor. On Linux from schedstat (Documentation/scheduler/sched-stats.rst); elsewhere times are used
//! unadjusted.

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::{Duration, Instant};

use defender_exporter::observation::{Failure, FailureReason, Observation, Phase};

use crate::lab::blackhole::Resetting;
use crate::scenario::Scenario;

/// How long anything may take that ends by itself, however busy the machine: it costs nothing where all is well.
pub const TEST_TIMEOUT: Duration = Duration::from_secs(120);

/// How often probes are made where a test waits for several rounds of them: short, and with a timeout that a machine meets
/// which does everything five times as slowly.
pub const BRISK: &str = "interval: 5s\ntimeout: 4s";

/// What disturbs a measurement, from when it was made.
pub struct Disturbance {
    threads: Threads,
    before: Duration,
}

/// Whose time is counted.
enum Threads {
    /// The current thread, if there is no runtime.
    Own,
    /// Those of a process.
    Process(PathBuf),
}

impl Threads {
    fn busy(&self) -> Duration {
        match self {
            Self::Own => spent(Path::new("/proc/thread-self")),
            Self::Process(folder) => {
                let threads = std::fs::read_dir(folder).into_iter().flatten().flatten();
                threads.map(|thread| spent(&thread.path())).sum()
            }
        }
    }
}

/// The time on a processor, and that of waiting for one; none where it can't be read.
fn spent(thread: &Path) -> Duration {
    let text = std::fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().take(2).filter_map(|field| field.parse::<u64>().ok()).sum())
}

impl Disturbance {
    /// Of this thread: for a test whose runtime has no other.
    pub fn here() -> Self {
        Self::of(Threads::Own)
    }

    /// Of a process with all its threads.
    pub fn of_process(id: u32) -> Self {
        Self::of(Threads::Process(format!("/proc/{id}/task").into()))
    }

    fn of(threads: Threads) -> Self {
        let before = threads.busy();
        Self { threads, before }
    }

    /// What it comes to by now.
    pub fn so_far(&self) -> Duration {
        self.threads.busy().saturating_sub(self.before) // a thread may have ended
    }
}

/// For the message of an assertion.
impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of it spent computing or waiting for a processor", self.so_far())
    }
}

/// Measures on this thread with times once, twice, four times, … as long, until the machine's part is no more than `slack` for
/// each time as long. What is measured last is given, disturbed or not, with that part.
pub async fn undisturbed<T>(slack: Duration, measure: impl AsyncFn(u32) -> T) -> (T, Duration) {
    let mut times = 1;
    loop {
        let disturbance = Disturbance::here();
        let measured = measure(times).await;
        let part = disturbance.so_far();
        if part <= slack * times || times == 16 {
            return (measured, part);
        }
        println!("disturbed for {part:?}: measured again, {} times as long", times * 2);
        times *= 2;
    }
}

/// What comes of it; none when nothing has come for so long, beside what the machine took of that time.
pub async fn with_timeout<T>(timeout: Duration, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let (start, disturbance) = (Instant::now(), Disturbance::here());
    loop {
        if let Ok(value) = tokio::time::timeout(timeout, &mut future).await {
            return Some(value);
        }
        if start.elapsed() >= timeout + disturbance.so_far() {
            return None;
        }
    }
}

/// A probe whose time runs out, with how long it took and what of that was the machine's.
pub struct RunOut {
    pub observation: Observation,
    pub took: Duration,
    pub disturbance: Duration,
}

/// Whether a busy machine is the reason for another failure than the expected one: the time ran out in an earlier phase, or
/// before DNS over TCP was connected.
pub fn is_early(failure: &Failure, expected: (Phase, FailureReason)) -> bool {
    let is_cut = failure.reason == FailureReason::Timeout && failure.phase < expected.0;
    is_cut || (failure.reason == FailureReason::Truncated && expected.1 == FailureReason::Timeout)
}

/// Probes with a time that may run out as expected: twice as long, and once more, as long as a busy machine doesn't get
/// there. Where there is a port that resets, it does.
pub async fn run_out(
    expected: (Phase, FailureReason),
    scenario: &mut Scenario,
    resetting: Option<&Resetting>,
) -> RunOut {
    const LONGEST: Duration = Duration::from_secs(12);
    loop {
        let (start, disturbance) = (Instant::now(), Disturbance::here());
        let observation = match resetting {
            Some(resetting) => resetting.while_running(Box::pin(scenario.probe())).await,
            None => scenario.probe().await,
        };
        let (took, disturbance) = (start.elapsed(), disturbance.so_far());
        let too_early = observation.failure.as_ref().is_some_and(|failure| is_early(failure, expected));
        if !too_early || scenario.target.timeout >= LONGEST {
            return RunOut { observation, took, disturbance };
        }
        println!(
            "{expected:?} wasn't reached within {:?}: disturbed for {disturbance:?}",
            scenario.target.timeout
        );
        scenario.target.timeout *= 2;
    }
}

/// How many times as slow as an idle one this machine is now: the time that some work takes by the clock, for each second of
/// it on a processor. 1 where that can't be measured.
pub fn slowness() -> f64 {
    const WORK: Duration = Duration::from_millis(300);
    let path = Path::new("/proc/thread-self/schedstat");
    let on_processor = || -> Option<Duration> {
        let text = std::fs::read_to_string(path).ok()?;
        Some(Duration::from_nanos(text.split_whitespace().next()?.parse().ok()?))
    };
    let (start, Some(before)) = (Instant::now(), on_processor()) else { return 1.0 };
    while on_processor().is_some_and(|now| now.saturating_sub(before) < WORK) {
        std::hint::spin_loop();
    }
    (start.elapsed().as_secs_f64() / WORK.as_secs_f64()).max(1.0)
}

#[cfg(target_os = "linux")]
#[test]
fn work_is_a_disturbance_and_rest_is_none() {
    let disturbance = Disturbance::here();
    std::thread::sleep(Duration::from_millis(50));
    let rest = disturbance.so_far();
    let (start, work) = (Instant::now(), Duration::from_millis(50));
    while start.elapsed() < work {
        std::hint::spin_loop();
    }
    let busy = disturbance.so_far().saturating_sub(rest);
    assert!(busy > work / 2, "{busy:?} for {work:?} of work; is CONFIG_SCHED_INFO set?");
    assert!(slowness() < 1000.0);
}
