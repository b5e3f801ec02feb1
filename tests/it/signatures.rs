//! Two simulated weeks of a network: the metrics that follow from probes and feeds. The cases are the files of
//! `tests/data/signatures`; nothing waits, and only those files are opened.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::{Component, UpdateSource, embedded};
use defender_exporter::config::{ComponentConfig, Config, RouteConfig, SignaturesConfig};
use defender_exporter::event::Event;
use defender_exporter::host::{HostFacts, InstalledSignatures};
use defender_exporter::metrics::{
    BuildInfo, ExpositionFormat, MetricScope, ProcessStats, Scrape, WebStatus, encode,
};
use defender_exporter::observation::{Facts, Failure, FailureReason, Observation, Phase};
use defender_exporter::plan::{Plan, TargetId, plan};
use defender_exporter::signatures::{FeedAnswer, FeedContent, Published, Version};
use defender_exporter::state::{Saved, Snapshot};
use serde::Deserialize;

/// The interval between probes of a target; a feed is polled every hour.
const STEP: Duration = Duration::from_secs(30 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Between two releases of the genuine feed.
const RELEASE: Duration = Duration::from_secs(4 * 60 * 60);

/// When every scenario ends.
const END: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// What happens, and what the metrics are then. Times count from the start.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scenario {
    #[serde(default = "direct")]
    routes: Vec<String>,
    stale_after: Option<String>,
    then: Vec<Change>,
    expect: Vec<Moment>,
}

fn direct() -> Vec<String> {
    vec!["direct".to_owned()]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    at: String,
    /// None: by every route.
    route: Option<String>,
    #[serde(default)]
    lost: Vec<UpdateSource>,
    #[serde(default)]
    back: Vec<UpdateSource>,
    feed: Option<Feed>,
    restart: Option<Restart>,
    /// How far the clock is ahead from now on.
    clock: Option<String>,
    installed: Option<OnHost>,
}

