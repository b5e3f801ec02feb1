//! Panels about the exporters themselves.

use serde_json::json;

use crate::dashboards::panel::Panel;
use crate::dashboards::words::INTERVALS;

/// Small lines by instance.
fn small(title: &str, description: &str, query: &str) -> Panel {
    Panel::lines(title, description)
        .over_time("{{instance}}", query)
        .option(
            "legend",
            json!({ "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": false }),
        )
        .no_value("Unavailable from these exporters")
}

pub fn cpu() -> Panel {
    let query = "sum by (instance) (rate(process_cpu_seconds_total{%instance, job=~\".*defender.*\"}[$__rate_interval]))";
    small("CPU", "CPU usage of each exporter, in cores.", query).of_counters().unit("short")
}

pub fn memory() -> Panel {
    let query = "max by (instance) (process_resident_memory_bytes{%instance, job=~\".*defender.*\"})";
    small("Memory", "Resident memory of each exporter.", query).unit("bytes")
}

pub fn overruns() -> Panel {
    let query = "sum by (instance) (increase(defender_probe_overruns_total{%instance, component=~\"$component\"}[$__rate_interval]))";
    small(
        "Probes left out",
        "Probes skipped between two points, because the previous probe was still running. Raise the interval or the concurrency, or lower the timeout.",
        query,
    )
    .of_counters()
    .unit("short")
}

pub fn age() -> Panel {
    let query = "max by (instance) ((time() - max by (job, instance, component) (defender_probe_last_timestamp_seconds{%component}))
        / on (job, instance, component) defender_probe_interval_seconds{%instance})";
    small(
        "Age of the newest result",
        "Age of the last completed probe, in intervals of its component, for the oldest component. Three intervals are a stall, as in DefenderProbesStalled.",
        query,
    )
    .unit("short")
    .limits(INTERVALS)
    .custom("thresholdsStyle", json!({ "mode": "dashed" }))
}

pub fn versions() -> Panel {
    Panel::table("Versions", "Version, start time and load time of the configuration of each exporter.")
        .rows("max by (instance, version, revision) (defender_exporter_build_info{%instance})")
        .rows("time() - max by (instance) (process_start_time_seconds{%instance, job=~\".*defender.*\"})")
        .rows("time() - max by (instance) (defender_config_last_reload_success_timestamp_seconds{%instance})")
        .rows("min by (instance) (defender_config_last_reload_successful{%instance})")
        .columns(
            &[
                ("instance", "Instance"),
                ("version", "Version"),
                ("revision", "Revision"),
                ("Value #B", "Runs for"),
                ("Value #C", "Configuration of"),
                ("Value #D", "Last load"),
            ],
            &["Value #A"],
        )
        .field("Runs for", &[("unit", json!("s"))])
        .field("Configuration of", &[("unit", json!("s"))])
        .state_column("Last load", 100, &[(0, "Failed", "orange"), (1, "Loaded", "green")])
        .sorted(&[("Last load", false), ("Version", false)])
        .no_value("No exporter is scraped")
}

pub fn descriptors() -> Panel {
    let query = "max by (instance) (process_open_fds{%instance, job=~\".*defender.*\"} / process_max_fds{%instance, job=~\".*defender.*\"})";
    small(
        "Open files",
        "Share of the permitted file descriptors in use per exporter. Absent without a limit.",
        query,
    )
    .unit("percentunit")
}
