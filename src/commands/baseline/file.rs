//! The record in a baseline file: one line `# baseline: {…}` with the time, and one line `# answer: {…}` per proven
//! answer, with JSON in ASCII after the colon. YAML reads them as comments, so a baseline is a valid configuration as
//! well. Other lines are ignored.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt::Write as _;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{AnswerKey, answers};
use crate::catalog::{Component, ProbeUrl};
use crate::clock;
use crate::config::read_capped;
use crate::record::Record;
use crate::report::GenuineAnswer;
use crate::text::clean;

/// The prefix of the header.
const HEAD: &str = "# baseline: ";

/// The prefix of an answer.
const ANSWER: &str = "# answer: ";

/// The version of the format.
const FORMAT: u64 = 1;

/// The maximum size of the file, in bytes: a hundred thousand answers take about 50 MB.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// A parsed baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Baseline {
    /// When it was made, as RFC 3339.
    pub taken_at: String,
    /// The recorded answers.
    pub answers: BTreeMap<AnswerKey, GenuineAnswer>,
}

/// Why a file isn't a valid baseline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {}{problem}", location_prefix(*.line, .key))]
pub struct BaselineError {
    /// The file, as given by the user.
    pub file: String,
    /// The line number from 1; 0 for the whole file.
    pub line: usize,
    /// The path of the key in the line's JSON; empty for the whole line.
    pub key: String,
    /// The problem with its value.
    pub problem: String,
}

