//! The first screen of the overview: whether Defender works, where not. `causes` has the tables of failures, and what to change.

use serde_json::json;

use crate::dashboards::alerts::{SEVERITIES, firing, none_firing};
use crate::dashboards::grouping::by_place;
use crate::dashboards::panel::{Panel, steps};
use crate::dashboards::tiles::{at_instances, by_instance, by_instance_that_has, noted, part, unknown};
use crate::dashboards::words::{
    BAD, CONNECTED, CONNECTED_RANKS, DOWN, GOOD, MAPS, NO_BAD, NO_BAD_KNOWN, NO_PARTLY, NO_PARTLY_KNOWN, ODD,
    STALE, STALE_NOW, STALE_SOON, SUFFICIENT, TO_OVERVIEW, UNKNOWN, UP, of_worst, ranked,
};

pub fn maps() -> Panel {
    Panel::stat(
        "MAPS: $scope",
        "Whether clients with default settings (the registry value SSLOptions is 3: they check revocation and pinned certificates) can connect to MAPS, Microsoft's cloud protection, from the selected instances via the selected routes. Lost: via every route of an instance. Partly lost: via some. The worst state counts, with the number of instances in it, of those partly lost, and of those unknown; the tables below name them. Partly unknown: connected wherever an exporter is up.",
    )
    .now("{{text}}", &by_instance(MAPS, "lost"))
    .states(&of_worst("Lost", "Partly lost", "Connected"))
    .no_value("No result")
}

