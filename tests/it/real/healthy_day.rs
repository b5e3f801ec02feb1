//! No alert on a healthy network: promtool evaluates the shipped rules over a day simulated from two scrapes of the
//! captured responses.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::{Endpoint, ProbeUrl, embedded};
use defender_exporter_needs::needs;
use serde_json::{Value, json};

use super::tools;
use crate::exporter::{Exporter, endpoints, run, samples, successes};
use crate::lab::Lab;
use crate::lab::faults::Fault;
use crate::lab::pki::Flaw;

const MINUTES: usize = 24 * 60;
const RULES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/alerts/defender.rules.yml");

/// Times that go on as long as all is well, beside those of the last probe: each of these is renewed again and again.
const RENEWED: [&str; 4] = [
    "defender_update_source_last_available_timestamp_seconds",
    "defender_signatures_stale_after_timestamp_seconds",
    "defender_signatures_published_timestamp_seconds",
    "defender_probe_last_timestamp_seconds",
];

/// The genuine Internet for these endpoints, and a configuration that leads there. One host's front leaves out a certificate,
/// as many of Microsoft's do.
async fn internet(endpoints: &[&Endpoint], keys: &str) -> (Lab, std::path::PathBuf) {
    let lab = Lab::start_at(SystemTime::now()).await;
    let urls: Vec<ProbeUrl> = lab.serve_all(endpoints.iter().copied());
    let by = crate::lab::genuine::authority_of("download.microsoft.com").unwrap();
    lab.tls.break_host("download.microsoft.com", Fault::Certificate(by, Flaw::WithoutCrossSign));
    let tls = "tls:\n  issuer_hosts: [\"*.pki.lab\"]\n";
    let file = lab.files().join("exporter.yaml");
    std::fs::write(&file, format!("{keys}\n{}", lab.config_yaml(&urls).replace("tls:\n", tls))).unwrap();
    (lab, file)
}

