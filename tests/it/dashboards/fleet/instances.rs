//! The panels of the fleet with a line for each instance.

use serde_json::json;

use super::common_maps;
use crate::dashboards::grouping::{PLACE, by_place};
use crate::dashboards::panel::{DAYS, Panel};
use crate::dashboards::words::{
    AVAILABLE_RANKS, BAD, COMMON_RANKS, DOWN, GOOD, MAPS, NO_BAD, NO_ODD, SHARE, STALE, TO_OVERVIEW, UNKNOWN,
    UP, components as names, gone, share,
};

/// MAPS by default settings, as a series that a range can be of.
const MAPS_KNOWN: &str = r#"defender_maps_connected{%route, ssl_options="3"}"#;

pub fn instances() -> Panel {
    let known = share(MAPS_KNOWN, "route, ssl_options");
    // What is lost via any route counts once.
    let distinct = |label: &[&str], series: &str| by_place("sum", &[], &by_place("max", label, series));
    let lost = by_place("sum", &[], &format!("{MAPS} == bool 0"));
    let routes = format!(
        r#"label_join(count_values without () ("lost", {lost}) * ignoring (lost, all) group_left (all)
            count_values without () ("all", {}), "lost_routes", " of ", "lost", "all")"#,
        by_place("count", &[], MAPS)
    );
    Panel::table(
        "Instances, the worst first",
        "One row per exporter: scraped; whether clients with default settings reach MAPS, and by how many of its routes not (first the instances that lose it via every route, then those whose exporter is down, then those that lose it via some); share of the displayed time in which MAPS is known to have worked via every route; time until signatures turn stale; numbers of components and update sources that are lost, and of endpoints that fail, each via one route or more; inspected endpoints (without sample storage); revocation lists that can't be fetched. The instance links to its overview.",
    )
    .linked_rows(&format!("{UP} or on () vector(-1)"))
    .rows(&format!("2 * {} or 2 * {UP} + 1", common_maps()))
    .rows(&routes)
    .rows(&by_place("min", &[], &known))
    .rows("(defender_signatures_stale_after_timestamp_seconds{%instance} - time()) / 86400")
    .rows(&distinct(&["component"], "defender_component_available{%component} == bool 0"))
    .rows(&distinct(&["source"], "defender_update_source_available{%route} == bool 0"))
    .rows(&distinct(&["component", "endpoint"], r#"defender_endpoint_state{%component, state="bad"}"#))
    .rows(&distinct(
        &["component", "endpoint"],
        r#"defender_tls_intercepted{%component, component!="submission"}"#,
    ))
    .rows(&distinct(&["crl"], "defender_crl_fetch_success{%route} == bool 0"))
    .columns(&[
        ("Value #A", "Exporter"),
        ("Value #B", "MAPS"),
        ("lost_routes", "Routes lost"),
        ("place", "Instance"),
        ("Value #D", "MAPS known"),
        ("Value #E", "Stale in"),
        ("Value #F", "Components lost"),
        ("Value #G", "Sources lost"),
        ("Value #H", "Endpoints failing"),
        ("Value #I", "Inspected"),
        ("Value #J", "Lists not fetched"),
        ("job", "Job"),
    ])
    .state_column("Exporter", 78, &[(0, "Down", BAD), (1, "Scraped", GOOD), (-1, "None", UNKNOWN)])
    .state_column("MAPS", 115, COMMON_RANKS)
    .width("Routes lost", 65)
    .wrapped("Instance", None)
    .number_column("MAPS known", 75, "percentunit", SHARE)
    .number_column("Stale in", 85, DAYS, STALE)
    .number_column("Components lost", 102, "none", NO_BAD)
    .number_column("Sources lost", 70, "none", NO_BAD)
    .number_column("Endpoints failing", 85, "none", NO_BAD)
    .number_column("Inspected", 90, "none", NO_ODD)
    .number_column("Lists not fetched", 75, "none", NO_ODD)
    .width("Job", 155)
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .sorted(&[
        ("MAPS", false),
        ("Components lost", true),
        ("Endpoints failing", true),
        ("Instance", false),
    ])
    .no_value("Prometheus has no exporter to scrape")
}

pub fn components() -> Panel {
    let series = "defender_component_available{%component}";
    let of = |series: &str| by_place("min", &["component"], series);
    let known = format!("3 * {} or {} + 1", of(series), gone(series, of, &["component"]));
    Panel::table(
        "Components by instance",
        "Whether each component works at each instance via every route. Nothing is known of instances whose exporter is down.",
    )
    .rows(&format!(r#"({known} or label_replace({DOWN} + 1, "component", "maps", "", ""))"#))
    .matrix("component", "place", &names())
    .states(AVAILABLE_RANKS)
    .sorted(&[(crate::dashboards::words::components()[0].1.as_str(), false), ("Instance", false)])
    .no_value("No exporter has a result")
}

pub fn availability() -> Panel {
    let known = share(MAPS_KNOWN, "route, ssl_options");
    let pinned = share(r#"defender_maps_connected{%route, ssl_options="2"}"#, "route, ssl_options");
    let worst = by_place("min", &[], &format!("{known} or ignoring (ssl_options) {pinned}"));
    Panel::bar_gauge(
        "Share of the time in which MAPS is known to have worked",
        "Share of the displayed time in which clients with default settings are known to have reached MAPS, for the worst route; the 15 worst instances. Time in which the exporter was down doesn't count as working. Below half is broken, as in the alerts.",
    )
    .now(PLACE, &format!("sort(bottomk(15, {worst}))"))
    .unit("percentunit")
    .set("decimals", json!(1))
    .set("min", json!(0))
    .set("max", json!(1))
    .limits(SHARE)
    .no_value("No exporter has a result")
}
