//! The fleet: many instances, the worst first, and what their failures have in common.

mod exporters;

use serde_json::{Value, json};

use super::board::{Board, common};
use super::panel::{Panel, Step};
use super::words::{
    AVAILABLE, CONNECTED, FIRING, MAPS, NONE, ODD, SHARE, STALE, TO_OVERVIEW, UP, explained, meanings,
    remedies,
};

/// The dashboard.
pub fn board() -> Board {
    let board = Board::new(
        "defender-fleet",
        "Defender / Fleet",
        "Every place from which an exporter looks, the worst first: where Microsoft Defender Antivirus is cut off, and what the failures have in common.",
        "now-24h",
    );
    let board = board
        .variables(common())
        .link("Overview", "defender-overview")
        .link("Endpoint", "defender-endpoint")
        .line(4, [(6, exporters()), (6, maps()), (6, stale()), (6, alerts())])
        .line(12, [(24, instances())])
        .line(9, [(14, components()), (10, worst_availability())])
        .line(8, [(24, causes())]);
    let board = board
        .row("Over time")
        .line(9, [(12, maps_over_time()), (12, lost_over_time())])
        .line(8, [(12, slowest()), (12, least_time_left())]);
    board
        .row("The exporters themselves")
        .line(
            7,
            [
                (6, exporters::cpu()),
                (6, exporters::memory()),
                (6, exporters::overruns()),
                (6, exporters::age()),
            ],
        )
        .line(7, [(14, exporters::versions()), (10, exporters::descriptors())])
}

fn exporters() -> Panel {
    Panel::stat(
        "Exporters",
        "How many of the exporters that Prometheus knows are scraped, and how many are not.",
    )
    .now("scraped", &format!("sum({UP})"))
    .now("down", &format!("sum({UP} == bool 0)"))
    .field("down", &[limits(NONE)])
    .no_value("Prometheus has no exporter to scrape")
}