fn check(file: &Path) {
    let output = run(&["check", "--config.file", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

/// Every sample of the text format, by its series.
fn scrape(metrics: &str) -> BTreeMap<String, f64> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.rsplit_once(' '))
        .map(|(series, value)| (series.to_owned(), value.parse().unwrap()))
        .collect()
}

fn name_of(series: &str) -> &str {
    series.split('{').next().unwrap_or_default()
}

/// Waits until everything is probed and good. Returns a scrape then, and one some rounds later.
async fn said(exporter: &Exporter, all: usize) -> (BTreeMap<String, f64>, BTreeMap<String, f64>, Duration) {
    let settled = |metrics: &str| {
        let connected = samples(metrics, "defender_maps_connected");
        successes(metrics) == all && connected.len() == 4 && connected.iter().all(|(_, value)| *value > 0.5)
    };
    let metrics = exporter.until("all is well", settled).await;
    let began = std::time::Instant::now();
    let first = scrape(&metrics);
    let rounds = |metrics: &str| {
        let probes = |metrics: &BTreeMap<String, f64>| -> f64 {
            metrics
                .iter()
                .filter(|(series, _)| name_of(series) == "defender_probes_total")
                .map(|(_, n)| n)
                .sum()
        };
        probes(&scrape(metrics)) > probes(&first) + f64::from(u32::try_from(2 * all).unwrap())
    };
    let second = exporter.until("some rounds", rounds).await;
    (first, scrape(&second), began.elapsed())
}

/// One series of the simulated day, whose clock begins at zero.
fn series(name: &str, first: f64, second: f64, took: Duration, now: f64) -> String {
    let per_minute = (second - first).max(0.0) / took.as_secs_f64() * 60.0;
    let (start, step) = match name {
        _ if name.ends_with("_total") => (second, per_minute),
        _ if RENEWED.contains(&name) => (second - now, 60.0),
        _ if name.contains("_last_success_timestamp") => (second - now, 60.0),
        _ if name.ends_with("_timestamp_seconds") => (second - now, 0.0),
        _ => (second, 0.0),
    };
    format!("{start}{step:+}x{MINUTES}")
}

/// promtool's complaints about the expectation that no alert is pending or firing on such a day; empty if none.
fn alarm(
    promtool: &Path,
    folder: &Path,
    said: &(BTreeMap<String, f64>, BTreeMap<String, f64>, Duration),
) -> Option<String> {
    let (first, second, took) = said;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let rules = std::fs::read_to_string(RULES).unwrap();
    let of = |labels: &str| format!("{{{labels}job=\"defender\",instance=\"a:10207\"}}");
    let mut input: Vec<Value> = second
        .iter()
        .filter(|(series, _)| rules.contains(name_of(series)))
        .map(|(key, value)| {
            let name = name_of(key);
            let labels = key[name.len()..].trim_start_matches('{').trim_end_matches('}');
            let labels = if labels.is_empty() { of("") } else { of(&format!("{labels},")) };
            let values = series(name, first.get(key).copied().unwrap_or(*value), *value, *took, now);
            json!({ "series": format!("{name}{labels}"), "values": values })
        })
        .collect();
    assert!(input.len() > 500, "{} series", input.len());
    input.push(json!({ "series": format!("up{}", of("")), "values": format!("1x{MINUTES}") }));
    let silence = json!({ "expr": "count by (alertname, alertstate, endpoint) (count_over_time(ALERTS[25h]))",
        "eval_time": format!("{MINUTES}m"), "exp_samples": [] });
    let test = json!({ "rule_files": [RULES], "evaluation_interval": "1m",
        "tests": [{ "name": "a healthy day", "interval": "1m", "input_series": input, "promql_expr_test": [silence] }] });
    let file = folder.join("day.json");
    std::fs::write(&file, test.to_string()).unwrap();
    let output = Command::new(promtool).args(["test", "rules"]).arg(&file).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (!output.status.success()).then(|| String::from_utf8_lossy(&said).into_owned())
}

#[needs("promtool")]
#[tokio::test(flavor = "multi_thread")]
async fn no_alert_fires_on_a_healthy_network() {
    let promtool = tools::find("promtool");
    let all = endpoints();
    let (lab, file) = internet(&all, "interval: 2s\ntimeout: 1900ms").await;
    check(&file);
    let exporter = Exporter::start(&file);
    let said = said(&exporter, all.len()).await;
    let (first, second, took) = &said;

    let wrong: Vec<_> = second
        .iter()
        .filter(|(series, value)| {
            let (name, grew) = (name_of(series), first.get(*series).is_none_or(|before| *value > before));
            (name.contains("failure") && **value > 0.0 && grew) || name.ends_with("_reason")
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let expected = second.iter().filter(|(series, _)| name_of(series) == "defender_http_status_expected");
    assert!(expected.clone().count() == all.len() && expected.clone().all(|(_, value)| *value > 0.5));
    let status: Value = serde_json::from_str(&exporter.get("/api/v1/status").await.1).unwrap();
    assert_eq!(
        (&status["counts"]["good"], &status["counts"]["degraded"], &status["counts"]["bad"]),
        (&json!(all.len() - 1), &json!(0), &json!(0)), // the control doesn't count
        "{status:#}"
    );
    assert_eq!(alarm(&promtool, lab.files(), &said), None);

    // The day is one that could have been loud.
    let mut lost = second.clone();
    for (series, value) in &mut lost {
        if name_of(series) == "defender_maps_connected" {
            *value = 0.0;
        }
    }
    let loud = alarm(&promtool, lab.files(), &(first.clone(), lost, *took)).expect("MAPS is lost");
    assert!(loud.contains("DefenderMapsConnectionLost"), "{loud}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wrong_with_the_optional_groups_and_all_regions() {
    let all: Vec<&Endpoint> = embedded().endpoints.iter().collect();
    let keys = "geos: [us, eu, uk, au, ch, in]\ngroups: [streamlined, mde, usgov, pki_extended]";
    let (_lab, file) = internet(&all, keys).await;
    check(&file);
    let report = run(&["check", "--format", "json", "--config.file", file.to_str().unwrap()]);
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["counts"]["good"], json!(all.len() - 1), "the control doesn't count: {report:#}");
}
