//! `catalog` for people: a table on a wide terminal, a list on a narrow one. URLs stay whole.

use std::fmt::Write as _;

use comfy_table::{ColumnConstraint, Width};

use super::apex_rules;
use crate::catalog::Endpoint;
use crate::commands::terminal::{self, HEADING, paint};
use crate::commands::wrap::wrap_to;

const COLUMNS: [&str; 6] = ["COMPONENT", "ALLOW", "PORTS", "ENDPOINT", "EXPECTS", "BASIS"];

/// The position of the names to allow in [`COLUMNS`].
const ALLOW: usize = 1;

/// The other columns that a table may wrap, and their smallest width: what is expected, and the basis of that.
const WRAPPED: [usize; 2] = [4, 5];
const MIN_WRAPPED: usize = 12;

/// In place of the names to allow: the control.
const NOT_NEEDED: &str = "not needed by Defender";

/// The endpoints, laid out for a width, and remarks.
pub(super) fn render(endpoints: &[&Endpoint], width: usize) -> String {
    let rows: Vec<_> = endpoints.iter().map(|endpoint| row(endpoint)).collect();
    let longest = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([COLUMNS[column].len()]).max().unwrap_or_default()
    };
    // Lists of names are wrapped between names.
    let allow = endpoints.iter().flat_map(|endpoint| endpoint.names_to_allow()).map(|name| name.len() + 1);
    let allow = allow.max().unwrap_or_default();
    let least = |column: usize| match column {
        ALLOW => allow,
        _ if WRAPPED.contains(&column) => MIN_WRAPPED,
        _ => longest(column),
    };
    // Two spaces surround each cell.
    let fits = (0..COLUMNS.len()).map(|column| least(column) + 2).sum::<usize>() <= width;
    let mut text = if fits { table(&rows, allow, width) } else { list(&rows, width) };
    for (n, rule) in apex_rules(endpoints).iter().enumerate() {
        text.push_str(if n == 0 { "\n" } else { "" });
        text.push_str(&wrap_to(width, rule, "", "  "));
    }
    text
}

fn row(endpoint: &Endpoint) -> [String; 6] {
    let names = endpoint.names_to_allow();
    let captured = endpoint.captured.map(|captured| format!(", {captured}")).unwrap_or_default();
    [
        endpoint.component.to_string(),
        if names.is_empty() { NOT_NEEDED.to_owned() } else { names.join(", ") },
        endpoint.ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
        endpoint.url.to_string(),
        format!("{} {}", endpoint.method, endpoint.expect),
        format!("{} {}{captured}", endpoint.confidence, endpoint.basis),
    ]
}

fn table(rows: &[[String; 6]], allow: usize, width: usize) -> String {
    let mut table = terminal::table(width);
    table.set_header(COLUMNS);
    for row in rows {
        table.add_row(row);
    }
    let allow = u16::try_from(allow + 2).unwrap_or(u16::MAX); // padding included
    for (n, column) in table.column_iter_mut().enumerate() {
        if n == ALLOW {
            column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(allow)));
        } else if !WRAPPED.contains(&n) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    let text = table.trim_fmt();
    let (header, rows) = text.split_once('\n').unwrap_or((&text, ""));
    format!("{}\n{rows}\n", paint(HEADING, header))
}

/// The component, the names to allow, and below them the endpoints.
fn list(rows: &[[String; 6]], width: usize) -> String {
    let mut text = String::new();
    let (mut component, mut allow) = ("", String::new());
    for [own, names, ports, url, expects, basis] in rows {
        if own != component {
            let line = if component.is_empty() { "" } else { "\n" };
            text.push_str(&paint(HEADING, &format!("{line}{own}\n")));
            (component, allow) = (own.as_str(), String::new());
        }
        let names = format!("{names}: {} {ports}", if ports.contains(',') { "ports" } else { "port" });
        if names != allow {
            text.push_str(&wrap_to(width, &names, "  ", "    "));
            allow = names;
        }
        let _ = writeln!(text, "    {url}"); // a String never fails
        text.push_str(&wrap_to(width, &format!("{expects}; basis: {basis}"), "      ", "      "));
    }
    text
}
