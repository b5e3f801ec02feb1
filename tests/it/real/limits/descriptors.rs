//! No free file descriptor.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use defender_exporter_needs::needs;

use super::{all_fail, all_succeed, internet, reasons};
use crate::exporter::{Exporter, samples};
use crate::lab::client;
use crate::load::{BRISK, TEST_TIMEOUT};
use crate::real::tools;

/// What pages people.
const VERDICTS: [&str; 3] =
    ["defender_component_available", "defender_maps_connected", "defender_update_source_available"];

/// How many files the program may open: what is open stays so.
fn limit(prlimit: &Path, exporter: &Exporter, files: &str) {
    let (pid, files) = (format!("--pid={}", exporter.id()), format!("--nofile={files}:"));
    assert!(Command::new(prlimit).args([pid, files]).status().unwrap().success());
}

/// Seconds of CPU that the program has taken.
fn cpu(exporter: &Exporter) -> f64 {
    let process = procfs::process::Process::new(exporter.id().cast_signed()).unwrap();
    let stat = process.stat().unwrap();
    #[allow(clippy::cast_precision_loss)]
    let seconds = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
    seconds
}

#[needs("prlimit")]
#[tokio::test(flavor = "multi_thread")]
async fn without_a_descriptor_it_blames_itself_and_recovers() {
    let prlimit = tools::find("prlimit");
    let (_lab, file) = internet(BRISK).await;
    let exporter = Exporter::start(&file);
    exporter.until("success everywhere", all_succeed).await;
    let (kept, url) = (client(), format!("{}metrics", exporter.page()));
    let scrape = async || kept.get(&url).send().await.unwrap().text().await.unwrap();
    scrape().await; // its connection stays open

    limit(&prlimit, &exporter, "3"); // standard input, output and error are open
    let deadline = Instant::now() + TEST_TIMEOUT;
    let metrics = loop {
        let metrics = scrape().await;
        if all_fail(&metrics) {
            break metrics;
        }
        assert!(Instant::now() < deadline, "not everything fails:\n{metrics}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    let internal = |phase: &str| (phase.to_owned(), "internal".to_owned());
    assert_eq!(reasons(&metrics), [internal("connect"), internal("resolve")].into());
    for verdict in VERDICTS {
        assert_eq!(samples(&metrics, verdict), [], "nothing is known of the network");
    }

    // A waiting client costs no CPU time.
    let waiting = tokio::spawn(async move { client().get(url).send().await.unwrap().status() });
    let before = cpu(&exporter);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let spent = cpu(&exporter) - before;
    assert!(spent < 1.0, "{spent} s of CPU in two seconds: accepting spins");
    assert!(!waiting.is_finished());

    limit(&prlimit, &exporter, "1024");
    assert_eq!(waiting.await.unwrap(), 200);
    let metrics = exporter.until("success everywhere again", all_succeed).await;
    assert_eq!(samples(&metrics, "defender_probe_failure_reason"), []);
    for verdict in VERDICTS {
        assert!(!samples(&metrics, verdict).is_empty(), "{verdict} is known again");
    }
}
