//! Sources and age of signatures, and when they become stale.

use serde_json::json;

use crate::dashboards::panel::Panel;
use crate::dashboards::words::{AVAILABLE, PUBLISHED, STALE};

pub fn sources_over_time() -> Panel {
    Panel::timeline(
        "Update sources over time",
        "Whether clients could update from each source, per route. Lost if lost at any selected instance.",
    )
    .over_time("{{source}} by {{route}}", "min by (source, route) (defender_update_source_available{%route})")
    .states(AVAILABLE)
    .no_value("The exporter had no result in this time")
}

pub fn stale_over_time() -> Panel {
    Panel::lines(
        "Time left until signatures turn stale",
        "Rises with each possible update, and falls while none is possible. The lines match DefenderStaleSignatureRisk: four days, and one.",
    )
    .over_time("{{instance}}", "min by (instance) (defender_signatures_stale_after_timestamp_seconds{%instance} - time())")
    .unit("s")
    .below_zero()
    .limits(STALE)
    .custom("thresholdsStyle", json!({ "mode": "dashed" }))
    .no_value("Not known")
}

pub fn last_available() -> Panel {
    Panel::table(
        "When each source was last available",
        "Time since each source was last available, per route. Never: not since the exporter's records began (state_file).",
    )
    .rows("min by (instance, source, route) (defender_update_source_available{%route})")
    .rows("time() - max by (instance, source, route) (defender_update_source_last_available_timestamp_seconds{%route})")
    .columns(
        &[
            ("instance", "Instance"),
            ("source", "Source"),
            ("route", "Route"),
            ("Value #A", "Now"),
            ("Value #B", "Last available"),
        ],
        &[],
    )
    .state_column("Now", 100, AVAILABLE)
    .field("Last available", &[("unit", json!("s")), ("noValue", json!("never"))])
    .sorted(&[("Now", false), ("Source", false)])
    .no_value("Unknown: the exporter has no result")
}

pub fn published() -> Panel {
    Panel::table(
        "What the version feed names",
        "The newest signatures, engine and platform in the version feed, per route, and the age of the signatures. The limit of two days matches DefenderPublishedFeedStale: look for a caching proxy.",
    )
    .rows("time() - max by (instance, route, version, engine, platform) (defender_signatures_published_timestamp_seconds{%route})")
    .columns(
        &[
            ("instance", "Instance"),
            ("route", "Route"),
            ("version", "Signatures"),
            ("engine", "Engine"),
            ("platform", "Platform"),
            ("Value", "Published"),
        ],
        &[],
    )
    .number_column("Published", 110, "s", PUBLISHED)
    .width("Instance", 150)
    .sorted(&[("Published", true)])
    .no_value("No route could read the feed")
}

pub fn feed() -> Panel {
    Panel::stat(
        "Version feed",
        "Whether the version feed can be read, per route, and whether it shows signs of old content (backwards, behind, old), as from a caching proxy.",
    )
    .now("{{route}}", "min by (route) (defender_signatures_feed_success{%route})")
    .now("{{route}}: {{finding}}", "max by (route, finding) (defender_signatures_feed_stale{%route} == 1) + 1")
    .states(&[(0, "Unreadable", "red"), (1, "Read", "green"), (2, "Old content", "orange")])
    .no_value("Not read yet")
}
