//! Exporters with the same `job` and `instance` in two clusters, two namespaces and at two sites, as chart and agents
//! make them. Each test of `alerts/tests` runs again with its exporters four times: broken alike in two clusters, and
//! healthy in another namespace and at another site. Exactly the alerts of the broken ones fire, and each text is of
//! its own exporter.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use defender_exporter_needs::needs;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::promql::read;
use crate::real::tools;

type Labels = BTreeMap<String, String>;

#[derive(Debug, Deserialize)]
struct File {
    evaluation_interval: String,
    #[serde(default)]
    group_eval_order: Vec<String>,
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
struct Test {
    name: String,
    interval: String,
    input_series: Vec<Series>,
    #[serde(default, rename = "alert_rule_test")]
    alerts: Vec<AlertTest>,
}

#[derive(Debug, Deserialize)]
struct Series {
    series: String,
    values: String,
}

#[derive(Debug, Deserialize)]
struct AlertTest {
    alertname: String,
    eval_time: String,
    #[serde(default)]
    exp_alerts: Vec<Alert>,
}

#[derive(Debug, Deserialize)]
struct Alert {
    exp_labels: Labels,
    exp_annotations: Labels,
}

/// More samples than any test has.
const SAMPLES: usize = 13_000;

/// Series that exist only while something is wrong; and the published signatures, which all exporters compare.
const ABSENT: &[&str] = &[
    "defender_common_cause",
    "defender_crl_fetch_failure_reason",
    "defender_endpoint_concern",
    "defender_faults",
    "defender_host_maps_validation_hresult_info",
    "defender_host_read_failure_reason",
    "defender_maps_disconnected_reason",
    "defender_probe_failure_reason",
    "defender_signatures_feed_failure_reason",
    "defender_signatures_published_timestamp_seconds",
    "defender_tls_revocation_unknown_reason",
];

/// The values of a series while all is well; `None` if it is absent then.
fn healthy(metric: &str, labels: &Labels, values: &str, step: &str) -> Option<String> {
    const DAY: u64 = 86_400;
    let constant = |value: &str| Some(format!("{value}x{SAMPLES}"));
    match metric {
        _ if ABSENT.contains(&metric) => None,
        // Without a failure, the log has no such event.
        "defender_host_event_last_timestamp_seconds" if labels["event"] == "2001" => None,
        "defender_host_running_mode_info" if labels["mode"] != "active" => None,
        "defender_endpoint_state" => constant(if labels["state"] == "good" { "1" } else { "0" }),
        "defender_http_status_code" | "defender_proxy_connect_status_code" => constant("200"),
        "defender_tls_intercepted"
        | "defender_probe_failures_by_reason_total"
        | "defender_tls_chain_not_before_timestamp_seconds" => constant("0"),
        "defender_crl_next_update_timestamp_seconds"
        | "defender_tls_chain_not_after_timestamp_seconds"
        | "defender_tls_leaf_not_after_timestamp_seconds" => constant("10000000000"),
        "defender_signatures_stale_after_timestamp_seconds" => Some(format!("{}+{step}x{SAMPLES}", 7 * DAY)),
        "defender_probe_duration_seconds" | "defender_probe_phase_duration_seconds" => constant("0.1"),
        "defender_probe_interval_seconds" | "defender_probes_total" => Some(values.to_owned()),
        _ if metric.ends_with("_timestamp_seconds") => Some(format!("0+{step}x{SAMPLES}")),
        _ => constant("1"),
    }
}

/// The seconds of an interval: `1m` or `5m`.
fn seconds(interval: &str) -> String {
    let minutes: u64 = interval.strip_suffix('m').and_then(|minutes| minutes.parse().ok()).unwrap();
    (minutes * 60).to_string()
}

fn with(labels: &Labels, more: &[(&str, &str)]) -> Labels {
    let mut labels = labels.clone();
    labels.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    labels
}

/// The labels with those of a place; a site that is there stays.
fn placed(labels: &Labels, cluster: &str) -> Labels {
    let mut labels = with(labels, &[("cluster", cluster), ("namespace", "monitoring")]);
    labels.entry("site".to_owned()).or_insert_with(|| "headquarters".to_owned());
    labels
}

fn parsed(given: &Series) -> (String, Labels, &Series) {
    let selector = read(&given.series).selectors.remove(0);
    (selector.metric, selector.matchers.into_iter().map(|own| (own.label, own.value)).collect(), given)
}

fn series(metric: &str, labels: &Labels) -> String {
    let mut text = metric.to_owned();
    for (index, (name, value)) in labels.iter().enumerate() {
        write!(text, "{}{name}={value:?}", if index == 0 { '{' } else { ',' }).unwrap();
    }
    text + "}"
}

/// By which the rules know an exporter.
const MARKS: [&str; 2] = ["defender_config_last_reload_successful", "defender_exporter_build_info"];

/// The series of a test and of its twins.
fn input(test: &Test) -> Value {
    let given: Vec<(String, Labels, &Series)> = test.input_series.iter().map(parsed).collect();
    let jobs: BTreeSet<(&str, &String)> =
        given.iter().filter_map(|(metric, labels, _)| Some((metric.as_str(), labels.get("job")?))).collect();
    let mut all = BTreeMap::new();
    for (metric, labels, given) in &given {
        for cluster in ["a", "b"] {
            all.insert(series(metric, &placed(labels, cluster)), given.values.clone());
        }
        let broken = placed(labels, "a");
        for labels in [with(&broken, &[("namespace", "other")]), with(&broken, &[("site", "branch")])] {
            let mut add = |metric: &str, labels: &Labels| {
                if let Some(values) = healthy(metric, labels, &given.values, &seconds(&test.interval)) {
                    all.entry(series(metric, labels)).or_insert(values);
                }
            };
            add(metric, &labels);
            // What a healthy exporter has, too.
            if metric == "defender_probes_total" {
                let mut labels = labels;
                labels.remove("endpoint");
                add("defender_component_available", &labels);
            } else if metric == "up" {
                MARKS
                    .iter()
                    .filter(|mark| jobs.contains(&(**mark, &labels["job"])))
                    .for_each(|mark| add(mark, &labels));
            }
        }
    }
    all.into_iter().map(|(series, values)| json!({ "series": series, "values": values })).collect()
}

/// The texts of an exporter in a cluster, which the summary names.
fn told_apart(alert: &Alert, cluster: &str) -> Labels {
    let mut annotations = alert.exp_annotations.clone();
    if let (Some(summary), Some(instance)) =
        (annotations.get_mut("summary"), alert.exp_labels.get("instance"))
    {
        *summary = summary.replace(instance, &format!("{instance} in cluster {cluster}"));
    }
    annotations
}

/// What fires: both broken ones, with their own labels and names in the texts. An alert about no exporter fires once.
fn expected(test: &AlertTest) -> Value {
    let alerts = test.exp_alerts.iter().flat_map(|alert| {
        let own = alert.exp_labels.contains_key("job");
        let (labels, annotations) = (&alert.exp_labels, &alert.exp_annotations);
        if !own {
            return vec![json!({ "exp_labels": labels, "exp_annotations": annotations })];
        }
        let twin = |cluster: &str| {
            json!({ "exp_labels": placed(labels, cluster), "exp_annotations": told_apart(alert, cluster) })
        };
        vec![twin("a"), twin("b")]
    });
    let alerts: Value = alerts.collect();
    json!({ "alertname": test.alertname, "eval_time": test.eval_time, "exp_alerts": alerts })
}

fn twins(file: &File, rules: &Path) -> Value {
    let tests = file.tests.iter().map(|test| {
        json!({ "name": test.name, "interval": test.interval, "input_series": input(test),
            "alert_rule_test": test.alerts.iter().map(expected).collect::<Value>() })
    });
    json!({ "rule_files": [rules], "evaluation_interval": file.evaluation_interval,
        "group_eval_order": file.group_eval_order, "tests": tests.collect::<Value>() })
}

/// What promtool complains about; empty if nothing.
fn complaints(rules: &Path, name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("alerts/tests").join(name)).unwrap();
    let file: File = serde_saphyr::from_str(&text).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twins.json");
    std::fs::write(&path, twins(&file, rules).to_string()).unwrap();
    let output = Command::new(tools::find("promtool")).args(["test", "rules"]).arg(&path).output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    if output.status.success() { String::new() } else { said }
}

