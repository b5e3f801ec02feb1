//! `check`: one round of probes as a table for people or as JSON, and its exit code.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::advice;
use crate::catalog::Component;
use crate::observation::{Failure, Stage};
use crate::plan::Target;
use crate::state::{Snapshot, TargetState};
use crate::verdict::Verdict;

/// How the result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

/// 0: all well, 1: something is degraded or lost, 2: MAPS is lost by every route.
#[must_use]
pub fn exit_code(snapshot: &Snapshot) -> u8 {
    let mut maps = snapshot.components.iter().filter(|c| c.component == Component::Maps).peekable();
    if maps.peek().is_some() && maps.all(|c| c.verdict == Some(Verdict::Bad)) {
        return 2;
    }
    let well = snapshot.iter().all(|(_, target, state)| state.verdict(target) == Some(Verdict::Good));
    u8::from(!well)
}

/// The round in words.
#[must_use]
pub fn render(snapshot: &Snapshot, format: Format) -> String {
    match format {
        Format::Table => table(snapshot),
        Format::Json => json(snapshot),
    }
}

fn table(snapshot: &Snapshot) -> String {
    let mut text = endpoints(snapshot).trim_fmt();
    text.push_str("\n\n");
    for component in &snapshot.components {
        let verdict = component.verdict.map_or("unknown", Verdict::as_str);
        let _ = writeln!(text, "{:<12} {:<10} {verdict}", component.component, component.route); // a String never fails
    }
    text.push_str(&what_to_do(snapshot));
    text
}

fn endpoints(snapshot: &Snapshot) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["COMPONENT", "STATE", "STATUS", "TIME", "ENDPOINT", "WHY"]);
    for (_, target, state) in snapshot.iter() {
        let status =
            state.last.as_ref().and_then(|last| last.facts.http.as_ref()).map(|http| http.status.to_string());
        let time = state.last.as_ref().map(|last| format!("{} ms", last.facts.timings.total().as_millis()));
        table.add_row([
            target.endpoint.component.to_string(),
            state.verdict(target).map_or("unknown", Verdict::as_str).to_owned(),
            status.unwrap_or_else(|| "-".to_owned()),
            time.unwrap_or_else(|| "-".to_owned()),
            target.endpoint.url.to_string(),
            why(target, state),
        ]);
    }
    table
}

fn why(target: &Target, state: &TargetState) -> String {
    let Some(last) = &state.last else { return String::new() };
    match (&last.failure, &last.facts.http) {
        (Some(failure), _) => format!("{}: {}: {}", failure.stage, failure.reason, failure.detail),
        (None, Some(http)) if !target.endpoint.expect.allows(http.status) => {
            format!("genuine, but the service usually answers {}", target.endpoint.expect)
        }
        _ => String::new(),
    }
}

/// Advice for each kind of failure, once.
fn what_to_do(snapshot: &Snapshot) -> String {
    let kinds: BTreeSet<_> = snapshot
        .iter()
        .filter_map(|(_, _, state)| state.last.as_ref()?.failure.as_ref())
        .map(|failure| (failure.stage, failure.reason))
        .collect();
    let mut text = String::new();
    for (stage, reason) in kinds {
        let advice = advice::for_failure(stage, reason);
        let remedy = advice.remedies.first().map_or("", String::as_str);
        let _ = write!(text, "\n{stage}.{reason}: {}\n  {remedy}\n", advice.title); // a String never fails
        let _ = writeln!(text, "  More: defender-exporter explain {stage}.{reason}");
    }
    text
}

#[derive(Serialize)]
struct Report<'a> {
    exit_code: u8,
    components: Vec<ComponentReport<'a>>,
    endpoints: Vec<EndpointReport<'a>>,
}

#[derive(Serialize)]
struct ComponentReport<'a> {
    component: Component,
    route: &'a str,
    verdict: Option<Verdict>,
}

#[derive(Serialize)]
struct EndpointReport<'a> {
    component: Component,
    endpoint: &'a str,
    route: &'a str,
    verdict: Option<Verdict>,
    status: Option<u16>,
    expected: String,
    address: Option<String>,
    phases_seconds: BTreeMap<Stage, f64>,
    failure: Option<&'a Failure>,
    tls: Option<&'a crate::observation::TlsFacts>,
}

fn json(snapshot: &Snapshot) -> String {
    let components = snapshot.components.iter();
    let report = Report {
        exit_code: exit_code(snapshot),
        components: components
            .map(|c| ComponentReport { component: c.component, route: &c.route, verdict: c.verdict })
            .collect(),
        endpoints: snapshot.iter().map(|(_, target, state)| endpoint(target, state)).collect(),
    };
    // Words, numbers and texts: nothing in it that JSON can't hold.
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}

fn endpoint<'a>(target: &'a Target, state: &'a TargetState) -> EndpointReport<'a> {
    let last = state.last.as_deref();
    let facts = last.map(|last| &last.facts);
    let phase = |stage: &Stage| Some((*stage, facts?.timings.get(*stage)?.as_secs_f64()));
    EndpointReport {
        component: target.endpoint.component,
        endpoint: target.endpoint.url.as_str(),
        route: &target.route.name,
        verdict: state.verdict(target),
        status: facts.and_then(|facts| facts.http.as_ref()).map(|http| http.status),
        expected: target.endpoint.expect.to_string(),
        address: facts.and_then(|facts| facts.peer).map(|peer| peer.to_string()),
        phases_seconds: Stage::ALL.iter().filter_map(phase).collect(),
        failure: last.and_then(|last| last.failure.as_ref()),
        tls: facts.and_then(|facts| facts.tls.as_ref()),
    }
}
