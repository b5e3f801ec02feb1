//! What is more to be said of an update source than that it is lost: that a file share serves packages that are out of date, or that the
//! machine's own Defender doesn't use the source.

use super::grouping::by_place;
use super::panel::State;
use super::tiles::{by_instance_that_has, common};
use super::words::{BAD, GOOD, ODD, UNKNOWN, UP, worst_over_time};

/// The source that can be out of date, which is a component too.
const SHARE: &str = "file_share";

/// 1 for each place, and each of these labels, where the share's newest package is out of date, and nothing else is wrong with the share.
pub fn outdated(kept: &[&str]) -> String {
    let failing = |reason: &str| {
        let series =
            format!(r#"defender_probe_failure_reason{{%route, component="{SHARE}", reason{reason}}}"#);
        by_place("max", kept, &series)
    };
    format!("({} unless {})", failing(r#"="outdated""#), failing(r#"!="outdated""#))
}

/// The sources that the machine's own Defender doesn't use, although the configuration lists them.
fn unused(source: &str) -> String {
    format!(r#"defender_host_update_source_difference_info{{%instance, kind="unused"{source}}}"#)
}

/// By how much `tile` is higher where a lost source is out of date, or isn't used, wherever it is lost.
const OUTDATED: i64 = 100;
const UNUSED: i64 = 200;

/// The words for what is lost in `tile`: those of `by_instance` are 9 and 10.
pub const STATES: &[State<'_>] = &[
    (9 + OUTDATED, "Outdated", BAD),
    (10 + OUTDATED, "Outdated", BAD),
    (9 + UNUSED, "Lost, unused", ODD),
    (10 + UNUSED, "Lost, unused", ODD),
    (9 + OUTDATED + UNUSED, "Outdated, unused", ODD),
    (10 + OUTDATED + UNUSED, "Outdated, unused", ODD),
];

/// The state of a source at the worst instance that has it, see `tiles::by_instance`, and of one that is lost how.
pub fn tile(source: &str) -> String {
    let series = format!(r#"defender_update_source_available{{%route, source="{source}"}}"#);
    let lost = format!("({} == 0)", common(&series));
    let wherever = |it: &str| format!("(count({lost} and {it}) == bool count({lost}) or on () vector(0))");
    let unused = unused(&format!(r#", source="{source}""#));
    let not_used = format!("{UNUSED} * {}", wherever(&format!("ignoring (kind, source, origin) {unused}")));
    let more = if source == SHARE {
        format!("{not_used} + {OUTDATED} * {}", wherever(&outdated(&[])))
    } else {
        not_used
    };
    format!("{} + on () group_left () ({more})", by_instance_that_has(&series, "lost"))
}

/// The states of a source via a route, as ranks, the worst first; see `ranks`.
pub const RANKS: &[State<'_>] = &[
    (0, "Lost", BAD),
    (1, "Outdated", BAD),
    (2, "Exporter down", UNKNOWN),
    (3, "Lost, unused", ODD),
    (4, "Outdated, unused", ODD),
    (5, "No result", UNKNOWN),
    (6, "Available", GOOD),
];

/// Each source via each route of an instance, with these ranks.
pub fn ranks() -> String {
    let available = |source: &str| format!("defender_update_source_available{{%route{source}}}");
    let what = |query: &str, name: &str| format!(r#"label_replace({query}, "what", "{name}", "", "")"#);
    let of_share = available(&format!(r#", source="{SHARE}""#));
    let parts = [
        what(&format!("6 * {}", available("")), "state"),
        what(
            &format!("(0 * ({of_share} == 0) + 1 and ignoring (source) {})", outdated(&["route"])),
            "outdated",
        ),
        what(
            &format!("(0 * ({} == 0) + 3 and ignoring (route, kind, origin) {})", available(""), unused("")),
            "unused",
        ),
    ];
    // Otherwise the table would lose its column of routes where all exporters are down.
    let down = format!(r#"label_replace(3 * {UP} + 2, "route", "–", "", "")"#);
    format!(
        "sum without (what) ({}) or ignoring (source, route) {down} or on () vector(5)",
        parts.join(" or ")
    )
}

/// The words of a share that is out of date, over time: see `over_time`.
pub const OVER_TIME: [State<'_>; 2] = [(21, "Outdated", BAD), (31, "Outdated", BAD)];

/// The worst of several instances over time, by route and by the label `by`, of series that are 0 where a source, or its component, is
/// lost: see `words::worst_over_time`. Higher by 20 where the share is out of date wherever it is lost.
pub fn over_time(series: &str, by: &str) -> String {
    let worst = worst_over_time(series, |series| format!("min by ({by}, route) ({series})"));
    let lost = format!("({} == 0)", series.replace('}', &format!(r#", {by}="{SHARE}"}}"#)));
    let is_outdated = format!("(0 * {lost} + 1 and ignoring ({by}) {} or {lost})", outdated(&["route"]));
    let outdated = format!("20 * (min by ({by}, route) ({is_outdated}) == 1)");
    format!("({worst} + {outdated} or {worst})")
}
