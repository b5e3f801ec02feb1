//! The endpoints: those that fail, by cause, or all of them. On a wide terminal a table, on a narrow one a list whose URLs
//! stay whole.

use std::fmt::Write as _;

use comfy_table::ColumnConstraint;

use super::View;
use crate::commands::terminal::{self, HEADING, paint, verdict_style};
use crate::commands::wrap::wrap_to;
use crate::plan::{Target, TargetId};
use crate::report::{self, CauseGroup};
use crate::state::{Snapshot, TargetState};
use crate::text::one_line;
use crate::verdict::Verdict;

/// The smallest width of the column WHY in a table.
const MIN_WHY: usize = 40;

/// The columns of a table; the route is shown if there are several.
const COLUMNS: [&str; 7] = ["STATE", "COMPONENT", "ROUTE", "STATUS", "TIME", "ENDPOINT", "WHY"];

/// The position of the endpoint in [`COLUMNS`].
const URL: usize = 5;

/// An endpoint in words.
struct EndpointLine {
    verdict: Option<Verdict>,
    cells: [String; 7],
    /// Why it isn't good, without its own name: equal for all hosts that one cause affects.
    general_why: String,
}

impl EndpointLine {
    fn new(target: &Target, state: &TargetState) -> Self {
        let last = state.last.as_ref();
        let http = last.and_then(|last| last.facts.http.as_ref());
        let time = last.map(|last| format!("{} ms", last.facts.timings.total().as_millis()));
        let why = one_line(&report::why(target, state));
        Self {
            general_why: why.replace(target.endpoint.url.host(), "the host"),
            verdict: state.verdict(),
            cells: [
                state.verdict().map_or("unknown", Verdict::as_str).to_owned(),
                target.endpoint.component.to_string(),
                target.route.name.clone(),
                http.map_or_else(|| "-".to_owned(), |http| http.status.to_string()),
                time.unwrap_or_else(|| "-".to_owned()),
                target.endpoint.url.to_string(),
                why,
            ],
        }
    }

    fn from_targets<'a>(snapshot: &'a Snapshot, ids: impl Iterator<Item = TargetId> + 'a) -> Vec<Self> {
        ids.map(|id| Self::new(snapshot.plan.target(id), &snapshot.targets[id.0])).collect()
    }
}

/// The endpoints that fail, by cause; empty if there are none.
pub(super) fn failing(snapshot: &Snapshot, causes: &[CauseGroup], view: &View) -> String {
    let mut text = String::new();
    for (n, cause) in causes.iter().enumerate() {
        if n == 0 {
            text.push_str(&paint(HEADING, "\nFailing endpoints\n"));
        }
        let name = if cause.codes.is_empty() { cause.title.clone() } else { cause.codes.join(", ") };
        let heading = wrap_to(view.width, &name, &format!("{}. ", n + 1), "   ");
        let _ = write!(text, "\n{}", paint(HEADING, &heading)); // a String never fails
        let mut rows = EndpointLine::from_targets(snapshot, cause.targets.iter().copied());
        // Equal reasons are printed together, in the order of the plan.
        let reasons: Vec<_> = rows.iter().map(|row| row.general_why.clone()).collect();
        rows.sort_by_key(|row| reasons.iter().position(|reason| *reason == row.general_why));
        text.push_str(&list(&rows, &shown(snapshot, Some(cause)), view));
        text.push_str(&aliases(snapshot, cause.targets.iter().copied(), view));
    }
    text
}

/// Every endpoint.
pub(super) fn all(snapshot: &Snapshot, view: &View) -> String {
    let rows = EndpointLine::from_targets(snapshot, snapshot.defender().map(|(id, ..)| id));
    let aliases = aliases(snapshot, snapshot.defender().map(|(id, ..)| id), view);
    paint(HEADING, "\nAll endpoints\n") + "\n" + &list(&rows, &shown(snapshot, None), view) + &aliases
}

/// The aliases of the hosts: an exemption for the host alone misses them where a firewall compares resolved names.
fn aliases(snapshot: &Snapshot, ids: impl Iterator<Item = TargetId>, view: &View) -> String {
    let chains = report::alias_chains(snapshot, ids);
    if chains.is_empty() {
        return String::new();
    }
    let lines = chains.iter().map(|chain| wrap_to(view.width, &chain.to_string(), "     ", "       "));
    format!("\n{}", wrap_to(view.width, report::ALIASES_HEADING, "   ", "   "))
        + &lines.collect::<Vec<_>>().concat()
}

