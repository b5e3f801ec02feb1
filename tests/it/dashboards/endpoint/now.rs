//! The current state of an endpoint and its cause.

use serde_json::json;

use crate::dashboards::folding::folded;
use crate::dashboards::grouping::by_place;
use crate::dashboards::panel::{DAYS, Panel};
use crate::dashboards::remedies::{explained_by_component, unknown};
use crate::dashboards::tiles::by_instance;
use crate::dashboards::words::{
    BAD, CERTIFICATE, PAGE_HERE, REACHABLE_RANKS, SHARE, SHARE_UNKNOWN, TO_OVERVIEW, UNKNOWN,
    UNKNOWN_SHARE_STATE, UP, gone, of_worst, share, unknown_share, with_page,
};

use super::NO_RESULT;
use super::history::{EXPECTED, EXPECTED_STATES, SUCCESS};

pub fn reachable() -> Panel {
    Panel::stat(
        "Now: $endpoint, $scope",
        "Whether the last probes received a genuine answer, with any status. Failing: via every selected route of an instance; partly failing: via some. The worst state counts, with the number of instances in it, of those partly failing, and of those unknown; see the table.",
    )
    .now("{{text}}", &by_instance(SUCCESS, "failing"))
    .states(&of_worst("Failing", "Partly failing", "Reachable"))
    .no_value("No result")
}

pub fn places() -> Panel {
    let of = |operator: &'static str| move |series: &str| by_place(operator, &["route"], series);
    let (min, max) = (of("min"), of("max"));
    // Routes that had a result before their exporter went down.
    let now = format!(
        "3 * {} or {} + 1 or ignoring (route) ({UP} + 1) or on () vector(2)",
        min(SUCCESS),
        gone(SUCCESS, of("min"), &["route"])
    );
    let answered = max("defender_probe_last_success_timestamp_seconds{%endpoint}");
    let never = format!("(0 * {} - 1)", max("defender_probe_last_timestamp_seconds{%endpoint}"));
    Panel::table(
        "By instance and route, the worst first",
        "Result and HTTP status of the last probe (403, 404 and 503 are healthy answers of many services), whether the catalog of genuine answers expects this status (inspected, not genuine: it does, but the probe failed, since a device inspects TLS or the answer isn't the service's; wrong: it doesn't, and the probe failed), the last genuine answer, share of the time with a result in which the endpoint was reachable (below half is broken, as in the alerts; unknown while the exporter is down), share of the displayed time without a result, days until the presented certificate expires (two weeks, as in DefenderCertificateExpiringSoon, which ignores short-lived certificates with a third of their lifetime left).",
    )
    .linked_rows(&now)
    .rows(&max("defender_http_status_code{%endpoint}"))
    .rows(&min(EXPECTED))
    .rows(&format!("1000 * {answered} or {never}"))
    .rows(&format!(
        "({} + {SHARE_UNKNOWN} or {})",
        gone(SUCCESS, of("min"), &["route"]),
        min(&share(SUCCESS))
    ))
    .rows(&max(&unknown_share(SUCCESS, "component, endpoint, route")))
    .rows(&format!("({} - time()) / 86400", min("defender_tls_leaf_not_after_timestamp_seconds{%endpoint}")))
    .columns(&[
        ("Value #A", "Now"),
        ("route", "Route"),
        ("Value #B", "Status"),
        ("Value #C", "Status is"),
        ("Value #D", "Last genuine answer"),
        ("Value #E", "Time up"),
        ("Value #F", "Time unknown"),
        ("Value #G", "Certificate expires in"),
        ("place", "Instance"),
    ])
    .state_column("Now", 120, REACHABLE_RANKS)
    .width("Route", 115)
    .width("Status", 65)
    .state_column("Status is", 108, EXPECTED_STATES)
    .ago_column("Last genuine answer", 145, "–")
    .words("Last genuine answer", &[(-1, "Not since start", "transparent")])
    .number_column("Time up", 85, "percentunit", SHARE)
    .words("Time up", &[UNKNOWN_SHARE_STATE])
    .number_column("Time unknown", 85, "percentunit", &[(None, "transparent")])
    .number_column("Certificate expires in", 100, DAYS, CERTIFICATE)
    .wrapped("Instance", None)
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .sorted(&[("Now", false), ("Instance", false), ("Route", false)])
    .no_value(NO_RESULT)
}

pub fn why() -> Panel {
    let failures = "defender_probe_failure_reason{%endpoint}";
    let rows = with_page(&explained_by_component(&folded(failures, failures, &["phase", "reason"])));
    Panel::table(
        "Why it fails, and what to change",
        "Phase and reason of the last probe's failure, per route; then the exporters that are down. A cause at more than five instances is one row. Open leads to all remedies on the exporter's own page.",
    )
    .rows(&format!("0 * {rows} or {}", unknown(1)))
    .columns(&[
        ("Value", "Now"),
        ("change", "What to change"),
        ("why", "Why"),
        ("code", "Reason"),
        ("route", "Route"),
        ("page", "Advice"),
        ("place", "Instance"),
        ("instance", "Address"),
    ])
    .hidden("Address")
    .state_column("Now", 115, &[(0, "Failing", BAD), (1, "Exporter down", UNKNOWN)])
    .shared("What to change", 245)
    .shared("Why", 200)
    .width("Reason", 170)
    .width("Route", 115)
    .shared("Instance", 235)
    .field("Advice", &[("noValue", json!("")), ("custom.width", json!(75))])
    .links("Advice", &[("Advice on the exporter's page", PAGE_HERE)])
    .sorted(&[("Now", false), ("Instance", false), ("Route", false), ("Why", false)])
    .no_value("No selected exporter reports a failure of this endpoint")
}
