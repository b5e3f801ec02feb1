//! Availability and durations over time.

use defender_exporter::catalog::Component;
use serde_json::json;

use crate::dashboards::panel::{Panel, mappings, steps};
use crate::dashboards::source_states;
use crate::dashboards::words::{
    BAD, DOWN, DOWN_STATE, GOOD, NO_BAR, NO_BAR_STATE, PARTLY, SHARE, SHARE_PARTLY_KNOWN, SSL_OPTIONS,
    components, gone, of_worst_over_time, share, sources, unknown_share, with_names, with_unknown_share,
    worst_over_time,
};

pub fn maps_over_time() -> Panel {
    let panel = Panel::timeline(
        "MAPS over time: $scope",
        "Whether clients could connect to MAPS, per route, by their registry value SSLOptions: 3, the default, counts; the others are for diagnosis. With several instances: Lost if lost at any. Grey: an exporter was down, and nothing was lost where one was up.",
    );
    SSL_OPTIONS
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
    Panel::timeline(
        "Whether each component works: $scope",
        "Whether each component, a service that Defender needs, worked per route: enough of its endpoints answered genuinely. With several instances: Lost if lost at any. Outdated: the newest package on the file share was too old. Grey: an exporter was down, and nothing was lost where one was up.",
    )
    .over_time(
        "{{name}} via {{route}}",
        &with_names(&source_states::over_time(series, "component"), "component", &components()),
    )
    .states(&[&of_worst_over_time("Lost", "Available")[..], &source_states::OVER_TIME].concat())
    .no_value("No selected exporter had a result in this time")
}

pub fn availability() -> Panel {
    let series = "defender_component_available{%component}";
    let down = gone(series, ToOwned::to_owned, &["component", "route"]);
    // Of the instance where it worked least: shares of several instances in one line would be true of none.
    let worst = |of: &str| format!("bottomk by (component, route) (1, {of})");
    let known = worst(&format!("({} unless {down})", share(series)));
    let unknown = format!("({} unless on (component, route) {known})", worst(&format!("{down} + {NO_BAR}")));
    let named = |shares: &str| {
        let known = with_unknown_share(shares, &unknown_share(series, "component, route"));
        let placed = format!(r#"label_join({known}, "place", " ", "cluster", "$label", "instance")"#);
        with_names(&format!("sort({placed})"), "component", &components())
    };
    Panel::bar_gauge(
        "Share of the known time in which each component worked: $scope",
        "Share of the displayed time in which a component worked, per route, at the instance where it worked least, which is named; the worst first. It is about time: another panel is about endpoints. Unknown, without a bar, while no exporter is up that has the component. Time without a result, for example because the exporter was down, doesn't count; the name says how much that is at this instance. Below half is broken, as in the alerts.",
    )
    .now("{{name}} via {{route}} at {{place}}{{unknown}}", &named(&known))
    .now("{{name}} via {{route}} at {{place}}{{unknown}}", &named(&unknown))
    .matching("/ unknown$/", &[("thresholds", steps(SHARE_PARTLY_KNOWN))])
    .unit("percentunit")
    .set("decimals", json!(1))
    .set("min", json!(0))
    .set("max", json!(1))
    .states(&[NO_BAR_STATE])
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
        "{{phase}}.{{reason}}",
        "sum by (phase, reason) (increase(defender_probe_failures_by_reason_total{%component}[$__rate_interval])) > 0",
    )
    .of_counters()
    .axis("probes")
    .no_value("No failed probe is known in this time")
}

/// Availability of the last 30 days, which the rules record.
pub fn monthly() -> Panel {
    let maps = format!(
        r#"label_replace(route:defender_maps_connected:avg30d{{%route}}, "name", "{}", "", "")"#,
        Component::Maps.title()
    );
    let by_source =
        with_names("source_route:defender_update_source_available:avg30d{%route}", "source", &sources());
    Panel::table(
        "Availability of the last 30 days",
        "Share of the last 30 days, whatever time is shown, in which clients with default settings could connect to MAPS, and update from each source, per route; the worst first. From alerts/defender.rules.yml, a day after an exporter's first result. Time without results doesn't count. It needs a retention of 30 days.",
    )
    .rows(&format!("{maps} or {by_source}"))
    .columns(&[("Value", "30 days"), ("name", "What"), ("route", "Route"), ("place", "Instance")])
    .number_column("30 days", 105, "percentunit", SHARE)
    .field("30 days", &[("decimals", json!(2))])
    .width("What", 345)
    .width("Route", 120)
    .wrapped("Instance", None)
    .sorted(&[("30 days", false), ("Instance", false), ("Route", false), ("What", false)])
    .no_value("The rules have no share of what is selected yet")
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
