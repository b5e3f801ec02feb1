//! History of an endpoint: phases, failures, status, TLS, DNS.

use serde_json::json;

use crate::dashboards::panel::Panel;
use crate::dashboards::words::{CERTIFICATE, REACHABLE};

use super::{NO_RESULT, NO_TLS};

pub fn phases() -> Panel {
    Panel::lines(
        "Phases of the probes by $route",
        "Duration of each phase, stacked: the sum is the probe. Phases that weren't reached have no value; a failed phase has one. Mean over the selected instances.",
    )
    .over_time("{{phase}}", "avg by (phase) (defender_probe_phase_duration_seconds{%endpoint})")
    .custom("fillOpacity", json!(50))
    .stacked()
    .for_each("route")
    .unit("s")
    .no_value("No probe completed in this time")
}

pub fn reachable_history() -> Panel {
    Panel::timeline("Reachable over time", "Whether probes got a genuine answer.")
        .over_time(
            "{{instance}} by {{route}}",
            "min by (instance, route) (defender_probe_success{%endpoint})",
        )
        .states(REACHABLE)
        .no_value(NO_RESULT)
}

pub fn reasons_history() -> Panel {
    Panel::timeline("Why it failed over time", "Failures over time by phase and reason, per route.")
        .over_time(
            "{{route}}: {{phase}}: {{reason}}",
            "max by (route, phase, reason) (defender_probe_failure_reason{%endpoint})",
        )
        .states(&[(1, "Failing", "red")])
        .no_value("The endpoint did not fail in this time")
}

pub fn failures() -> Panel {
    Panel::lines(
        "Share of failed probes",
        "Share of this endpoint's probes that failed, per route. Includes failures between two scrapes.",
    )
    .over_time(
        "{{route}}",
        "sum by (route) (rate(defender_probe_failures_total{%endpoint}[$__rate_interval])) / sum by (route) (rate(defender_probes_total{%endpoint}[$__rate_interval]))",
    )
    .of_counters()
    .unit("percentunit")
    .set("max", json!(1))
    .no_value("No probe completed in this time")
}

pub fn component_failures() -> Panel {
    Panel::stacked_bars(
        "Failed probes of the component by reason",
        "Failed probes of the selected components between two points, by phase and reason, over all their endpoints.",
    )
    .over_time(
        "{{phase}}: {{reason}}",
        "sum by (phase, reason) (increase(defender_probe_failures_by_reason_total{%component}[$__rate_interval])) > 0",
    )
    .of_counters()
    .unit("short")
    .no_value("No probe failed in this time")
}

pub fn status_history() -> Panel {
    Panel::timeline("HTTP status over time", "Status of each answer; empty if no answer came.")
        .over_time(
            "{{instance}} by {{route}}",
            "max by (instance, route) (defender_http_status_code{%endpoint})",
        )
        .limits(&[(None, "blue")])
        .no_value("No answer came in this time")
}

pub fn expected_history() -> Panel {
    Panel::timeline("Status as expected over time", "Whether the catalog expects the status.")
        .over_time(
            "{{instance}} by {{route}}",
            "min by (instance, route) (defender_http_status_expected{%endpoint})",
        )
        .states(&[(0, "Unexpected", "orange"), (1, "Expected", "green")])
        .no_value("No answer came in this time")
}

pub fn range_history() -> Panel {
    Panel::timeline(
        "Range over time",
        "Whether the request for the first byte (Range) returned one byte or the whole object. Whole object: a device on the path strips Range, which BITS and Delivery Optimization need. Only packages are requested with Range.",
    )
    .over_time(
        "{{instance}} by {{route}}",
        "min by (instance, route) (defender_http_range_honored{%endpoint})",
    )
    .states(&[(0, "Stripped", "orange"), (1, "Honored", "green")])
    .no_value("The endpoint is requested without Range")
}

pub fn tls_history() -> Panel {
    let states = |good: &'static str, bad: &'static str, odd: i64| {
        let other = 1 - odd;
        json!([{ "type": "value", "options": {
            odd.to_string(): { "color": "orange", "index": 0, "text": bad },
            other.to_string(): { "color": "green", "index": 1, "text": good },
        } }])
    };
    let regex = |panel: Panel, ending: &str, mappings: serde_json::Value| {
        let mut panel = panel;
        panel.0["fieldConfig"]["overrides"].as_array_mut().unwrap().push(json!({
            "matcher": { "id": "byRegexp", "options": format!("/.*: {ending}$/") },
            "properties": [{ "id": "mappings", "value": mappings }],
        }));
        panel
    };
    let panel = Panel::timeline(
        "TLS over time",
        "Whether the presented chain was verified, ended at a private root (inspected) or at a public root that isn't known of the service (root), or lacked an intermediate that the exporter completed.",
    )
    .over_time("{{route}}: verified", "min by (route) (defender_tls_verified{%endpoint})")
    .over_time("{{route}}: inspected", "max by (route) (defender_tls_intercepted{%endpoint})")
    .over_time("{{route}}: root", "max by (route) (defender_tls_unexpected_root{%endpoint})")
    .over_time("{{route}}: completed", "max by (route) (defender_tls_chain_completed{%endpoint})")
    .no_value(NO_TLS);
    let panel = regex(panel, "verified", states("Verified", "Not verified", 0));
    let panel = regex(panel, "inspected", states("Genuine", "Inspected", 1));
    let panel = regex(panel, "root", states("Known root", "Unexpected root", 1));
    regex(panel, "completed", states("Complete", "Completed", 1))
}