/// The feed's content.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Feed {
    /// The release of the hour.
    Current,
    /// That of the moment of the change.
    Frozen,
    /// Nothing.
    Absent,
    /// Always this.
    Release(u32),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Restart {
    WithState,
    WithoutState,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OnHost {
    Signatures { release: u32, built: String },
    None(Nothing),
}

#[derive(Deserialize)]
enum Nothing {
    #[serde(rename = "none")]
    None,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Moment {
    at: String,
    /// By the series as the text format writes it: a number, a time for a timestamp, or `absent`.
    metrics: BTreeMap<String, String>,
}

fn time(text: &str) -> Duration {
    humantime::parse_duration(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Seconds, negative where the text begins with a minus.
fn seconds(text: &str) -> f64 {
    text.strip_prefix('-').map_or_else(|| time(text).as_secs_f64(), |ahead| -time(ahead).as_secs_f64())
}

fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400) // 2026-11-24
}

fn version(release: u32) -> Version {
    Version([1, 441, release, 0])
}

/// The last release before a time.
fn release_at(now: Duration) -> u32 {
    u32::try_from(now.as_secs() / RELEASE.as_secs()).unwrap()
}

/// The network and the exporter in it.
struct World {
    plan: Arc<Plan>,
    snapshot: Snapshot,
    lost: BTreeSet<(UpdateSource, String)>,
    feeds: BTreeMap<String, Feed>,
    /// How far the clock is ahead, in seconds.
    clock: f64,
}

impl World {
    fn new(scenario: &Scenario) -> Self {
        let plan = Arc::new(plan(embedded(), &config(scenario)).unwrap());
        Self {
            snapshot: Snapshot::new(Arc::clone(&plan), start()),
            plan,
            lost: BTreeSet::new(),
            feeds: scenario.routes.iter().map(|route| (route.clone(), Feed::Current)).collect(),
            clock: 0.0,
        }
    }

    /// What the clock shows.
    fn wall(&self, now: Duration) -> SystemTime {
        let ahead = Duration::from_secs_f64(self.clock.abs());
        if self.clock < 0.0 { start() + now - ahead } else { start() + now + ahead }
    }

    fn change(&mut self, change: &Change, now: Duration) {
        let routes: Vec<String> = match &change.route {
            Some(route) => vec![route.clone()],
            None => self.feeds.keys().cloned().collect(),
        };
        for route in routes {
            self.lost.extend(change.lost.iter().map(|source| (*source, route.clone())));
            self.lost.retain(|(source, by)| !(change.back.contains(source) && *by == route));
            if let Some(feed) = change.feed {
                let feed = if let Feed::Frozen = feed { Feed::Release(release_at(now)) } else { feed };
                assert!(self.feeds.insert(route, feed).is_some());
            }
        }
        if let Some(clock) = &change.clock {
            self.clock = seconds(clock);
        }
        if let Some(installed) = &change.installed {
            let installed = match installed {
                OnHost::Signatures { release, built } => {
                    let (version, built) = (Some(version(*release)), Some(start() + time(built)));
                    Some(InstalledSignatures { version, built, ..InstalledSignatures::default() })
                }
                OnHost::None(Nothing::None) => None,
            };
            let facts = HostFacts { signatures: installed, ..HostFacts::new(&[]) };
            self.snapshot.apply(Event::Host(Box::new(facts)));
        }
        if let Some(restart) = change.restart {
            self.restart(restart, now);
        }
    }

    fn restart(&mut self, restart: Restart, now: Duration) {
        let json = Saved::from_state(&self.snapshot.signatures).to_json();
        let wall = self.wall(now);
        self.snapshot = Snapshot::new(Arc::clone(&self.plan), wall);
        if let Restart::WithState = restart {
            let saved = Saved::from_json(json.as_bytes()).unwrap();
            saved.restore(&mut self.snapshot.signatures, &self.plan, wall);
        }
    }

    fn probe(&mut self, now: Duration) {
        for (n, target) in self.plan.targets.iter().enumerate() {
            let of_target = |source: &UpdateSource| component_of(*source) == target.endpoint.component;
            let lost = self.lost.iter().any(|(source, by)| of_target(source) && *by == target.route.name);
            let observation = Observation {
                target: TargetId(n),
                at: self.wall(now),
                facts: Facts::default(),
                failure: lost.then(timeout),
            };
            self.snapshot.apply(Event::Observed(Box::new(observation)));
        }
    }

    fn ask(&mut self, now: Duration) {
        let url = self.plan.signatures.feeds[0].as_str();
        for (route, feed) in &self.feeds {
            let release = match feed {
                Feed::Current => Some(release_at(now)),
                Feed::Release(n) => Some(*n),
                Feed::Absent => None,
                Feed::Frozen => unreachable!("it has become the release of its moment"),
            };
            let published = |n| Published {
                signatures: version(n),
                engine: Version([1, 1, 26010, 1]),
                platform: Version([4, 18, 26010, 5]),
                published_at: start() + RELEASE * n,
            };
            let result = release
                .map(|n| FeedContent { url: url.to_owned(), published: published(n) })
                .ok_or_else(timeout);
            let answer = FeedAnswer { route: route.clone(), at: self.wall(now), result };
            self.snapshot.apply(Event::Feed(Box::new(answer)));
        }
    }

    /// The series of a scrape with their values.
    fn scrape(&self) -> BTreeMap<String, f64> {
        let snapshot = Arc::new(self.snapshot.clone());
        let scrape = Scrape {
            scope: MetricScope::All,
            snapshot,
            build: BuildInfo::current(),
            process: ProcessStats::default(),
            web: WebStatus::default(),
        };
        let text = String::from_utf8(encode(ExpositionFormat::Text, scrape).unwrap()).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let series = lines.map(|line| line.rsplit_once(' ').unwrap());
        series.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
    }
}

fn timeout() -> Failure {
    Failure::new(Phase::Connect, FailureReason::Timeout, "")
}

fn component_of(source: UpdateSource) -> Component {
    source.component()
}

/// The components that a scenario selects, without irrelevant ones.
fn config(scenario: &Scenario) -> Config {
    let default = SignaturesConfig::default();
    let stale_after = scenario.stale_after.as_deref().map_or(default.stale_after, time);
    let off = ComponentConfig { enabled: Some(false), ..ComponentConfig::default() };
    let others = Component::ALL
        .iter()
        .filter(|of| !of.is_on_premises() && !UpdateSource::ALL.iter().any(|s| s.component() == **of));
    let route = |name: &String| RouteConfig { name: name.clone(), ..RouteConfig::direct() };
    Config {
        components: others.map(|component| (*component, off.clone())).collect(),
        routes: scenario.routes.iter().map(route).collect(),
        signatures: SignaturesConfig { stale_after, ..default },
        ..Config::default()
    }
}

/// Lets a scenario pass. At each step come first the changes, then the probes and the feed, then the look at the metrics.
/// A change or a look that falls between two steps has no probe of its own.
fn run(name: &str, scenario: &Scenario) {
    let mut world = World::new(scenario);
    let mut looked = 0;
    let half = STEP / 2;
    let mut now = Duration::ZERO;
    while now <= END {
        scenario
            .then
            .iter()
            .filter(|change| time(&change.at) == now)
            .for_each(|change| world.change(change, now));
        if now.as_secs().is_multiple_of(STEP.as_secs()) {
            world.probe(now);
        }
        if now.as_secs().is_multiple_of(HOUR.as_secs()) {
            world.ask(now);
        }
        for moment in scenario.expect.iter().filter(|moment| time(&moment.at) == now) {
            looked += 1;
            compare(name, moment, &world.scrape());
        }
        now += half;
    }
    let due = |at: &str| time(at) <= END && time(at).as_secs().is_multiple_of(half.as_secs());
    assert!(scenario.then.iter().all(|change| due(&change.at)), "{name}: a change that never comes");
    assert_eq!(looked, scenario.expect.len(), "{name}: a look that never comes");
}

fn compare(name: &str, moment: &Moment, found: &BTreeMap<String, f64>) {
    let epoch = start().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    for (series, expected) in &moment.metrics {
        let is_time = series.split('{').next().unwrap().ends_with("_timestamp_seconds");
        let wanted = match expected.as_str() {
            "absent" => None,
            at if is_time => Some(epoch + seconds(at)),
            number => Some(number.parse().unwrap()),
        };
        let value = found.get(series).copied();
        let shown = value.map(|value| if is_time { value - epoch } else { value });
        assert_eq!(value, wanted, "{name}: at {}: {series} is {shown:?}, not {expected}", moment.at);
    }
}

#[test]
fn two_weeks_pass_as_each_scenario_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/signatures");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 8);
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let scenario: Scenario =
            serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        run(name, &scenario);
    }
}
