//! The overview: whether Defender works, why not, and what to change; then history, expiry and durations.

mod causes;
mod history;
mod now;
mod trust;
mod updates;

use super::board::{Board, common_of_one_place};
use super::{common_causes, latency, machine};

/// The dashboard.
pub fn board() -> Board {
    let board = Board::new(
        "defender-overview",
        "Defender / Overview",
        "Whether this network lets Microsoft Defender Antivirus work: cloud protection, updates, failures, causes and remedies.",
        "now-24h",
    );
    let board = board
        .variables(common_of_one_place())
        .link("Fleet", "defender-fleet")
        .link("Endpoint", "defender-endpoint")
        .line(4, [(8, now::maps()), (16, now::sources())])
        .line(4, [(8, now::stale()), (11, now::failing_count()), (5, now::exporter())])
        .line(3, [(24, common_causes::of_one_place())])
        .line(11, [(24, causes::causes())])
        .line(6, [(24, now::routes())])
        .line(7, [(24, updates::by_route())])
        .line(6, [(24, now::alerts())])
        .line(8, [(24, causes::failing())])
        .line(9, [(12, history::maps_over_time()), (12, history::components_over_time())]);
    let board = board
        .collapsed("Availability over time")
        .line(7, [(24, history::monthly())])
        .line(9, [(24, history::availability())])
        .line(9, [(24, history::reachable_share())])
        .line(8, [(24, history::failures())])
        .with_alerts();
    let board = board
        .collapsed("Updates and signatures")
        .line(8, [(24, updates::sources_over_time())])
        .line(6, [(24, updates::stale_over_time())])
        .line(5, [(24, updates::feed())]);
    let board = board
        .collapsed("Certificates and revocation lists")
        .line(7, [(24, trust::certificates())])
        .line(7, [(24, trust::lists())])
        .line(4, [(24, trust::tls_counts())])
        .line(6, [(24, trust::inspected())]);
    let board = board
        .collapsed("How long it takes")
        .line(9, [(24, latency::phases())])
        .line(9, [(24, history::medians())]);
    machine::rows(board)
}
