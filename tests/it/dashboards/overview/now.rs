//! The first screen of the overview: whether Defender works, where not. `causes` has the tables of failures, and what to change.

use serde_json::json;

use crate::dashboards::alerts::{SEVERITIES, firing, none_firing};
use crate::dashboards::grouping::by_place;
use crate::dashboards::panel::{Panel, steps};
use crate::dashboards::tiles::{at_instances, by_instance, noted, part, unknown};
use crate::dashboards::words::{
    BAD, CONNECTED, CONNECTED_RANKS, DOWN, GOOD, MAPS, NO_BAD, NO_BAD_KNOWN, NO_PARTLY, NO_PARTLY_KNOWN, ODD,
    SSL_OPTIONS, STALE, STALE_NOW, STALE_SOON, SUFFICIENT, TO_OVERVIEW, UNKNOWN, UP, of_worst, ranked,
};
use crate::dashboards::{own_validation, source_states};

pub fn maps() -> Panel {
    Panel::stat(
        "MAPS: $scope",
        "Whether clients with default settings (the registry value SSLOptions is 3: they check revocation and pinned certificates) can connect to MAPS, Microsoft's cloud protection, from the selected instances via the selected routes. Lost: via every route of an instance. Partly lost: via some. The worst state counts, with the number of instances in it, of those partly lost, and of those unknown; the tables below name them. Partly unknown: connected wherever an exporter is up. Where the exporter runs beside Defender on Windows, also whether Defender's own validation (MpCmdRun -ValidateMapsConnection) succeeds there: it can fail while the probes connect, for example since Windows has another proxy.",
    )
    .now("{{text}}", &by_instance(MAPS, "lost"))
    .now("{{text}}", &own_validation::tile())
    .states(&[&of_worst("Lost", "Partly lost", "Connected")[..], own_validation::STATES].concat())
    .option("orientation", json!("horizontal"))
    .option("wideLayout", json!(true))
    .option("text", json!({ "titleSize": 13, "valueSize": 18 }))
    .no_value("No result")
}

pub fn sources() -> Panel {
    let panel = Panel::stat(
        "Update sources: $scope",
        "Whether clients can update security intelligence from each source, Microsoft's and the company's own, as far as the exporters probe them, from the selected instances via the selected routes. One source is enough to stay current; a cache only has what another source names. The worst state counts, as for MAPS, of the instances that probe the source. Outdated: the newest package on the share is too old. Unused: the machine's own Defender, beside the exporter, doesn't use the source.",
    );
    let panel = crate::dashboards::words::sources().iter().fold(panel, |panel, (source, name)| {
        panel.now(&format!("{name}: {{{{text}}}}"), &source_states::tile(source))
    });
    // Nothing is known of any source if no exporter was up in the time shown.
    let before = "last_over_time(defender_update_source_available{%route}[$__range])";
    panel
        .now("All sources: nothing known", &format!("0 * count({DOWN}) unless on () count({before})"))
        .states(&[&of_worst("Lost", "Partly lost", "Available")[..], source_states::STATES].concat())
        .option("orientation", json!("horizontal"))
        .option("wideLayout", json!(true))
        .option("text", json!({ "titleSize": 13, "valueSize": 14 }))
        .no_value("No result")
}

/// What stands for the time left of exporters that are all down, and where an instance has no update source.
const NONE_UP: i64 = -9999;
const NO_SOURCE: i64 = -8888;

