//! Availability and durations over time.

use serde_json::json;

use crate::dashboards::panel::{Panel, steps};
use crate::dashboards::words::{
    AVAILABLE, CONNECTED, SHARE, SHARE_PARTLY_KNOWN, components, or_all_down, share, unknown_share,
    with_names, with_unknown_share,
};

pub fn maps_over_time() -> Panel {
    let panel = Panel::timeline(
        "MAPS over time: $scope",
        "Whether clients with each value of SSLOptions (what they check; 3 is the default) could connect to MAPS, per route. With several instances: Lost if lost at any. Grey: no exporter was up.",
    );
    let options = [("3", "both"), ("2", "pinning"), ("1", "revocation"), ("0", "nothing")];
    options
        .into_iter()
        .fold(panel, |panel, (options, checks)| {
            let series = format!(r#"defender_maps_connected{{%route, ssl_options="{options}"}}"#);
            let of = |series: &str| format!("min by (route) ({series})");
            panel.over_time(
                &format!("{{{{route}}}}, {options}: {checks}"),
                &or_all_down(&of(&series), &series, of),
            )
        })
        .states(CONNECTED)
        .no_value("The exporter had no result in this time")
}

pub fn components_over_time() -> Panel {
    let series = "defender_component_available{%component}";
    let of = |series: &str| format!("min by (component, route) ({series})");
    Panel::timeline(
        "Whether each component works: $scope",
        "Whether each component, a service that Defender needs, worked per route: enough of its endpoints answered. With several instances: Lost if lost at any. Grey: no exporter was up.",
    )
    .over_time(
        "{{name}} via {{route}}",
        &with_names(&format!("({})", or_all_down(&of(series), series, of)), "component", &components()),
    )
    .states(AVAILABLE)
    .no_value("The exporter had no result in this time")
}

pub fn availability() -> Panel {
    let series = "defender_component_available{%component}";
    let worst = format!("min by (component, route) ({})", share(series));
    let unknown = format!("max by (component, route) ({})", unknown_share(series, "component, route"));
    Panel::bar_gauge(
        "Share of the known time in which each component worked: $scope",
        "Share of the displayed time in which a component worked, per route; the worst first. It is about time: the panel beside it is about endpoints. Time without a result, for example because the exporter was down, doesn't count; the name says how much that is, where it is most. Below half is broken, as in the alerts.",
    )
    .now(
        "{{name}} via {{route}}{{unknown}}",
        &with_names(&format!("sort({})", with_unknown_share(&worst, &unknown)), "component", &components()),
    )
    .matching("/ unknown$/", &[("thresholds", steps(SHARE_PARTLY_KNOWN))])
    .unit("percentunit")
    .set("decimals", json!(1))
    .set("min", json!(0))
    .set("max", json!(1))
    .limits(SHARE)
    .no_value("The exporter had no result in this time")
}

pub fn reachable_share() -> Panel {
    Panel::lines(
        "Share of each component's endpoints that answer",
        "Share of each component's endpoints with a genuine answer, over all selected routes and instances together. A component can work while some of its endpoints fail, and fail while most answer.",
    )
    .over_time(
        "{{name}}",
        &with_names("avg by (component) (defender_probe_success{%component})", "component", &components()),
    )
    .by_component()
    .unit("percentunit")
    .set("max", json!(1))
    .no_value("The exporter had no result in this time")
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
