//! The row of the machine's own Defender. Most exporters run without one, so each panel explains why it is empty.

use defender_exporter::host::events::EventKind;
use serde_json::{Value, json};

use super::board::Board;
use super::panel::{Panel, State};
use super::words::INSTALLED;

const NOT_TOLD: &str = "No Defender, or unavailable";
const WINDOWS: &str = "Not Windows, or unavailable";
const LINUX: &str = "No mdatp here";

/// Adds the row.
pub fn rows(board: Board) -> Board {
    board
        .row("The machine's own Defender, where the exporter runs beside one")
        .line(5, [(6, installed()), (5, validation()), (7, settings()), (6, mdatp())])
        .line(7, [(9, errors()), (8, events()), (7, reading())])
}

fn installed() -> Panel {
    Panel::stat(
        "Age of the installed signatures",
        "Age of the security intelligence on each machine, since it was built or, on Linux, installed. Seven days are stale, as in DefenderSignaturesStale.",
    )
    .now(
        "{{instance}}",
        "time() - max by (instance) (defender_signatures_installed_timestamp_seconds{%instance})",
    )
    .unit("s")
    .limits(INSTALLED)
    .no_value(NOT_TOLD)
}

fn validation() -> Panel {
    Panel::stat(
        "MAPS by Defender's own test",
        "Windows: whether MpCmdRun -ValidateMapsConnection succeeded. If it fails while the tiles above are good, check the machine, its WinHTTP proxy first.",
    )
    .now("{{instance}}", "min by (instance) (defender_host_maps_validation_success{%instance})")
    .states(&[(0, "Fails", "orange"), (1, "Connected", "green")])
    .no_value(WINDOWS)
}

/// Words for the values of one setting.
fn named(panel: Panel, name: &str, states: &[State<'_>]) -> Panel {
    let options = states
        .iter()
        .map(|(value, text, color)| (value.to_string(), json!({ "color": color, "text": text })));
    panel.field(name, &[("mappings", json!([{ "type": "value", "options": options.collect::<Value>() }]))])
}

fn settings() -> Panel {
    let panel = Panel::stat(
        "Settings (Windows)",
        "Settings of cloud protection in registry and policies; of several machines, the least protective. If the network requires a proxy and the machine has no WinHTTP proxy, Windows can't fetch revocation lists.",
    )
    .now("SSLOptions", "min(defender_host_ssl_options{%instance})")
    .now("WinHTTP proxy", "min(defender_host_winhttp_proxy_configured{%instance})")
    .now("Proxy by policy", "max(defender_host_proxy_policy_configured{%instance})")
    .now("Cloud protection by policy", "min(defender_host_spynet_reporting{%instance})")
    .now("Samples by policy", "max(defender_host_submit_samples_consent{%instance} == bool 2)")
    .no_value(WINDOWS);
    let options = [
        (0, "0: nothing checked", "orange"),
        (1, "1: revocation", "orange"),
        (2, "2: pinning", "orange"),
        (3, "3: both", "green"),
    ];
    let panel = named(panel, "SSLOptions", &options);
    let set = [(0, "Not set", "blue"), (1, "Set", "blue")];
    let panel = named(named(panel, "WinHTTP proxy", &set), "Proxy by policy", &set);
    let cloud = [(0, "Off", "red"), (1, "Basic", "green"), (2, "Advanced", "green")];
    let panel = named(panel, "Cloud protection by policy", &cloud);
    named(panel, "Samples by policy", &[(0, "Sent or asked", "green"), (1, "Never sent", "orange")])
}

fn mdatp() -> Panel {
    let panel = Panel::stat(
        "mdatp (Linux)",
        "State reported by mdatp; of several machines, the least protective: health, cloud protection, definitions, failed connections of its own test.",
    )
    .now("Healthy", "min(defender_host_healthy{%instance})")
    .now("Cloud protection", "min(defender_host_cloud_enabled{%instance})")
    .now("Definitions up to date", "min(defender_host_definitions_up_to_date{%instance})")
    .now("Failed connections", r#"max(defender_host_connectivity_tests{%instance, result="failed"})"#)
    .no_value(LINUX);
    let states = [(0, "No", "orange"), (1, "Yes", "green")];
    ["Healthy", "Cloud protection", "Definitions up to date"]
        .into_iter()
        .fold(panel, |panel, name| named(panel, name, &states))
}

fn errors() -> Panel {
    Panel::table(
        "Why Defender's own test fails (Windows)",
        "Error of MpCmdRun -ValidateMapsConnection and its meaning (for details, run `defender-exporter explain` with it), last connection to MAPS, last fallback to the alternate download location.",
    )
    .rows("max by (instance, hresult, cause) (defender_host_maps_validation_hresult_info{%instance})")
    .rows("time() - max by (instance) (defender_host_last_maps_connection_timestamp_seconds{%instance})")
    .rows("time() - max by (instance) (defender_host_last_fallback_timestamp_seconds{%instance})")
    .columns(
        &[
            ("instance", "Instance"),
            ("hresult", "Error"),
            ("cause", "What it means"),
            ("Value #B", "Last connection"),
            ("Value #C", "Last fallback"),
        ],
        &["Value #A"],
    )
    .field("Last connection", &[("unit", json!("s"))])
    .field("Last fallback", &[("unit", json!("s"))])
    .no_value(WINDOWS)
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
    .unit("short")
    .option(
        "legend",
        json!({ "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true }),
    )
    .no_value("No such event in this time, or not Windows");
    EventKind::ALL.iter().fold(panel, |panel, kind| {
        panel.field(kind.as_str(), &[("displayName", json!(format!("{kind}: {}", kind.meaning())))])
    })
}

fn reading() -> Panel {
    Panel::table(
        "What the exporter could read of it",
        "Whether all facts could be read from each source, and why not. access_denied: the exporter needs elevation.",
    )
    .rows("min by (instance, source) (defender_host_read_success{%instance})")
    .rows("max by (instance, source, reason) (defender_host_read_failure_reason{%instance})")
    .columns(
        &[("instance", "Instance"), ("source", "Source"), ("Value #A", "Read"), ("reason", "Why not")],
        &["Value #B"],
    )
    .state_column("Read", 90, &[(0, "Failed", "orange"), (1, "Read", "green")])
    .sorted(&[("Read", false)])
    .no_value("No Defender on these machines")
}
