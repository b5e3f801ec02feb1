//! The metrics, labels and label values that queries may name: those of the metric table, and a list of planned
//! ones.

use std::collections::BTreeSet;

use defender_exporter::catalog::{Component, UpdateOrigin, UpdateSource, embedded};
use defender_exporter::host;
use defender_exporter::host::RunningMode;
use defender_exporter::host::events::EventKind;
use defender_exporter::host::mdatp::health::DefinitionsStatus;
use defender_exporter::host::registry::settings::{DefenderSetting, SettingOrigin};
use defender_exporter::host::update_order::DifferenceKind;
use defender_exporter::metrics::{Kind, Metric};
use defender_exporter::observation::{FailureReason, Phase};
use defender_exporter::report::CauseKind;
use defender_exporter::revocation::{RevocationStatus, UndeterminedCause};
use defender_exporter::signatures::Finding;
use defender_exporter::verdict::{ConcernKind, SslOptions, Verdict};

use crate::promql::{Matcher, Query};

/// A metric that rules and tests already name, its labels, and the piece of work that brings it. Once it is in the table it goes from
/// here: a test says so.
pub type Later = (&'static str, &'static [&'static str], &'static str);

/// What is still to come.
pub const LATER: &[Later] = &[];

/// Labels that Prometheus sets on whatever it scrapes.
const SCRAPE: &[&str] = &["job", "instance"];

/// Labels of the series that Prometheus makes of alerts; which others they have is up to the rules.
const ALERTS: &[&str] = &["alertname", "alertstate", "severity"];

/// Labels that rules set on their alerts, so that a fault that grows is another alert.
const EXTENT: &[&str] = &["components", "extent"];

/// The labels of a metric, without those of the scrape; none if there is no such metric.
fn labels(metric: &str) -> Option<Vec<&'static str>> {
    match metric {
        "up" => return Some(vec![]),
        "ALERTS" => return Some(ALERTS.to_vec()),
        _ => {}
    }
    let later = LATER.iter().find(|(name, ..)| *name == metric).map(|(_, labels, _)| labels.to_vec());
    let suffixes =
        |kind| if kind == Kind::Histogram { &["", "_bucket", "_sum", "_count"][..] } else { &[""][..] };
    let declared = Metric::ALL
        .iter()
        .map(|metric| metric.spec())
        .find(|spec| suffixes(spec.kind).iter().any(|suffix| metric.strip_suffix(suffix) == Some(spec.name)));
    later.or_else(|| declared.map(|spec| spec.labels.to_vec()))
}

/// Whether any metric has this label, or the scrape or a bucket.
pub fn is_label(label: &str) -> bool {
    let declared = Metric::ALL.iter().flat_map(|metric| metric.spec().labels);
    let later = LATER.iter().flat_map(|(_, labels, _)| *labels);
    declared
        .chain(later)
        .chain(SCRAPE)
        .chain(ALERTS)
        .chain(EXTENT)
        .chain(&["le"])
        .any(|known| *known == label)
}

/// The only values that a label can have; none if it is open.
pub fn values(label: &str) -> Option<Vec<&'static str>> {
    let words = match label {
        "component" => Component::ALL.iter().map(|word| word.as_str()).collect(),
        "phase" => Phase::ALL.iter().map(|word| word.as_str()).collect(),
        "reason" => {
            let reasons = FailureReason::ALL.iter().map(|word| word.as_str());
            let of_host = host::HostReadReason::ALL.iter().map(|word| word.as_str());
            reasons.chain(UndeterminedCause::ALL.iter().map(|word| word.as_str())).chain(of_host).collect()
        }
        "state" => Verdict::ALL.iter().map(|word| word.as_str()).collect(),
        "need" => {
            let maps = embedded().components.iter().find(|spec| spec.component == Component::Maps);
            maps.into_iter().flat_map(|spec| &spec.needs).map(String::as_str).collect()
        }
        "concern" => ConcernKind::ALL.iter().map(|word| word.as_str()).collect(),
        "status" => RevocationStatus::ALL.iter().map(|word| word.as_str()).collect(),
        "ssl_options" => SslOptions::ALL.iter().map(|word| word.as_str()).collect(),
        "family" => vec!["ipv4", "ipv6"],
        "source" => UpdateSource::ALL.iter().map(|word| word.as_str()).collect(),
        "finding" => Finding::ALL.iter().map(|word| word.as_str()).collect(),
        "event" => EventKind::ALL.iter().map(|word| word.as_str()).collect(),
        "setting" => DefenderSetting::ALL.iter().map(|word| word.as_str()).collect(),
        "origin" => SettingOrigin::ALL.iter().map(|word| word.as_str()).collect(),
        "mode" => RunningMode::ALL.iter().map(|word| word.as_str()).collect(),
        "result" => vec!["ok", "failed"],
        "alertstate" => vec!["pending", "firing"],
        "severity" => vec!["critical", "warning", "info"],
        "extent" => vec!["fifth", "half"],
        _ => return None,
    };
    Some(words)
}

