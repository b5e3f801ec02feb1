//! The run: makes changes, waits until they have settled, compares; prints the table at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Client;
use tokio::task::JoinSet;

use crate::RunOptions;
use crate::expected::{Expected, FAMILIES, expected};
use crate::exporter::Exporter;
use crate::lab;
use crate::lab::rng::Rng;
use crate::leak::{self, Median};
use crate::model;
use crate::series::{Scrape, label};
use crate::state::State;
use crate::watch::{SLACK, Watch, scrape};
use crate::world::{INTERVAL, TIMEOUT, VALID, World};

/// Within so long each target has been probed twice: an interval and a half until the next probe (a reload may move it), one
/// to the one after, each with its timeout; and what a busy machine adds.
const SETTLED: Duration =
    Duration::from_secs(INTERVAL.as_secs() * 5 / 2 + TIMEOUT.as_secs() * 2 + 2 * SLACK.as_secs());
/// How long earlier revocation data is used after a change.
const REVOCATION_CHANGE: Duration = Duration::from_secs(VALID.as_secs() + 2);
/// The length of a quiet period.
const QUIET: Duration = Duration::from_secs(10);

/// The maximum number of checks of a moment.
const LOOKS: usize = 3;
/// The maximum number of differences in the report.
const SHOWN: usize = 12;
/// What memory does in less than this is warming up.
const LONG: Duration = Duration::from_secs(1200);

const PROBES: &str = "defender_probes_total";
const REASON: &str = "defender_probe_failure_reason";

/// What a comparison finds.
enum Look {
    Same,
    /// A difference that a busy machine explains.
    TooLate(String),
}

/// A run under way.
struct Run {
    world: Arc<World>,
    exporter: Arc<Exporter>,
    client: Client,
    watch: Watch,
    state: State,
    revoked: Arc<Mutex<BTreeSet<String>>>,
    steps: usize,
    compared: usize,
    faults: BTreeMap<String, usize>,
    reasons: BTreeSet<String>,
    recent: Vec<String>,
    late: Vec<String>,
}

/// Runs, and prints what it does.
///
/// # Errors
/// What isn't as it must be.
pub async fn run(options: &RunOptions) -> Result<(), String> {
    println!("seed {} for {} s (--seed={} repeats it)", options.seed, options.length.as_secs(), options.seed);
    let world = Arc::new(World::start().await);
    let exporter = Arc::new(Exporter::start(&world.file()));
    let (client, watch, revoked) = (lab::client(), Watch::default(), Arc::default());
    let mut tasks = JoinSet::new(); // ends with the run
    tasks.spawn(tell(Arc::clone(&world), Arc::clone(&revoked)));
    tasks.spawn(watch.clone().scrape(Arc::clone(&exporter), client.clone()));
    let urls = world.endpoints.iter().map(|endpoint| endpoint.url.as_str().to_owned()).collect();
    tasks.spawn(watch.clone().disturb(Arc::clone(&exporter), client.clone(), options.seed, urls));
    let mut run = Run {
        world,
        exporter,
        client,
        watch,
        state: State::default(),
        revoked,
        steps: 0,
        compared: 0,
        faults: BTreeMap::new(),
        reasons: BTreeSet::new(),
        recent: Vec::new(),
        late: Vec::new(),
    };
    let ended = run.all(options, tasks).await;
    ended.map_err(|problem| run.explain(&problem, options))
}

