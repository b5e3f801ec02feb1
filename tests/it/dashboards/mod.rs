//! Generates the dashboards in `dashboards/` (`cargo run --example dashboards` writes them) and tests them.
//! `real/panels` runs their queries against Prometheus.

mod alerts;
mod board;
mod common_causes;
mod endpoint;
mod fleet;
mod folding;
mod grouping;
mod latency;
mod limit_lines;
#[cfg(test)]
mod limits;
mod line_colors;
mod machine;
mod overview;
mod own_validation;
mod panel;
#[cfg(test)]
mod queries;
mod remedies;
#[cfg(test)]
mod shape;
mod source_states;
pub mod stops;
mod table;
mod tiles;
mod v2;
#[cfg(test)]
mod wording;
mod words;

use std::path::PathBuf;

use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::PrettyFormatter;

/// The files and their texts.
pub fn files() -> Vec<(PathBuf, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("dashboards");
    let boards = [
        ("defender-overview.json", overview::board()),
        ("defender-endpoint.json", endpoint::board()),
        ("defender-fleet.json", fleet::board()),
    ];
    boards
        .into_iter()
        .flat_map(|(name, board)| {
            let classic = board.json();
            let other = v2::converted(&classic);
            [(folder.join(name), written(&classic)), (folder.join("v2").join(name), written(&other))]
        })
        .collect()
}

/// A file's text. Indented by one space: in a ConfigMap that `kubectl apply` makes, it counts twice.
fn written(json: &Value) -> String {
    let mut text = Vec::new();
    let mut writer = serde_json::Serializer::with_formatter(&mut text, PrettyFormatter::with_indent(b" "));
    json.serialize(&mut writer).unwrap();
    String::from_utf8(text).unwrap() + "\n"
}

/// The dashboards as Grafana reads them.
#[cfg(test)]
pub fn boards() -> Vec<Value> {
    let classic = files().into_iter().filter(|(path, _)| !path.parent().unwrap().ends_with("v2"));
    classic.map(|(_, text)| serde_json::from_str(&text).unwrap()).collect()
}

/// The panels of a dashboard, those of collapsed rows included, without the headings.
#[cfg(test)]
pub fn panels(board: &Value) -> impl Iterator<Item = &Value> {
    let all = board["panels"].as_array().unwrap().iter();
    let with_inner = all.flat_map(|panel| std::iter::once(panel).chain(inner(panel)));
    with_inner.filter(|panel| panel["type"] != "row")
}

/// The panels of a collapsed row.
#[cfg(test)]
pub fn inner(row: &Value) -> impl Iterator<Item = &Value> {
    row["panels"].as_array().into_iter().flatten()
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
