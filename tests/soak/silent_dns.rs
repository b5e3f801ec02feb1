//! Ten thousand targets whose names the DNS server never answers, beside the default catalog, which it answers: each probe must
//! end at its deadline, no other target may be held up, and memory must be flat.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use procfs::process::Process;

use crate::exporter::Exporter;
use crate::lab;
use crate::lab::dns::Answer;
use crate::leak::{self, Median};
use crate::series::{Scrape, label};
use crate::watch::scrape;
use crate::world::{World, pace};

/// The number of silent targets.
const TARGETS: usize = 10_000;
const INTERVAL: Duration = Duration::from_secs(30);
const TIMEOUT: Duration = Duration::from_secs(2);
const CONCURRENCY: usize = 1000;
/// The rounds that are looked at.
const ROUNDS: usize = 3;
/// How long after its deadline a probe may end on an idle machine.
const LATE: Duration = Duration::from_millis(500);
/// The host names of the silent targets end so.
const SILENT: &str = "silent.dns.lab";
/// By when the first round must have ended.
const FIRST_ROUND: Duration = Duration::from_secs(240);

/// Runs, and prints what it measures.
///
/// # Errors
/// What isn't as it must be.
pub async fn run() -> Result<(), String> {
    let world = World::start().await;
    world.lab.dns.set_default(Answer::Silence);
    let text = std::fs::read_to_string(world.file()).unwrap();
    let routes = text.find("routes:").expect("the world has routes");
    let mut text = pace(INTERVAL, TIMEOUT, CONCURRENCY) + &text[routes..];
    text.push_str("endpoints:\n");
    for n in 0..TARGETS {
        writeln!(text, "  - {{ component: diagnostics, url: \"https://{n}.{SILENT}/\" }}").unwrap();
    }
    std::fs::write(world.file(), text).unwrap();

    let (exporter, client) = (Exporter::start(&world.file()), lab::client());
    let deadline = Instant::now() + FIRST_ROUND;
    while !client.get(format!("{}/-/ready", exporter.base)).send().await.is_ok_and(|r| r.status() == 200) {
        if Instant::now() > deadline {
            return Err(format!("the first round takes longer than {FIRST_ROUND:?}"));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let mut medians = Vec::new();
    for round in 1..=ROUNDS {
        let before = exporter.busy();
        tokio::time::sleep(INTERVAL).await;
        let slowness = exporter.busy().slowness_since(before);
        let slowest = look(&scrape(&client, &exporter.base).await?, slowness)?;
        let held = exporter.held()?;
        println!(
            "round {round}: {TARGETS} silent targets, slowest probe {slowest:.3} s of {TIMEOUT:?}, resident {} KiB, \
             a machine {slowness:.1} times as slow as an idle one",
            held.resident
        );
        medians.extend(leak::median(&[held]));
    }
    exporter.stop()?;
    if let Some(line) = exporter.forbidden() {
        return Err(format!("the log has: {line}"));
    }
    flat(&medians)
}

/// Compares the last round with the first.
fn flat(medians: &[Median]) -> Result<(), String> {
    match (medians.first(), medians.last()) {
        (Some(first), Some(last)) => leak::grown(*first, *last).map_or(Ok(()), Err),
        _ => Err("nothing was measured".to_owned()),
    }
}

/// Checks one round, on a machine that is so many times as slow as an idle one. The duration of the slowest silent probe, in
/// seconds.
fn look(scrape: &Scrape, slowness: f64) -> Result<f64, String> {
    let is_silent = |labels: &str| label(labels, "endpoint").ends_with(&format!(".{SILENT}/"));
    let timeouts = scrape
        .of("defender_probe_failure_reason")
        .filter(|(labels, value)| is_silent(labels) && *value > 0.0)
        .filter(|(labels, _)| label(labels, "phase") == "resolve" && label(labels, "reason") == "timeout")
        .count();
    if timeouts != TARGETS {
        return Err(format!("{timeouts} of {TARGETS} silent targets failed with resolve.timeout"));
    }
    if let Some((labels, _)) =
        scrape.of("defender_probe_success").find(|(labels, value)| !is_silent(labels) && *value < 1.0)
    {
        return Err(format!("a target whose name is answered fails: {labels}"));
    }
    if let Some((labels, count)) = scrape.of("defender_probe_overruns_total").find(|(_, count)| *count > 0.0)
    {
        return Err(format!("{count} probes were late: {labels}"));
    }
    let durations = scrape.of("defender_probe_duration_seconds").filter(|(labels, _)| is_silent(labels));
    let slowest = durations.map(|(_, seconds)| seconds).fold(0.0, f64::max);
    let most = TIMEOUT.as_secs_f64() + LATE.as_secs_f64() * slowness;
    if !(0.0..=most).contains(&slowest) || slowest == 0.0 {
        return Err(format!("the slowest silent probe took {slowest} s; at most {most} s are allowed"));
    }
    Ok(slowest)
}

/// How long a process's threads have run, and waited for a processor.
#[derive(Clone, Copy)]
struct Busy {
    ran: f64,
    waited: f64,
}

impl Busy {
    /// How much longer work takes than on an idle machine.
    fn slowness_since(self, before: Self) -> f64 {
        let (ran, waited) = (self.ran - before.ran, self.waited - before.waited);
        if ran > 0.0 { ((ran + waited) / ran).max(1.0) } else { 1.0 }
    }
}

impl Exporter {
    /// Its threads' time so far, in nanoseconds (schedstat: running, waiting).
    fn busy(&self) -> Busy {
        let mut busy = Busy { ran: 0.0, waited: 0.0 };
        let tasks = Process::new(i32::try_from(self.pid).unwrap_or_default()).and_then(|own| own.tasks());
        for thread in tasks.into_iter().flatten().flatten() {
            let path = format!("/proc/{}/task/{}/schedstat", thread.pid, thread.tid);
            let text = std::fs::read_to_string(path).unwrap_or_default(); // a thread may have ended
            let mut fields = text.split_whitespace().filter_map(|field| field.parse::<f64>().ok());
            busy.ran += fields.next().unwrap_or_default();
            busy.waited += fields.next().unwrap_or_default();
        }
        busy
    }
}
