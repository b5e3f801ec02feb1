//! The dashboard of one endpoint: state, cause, durations, and history.

mod history;
mod now;

use super::board::{Board, common, one, several};
use super::latency;

/// Which endpoint is shown first: that of cloud protection.
const FIRST: &str = "https://wdcp.microsoft.com/";

const NO_RESULT: &str = "The exporter has no result";
const NO_TLS: &str = "No TLS connection";

/// The dashboard.
pub fn board() -> Board {
    let endpoint = "label_values(defender_probes_total{%component}, endpoint)";
    let phase = "label_values(defender_probe_phase_duration_seconds{%component}, phase)";
    let board = Board::new(
        "defender-endpoint",
        "Defender / Endpoint",
        "One endpoint of Microsoft Defender Antivirus: phases of its probes, status, TLS, names, failures.",
        "now-6h",
    );
    let board = board
        .variables(common())
        .variables([one("endpoint", "Endpoint", endpoint, FIRST), several("phase", "Phase", phase)])
        .link("Overview", "defender-overview")
        .link("Fleet", "defender-fleet")
        .line(
            5,
            [
                (7, now::reachable()),
                (5, now::status()),
                (4, now::last_answer()),
                (4, now::availability()),
                (4, now::expires()),
            ],
        )
        .line(6, [(16, now::why()), (8, now::what())]);
    let board = board
        .row("Where the time goes")
        .line(8, [(24, history::phases())])
        .line(9, [(13, latency::heatmap()), (11, latency::percentiles())]);
    let board = board
        .row("Failures")
        .line(6, [(12, history::reachable_history()), (12, history::reasons_history())])
        .line(8, [(12, history::failures()), (12, history::component_failures())]);
    let board = board
        .row("Status and TLS")
        .line(
            6,
            [
                (10, history::status_history()),
                (7, history::expected_history()),
                (7, history::range_history()),
            ],
        )
        .line(6, [(12, history::tls_history()), (12, history::revocation_history())])
        .line(6, [(16, history::tls()), (8, history::expiry_history())]);
    board
        .row("Names, addresses, proxy")
        .line(7, [(8, history::addresses()), (8, history::each_address()), (8, history::proxy())])
}
