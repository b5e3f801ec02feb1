//! Availability and durations over time.

use serde_json::json;

use crate::dashboards::panel::{Panel, mappings, steps};
use crate::dashboards::words::{
    BAD, DOWN, DOWN_STATE, GOOD, PARTLY, SHARE, SHARE_PARTLY_KNOWN, SHARE_UNKNOWN, UNKNOWN_SHARE_STATE,
    components, gone, of_worst_over_time, share, unknown_share, with_names, with_unknown_share,
    worst_over_time,
};

pub fn maps_over_time() -> Panel {
    let panel = Panel::timeline(
        "MAPS over time: $scope",
        "Whether clients could connect to MAPS, per route: by default, which counts (SSLOptions 3: they check revocation and pinning), and with the other values of SSLOptions, for diagnosis. With several instances: Lost if lost at any. Grey: an exporter was down, and nothing was lost where one was up.",
    );
    let options = [
        ("3", "by default"),
        ("2", "SSLOptions 2: pinning alone"),
        ("1", "SSLOptions 1: revocation alone"),
        ("0", "SSLOptions 0: nothing checked"),
    ];
    options
        .into_iter()
        .fold(panel, |panel, (options, client)| {
            let series = format!(r#"defender_maps_connected{{%route, ssl_options="{options}"}}"#);
            let of = |series: &str| format!("min by (route) ({series})");
            panel.over_time(&format!("{{{{route}}}}, {client}"), &worst_over_time(&series, of))
        })
        .states(&of_worst_over_time("Lost", "Connected"))
        .no_value("No selected exporter had a result in this time")
}

pub fn components_over_time() -> Panel {
    let series = "defender_component_available{%component}";
    let of = |series: &str| format!("min by (component, route) ({series})");
    Panel::timeline(
        "Whether each component works: $scope",
        "Whether each component, a service that Defender needs, worked per route: enough of its endpoints answered genuinely. With several instances: Lost if lost at any. Grey: an exporter was down, and nothing was lost where one was up.",
    )
    .over_time(
        "{{name}} via {{route}}",
        &with_names(&worst_over_time(series, of), "component", &components()),
    )
    .states(&of_worst_over_time("Lost", "Available"))
    .no_value("No selected exporter had a result in this time")
}

pub fn availability() -> Panel {
    let series = "defender_component_available{%component}";
    // Of the instance where it worked least: shares of several instances in one line would be true of none.
    let down = gone(series, ToOwned::to_owned, &["component", "route"]);
    let worst = format!("bottomk by (component, route) (1, {down} + {SHARE_UNKNOWN} or {})", share(series));
    let known = with_unknown_share(&worst, &unknown_share(series, "component, route"));
    let place = format!(r#"label_join({known}, "place", " ", "cluster", "$label", "instance")"#);
    Panel::bar_gauge(
        "Share of the known time in which each component worked: $scope",
        "Share of the displayed time in which a component worked, per route, at the instance where it worked least, which is named; the worst first. It is about time: the panel below is about endpoints. Unknown while no exporter is up that has the component. Time without a result, for example because the exporter was down, doesn't count; the name says how much that is at this instance. Below half is broken, as in the alerts.",
    )
    .now(
        "{{name}} via {{route}} at {{place}}{{unknown}}",
        &with_names(&format!("sort({place})"), "component", &components()),
    )
    .matching("/ unknown$/", &[("thresholds", steps(SHARE_PARTLY_KNOWN))])
    .unit("percentunit")
    .set("decimals", json!(1))
    .set("min", json!(0))
    .set("max", json!(1))
    .states(&[UNKNOWN_SHARE_STATE])
    .limits(SHARE)
    .no_value("No selected exporter had a result in this time")
}

/// Colours of shares of endpoints: some, none, all.
fn shares() -> serde_json::Value {
    let range = |from: f64, to: f64, color: &str| json!({ "type": "range", "options": { "from": from, "to": to, "result": { "color": color, "index": 1 } } });
    let words = mappings(&[DOWN_STATE]);
    let shares = [range(0.0, 0.0, BAD), range(0.01, 99.99, PARTLY), range(99.99, 100.0, GOOD)];
    words.as_array().unwrap().iter().cloned().chain(shares).collect()
}

pub fn reachable_share() -> Panel {
    let of = |of: &str| format!("min by (component) ({of})");
    let before = of("last_over_time(defender_component_available{%component}[$__range])");
    let share = "100 * avg by (component) (defender_probe_success{%component})";
    // As lines they would lie over each other.
    Panel::timeline(
        "Share of each component's endpoints that answer genuinely",
        "Share of each component's endpoints with a genuine answer, of those at every selected instance via every selected route together. An answer that isn't the service's own, such as a proxy's, is none. A component can work while some of its endpoints fail, and fail while most answer. Grey: no exporter was up.",
    )
    .over_time(
        "{{name}}",
        &with_names(&format!("({share} or 0 * {before} - 2 and on () {DOWN})"), "component", &components()),
    )
    .unit("percent")
    .set("decimals", json!(0))
    .set("mappings", shares())
    .without_legend()
    .no_value("No selected exporter had a result in this time")
}

pub fn failures() -> Panel {
    Panel::failing_bars(
        "Failed probes by reason",
        "Failed probes between two points, by phase and reason, at all selected instances together. Includes short failures that the tables of the current state miss.",
    )
    .over_time(
        "{{phase}}: {{reason}}",
        "sum by (phase, reason) (increase(defender_probe_failures_by_reason_total{%component}[$__rate_interval])) > 0",
    )
    .of_counters()
    .axis("probes")
    .no_value("No failed probe is known in this time")
}

pub fn medians() -> Panel {
    let query = "quantile by (component) (0.5, defender_probe_duration_seconds{%component} and defender_probe_success{%component} == 1)";
    Panel::lines(
        "Duration of a probe by component via $route",
        "Median probe duration of each component, at all selected instances together, failed probes excluded. DefenderLatencyHigh compares it with the past week.",
    )
    .over_time("{{name}}", &with_names(query, "component", &components()))
    .by_component()
    .for_each("route")
    .unit("s")
    .no_value("No probe succeeded in this time")
}
