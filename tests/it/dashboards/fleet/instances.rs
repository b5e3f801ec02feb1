//! The panels of the fleet with a line for each instance.

use serde_json::json;

use crate::dashboards::grouping::{PLACE, by_place};
use crate::dashboards::panel::{DAYS, Panel, steps};
use crate::dashboards::tiles::common;
use crate::dashboards::words::{
    AVAILABLE_IN_COMMON, COMMON_RANKS, DOWN, MAPS, NO_BAD, NO_ODD, SHARE, SHARE_PARTLY_KNOWN, STALE,
    TO_OVERVIEW, UP, components as names, gone, share, unknown_share, with_unknown_share,
};

/// Something of MAPS by default settings over the time shown, the worst route first: of a series that a range can be of.
fn of_maps(of: fn(&str) -> String, worst: &str) -> String {
    let series =
        |ssl_options: &str| of(&format!(r#"defender_maps_connected{{%route, ssl_options="{ssl_options}"}}"#));
    by_place(worst, &[], &format!("{} or ignoring (ssl_options) {}", series("3"), series("2")))
}

/// The share of the time in which MAPS worked, and that without a result.
fn known_share() -> (String, String) {
    (of_maps(share, "min"), of_maps(|series| unknown_share(series, "route, ssl_options"), "max"))
}

pub fn instances() -> Panel {
    let (worked, unknown) = known_share();
    // What is lost via any route counts once.
    let distinct = |label: &[&str], series: &str| by_place("sum", &[], &by_place("max", label, series));
    let lost = by_place("sum", &[], &format!("{MAPS} == bool 0"));
    // Targets of /probe have these too.
    let exporters = |query: &str| format!("{query} and {UP}");
    let routes = format!(
        r#"label_join(count_values without () ("lost", {lost}) * ignoring (lost, all) group_left (all)
            count_values without () ("all", {}), "lost_routes", " of ", "lost", "all")"#,
        by_place("count", &[], MAPS)
    );
    Panel::table(
        "Instances, the worst first",
        "One row per exporter: whether clients with default settings reach MAPS, and via how many of its routes not (first the instances that lose it via every route, then those whose exporter is down, then those that lose it via some); for the worst route, the share of the time with a result in which MAPS worked, and the share of the displayed time without a result; time until signatures turn stale; numbers of components and update sources that are lost and of endpoints that fail, via every route or some; inspected endpoints (without sample storage); revocation lists that can't be fetched. The instance links to its overview.",
    )
    .linked_rows(&format!("2 * {} or 2 * {UP} + 1 or on () vector(3)", common(MAPS)))
    .rows(&routes)
    .rows(&worked)
    .rows(&unknown)
    .rows("(defender_signatures_stale_after_timestamp_seconds{%instance} - time()) / 86400")
    .rows(&distinct(&["component"], "defender_component_available{%component} == bool 0"))
    .rows(&distinct(&["source"], "defender_update_source_available{%route} == bool 0"))
    .rows(&exporters(&distinct(
        &["component", "endpoint"],
        r#"defender_endpoint_state{%component, state="bad"}"#,
    )))
    .rows(&exporters(&distinct(
        &["component", "endpoint"],
        r#"defender_tls_intercepted{%component, component!="submission"}"#,
    )))
    .rows(&distinct(&["crl"], "defender_crl_fetch_success{%route} == bool 0"))
    .columns(&[
        ("Value #A", "MAPS"),
        ("lost_routes", "Routes lost"),
        ("place", "Instance"),
        ("Value #C", "Worst route worked"),
        ("Value #D", "Time unknown"),
        ("Value #E", "Stale in"),
        ("Value #F", "Components affected"),
        ("Value #G", "Sources affected"),
        ("Value #H", "Endpoints failing"),
        ("Value #I", "Inspected"),
        ("Value #J", "Lists not fetched"),
        ("job", "Job"),
    ])
    .state_column("MAPS", 115, COMMON_RANKS)
    .width("Routes lost", 65)
    .wrapped("Instance", None)
    .number_column("Worst route worked", 85, "percentunit", SHARE)
    .number_column("Time unknown", 80, "percentunit", &[(None, "transparent")])
    .number_column("Stale in", 80, DAYS, STALE)
    .number_column("Components affected", 100, "none", NO_BAD)
    .number_column("Sources affected", 75, "none", NO_BAD)
    .number_column("Endpoints failing", 85, "none", NO_BAD)
    .number_column("Inspected", 82, "none", NO_ODD)
    .number_column("Lists not fetched", 75, "none", NO_ODD)
    .width("Job", 150)
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .sorted(&[("MAPS", false), ("Instance", false)])
    .no_value("Prometheus has no exporter to scrape")
}

/// The column of the worst state of an instance's components.
const WORST: &str = "Worst";

pub fn components() -> Panel {
    let series = "defender_component_available{%component}";
    let of = |operator| move |series: &str| by_place(operator, &["component"], series);
    let known = format!(
        "2 * ({} + {}) or {} + 1",
        of("min")(series),
        of("max")(series),
        gone(series, of("min"), &["component"])
    );
    let rows = format!(r#"({known} or label_replace({DOWN} + 1, "component", "maps", "", ""))"#);
    // For the order of the rows: its column comes first.
    let worst = format!(r#"label_replace(min without (component) ({rows}), "component", "worst", "", "")"#);
    let mut columns = vec![("worst", WORST.to_owned())];
    columns.extend(names());
    Panel::table(
        "Components by instance",
        "Whether each component works at each instance: lost via every route, or partly lost: via some. First the instances that lose a component, then those whose exporter is down, where nothing is known.",
    )
    .named_rows(&format!("{worst} or {rows}"))
    .matrix("component", "place", &columns)
    .states(AVAILABLE_IN_COMMON)
    .sorted(&[(WORST, false), ("Instance", false)])
    .no_value("No exporter has a result")
}

pub fn availability() -> Panel {
    let (worked, unknown) = known_share();
    Panel::bar_gauge(
        "Share of the known time in which MAPS worked, for the worst route",
        "Share of the displayed time in which clients with default settings reached MAPS via the worst of their routes; the ten worst instances. Time without a result, for example because the exporter was down, doesn't count; the name says how much that is. Below half is broken, as in the alerts.",
    )
    .now(
        &format!("{PLACE}{{{{unknown}}}}"),
        &format!("sort(bottomk(10, {}))", with_unknown_share(&worked, &unknown)),
    )
    .matching("/ unknown$/", &[("thresholds", steps(SHARE_PARTLY_KNOWN))])
    .unit("percentunit")
    .set("decimals", json!(1))
    .set("min", json!(0))
    .set("max", json!(1))
    .limits(SHARE)
    .no_value("No exporter has a result")
}
