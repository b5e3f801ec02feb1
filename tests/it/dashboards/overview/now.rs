//! The first screen of the overview: whether Defender works, where not. `causes` has the tables of failures, and what to change.

use serde_json::json;

use crate::dashboards::grouping::by_place;
use crate::dashboards::panel::{Panel, steps};
use crate::dashboards::tiles::{by_instance, noted, part, unknown};
use crate::dashboards::words::{
    AVAILABLE, BAD, CONNECTED, CONNECTED_RANKS, DOWN, GOOD, MAPS, NO_BAD, NO_BAD_KNOWN, NO_PARTLY,
    NO_PARTLY_KNOWN, ODD, SEVERITIES, STALE, STALE_NOW, STALE_SOON, TO_OVERVIEW, UNKNOWN, UP, firing,
    of_worst, ranked,
};

pub fn maps() -> Panel {
    Panel::stat(
        "MAPS: $scope",
        "Whether clients with default settings (the registry value SSLOptions is 3: they check revocation and pinned certificates) can connect to MAPS, Microsoft's cloud protection, from the selected instances via the selected routes. Lost: via every route of an instance. Partly lost: via some. The worst state counts, with the number of instances in it, of those partly lost, and of those unknown; the tables below name them. Partly unknown: connected wherever an exporter is up.",
    )
    .now("{{text}}", &by_instance(MAPS))
    .states(&of_worst("Lost", "Partly lost", "Connected"))
    .no_value("No result")
}