fn location_prefix(line: usize, key: &str) -> String {
    match (line, key) {
        (0, _) => String::new(),
        (line, "" | ".") => format!("line {line}: "),
        (line, key) => format!("line {line}: {}: ", clean(key)),
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BaselineHead {
    format: u64,
    exporter_version: String,
    taken_at: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    component: Component,
    endpoint: String,
    route: String,
    answer: GenuineAnswer,
}

/// The header line.
pub(super) fn head(taken_at: &str, exporter_version: &str) -> serde_json::Result<String> {
    let (taken_at, exporter_version) = (taken_at.to_owned(), exporter_version.to_owned());
    record(HEAD, &BaselineHead { format: FORMAT, exporter_version, taken_at })
}

/// The line of one answer.
pub(super) fn line(key: &AnswerKey, answer: &GenuineAnswer) -> serde_json::Result<String> {
    let AnswerKey { component, endpoint, route } = key.clone();
    record(ANSWER, &Recorded { component, endpoint, route, answer: answer.clone() })
}

fn record(prefix: &str, value: &impl Serialize) -> serde_json::Result<String> {
    Ok(format!("{prefix}{}\n", ascii(&serde_json::to_string(value)?)))
}

/// A double-quoted YAML scalar.
pub(super) fn quoted(text: &str) -> String {
    ascii(&serde_json::Value::from(text).to_string())
}

/// Escapes every character other than printable ASCII, so that nothing can break out of the line.
fn ascii(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if is_printable(c) {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(text, "\\u{unit:04x}"); // a String never fails
        }
    }
    text
}

/// Text for a comment, on one line.
pub(super) fn comment(words: &str) -> String {
    let shown = |c: char| if is_printable(c) { c.to_string() } else { c.escape_unicode().to_string() };
    words.chars().map(shown).collect()
}

const fn is_printable(c: char) -> bool {
    matches!(c, ' '..='~')
}

/// Reads a baseline, or the round that `check --record` wrote.
///
/// # Errors
/// If the file can't be read, or is neither a valid baseline nor a record: with the line and the key.
pub fn read(path: &Path) -> Result<Baseline, BaselineError> {
    let file = path.display().to_string();
    let whole = |problem| BaselineError { file: file.clone(), line: 0, key: String::new(), problem };
    let bytes = read_capped(path, MAX_BYTES).map_err(whole)?;
    if Record::is_compressed(&bytes) {
        let record = Record::from_bytes(&bytes).map_err(|error| whole(error.to_string()))?;
        let answers = answers(&record.judge()).collect();
        return Ok(Baseline { taken_at: clock::rfc3339(record.ended()), answers });
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| whole(format!("is not UTF-8: byte {}", error.utf8_error().valid_up_to() + 1)))?;
    parse(&file, &text)
}

/// Parses a baseline. `file` is its name in errors.
///
/// # Errors
/// If it isn't a valid baseline: with the line and the key.
pub fn parse(file: &str, text: &str) -> Result<Baseline, BaselineError> {
    let mut taken_at = None;
    let mut answers: BTreeMap<AnswerKey, NumberedAnswer> = BTreeMap::new();
    for (n, text) in text.lines().enumerate() {
        let line = n + 1;
        let invalid =
            |InvalidRecord { key, problem }| BaselineError { file: file.to_owned(), line, key, problem };
        if let Some(json) = text.strip_prefix(HEAD) {
            let head = BaselineHead::parse(json).map_err(invalid)?;
            if taken_at.replace(head.taken_at).is_some() {
                let problem = "a second `# baseline:` line: a file contains one baseline";
                return Err(invalid(InvalidRecord::new("", problem)));
            }
        } else if let Some(json) = text.strip_prefix(ANSWER) {
            let Recorded { component, endpoint, route, answer } = Recorded::parse(json).map_err(invalid)?;
            match answers.entry(AnswerKey { component, endpoint, route }) {
                Entry::Vacant(entry) => drop(entry.insert(NumberedAnswer { line, answer })),
                Entry::Occupied(entry) => {
                    let first = entry.get().line;
                    let problem = format!("is recorded twice via this route, first in line {first}");
                    return Err(invalid(InvalidRecord::new("endpoint", problem)));
                }
            }
        }
    }
    let taken_at = taken_at.ok_or_else(|| BaselineError {
        file: file.to_owned(),
        line: 1,
        key: String::new(),
        problem: "no line begins with `# baseline:`: `defender-exporter baseline` writes one".to_owned(),
    })?;
    Ok(Baseline { taken_at, answers: answers.into_iter().map(|(key, found)| (key, found.answer)).collect() })
}

/// An answer, and the line that records it.
struct NumberedAnswer {
    line: usize,
    answer: GenuineAnswer,
}

/// What is wrong with the JSON of a line.
struct InvalidRecord {
    /// The path of the key; empty for the whole line.
    key: String,
    /// The problem with its value.
    problem: String,
}

impl InvalidRecord {
    fn new(key: &str, problem: impl Into<String>) -> Self {
        Self { key: key.to_owned(), problem: problem.into() }
    }
}

impl BaselineHead {
    fn parse(json: &str) -> Result<Self, InvalidRecord> {
        // Check the format first: another one may have other keys.
        let format =
            serde_json::from_str(json).ok().and_then(|value: serde_json::Value| value.get("format").cloned());
        if let Some(other) = format.filter(|format| *format != FORMAT) {
            let problem =
                format!("{} is not {FORMAT}, the format that this version reads", clean(&other.to_string()));
            return Err(InvalidRecord::new("format", problem));
        }
        let head: Self = deserialize(json)?;
        if humantime::parse_rfc3339(&head.taken_at).is_err() {
            let problem = format!("{:?} is not a time such as 2026-11-24T00:00:00Z", clean(&head.taken_at));
            return Err(InvalidRecord::new("taken_at", problem));
        }
        Ok(head)
    }
}

impl Recorded {
    fn parse(json: &str) -> Result<Self, InvalidRecord> {
        let recorded: Self = deserialize(json)?;
        if let Err(error) = ProbeUrl::parse(&recorded.endpoint) {
            let (endpoint, error) = (clean(&recorded.endpoint), clean(&error.to_string()));
            return Err(InvalidRecord::new("endpoint", format!("{endpoint:?} can't be probed: {error}")));
        }
        if recorded.answer.hops.is_empty() {
            return Err(InvalidRecord::new("answer.hops", "is empty: an answer has at least one hop"));
        }
        Ok(recorded)
    }
}

fn deserialize<T: DeserializeOwned>(json: &str) -> Result<T, InvalidRecord> {
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut deserializer);
    let value =
        value.map_err(|error| InvalidRecord::new(&error.path().to_string(), message(error.inner())))?;
    deserializer.end().map_err(|error| InvalidRecord::new("", message(&error)))?;
    Ok(value)
}

/// The parser's message, without the position within the JSON: the line is known.
fn message(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    clean(words.strip_suffix(&place).unwrap_or(&words))
}
