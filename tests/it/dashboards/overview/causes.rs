//! What fails, why, and what to change: by cause, by endpoint.

use serde_json::json;

use crate::dashboards::folding::{down, folded};
use crate::dashboards::grouping::by_place;
use crate::dashboards::own_validation;
use crate::dashboards::panel::Panel;
use crate::dashboards::remedies::{caused, explained_by_component, unknown};
use crate::dashboards::stops::{
    CODE_OF_DOWN, COLOURS, ONE_MORE_SOURCE, SOURCE_LOST, Stopped, UPDATES_LOST, broken_sources, told,
    updates_by_route, with_hosts,
};
use crate::dashboards::words::{
    BROKEN, LOST_UNCHECKED, PAGE, TO_ENDPOINT, TO_OVERVIEW, UNKNOWN, with_lines, with_page,
};

/// Why clients lose MAPS, of the series of their reasons with these matchers. Whoever inspects TLS makes the revocation of the genuine chain
/// unknown: that is no cause of its own.
fn reasons(matchers: &str) -> String {
    let of = |reason: &str| format!("defender_maps_disconnected_reason{{%route, {matchers}{reason}}}");
    let (all, unknown, inspected) =
        (of(""), of(r#", reason="revocation_unknown""#), of(r#", reason="intercepted""#));
    format!("({all} unless ({unknown} and ignoring (ssl_options, need, phase, reason) {inspected}))")
}

/// The same for default settings; where revocation isn't checked, with pinning alone.
fn reasons_by_default() -> String {
    const OWN: &str = "ssl_options, need, phase, reason";
    let (both, pinning) = (reasons(r#"ssl_options="3""#), reasons(r#"ssl_options="2""#));
    format!(
        r#"({both} or ignoring ({OWN}) ({pinning} unless ignoring ({OWN}) defender_maps_connected{{%route, ssl_options="3"}}))"#
    )
}

/// Labels of an endpoint's failure that a cause has not.
const OWN: &str = "component, endpoint, phase, reason";

/// What fails: bad endpoints, and endpoints of MAPS with an unknown revocation status where that is why MAPS is lost. The highest value is of
/// what names the row: 2 of MAPS, 1.5 of lost update sources. With the label `cause`, and `part` where some remedies differ.
fn failures() -> String {
    let maps = r#"defender_probe_failure_reason{%component, component="maps"}"#;
    let unknown = format!(
        r#"(defender_tls_revocation_unknown_reason{{%component, component="maps"}}
        and ignoring (component, endpoint, ssl_options, need, phase, reason) {LOST_UNCHECKED})"#
    );
    let unknown = format!(
        r#"label_replace(label_replace({unknown}, "phase", "tls", "", ""), "reason", "revocation_unknown", "", "")"#
    );
    let sources = format!("0 * {} + 0.5", broken_sources());
    let all = format!("({BROKEN} + ({maps} or {sources} or 0 * {BROKEN}) or 2 * {unknown})");
    caused(&format!(r#"label_replace({all}, "part", "$1", "component", "(submission)")"#))
}

pub fn causes() -> Panel {
    let failing = failures();
    // One endpoint for each cause at a route of an instance, with how many there are as a label.
    let one = format!(
        r#"topk without ({OWN}) (1, {failing}) * ignoring ({OWN}, endpoints) group_left (endpoints)
            count_values without () ("endpoints", count without ({OWN}) ({failing}))"#
    );
    let of_route = |query: &str| by_place("max", &["route", "cause"], &caused(query));
    let lost = of_route(&broken_sources());
    let sources = by_place("max", &["route", "cause", "component"], &caused(&broken_sources()));
    let sources = format!("count without (component) ({sources})");
    let is_last = format!("{} * ({} == bool 0)", UPDATES_LOST - SOURCE_LOST, updates_by_route());
    let stopped = Stopped {
        maps: of_route(&reasons_by_default()),
        updates: format!(
            "0 * {lost} + {SOURCE_LOST} + {ONE_MORE_SOURCE} * ({sources} - 1) + ignoring (cause) group_left () {is_last}"
        ),
        others: Some(of_route(&reasons(r#"ssl_options!="3""#))),
        failing: Some(format!("max without (part) ({})", by_place("max", &["route", "cause"], &failing))),
        own: "route, cause",
    };
    // Of folded rows, the one with the highest number stays.
    let coded =
        format!("(0 * ({one}) + ignoring (part, endpoints, {OWN}) group_left () {})", stopped.coded());
    let rows = explained_by_component(&folded(&coded, &failing, &["route", "part", "cause"]));
    let unknown = format!(r#"label_replace({}, "endpoints", "–", "", "")"#, unknown(CODE_OF_DOWN));
    Panel::table(
        "What is wrong, and what to change",
        "Each cause once for each route of an instance, with one of the endpoints that fail for it and how many there are; the table of failing endpoints names all. Effect: what is lost via this route for this cause, MAPS for clients with default settings (SSLOptions 3: they check revocation and pinned certificates) and updates from any source, and via how many of the instance's routes. First what is lost via every route of an instance, and machines whose own validation of MAPS (MpCmdRun -ValidateMapsConnection) fails although the probes succeed, then exporters that are down, since nothing is known there, then what is lost via some routes, then what costs one of several update sources or MAPS for clients with other values of SSLOptions alone, last what stops neither. Where a device inspects TLS, an unknown revocation status is a consequence and isn't listed. A cause at more than five instances is one row. For all remedies, run `defender-exporter explain` with the reason, for example tls.expired.",
    )
    .ordered_rows(
        &with_hosts(&told(&format!("({rows} or {unknown} or {})", own_validation::failed_rows()))),
        &["rank", "place", "route", "why"],
    )
    .columns(&[
        ("stops", "Effect"),
        ("change", "What to change"),
        ("why", "Why"),
        ("named", "Failing endpoints"),
        ("route", "Route"),
        ("place", "Instance"),
        ("endpoint", "URL"),
        ("component", "Component of the link"),
    ])
    .hidden("URL")
    .hidden("Component of the link")
    .coloured("Effect", 165, COLOURS)
    .wrapped("What to change", None)
    .wrapped("Why", Some(155))
    .wrapped("Failing endpoints", Some(225))
    .width("Route", 115)
    .wrapped("Instance", Some(215))
    .links("Failing endpoints", &[("One of these endpoints over time", TO_ENDPOINT)])
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .no_value("No failure is known")
}

/// Bad endpoints with what they are needed for: in alphabetical order, what comes first is worth most.
fn needed() -> String {
    let of = |query: &str, word: &str, components: &str| {
        format!(r#"label_replace({query}, "needed", "{word}", "component", "{components}")"#)
    };
    let sources = "update|adl|wsus|file_share|connected_cache";
    of(&of(&of(BROKEN, "The rest", ".+"), "Signatures", sources), "MAPS", "maps")
}

pub fn failing() -> Panel {
    let coded = format!(r#"label_join({}, "code", ".", "phase", "reason")"#, needed());
    let series = with_lines(&with_page(&coded));
    let words = [("code", "Exporter down"), ("needed", "Unknown"), ("lines", "–"), ("route", "–")];
    let down = words.into_iter().fold(format!("{} - 2", down()), |query, (label, word)| {
        format!(r#"label_replace({query}, "{label}", "{word}", "", "")"#)
    });
    Panel::table(
        "Failing endpoints",
        "Every endpoint that is bad now, with phase and reason; the table above has the remedies. Last come exporters that are down: nothing is known there. Open leads to the advice on the exporter's own page (over http; for https see deploy/http.md). Last genuine answer: since the start, or longer with a state file.",
    )
    .linked_rows(&format!(
        "({series} * ignoring (phase, reason, needed, code, lines, page) group_left ()
            (1000 * defender_probe_last_success_timestamp_seconds{{%component}}) or -1 * {series} or {down})"
    ))
    .columns(&[
        ("needed", "Needed for"),
        ("lines", "Endpoint"),
        ("code", "Reason"),
        ("route", "Route"),
        ("Value", "Last genuine answer"),
        ("page", "Advice"),
        ("place", "Instance"),
        ("endpoint", "URL"),
        ("component", "Component of the link"),
    ])
    .hidden("Component of the link")
    .width("Needed for", 95)
    .wrapped("Endpoint", Some(350))
    .hidden("URL")
    .width("Reason", 160)
    .width("Route", 115)
    .ago_column("Last genuine answer", 165, "–")
    .words("Last genuine answer", &[(-1, "Not since start", "transparent"), (-2, "Unknown", UNKNOWN)])
    .field("Advice", &[("noValue", json!("")), ("custom.width", json!(75))])
    .wrapped("Instance", None)
    .links("Endpoint", &[("This endpoint over time", TO_ENDPOINT)])
    .links("Advice", &[("Advice on the exporter's page", PAGE)])
    .sorted(&[("Needed for", false), ("Instance", false), ("Route", false), ("Endpoint", false)])
    .no_value("No failing endpoint is known")
}
