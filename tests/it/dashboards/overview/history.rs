//! Availability and durations over time.

use serde_json::json;

use crate::dashboards::panel::Panel;
use crate::dashboards::words::{AVAILABLE, CONNECTED, SHARE};

pub fn maps_over_time() -> Panel {
    Panel::timeline(
        "MAPS over time",
        "Whether clients with each value of SSLOptions could connect to MAPS, per route. Lost if lost at any selected instance.",
    )
    .over_time("{{route}}, SSLOptions {{ssl_options}}", "min by (route, ssl_options) (defender_maps_connected{%route})")
    .states(CONNECTED)
    .no_value("The exporter had no result in this time")
}

pub fn components_over_time() -> Panel {
    Panel::timeline(
        "Components over time",
        "Whether each component worked, per route. Lost if lost at any selected instance.",
    )
    .over_time(
        "{{component}} by {{route}}",
        "min by (component, route) (defender_component_available{%component})",
    )
    .states(AVAILABLE)
    .no_value("The exporter had no result in this time")
}

pub fn availability() -> Panel {
    Panel::bar_gauge(
        "Availability in the time shown",
        "Share of the displayed time in which a component worked, per route, averaged over the selected instances; the worst first. Below half is broken, as in the alerts.",
    )
    .now(
        "{{component}} by {{route}}",
        "sort(avg by (component, route) (avg_over_time(defender_component_available{%component}[$__range])))",
    )
    .unit("percentunit")
    .set("min", json!(0))
    .set("max", json!(1))
    .limits(SHARE)
    .no_value("The exporter had no result in this time")
}

pub fn reachable_share() -> Panel {
    Panel::lines(
        "Reachable endpoints",
        "Share of each component's endpoints with a genuine answer, over all selected routes and instances.",
    )
    .over_time("{{component}}", "avg by (component) (defender_probe_success{%component})")
    .unit("percentunit")
    .set("max", json!(1))
    .no_value("The exporter had no result in this time")
}

pub fn failures() -> Panel {
    Panel::stacked_bars(
        "Failed probes by reason",
        "Failed probes between two points, by phase and reason. Includes short failures that the tables of the current state miss.",
    )
    .over_time(
        "{{phase}}: {{reason}}",
        "sum by (phase, reason) (increase(defender_probe_failures_by_reason_total{%component}[$__rate_interval])) > 0",
    )
    .of_counters()
    .unit("short")
    .no_value("No probe failed in this time")
}

pub fn medians() -> Panel {
    Panel::lines(
        "Duration of a probe by component",
        "Median probe duration of each component, failed probes excluded. DefenderLatencyHigh compares it with the past week.",
    )
    .over_time(
        "{{component}} by {{route}}",
        "quantile by (component, route) (0.5, defender_probe_duration_seconds{%component} and on (job, instance, component, endpoint, route) defender_probe_success{%component} == 1)",
    )
    .unit("s")
    .no_value("No probe succeeded in this time")
}
