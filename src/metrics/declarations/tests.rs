//! Rules of the names, labels and help of all metrics.

use std::collections::BTreeSet;

use super::*;

/// Labels that Prometheus, service discovery or users attach to targets.
const FORBIDDEN: &[&str] = &["service", "type", "region", "env", "cluster", "instance", "job"];

fn is_label_name(name: &str) -> bool {
    let rest_is_word = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    rest_is_word && name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.contains("__")
}

fn check_all(rule: impl Fn(&Spec) -> bool) {
    let broken: Vec<_> = Metric::ALL.iter().map(|m| m.spec()).filter(|s| !rule(s)).map(|s| s.name).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn names_are_valid_and_unique() {
    check_all(|spec| is_label_name(spec.name));
    check_all(|spec| spec.name.starts_with("defender_") || spec.name.starts_with("process_"));
    // OpenMetrics family names omit `_total` and `_info`: they must be unique as well.
    let families: BTreeSet<_> =
        Metric::ALL.iter().map(|m| m.spec()).map(|s| s.name.trim_end_matches(s.kind.suffix())).collect();
    assert_eq!(families.len(), Metric::ALL.len());
}

#[test]
fn help_is_one_plain_line() {
    check_all(|spec| !spec.help.contains(['\\', '\n', '\r']) && spec.help.ends_with('.'));
}

#[test]
fn the_name_says_kind_and_unit() {
    check_all(|spec| spec.name.ends_with("_total") == (spec.kind == Kind::Counter));
    check_all(|spec| spec.name.ends_with("_info") == (spec.kind == Kind::Info));
    check_all(|spec| {
        let name = spec.name.trim_end_matches(spec.kind.suffix());
        let named = [Unit::Seconds, Unit::Bytes].into_iter().find(|unit| name.ends_with(unit.as_str()));
        named == spec.unit
    });
    check_all(|spec| {
        let unit = spec.unit.map(|unit| format!("_{}", unit.as_str())).unwrap_or_default();
        format!("{}{unit}{}", spec.stem(), spec.kind.suffix()) == spec.name
    });
}

/// Addresses come from DNS, so only the per-address metrics have the label `address`.
#[test]
fn addresses_are_labels_of_their_own_metrics_alone() {
    let with: Vec<_> = Metric::ALL.iter().filter(|m| m.spec().labels.contains(&"address")).collect();
    assert_eq!(with, [&Metric::ProbeAddressSuccess, &Metric::ProbeAddressDuration]);
}

#[test]
fn labels_are_valid_and_nobody_elses() {
    check_all(|spec| spec.labels.iter().all(|label| is_label_name(label) && !FORBIDDEN.contains(label)));
    check_all(|spec| spec.labels.iter().collect::<BTreeSet<_>>().len() == spec.labels.len());
    check_all(|spec| spec.kind != Kind::Histogram || !spec.labels.contains(&"le"));
}
