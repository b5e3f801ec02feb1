//! The fleet dashboard: many instances, the worst first, and common failures.

mod exporters;

use serde_json::{Value, json};

use super::board::{Board, common};
use super::panel::{Panel, Step};
use super::words::{
    AVAILABLE, BROKEN, CONNECTED, FIRING, MAPS, NONE, ODD, SHARE, STALE, TO_OVERVIEW, UP, explained,
    meanings, remedies,
};

/// The dashboard.
pub fn board() -> Board {
    let board = Board::new(
        "defender-fleet",
        "Defender / Fleet",
        "Every exporter, the worst first: where Microsoft Defender Antivirus can't work, and common causes of the failures.",
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
    Panel::stat("Exporters", "Exporters that Prometheus can scrape, and exporters that it can't.")
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
        "Instances at which clients with default settings reach MAPS via every route, and instances with a lost route.",
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
        "Instances whose signatures turn stale within four days, and within one, as in DefenderStaleSignatureRisk.",
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
        "Firing alerts of alerts/defender.rules.yml at the selected instances, by severity.",
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
        "One row per exporter: scraped; MAPS reachable via every route; lost components and update sources, counted per route; failing endpoints; time until signatures turn stale; inspected endpoints (without sample storage); revocation lists that can't be fetched; availability of endpoints in the displayed time. The instance links to its overview.",
    )
    .rows(&format!("min {by} ({UP})"))
    .rows(&format!("min {by} ({MAPS})"))
    .rows(&format!("sum {by} (defender_component_available{{%component}} == bool 0)"))
    .rows(&format!("sum {by} (defender_update_source_available{{%route}} == bool 0)"))
    .rows(&format!(r#"sum {by} (defender_endpoint_state{{%component, state="bad"}})"#))
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
        "Whether each component works at each instance via every route; instances with the most losses first.",
    )
    .rows("sort(min by (instance, component) (defender_component_available{%component}))")
    .matrix("component", "instance")
    .states(AVAILABLE)
    .no_value("No exporter has a result")
}

fn worst_availability() -> Panel {
    Panel::bar_gauge(
        "Least availability of MAPS in the time shown",
        "Share of the displayed time in which clients with default settings reached MAPS, for the worst route; the 15 worst instances. Below half is broken, as in the alerts.",
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
        "count by (phase, reason, code, change) (count by (instance, phase, reason, code, change) ({}))",
        explained(BROKEN)
    );
    Panel::table(
        "What the failures have in common",
        "Each cause with its number of instances and endpoints. A failure everywhere points to the service or a global rule; a failure at one instance points to its site.",
    )
    .rows(&query)
    .rows(&format!(
        "count by (phase, reason, code, change) (count by (component, endpoint, phase, reason, code, change) ({}))",
        explained(BROKEN)
    ))
    .columns(
        &[
            ("Value #A", "Instances"),
            ("Value #B", "Endpoints"),
            ("phase", "Phase"),
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
    .width("Phase", 80)
    .width("Reason", 150)
    .width("What it means", 320)
    .sorted(&[("Instances", true), ("Endpoints", true)])
    .no_value("No failing endpoint")
}

fn maps_over_time() -> Panel {
    Panel::timeline(
        "MAPS by instance over time",
        "Whether clients with default settings reached MAPS via every route. If there are very many instances, select some above.",
    )
    .over_time("{{instance}}", &format!("min by (instance) ({MAPS})"))
    .states(CONNECTED)
    .no_value("No exporter had a result in this time")
}

fn lost_over_time() -> Panel {
    Panel::lines(
        "Instances that lose something, over time",
        "Number of instances without MAPS for clients with default settings, without each component, and without their exporter. Many at once point to a common cause.",
    )
    .over_time("MAPS", &format!("sum(min by (job, instance) ({MAPS}) == bool 0)"))
    .over_time("{{component}}", "sum by (component) (min by (job, instance, component) (defender_component_available{%component}) == bool 0)")
    .over_time("exporter down", &format!("sum({UP} == bool 0)"))
    .unit("none")
    .no_value("No exporter had a result in this time")
}

fn slowest() -> Panel {
    Panel::lines("Slowest instances", "Mean duration of a successful probe, for the ten slowest instances.")
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
        "For the ten instances with the least time. The lines match DefenderStaleSignatureRisk: four days, and one.",
    )
    .over_time("{{instance}}", "bottomk(10, min by (instance) (defender_signatures_stale_after_timestamp_seconds{%instance} - time()))")
    .unit("s")
    .below_zero()
    .limits(STALE)
    .custom("thresholdsStyle", json!({ "mode": "dashed" }))
    .no_value("Not known")
}
