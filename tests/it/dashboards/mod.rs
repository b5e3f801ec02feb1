//! The dashboards in `dashboards/` are made here, and held to what they promise. After an intended change,
//! `UPDATE_GOLDEN=1 cargo test --test it dashboards` writes the files anew. That their queries return data is tried against a
//! running Prometheus in `real/`.

mod board;
mod endpoint;
mod fleet;
mod latency;
mod machine;
mod overview;
mod panel;
mod queries;
mod shape;
mod words;

use std::path::PathBuf;

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
pub fn boards() -> Vec<Value> {
    files().into_iter().map(|(_, text)| serde_json::from_str(&text).unwrap()).collect()
}

/// The panels of a dashboard, without the headings.
pub fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    board["panels"].as_array().unwrap().iter().filter(|panel| panel["type"] != "row")
}

/// A value that is a text.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

#[test]
fn the_files_are_what_is_made_here() {
    for (path, made) in files() {
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &made).unwrap();
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        let same = there.replace("\r\n", "\n") == made;
        assert!(
            same,
            "{}: if the change is intended: UPDATE_GOLDEN=1 cargo test --test it dashboards",
            path.display()
        );
    }
}
