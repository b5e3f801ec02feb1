//! Metrics of signatures and update sources, and their state after a restart.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::state::persist::{OpenedStateFile, StateFile, StateFileContent};

use super::{Exporter, endpoints, internet, label, samples};
use crate::lab::Lab;
use crate::lab::genuine::version_feed;
use crate::lab::pki::Authority;
use crate::lab::reply::Response;
use crate::load::BRISK;

const FEED: &str = "http://feed.lab/info";
const AVAILABLE: &str = "defender_update_source_available";
const LAST_AVAILABLE: &str = "defender_update_source_last_available_timestamp_seconds";
const STALE_AFTER: &str = "defender_signatures_stale_after_timestamp_seconds ";
const WEEK: f64 = 7.0 * 86_400.0;

/// The defaults' Internet with a feed of its own, and a configuration with a state file.
async fn world() -> (Lab, PathBuf, PathBuf) {
    let lab = Lab::start_at(SystemTime::now()).await;
    let mut urls = lab.serve_all(endpoints());
    urls.push(ProbeUrl::parse(FEED).unwrap());
    let feed = version_feed("1.1.26010.1", "4.18.26010.5", "1.441.123.0", SystemTime::now());
    lab.plain.set("feed.lab", "/info", Response::new(200).body(feed));
    let file = lab.files().join("exporter.yaml");
    let keys = format!("{BRISK}\nsignatures: {{ feeds: [\"{FEED}\"] }}\nstate_file: state.json\n");
    std::fs::write(&file, keys + &lab.config_yaml(&urls)).unwrap();
    let state = lab.files().join("state.json");
    (lab, file, state)
}

/// Ends it as a service manager does.
fn stop(mut exporter: Exporter) {
    let killed = Command::new("kill").arg(exporter.child.id().to_string()).status().unwrap(); // SIGTERM
    assert!(killed.success());
    assert_eq!(exporter.child.wait().unwrap().code(), Some(0));
}

/// The value of a metric without labels.
fn single(metrics: &str, name: &str) -> Option<f64> {
    metrics.lines().find_map(|line| line.strip_prefix(name)?.parse().ok())
}

/// Each source with the value of a metric.
fn by_source(metrics: &str, name: &str) -> Vec<(String, f64)> {
    samples(metrics, name).into_iter().map(|(labels, value)| (label(labels, "source"), value)).collect()
}

fn all_sources(metrics: &str, name: &str, right: impl Fn(f64) -> bool) -> bool {
    let sources = by_source(metrics, name);
    sources.len() == 2 && sources.iter().all(|(_, value)| right(*value))
}

