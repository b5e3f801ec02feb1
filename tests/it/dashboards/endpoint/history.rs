//! History of an endpoint: phases, failures, status. `connection` has names, addresses, proxy and TLS.

use serde_json::json;

use crate::dashboards::grouping::{PLACE, by_place};
use crate::dashboards::latency::OF_COMPONENT;
use crate::dashboards::panel::{Panel, State, mappings};
use crate::dashboards::words::{
    BAD, DOWN_STATE, FAILED, GOOD, NO_ANSWER, ODD, REACHABLE, or_down, or_silent,
};

use super::NO_RESULT;

/// Whether the last probe got a genuine answer.
pub const SUCCESS: &str = "defender_probe_success{%endpoint}";

/// Whether the catalog expects the status: 2 if it does and the probe failed, so that the answer isn't the service's; 3 if that is because a
/// device inspects TLS; 4 if it doesn't, and the probe failed.
pub const EXPECTED: &str =
    "(3 * (defender_http_status_expected{%endpoint} == 1 and defender_probe_success{%endpoint} == 0 and defender_tls_intercepted{%endpoint} == 1)
    or 2 * (defender_http_status_expected{%endpoint} == 1 and defender_probe_success{%endpoint} == 0)
    or 4 + (defender_http_status_expected{%endpoint} == 0 and defender_probe_success{%endpoint} == 0)
    or defender_http_status_expected{%endpoint})";

pub const EXPECTED_STATES: &[State<'_>] = &[
    (4, "Wrong", BAD),
    (3, "Inspected", BAD),
    (2, "Not genuine", BAD),
    (0, "Unexpected", ODD),
    (1, "Expected", GOOD),
];

/// Statuses that have words of their own where they are odd.
const STATUSES: [u32; 20] =
    [200, 204, 206, 301, 302, 307, 308, 400, 401, 403, 404, 405, 407, 429, 451, 500, 502, 503, 504, 511];

/// By how much a status is higher in the timeline where it is odd or wrong, by the state of `EXPECTED`, and what is said of it.
const ODD_STATUSES: [(u32, u32, &str, &str); 4] = [
    (0, 1000, "unexpected", ODD),
    (2, 2000, "not genuine", BAD),
    (3, 3000, "inspected", BAD),
    (4, 4000, "wrong", BAD),
];

/// States of a route at an instance over time, of a series that a probe has if an answer came: grey where none did, and while the exporter
/// is down. `probed` are the probes.
pub fn by_route_of_answers(panel: Panel, operator: &'static str, series: &str, probed: &str) -> Panel {
    let of = |series: &str| by_place(operator, &["route"], series);
    let known = or_silent(&of(series), &of(probed));
    panel.over_time(&format!("{PLACE} via {{{{route}}}}"), &or_down(&known, SUCCESS, of, &["route"]))
}

/// Probes with an answer at some time shown: whether this series, which only some probes have, is missing now is known of them alone.
pub fn once(series: &str) -> String {
    format!("({SUCCESS} and ignoring (status) last_over_time({series}[$__range]))")
}

/// States of a route at an instance over time, of a series that not all probes have: grey while the exporter is down. `probed` are the
/// probes of which it is known whether they lack the series.
pub fn by_route(panel: Panel, operator: &'static str, series: &str, probed: &str) -> Panel {
    let of = |series: &str| by_place(operator, &["route"], series);
    let known = if series == probed { of(series) } else { or_silent(&of(series), &of(probed)) };
    panel.over_time(&format!("{PLACE} via {{{{route}}}}"), &or_down(&known, series, of, &["route"]))
}

pub fn phases() -> Panel {
    Panel::lines(
        "Phases of the probes via $route",
        "Duration of each phase, stacked: the sum is the probe. Phases that weren't reached have no value; a failed phase has one. Mean over the selected instances.",
    )
    .over_time("{{phase}}", "avg by (phase) (defender_probe_phase_duration_seconds{%endpoint})")
    .custom("fillOpacity", json!(50))
    .stacked()
    .by_phase()
    .for_each("route")
    .unit("s")
    .no_value("No probe completed in this time")
}

pub fn reachable_history() -> Panel {
    let panel = Panel::timeline(
        "Reachable over time",
        "Whether probes got a genuine answer. Grey: the exporter was down.",
    );
    by_route(panel, "min", SUCCESS, SUCCESS).states(REACHABLE).no_value(NO_RESULT)
}

