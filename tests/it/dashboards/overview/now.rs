//! The first screen of the overview: does Defender work here, why not, what to change.

use serde_json::json;

use crate::dashboards::panel::Panel;
use crate::dashboards::words::{
    AVAILABLE, CONNECTED, MAPS, PAGE, STALE, TO_ENDPOINT, UP, explained, explained_by_component, meanings,
    remedies,
};

pub fn maps() -> Panel {
    Panel::stat(
        "Cloud protection (MAPS) for clients as they come",
        "Whether a client with default settings (SSLOptions 3: revocation checked, certificates pinned) gets through to MAPS, by each route. Lost if it is lost at one of the chosen instances.",
    )
    .now("{{route}}", &format!("min by (route) ({MAPS})"))
    .states(CONNECTED)
    .no_value("Not known: the exporter has no result")
}

pub fn sources() -> Panel {
    Panel::stat(
        "Update sources",
        "Whether clients can update security intelligence from Microsoft Update and from the alternate download location (adl), by each route. One source is enough to stay current.",
    )
    .now("{{source}} by {{route}}", "min by (source, route) (defender_update_source_available{%route})")
    .states(AVAILABLE)
    .no_value("Not known: the exporter has no result")
}

pub fn stale() -> Panel {
    Panel::stat(
        "Signatures turn stale in",
        "The countdown to stale signatures (seven days by default): those of this machine where Defender is on it, else those of a client that updated when a source was last available. Below nothing: they are stale. The first instance to get there counts. Colours as DefenderStaleSignatureRisk.",
    )
    .now("first instance", "min(defender_signatures_stale_after_timestamp_seconds{%instance} - time())")
    .unit("s")
    .set("decimals", json!(1))
    .limits(STALE)
    .option("textMode", json!("value"))
    .no_value("Not known")
}

pub fn failing_count() -> Panel {
    Panel::stat(
        "Endpoints",
        "How many endpoints fail by some route at some instance, and how many are well everywhere. Not every failing endpoint stops Defender: the tiles beside this one say what works.",
    )
    .now("failing", "count(min by (component, endpoint) (defender_probe_success{%component}) == 0) or 0 * count(defender_probe_success{%component})")
    .now("well", "count(min by (component, endpoint) (defender_probe_success{%component}) == 1) or 0 * count(defender_probe_success{%component})")
    .field("failing", &[("thresholds", json!({ "mode": "absolute", "steps": [{ "color": "green", "value": null }, { "color": "red", "value": 1 }] }))])
    .no_value("No result")
}

pub fn exporter() -> Panel {
    Panel::stat(
        "Exporter",
        "Whether what is shown here is worth anything: is every chosen exporter scraped, do its probes go on (the newest result is younger than three intervals, as DefenderProbesStalled), was its configuration loaded.",
    )
    .now("scrape", &format!("min({UP})"))
    .now(
        "probes",
        "min(3 >= bool (time() - max by (job, instance, component) (defender_probe_last_timestamp_seconds{%component}))
            / on (job, instance, component) defender_probe_interval_seconds{%instance})",
    )
    .now("configuration", "min(defender_config_last_reload_successful{%instance})")
    .states(&[(0, "Broken", "red"), (1, "Works", "green")])
    .no_value("Not scraped")
}

pub fn maps_by_options() -> Panel {
    Panel::table(
        "MAPS by route and SSLOptions",
        "Whether a client with this value of SSLOptions gets through: 0 checks nothing, 1 revocation, 2 pinning, 3 both, which is the default. 2 connected and 3 lost: the revocation list can't be fetched, the first cause in Microsoft's document.",
    )
    .rows(
        r#"label_join(min by (instance, route, ssl_options) (defender_maps_connected{%route}), "at", " by ", "instance", "route")"#,
    )
    .matrix("ssl_options", "at")
    .states(CONNECTED)
    .field("0", &[("displayName", json!("0: nothing"))])
    .field("1", &[("displayName", json!("1: revocation"))])
    .field("2", &[("displayName", json!("2: pinning"))])
    .field("3", &[("displayName", json!("3: both"))])
    .no_value("Not known: the exporter has no result")
}