pub fn stale() -> Panel {
    let left = "(defender_signatures_stale_after_timestamp_seconds{%instance} - time())";
    let sourceless = format!("count({} == 0)", by_place("max", &[], SUFFICIENT));
    let several = format!("(count({UP}) > 1)");
    // Of several, the cluster of the first, with its site or else its host.
    let first = format!("bottomk(1, {left}) / 86400");
    let sited = [("instance", "([^.:]+).*"), ("$label", "(.+)")]
        .iter()
        .fold(format!("{first} and on () {several}"), |query, (from, regex)| {
            format!(r#"label_replace({query}, "one", "$1", "{from}", "{regex}")"#)
        });
    let sited = format!(r#"label_join({sited}, "one", " ", "cluster", "one") or on () {first}"#);
    let least = format!(r#"label_replace({sited}, "at", "first at $1", "one", " ?(.+)")"#);
    let known = format!(r#"label_replace({least}, "at", "1 instance", "at", "")"#);
    let known = noted(&known, "unknown", ", $1 unknown", &unknown(left));
    let known = format!(
        r#"{known} or on () label_replace(0 * count({DOWN}) + {NONE_UP}, "at", "nothing known", "", "")"#
    );
    // The time in words, since the tile's large word is that there is no source.
    let days = format!(r#"count_values without () ("days", round({sited}, 0.1))"#);
    let days = [
        ("one", "$1 ", "one", " ?(.+)"),
        ("at", "stale in $1 days", "days", "([0-9.]+)"),
        ("at", "stale for $1 days", "days", "-([0-9.]+)"),
    ]
    .into_iter()
    .fold(days, |query, (label, text, from, regex)| {
        format!(r#"label_replace({query}, "{label}", "{text}", "{from}", "{regex}")"#)
    });
    let days = format!(r#"{days} or on () label_replace(vector(1), "at", "time left unknown", "", "")"#);
    let counted = noted(&days, "some", "$1 of ", &format!("({sourceless} and on () {several})"));
    let counted = noted(&counted, "all", "$1 instances, ", &several);
    let counted = noted(&counted, "unknown", ", $1 unknown", &unknown(left));
    let limits =
        |good| [("thresholds", steps(&[(None, BAD), (Some(STALE_NOW), ODD), (Some(STALE_SOON), good)]))];
    Panel::stat(
        "Signatures stale in: $scope",
        "Time until signatures turn stale (seven days by default), of the selected instance with the least time, which is named, with the number of instances of which nothing is known. No update source: none works at an instance, so the time runs there; below stands at how many, and the least time. Grey if an instance is unknown, for example because its exporter is down. The signatures are those of this machine if Defender is installed, else those of a client that updated when a source was last available. Negative: they are stale. Colours of the time match DefenderStaleSignatureRisk.",
    )
    .now("{{at}}{{unknown}}", &format!("({known}) unless on () {sourceless}"))
    .now(
        "{{some}}{{all}}{{one}}{{at}}{{unknown}}",
        &format!("{NO_SOURCE} * ({counted}) and on () {sourceless}"),
    )
    .days()
    .limits(STALE)
    .matching("/ unknown$/", &limits(UNKNOWN))
    .states(&[(NONE_UP, "Exporter down", UNKNOWN), (NO_SOURCE, "No update source", BAD)])
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

pub fn routes() -> Panel {
    let maps = |options: &str| {
        by_place("min", &["route"], &format!(r#"defender_maps_connected{{%route, ssl_options="{options}"}}"#))
    };
    let panel = Panel::table(
        "MAPS by route",
        "Whether a client can connect to MAPS via each route, by its registry value SSLOptions, which says what it checks: 3 revocation and pinned certificates, the default and what counts; 2 pinned certificates, 1 revocation, 0 nothing, for diagnosis. 2 connected and 3 lost: clients can't check revocation, the first cause in Microsoft's document. Where the exporter doesn't check revocation, the first column is that of 2.",
    );
    let [(_, default), others @ ..] = SSL_OPTIONS;
    let panel = panel.linked_rows(&ranked(&by_place("min", &["route"], MAPS), &["route"]));
    let panel = others.iter().fold(panel, |panel, (options, _)| panel.rows(&maps(options)));
    let panel = panel
        .columns(&[
            ("Value #A", default),
            ("route", "Route"),
            ("Value #B", others[0].1),
            ("Value #C", others[1].1),
            ("Value #D", others[2].1),
            ("place", "Instance"),
        ])
        .width("Route", 125)
        .state_column(default, 170, CONNECTED_RANKS);
    let panel = others.iter().fold(panel, |panel, (_, name)| panel.state_column(name, 130, CONNECTED));
    panel
        .wrapped("Instance", None)
        .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
        .sorted(&[(default, false), ("Instance", false), ("Route", false)])
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
