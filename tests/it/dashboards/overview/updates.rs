//! Sources and age of signatures, and when they become stale.

use crate::dashboards::grouping::{PLACE, by_place};
use crate::dashboards::panel::{DAYS, Panel};
use crate::dashboards::source_states;
use crate::dashboards::words::{
    BAD, FETCHED, GOOD, LOST_SINCE, ODD, PUBLISHED, STALE_NOW, STALE_SOON, UNKNOWN, of_worst_over_time,
    ranked, sources, with_names,
};

pub fn sources_over_time() -> Panel {
    let series = "defender_update_source_available{%route}";
    Panel::timeline(
        "Update sources over time: $scope",
        "Whether clients could update from each source, per route. With several instances: Lost if lost at any. Outdated: the newest package on the share was too old. Grey: an exporter was down, and nothing was lost where one was up.",
    )
    .over_time(
        "{{name}} via {{route}}",
        &with_names(&source_states::over_time(series, "source"), "source", &sources()),
    )
    .states(&[&of_worst_over_time("Lost", "Available")[..], &source_states::OVER_TIME].concat())
    .no_value("No selected exporter had a result in this time")
}

pub fn stale_over_time() -> Panel {
    const LEFT: &str = "(defender_signatures_stale_after_timestamp_seconds{%instance} - time())";
    Panel::lines(
        "Time left until signatures turn stale",
        "Rises with each possible update, and falls while none is possible. The lines match DefenderStaleSignatureRisk: four days, and one.",
    )
    .over_time(PLACE, &format!("{LEFT} / 86400"))
    .by_instance()
    .legend_beside()
    .days()
    .below_zero()
    .limit("4 days", STALE_SOON, ODD, LEFT)
    .limit("1 day", STALE_NOW, BAD, LEFT)
    .no_value("Not known")
}

pub fn by_route() -> Panel {
    let available = "defender_update_source_available{%route}";
    Panel::table(
        "Update sources by route",
        "Whether clients can update from each source, Microsoft's and the company's own, as far as the exporters probe them, per route, and when each was last available: since the exporter's start, or longer with a state_file. One source is enough to stay current; a cache only has what another source names. Outdated: the newest package on the share is too old. Unused: the machine's own Defender, beside the exporter, doesn't use the source.",
    )
    .rows(&source_states::ranks())
    .rows(&format!(
        "(1000 * defender_update_source_last_available_timestamp_seconds{{%route}}) or (0 * {available} - 1)"
    ))
    .columns(&[
        ("Value #A", "Now"),
        ("source", "Source"),
        ("route", "Route"),
        ("Value #B", "Last available"),
        ("place", "Instance"),
    ])
    .state_column("Now", 145, source_states::RANKS)
    .width("Source", 345)
    .names("Source", &sources())
    .width("Route", 120)
    .ago_column("Last available", 150, "–")
    .words("Last available", &[(-1, "Not since start", "transparent")])
    .wrapped("Instance", None)
    .sorted(&[("Now", false), ("Instance", false), ("Route", false), ("Source", false)])
    .no_value("No selected exporter has a result")
}

pub fn feed() -> Panel {
    let published = "defender_signatures_published_timestamp_seconds{%route}";
    let labels = "version, engine, platform";
    // The version's labels belong to its age, not to the result of the last attempt.
    let versions = format!(
        "(defender_signatures_feed_success{{%route}} * ignoring ({labels}) group_left ({labels}) (0 * {published} + 1)
            or ignoring ({labels}) defender_signatures_feed_success{{%route}})"
    );
    let lost = r#"(defender_update_source_available{%route, source="adl"} == 0)"#;
    let old = by_place("max", &["route"], "defender_signatures_feed_stale{%route} == 1");
    Panel::table(
        "What the version feed names",
        "Per route: whether the last attempt to fetch the version feed succeeded, and when that was; the newest signatures, engine and platform that the feed named, and the signatures' age. Fetched, lost since: after that attempt, the alternate download location, which serves the feed, was lost. Old content: signs of a caching proxy (the feed goes backwards, is behind other sources, or is old). The limit of two days matches DefenderPublishedFeedStale.",
    )
    .rows(&ranked(
        &format!("({versions} and ignoring ({labels}) {old}) or (2 * {versions} and ignoring ({labels}, source) {lost}) or 3 * {versions}"),
        &["route", "version", "engine", "platform"],
    ))
    .rows("1000 * defender_signatures_feed_last_timestamp_seconds{%route}")
    .rows(&format!("(time() - {}) / 86400", by_place("max", &["route"], published)))
    .columns(&[
        ("Value #A", "Last attempt"),
        ("Value #B", "Attempted"),
        ("route", "Route"),
        ("Value #C", "Age"),
        ("version", "Signatures"),
        ("engine", "Engine"),
        ("platform", "Platform"),
        ("place", "Instance"),
    ])
    .state_column(
        "Last attempt",
        150,
        &[
            (0, "Failed", BAD),
            (1, "Exporter down", UNKNOWN),
            (2, "No result", UNKNOWN),
            (3, "Old content", ODD),
            (6, LOST_SINCE, ODD),
            (9, FETCHED, GOOD),
        ],
    )
    .ago_column("Attempted", 145, "–")
    .number_column("Age", 90, DAYS, PUBLISHED)
    .width("Route", 115)
    .width("Signatures", 115)
    .width("Engine", 110)
    .width("Platform", 130)
    .wrapped("Instance", None)
    .sorted(&[("Last attempt", false), ("Instance", false), ("Route", false)])
    .no_value("No selected exporter has a result")
}