/// Renews the served revocation data every second.
async fn tell(world: Arc<World>, revoked: Arc<Mutex<BTreeSet<String>>>) {
    loop {
        let now = revoked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        world.tell_revocation(&now);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

impl Run {
    async fn all(&mut self, options: &RunOptions, mut tasks: JoinSet<()>) -> Result<(), String> {
        let (start, mut rng, places) = (Instant::now(), Rng::new(options.seed), self.world.places());
        let warm = if options.length < LONG { options.length.mul_f64(0.15) } else { LONG / 2 };
        let last = options.length.saturating_sub(SETTLED / 2 + QUIET);
        let (mut quiet, mut minute) = (None, 0);
        self.settle(false).await?;
        self.compare().await?;
        while start.elapsed() < last {
            if quiet.is_none() && start.elapsed() >= warm {
                quiet = Some((start.elapsed(), self.quiet().await?));
            }
            let (next, changes) = self.state.next(&mut rng, &places);
            self.step(next, changes).await?;
            if start.elapsed().as_secs() / 60 > minute {
                minute = start.elapsed().as_secs() / 60;
                self.progress(minute);
            }
        }
        let end = self.quiet().await?;
        self.nothing_wrong()?;
        tasks.shutdown().await;
        self.exporter.stop()?;
        self.report(start.elapsed(), quiet, end)
    }

    /// Changes what is wrong, waits, and compares.
    async fn step(&mut self, next: State, changes: Vec<String>) -> Result<(), String> {
        self.steps += 1;
        self.recent.push(format!("step {}: {}", self.steps, changes.join(", ")));
        for fault in changes {
            *self.faults.entry(fault).or_default() += 1;
        }
        let before = std::mem::replace(&mut self.state, next);
        let revocation = self.state.tells_revocation_otherwise(&before);
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&self.state.revoked);
        self.world.enforce(&before, &self.state).await;
        if before.reloads != self.state.reloads {
            self.reload(&before).await?;
        }
        self.settle(revocation).await?;
        self.compare().await
    }

    /// Compares; and again once everything was probed twice more, where nothing but timeouts differ: the machine was busy
    /// for longer than a probe may take.
    async fn compare(&mut self) -> Result<(), String> {
        for _ in 0..LOOKS {
            match self.look().await? {
                Look::Same => return Ok(()),
                Look::TooLate(what) => self.late.push(format!("step {}: {what}", self.steps)),
            }
            self.settle(false).await?;
        }
        Err(format!("timeouts again and again: {}", self.late.last().map_or("", String::as_str)))
    }

    /// Lets the configuration be loaded, and waits until it was.
    async fn reload(&self, before: &State) -> Result<(), String> {
        const LAST: &str = "defender_config_last_reload_success_timestamp_seconds";
        let known = scrape(&self.client, &self.exporter.base).await?.get(LAST);
        self.exporter.reload();
        if before.refused && self.state.refused {
            return Ok(()); // nothing tells
        }
        let deadline = Instant::now() + SLACK * 2;
        loop {
            let scrape = scrape(&self.client, &self.exporter.base).await?;
            let refused = scrape.get("defender_config_last_reload_successful") == Some(0.0);
            if refused == self.state.refused && (refused || scrape.get(LAST) > known) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err("a reload doesn't take place".to_owned());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until each target has been probed twice: the second probe began after everything had changed.
    async fn settle(&self, revocation: bool) -> Result<(), String> {
        if revocation {
            tokio::time::sleep(REVOCATION_CHANGE).await;
        }
        let wanted: Vec<_> = model::targets(&self.world, &self.state)
            .iter()
            .map(|target| format!("{PROBES}{{{}}}", target.labels()))
            .collect();
        let first = scrape(&self.client, &self.exporter.base).await?;
        let deadline = Instant::now() + SETTLED;
        loop {
            tokio::time::sleep(Duration::from_millis(250)).await;
            self.nothing_wrong()?;
            let now = scrape(&self.client, &self.exporter.base).await?;
            let probed = |series: &&String| now.get(series) >= Some(first.get(series).unwrap_or(0.0) + 2.0);
            match wanted.iter().find(|series| !probed(series)) {
                None => return Ok(()),
                Some(late) if Instant::now() > deadline => {
                    return Err(format!("stuck: no two probes within {SETTLED:?} of {late}"));
                }
                Some(_) => {}
            }
        }
    }

    fn nothing_wrong(&self) -> Result<(), String> {
        if !self.exporter.lives() {
            return Err("the exporter has ended".to_owned());
        }
        self.watch.seen().wrong.clone().map_or(Ok(()), Err)
    }

    async fn look(&mut self) -> Result<Look, String> {
        let mut expected = expected(&self.world, &self.state);
        expected.exact.extend(self.world.feed.expected(TIMEOUT).unwrap_or_default());
        let now = scrape(&self.client, &self.exporter.base).await?;
        let differences = differences(&expected, &now);
        if !differences.is_empty() && only_timeouts(&expected, &now) {
            return Ok(Look::TooLate(differences.into_iter().last().unwrap_or_default()));
        }
        if !differences.is_empty() {
            let (all, some) = (differences.len(), differences.len().min(SHOWN));
            return Err(format!(
                "the model and the exporter differ, {all} times:\n  {}",
                differences[..some].join("\n  ")
            ));
        }
        self.compared += expected.exact.len() + now.of(REASON).count();
        self.reasons.extend(
            now.of(REASON).filter_map(|(labels, _)| Some(labels.split_once(",phase=")?.1.to_owned())),
        );
        Ok(Look::Same)
    }

    /// Heals everything, and looks at what the process holds then.
    async fn quiet(&mut self) -> Result<Median, String> {
        self.step(self.state.quiet(), vec!["all:Quiet".to_owned()]).await?;
        let mut held = Vec::new();
        let start = Instant::now();
        while start.elapsed() < QUIET {
            held.push(self.exporter.held()?);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        leak::median(&held).ok_or_else(|| "nothing was seen".to_owned())
    }

    fn progress(&self, minute: u64) {
        let held = self.exporter.held().ok();
        let held = held
            .map(|held| format!("{} KiB, {} descriptors", held.resident, held.descriptors))
            .unwrap_or_default();
        let requests: usize = self.watch.seen().requests.values().sum();
        println!(
            "{minute:>3} min: {} steps, {} values compared, {requests} requests, {held}",
            self.steps, self.compared
        );
    }

    fn report(&self, took: Duration, quiet: Option<(Duration, Median)>, end: Median) -> Result<(), String> {
        let seen = self.watch.seen();
        let say = |median: Median| {
            let Median { resident, own, descriptors, threads } = median;
            format!(
                "{resident} KiB resident ({own} its own data), {descriptors} descriptors, {threads} threads"
            )
        };
        println!(
            "\n{} steps in {} s, {} values compared, no difference",
            self.steps,
            took.as_secs(),
            self.compared
        );
        println!("looked at again, for timeouts of a busy machine: {}", self.late.len());
        self.late.iter().for_each(|late| println!("  {late}"));
        println!("requests: {}", counts(seen.requests.iter()));
        println!("slowest scrape: {} ms", seen.slowest.as_millis());
        println!(
            "longest since a target's last probe: {:.1} s (interval {INTERVAL:?}, timeout {TIMEOUT:?})",
            seen.oldest.0
        );
        println!("the version feed was asked for {} times", self.world.feed.asked());
        println!("lines logged: {}", self.exporter.log().0);
        println!("changes: {}", counts(self.faults.iter()));
        println!(
            "reasons seen: {}",
            self.reasons.iter().cloned().collect::<Vec<_>>().join("; ").replace(['"', '}'], "")
        );
        let Some((warm, quiet)) = quiet else { return Ok(()) };
        println!("quiet, after {} s: {}", warm.as_secs(), say(quiet));
        println!("quiet, at the end: {}", say(end));
        let (first, last) = leak::quarters(&seen.held, warm).ok_or("nothing was sampled")?;
        println!("first quarter after the warm-up: {}", say(first));
        println!("last quarter: {}", say(last));
        if took < LONG {
            println!("a run this short says nothing of leaks");
            return Ok(());
        }
        leak::grown(quiet, end).or_else(|| leak::grown(first, last)).map_or(Ok(()), Err)
    }

    /// A problem with all that helps to find it.
    fn explain(&self, problem: &str, options: &RunOptions) -> String {
        let (_, tail) = self.exporter.log();
        let recent = self.recent.iter().rev().take(5).rev().cloned().collect::<Vec<_>>().join("\n  ");
        format!(
            "{problem}\nseed {}, step {}; last steps:\n  {recent}\nthe lab's state: {:#?}\nthe end of the log:\n  {}",
            options.seed,
            self.steps,
            self.state,
            tail.join("\n  ")
        )
    }
}

fn counts<'a, K: std::fmt::Display + 'a>(counts: impl Iterator<Item = (K, &'a usize)>) -> String {
    counts.map(|(what, count)| format!("{what} {count}")).collect::<Vec<_>>().join(", ")
}

/// Unexpected and missing series.
fn differences(expected: &Expected, now: &Scrape) -> Vec<String> {
    let mut found = Vec::new();
    for (series, value) in &expected.exact {
        let said = now.get(series);
        if said != Some(*value) {
            found.push(format!("{series}: expected {value}, said {said:?}"));
        }
    }
    for family in FAMILIES {
        for (labels, value) in now.of(family) {
            let series = format!("{family}{{{labels}}}");
            if !expected.exact.contains_key(&series) {
                found.push(format!("{series}: expected nothing, said {value}"));
            }
        }
    }
    found.extend(reasons(expected, now).into_iter().map(|(_, difference)| difference));
    found
}

/// Whether every target that ends otherwise than expected has run out of time; there is one.
fn only_timeouts(expected: &Expected, now: &Scrape) -> bool {
    let timeouts: BTreeSet<&str> = now
        .of(REASON)
        .filter(|(labels, _)| label(labels, "reason") == "timeout")
        .filter_map(|(labels, _)| Some(labels.split_once(",phase=")?.0))
        .collect();
    let otherwise: BTreeSet<String> = reasons(expected, now).into_iter().map(|(target, _)| target).collect();
    !otherwise.is_empty() && otherwise.iter().all(|target| timeouts.contains(target.as_str()))
}

/// The targets with an unexpected reason, and that reason.
fn reasons(expected: &Expected, now: &Scrape) -> Vec<(String, String)> {
    let mut said: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (labels, _) in now.of(REASON) {
        said.entry(labels.split_once(",phase=").map_or(labels, |(target, _)| target))
            .or_default()
            .push(labels);
    }
    let targets: BTreeSet<&str> =
        said.keys().copied().chain(expected.reasons.keys().map(String::as_str)).collect();
    let differs = |target: &&str| {
        let allowed = expected.reasons.get(*target);
        match (allowed, said.get(target).map(Vec::as_slice)) {
            (Some(allowed), Some([only])) => !allowed.iter().any(|one| one == only),
            (None, None) => false,
            _ => true,
        }
    };
    let tell = |target: &str| {
        let difference = format!(
            "{target}: expected one of {:?}, said {:?}",
            expected.reasons.get(target),
            said.get(target)
        );
        (target.to_owned(), difference)
    };
    targets.into_iter().filter(differs).map(tell).collect()
}
