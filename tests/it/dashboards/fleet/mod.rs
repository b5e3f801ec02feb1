//! The fleet dashboard: many instances, the worst first, and common failures.

mod exporters;
mod history;
mod instances;
mod targets;

use serde_json::json;

use super::alerts::{firing_places, is_evaluated, none_firing};
use super::board::{self, Board};
use super::common_causes;
use super::folding::folded;
use super::grouping::by_place;
use super::own_validation;
use super::panel::Panel;
use super::remedies::{caused, explained, explained_down, unknown};
use super::stops::{CODE_OF_DOWN, COLOURS, Stopped, UPDATES_LOST, told, updates_by_route, with_hosts};
use super::tiles::{common, part, some_of};
use super::words::{
    BROKEN, DOWN, GOOD, MAPS, MAPS_BROKEN, NO_BAD, NO_ODD, NO_PARTLY, STALE_NOW, STALE_SOON, SUFFICIENT,
    TO_ENDPOINT, TO_ENDPOINT_ANYWHERE, TO_OVERVIEW, UNKNOWN, UP, counted, expand,
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
        .variables(board::common())
        .link("Overview", "defender-overview")
        .link("Endpoint", "defender-endpoint")
        .line(4, [(6, maps()), (6, stale()), (5, exporters()), (7, alerts())])
        .line(3, [(24, common_causes::of_all_places())])
        .line(12, [(24, lost())])
        .line(13, [(24, instances::instances())])
        .line(10, [(24, causes())])
        .line(12, [(24, history::maps())]);
    let board = board
        .collapsed("Components and availability by instance")
        .line(9, [(24, instances::components())])
        .line(14, [(24, instances::availability())]);
    let board = board.collapsed("Targets of /probe").line(7, [(24, targets::targets())]);
    let board = board
        .collapsed("Over time")
        .line(8, [(24, history::lost())])
        .line(9, [(24, history::components_lost())])
        .line(9, [(24, history::slowest())])
        .line(9, [(24, history::least_time_left())]);
    board
        .collapsed("The exporters themselves")
        .line(9, [(24, exporters::versions())])
        .line(8, [(24, exporters::cpu())])
        .line(8, [(24, exporters::memory())])
        .line(8, [(24, exporters::overruns())])
        .line(9, [(24, exporters::age())])
        .line(8, [(24, exporters::descriptors())])
}

fn exporters() -> Panel {
    Panel::stat(
        "Exporters down",
        "Exporters that Prometheus can't scrape, of all that it should: nothing is known where they are.",
    )
    .now("{{some}} of {{all}} exporters", &part(&format!("sum({UP} == bool 0)"), &format!("count({UP})")))
    .limits(NO_BAD)
    .shows("name")
    .no_value("No exporter is selected")
}

/// Lines of a tile: the names of its values, beneath each other.
fn named_lines(panel: Panel) -> Panel {
    panel
        .shows("name")
        .option("orientation", json!("horizontal"))
        .option("text", json!({ "titleSize": 14, "valueSize": 14 }))
        .matching("/^unknown: /", &[("thresholds", super::panel::steps(&[(None, UNKNOWN)]))])
}

fn maps() -> Panel {
    let maps = common(MAPS);
    let all = format!("count({maps} or {UP})");
    let panel = Panel::stat(
        "Instances that lose MAPS",
        "Instances at which clients with default settings don't reach MAPS via any route, and at which they reach it via some routes only; the table below names them. Unknown: no result, for example because the exporter is down. Where exporters run beside Defender on Windows: at how many of these machines its own validation of MAPS fails.",
    )
    .now("via every route: {{some}} of {{all}}", &part(&format!("sum({maps} == bool 0)"), &all))
    .now("via some routes: {{some}} of {{all}}", &part(&format!("sum({maps} == bool 1)"), &all))
    .now("unknown: {{some}} of {{all}}", &some_of(&format!("count({UP} unless {maps})"), &all))
    .now("own validation fails: {{some}} of {{all}}", &own_validation::failing_count())
    .limits(NO_BAD)
    .matching("/^via some routes: /", &[("thresholds", super::panel::steps(NO_PARTLY))])
    .no_value("No result");
    named_lines(panel)
}

