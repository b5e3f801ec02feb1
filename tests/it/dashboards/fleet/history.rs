//! The fleet over time.

use serde_json::json;

use super::{down_at_end, lost_at_end};
use crate::dashboards::grouping::{PLACE, by_place};
use crate::dashboards::panel::{Panel, fixed};
use crate::dashboards::tiles::common;
use crate::dashboards::words::{
    BAD, COMMON, DOWN, MAPS, PARTLY, STALE, UNKNOWN, UP, components, ten, with_names,
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
    .no_value("No exporter had a result in this time")
}

pub fn lost() -> Panel {
    let maps = common(MAPS);
    let lost = by_place("min", &["component"], "defender_component_available{%component}");
    Panel::lines(
        "Instances that lose something, over time",
        "Number of instances at which clients with default settings lose MAPS via every route and via some, of those that lose each component via one route or more, and of those whose exporter is down. Many at once point to a common cause.",
    )
    .over_time("MAPS via every route", &format!("sum({maps} == bool 0)"))
    .over_time("MAPS via some routes", &format!("sum({maps} == bool 1)"))
    .over_time(
        "{{name}}",
        &with_names(&format!("sum by (component) ({lost} == bool 0)"), "component", &components()),
    )
    .over_time("exporter down", &format!("sum({UP} == bool 0)"))
    .by_component()
    .field("MAPS via every route", &fixed(BAD))
    .field("MAPS via some routes", &fixed(PARTLY))
    .field("exporter down", &fixed(UNKNOWN))
    .axis("instances")
    .set("decimals", json!(0))
    .no_value("No exporter had a result in this time")
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
        .legend_beside()
        .unit("s")
        .no_value("No probe succeeded in this time")
}

pub fn least_time_left() -> Panel {
    Panel::lines(
        "Time left until signatures turn stale",
        "For the ten instances with the least time. The lines match DefenderStaleSignatureRisk: four days, and one.",
    )
    .over_time(
        PLACE,
        &ten("(defender_signatures_stale_after_timestamp_seconds{%instance} - time()) / 86400", false),
    )
    .legend_beside()
    .days()
    .below_zero()
    .limits(STALE)
    .custom("thresholdsStyle", json!({ "mode": "dashed" }))
    .no_value("Not known")
}
