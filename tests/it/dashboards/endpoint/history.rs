//! How the endpoint has been: phases, failures, status, TLS, names.

use serde_json::json;

use crate::dashboards::panel::Panel;
use crate::dashboards::words::{CERTIFICATE, REACHABLE};

use super::{NO_RESULT, NO_TLS};

pub fn phases() -> Panel {
    Panel::lines(
        "Phases of the probes by $route",
        "How long each phase took, one upon the other: their sum is the probe. Phases that weren't reached have no value, and a failed one has its own. The mean over the chosen instances.",
    )
    .over_time("{{phase}}", "avg by (phase) (defender_probe_phase_duration_seconds{%endpoint})")
    .custom("fillOpacity", json!(50))
    .stacked()
    .for_each("route")
    .unit("s")
    .no_value("No probe ended in this time")
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
    Panel::timeline("Why it failed over time", "When which stage failed for which reason, by each route.")
        .over_time(
            "{{route}}: {{stage}}: {{reason}}",
            "max by (route, stage, reason) (defender_probe_failure_reason{%endpoint})",
        )
        .states(&[(1, "Failing", "red")])
        .no_value("The endpoint did not fail in this time")
}

pub fn failures() -> Panel {
    Panel::lines(
        "Share of failed probes",
        "How many of the probes of this endpoint failed, by each route. It counts the failures between two scrapes, too.",
    )
    .over_time(
        "{{route}}",
        "sum by (route) (rate(defender_probe_failures_total{%endpoint}[$__rate_interval])) / sum by (route) (rate(defender_probes_total{%endpoint}[$__rate_interval]))",
    )
    .of_counters()
    .unit("percentunit")
    .set("max", json!(1))
    .no_value("No probe ended in this time")
}

pub fn component_failures() -> Panel {
    Panel::stacked_bars(
        "Failed probes of the component by reason",
        "How many probes of the chosen components failed between one point and the next, by stage and reason, over all their endpoints.",
    )
    .over_time(
        "{{stage}}: {{reason}}",
        "sum by (stage, reason) (increase(defender_probe_failures_by_reason_total{%component}[$__rate_interval])) > 0",
    )
    .of_counters()
    .unit("short")
    .no_value("No probe failed in this time")
}

pub fn status_history() -> Panel {
    Panel::timeline("HTTP status over time", "The status of each answer; nothing where none came.")
        .over_time(
            "{{instance}} by {{route}}",
            "max by (instance, route) (defender_http_status_code{%endpoint})",
        )
        .limits(&[(None, "blue")])
        .no_value("No answer came in this time")
}

pub fn expected_history() -> Panel {
    Panel::timeline(
        "Status as expected over time",
        "Whether the status was one that the genuine service answers with.",
    )
    .over_time(
        "{{instance}} by {{route}}",
        "min by (instance, route) (defender_http_status_expected{%endpoint})",
    )
    .states(&[(0, "Unexpected", "orange"), (1, "Expected", "green")])
    .no_value("No answer came in this time")
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
        "Whether the presented chain was verified, ended at a root that is none of the genuine service's (inspected), and had to be completed with an intermediate that the server left out.",
    )
    .over_time("{{route}}: verified", "min by (route) (defender_tls_verified{%endpoint})")
    .over_time("{{route}}: inspected", "max by (route) (defender_tls_intercepted{%endpoint})")
    .over_time("{{route}}: completed", "max by (route) (defender_tls_chain_completed{%endpoint})")
    .no_value(NO_TLS);
    let panel = regex(panel, "verified", states("Verified", "Not verified", 0));
    let panel = regex(panel, "inspected", states("Genuine", "Inspected", 1));
    regex(panel, "completed", states("Complete", "Completed", 1))
}

pub fn revocation_history() -> Panel {
    Panel::timeline(
        "Revocation over time",
        "Whether the chain was revoked by what its issuers publish; unknown where that can't be fetched.",
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
        "What TLS agreed on, who issued the presented leaf, and the root that its chain was verified to; empty where it was not. Why revocation isn't known, if it isn't.",
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
        "Of the presented leaf, and of the first certificate of the presented chain to expire. The line is that of DefenderCertificateExpiringSoon.",
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
        "How many addresses DNS gave, by family, and how many of them are private, where no public service is: by split DNS, a private link or a filter.",
    )
    .over_time("{{family}} by {{route}}", "max by (family, route) (defender_dns_addresses{%endpoint})")
    .over_time("private by {{route}}", "max by (route) (defender_dns_private_addresses{%endpoint})")
    .unit("short")
    .option("legend", json!({ "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true }))
    .no_value("DNS gave no address, or was not asked")
}

pub fn each_address() -> Panel {
    Panel::timeline(
        "Each address over time",
        "Whether each address of the name answered: where some do and others don't, one machine or one way is at fault. Only where the configuration has resolver.addresses: all, and not by a proxy.",
    )
    .over_time("{{address}} by {{route}}", "min by (address, route) (defender_probe_address_success{%endpoint})")
    .states(REACHABLE)
    .no_value("Only with resolver.addresses: all, and not by a proxy")
}

pub fn proxy() -> Panel {
    Panel::timeline(
        "Proxy's answer to CONNECT over time",
        "The status with which the proxy answered; 407 demands authentication. Only for https by a proxy.",
    )
    .over_time(
        "{{instance}} by {{route}}",
        "max by (instance, route) (defender_proxy_connect_status_code{%endpoint})",
    )
    .states(&[(200, "200", "green"), (407, "407: login", "red")])
    .limits(&[(None, "orange")])
    .no_value("No proxy on these routes, or it gave no answer")
}
