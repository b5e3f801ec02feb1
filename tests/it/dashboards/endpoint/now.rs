//! The current state of an endpoint and its cause.

use serde_json::json;

use crate::dashboards::grouping::by_place;
use crate::dashboards::panel::{DAYS, Panel};
use crate::dashboards::remedies::{explained_by_component, unknown};
use crate::dashboards::words::{
    BAD, CERTIFICATE, DOWN, GOOD, ODD, PAGE_HERE, REACHABLE, SHARE, TO_OVERVIEW, UNKNOWN, components,
    or_down, or_unknown, share, with_page,
};

use super::NO_RESULT;

const SUCCESS: &str = "defender_probe_success{%endpoint}";

pub fn reachable() -> Panel {
    let known = format!("(min({SUCCESS}) + max({SUCCESS}))");
    Panel::stat(
        "Now: $scope",
        "Whether the last probes received a genuine answer, with any status, at all selected instances via all selected routes. Partly failing: not everywhere; see the table.",
    )
    .now(
        "endpoint",
        &format!("({known} < 2) or ({known} + (0 < bool count({DOWN}))) or {known} or (0 * count({DOWN}) - 1)"),
    )
    .states(&[
        (0, "Failing", BAD),
        (1, "Partly failing", BAD),
        (2, "Reachable", GOOD),
        (3, "Partly unknown", ODD),
        (-1, "Exporter down", UNKNOWN),
    ])
    .shows("value")
    .no_value("No result")
}

pub fn places() -> Panel {
    let of = |operator: &'static str| move |series: &str| by_place(operator, &["route"], series);
    let (min, max) = (of("min"), of("max"));
    // Routes that had a result before their exporter went down.
    let now = or_down(&min(SUCCESS), SUCCESS, of("min"), &["route"]);
    let answered = max("defender_probe_last_success_timestamp_seconds{%endpoint}");
    let never = format!("(0 * {} - 1)", max("defender_probe_last_timestamp_seconds{%endpoint}"));
    Panel::table(
        "By instance and route, the worst first",
        "Result and HTTP status of the last probe (403, 404 and 503 are healthy answers of many services), whether the catalog of genuine answers expects this status, the last genuine answer, share of the displayed time in which the endpoint is known to have been reachable (below half is broken, as in the alerts), days until the presented certificate expires (two weeks, as in DefenderCertificateExpiringSoon, which ignores short-lived certificates with a third of their lifetime left).",
    )
    .linked_rows(&or_unknown(&now, &["route"]))
    .rows(&max("defender_http_status_code{%endpoint}"))
    .rows(&min("defender_http_status_expected{%endpoint}"))
    .rows(&format!("1000 * {answered} or {never}"))
    .rows(&min(&share(SUCCESS, "component, endpoint, route")))
    .rows(&format!("({} - time()) / 86400", min("defender_tls_leaf_not_after_timestamp_seconds{%endpoint}")))
    .columns(&[
        ("Value #A", "Now"),
        ("route", "Route"),
        ("Value #B", "Status"),
        ("Value #C", "Status is"),
        ("Value #D", "Last genuine answer"),
        ("Value #E", "Known up"),
        ("Value #F", "Expires in"),
        ("place", "Instance"),
    ])
    .state_column("Now", 120, REACHABLE)
    .width("Route", 115)
    .width("Status", 65)
    .state_column("Status is", 100, &[(0, "Unexpected", ODD), (1, "Expected", GOOD)])
    .ago_column("Last genuine answer", 145, "–")
    .words("Last genuine answer", &[(-1, "Not since start", "transparent")])
    .number_column("Known up", 85, "percentunit", SHARE)
    .number_column("Expires in", 100, DAYS, CERTIFICATE)
    .wrapped("Instance", None)
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .sorted(&[("Now", false), ("Instance", false), ("Route", false)])
    .no_value(NO_RESULT)
}

pub fn why() -> Panel {
    let failures = with_page(&explained_by_component("defender_probe_failure_reason{%endpoint}"));
    Panel::table(
        "Why it fails, and what to change",
        "Phase and reason of the last probe's failure, per route; first the exporters that are down. Open leads to all remedies on the exporter's own page.",
    )
    .rows(&format!("{failures} or {}", unknown()))
    .columns(&[
        ("change", "What to change"),
        ("why", "What it means"),
        ("code", "Reason"),
        ("route", "Route"),
        ("place", "Instance"),
        ("page", "Advice"),
        ("instance", "Address"),
    ])
    .hidden("Address")
    .wrapped("What to change", None)
    .wrapped("What it means", Some(260))
    .width("Reason", 170)
    .width("Route", 115)
    .wrapped("Instance", Some(300))
    .field("Advice", &[("noValue", json!("")), ("custom.width", json!(75))])
    .links("Advice", &[("Advice on the exporter's page", PAGE_HERE)])
    .sorted(&[("What it means", false), ("Instance", false), ("Route", false)])
    .no_value("No exporter reports a failure of this endpoint")
}

pub fn what() -> Panel {
    Panel::table(
        "What is probed",
        "Microsoft's pattern for this endpoint, with host and port, for the firewall team.",
    )
    .rows(r#"max by (component, pattern, host, port) (defender_endpoint_info{%instance, component=~"$component", endpoint="$endpoint"})"#)
    .columns(&[
        ("pattern", "Documented pattern"),
        ("host", "Host"),
        ("port", "Port"),
        ("component", "Component"),
    ])
    .width("Port", 70)
    .width("Component", 260)
    .names("Component", &components())
    .sorted(&[("Documented pattern", false)])
    .no_value(NO_RESULT)
}
