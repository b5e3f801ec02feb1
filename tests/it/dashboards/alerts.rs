//! Firing alerts: by name, by severity, and by the instance that they are of.

use std::collections::BTreeSet;

use defender_exporter::metrics::Metric;

use super::panel::State;
use super::words::{BAD, GOOD, ODD};

/// What alerts are chosen by; some have no instance.
const ALERTS: &str = r#"alertname=~"Defender.*", alertstate="firing", job=~"$job|", cluster=~"$cluster|", $label=~"$site|", instance=~"$instance|""#;

/// Critical alerts that fire, of what is chosen, by name.
pub fn critical() -> String {
    format!(r#"count by (alertname) (ALERTS{{{ALERTS}, severity="critical"}})"#)
}

/// Alerts that fire, of what is chosen. The value is the rank of the severity.
pub fn firing() -> String {
    let of = |severity: &str| format!(r#"ALERTS{{{ALERTS}, severity="{severity}"}}"#);
    format!("({} or 2 * {} or 3 * {})", of("critical"), of("warning"), of("info"))
}

/// The severities by their rank.
pub const SEVERITIES: &[State<'_>] =
    &[(1, "Critical", BAD), (2, "Warning", ODD), (3, "Info", GOOD), (4, "None fires", GOOD)];

/// A count if Prometheus has evaluated the rules in the time shown, as one of their records shows.
pub fn is_evaluated() -> String {
    "count(last_over_time(route:defender_maps_connected:default{%route}[$__range]))".to_owned()
}

/// 0 if Prometheus has evaluated the rules, and none of these alerts fires.
pub fn none_firing() -> String {
    format!("0 * {} unless on () count({})", is_evaluated(), firing())
}

/// Alerts of this severity that fire, by the instance that they are of: without every label that the exporter or a rule sets.
pub fn firing_places(severity: &str) -> String {
    let own: BTreeSet<&str> = Metric::ALL.iter().flat_map(|metric| metric.spec().labels).copied().collect();
    let own: Vec<&str> = own.into_iter().chain(["alertname", "alertstate", "severity"]).collect();
    // A rule makes the label `components`.
    let alerts = format!(
        r#"label_replace(ALERTS{{{ALERTS}, instance!~"(https?://.+)?", severity="{severity}"}}, "components", "", "", "")"#
    );
    format!("group without ({}) ({alerts})", own.join(", "))
}
