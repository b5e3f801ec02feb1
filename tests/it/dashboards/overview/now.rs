//! The first screen of the overview: whether Defender works, where not, why, and what to change. `causes` has the tables of failures.

use serde_json::json;

use crate::dashboards::grouping::by_place;
use crate::dashboards::panel::{Panel, steps};
use crate::dashboards::words::{
    AVAILABLE, BAD, CONNECTED, CONNECTED_RANKS, DOWN, GOOD, MAPS, NO_BAD, ODD, SEVERITIES, STALE, STALE_NOW,
    STALE_SOON, TO_OVERVIEW, UNKNOWN, UP, firing, part, ranked, states_with_share, with_unknown,
};

pub fn maps() -> Panel {
    Panel::stat(
        "MAPS: $scope",
        "Whether clients with default settings (the registry value SSLOptions is 3: they check revocation and pinned certificates) can connect to MAPS, Microsoft's cloud protection, from the selected instances via the selected routes. Partly lost: not everywhere; the tables below name instance and route. Partly unknown: connected wherever an exporter is up. A route counts once for each instance.",
    )
    .now("{{lost}}", &states_with_share(MAPS, "lost"))
    .states(&[
        (0, "Lost", BAD),
        (1, "Partly lost", BAD),
        (2, "Connected", GOOD),
        (3, "Partly unknown", UNKNOWN),
        (-1, "Exporter down", UNKNOWN),
    ])
    .no_value("No result")
}

pub fn sources() -> Panel {
    let of = |source: &str| {
        with_unknown(&format!(r#"defender_update_source_available{{%route, source="{source}"}}"#))
    };
    Panel::stat(
        "Update sources: $scope",
        "Whether clients can update security intelligence from Microsoft Update and from the alternate download location (adl), via the selected routes. One source is enough to stay current. Partly lost: not everywhere.",
    )
    .now("Microsoft Update", &of("microsoft_update"))
    .now("Alternate (adl)", &of("adl"))
    .states(&[
        (0, "Lost", BAD),
        (1, "Partly lost", BAD),
        (2, "Available", GOOD),
        (3, "Partly unknown", UNKNOWN),
        (-1, "Exporter down", UNKNOWN),
    ])
    .no_value("No result")
}

/// What stands for the time left of exporters that are all down.
const NONE_UP: i64 = -9999;

pub fn stale() -> Panel {
    let left = "(defender_signatures_stale_after_timestamp_seconds{%instance} - time())";
    let unknown = format!("count({UP} unless {left})");
    let known = format!("min({left}) / 86400");
    // A name with the number of the unknown, and no blue: the least may be among them.
    let partly = format!(
        r#"{known} + on () group_left (unknown) 0 * label_replace(count_values("n", {unknown}), "unknown", ", $1 unknown", "n", "(.+)")"#
    );
    let partly_known = [(None, BAD), (Some(STALE_NOW), ODD), (Some(STALE_SOON), UNKNOWN)];
    Panel::stat(
        "Signatures stale in",
        "Time until signatures turn stale (seven days by default), of the selected instance with the least time; grey if another is unknown, for example because its exporter is down. They are those of this machine if Defender is installed, else those of a client that updated when a source was last available. Negative: they are stale. Colours match DefenderStaleSignatureRisk.",
    )
    .now(
        "$scope{{unknown}}",
        &format!("{partly} or on () {known} or on () (0 * count({DOWN}) + {NONE_UP})"),
    )
    .days()
    .limits(STALE)
    .matching("/ unknown$/", &[("thresholds", steps(&partly_known))])
    .states(&[(NONE_UP, "Exporter down", UNKNOWN)])
    .no_value("Not known")
}

pub fn failing_count() -> Panel {
    let bad = |of: &str| {
        format!(r#"sum({of} by (component, endpoint) (defender_endpoint_state{{%component, state="bad"}}))"#)
    };
    // While exporters are down: those that were probed before.
    let all = r#"count(max by (component, endpoint) (last_over_time(defender_endpoint_state{%component, state="bad"}[$__range])))"#;
    let somewhere = format!("({} - {})", bad("max"), bad("min"));
    Panel::stat(
        "Endpoints failing",
        "Of the endpoints that were probed in the displayed time: how many are bad now everywhere, that is via every selected route at every selected instance, and how many only via some. A failing endpoint doesn't always stop Defender: the other tiles show what works.",
    )
    .now("everywhere: {{some}} of {{all}}", &part(&bad("min"), all))
    .now("only via some: {{some}} of {{all}}", &part(&somewhere, all))
    .limits(NO_BAD)
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
    Panel::stat(
        "Exporter",
        "Whether this dashboard is current, for the worst selected exporter: it is scraped, its probes run (newest result younger than three intervals, as in DefenderProbesStalled), its configuration is loaded.",
    )
    .now("$scope", &format!("min({DOWN} or {stalled} or {config} or 3 * {UP})"))
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
    let panel = panel.state_column("MAPS 3: both", 148, CONNECTED_RANKS);
    let panel = ["MAPS 2: pinning", "MAPS 1: revocation", "MAPS 0: nothing"]
        .into_iter()
        .fold(panel, |panel, name| panel.state_column(name, 148, CONNECTED));
    panel
        .state_column("Microsoft Update", 140, AVAILABLE)
        .state_column("Alternate (adl)", 125, AVAILABLE)
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
