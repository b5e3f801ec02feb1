//! The state by route: components, MAPS with each value of `SSLOptions`, update sources, and where routes disagree.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::View;
use crate::commands::terminal::{self, HEADING, paint};
use crate::commands::wrap::wrap_to;
use crate::report::{self, Counts};
use crate::state::{ComponentState, Snapshot, SourceState};
use crate::verdict::{MapsConnection, Verdict};

/// Components, MAPS, update sources and disagreements.
pub(super) fn render(snapshot: &Snapshot, view: &View) -> String {
    components(snapshot, view)
        + &maps(snapshot, view)
        + &updates(snapshot, view)
        + &disagreements(snapshot, view)
}

fn components(snapshot: &Snapshot, view: &View) -> String {
    let several = snapshot.plan.routes.len() > 1;
    let mut table = terminal::table(view.width);
    let header = ["COMPONENT", "ROUTE", "STATE", "ENDPOINTS"];
    table.set_header(header.into_iter().filter(|column| several || *column != "ROUTE"));
    for ComponentState { component, route, verdict } in &snapshot.components {
        let own = snapshot
            .iter()
            .filter(|(_, target, _)| target.endpoint.component == *component && target.route.name == *route);
        let counts: Counts = own.map(|(.., state)| state.verdict()).collect();
        let mut row = vec![component.to_string()];
        row.extend(several.then(|| route.clone()));
        row.extend([verdict.map_or("unknown", Verdict::as_str).to_owned(), counted(counts)]);
        table.add_row(row);
    }
    format!("{}\n{}\n", paint(HEADING, "\nComponents\n"), table.trim_fmt())
}

/// "2 bad, 4 good".
fn counted(counts: Counts) -> String {
    let Counts { good, degraded, bad, unknown } = counts;
    let words = [(bad, "bad"), (degraded, "degraded"), (unknown, "unknown"), (good, "good")];
    let words = words.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    words.collect::<Vec<_>>().join(", ")
}

/// MAPS by route: which clients connect, and why the others don't.
fn maps(snapshot: &Snapshot, view: &View) -> String {
    let mut text = String::new();
    for route in &snapshot.plan.routes {
        let states: Vec<_> = snapshot.maps.iter().filter(|maps| maps.route == route.name).collect();
        if states.is_empty() {
            continue;
        }
        let words: Vec<_> =
            states.iter().map(|maps| format!("{} {}", maps.options, connection(&maps.connection))).collect();
        let title = format!("MAPS via {}, by SSLOptions", route.name);
        text.push('\n');
        text.push_str(&paint(HEADING, &wrap_to(view.width, &title, "", "  ")));
        text.push_str(&wrap_to(view.width, &words.join(", "), "  ", "  "));
        let all_connect = states.iter().all(|maps| maps.connection == MapsConnection::Connected);
        if let Some(summary) = report::maps_summary(snapshot, &route.name).filter(|_| !all_connect) {
            text.push_str(&wrap_to(view.width, &summary, "  ", "  "));
        }
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

/// The sources from which clients can update.
fn updates(snapshot: &Snapshot, view: &View) -> String {
    if snapshot.signatures.sources.is_empty() {
        return String::new();
    }
    let several = snapshot.plan.routes.len() > 1;
    let mut table = terminal::table(view.width);
    for SourceState { source, route, available, .. } in &snapshot.signatures.sources {
        let word = match available {
            Some(true) => "available",
            Some(false) => "not available",
            None => "unknown",
        };
        let mut row = vec![source.to_string()];
        row.extend(several.then(|| route.clone()));
        row.push(word.to_owned());
        table.add_row(row);
    }
    let order = report::update_order(snapshot).into_iter();
    let notes = order.flat_map(|order| order.differences).map(|of| wrap_to(view.width, &of.note, "  ", "  "));
    format!("{}{}\n", paint(HEADING, "\nUpdate sources\n"), table.trim_fmt()) + &notes.collect::<String>()
}

/// Endpoints that work on some routes only.
fn disagreements(snapshot: &Snapshot, view: &View) -> String {
    let found = report::disagreements(snapshot);
    let of = |id| &snapshot.plan.target(id).endpoint;
    let by_endpoint: BTreeMap<_, _> = found
        .into_iter()
        .map(|(id, routes)| ((of(id).component, of(id).url.as_str()), routes.to_string()))
        .collect();
    let mut text = String::new();
    for (n, ((_, url), routes)) in by_endpoint.into_iter().enumerate() {
        let title = if n == 0 { paint(HEADING, "\nRoutes disagree\n") } else { String::new() };
        let _ = write!(text, "{title}  {url}\n{}", wrap_to(view.width, &routes, "    ", "    ")); // a String never fails
    }
    text
}