/// How many endpoints are good, and how to see them.
pub(super) fn good(snapshot: &Snapshot, view: &View) -> String {
    let counts = report::Counts::from_snapshot(snapshot);
    let routes = if snapshot.plan.routes.len() > 1 { ", counted by route" } else { "" };
    let is_good = |state: &TargetState| state.verdict() == Some(Verdict::Good);
    let remarks = snapshot
        .defender()
        .filter(|(_, target, state)| is_good(state) && !report::notes(target, state).is_empty());
    let remarks = match remarks.count() {
        0 => String::new(),
        count => format!(", {count} with remarks"),
    };
    let words = format!(
        "Good: {} of {} endpoints{routes}{remarks}. List them with --all.",
        counts.good,
        counts.total()
    );
    format!("\n{}", wrap_to(view.width, &words, "", ""))
}

/// The columns to show: the route if there are several, and of what fails for one cause no status and no time.
fn shown(snapshot: &Snapshot, cause: Option<&CauseGroup>) -> Vec<usize> {
    let several = snapshot.plan.routes.len() > 1;
    let is_shown = |column: &usize| match COLUMNS[*column] {
        "ROUTE" => several,
        "STATUS" | "TIME" => cause.is_none(),
        _ => true,
    };
    (0..COLUMNS.len()).filter(is_shown).collect()
}

fn list(rows: &[EndpointLine], shown: &[usize], view: &View) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row.cells[column].chars().count());
        cells.chain([COLUMNS[column].len()]).max().unwrap_or_default()
    };
    // Two spaces surround each cell.
    let fixed: usize = shown.iter().filter(|column| COLUMNS[**column] != "WHY").map(|c| width(*c) + 2).sum();
    let why = if rows.iter().all(|row| row.cells[6].is_empty()) { 0 } else { MIN_WHY };
    if fixed + why <= view.width { table(rows, shown, view) } else { stacked(rows, shown, view) }
}

fn table(rows: &[EndpointLine], shown: &[usize], view: &View) -> String {
    let mut table = terminal::table(view.width);
    table.set_header(shown.iter().map(|column| COLUMNS[*column]));
    for row in rows {
        table.add_row(shown.iter().map(|column| &row.cells[*column]));
    }
    for column in table.column_iter_mut().take(shown.len() - 1) {
        column.set_constraint(ColumnConstraint::ContentWidth); // only WHY, the last column, is wrapped
    }
    let text = table.trim_fmt();
    let mut lines = text.lines();
    let mut painted: String = lines.next().map(|header| paint(HEADING, header) + "\n").unwrap_or_default();
    for line in lines {
        painted.push_str(&paint_state(line));
        painted.push('\n');
    }
    painted
}

/// The line with its first word in the style of that state. Lines that continue a cell begin with spaces.
fn paint_state(line: &str) -> String {
    let word = line.trim_start_matches(' ').split(' ').next().unwrap_or_default();
    let verdict = Verdict::ALL.iter().find(|verdict| verdict.as_str() == word);
    match verdict {
        Some(verdict) if line.starts_with(&format!(" {word} ")) => {
            line.replacen(word, &paint(verdict_style(Some(*verdict)), word), 1)
        }
        _ => line.to_owned(),
    }
}

/// A line for each endpoint, and one for its URL if it doesn't fit there. Reasons of neighbours that differ by the host alone are
/// printed once, below the last of them.
fn stacked(rows: &[EndpointLine], shown: &[usize], view: &View) -> String {
    let width = |column: usize| rows.iter().map(|row| row.cells[column].len()).max().unwrap_or_default();
    let mut text = String::new();
    let before_url: Vec<_> = shown.iter().copied().filter(|column| *column < URL).collect();
    let taken: usize = before_url.iter().map(|column| width(*column) + 2).sum();
    let mut folded = 0;
    for (n, row) in rows.iter().enumerate() {
        for column in &before_url {
            let cell = format!("{:<width$}", row.cells[*column], width = width(*column));
            text.push_str("  ");
            text.push_str(&if *column == 0 { paint(verdict_style(row.verdict), &cell) } else { cell });
        }
        let url = &row.cells[URL];
        let gap = if taken + 2 + url.chars().count() <= view.width { "  " } else { "\n      " };
        let _ = writeln!(text, "{gap}{url}"); // a String never fails
        folded += 1;
        if rows.get(n + 1).is_none_or(|next| next.general_why != row.general_why) {
            let why = if folded == 1 { &row.cells[URL + 1] } else { &row.general_why };
            if !why.is_empty() {
                text.push_str(&wrap_to(view.width, why, "      ", "      "));
            }
            folded = 0;
        }
    }
    // A line that ends before its URL would end in spaces.
    text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
}