/// The reasons of one metric: those of a probe, why revocation is unknown, or why the host could not be read.
fn values_of(metric: &str, label: &str) -> Option<Vec<&'static str>> {
    match (metric, label) {
        ("defender_faults", "reason") => {
            let concerns = ConcernKind::ALL.iter().map(|word| word.as_str());
            Some(concerns.chain(FailureReason::ALL.iter().map(|word| word.as_str())).collect())
        }
        // A fault without a failure has no phase.
        ("defender_faults", "phase") => {
            Some(Phase::ALL.iter().map(|word| word.as_str()).chain([""]).collect())
        }
        ("defender_tls_revocation_unknown_reason", "reason") => {
            Some(UndeterminedCause::ALL.iter().map(|word| word.as_str()).collect())
        }
        ("defender_host_read_failure_reason", "reason") => {
            Some(host::HostReadReason::ALL.iter().map(|word| word.as_str()).collect())
        }
        ("defender_host_read_success" | "defender_host_read_failure_reason", "collector") => {
            Some(host::HostCollector::ALL.iter().map(|word| word.as_str()).collect())
        }
        ("defender_common_cause", "kind") => Some(CauseKind::ALL.iter().map(|word| word.as_str()).collect()),
        ("defender_host_update_source_difference_info", "kind") => {
            Some(DifferenceKind::ALL.iter().map(|word| word.as_str()).collect())
        }
        ("defender_host_update_source_difference_info", "origin") => {
            Some(SettingOrigin::ALL.iter().map(|word| word.as_str()).chain(["default"]).collect())
        }
        ("defender_host_definitions_status_info", "status") => {
            Some(DefinitionsStatus::ALL.iter().map(|word| word.as_str()).collect())
        }
        (
            "defender_host_last_update_failure_info" | "defender_host_last_update_failure_timestamp_seconds",
            "source",
        ) => Some(UpdateOrigin::ALL.iter().map(|word| word.as_str()).collect()),
        (_, "reason") => Some(FailureReason::ALL.iter().map(|word| word.as_str()).collect()),
        _ => values(label),
    }
}

/// What is wrong with the names in a query; `recorded` are those that rules record.
pub fn complaints(query: &Query, recorded: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for selector in &query.selectors {
        let metric = selector.metric.as_str();
        let known = labels(metric);
        if known.is_none() && !recorded.contains(metric) {
            found.push(format!("there is no metric {metric}"));
        }
        for matcher in &selector.matchers {
            let label = matcher.label.as_str();
            let named = known.as_ref().filter(|_| metric != "ALERTS");
            let has = named.map_or_else(|| is_label(label), |known| known.contains(&label));
            if !has && !SCRAPE.contains(&label) && !OWN.contains(&label) && label != "le" {
                found.push(format!("{metric} has no label {label}"));
            }
            found.extend(bad_values(metric, matcher));
        }
    }
    let unknown = query.labels.iter().filter(|label| !is_label(label) && !OWN.contains(&label.as_str()));
    found.extend(unknown.map(|label| format!("no metric has a label {label}")));
    found
}

/// Labels that users or Kubernetes set on targets; the tests see to it that they live through the rules.
const OWN: &[&str] = &["cluster", "namespace", "site", "segment", "pod", "container", "node"];

/// The values in a matcher that its label can't have. `%q` is a placeholder of a template.
fn bad_values(metric: &str, matcher: &Matcher) -> Vec<String> {
    let Some(words) = values_of(metric, &matcher.label).filter(|_| matcher.value != "%q") else {
        return vec![];
    };
    let alternatives: Vec<&str> = if matcher.operator.ends_with('~') {
        matcher.value.split('|').collect()
    } else {
        vec![&matcher.value]
    };
    let unknown = alternatives.into_iter().filter(|value| !value.starts_with('$') && !words.contains(value));
    unknown.map(|value| format!("{metric}: {} is never {value:?}", matcher.label)).collect()
}
