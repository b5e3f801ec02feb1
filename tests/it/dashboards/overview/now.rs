//! The first screen of the overview: whether Defender works, why not, and what to change.

use serde_json::json;

use crate::dashboards::panel::Panel;
use crate::dashboards::words::{
    AVAILABLE, BROKEN, CONNECTED, MAPS, PAGE, STALE, TO_ENDPOINT, UP, explained, explained_by_component,
    meanings, remedies,
};

pub fn maps() -> Panel {
    Panel::stat(
        "MAPS for clients with default settings",
        "Whether a client with default settings (SSLOptions 3: revocation check and pinning) can connect to MAPS, per route. Lost if lost at any selected instance.",
    )
    .now("{{route}}", &format!("min by (route) ({MAPS})"))
    .states(CONNECTED)
    .no_value("Unknown: the exporter has no result")
}

pub fn sources() -> Panel {
    Panel::stat(
        "Update sources",
        "Whether clients can update security intelligence from Microsoft Update and from the alternate download location (adl), per route. One source is enough to stay current.",
    )
    .now("{{source}} by {{route}}", "min by (source, route) (defender_update_source_available{%route})")
    .states(AVAILABLE)
    .no_value("Unknown: the exporter has no result")
}

pub fn stale() -> Panel {
    Panel::stat(
        "Signatures turn stale in",
        "Time until signatures turn stale (seven days by default): those of this machine if Defender is installed, else those of a client that updated when a source was last available. Negative: they are stale. Shows the instance with the least time. Colours match DefenderStaleSignatureRisk.",
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
        "Endpoints that are bad via any route at any instance, and endpoints that are good everywhere; the rest is degraded. A failing endpoint doesn't always stop Defender: the other tiles show what works.",
    )
    .now("failing", r#"count(max by (component, endpoint) (defender_endpoint_state{%component, state="bad"}) == 1) or 0 * count(defender_endpoint_state{%component, state="bad"})"#)
    .now("well", r#"count(min by (component, endpoint) (defender_endpoint_state{%component, state="good"}) == 1) or 0 * count(defender_endpoint_state{%component, state="good"})"#)
    .field("failing", &[("thresholds", json!({ "mode": "absolute", "steps": [{ "color": "green", "value": null }, { "color": "red", "value": 1 }] }))])
    .no_value("No result")
}

pub fn exporter() -> Panel {
    Panel::stat(
        "Exporter",
        "Whether the data of this dashboard is current: every selected exporter is scraped, its probes run (newest result younger than three intervals, as in DefenderProbesStalled), its configuration is loaded.",
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
        "Whether a client with this value of SSLOptions can connect: 0 checks nothing, 1 revocation, 2 pinning, 3 both (default). 2 connected and 3 lost: clients can't check revocation, the first cause in Microsoft's document.",
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
    .no_value("Unknown: the exporter has no result")
}

pub fn maps_reasons() -> Panel {
    let query = format!(
        "max by (instance, route, ssl_options, code, change) ({})",
        explained("defender_maps_disconnected_reason{%route}")
    );
    Panel::table(
        "Why clients lose MAPS, and what to change",
        "For each value of SSLOptions with which clients can't connect: phase and reason at the best endpoint.",
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
    .no_value("No lost MAPS")
}

pub fn causes() -> Panel {
    let query = format!("count by (route, phase, reason, code, change) ({})", explained(BROKEN));
    Panel::table(
        "What is wrong, and what to change",
        "Each cause once, with the number of endpoints that it affects at the selected instances; most frequent first. For details, run `defender-exporter explain` with phase and reason, for example tls.expired.",
    )
    .rows(&query)
    .columns(
        &[
            ("route", "Route"),
            ("Value", "Endpoints"),
            ("phase", "Phase"),
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
    .width("Phase", 80)
    .width("Reason", 150)
    .width("What it means", 320)
    .sorted(&[("Endpoints", true)])
    .no_value("No failing endpoint")
}

/// Failing endpoints in the order of what they are worth: cloud protection, updates, the rest.
const RANKED: &str = r#"((defender_probe_failure_reason{%component, component="maps"}
    or 2 * defender_probe_failure_reason{%component, component=~"update|adl"}
    or 3 * defender_probe_failure_reason{%component, component!~"maps|update|adl"})
    and on (job, instance, component, endpoint, route) defender_endpoint_state{%component, state="bad"} == 1)"#;

pub fn failing() -> Panel {
    let query = format!(
        "sort(max by (instance, component, endpoint, route, phase, reason, change) ({}))",
        explained_by_component(RANKED)
    );
    Panel::table(
        "Failing endpoints",
        "Every endpoint that is bad now: phase, reason, time since its last answer, remedy. The endpoint links to its dashboard, the reason to the advice on the exporter's page (over http; for https see deploy/http.md).",
    )
    .rows(&query)
    .rows(r#"time() - max by (instance, component, endpoint, route) (defender_probe_last_success_timestamp_seconds{%component}) and on (instance, component, endpoint, route) defender_endpoint_state{%component, state="bad"} == 1"#)
    .columns(
        &[
            ("instance", "Instance"),
            ("component", "Component"),
            ("endpoint", "Endpoint"),
            ("route", "Route"),
            ("phase", "Phase"),
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
    .width("Phase", 80)
    .width("Reason", 150)
    .field("Last answer", &[("unit", json!("s")), ("custom.width", json!(110)), ("noValue", json!("never"))])
    .links("Endpoint", &[("This endpoint over time", TO_ENDPOINT)])
    .links("Reason", &[("Advice on the exporter's page", PAGE)])
    .no_value("No failing endpoint")
}
