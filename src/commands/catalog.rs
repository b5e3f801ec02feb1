//! `catalog`: what is probed, for people, programs, spreadsheets and firewall teams.

use std::collections::BTreeSet;

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};

use crate::catalog::Endpoint;

/// How the catalog is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
    /// The URLs alone, one a line.
    Urls,
}

const COLUMNS: [&str; 8] = ["component", "pattern", "ports", "geo", "method", "url", "expect", "basis"];

/// The endpoints in the order given.
#[must_use]
pub fn render(endpoints: &[&Endpoint], format: Format) -> String {
    match format {
        Format::Table => table(endpoints),
        Format::Json => json(endpoints),
        Format::Csv => csv(endpoints),
        Format::Urls => urls(endpoints),
    }
}

/// Each URL once: some serve two components.
fn urls(endpoints: &[&Endpoint]) -> String {
    let mut seen = BTreeSet::new();
    let urls = endpoints.iter().map(|endpoint| endpoint.url.as_str()).filter(|url| seen.insert(*url));
    urls.flat_map(|url| [url, "\n"]).collect()
}

fn row(endpoint: &Endpoint) -> [String; 8] {
    let ports: Vec<String> = endpoint.ports.iter().map(u16::to_string).collect();
    [
        endpoint.component.to_string(),
        endpoint.pattern.clone(),
        ports.join(", "),
        endpoint.geo.map_or_else(String::new, |geo| geo.to_string()),
        endpoint.method.to_string(),
        endpoint.url.to_string(),
        endpoint.expect.to_string(),
        endpoint.basis.to_string(),
    ]
}

fn table(endpoints: &[&Endpoint]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(COLUMNS.map(str::to_uppercase));
    for endpoint in endpoints {
        table.add_row(row(endpoint));
    }
    format!("{}\n", table.trim_fmt())
}

fn json(endpoints: &[&Endpoint]) -> String {
    // Words, numbers and texts: nothing in it that JSON can't hold.
    format!("{}\n", serde_json::to_string_pretty(endpoints).unwrap_or_default())
}

fn csv(endpoints: &[&Endpoint]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let rows =
        std::iter::once(COLUMNS.map(str::to_owned)).chain(endpoints.iter().map(|endpoint| row(endpoint)));
    for row in rows {
        // Writing to memory doesn't fail, and every row has the same length.
        let _ = writer.write_record(row);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::embedded;

    #[test]
    fn every_format_has_every_endpoint() {
        let endpoints: Vec<_> = embedded().endpoints.iter().collect();
        for format in [Format::Table, Format::Json, Format::Csv, Format::Urls] {
            let text = render(&endpoints, format);
            let missing: Vec<_> = endpoints.iter().filter(|e| !text.contains(e.url.as_str())).collect();
            assert!(missing.is_empty(), "{format:?} lacks {missing:?}");
        }
    }
}