pub fn sources() -> Panel {
    let panel = Panel::stat(
        "Update sources: $scope",
        "Whether clients can update security intelligence from each source, Microsoft's and the company's own, as far as the exporters probe them, from the selected instances via the selected routes. One source is enough to stay current; a cache only has what another source names. The worst state counts, as for MAPS, of the instances that probe the source.",
    );
    let panel = crate::dashboards::words::sources().iter().fold(panel, |panel, (source, name)| {
        let series = format!(r#"defender_update_source_available{{%route, source="{source}"}}"#);
        panel.now(&format!("{name}: {{{{text}}}}"), &by_instance_that_has(&series, "lost"))
    });
    // Nothing is known of any source if no exporter was up in the time shown.
    let before = "last_over_time(defender_update_source_available{%route}[$__range])";
    panel
        .now("All sources: nothing known", &format!("0 * count({DOWN}) unless on () count({before})"))
        .states(&of_worst("Lost", "Partly lost", "Available"))
        .option("orientation", json!("horizontal"))
        .option("wideLayout", json!(true))
        .option("text", json!({ "titleSize": 13, "valueSize": 14 }))
        .no_value("No result")
}

/// What stands for the time left of exporters that are all down.
const NONE_UP: i64 = -9999;

pub fn stale() -> Panel {
    let left = "(defender_signatures_stale_after_timestamp_seconds{%instance} - time())";
    let available = by_place("max", &[], SUFFICIENT);
    // Of several, the cluster of the first, with its site or else its host.
    let first = format!("bottomk(1, {left}) / 86400 and on () count(up{{%instance}}) > 1");
    let sited =
        [("instance", "([^.:]+).*"), ("$label", "(.+)")].iter().fold(first, |query, (from, regex)| {
            format!(r#"label_replace({query}, "one", "$1", "{from}", "{regex}")"#)
        });
    let least = format!(
        r#"label_replace(label_join({sited}, "one", " ", "cluster", "one"), "at", "first at $1", "one", " ?(.+)")"#
    );
    let least = format!(r#"{least} or on () label_replace(min({left}) / 86400, "at", "1 instance", "", "")"#);
    // No blue: the least may be among the unknown, and without a source updates are lost.
    let known = noted(&least, "sourceless", ", $1 without a source", &format!("count({available} == 0)"));
    let known = noted(&known, "unknown", ", $1 unknown", &unknown(left));
    let limits =
        |good| [("thresholds", steps(&[(None, BAD), (Some(STALE_NOW), ODD), (Some(STALE_SOON), good)]))];
    Panel::stat(
        "Signatures stale in: $scope",
        "Time until signatures turn stale (seven days by default), of the selected instance with the least time, which is named, with the numbers of instances without an update source and of those of which nothing is known. Orange where no update source works, since the time runs there; grey if an instance is unknown, for example because its exporter is down. They are those of this machine if Defender is installed, else those of a client that updated when a source was last available. Negative: they are stale. Colours match DefenderStaleSignatureRisk.",
    )
    .now(
        "{{at}}{{sourceless}}{{unknown}}",
        &format!(r#"{known} or on () label_replace(0 * count({DOWN}) + {NONE_UP}, "at", "nothing known", "", "")"#),
    )
    .days()
    .limits(STALE)
    .matching("/ unknown$/", &limits(UNKNOWN))
    .matching("/ without a source/", &limits(BAD))
    .states(&[(NONE_UP, "Exporter down", UNKNOWN)])
    .no_value("Not known")
}

pub fn failing_count() -> Panel {
    const BAD_STATE: &str = r#"defender_endpoint_state{%component, state="bad"}"#;
    let of = |operator: &str| by_place(operator, &["component", "endpoint"], BAD_STATE);
    let (every, some) = (of("min"), format!("({} - {})", of("max"), of("min")));
    // While exporters are down: those that were probed before.
    let probed = by_place(
        "count",
        &[],
        &by_place("max", &["component", "endpoint"], &format!("last_over_time({BAD_STATE}[$__range])")),
    );
    let line = |state: &str| {
        // By instance: endpoints that fail at two of them are not the sum of both.
        let failing = by_place("sum", &[], state);
        let most = format!("max({failing})");
        let all = format!("(max({probed} and {failing} == on () group_left () {most}) or max({probed}))");
        // Of one instance the title says enough.
        let several = "count(up{%instance}) > 1";
        let here = |relation: &str| {
            format!("(count(({failing} > 0) {relation} on () group_left () {most}) and on () {several})")
        };
        let at = at_instances(&part(&most, &all), "at", " at ", &here("=="));
        let fewer = noted(&at, "fewer", ", fewer at $1", &here("<"));
        at_instances(&fewer, "unknown", ", unknown at ", &unknown(BAD_STATE))
    };
    Panel::stat(
        "Endpoints failing: $scope",
        "Of the endpoints that an instance probes: how many are bad now via every selected route, at the instance with the most, and how many via some of its routes alone, likewise; each with the number of instances with as many, of those with fewer, and of those of which nothing is known. A failing endpoint doesn't always stop Defender: the other tiles show what works.",
    )
    .now("via every route: {{some}} of {{all}}{{at}}{{fewer}}{{unknown}}", &line(&every))
    .now("via some routes: {{some}} of {{all}}{{at}}{{fewer}}{{unknown}}", &line(&some))
    .limits(NO_BAD)
    .matching("/^via some routes: /", &[("thresholds", steps(NO_PARTLY))])
    .matching("/ unknown at /", &[("thresholds", steps(NO_BAD_KNOWN))])
    .matching("/^via some routes: .+ unknown at /", &[("thresholds", steps(NO_PARTLY_KNOWN))])
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

/// What clients check with values of SSLOptions other than the default.
const OTHER_OPTIONS: [&str; 3] =
    ["SSLOptions 2: pinning alone", "SSLOptions 1: revocation alone", "SSLOptions 0: nothing checked"];

pub fn routes() -> Panel {
    let maps = |options: &str| {
        by_place("min", &["route"], &format!(r#"defender_maps_connected{{%route, ssl_options="{options}"}}"#))
    };
    let panel = Panel::table(
        "MAPS by route",
        "Whether a client can connect to MAPS via each route. What counts is MAPS by default, with SSLOptions 3; the other columns are for diagnosis. SSLOptions is the registry value that says what a client checks: 3 revocation and pinned certificates, 2 pinned certificates, 1 revocation, 0 nothing. 2 connected and 3 lost: clients can't check revocation, the first cause in Microsoft's document.",
    )
    .linked_rows(&ranked(&by_place("min", &["route"], MAPS), &["route"]))
    .rows(&maps("2"))
    .rows(&maps("1"))
    .rows(&maps("0"))
    .columns(&[
        ("Value #A", "MAPS by default"),
        ("route", "Route"),
        ("Value #B", OTHER_OPTIONS[0]),
        ("Value #C", OTHER_OPTIONS[1]),
        ("Value #D", OTHER_OPTIONS[2]),
        ("place", "Instance"),
    ])
    .width("Route", 125);
    let panel = panel.state_column("MAPS by default", 120, CONNECTED_RANKS);
    let panel = OTHER_OPTIONS.into_iter().fold(panel, |panel, name| panel.state_column(name, 130, CONNECTED));
    panel
        .wrapped("Instance", None)
        .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
        .sorted(&[("MAPS by default", false), ("Instance", false), ("Route", false)])
        .no_value("No selected exporter has a result")
}

pub fn alerts() -> Panel {
    let none = ["alertname", "route", "instance"]
        .into_iter()
        .fold(format!("4 + {}", none_firing()), |query, label| {
            format!(r#"label_replace({query}, "{label}", "–", "", "")"#)
        });
    let all = format!("(max without (alertstate) ({}) or {none})", firing());
    Panel::table(
        "Firing alerts",
        "Firing alerts of alerts/defender.rules.yml for the selected instances, critical ones first. alerts/RUNBOOK.md has a section for each.",
    )
    .linked_rows(&all)
    .columns(&[
        ("Value", "Severity"),
        ("alertname", "Alert"),
        ("component", "Component"),
        ("route", "Route"),
        ("place", "Instance"),
    ])
    .state_column("Severity", 110, SEVERITIES)
    .width("Alert", 320)
    .width("Route", 130)
    .width("Component", 345)
    .names("Component", &crate::dashboards::words::components())
    .wrapped("Instance", None)
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .sorted(&[("Severity", false), ("Alert", false), ("Instance", false), ("Route", false)])
    .no_value("No rules are loaded for what is selected")
}
