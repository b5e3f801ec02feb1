//! The current state of an endpoint and its cause.

use serde_json::json;

use crate::dashboards::panel::Panel;
use crate::dashboards::words::{
    CERTIFICATE, PAGE_HERE, REACHABLE, SHARE, explained_by_component, meanings, remedies,
};

use super::NO_RESULT;

pub fn reachable() -> Panel {
    Panel::stat("Now", "Whether the last probe received a genuine answer, with any status.")
        .now("{{instance}} by {{route}}", "min by (instance, route) (defender_probe_success{%endpoint})")
        .states(REACHABLE)
        .no_value(NO_RESULT)
}

pub fn status() -> Panel {
    Panel::stat(
        "HTTP status",
        "Status of the last answer; orange if the catalog doesn't expect it. 403, 404 and 503 are healthy answers of many services.",
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
        "Time since the last successful probe, for the worst route and instance.",
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
        "Share of the displayed time in which the endpoint was reachable, for the worst route and instance. Below half is broken, as in the alerts.",
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
        "Time until the presented leaf expires, for the first route and instance. The limit of two weeks matches DefenderCertificateExpiringSoon, which ignores short-lived certificates with a third of their lifetime left.",
    )
    .now("first", "min(defender_tls_leaf_not_after_timestamp_seconds{%endpoint} - time())")
    .unit("s")
    .limits(CERTIFICATE)
    .option("textMode", json!("value"))
    .no_value("No certificate")
}

pub fn why() -> Panel {
    let query = format!(
        "max by (instance, route, phase, reason, code, change) ({})",
        explained_by_component("defender_probe_failure_reason{%endpoint}")
    );
    Panel::table(
        "Why it fails, and what to change",
        "Phase and reason of the last probe's failure, per route. The reason links to the advice on the exporter's page.",
    )
    .rows(&query)
    .columns(
        &[
            ("instance", "Instance"),
            ("route", "Route"),
            ("phase", "Phase"),
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
    .width("Phase", 80)
    .width("Reason", 130)
    .width("What it means", 200)
    .links("Reason", &[("Advice on the exporter's page", PAGE_HERE)])
    .no_value("The last probes did not fail")
}

pub fn what() -> Panel {
    Panel::table(
        "What is probed",
        "Microsoft's pattern for this endpoint, with host and port, for the firewall team.",
    )
    .rows(r#"max by (component, pattern, host, port) (defender_endpoint_info{%instance, component=~"$component", endpoint="$endpoint"})"#)
    .columns(
        &[("pattern", "Documented pattern"), ("host", "Host"), ("port", "Port"), ("component", "Component")],
        &["Value"],
    )
    .width("Port", 60)
    .no_value(NO_RESULT)
}