fn stale() -> Panel {
    let left = "((defender_signatures_stale_after_timestamp_seconds{%instance} - time()) / 86400)";
    let all = format!("count({left} or {UP})");
    let within = |days: f64| part(&format!("sum({left} < bool {days})"), &all);
    let available = by_place("max", &[], SUFFICIENT);
    let panel = Panel::stat(
        "Instances whose signatures turn stale",
        "Instances whose signatures turn stale within four days, and within one, as in DefenderStaleSignatureRisk, and instances at which no update source works, where the time runs. Unknown: no result, for example because the exporter is down.",
    )
    .now("within 4 days: {{some}} of {{all}}", &within(STALE_SOON))
    .now("within a day: {{some}} of {{all}}", &within(STALE_NOW))
    .now("without a source: {{some}} of {{all}}", &part(&format!("sum({available} == bool 0)"), &all))
    .now("unknown: {{some}} of {{all}}", &some_of(&format!("count({UP} unless {left})"), &all))
    .limits(NO_ODD)
    .matching("/^(within a day|without a source): /", &[("thresholds", super::panel::steps(NO_BAD))])
    .no_value("Not known");
    named_lines(panel)
}

fn alerts() -> Panel {
    let all = format!("count({UP})");
    let panel = Panel::stat(
        "Instances with firing alerts",
        "Instances at which alerts of alerts/defender.rules.yml fire, by severity; an instance counts once for each severity. An alert comes minutes after a loss: instances that lose MAPS or whose exporter is down, and that have no critical alert yet, have a line of their own. The overview lists the alerts.",
    );
    let of = |severity: &str| {
        let firing = format!("count({})", firing_places(severity));
        (format!("{severity}: {{{{some}}}} of {{{{all}}}}"), some_of(&firing, &all))
    };
    let missed = format!(
        "count(({} < 2 or {DOWN}) unless {} and on () {})",
        common(MAPS),
        firing_places("critical"),
        is_evaluated()
    );
    let missed = ("lost or down, no critical alert: {{some}} of {{all}}".to_owned(), some_of(&missed, &all));
    let panel = [of("critical"), missed, of("warning"), of("info")]
        .into_iter()
        .fold(panel, |panel, (name, query)| panel.now(&name, &query));
    let panel = panel
        .now("no alert fires", &none_firing())
        .limits(NO_BAD)
        .matching(
            "/^(warning|lost or down, no critical alert): /",
            &[("thresholds", super::panel::steps(NO_ODD))],
        )
        .matching("/^info: /", &[("thresholds", super::panel::steps(&[(None, GOOD)]))])
        .no_value("No rules are loaded for what is selected");
    named_lines(panel)
}

/// Why clients with default settings lose MAPS, once for each instance and route; where revocation isn't checked, with pinning alone.
const REASONS: &str = r#"(defender_maps_disconnected_reason{%route, ssl_options="3", need="default_hosts"}
    or ignoring (need, phase, reason) defender_maps_disconnected_reason{%route, ssl_options="3"}
    or ignoring (ssl_options, need, phase, reason) (defender_maps_disconnected_reason{%route, ssl_options="2"}
    unless ignoring (ssl_options, need, phase, reason) defender_maps_connected{%route, ssl_options="3"}))"#;