fn kept(state: &Path) -> bool {
    matches!(
        StateFile::open(state.to_owned()),
        Ok(OpenedStateFile { content: StateFileContent::Kept(_), .. })
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn update_state_survives_a_restart() {
    let (lab, file, state) = world().await;
    let exporter = Exporter::start(&file);
    let metrics = exporter
        .until("the sources and the feed", |metrics| {
            all_sources(metrics, AVAILABLE, |value| value > 0.5)
                && samples(metrics, "defender_signatures_published_info").len() == 1
        })
        .await;
    let (labels, _) = samples(&metrics, "defender_signatures_published_timestamp_seconds")[0];
    for (name, value) in [
        ("version", "1.441.123.0"),
        ("engine", "1.1.26010.1"),
        ("platform", "4.18.26010.5"),
        ("route", "direct"),
    ] {
        assert_eq!(label(labels, name), value);
    }
    assert!(samples(&metrics, "defender_signatures_feed_success").iter().all(|(_, value)| *value > 0.5));
    let findings = samples(&metrics, "defender_signatures_feed_stale");
    assert!(findings.len() == 3 && findings.iter().all(|(_, value)| *value < 0.5), "{findings:?}");
    stop(exporter);
    assert!(kept(&state), "{:?}", std::fs::read_to_string(&state));

    lab.tls.stop().await;
    lab.plain.stop().await;
    let stopped = SystemTime::now();
    let exporter = Exporter::start(&file);
    let metrics = exporter
        .until("the sources are lost", |metrics| all_sources(metrics, AVAILABLE, |value| value < 0.5))
        .await;
    let stopped = stopped.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let last = by_source(&metrics, LAST_AVAILABLE);
    assert!(last.len() == 2 && last.iter().all(|(_, at)| *at < stopped && *at > stopped - 600.0), "{last:?}");
    let newest = last.iter().map(|(_, at)| *at).fold(0.0, f64::max);
    let stale_after = single(&metrics, STALE_AFTER).unwrap();
    assert!((stale_after - WEEK - newest).abs() < 1.0, "{stale_after} is not a week after {newest}");
    assert_eq!(samples(&metrics, "defender_signatures_published_info").len(), 1);
    let metrics = exporter
        .until("the feed fails", |metrics| {
            !samples(metrics, "defender_signatures_feed_failure_reason").is_empty()
        })
        .await;
    let (labels, _) = samples(&metrics, "defender_signatures_feed_failure_reason")[0];
    assert_eq!(
        (label(labels, "phase"), label(labels, "reason")),
        ("connect".to_owned(), "refused".to_owned())
    );
    assert_eq!(samples(&metrics, "defender_signatures_feed_stale"), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_state_file_is_set_aside_and_a_new_one_written() {
    let (_lab, file, state) = world().await;
    std::fs::write(&state, "{ damaged").unwrap();
    let exporter = Exporter::start(&file);
    exporter.until("success", |metrics| all_sources(metrics, AVAILABLE, |value| value > 0.5)).await;
    let aside = state.with_file_name("state.json.unusable-1");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "{ damaged");
    stop(exporter);
    assert!(kept(&state));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_place_for_the_state_it_goes_on() {
    let (lab, file, _) = world().await;
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("state_file: state.json", "state_file: no/such/folder/state.json"))
        .unwrap();
    let exporter = Exporter::start(&file);
    exporter.until("success", |metrics| all_sources(metrics, AVAILABLE, |value| value > 0.5)).await;
    stop(exporter);
    std::fs::create_dir(lab.files().join("state.json")).unwrap();
    std::fs::write(&file, text).unwrap();
    let exporter = Exporter::start(&file);
    exporter.until("success", |metrics| all_sources(metrics, AVAILABLE, |value| value > 0.5)).await;
    stop(exporter);
}

/// The version that the feed is read with, started in the default configuration.
async fn published(file: &Path) -> String {
    let exporter = Exporter::start(file);
    let read = |metrics: &str| !samples(metrics, "defender_signatures_feed_success").is_empty();
    let metrics = exporter.until("the feed", read).await;
    let found = samples(&metrics, "defender_signatures_published_info");
    found.first().map(|(labels, _)| label(labels, "version")).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_older_feed_is_read_where_the_current_one_is_no_use() {
    const CURRENT: (&str, &str) = ("definitionupdates.microsoft.com", "/packages");
    const OLDER: (&str, &str) = ("www.microsoft.com", "/security/encyclopedia/adlpackages.aspx");
    let (lab, file, _) = internet("").await;
    let feed = |signatures: &str| {
        let feed = version_feed("1.1.26010.1", "4.18.26010.5", signatures, SystemTime::now());
        Response::new(200).body(feed)
    };
    let says = |(host, path): (&str, &str), answer| lab.tls.set(host, &format!("{path}?action=info"), answer);
    says(CURRENT, feed("1.441.2.0"));
    says(OLDER, feed("1.441.1.0"));
    assert_eq!(published(&file).await, "1.441.2.0");
    says(CURRENT, Response::new(200).body("<html>blocked</html>"));
    assert_eq!(published(&file).await, "1.441.1.0");
    // A stranger's certificate doesn't prove a feed.
    lab.tls.set_authority(OLDER.0, Authority::Inspector);
    assert_eq!(published(&file).await, "");
}
