//! Reloads by SIGHUP and over HTTP: what changes, what continues, what is rejected.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Exporter, SUCCESS, internet, label, samples, successes};
use crate::lab::Lab;
use crate::load::{BRISK, TEST_TIMEOUT};

const LAST: &str = "defender_config_last_reload_successful ";
const WHEN: &str = "defender_config_last_reload_success_timestamp_seconds ";
const PROBES: &str = "defender_probes_total";

/// A running exporter with its configuration, which a test writes anew.
struct World {
    lab: Lab,
    file: PathBuf,
    /// What leads to the lab.
    base: String,
    exporter: Exporter,
}

impl World {
    /// With these lines of the configuration, once everything has been probed.
    async fn start(more: &str) -> Self {
        let (lab, file, _) = internet("").await;
        let base = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, format!("{more}\n{base}")).unwrap();
        let exporter = Exporter::start_as(&file, |command| {
            command.arg("--web.enable-lifecycle");
        });
        exporter
            .until("success everywhere", |metrics| successes(metrics) == samples(metrics, PROBES).len())
            .await;
        Self { lab, file, base, exporter }
    }

    fn write(&self, more: &str) {
        std::fs::write(&self.file, format!("{more}\n{}", self.base)).unwrap();
    }

    async fn scrape(&self) -> String {
        self.exporter.get("/metrics").await.1
    }

    /// Writes the lines and has them loaded.
    async fn reload(&self, more: &str) -> String {
        self.write(more);
        let (status, said) = self.exporter.post("/-/reload").await;
        assert_eq!(status, 200, "{said}");
        self.scrape().await
    }
}

/// The value of a metric without labels.
fn value(metrics: &str, name: &str) -> f64 {
    metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
}

/// Every counter with its labels.
fn counters(metrics: &str) -> BTreeMap<String, f64> {
    let counters = metrics.lines().filter(|line| !line.starts_with('#') && line.starts_with("defender_"));
    let counters = counters.filter_map(|line| line.rsplit_once(' '));
    let counters = counters.filter(|(series, _)| {
        let name = series.split('{').next().unwrap();
        name.ends_with("_total") || name.ends_with("_bucket") || name.ends_with("_count")
    });
    counters.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect()
}

