//! How the endpoint is now, and why.

use serde_json::json;

use crate::dashboards::panel::Panel;
use crate::dashboards::words::{
    CERTIFICATE, PAGE_HERE, REACHABLE, SHARE, explained_by_component, meanings, remedies,
};

use super::NO_RESULT;

pub fn reachable() -> Panel {
    Panel::stat("Now", "Whether the last probe got a genuine answer, of whatever status.")
        .now("{{instance}} by {{route}}", "min by (instance, route) (defender_probe_success{%endpoint})")
        .states(REACHABLE)
        .no_value(NO_RESULT)
}

pub fn status() -> Panel {
    Panel::stat(
        "HTTP status",
        "The status of the last answer; orange if the genuine service doesn't answer so. 403, 404 and 503 are healthy answers of many services.",
    )
    .now(
        "{{instance}} by {{route}}",
        "max by (instance, route) (defender_http_status_code{%endpoint} and on (job, instance, component, endpoint, route) defender_http_status_expected{%endpoint} == 1)",
    )
    .now(
        "{{instance}} by {{route}}: unexpected",
        "max by (instance, route) (defender_http_status_code{%endpoint} unless on (job, instance, component, endpoint, route) defender_http_status_expected{%endpoint} == 1)",
    )
    .option("colorMode", json!("value"))
    .no_value("No answer came")
}

pub fn last_answer() -> Panel {
    Panel::stat(
        "Last genuine answer",
        "How long ago a probe last succeeded; the route and instance that wait longest.",
    )
    .now("longest", "max(time() - defender_probe_last_success_timestamp_seconds{%endpoint})")
    .unit("s")
    .option("colorMode", json!("none"))
    .option("textMode", json!("value"))
    .no_value("None yet")
}

pub fn availability() -> Panel {
    Panel::stat(
        "Availability in the time shown",
        "The share of the time shown in which the endpoint was reachable, the worst of routes and instances. Under a half is broken, as in the alerts.",
    )
    .now("worst", "min(avg_over_time(defender_probe_success{%endpoint}[$__range]))")
    .unit("percentunit")
    .set("decimals", json!(1))
    .limits(SHARE)
    .option("textMode", json!("value"))
    .no_value(NO_RESULT)
}

pub fn expires() -> Panel {
    Panel::stat(
        "Certificate expires in",
        "When the presented leaf expires, the first of routes and instances. Two weeks are short, as DefenderCertificateExpiringSoon.",
    )
    .now("first", "min(defender_tls_leaf_not_after_timestamp_seconds{%endpoint} - time())")
    .unit("s")
    .limits(CERTIFICATE)
    .option("textMode", json!("value"))
    .no_value("No certificate")
}

pub fn why() -> Panel {
    let query = format!(
        "max by (instance, route, stage, reason, code, change) ({})",
        explained_by_component("defender_probe_failure_reason{%endpoint}")
    );
    Panel::table(
        "Why it fails, and what to change",
        "Where and why the last probe failed, by each route. The reason leads to the advice on the exporter's page.",
    )
    .rows(&query)
    .columns(
        &[
            ("instance", "Instance"),
            ("route", "Route"),
            ("stage", "Stage"),
            ("reason", "Reason"),
            ("code", "What it means"),
            ("change", "What to change"),
        ],
        &["Value"],
    )
    .text_column("What it means", meanings())
    .text_column("What to change", remedies())
    .width("Instance", 140)
    .width("Route", 100)
    .width("Stage", 80)
    .width("Reason", 130)
    .width("What it means", 200)
    .links("Reason", &[("Advice on the exporter's page", PAGE_HERE)])
    .no_value("The last probes did not fail")
}

pub fn what() -> Panel {
    Panel::table(
        "What is probed",
        "The pattern of Microsoft's document that the endpoint stands for, with host and port, as a firewall team needs them.",
    )
    .rows(r#"max by (component, pattern, host, port) (defender_endpoint_info{%instance, component=~"$component", endpoint="$endpoint"})"#)
    .columns(
        &[("pattern", "Documented pattern"), ("host", "Host"), ("port", "Port"), ("component", "Component")],
        &["Value"],
    )
    .width("Port", 60)
    .no_value(NO_RESULT)
}