fn shipped() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts/defender.rules.yml")
}

#[needs("promtool")]
#[test]
fn exporters_of_one_name_in_several_places_have_their_own_alerts_and_texts() {
    let mut names: Vec<String> = std::fs::read_dir(shipped().with_file_name("tests"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| Path::new(name).extension().is_some_and(|ending| ending == "yml"))
        .collect();
    names.sort();
    assert!(names.len() > 5, "{names:?}");
    for name in names {
        let found = complaints(&shipped(), &name);
        assert!(found.is_empty(), "{name}: {found}");
    }
}

/// The twins detect a text that takes another exporter's failures, and a join that mixes two exporters.
#[needs("promtool")]
#[test]
fn the_twins_detect_what_mixes_exporters() {
    let rules = std::fs::read_to_string(shipped()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, part: &str, other: &str, says: &str| {
        assert!(rules.contains(part), "{part:?} has moved");
        let file = folder.path().join("mixed.rules.yml");
        std::fs::write(&file, rules.replace(part, other)).unwrap();
        let found = complaints(&file, name);
        assert!(found.contains(says), "{other}: {found}");
    };
    check(
        "components.yml",
        "(printf \"%#v\" $labels)",
        "(printf \"map{\\\"instance\\\":%q}\" $labels.instance)",
        "timeout (2)",
    );
    check(
        "exporter.yml",
        "/ ignoring (route) group_left ()",
        "/ on (job, instance, component) group_left ()",
        "many-to-many",
    );
    check("maps.yml", "and ignoring (component)", "and on (job, instance, route)", "FAILED");
}
