//! The fleet over time.

use serde_json::json;

use super::{down_at_end, lost_at_end};
use crate::dashboards::grouping::{PLACE, by_place};
use crate::dashboards::panel::{DOWN_UNIT, PARTLY_LOST, Panel, fixed, mappings};
use crate::dashboards::tiles::common;
use crate::dashboards::words::{
    BAD, COMMON, DOWN, DOWN_STATE, GOOD, MAPS, ODD, PARTLY, STALE_NOW, STALE_SOON, UNKNOWN, UP, components,
    ten, with_names,
};

pub fn maps() -> Panel {
    let states = format!("({} or {DOWN} - 2)", common(MAPS));
    let (lost, down, partly) = (lost_at_end(0), down_at_end(), lost_at_end(1));
    Panel::timeline(
        "MAPS by instance over time",
        "Whether clients with default settings reached MAPS; partly lost: via some routes only. At the end of the time shown: instances that lose MAPS via every route come first, then those whose exporter is down, then those that lose it via some; of many, there are several pages. Grey: the exporter was down. Empty: Prometheus didn't know the exporter, or it had no result.",
    )
    .over_time(PLACE, &format!("{states} and {lost}"))
    .over_time(PLACE, &format!("{states} and {down}"))
    .over_time(PLACE, &format!("{states} and {partly}"))
    .over_time(PLACE, &format!("{states} unless {lost} unless {down} unless {partly}"))
    .option("perPage", json!(16))
    .states(COMMON)
    .no_value("No selected exporter had a result in this time")
}

pub fn lost() -> Panel {
    let maps = common(MAPS);
    Panel::lines(
        "Instances that lose MAPS, over time",
        "Number of instances at which clients with default settings lose MAPS via every route, and via some, and of those whose exporter is down, upon each other: no instance counts twice. Many at once point to a common cause.",
    )
    .over_time("via every route", &format!("sum({maps} == bool 0)"))
    .over_time("via some routes", &format!("sum({maps} == bool 1)"))
    .over_time("exporter down", &format!("sum({UP} == bool 0)"))
    .custom("fillOpacity", json!(70))
    .stacked()
    .field("via every route", &fixed(BAD))
    .field("via some routes", &fixed(PARTLY))
    .field("exporter down", &fixed(UNKNOWN))
    .axis("instances")
    .set("decimals", json!(0))
    .no_value("No selected exporter had a result in this time")
}

/// Colours of how many instances lose something.
fn counts(lost: &str) -> serde_json::Value {
    let range = |from: u32, to: u32, color: &str| json!({ "type": "range", "options": { "from": from, "to": to, "result": { "color": color, "index": from } } });
    let words = mappings(&[DOWN_STATE]);
    words.as_array().unwrap().iter().cloned().chain([range(0, 0, GOOD), range(1, 999_999, lost)]).collect()
}

pub fn components_lost() -> Panel {
    let series = "defender_component_available{%component}";
    let state = |of: &str| {
        let of = |operator: &str| by_place(operator, &["component"], of);
        format!("({} + {})", of("min"), of("max"))
    };
    let count = |state: &str, value: u32| format!("sum by (component) ({state} == bool {value})");
    let every = |series: &str| count(&state(series), 0);
    let before = every(&format!("last_over_time({series}[$__range])"));
    let known = format!("({} or 0 * {before} - 2 and on () {DOWN})", every(series));
    let partly =
        format!(r#"label_replace({} > 0, "via", " via some routes", "", "")"#, count(&state(series), 1));
    Panel::timeline(
        "Instances that lose each component, over time",
        "Number of instances at which each component is lost via every route; and, while there are such, of those at which it is lost via some routes. Many at once point to a common cause. Instances whose exporter is down are in a line of their own: nothing is known there, so no component counts them. Grey: no exporter was up.",
    )
    .over_time("{{name}}{{via}}", &with_names(&format!("({known} or {partly})"), "component", &components()))
    .over_time("exporter down: nothing known", &format!("sum({UP} == bool 0)"))
    .set("mappings", counts(BAD))
    .matching("/ via some routes$/", &[("mappings", counts(PARTLY)), ("unit", json!(PARTLY_LOST))])
    .matching("/^exporter down: /", &[("mappings", counts(UNKNOWN)), ("unit", json!(DOWN_UNIT))])
    .option("perPage", json!(26))
    .without_legend()
    .no_value("No selected exporter had a result in this time")
}

pub fn slowest() -> Panel {
    let mean = by_place(
        "avg",
        &[],
        "defender_probe_duration_seconds{%component} and defender_probe_success{%component} == 1",
    );
    // Without targets of /probe.
    let mean = format!("({mean} and {UP})");
    Panel::lines("Slowest instances", "Mean duration of a successful probe, for the ten slowest instances.")
        .over_time(PLACE, &ten(&mean, true))
        .by_instance()
        .legend_beside()
        .unit("s")
        .no_value("No probe succeeded in this time")
}

pub fn least_time_left() -> Panel {
    const LEFT: &str = "(defender_signatures_stale_after_timestamp_seconds{%instance} - time())";
    Panel::lines(
        "Time left until signatures turn stale",
        "For the ten instances with the least time. The lines match DefenderStaleSignatureRisk: four days, and one.",
    )
    .over_time(PLACE, &ten(&format!("{LEFT} / 86400"), false))
    .by_instance()
    .legend_beside()
    .days()
    .below_zero()
    .limit("4 days", STALE_SOON, ODD, LEFT)
    .limit("1 day", STALE_NOW, BAD, LEFT)
    .no_value("Not known")
}
