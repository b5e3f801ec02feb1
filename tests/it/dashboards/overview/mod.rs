//! The overview: whether Defender works, why not, and what to change; then history, expiry and durations.

mod history;
mod now;
mod trust;
mod updates;

use serde_json::json;

use super::board::{Board, common};
use super::panel::Panel;
use super::words::{FIRING, TO_OVERVIEW};
use super::{latency, machine};

/// The dashboard.
pub fn board() -> Board {
    let board = Board::new(
        "defender-overview",
        "Defender / Overview",
        "Whether this network lets Microsoft Defender Antivirus work: cloud protection, updates, failures, causes and remedies.",
        "now-24h",
    );
    let board = board
        .variables(common())
        .link("Fleet", "defender-fleet")
        .link("Endpoint", "defender-endpoint")
        .line(
            5,
            [
                (7, now::maps()),
                (6, now::sources()),
                (4, now::stale()),
                (3, now::failing_count()),
                (4, now::exporter()),
            ],
        )
        .line(6, [(8, now::maps_by_options()), (16, now::maps_reasons())])
        .line(6, [(24, now::causes())])
        .line(10, [(24, now::failing())]);
    let board = board
        .row("Availability over time")
        .line(7, [(12, history::maps_over_time()), (12, history::components_over_time())])
        .line(8, [(8, history::availability()), (8, history::reachable_share()), (8, history::failures())]);
    let board = board
        .row("Updates and signatures")
        .line(7, [(12, updates::sources_over_time()), (12, updates::stale_over_time())])
        .line(7, [(9, updates::last_available()), (10, updates::published()), (5, updates::feed())]);
    let board = board
        .row("Certificates and revocation lists")
        .line(9, [(13, trust::certificates()), (11, trust::lists())])
        .line(7, [(6, trust::tls_counts()), (18, trust::inspected())]);
    let board = board.row("How long it takes").line(8, [(12, latency::phases()), (12, history::medians())]);
    machine::rows(board).row("Alerts").line(6, [(24, alerts())])
}

fn alerts() -> Panel {
    let states = json!([{ "type": "value", "options": {
        "critical": { "color": "red", "index": 0, "text": "critical" },
        "warning": { "color": "orange", "index": 1, "text": "warning" },
        "info": { "color": "blue", "index": 2, "text": "info" },
    } }]);
    Panel::table(
        "Firing alerts",
        "Firing alerts of alerts/defender.rules.yml for the selected instances. alerts/RUNBOOK.md has a section for each.",
    )
    .rows(&format!("max by (severity, alertname, instance, route, component) ({FIRING})"))
    .columns(
        &[
            ("severity", "Severity"),
            ("alertname", "Alert"),
            ("instance", "Instance"),
            ("route", "Route"),
            ("component", "Component"),
        ],
        &["Value"],
    )
    .field("Severity", &[("mappings", states), ("custom.cellOptions", json!({ "mode": "basic", "type": "color-background" })), ("custom.width", json!(110))])
    .links("Instance", &[("Overview of this instance", TO_OVERVIEW)])
    .sorted(&[("Severity", false)])
    .no_value("No alert fires, or Prometheus has not loaded the rules")
}
