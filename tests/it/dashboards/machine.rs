//! The row of the machine's own Defender. Most exporters run without one, so each panel explains why it is empty.

use defender_exporter::host::events::EventKind;
use defender_exporter::host::update_order::DifferenceKind;
use serde_json::json;

use super::board::Board;
use super::grouping::by_place;
use super::panel::{DAYS, Panel, State, fixed};
use super::words::{BAD, COMPONENTS, DOWN, DOWN_STATE, GOOD, INSTALLED, ODD, UNKNOWN, or_unknown, sources};

/// Words for machines without Defender.
const NONE: [State<'_>; 2] = [DOWN_STATE, (-1, "No Defender here", UNKNOWN)];

/// Adds the row.
pub fn rows(board: Board) -> Board {
    board
        .collapsed("The machine's own Defender, where the exporter runs beside one")
        .line(5, [(24, state())])
        .line(5, [(24, protection())])
        .line(6, [(24, effective_settings())])
        .line(6, [(24, update_order())])
        .line(5, [(24, settings())])
        .line(5, [(24, mdatp())])
        .line(7, [(24, reading())])
        .line(6, [(24, events())])
}

fn state() -> Panel {
    Panel::table(
        "Defender on the exporter's machine",
        "Age of the installed security intelligence since it was built or, on Linux, installed (seven days are stale, as in DefenderSignaturesStale). Windows: whether MpCmdRun -ValidateMapsConnection succeeds, its error and meaning, last connection to MAPS, last fallback to the alternate download location. If the validation fails while the tables above are good, check the machine, its WinHTTP proxy first.",
    )
    .rows(&or_unknown(
        &format!(
            "(time() - {}) / 86400",
            by_place("max", &[], "defender_signatures_installed_timestamp_seconds{%instance}")
        ),
        &[],
    ))
    .rows("defender_host_maps_validation_success{%instance}")
    .rows("defender_host_maps_validation_hresult_info{%instance}")
    .rows("1000 * defender_host_last_maps_connection_timestamp_seconds{%instance}")
    .rows("1000 * defender_host_last_fallback_timestamp_seconds{%instance}")
    .columns(
        &[
            ("Value #A", "Signatures' age"),
            ("place", "Instance"),
            ("Value #B", "MAPS validation"),
            ("hresult", "Error"),
            ("cause", "Why"),
            ("Value #D", "Last connection"),
            ("Value #E", "Last fallback"),
        ],
    )
    .wrapped("Instance", None)
    .number_column("Signatures' age", 145, DAYS, INSTALLED)
    .words("Signatures' age", &NONE)
    .state_column("MAPS validation", 130, &[(0, "Fails", BAD), (1, "Connected", GOOD)])
    .width("Error", 115)
    .wrapped("Why", None)
    .ago_column("Last connection", 130, "–")
    .ago_column("Last fallback", 120, "–")
    .sorted(&[("Signatures' age", false), ("Instance", false)])
    .no_value("No selected exporter has found Defender on its machine")
}

fn protection() -> Panel {
    let states = [(0, "Off", BAD), (1, "On", GOOD)];
    Panel::table(
        "What protects now",
        "Protection of the exporter's own machine: on Linux as mdatp reports, on Windows by the settings that count and the product's state in the registry (WMI isn't read). Beside another antivirus product, Defender is passive. A dash is unknown: tamper protection keeps protection on, whatever a setting says.",
    )
    .rows(&or_unknown(
        &format!(
            "defender_host_real_time_protection_enabled{{%instance}} or 0 * {} + 2",
            by_place("max", &[], "defender_host_read_success{%instance}")
        ),
        &[],
    ))
    .rows("defender_host_cloud_enabled{%instance}")
    .rows("defender_host_tamper_protection_enabled{%instance}")
    .rows("defender_host_running_mode_info{%instance}")
    .columns(&[
        ("Value #A", "Real-time protection"),
        ("place", "Instance"),
        ("Value #B", "Cloud protection"),
        ("Value #C", "Tamper protection"),
        ("mode", "Mode"),
    ])
    .state_column(
        "Real-time protection",
        145,
        &[(0, "Off", BAD), (1, "On", GOOD), (2, "Unknown", UNKNOWN), NONE[0], NONE[1]],
    )
    .state_column("Cloud protection", 125, &states)
    .state_column("Tamper protection", 125, &states)
    .width("Mode", 90)
    .wrapped("Instance", None)
    .sorted(&[("Real-time protection", false), ("Instance", false)])
    .no_value("No selected exporter has found Defender on its machine")
}

fn effective_settings() -> Panel {
    Panel::table(
        "Settings that count (Windows)",
        "Settings of Defender, of Group Policy, MDM or a local preference, in this order of precedence. Overruled: this place sets another value, which doesn't count. Texts such as a proxy are shown as set.",
    )
    .rows(&or_unknown(
        "defender_host_setting_info{%instance} or 0 * defender_host_setting_overruled{%instance}",
        &["setting", "origin", "value"],
    ))
    .columns(&[
        ("Value", "Counts"),
        ("setting", "Setting"),
        ("value", "Value of it"),
        ("origin", "Set by"),
        ("place", "Instance"),
    ])
    .state_column(
        "Counts",
        120,
        &[
            (1, "Counts", GOOD),
            (0, "Overruled", ODD),
            DOWN_STATE,
            (-1, "None known", UNKNOWN),
        ],
    )
    .wrapped("Instance", None)
    .wrapped("Setting", None)
    .wrapped("Value of it", None)
    .width("Set by", 130)
    .sorted(&[("Counts", false), ("Instance", false), ("Setting", false)])
    .no_value("No selected exporter runs on Windows with Defender")
}

/// In words, how the order of a machine's update sources can differ from the configuration's.
const DIFFERENCES: [(DifferenceKind, &str); DifferenceKind::ALL.len()] = [
    (DifferenceKind::Unlisted, "The machine uses it, and update_sources doesn't list it: nothing probes it"),
    (DifferenceKind::Unused, "update_sources lists it, and the machine doesn't use it"),
    (DifferenceKind::Earlier, "The machine uses it earlier than update_sources lists it"),
    (DifferenceKind::OtherServer, "The machine's WSUS server isn't at an address that update_sources lists"),
];

fn update_order() -> Panel {
    let differing = "defender_host_update_source_difference_info{%instance}".to_owned();
    let worded = DIFFERENCES.iter().fold(differing, |query, (kind, words)| {
        format!(r#"label_replace({query}, "difference", "{words}", "kind", "{kind}")"#)
    });
    Panel::table(
        "Update sources: what the machine uses, and what is listed (Windows)",
        "Each difference between the update sources that the machine's own Defender uses (FallbackOrder, with the place that sets it) and update_sources of the exporter's configuration; and exporters that are down. A difference is no fault: the network's clients may have other policies than this machine.",
    )
    .rows(&format!("{worded} or {DOWN} - 2"))
    .columns(&[
        ("Value", "Order"),
        ("difference", "Difference"),
        ("source", "Source"),
        ("origin", "Set by"),
        ("place", "Instance"),
    ])
    .state_column("Order", 120, &[(1, "Differs", ODD), DOWN_STATE])
    .wrapped("Difference", None)
    .width("Source", 345)
    .names("Source", &sources())
    .width("Set by", 130)
    .wrapped("Instance", None)
    .sorted(&[("Order", false), ("Instance", false), ("Source", false), ("Difference", false)])
    .no_value("No difference is known")
}

fn settings() -> Panel {
    let set = [(0, "Not set", GOOD), (1, "Set", GOOD)];
    Panel::table(
        "Settings (Windows)",
        "Settings of cloud protection in registry and policies. If the network requires a proxy and the machine has no WinHTTP proxy, Windows can't fetch revocation lists. Cloud protection and samples: by policy; empty without one.",
    )
    .rows(&or_unknown("defender_host_ssl_options{%instance}", &[]))
    .rows("defender_host_winhttp_proxy_configured{%instance}")
    .rows("defender_host_proxy_policy_configured{%instance}")
    .rows("defender_host_spynet_reporting{%instance}")
    .rows("defender_host_submit_samples_consent{%instance}")
    .columns(
        &[
            ("Value #A", "SSLOptions"),
            ("place", "Instance"),
            ("Value #B", "WinHTTP proxy"),
            ("Value #C", "Proxy policy"),
            ("Value #D", "Cloud protection"),
            ("Value #E", "Samples"),
        ],
    )
    .state_column(
        "SSLOptions",
        165,
        &[
            (0, "0: nothing checked", BAD),
            (1, "1: revocation alone", ODD),
            (2, "2: pinning alone", ODD),
            (3, "3: all checked", GOOD),
            DOWN_STATE,
            (-1, "No Windows settings", UNKNOWN),
        ],
    )
    .state_column("WinHTTP proxy", 115, &set)
    .state_column("Proxy policy", 100, &set)
    .state_column("Cloud protection", 125, &[(0, "Off", BAD), (1, "Basic", GOOD), (2, "Advanced", GOOD)])
    .state_column(
        "Samples",
        95,
        &[(0, "Ask", GOOD), (1, "Send safe", GOOD), (2, "Never", BAD), (3, "Send all", GOOD)],
    )
    .wrapped("Instance", None)
    .sorted(&[("SSLOptions", false), ("Instance", false)])
    .no_value("No selected exporter runs on Windows with Defender")
}

fn mdatp() -> Panel {
    let states = [(0, "No", BAD), (1, "Yes", GOOD)];
    Panel::table(
        "mdatp (Linux)",
        "State reported by mdatp: health, cloud protection, definitions, failed connections of its own test, health issues and conflicting applications, which the exporter's status page names.",
    )
    .rows(&or_unknown("defender_host_healthy{%instance}", &[]))
    // Windows has this too.
    .rows("defender_host_cloud_enabled{%instance} and defender_host_healthy{%instance}")
    .rows("defender_host_definitions_up_to_date{%instance}")
    .rows(r#"defender_host_connectivity_tests{%instance, result="failed"}"#)
    .rows("defender_host_health_issues{%instance}")
    .rows("defender_host_conflicting_applications{%instance}")
    .columns(&[
        ("Value #A", "Healthy"),
        ("place", "Instance"),
        ("Value #B", "Cloud"),
        ("Value #C", "Up to date"),
        ("Value #D", "Failed connections"),
        ("Value #E", "Health issues"),
        ("Value #F", "Conflicting applications"),
    ])
    .state_column(
        "Healthy",
        115,
        &[(0, "No", BAD), (1, "Yes", GOOD), DOWN_STATE, (-1, "No mdatp here", UNKNOWN)],
    )
    .state_column("Cloud", 75, &states)
    .state_column("Up to date", 95, &states)
    .width("Failed connections", 145)
    .width("Health issues", 110)
    .width("Conflicting applications", 170)
    .wrapped("Instance", None)
    .sorted(&[("Healthy", false), ("Instance", false)])
    .no_value("No selected exporter runs beside mdatp")
}

fn events() -> Panel {
    let panel = Panel::stacked_bars(
        "Events of Defender's log (Windows)",
        "Events of the log Microsoft-Windows-Windows Defender/Operational between two points, by event ID.",
    )
    .over_time(
        "{{event}}",
        "sum by (event) (increase(defender_host_events_total{%instance}[$__rate_interval])) > 0",
    )
    .of_counters()
    .axis("events")
    .no_value("No event of Defender was read in this time");
    EventKind::ALL.iter().zip(COMPONENTS).fold(panel, |panel, (kind, color)| {
        let name = ("displayName", json!(format!("{kind}: {}", kind.meaning())));
        let [color] = fixed(color);
        panel.field(kind.as_str(), &[name, color])
    })
}

fn reading() -> Panel {
    Panel::table(
        "What the exporter can read from Defender",
        "Whether each collector could read all of its facts, and why not. access_denied: the exporter needs elevation.",
    )
    .rows(&or_unknown("defender_host_read_success{%instance}", &["collector"]))
    .rows("defender_host_read_failure_reason{%instance}")
    .columns(
        &[("Value #A", "Read"), ("collector", "Collector"), ("reason", "Why not"), ("place", "Instance")],
    )
    .state_column("Read", 140, &[
        (0, "Failed", BAD),
        (1, "Read", GOOD),
        DOWN_STATE,
        (-1, "No Defender here", UNKNOWN),
    ])
    .wrapped("Instance", None)
    .width("Collector", 135)
    .width("Why not", 115)
    .sorted(&[("Read", false), ("Instance", false), ("Collector", false)])
    .no_value("No selected exporter has found Defender on its machine")
}
