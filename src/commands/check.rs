//! `check`: prints one round of probes as a table or JSON, with an exit code.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::SystemTime;

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};

use super::wrap::wrap;
use crate::exit::ExitError;
use crate::report::{self, StatusReport, Why};
use crate::state::{ComponentState, Snapshot, SourceState};
use crate::verdict::{MapsConnection, Verdict};

pub use crate::report::exit_code;

/// How the result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// The result of the round, `now` being the current time.
///
/// # Errors
/// If it can't be serialized: a bug in the exporter.
pub fn render(snapshot: &Snapshot, format: CheckFormat, now: SystemTime) -> Result<String, ExitError> {
    match format {
        CheckFormat::Table => Ok(table(snapshot)),
        CheckFormat::Json => {
            let json = StatusReport::new(snapshot, now, env!("CARGO_PKG_VERSION")).to_json();
            json.map_err(|error| ExitError::render("the report", &error))
        }
    }
}

fn table(snapshot: &Snapshot) -> String {
    let mut text = endpoints(snapshot).trim_fmt();
    text.push_str("\n\n");
    let width = snapshot.plan.routes.iter().map(|route| route.name.len()).max().unwrap_or_default();
    for ComponentState { component, route, verdict } in &snapshot.components {
        let verdict = verdict.map_or("unknown", Verdict::as_str);
        let _ = writeln!(text, "{component:<12} {route:<width$}  {verdict}"); // a String never fails
    }
    text.push_str(&maps(snapshot));
    text.push_str(&updates(snapshot, width));
    text.push_str(&disagreements(snapshot));
    if let Some(clock) = report::suspected_clock(snapshot) {
        text.push_str("\nThis machine's clock\n");
        text.push_str(&wrap(&clock, "  ", "  "));
    }
    text.push_str(&what_to_do(snapshot));
    text
}

/// MAPS by route: whether clients can connect, and why not.
fn maps(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for route in &snapshot.plan.routes {
        let states: Vec<_> = snapshot.maps.iter().filter(|maps| maps.route == route.name).collect();
        if states.is_empty() {
            continue;
        }
        let words: Vec<_> =
            states.iter().map(|maps| format!("{} {}", maps.options, connection(&maps.connection))).collect();
        let _ = writeln!(text, "\nMAPS via {}, for clients with SSLOptions {}", route.name, words.join(", "));
        if let Some(story) = report::maps_summary(snapshot, &route.name) {
            text.push_str(&wrap(&story, "  ", "  "));
        }
    }
    text
}

/// Endpoints that work on some routes only.
fn disagreements(snapshot: &Snapshot) -> String {
    let found = report::disagreements(snapshot);
    let of = |id| &snapshot.plan.target(id).endpoint;
    let by_endpoint: BTreeMap<_, _> = found
        .into_iter()
        .map(|(id, routes)| ((of(id).component, of(id).url.as_str()), routes.to_string()))
        .collect();
    let mut text = String::new();
    for (n, ((_, url), routes)) in by_endpoint.into_iter().enumerate() {
        let title = if n == 0 { "\nRoutes disagree\n" } else { "" };
        let _ = writeln!(text, "{title}  {url}\n    {routes}"); // a String never fails
    }
    text
}

/// The sources from which clients can update.
fn updates(snapshot: &Snapshot, width: usize) -> String {
    let mut text = String::new();
    for (n, SourceState { source, route, available, .. }) in snapshot.signatures.sources.iter().enumerate() {
        let title = if n == 0 { "\nUpdate sources\n" } else { "" };
        let word = match available {
            Some(true) => "available",
            Some(false) => "not available",
            None => "unknown",
        };
        let _ = writeln!(text, "{title}  {source:<16} {route:<width$}  {word}"); // a String never fails
    }
    text
}

const fn connection(connection: &MapsConnection) -> &'static str {
    match connection {
        MapsConnection::Unknown => "unknown",
        MapsConnection::Connected => "connected",
        MapsConnection::Lost(_) => "lost",
    }
}

fn endpoints(snapshot: &Snapshot) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let several = snapshot.plan.routes.len() > 1;
    let header = ["COMPONENT", "ROUTE", "STATE", "STATUS", "TIME", "ENDPOINT", "WHY"];
    table.set_header(header.into_iter().filter(|column| several || *column != "ROUTE"));
    for (_, target, state) in snapshot.iter() {
        let status =
            state.last.as_ref().and_then(|last| last.facts.http.as_ref()).map(|http| http.status.to_string());
        let time = state.last.as_ref().map(|last| format!("{} ms", last.facts.timings.total().as_millis()));
        let mut row = vec![target.endpoint.component.to_string()];
        row.extend(several.then(|| target.route.name.clone()));
        row.extend([
            state.verdict().map_or("unknown", Verdict::as_str).to_owned(),
            status.unwrap_or_else(|| "-".to_owned()),
            time.unwrap_or_else(|| "-".to_owned()),
            target.endpoint.url.to_string(),
            report::why(target, state),
        ]);
        table.add_row(row);
    }
    table
}

/// Advice for each kind of failure, once.
fn what_to_do(snapshot: &Snapshot) -> String {
    let mut kinds: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (_, target, state) in snapshot.iter() {
        let Some(why) = state.concern().map(Why::from) else { continue };
        let Some(code) = why.code() else { continue };
        let remedies = why.first_remedies(target.endpoint.component);
        let known = kinds.entry((code, why.title)).or_default();
        for remedy in remedies {
            if !known.contains(&remedy) {
                known.push(remedy);
            }
        }
    }
    let mut text = String::new();
    for ((code, title), remedies) in kinds {
        let _ = writeln!(text, "\n{code}: {title}"); // a String never fails
        for remedy in remedies {
            text.push_str(&wrap(&remedy, "  ", "  "));
        }
        let _ = writeln!(text, "  More: defender-exporter explain {code}");
    }
    text
}
