//! The panels of the fleet with a line for each instance.

use serde_json::json;

use crate::dashboards::folding::down;
use crate::dashboards::grouping::{PLACE, by_place};
use crate::dashboards::panel::{DAYS, Panel, steps};
use crate::dashboards::source_states::outdated;
use crate::dashboards::tiles::common;
use crate::dashboards::words::{
    AVAILABLE_IN_COMMON, BAD, COMMON_RANKS, DOWN, MAPS, NO_BAD, NO_BAR, NO_BAR_STATE, NO_ODD, PARTLY, SHARE,
    SHARE_PARTLY_KNOWN, SHARE_UNKNOWN, STALE, STALE_SOON, SUFFICIENT, TO_OVERVIEW, UNKNOWN_SHARE_STATE, UP,
    components as names, gone, share, unknown_share, with_unknown_share,
};

/// The share of the time in which MAPS worked by default settings, of the worst route of an instance, and the share without a result, of the
/// same route.
fn known_share() -> (String, String) {
    const OWN: &str = "route, ssl_options";
    let of_maps = |of: &dyn Fn(&str) -> String| {
        let series =
            |options: &str| of(&format!(r#"defender_maps_connected{{%route, ssl_options="{options}"}}"#));
        format!("({} or ignoring (ssl_options) {})", series("3"), series("2"))
    };
    let worst = format!("bottomk without ({OWN}) (1, {})", of_maps(&share));
    let unknown = of_maps(&|series| unknown_share(series, OWN));
    (by_place("min", &[], &worst), by_place("max", &[], &format!("{unknown} and {worst}")))
}

/// By instance, how many of these there are of which a series is 1: what is lost via any route counts once.
fn distinct(of: &[&str], series: &str) -> String {
    by_place("sum", &[], &by_place("max", of, series))
}

/// The same as a label, which says so where each is 1 via some routes only.
fn affected(label: &str, of: &[&str], series: &str) -> String {
    let all = distinct(of, series);
    let every = by_place("sum", &[], &by_place("min", of, series));
    let some = format!(r#"count_values without () ("n", {all} > 0 and {every} == 0)"#);
    format!(
        r#"max without (n) (label_replace({some}, "{label}", "$1 via some", "n", "(.+)")
            or ignoring (n, {label}) count_values without () ("{label}", {all}))"#
    )
}

/// The colours of such labels.
const COUNTS: &[(&str, &str)] = &[("/ via some$/", PARTLY), ("/^[1-9]/", BAD)];

/// What stands for the time left where no update source works.
const RUNS: i64 = 9999;

pub fn instances() -> Panel {
    let (worked, unknown) = known_share();
    let worked = format!("({DOWN} + {SHARE_UNKNOWN} or {worked})");
    let sourceless = format!("({} == 0)", by_place("max", &[], SUFFICIENT));
    let left = "(defender_signatures_stale_after_timestamp_seconds{%instance} - time())";
    // The time runs: what is left must not look as if all were well.
    let left = format!("(0 * ({left} > {STALE_SOON} * 86400 and {sourceless}) + {RUNS} or {left} / 86400)");
    let crl = |of: &str| by_place(of, &[], r#"defender_component_available{%route, component="crl"}"#);
    let without_hosts = |of: &str| format!("0 * ({} == 0)", crl(of));
    let lost = by_place("sum", &[], &format!("{MAPS} == bool 0"));
    let lists = distinct(&["crl"], "defender_crl_fetch_success{%route} == bool 0");
    // Targets of /probe have these too.
    let exporters = |query: &str, own: &str| format!("({query}) and ignoring ({own}) {UP}");
    let routes = format!(
        r#"label_join(count_values without () ("lost", {lost}) * ignoring (lost, all) group_left (all)
            count_values without () ("all", {}), "lost_routes", " of ", "lost", "all")"#,
        by_place("count", &[], MAPS)
    );
    Panel::table(
        "Instances, the worst first",
        "One row per exporter: whether clients with default settings reach MAPS, and via how many of its routes not (first the instances that lose it via every route, then those whose exporter is down, then those that lose it via some); for the worst route, the share of the time with a result in which MAPS worked (unknown while the exporter is down), and the share of the displayed time without a result; time until signatures turn stale, or that no update source works, so that the time runs; numbers of components and of update sources, the company's own among them, that are lost and of endpoints that fail, via every route or some (light where all are via some routes only); inspected endpoints (without sample storage); revocation lists that can't be fetched, or that their hosts are lost since, or partly lost: via some routes. The instance links to its overview.",
    )
    .linked_rows(&format!("2 * {} or 2 * {UP} + 1 or on () vector(3)", common(MAPS)))
    .rows(&routes)
    .rows(&worked)
    .rows(&unknown)
    .rows(&left)
    .rows(&affected("components", &["component"], "defender_component_available{%component} == bool 0"))
    .rows(&affected("sources", &["source"], "defender_update_source_available{%route} == bool 0"))
    .rows(&exporters(&affected(
        "endpoints",
        &["component", "endpoint"],
        r#"defender_endpoint_state{%component, state="bad"}"#,
    ), "endpoints"))
    .rows(&exporters(&distinct(
        &["component", "endpoint"],
        r#"defender_tls_intercepted{%component, component!="submission"}"#,
    ), ""))
    .rows(&format!(
        "({lists} > 0 or {} - 1 and {lists} or {} - 2 and {lists} or {lists})",
        without_hosts("max"),
        without_hosts("min")
    ))
    .columns(&[
        ("Value #A", "MAPS"),
        ("place", "Instance"),
        ("lost_routes", "Routes lost"),
        ("Value #C", "Worst route worked"),
        ("Value #D", "Time unknown"),
        ("Value #E", "Stale in"),
        ("components", "Components lost"),
        ("sources", "Update sources lost"),
        ("endpoints", "Endpoints failing"),
        ("Value #I", "Endpoints inspected"),
        ("Value #J", "Lists not fetched"),
        ("job", "Job"),
    ])
    .state_column("MAPS", 115, COMMON_RANKS)
    .width("Routes lost", 62)
    .shared("Instance", 200)
    .number_column("Worst route worked", 78, "percentunit", SHARE)
    .words("Worst route worked", &[UNKNOWN_SHARE_STATE])
    .number_column("Time unknown", 75, "percentunit", &[(None, "transparent")])
    .number_column("Stale in", 85, DAYS, STALE)
    .words("Stale in", &[(RUNS, "No source", BAD)])
    .coloured("Components lost", 100, COUNTS)
    .coloured("Update sources lost", 85, COUNTS)
    .coloured("Endpoints failing", 98, COUNTS)
    .number_column("Endpoints inspected", 82, "none", NO_BAD)
    .number_column("Lists not fetched", 92, "none", NO_ODD)
    .words("Lists not fetched", &[(-1, "Hosts lost", BAD), (-2, "Partly lost", PARTLY)])
    .width("Job", 150)
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .sorted(&[("MAPS", false), ("Instance", false)])
    .no_value("No exporter is selected")
}

/// The column of the worst state of an instance's components.
const WORST: &str = "Worst";

pub fn components() -> Panel {
    let series = "defender_component_available{%component}";
    let of = |operator| move |series: &str| by_place(operator, &["component"], series);
    let of_share = r#"(defender_component_available{%component, component="file_share"} == 0)"#;
    let is_lost = format!("({} + {} == 0)", of("min")(series), of("max")(series));
    let outdated =
        format!("(0 * {is_lost} + 1 and {} and ignoring (component) {})", of("max")(of_share), outdated(&[]));
    let known = format!(
        "{outdated} or 3 * ({} + {}) or {} + 2",
        of("min")(series),
        of("max")(series),
        gone(series, of("min"), &["component"])
    );
    let rows = format!(r#"({known} or label_replace({DOWN} + 2, "component", "maps", "", ""))"#);
    // For the order of the rows: its column comes first.
    let worst = format!(r#"label_replace(min without (component) ({rows}), "component", "worst", "", "")"#);
    let mut columns = vec![("worst", WORST.to_owned())];
    // A code such as connected_cache is wider than a column.
    columns.extend(names().into_iter().map(|(code, name)| {
        (code, name.strip_suffix(&format!(" ({code})")).map_or_else(|| name.clone(), ToOwned::to_owned))
    }));
    Panel::table(
        "Components by instance",
        "Whether each component works at each instance, the company's own update sources among them: lost via every route, or partly lost: via some. Outdated: the newest package on the file share is too old. First the instances that lose a component, then those whose exporter is down, where nothing is known.",
    )
    .named_rows(&format!("{worst} or {rows}"))
    .matrix("component", "place", &columns)
    .states(AVAILABLE_IN_COMMON)
    .sorted(&[(WORST, false), ("Instance", false)])
    .no_value("No selected exporter has a result")
}

pub fn availability() -> Panel {
    let (worked, unknown) = known_share();
    let shares = |of: &str| format!("sort({})", with_unknown_share(of, &unknown));
    // One of many that are down: nothing is known of each.
    let is_down = format!("({} + {NO_BAR})", down());
    Panel::bar_gauge(
        "Share of the known time in which MAPS worked, for the worst route",
        "Share of the displayed time in which clients with default settings reached MAPS via the worst of their routes; the ten worst instances, then those whose exporter is down: unknown, without a bar. Time without a result, for example because the exporter was down, doesn't count; the name says how much that is. Below half is broken, as in the alerts.",
    )
    .now(&format!("{PLACE}{{{{unknown}}}}"), &shares(&format!("bottomk(10, {worked} unless {DOWN})")))
    .now(&format!("{{{{more}}}} {PLACE}{{{{unknown}}}}"), &shares(&is_down))
    .matching("/ unknown$/", &[("thresholds", steps(SHARE_PARTLY_KNOWN))])
    .unit("percentunit")
    .set("decimals", json!(1))
    .set("min", json!(0))
    .set("max", json!(1))
    .states(&[NO_BAR_STATE])
    .limits(SHARE)
    .no_value("No selected exporter has a result")
}
