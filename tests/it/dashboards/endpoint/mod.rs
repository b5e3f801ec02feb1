//! The dashboard of one endpoint: state, cause, durations, and history.

mod connection;
mod history;
mod now;
mod purpose;

use super::board::{Board, common, one};
use super::latency;

/// Which endpoint is shown first: that of cloud protection.
const FIRST: &str = "https://wdcp.microsoft.com/";

const NO_RESULT: &str = "No selected exporter has a result";
const NO_TLS: &str = "No TLS in the results";

/// The dashboard.
pub fn board() -> Board {
    let endpoint = r#"label_values(defender_endpoint_info{%target, component!="control", component=~"$component"}, endpoint)"#;
    let phase = "label_values(defender_probe_phase_duration_seconds{%component}, phase)";
    let board = Board::new(
        "defender-endpoint",
        "Defender / Endpoint",
        "One endpoint of Microsoft Defender Antivirus: phases of its probes, status, TLS, names, failures.",
        "now-6h",
    );
    let board = board
        .variables(common())
        .variables([one("endpoint", "Endpoint", endpoint, FIRST), one("phase", "Phase", phase, "request")])
        .link("Overview", "defender-overview")
        .link("Fleet", "defender-fleet")
        .line(3, [(24, now::reachable())])
        .line(5, [(24, purpose::purpose())])
        .line(6, [(24, now::places())])
        .line(6, [(24, now::why())]);
    let board = board
        .row("Where the time goes")
        .line(8, [(24, history::phases())])
        .line(6, [(24, history::reachable_history())])
        .line(6, [(24, history::reasons_history())]);
    let board = board
        .collapsed("Durations and failures")
        .line(9, [(13, latency::heatmap()), (11, latency::percentiles())])
        .line(8, [(12, history::failures()), (12, history::component_failures())]);
    let board = board
        .collapsed("Status and TLS")
        .line(8, [(12, history::status_history()), (12, history::expected_history())])
        .line(8, [(12, history::range_history()), (12, connection::revocation_history())])
        .line(8, [(12, connection::tls_history()), (12, connection::expiry_history())])
        .line(5, [(24, connection::tls())]);
    board
        .collapsed("Names, addresses, proxy")
        .line(8, [(12, connection::addresses()), (12, connection::each_address())])
        .line(6, [(24, connection::proxy())])
}