pub fn maps_reasons() -> Panel {
    let query = format!(
        "max by (instance, route, ssl_options, code, change) ({})",
        explained("defender_maps_disconnected_reason{%route}")
    );
    Panel::table(
        "Why clients lose MAPS, and what to change",
        "For each value of SSLOptions with which clients don't get through: where and why, at the endpoint that came nearest.",
    )
    .rows(&query)
    .columns(
        &[
            ("instance", "Instance"),
            ("route", "Route"),
            ("ssl_options", "SSLOptions"),
            ("code", "What it means"),
            ("change", "What to change"),
        ],
        &["Value"],
    )
    .text_column("What it means", meanings())
    .text_column("What to change", remedies())
    .width("Instance", 150)
    .width("Route", 110)
    .width("SSLOptions", 100)
    .width("What it means", 280)
    .sorted(&[("SSLOptions", true)])
    .no_value("No client is known to lose MAPS")
}

pub fn causes() -> Panel {
    let query = format!(
        "count by (route, stage, reason, code, change) ({})",
        explained("defender_probe_failure_reason{%component}")
    );
    Panel::table(
        "What is wrong, and what to change",
        "Each cause once, with the number of endpoints that fail for it at the chosen instances; most frequent first. `defender-exporter explain` with stage and reason, as in tls.expired, says more.",
    )
    .rows(&query)
    .columns(
        &[
            ("route", "Route"),
            ("Value", "Endpoints"),
            ("stage", "Stage"),
            ("reason", "Reason"),
            ("code", "What it means"),
            ("change", "What to change"),
        ],
        &[],
    )
    .text_column("What it means", meanings())
    .text_column("What to change", remedies())
    .width("Route", 110)
    .width("Endpoints", 100)
    .width("Stage", 80)
    .width("Reason", 150)
    .width("What it means", 320)
    .sorted(&[("Endpoints", true)])
    .no_value("No failing endpoint is known")
}

/// Failing endpoints in the order of what they are worth: cloud protection, updates, the rest.
const RANKED: &str = r#"(defender_probe_failure_reason{%component, component="maps"}
    or 2 * defender_probe_failure_reason{%component, component=~"update|adl"}
    or 3 * defender_probe_failure_reason{%component, component!~"maps|update|adl"})"#;

pub fn failing() -> Panel {
    let query = format!(
        "sort(max by (instance, component, endpoint, route, stage, reason, change) ({}))",
        explained_by_component(RANKED)
    );
    Panel::table(
        "Failing endpoints",
        "Every endpoint that fails now: in which stage, for which reason, when it last answered, and what to change. The endpoint leads to its own dashboard, the reason to the advice on the exporter's page (over http; the README says how to have https).",
    )
    .rows(&query)
    .rows("time() - max by (instance, component, endpoint, route) (defender_probe_last_success_timestamp_seconds{%component}) and on (instance, component, endpoint, route) defender_probe_success{%component} == 0")
    .columns(
        &[
            ("instance", "Instance"),
            ("component", "Component"),
            ("endpoint", "Endpoint"),
            ("route", "Route"),
            ("stage", "Stage"),
            ("reason", "Reason"),
            ("Value #B", "Last answer"),
            ("change", "What to change"),
        ],
        &["Value #A"],
    )
    .text_column("What to change", remedies())
    .width("Instance", 150)
    .width("Component", 110)
    .width("Endpoint", 380)
    .width("Route", 110)
    .width("Stage", 80)
    .width("Reason", 150)
    .field("Last answer", &[("unit", json!("s")), ("custom.width", json!(110)), ("noValue", json!("never"))])
    .links("Endpoint", &[("This endpoint over time", TO_ENDPOINT)])
    .links("Reason", &[("Advice on the exporter's page", PAGE)])
    .no_value("No failing endpoint is known")
}