pub fn revocation_history() -> Panel {
    Panel::timeline(
        "Revocation over time",
        "Revocation status of the chain; unknown if revocation data can't be fetched.",
    )
    .over_time(
        "{{instance}} by {{route}}",
        r#"min by (instance, route) (2 * (defender_tls_revocation_status{%endpoint, status="good"} == 1)
            or (defender_tls_revocation_status{%endpoint, status="unknown"} == 1)
            or 0 * (defender_tls_revocation_status{%endpoint, status="revoked"} == 1))"#,
    )
    .states(&[(0, "Revoked", "red"), (1, "Unknown", "orange"), (2, "Good", "green")])
    .no_value("No chain was checked in this time")
}

pub fn tls() -> Panel {
    Panel::table(
        "TLS of the last probe",
        "TLS version and cipher, issuer of the presented leaf, and root of the verified chain (empty if unverified). If the revocation status is unknown, its cause.",
    )
    .rows("max by (instance, route, version, cipher, issuer, root) (defender_tls_info{%endpoint})")
    .rows("max by (instance, route, reason) (defender_tls_revocation_unknown_reason{%endpoint})")
    .columns(
        &[
            ("instance", "Instance"),
            ("route", "Route"),
            ("version", "Version"),
            ("cipher", "Cipher"),
            ("issuer", "Issuer"),
            ("root", "Root"),
            ("reason", "Revocation unknown"),
        ],
        &["Value #A", "Value #B"],
    )
    .width("Version", 80)
    .no_value(NO_TLS)
}

pub fn expiry_history() -> Panel {
    Panel::lines(
        "Time until certificates expire",
        "For the presented leaf, and for the first certificate of the verified chain to expire, root included. The line matches DefenderCertificateExpiringSoon, which ignores short-lived certificates with a third of their lifetime left.",
    )
    .over_time("leaf", "min(defender_tls_leaf_not_after_timestamp_seconds{%endpoint} - time())")
    .over_time("chain", "min(defender_tls_chain_not_after_timestamp_seconds{%endpoint} - time())")
    .unit("s")
    .limits(CERTIFICATE)
    .custom("thresholdsStyle", json!({ "mode": "dashed" }))
    .option("legend", json!({ "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true }))
    .no_value("No certificate")
}

pub fn addresses() -> Panel {
    Panel::lines(
        "Addresses from DNS",
        "Number of addresses that DNS or the hosts file returned, by family, and how many are private. Public services have no private addresses: the cause is split DNS, a private link, a filter or an entry of the hosts file.",
    )
    .over_time("{{family}} by {{route}}", "max by (family, route) (defender_dns_addresses{%endpoint})")
    .over_time("private by {{route}}", "max by (route) (defender_dns_private_addresses{%endpoint})")
    .unit("short")
    .option("legend", json!({ "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true }))
    .no_value("DNS returned no address, or was not queried")
}

pub fn each_address() -> Panel {
    Panel::timeline(
        "Each address over time",
        "Whether each address of the name answered. If only some answer, a single server or path is at fault. Requires resolver.addresses: all and a route without a proxy.",
    )
    .over_time("{{address}} by {{route}}", "min by (address, route) (defender_probe_address_success{%endpoint})")
    .states(REACHABLE)
    .no_value("Requires resolver.addresses: all and a route without a proxy")
}

pub fn proxy() -> Panel {
    Panel::timeline(
        "Proxy's answer to CONNECT over time",
        "Status of the proxy's answer; 407: authentication required. Only for https via a proxy.",
    )
    .over_time(
        "{{instance}} by {{route}}",
        "max by (instance, route) (defender_proxy_connect_status_code{%endpoint})",
    )
    .states(&[(200, "200", "green"), (407, "407: login", "red")])
    .limits(&[(None, "orange")])
    .no_value("No proxy on these routes, or it gave no answer")
}