/// The series that have shrunk or gone.
fn lost(before: &str, after: &str) -> Vec<String> {
    let after = counters(after);
    let lost = counters(before)
        .into_iter()
        .filter(|(series, value)| after.get(series).is_none_or(|now| now < value));
    lost.map(|(series, _)| series).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_vanishes_at_once_and_the_rest_goes_on() {
    // A probe that a stalled machine discards is repeated soon only if the interval is short.
    let world = World::start(BRISK).await;
    let before = world.reload("interval: 5m").await;
    let after = world.reload("interval: 5m\ncomponents: { diagnostics: { enabled: false } }").await;
    assert!(before.contains("component=\"diagnostics\"") && !after.contains("component=\"diagnostics\""));
    let gone = lost(&before, &after);
    assert!(gone.iter().all(|series| series.contains("diagnostics")), "{gone:?}");
    assert_eq!(successes(&after), samples(&after, PROBES).len(), "nothing that stays is forgotten");
    assert!(value(&after, WHEN) > value(&before, WHEN));
    assert_eq!(world.exporter.get("/-/ready").await.0, 200);

    let back = world.reload("interval: 5m").await;
    let of = |labels: &str| label(labels, "component") == "diagnostics";
    assert!(samples(&back, PROBES).iter().filter(|(labels, _)| of(labels)).all(|(_, count)| *count < 0.5));
    assert_eq!(world.exporter.get("/-/ready").await.0, 200, "who is ready stays it");
    world
        .exporter
        .until("the new ones are probed soon", |metrics| successes(metrics) == samples(metrics, PROBES).len())
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_reloads_and_another_interval_takes_effect() {
    let world = World::start(BRISK).await;
    let slow = samples(&world.reload("interval: 1h\ntimeout: 30s").await, PROBES)
        .into_iter()
        .map(|(labels, count)| (labels.to_owned(), count))
        .collect::<BTreeMap<_, _>>();
    world.write(BRISK);
    world.exporter.signal("HUP");
    let metrics = world
        .exporter
        .until("each is probed twice again", |metrics| {
            samples(metrics, PROBES).iter().all(|(labels, count)| *count > slow[*labels] + 1.5)
        })
        .await;
    assert!(samples(&metrics, "defender_probe_interval_seconds").iter().all(|(_, every)| *every < 5.5));
    // One component goes on: by its rounds it is seen that time passes.
    world.write("interval: 1h\ntimeout: 30s\ncomponents: { diagnostics: { interval: 2s, timeout: 1s } }");
    world.exporter.signal("HUP");
    let of_the_rest = |labels: &str| label(labels, "component") != "diagnostics";
    world
        .exporter
        .until("the interval is as before", |metrics| {
            let intervals = samples(metrics, "defender_probe_interval_seconds");
            intervals.iter().filter(|(labels, _)| of_the_rest(labels)).all(|(_, every)| *every > 3000.0)
        })
        .await;
    let probes = |metrics: &str, rest: bool| {
        let counts = samples(metrics, PROBES);
        let counts: Vec<f64> =
            counts.iter().filter(|(of, _)| of_the_rest(of) == rest).map(|(_, count)| *count).collect();
        (counts.iter().sum::<f64>(), counts.iter().copied().fold(f64::INFINITY, f64::min))
    };
    let before = world.scrape().await;
    let rounds = probes(&before, false).1 + 4.0;
    let after = world.exporter.until("four rounds", |metrics| probes(metrics, false).1 >= rounds).await;
    let more = probes(&after, true).0 - probes(&before, true).0;
    assert!(more < 60.0, "at most one that was due already: {more}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_changes_nothing_and_is_told_everywhere() {
    let world = World::start("").await;
    let before = world.scrape().await;
    assert_eq!(value(&before, LAST).to_bits(), 1_f64.to_bits());
    world.write("interval: 0s\ncolour: red");
    let (status, said) = world.exporter.post("/-/reload").await;
    assert_eq!(status, 500);
    assert!(said.contains("interval") && said.contains("colour"), "every problem: {said}");
    let after = world.scrape().await;
    assert_eq!(value(&after, LAST).to_bits(), 0_f64.to_bits());
    assert_eq!(value(&after, WHEN).to_bits(), value(&before, WHEN).to_bits());
    assert_eq!(lost(&before, &after), Vec::<String>::new());
    let is_logged =
        |log: &[String]| log.iter().any(|line| line.contains("colour") && line.contains("level=error"));
    assert!(is_logged(&world.exporter.log()), "{:?}", world.exporter.log());

    std::fs::remove_file(&world.file).unwrap();
    world.exporter.signal("HUP");
    let missing = |log: &[String]| log.iter().any(|line| line.contains("no such file"));
    let deadline = Instant::now() + TEST_TIMEOUT;
    while !missing(&world.exporter.log()) {
        assert!(Instant::now() < deadline, "{:?}", world.exporter.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let good = world.reload("").await;
    assert_eq!(value(&good, LAST).to_bits(), 1_f64.to_bits());
    assert!(value(&good, WHEN) > value(&before, WHEN));
    assert_eq!(lost(&before, &good), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn reloads_over_http_need_the_flag_and_a_post() {
    let (_lab, file, _) = internet("").await;
    let exporter = Exporter::start(&file);
    assert_eq!(exporter.post("/-/reload").await, (403, "Lifecycle API is not enabled.\n".to_owned()));
    assert_eq!(exporter.get("/-/reload").await.0, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_reloads_under_scrapes_lose_no_count() {
    let world = World::start(BRISK).await;
    let mut before = world.scrape().await;
    let [mut resident, mut descriptors] = [f64::INFINITY; 2];
    for n in 0..100 {
        // Every second reload changes something; every third time, two reloads are requested at once.
        let groups = if n % 2 == 0 { "groups: [mde]" } else { "" };
        world.write(&format!("{BRISK}\n{groups}"));
        if n % 3 == 0 {
            let both = tokio::join!(world.exporter.post("/-/reload"), world.exporter.post("/-/reload"));
            assert_eq!((both.0.0, both.1.0), (200, 200), "{both:?}");
        } else {
            let (status, said) = world.exporter.post("/-/reload").await;
            assert_eq!(status, 200, "{said}");
        }
        let after = world.scrape().await;
        assert_eq!(after.contains("component=\"mde\""), n % 2 == 0, "reload {n}");
        let gone = lost(&before, &after);
        assert!(gone.iter().all(|series| series.contains("component=\"mde\"")), "reload {n}: {gone:?}");
        if n == 49 {
            resident = value(&after, "process_resident_memory_bytes ");
            descriptors = value(&after, "process_open_fds ");
        }
        before = after;
    }
    let now = value(&before, "process_resident_memory_bytes ");
    assert!(now < resident * 1.2, "{now} bytes after 100 reloads, {resident} after 50");
    let open = value(&before, "process_open_fds ");
    assert!(open < descriptors + 40.0, "{open} descriptors after 100 reloads, {descriptors} after 50");
    // They go on being probed.
    let probes = |metrics: &str| samples(metrics, PROBES).iter().map(|(_, count)| count).sum::<f64>();
    let start = probes(&before);
    world.exporter.until("probes go on", |metrics| probes(metrics) > start + 100.0).await;
    assert_eq!(world.exporter.log().iter().filter(|line| line.contains("fault")).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_removed_targets_are_dropped() {
    let world = World::start("").await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap(); // accepts, and never answers
    let added = "https://slow.example/";
    let add = format!("endpoints: [{{ component: maps, url: '{added}', interval: 20s, timeout: 3s }}]\n");
    let there = format!("connect_to:\n  \"slow.example:443\": \"{}\"\n", silent.local_addr().unwrap());
    let base = world.base.clone();
    std::fs::write(&world.file, add + &base.replace("connect_to:\n", &there)).unwrap();
    assert_eq!(world.exporter.post("/-/reload").await.0, 200);
    let (mut under_way, _) = tokio::task::spawn_blocking(move || silent.accept().unwrap()).await.unwrap();
    let metrics = world.reload(BRISK).await;
    assert!(!metrics.contains(added));
    // The connection ends with the probe; its result would be visible with the next probes.
    under_way.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let ended = tokio::task::spawn_blocking(move || std::io::copy(&mut under_way, &mut std::io::sink()));
    drop(ended.await.unwrap()); // a reset is an end, too
    let counts =
        |metrics: &str| -> Vec<f64> { samples(metrics, PROBES).iter().map(|(_, count)| *count).collect() };
    let before = counts(&world.scrape().await);
    let all_again = |metrics: &str| counts(metrics).iter().zip(&before).all(|(now, before)| now > before);
    let metrics = world.exporter.until("everything is probed again", all_again).await;
    assert!(!metrics.contains(added), "the dropped probe has come back");
    assert_eq!(world.exporter.log().iter().filter(|line| line.contains("slow.example")).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn roots_and_passwords_are_read_again() {
    let world = World::start(BRISK).await;
    let roots = world.lab.roots_file();
    let good = std::fs::read(&roots).unwrap();
    let failing = |metrics: &str| samples(metrics, SUCCESS).iter().any(|(_, up)| *up < 0.5);
    // Another root of the same kind: what was trusted no longer is.
    std::fs::write(&roots, other_root()).unwrap();
    world.exporter.signal("HUP");
    let metrics = world.exporter.until("the lab is a stranger", failing).await;
    assert!(metrics.contains("reason=\"unknown_issuer\""), "{metrics}");
    std::fs::write(&roots, good).unwrap();
    world.exporter.signal("HUP");
    world
        .exporter
        .until("it is trusted again", |metrics| successes(metrics) == samples(metrics, PROBES).len())
        .await;

    let password = world.lab.files().join("proxy.pass");
    std::fs::write(&password, "first\n").unwrap();
    let route = |password: &Path| {
        format!(
            "{BRISK}\nroutes:\n  - {{ name: direct }}\n  - {{ name: proxy, proxy: 'http://127.0.0.1:1', \
         username: ann, password_file: '{}', components: [maps] }}",
            password.display()
        )
    };
    let metrics = world.reload(&route(&password)).await;
    assert!(metrics.contains("route=\"proxy\""));
    std::fs::remove_file(&password).unwrap();
    let (status, said) = world.exporter.post("/-/reload").await;
    assert!(status == 500 && said.contains("proxy.pass") && !said.contains("first"), "{status}: {said}");
    let metrics = world.reload("").await;
    assert!(!metrics.contains("route=\"proxy\""), "a route that is gone leaves nothing");
}

/// A root that nothing of the lab was issued by.
fn other_root() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "Other Root");
    params.self_signed(&key).unwrap().pem()
}
