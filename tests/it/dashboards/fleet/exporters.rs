//! Panels about the exporters themselves.

use serde_json::json;

use crate::dashboards::grouping::{PLACE, by_place};
use crate::dashboards::panel::Panel;
use crate::dashboards::words::{BAD, GOOD, ODD, STALLED, UNKNOWN, UP, ten};

/// What rates lack where Grafana believes that Prometheus scrapes more often than it does.
const NO_RATE: &str =
    "Too few scrapes for a rate: set the data source's scrape interval to that of Prometheus";

/// Lines by instance: of many, the ten highest, so that the legend can be read.
fn highest(title: &str, description: &str, query: &str) -> Panel {
    Panel::lines(title, description)
        .over_time(PLACE, &ten(query, true))
        .by_instance()
        .legend_beside()
        .no_value("Unavailable from these exporters")
}

pub fn cpu() -> Panel {
    let query = "rate(process_cpu_seconds_total{%instance, job=~\".*defender.*\"}[$__rate_interval])";
    highest("CPU", "CPU usage of each exporter, in cores; of many, the ten highest.", query)
        .of_counters()
        .axis("cores")
        .no_value(NO_RATE)
}

pub fn memory() -> Panel {
    let query = "process_resident_memory_bytes{%instance, job=~\".*defender.*\"}";
    highest("Memory", "Resident memory of each exporter; of many, the ten highest.", query).unit("bytes")
}

pub fn overruns() -> Panel {
    let overruns =
        "increase(defender_probe_overruns_total{%instance, component=~\"$component\"}[$__rate_interval])";
    highest(
        "Probes left out",
        "Probes skipped between two points, because the previous probe was still running; of many instances, the ten highest. Raise the interval or the concurrency, or lower the timeout.",
        &by_place("sum", &[], overruns),
    )
    .of_counters()
    .axis("probes")
    .custom("axisSoftMax", json!(1))
    .no_value(NO_RATE)
}

pub fn age() -> Panel {
    let newest = by_place("max", &["component"], "defender_probe_last_timestamp_seconds{%component}");
    // Not the age at each point of the graph, which grows until the next scrape.
    let age = format!(
        "-1 * ({newest} - ignoring (component) group_left () timestamp(up{{%instance}})) / defender_probe_interval_seconds{{%instance}}"
    );
    highest(
        "Age of the newest result",
        "How old the newest result of a component was when Prometheus scraped it, in intervals of the component, for the oldest component: the highest between two points; of many instances, the ten highest. Three intervals are a stall, as in DefenderProbesStalled.",
        &format!("max_over_time((max without (component) ({age}))[$__rate_interval:])"),
    )
    .of_counters()
    .axis("intervals")
    .limit("3 intervals", STALLED, BAD, UP)
}

pub fn versions() -> Panel {
    Panel::table("Versions", "Version, start time and load time of the configuration of each exporter.")
        .rows(&format!("{UP} or on () vector(-1)"))
        .rows(&format!(
            "defender_exporter_build_info{{%instance}} and ignoring (version, revision, rustc) {UP}"
        ))
        .rows("1000 * process_start_time_seconds{%instance, job=~\".*defender.*\"}")
        .rows("1000 * defender_config_last_reload_success_timestamp_seconds{%instance}")
        .rows("defender_config_last_reload_successful{%instance}")
        .columns(&[
            ("Value #A", "Exporter"),
            ("place", "Instance"),
            ("version", "Version"),
            ("revision", "Revision"),
            ("Value #C", "Started"),
            ("Value #D", "Configuration loaded"),
            ("Value #E", "Last load"),
        ])
        .state_column("Exporter", 85, &[(0, "Down", BAD), (1, "Scraped", GOOD), (-1, "None", UNKNOWN)])
        .wrapped("Instance", None)
        .width("Version", 80)
        .width("Revision", 90)
        .ago_column("Started", 120, "–")
        .ago_column("Configuration loaded", 165, "–")
        .state_column("Last load", 85, &[(0, "Refused", ODD), (1, "Loaded", GOOD)])
        .sorted(&[("Exporter", false), ("Last load", false), ("Version", false), ("Instance", false)])
        .no_value("No exporter is selected")
}

pub fn descriptors() -> Panel {
    let query = "(process_open_fds{%instance, job=~\".*defender.*\"} / process_max_fds{%instance, job=~\".*defender.*\"})";
    highest(
        "Open files",
        "Share of the permitted file descriptors in use per exporter; of many, the ten highest. Absent without a limit.",
        query,
    )
    .unit("percentunit")
}
