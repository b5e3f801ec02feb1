//! `baseline`: records the genuine answers on a network that its user considers healthy. The file is both a
//! configuration with an `endpoints` block of the differences from the catalog, and a record for `--compare`: lines
//! that begin with `# answer:`, in the format of `baseline/file.rs`.

mod compare;
mod file;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::SystemTime;

use crate::catalog::{Component, Endpoint, Expectation, Scheme};
use crate::clock;
use crate::plan::Target;
use crate::report::{CatalogFact, Contradiction, GenuineAnswer, contradictions, evidence_can_be_dropped};
use crate::state::{Snapshot, TargetState};

pub use compare::{Comparison, compare};
pub use file::{Baseline, BaselineError, parse, read};

/// The endpoint and the route whose answer is recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AnswerKey {
    /// The component that the endpoint belongs to.
    pub component: Component,
    /// The URL that is probed.
    pub endpoint: String,
    /// The route's name.
    pub route: String,
}

impl AnswerKey {
    fn new(target: &Target) -> Self {
        Self {
            component: target.endpoint.component,
            endpoint: target.endpoint.url.to_string(),
            route: target.route.name.clone(),
        }
    }
}

/// Every proven answer, in the plan's order.
fn answers(snapshot: &Snapshot) -> impl Iterator<Item = (AnswerKey, GenuineAnswer)> {
    snapshot.defender().filter_map(|(_, target, state)| {
        Some((AnswerKey::new(target), GenuineAnswer::from_probe(target, state)?))
    })
}

/// 0: a baseline was made; 1: no answer is proven, so nothing was recorded.
#[must_use]
pub fn exit_code(snapshot: &Snapshot) -> u8 {
    u8::from(answers(snapshot).next().is_none())
}

/// The file for a round of probes made just before `now`.
///
/// # Errors
/// If a record can't be serialized: a bug in the exporter.
pub fn render(snapshot: &Snapshot, now: SystemTime, exporter_version: &str) -> serde_json::Result<String> {
    let taken_at = clock::rfc3339(now);
    let mut text = format!(
        "# What the genuine answers are on this network, by defender-exporter {exporter_version} at {taken_at}.\n\
         #\n\
         # `endpoints` has what differs from the catalog: use this file as --config.file, or copy the entries into yours.\n\
         # This file has only answers that are proven genuine: over TLS by a chain to a genuine root, in plain HTTP by a signed\n\
         # revocation list or certificate.\n\
         #\n\
         # `defender-exporter baseline --compare FILE` reads the lines that begin with `# baseline:` and `# answer:`.\n"
    );
    text.push_str(&file::head(&taken_at, exporter_version)?);
    text.push('\n');
    text.push_str(&overrides(snapshot));
    text.push_str("\n# Every answer that proves itself:\n");
    for (key, answer) in answers(snapshot) {
        text.push_str(&file::line(&key, &answer)?);
    }
    text.push_str(&left_out(snapshot));
    Ok(text)
}

/// The differences of one endpoint over all routes.
struct Difference<'a> {
    endpoint: &'a Endpoint,
    /// Descriptions by route.
    words: Vec<String>,
    statuses: BTreeSet<u16>,
    without_evidence: bool,
}

impl<'a> Difference<'a> {
    fn new(endpoint: &'a Endpoint) -> Self {
        Self { endpoint, words: Vec::new(), statuses: BTreeSet::new(), without_evidence: false }
    }

    fn add(&mut self, target: &Target, state: &TargetState, found: &Contradiction) {
        let Contradiction { fact, expected, found } = found;
        let route = &target.route.name;
        self.words.push(format!("{fact} via {route}: {found}; expected: {expected}"));
        match fact {
            CatalogFact::Status => {
                let status = GenuineAnswer::from_probe(target, state).and_then(|answer| answer.status());
                self.statuses.extend(status);
            }
            CatalogFact::ExpectedEvidence => {
                self.without_evidence |=
                    target.endpoint.url.scheme() == Scheme::Https && evidence_can_be_dropped(state);
            }
            CatalogFact::Root => {}
        }
    }

    /// Writes an entry of `endpoints`, or only a comment if no entry can express the difference.
    fn write(&self, text: &mut String) {
        for words in &self.words {
            let _ = writeln!(text, "  # {}", file::comment(words)); // a String never fails
        }
        if self.statuses.is_empty() && !self.without_evidence {
            let url = file::comment(self.endpoint.url.as_str());
            let _ = writeln!(
                text,
                "  # An entry of the configuration can't express this: {} {url}",
                self.endpoint.component
            );
            return;
        }
        let _ = writeln!(text, "  - component: {}", self.endpoint.component);
        let _ = writeln!(text, "    url: {}", file::quoted(self.endpoint.url.as_str()));
        // Keep the expected statuses: the service may send either.
        if let (Expectation::OneOf(expected), false) = (&self.endpoint.expect, self.statuses.is_empty()) {
            let statuses: BTreeSet<u16> = self.statuses.iter().chain(expected).copied().collect();
            let statuses: Vec<_> = statuses.iter().map(u16::to_string).collect();
            let _ = writeln!(text, "    expect: [{}]", statuses.join(", "));
        }
        if self.without_evidence {
            text.push_str("    evidence: [] # the chain proves it\n");
        }
    }
}

/// The `endpoints` block.
fn overrides(snapshot: &Snapshot) -> String {
    let mut differences: BTreeMap<(Component, &str), Difference<'_>> = BTreeMap::new();
    for (_, target, state) in snapshot.defender() {
        let endpoint = &target.endpoint;
        for found in contradictions(target, state) {
            let difference = differences.entry((endpoint.component, endpoint.url.as_str()));
            difference.or_insert_with(|| Difference::new(endpoint)).add(target, state, &found);
        }
    }
    let mut entries = String::new();
    for difference in differences.values() {
        difference.write(&mut entries);
    }
    let has_entry = entries.lines().any(|line| line.starts_with("  - "));
    let list = if has_entry { "" } else { " []" };
    format!("endpoints:{list}\n{entries}")
}

/// The answers that weren't recorded, and why.
fn left_out(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for (_, target, state) in snapshot.defender() {
        if GenuineAnswer::from_probe(target, state).is_some() {
            continue;
        }
        let title = "\n# Not recorded (no answer, or no proof that it is genuine):\n";
        text.push_str(if text.is_empty() { title } else { "" });
        let (component, url, route) = (target.endpoint.component, &target.endpoint.url, &target.route.name);
        let why = file::comment(&format!("{component} {url} via {route}: {}", unproven(target, state)));
        let _ = writeln!(text, "#   {why}"); // a String never fails
    }
    text
}

/// Why there is no proven answer.
fn unproven(target: &Target, state: &TargetState) -> String {
    let Some(last) = state.last.as_deref() else { return "not probed".to_owned() };
    match (&last.failure, target.endpoint.url.scheme()) {
        (Some(failure), _) => format!("{}: {}: {}", failure.phase, failure.reason, failure.detail),
        (None, Scheme::Http) => "plain HTTP answer without a signature of its own".to_owned(),
        (None, Scheme::Folder) => "a folder, which sends no answer".to_owned(),
        (None, Scheme::Https) => "answer whose chain does not prove the service".to_owned(),
    }
}

#[cfg(test)]
mod tests;