/// Limits as a property of one field.
fn limits(steps: &[Step<'_>]) -> (&'static str, Value) {
    let steps = steps.iter().map(|(from, color)| json!({ "color": color, "value": from }));
    ("thresholds", json!({ "mode": "absolute", "steps": steps.collect::<Value>() }))
}

fn maps() -> Panel {
    let by_instance = format!("min by (job, instance) ({MAPS})");
    Panel::stat(
        "MAPS, in instances",
        "At how many instances clients with default settings get through to MAPS by every route, and at how many they are lost by one.",
    )
    .now("connected", &format!("sum({by_instance})"))
    .now("lost", &format!("sum({by_instance} == bool 0)"))
    .field("lost", &[limits(NONE)])
    .no_value("No exporter has a result")
}

fn stale() -> Panel {
    let left =
        "min by (job, instance) (defender_signatures_stale_after_timestamp_seconds{%instance} - time())";
    Panel::stat(
        "Signatures turn stale, in instances",
        "At how many instances signatures turn stale within four days, and within one, as DefenderStaleSignatureRisk.",
    )
    .now("within 4 days", &format!("sum({left} < bool 4 * 86400)"))
    .now("within a day", &format!("sum({left} < bool 86400)"))
    .field("within 4 days", &[limits(ODD)])
    .field("within a day", &[limits(NONE)])
    .no_value("Not known")
}

fn alerts() -> Panel {
    Panel::stat(
        "Firing alerts",
        "How many alerts of alerts/defender.rules.yml fire at the chosen instances, by severity.",
    )
    .now("{{severity}}", &format!("count by (severity) ({FIRING})"))
    .field("critical", &[limits(NONE)])
    .field("warning", &[limits(ODD)])
    .no_value("None, or no rules loaded")
}

fn instances() -> Panel {
    let by = "by (job, instance)";
    Panel::table(
        "Instances, the worst first",
        "One line for each exporter: is it scraped; do clients get through to MAPS by every route; components and update sources lost, counted by each route; failing endpoints; how long until signatures turn stale; inspected endpoints (sample storage left out); revocation lists that can't be fetched; the availability of endpoints in the time shown. The instance leads to its overview.",
    )
    .rows(&format!("min {by} ({UP})"))
    .rows(&format!("min {by} ({MAPS})"))
    .rows(&format!("sum {by} (defender_component_available{{%component}} == bool 0)"))
    .rows(&format!("sum {by} (defender_update_source_available{{%route}} == bool 0)"))
    .rows(&format!("sum {by} (defender_probe_success{{%component}} == bool 0)"))
    .rows(&format!("min {by} (defender_signatures_stale_after_timestamp_seconds{{%instance}} - time())"))
    .rows(&format!(r#"sum {by} (defender_tls_intercepted{{%component, component!="submission"}})"#))
    .rows(&format!("sum {by} (defender_crl_fetch_success{{%route}} == bool 0)"))
    .rows(&format!("avg {by} (avg_over_time(defender_probe_success{{%component}}[$__range]))"))
    .columns(
        &[
            ("instance", "Instance"),
            ("job", "Job"),
            ("Value #A", "Exporter"),
            ("Value #B", "MAPS"),
            ("Value #C", "Components lost"),
            ("Value #D", "Sources lost"),
            ("Value #E", "Endpoints failing"),
            ("Value #F", "Signatures stale in"),
            ("Value #G", "Inspected"),
            ("Value #H", "Lists failing"),
            ("Value #I", "Availability"),
        ],
        &[],
    )
    .width("Job", 150)
    .state_column("Exporter", 100, &[(0, "Down", "red"), (1, "Scraped", "green")])
    .state_column("MAPS", 110, CONNECTED)
    .number_column("Components lost", 140, "none", NONE)
    .number_column("Sources lost", 120, "none", NONE)
    .number_column("Endpoints failing", 140, "none", NONE)
    .number_column("Signatures stale in", 150, "s", STALE)
    .number_column("Inspected", 100, "none", ODD)
    .number_column("Lists failing", 110, "none", ODD)
    .number_column("Availability", 120, "percentunit", SHARE)
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .sorted(&[("Exporter", false), ("MAPS", false), ("Components lost", true), ("Endpoints failing", true)])
    .no_value("Prometheus has no exporter to scrape")
}

fn components() -> Panel {
    Panel::table(
        "Components by instance",
        "Whether each component works at each instance, by every route; those with most losses first.",
    )
    .rows("sort(min by (instance, component) (defender_component_available{%component}))")
    .matrix("component", "instance")
    .states(AVAILABLE)
    .no_value("No exporter has a result")
}

fn worst_availability() -> Panel {
    Panel::bar_gauge(
        "Least availability of MAPS in the time shown",
        "The share of the time shown in which clients with default settings got through to MAPS, by the worst route; the 15 worst instances. Under a half is broken, as in the alerts.",
    )
    .now(
        "{{instance}}",
        "sort(bottomk(15, min by (instance) (
            avg_over_time(defender_maps_connected{%route, ssl_options=\"3\"}[$__range])
            or on (job, instance, route) avg_over_time(defender_maps_connected{%route, ssl_options=\"2\"}[$__range]))))",
    )
    .unit("percentunit")
    .set("min", json!(0))
    .set("max", json!(1))
    .limits(SHARE)
    .no_value("No exporter has a result")
}

fn causes() -> Panel {
    let query = format!(
        "count by (stage, reason, code, change) (count by (instance, stage, reason, code, change) ({}))",
        explained("defender_probe_failure_reason{%component}")
    );
    Panel::table(
        "What the failures have in common",
        "Each cause, at how many instances and how many endpoints: what fails everywhere is the service's or a rule for all, what fails at one place is that place's.",
    )
    .rows(&query)
    .rows(&format!(
        "count by (stage, reason, code, change) (count by (component, endpoint, stage, reason, code, change) ({}))",
        explained("defender_probe_failure_reason{%component}")
    ))
    .columns(
        &[
            ("Value #A", "Instances"),
            ("Value #B", "Endpoints"),
            ("stage", "Stage"),
            ("reason", "Reason"),
            ("code", "What it means"),
            ("change", "What to change"),
        ],
        &[],
    )
    .text_column("What it means", meanings())
    .text_column("What to change", remedies())
    .width("Instances", 100)
    .width("Endpoints", 100)
    .width("Stage", 80)
    .width("Reason", 150)
    .width("What it means", 320)
    .sorted(&[("Instances", true), ("Endpoints", true)])
    .no_value("No failing endpoint is known")
}

fn maps_over_time() -> Panel {
    Panel::timeline(
        "MAPS by instance over time",
        "Whether clients with default settings got through to MAPS by every route. With very many instances, choose some above.",
    )
    .over_time("{{instance}}", &format!("min by (instance) ({MAPS})"))
    .states(CONNECTED)
    .no_value("No exporter had a result in this time")
}

fn lost_over_time() -> Panel {
    Panel::lines(
        "Instances that lose something, over time",
        "How many instances had lost MAPS for clients with default settings, each component, and their exporter. A step of many at once is a common cause.",
    )
    .over_time("MAPS", &format!("sum(min by (job, instance) ({MAPS}) == bool 0)"))
    .over_time("{{component}}", "sum by (component) (min by (job, instance, component) (defender_component_available{%component}) == bool 0)")
    .over_time("exporter down", &format!("sum({UP} == bool 0)"))
    .unit("none")
    .no_value("No exporter had a result in this time")
}

fn slowest() -> Panel {
    Panel::lines("Slowest instances", "How long a successful probe takes on the average, at the ten instances where it takes longest.")
        .over_time(
            "{{instance}}",
            "topk(10, avg by (instance) (defender_probe_duration_seconds{%component} and on (job, instance, component, endpoint, route) defender_probe_success{%component} == 1))",
        )
        .unit("s")
        .no_value("No probe succeeded in this time")
}

fn least_time_left() -> Panel {
    Panel::lines(
        "Time left until signatures turn stale",
        "At the ten instances where least is left. The lines are those of DefenderStaleSignatureRisk: four days, and one.",
    )
    .over_time("{{instance}}", "bottomk(10, min by (instance) (defender_signatures_stale_after_timestamp_seconds{%instance} - time()))")
    .unit("s")
    .below_zero()
    .limits(STALE)
    .custom("thresholdsStyle", json!({ "mode": "dashed" }))
    .no_value("Not known")
}
