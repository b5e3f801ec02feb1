//! Generates the dashboards in `dashboards/` (`cargo run --example dashboards` writes them) and tests them.
//! `real/panels` runs their queries against Prometheus.

mod board;
mod endpoint;
mod fleet;
mod latency;
mod machine;
mod overview;
mod panel;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod shape;
mod words;

use std::path::PathBuf;

#[cfg(test)]
use serde_json::Value;

/// The files and their texts.
pub fn files() -> Vec<(PathBuf, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let boards = [
        ("defender-overview.json", overview::board()),
        ("defender-endpoint.json", endpoint::board()),
        ("defender-fleet.json", fleet::board()),
    ];
    boards.into_iter().map(|(name, board)| (folder.join(name), board.text())).collect()
}

/// The dashboards as Grafana reads them.
#[cfg(test)]
pub fn boards() -> Vec<Value> {
    files().into_iter().map(|(_, text)| serde_json::from_str(&text).unwrap()).collect()
}

/// The panels of a dashboard, without the headings.
#[cfg(test)]
pub fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    board["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

/// A value that is a text.
#[cfg(test)]
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[test]
fn the_files_are_what_the_program_writes() {
    for (path, made) in files() {
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        let same = there.replace("\r\n", "\n") == made;
        assert!(
            same,
            "{} differs; if the change is intended: cargo run --example dashboards",
            path.display()
        );
    }
}