fn lost() -> Panel {
    const OWN: &str = "route, ssl_options, need, phase, reason, component, endpoint";
    // How many endpoints fail as a label. Whoever loses MAPS via every route is never folded into a row of those that lose it via some.
    let of = |state: u32| {
        let here = |query: &str| format!("({query} and ignoring ({OWN}) ({} == {state}))", common(MAPS));
        let rows = folded(&here(&counted(REASONS, MAPS_BROKEN)), &here(REASONS), &["phase", "reason"]);
        format!(r#"count_values without () ("endpoints", {rows})"#)
    };
    let rows = format!("({} or {})", of(0), of(1));
    let lost = by_place("max", &["route"], &format!("{MAPS} == 0"));
    let updates = format!("({} == 0 and {lost}) + {UPDATES_LOST}", updates_by_route());
    let stopped = Stopped { maps: lost, updates, others: None, failing: None, own: "route" }.coded();
    let coded = format!(
        "0 * {rows} + ignoring (ssl_options, need, phase, reason, component, endpoint, endpoints, more, n) group_left () {stopped}"
    );
    let down = format!(r#"label_replace({}, "endpoints", "–", "", "")"#, unknown(CODE_OF_DOWN));
    let rows = by_place(
        "max",
        &["route", "component", "endpoint"],
        &format!("{} or {down} or {}", explained(&format!("({coded})")), own_validation::failed_rows()),
    );
    Panel::table(
        "Where MAPS is lost, why, and what to change",
        "Each instance and route at which clients with default settings don't reach MAPS, with whether they can't update via this route either, and via how many routes: first the instances that lose it via every route, and machines whose own validation of MAPS (MpCmdRun -ValidateMapsConnection) fails although the probes succeed, then those whose exporter is down, since nothing is known there, then those that lose it via some routes. A cause at more than five instances is one row; the next table names them. MAPS endpoints: one that fails for this reason, and how many do. The instance links to its overview, which names all.",
    )
    .ordered_rows(&with_hosts(&told(&rows)), &["rank", "place", "route", "why"])
    .columns(&[
        ("stops", "Effect"),
        ("change", "What to change"),
        ("why", "Why"),
        ("named", "MAPS endpoints"),
        ("route", "Route"),
        ("place", "Instance"),
        ("endpoint", "URL"),
        ("component", "Component of the link"),
    ])
    .hidden("URL")
    .hidden("Component of the link")
    .coloured("Effect", 165, COLOURS)
    .wrapped("What to change", None)
    .wrapped("Why", Some(150))
    .wrapped("MAPS endpoints", Some(185))
    .width("Route", 115)
    .wrapped("Instance", Some(250))
    .links("MAPS endpoints", &[("One of these endpoints over time", TO_ENDPOINT)])
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .no_value("No selected exporter reports a loss of MAPS")
}

fn causes() -> Panel {
    let group = "(cause)";
    // Targets of /probe have a state too.
    let broken = format!("({BROKEN} and ignoring (component, endpoint, route, phase, reason) {UP})");
    let broken = caused(&broken);
    let places = by_place("max", &[], &broken);
    let endpoints = format!("max by (component, endpoint, cause) ({broken})");
    let rows = format!(
        r#"topk by {group} (1, max by (component, endpoint, phase, reason, cause) ({broken})) * on {group} group_left (endpoints)
            (count by {group} ({places}) * on {group} group_left (endpoints) count_values("endpoints", count by {group} ({endpoints})) by {group})"#
    );
    let down = explained_down(&format!(
        r#"label_replace(label_replace(count({DOWN}), "endpoints", "–", "", ""), "cause", "unknown", "", "")"#
    ));
    Panel::table(
        "Causes of failures at all instances",
        "Each cause with the reason, its number of instances, and one of the endpoints that fail for it at any of them, with how many there are, each counted once; the most instances first. A failure everywhere points to the service or a global rule; a failure at one instance points to its site. Of exporters that are down nothing else is known.",
    )
    .rows(&with_hosts(&format!("({} or {down})", explained(&rows))))
    .columns(&[
        ("change", "What to change"),
        ("why", "Why"),
        ("cause", "Reason"),
        ("Value", "Instances"),
        ("named", "Distinct endpoints"),
        ("endpoint", "URL"),
        ("component", "Component of the link"),
    ])
    .hidden("URL")
    .hidden("Component of the link")
    .wrapped("What to change", None)
    .wrapped("Why", Some(220))
    .wrapped("Reason", Some(185))
    .width("Instances", 90)
    .wrapped("Distinct endpoints", Some(225))
    .links("Distinct endpoints", &[("One of these endpoints everywhere", TO_ENDPOINT_ANYWHERE)])
    .sorted(&[("Instances", true), ("Reason", false)])
    .no_value("No failing endpoint is known")
}

/// A query's selectors, each at the end of the time shown.
fn at_end(query: &str) -> String {
    let whole = expand(query).replace('}', "} @ end()");
    whole.replace("} @ end()[$__range]", "}[$__range] @ end()")
}

/// Exporters that are down at the end of the time shown.
pub fn down_at_end() -> String {
    at_end(DOWN)
}

/// Instances in this state of MAPS at the end of the time shown: 0 if they lose it via every route, 1 via some.
pub fn lost_at_end(state: u32) -> String {
    at_end(&format!("({} == {state})", common(MAPS)))
}