fn source(title: &str, name: &str, source: &str) -> Panel {
    Panel::stat(
        title,
        &format!("Whether clients can update security intelligence from {name}, from the selected instances via the selected routes. One source is enough to stay current. The worst state counts, as for MAPS."),
    )
    .now(
        "{{text}}",
        &by_instance(&format!(r#"defender_update_source_available{{%route, source="{source}"}}"#)),
    )
    .states(&of_worst("Lost", "Partly lost", "Available"))
    .no_value("No result")
}

pub fn microsoft_update() -> Panel {
    source("Microsoft Update: $scope", "Microsoft Update", "microsoft_update")
}

pub fn alternate() -> Panel {
    source("Alternate source (adl): $scope", "the alternate download location (adl)", "adl")
}

/// What stands for the time left of exporters that are all down.
const NONE_UP: i64 = -9999;

pub fn stale() -> Panel {
    let left = "(defender_signatures_stale_after_timestamp_seconds{%instance} - time())";
    let available = by_place("max", &[], "defender_update_source_available{%route}");
    // No blue: the least may be among the unknown, and without a source the time runs.
    let known = format!("min({left}) / 86400");
    let known = noted(&known, "sourceless", ", $1 without a source", &format!("count({available} == 0)"));
    let known = noted(&known, "unknown", ", $1 unknown", &unknown(left));
    let limits =
        |good| [("thresholds", steps(&[(None, BAD), (Some(STALE_NOW), ODD), (Some(STALE_SOON), good)]))];
    Panel::stat(
        "Signatures stale in",
        "Time until signatures turn stale (seven days by default), of the selected instance with the least time; yellow where no update source works, since the time runs there; grey if an instance is unknown, for example because its exporter is down. They are those of this machine if Defender is installed, else those of a client that updated when a source was last available. Negative: they are stale. Colours match DefenderStaleSignatureRisk.",
    )
    .now(
        "$scope{{sourceless}}{{unknown}}",
        &format!("{known} or on () (0 * count({DOWN}) + {NONE_UP})"),
    )
    .days()
    .limits(STALE)
    .matching("/ unknown$/", &limits(UNKNOWN))
    .matching("/ without a source/", &limits(ODD))
    .states(&[(NONE_UP, "Exporter down", UNKNOWN)])
    .no_value("Not known")
}

pub fn failing_count() -> Panel {
    const BAD_STATE: &str = r#"defender_endpoint_state{%component, state="bad"}"#;
    let count = |of: &str| format!("sum(max by (component, endpoint) ({of}))");
    let everywhere = count(&by_place("min", &["component", "endpoint"], BAD_STATE));
    let somewhere = format!("({} - {everywhere})", count(BAD_STATE));
    // While exporters are down: those that were probed before.
    let all = r#"count(max by (component, endpoint) (last_over_time(defender_endpoint_state{%component, state="bad"}[$__range])))"#;
    let noted = |query: &str| noted(&format!("({query})"), "unknown", ", at $1 unknown", &unknown(BAD_STATE));
    Panel::stat(
        "Endpoints failing: $scope",
        "Of the endpoints that were probed in the displayed time: how many are bad now via every selected route of an instance, and how many only via some of its routes. An endpoint counts once, at whichever instance it is worst. A failing endpoint doesn't always stop Defender: the other tiles show what works.",
    )
    .now("via every route: {{some}} of {{all}}{{unknown}}", &noted(&part(&everywhere, all)))
    .now("only via some: {{some}} of {{all}}{{unknown}}", &noted(&part(&somewhere, all)))
    .limits(NO_BAD)
    .matching("/^only via some: /", &[("thresholds", steps(NO_PARTLY))])
    .matching("/ unknown$/", &[("thresholds", steps(NO_BAD_KNOWN))])
    .matching("/^only via some: .+ unknown$/", &[("thresholds", steps(NO_PARTLY_KNOWN))])
    .shows("name")
    .option("orientation", json!("horizontal"))
    .option("text", json!({ "titleSize": 14, "valueSize": 14 }))
    .no_value("No result")
}

pub fn exporter() -> Panel {
    let newest = by_place("max", &["component"], "defender_probe_last_timestamp_seconds{%component}");
    let age = format!("(time() - {newest}) / defender_probe_interval_seconds{{%instance}}");
    let stalled = format!("1 + 0 * (max without (component) ({age}) > 3)");
    let config = "2 + (defender_config_last_reload_successful{%instance} == 0)";
    let all = format!("({DOWN} or {stalled} or {config} or 3 * {UP})");
    Panel::stat(
        "Exporter: $scope",
        "Whether this dashboard is current, for the worst selected exporter, and how many are in its state: it is scraped, its probes run (newest result younger than three intervals, as in DefenderProbesStalled), its configuration is loaded.",
    )
    .now(
        "{{some}} of {{all}}",
        &format!(
            r#"min({all}) + on () group_left (some, all) 0 * (count_values("some", count({all} == on () group_left () min({all})))
                * on () group_left (all) count_values("all", count({UP})))"#
        ),
    )
    .states(&[
        (0, "Down", BAD),
        (1, "Probes stalled", BAD),
        (2, "Old config", ODD),
        (3, "Current", GOOD),
    ])
    .no_value("Not scraped")
}

pub fn routes() -> Panel {
    let maps = |options: &str| {
        by_place("min", &["route"], &format!(r#"defender_maps_connected{{%route, ssl_options="{options}"}}"#))
    };
    let source = |source: &str| {
        by_place(
            "min",
            &["route"],
            &format!(r#"defender_update_source_available{{%route, source="{source}"}}"#),
        )
    };
    let panel = Panel::table(
        "MAPS and update sources by route",
        "Whether a client with this value of SSLOptions, the registry value that says what a client checks, can connect to MAPS: 3 checks revocation and pinned certificates (default), 2 pinned certificates, 1 revocation, 0 nothing. 2 connected and 3 lost: clients can't check revocation, the first cause in Microsoft's document. Beside it, the two update sources.",
    )
    .linked_rows(&ranked(&maps("3"), &["route"]))
    .rows(&maps("2"))
    .rows(&maps("1"))
    .rows(&maps("0"))
    .rows(&source("microsoft_update"))
    .rows(&source("adl"))
    .columns(&[
        ("route", "Route"),
        ("Value #A", "MAPS 3: both"),
        ("Value #B", "MAPS 2: pinning"),
        ("Value #C", "MAPS 1: revocation"),
        ("Value #D", "MAPS 0: nothing"),
        ("Value #E", "Microsoft Update"),
        ("Value #F", "Alternate (adl)"),
        ("place", "Instance"),
    ])
    .width("Route", 125);
    let panel = panel.state_column("MAPS 3: both", 116, CONNECTED_RANKS);
    let panel = ["MAPS 2: pinning", "MAPS 1: revocation", "MAPS 0: nothing"]
        .into_iter()
        .fold(panel, |panel, name| panel.state_column(name, 108, CONNECTED));
    panel
        .state_column("Microsoft Update", 108, AVAILABLE)
        .state_column("Alternate (adl)", 108, AVAILABLE)
        .wrapped("Instance", None)
        .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
        .sorted(&[("MAPS 3: both", false), ("Instance", false), ("Route", false)])
        .no_value("No exporter has a result")
}

pub fn alerts() -> Panel {
    let all = format!("max without (alertstate) ({})", firing());
    Panel::table(
        "Firing alerts",
        "Firing alerts of alerts/defender.rules.yml for the selected instances, critical ones first. alerts/RUNBOOK.md has a section for each.",
    )
    .linked_rows(&all)
    .columns(&[
        ("Value", "Severity"),
        ("alertname", "Alert"),
        ("route", "Route"),
        ("component", "Component"),
        ("place", "Instance"),
    ])
    .state_column("Severity", 110, SEVERITIES)
    .width("Alert", 320)
    .width("Route", 130)
    .width("Component", 250)
    .names("Component", &crate::dashboards::words::components())
    .wrapped("Instance", None)
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .sorted(&[("Severity", false), ("Alert", false), ("Instance", false), ("Route", false)])
    .no_value("No alert fires, or Prometheus has not loaded the rules")
}
