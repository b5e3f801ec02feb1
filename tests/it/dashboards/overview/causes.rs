//! What fails, why, and what to change: by need of MAPS, by cause, by endpoint.

use serde_json::json;

use crate::dashboards::folding::{by_cause, folded};
use crate::dashboards::grouping::by_place;
use crate::dashboards::panel::Panel;
use crate::dashboards::remedies::{caused, explained, explained_by_component, unknown};
use crate::dashboards::words::{
    BROKEN, MAPS_BROKEN, PAGE, TO_ENDPOINT, TO_OVERVIEW, counted, with_host, with_lines, with_page,
};

/// Why clients lose MAPS: with both checks; for other values of SSLOptions, what isn't the same. Whoever inspects TLS makes the
/// revocation of the genuine chain unknown: that is no cause of its own.
const REASONS: &str = r#"((defender_maps_disconnected_reason{%route, ssl_options="3"}
    or (defender_maps_disconnected_reason{%route, ssl_options!="3"} unless ignoring (ssl_options)
    defender_maps_disconnected_reason{%route, ssl_options="3"}))
    unless (defender_maps_disconnected_reason{%route, reason="revocation_unknown"} and ignoring (ssl_options, need, phase, reason)
    defender_maps_disconnected_reason{%route, reason="intercepted"}))"#;

pub fn maps_reasons() -> Panel {
    let reasons = explained(&folded(&counted(REASONS, MAPS_BROKEN), REASONS, &["ssl_options"]));
    let named = format!(r#"label_replace({reasons}, "ssl_options", "3 (default)", "ssl_options", "3")"#);
    // Behind what is lost, in the order of this table.
    let unknown = format!(r#"label_replace({}, "ssl_options", "–", "", "")"#, unknown(-1));
    let rows =
        by_place("max", &["route", "ssl_options", "component", "endpoint"], &format!("{named} or {unknown}"));
    Panel::table(
        "Why clients lose MAPS, and what to change",
        "The failure of the best endpoint, for default settings (SSLOptions 3: clients check revocation and pinned certificates) and, where it differs, for other values. Where a device inspects TLS, an unknown revocation status is a consequence and isn't listed. An exporter that is down comes last: nothing is known there. A cause at more than five instances is one row. Endpoints: how many of MAPS fail for this reason; one of them leads to its dashboard, and the table of failing endpoints names all. For all remedies, run `defender-exporter explain` with the reason, for example tls.expired.",
    )
    .linked_rows(&with_host(&rows))
    .columns(&[
        ("change", "What to change"),
        ("why", "What it means"),
        ("Value", "Endpoints"),
        ("host", "One of them"),
        ("route", "Route"),
        ("ssl_options", "SSLOptions"),
        ("place", "Instance"),
        ("endpoint", "URL"),
        ("component", "Component of the link"),
    ])
    .hidden("URL")
    .hidden("Component of the link")
    .shared("What to change", 225)
    .shared("What it means", 170)
    .width("Endpoints", 80)
    .words("Endpoints", &[(-1, "–", "transparent")])
    .width("One of them", 245)
    .width("Route", 115)
    .width("SSLOptions", 125)
    .shared("Instance", 227)
    .links("One of them", &[("This endpoint over time", TO_ENDPOINT)])
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .sorted(&[("SSLOptions", true), ("Instance", false), ("Route", false)])
    .no_value("No exporter reports a loss of MAPS")
}

pub fn causes() -> Panel {
    // Some remedies of sample storage are its own.
    let broken = caused(&format!(r#"label_replace({BROKEN}, "part", "$1", "component", "(submission)")"#));
    let query = by_cause(&broken, &["route", "part"]);
    Panel::table(
        "What is wrong, and what to change",
        "Each cause once for each route, with the number of endpoints that it affects at any selected instance, one of them, and where; most frequent first. The next table names all.",
    )
    .linked_rows(&with_host(&explained_by_component(&query)))
    .columns(&[
        ("change", "What to change"),
        ("why", "What it means"),
        ("Value", "Endpoints"),
        ("host", "One of them"),
        ("route", "Route"),
        ("place", "Instance"),
        ("endpoint", "URL"),
        ("component", "Component of the link"),
    ])
    .hidden("URL")
    .hidden("Component of the link")
    .wrapped("What to change", None)
    .shared("What it means", 220)
    .width("Endpoints", 105)
    .width("One of them", 250)
    .width("Route", 115)
    .shared("Instance", 235)
    .links("One of them", &[("This endpoint over time", TO_ENDPOINT)])
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .sorted(&[("Endpoints", true), ("Route", false), ("What it means", false)])
    .no_value("No exporter that is up reports a failing endpoint")
}

/// Bad endpoints with what they are needed for: in alphabetical order, what comes first is worth most.
fn needed() -> String {
    let of = |query: &str, word: &str, components: &str| {
        format!(r#"label_replace({query}, "needed", "{word}", "component", "{components}")"#)
    };
    of(&of(&of(BROKEN, "The rest", ".+"), "Signatures", "update|adl"), "MAPS", "maps")
}

pub fn failing() -> Panel {
    let coded = format!(r#"label_join({}, "code", ".", "phase", "reason")"#, needed());
    let series = with_lines(&with_page(&coded));
    Panel::table(
        "Failing endpoints",
        "Every endpoint that is bad now, with phase and reason; the table above has the remedies. Open leads to the advice on the exporter's own page (over http; for https see deploy/http.md). Last genuine answer: since the start, or longer with a state file.",
    )
    .linked_rows(&format!(
        "({series} * ignoring (phase, reason, needed, code, lines, page) group_left ()
            (1000 * defender_probe_last_success_timestamp_seconds{{%component}}) or -1 * {series})"
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
    .wrapped("Endpoint", Some(330))
    .hidden("URL")
    .width("Reason", 160)
    .width("Route", 115)
    .ago_column("Last genuine answer", 165, "–")
    .words("Last genuine answer", &[(-1, "Not since start", "transparent")])
    .field("Advice", &[("noValue", json!("")), ("custom.width", json!(75))])
    .wrapped("Instance", None)
    .links("Endpoint", &[("This endpoint over time", TO_ENDPOINT)])
    .links("Advice", &[("Advice on the exporter's page", PAGE)])
    .sorted(&[("Needed for", false), ("Endpoint", false), ("Route", false), ("Instance", false)])
    .no_value("No exporter that is up reports a failing endpoint")
}