pub fn reasons_history() -> Panel {
    let series = "defender_probe_failure_reason{%endpoint}";
    let kept = &["route", "phase", "reason"];
    let of = |series: &str| by_place("max", kept, series);
    Panel::timeline(
        "Why it failed over time",
        "Failures over time by phase and reason, per route; empty while there was no such failure. Grey: the exporter was down.",
    )
    .over_time(
        &format!("{PLACE} via {{{{route}}}}: {{{{phase}}}}.{{{{reason}}}}"),
        &or_down(&of(series), series, of, kept),
    )
    .states(&[(1, "Failing", BAD), DOWN_STATE])
    .no_value("No failure is known in this time")
}

pub fn failures() -> Panel {
    Panel::lines(
        "Share of failed probes",
        "Share of this endpoint's probes that failed, per route, at all selected instances together. Includes failures between two scrapes.",
    )
    .over_time(
        "{{route}}",
        "sum by (route) (rate(defender_probe_failures_total{%endpoint}[$__rate_interval])) / sum by (route) (rate(defender_probes_total{%endpoint}[$__rate_interval]))",
    )
    .of_counters()
    // By the last value: Grafana's first colour is green, and shades of one don't tell a route that fails from one that doesn't.
    .set("color", json!({ "mode": "thresholds", "seriesBy": "last" }))
    .limits(FAILED)
    .unit("percentunit")
    .set("max", json!(1))
    .no_value("No probe completed in this time")
}

pub fn component_failures() -> Panel {
    Panel::failing_bars(
        "Failed probes of the component by reason",
        "Failed probes of the endpoint's component between two points, by phase and reason, over all endpoints of the component.",
    )
    .over_time(
        "{{phase}}.{{reason}}",
        &format!("sum by (phase, reason) (increase(defender_probe_failures_by_reason_total{{%component}}[$__rate_interval]) {OF_COMPONENT}) > 0"),
    )
    .of_counters()
    .axis("probes")
    .no_value("No failed probe is known in this time")
}

pub fn status_history() -> Panel {
    let panel = Panel::timeline(
        "HTTP status over time",
        "Status of each answer. Blue: the catalog of genuine answers expects it, for example a 403, 404 or 503 of many services. Yellow: unexpected, and the answer is the service's all the same. Orange: the probe failed, since the status is wrong, a device inspects TLS, or the answer isn't the service's. Grey: no answer came, or the exporter was down.",
    );
    let status = "defender_http_status_code{%endpoint}";
    let odd = ODD_STATUSES.map(|(state, more, ..)| format!("({status} + {more} and {EXPECTED} == {state})"));
    let all = format!("({} or {status})", odd.join(" or "));
    let range = |from: u32, color: &str, text: Option<&str>| {
        let mut result = json!({ "color": color, "index": from });
        if let Some(text) = text {
            result["text"] = json!(text);
        }
        json!({ "type": "range", "options": { "from": from, "to": from + 599, "result": result } })
    };
    let named: serde_json::Value = ODD_STATUSES
        .iter()
        .flat_map(|(_, more, word, color)| {
            STATUSES.map(|status| (more + status, format!("{status}, {word}"), color))
        })
        .map(|(value, text, color)| {
            (value.to_string(), json!({ "color": color, "index": value, "text": text }))
        })
        .collect();
    let named = json!({ "type": "value", "options": named });
    let others = ODD_STATUSES.map(|(_, more, word, color)| range(more, color, Some(word)));
    let known = mappings(&[DOWN_STATE, NO_ANSWER]);
    let mappings = known.as_array().unwrap().iter().cloned().chain([named]).chain(others);
    by_route_of_answers(panel, "max", &all, SUCCESS)
        .set("mappings", mappings.chain([range(0, GOOD, None)]).collect())
        .no_value("No answer came in this time")
}

pub fn expected_history() -> Panel {
    let panel = Panel::timeline(
        "Status as expected over time",
        "Whether the catalog of genuine answers expects the status. Inspected, not genuine: it does, but the probe failed, since a device inspects TLS, or the answer isn't the service's. Wrong: it doesn't, and the probe failed; unexpected: it doesn't, and the answer is genuine. Grey: no answer came, or the exporter was down.",
    );
    by_route_of_answers(panel, "min", EXPECTED, SUCCESS)
        .states(&[EXPECTED_STATES, &[DOWN_STATE, NO_ANSWER]].concat())
        .no_value("No answer came in this time")
}

pub fn range_history() -> Panel {
    let panel = Panel::timeline(
        "Range over time",
        "Whether the request for the first byte (Range) returned one byte or the whole object. Whole object: a device on the path strips Range, which BITS and Delivery Optimization need. Only packages are requested with Range. Grey: no answer came, or the exporter was down.",
    );
    let series = "defender_http_range_honored{%endpoint}";
    by_route(panel, "min", series, &once(series))
        .states(&[(0, "Stripped", ODD), (1, "Honored", GOOD), DOWN_STATE, NO_ANSWER])
        .no_value("The endpoint is requested without Range")
}
