//! Parses YAML into an untyped tree, and reads typed values from it by key. Collects every problem instead of stopping
//! at the first. `parser.rs` knows the keys.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Map, Value};
use serde_saphyr::{MessageFormatter, SnippetMode, UserMessageFormatter};

use super::values::{DurationLimits, duration, nearest, quoted};
use super::{ConfigProblem, ConfigProblems, FilePosition};

/// The maximum size of the configuration file, in bytes.
pub(super) const MAX_BYTES: u64 = 1024 * 1024;

/// How the library's messages about budgets begin; what follows are names of its own.
const TOO_COMPLEX: &str = "too large or too complex";

/// The problems found so far in a file.
pub(super) struct ProblemCollector<'a> {
    file: &'a str,
    problems: RefCell<Vec<ConfigProblem>>,
}

impl<'a> ProblemCollector<'a> {
    pub(super) fn new(file: &'a str) -> Self {
        Self { file, problems: RefCell::default() }
    }

    pub(super) fn add(&self, key: String, problem: String) {
        self.problems.borrow_mut().push(ConfigProblem::new(self.file, key, problem));
    }

    fn add_at(&self, position: Option<FilePosition>, problem: String) {
        self.problems.borrow_mut().push(ConfigProblem::at(self.file, position, problem));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.borrow().is_empty()
    }

    pub(super) fn finish(self) -> ConfigProblems {
        ConfigProblems(self.problems.into_inner())
    }
}

/// Parses a document; an empty one is an empty mapping. Returns `None` if it isn't YAML, which is reported.
pub(super) fn document<'a>(text: &str, report: &'a ProblemCollector<'a>) -> Option<Node<'a>> {
    if text.len() as u64 > MAX_BYTES {
        report.add(String::new(), format!("exceeds {} KiB", MAX_BYTES / 1024));
        return None;
    }
    match serde_saphyr::from_str_with_options::<Value>(text, yaml_options()) {
        Ok(Value::Null) => Some(Node::root(Value::Object(Map::new()), report)),
        Ok(value) => Some(Node::root(value, report)),
        Err(error) => {
            let (position, problem) = describe(&error);
            report.add_at(position, problem);
            None
        }
    }
}

/// Duplicate keys are rejected by default. Only YAML 1.2 booleans and plain decimals are inferred, so that `no` or
/// `0755` remain strings; the expansion of aliases is limited.
pub(super) fn yaml_options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 32, max_events: 200_000 },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 100_000 },
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        strict_booleans: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    }
}

/// The position of a syntax error, and its message on one line.
fn describe(error: &serde_saphyr::Error) -> (Option<FilePosition>, String) {
    let formatter: &dyn MessageFormatter = &UserMessageFormatter;
    let rendered = error.render_with_options(
        serde_saphyr::render_options! { formatter: formatter, snippets: SnippetMode::Off },
    );
    let position = error.location().map(|at| FilePosition { line: at.line(), column: at.column() });
    let message = match position {
        Some(FilePosition { line, column }) => {
            rendered.replace(&format!(" at line {line}, column {column}"), "")
        }
        None => rendered,
    };
    let first_line = message.lines().next().unwrap_or_default();
    let problem = match error.without_snippet() {
        serde_saphyr::Error::MultipleDocuments { .. } => "more than one YAML document".to_owned(),
        _ if first_line.contains(TOO_COMPLEX) => "too large or too deeply nested".to_owned(),
        _ => format!("not valid YAML: {first_line}"),
    };
    (position, problem)
}

/// A value with its path. Each method reads a type, or reports the problem and returns `None`.
pub(super) struct Node<'a> {
    value: Value,
    path: String,
    report: &'a ProblemCollector<'a>,
}

impl<'a> Node<'a> {
    fn root(value: Value, report: &'a ProblemCollector<'a>) -> Self {
        Self { value, path: String::new(), report }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The collector, for problems of several values.
    pub(super) fn report(&self) -> &'a ProblemCollector<'a> {
        self.report
    }

    pub(super) fn value(&self) -> &Value {
        &self.value
    }

    /// The value for messages.
    pub(super) fn shown(&self) -> String {
        shown(&self.value)
    }

    /// Reports a problem of this value.
    pub(super) fn problem(&self, problem: impl Into<String>) {
        self.report.add(self.path.clone(), problem.into());
    }

    fn wrong_type<T>(&self, accepted: &str) -> Option<T> {
        let hint = match &self.value {
            Value::Null => "; leave the key out to keep the default",
            Value::Number(_) | Value::Bool(_) if accepted == "a text" => "; put it in quotes",
            _ => "",
        };
        self.problem(format!("{} is not {accepted}{hint}", shown(&self.value)));
        None
    }

    pub(super) fn mapping(self) -> Option<Mapping<'a>> {
        match self.value {
            Value::Object(entries) => {
                Some(Mapping { entries, taken: Vec::new(), path: self.path, report: self.report })
            }
            _ => self.wrong_type("a mapping of keys to values"),
        }
    }

    pub(super) fn list(self) -> Option<Vec<Node<'a>>> {
        let Self { value: Value::Array(items), path, report } = self else {
            return self.wrong_type("a list");
        };
        let node = |(n, value)| Node { value, path: format!("{path}[{n}]"), report };
        Some(items.into_iter().enumerate().map(node).collect())
    }

    /// A list of distinct values. Invalid entries are reported and left out.
    pub(super) fn distinct<T: PartialEq>(
        self,
        mut read: impl FnMut(Node<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut values = Vec::new();
        for node in self.list()? {
            let (path, report) = (node.path.clone(), node.report);
            let shown = if node.value.is_object() { "the same".to_owned() } else { shown(&node.value) };
            match read(node) {
                Some(value) if values.contains(&value) => {
                    report.add(path, format!("{shown} is listed twice"));
                }
                Some(value) => values.push(value),
                None => {}
            }
        }
        Some(values)
    }

    /// A non-empty list of distinct values.
    pub(super) fn filled_distinct<T: PartialEq>(
        self,
        what: &str,
        read: impl FnMut(Node<'a>) -> Option<T>,
    ) -> Option<Vec<T>> {
        if self.value.as_array().is_some_and(Vec::is_empty) {
            self.problem(format!("the list is empty: at least one {what}"));
            return None;
        }
        self.distinct(read)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) if text.trim().is_empty() => {
                self.problem("the value is empty");
                None
            }
            Value::String(text) => Some(text),
            _ => self.wrong_type("a text"),
        }
    }

    /// A string parsed by `read`, whose error follows the quoted string.
    pub(super) fn parsed<T>(&self, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let text = self.text()?;
        read(text).map_err(|why| self.problem(format!("{} {why}", quoted(text)))).ok()
    }

    /// A value from a closed list.
    pub(super) fn word<T: Copy>(&self, all: &[T], as_str: impl Fn(T) -> &'static str) -> Option<T> {
        let text = self.value.as_str();
        let found = all.iter().copied().find(|word| Some(as_str(*word)) == text);
        found.or_else(|| {
            let words: Vec<_> = all.iter().map(|word| as_str(*word)).collect();
            self.wrong_type(&format!("one of {}", words.join(", ")))
        })
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.wrong_type("true or false"))
    }

    pub(super) fn integer(&self, least: u64, most: u64) -> Option<u64> {
        let Some(number) = self.value.as_number().filter(|number| !number.is_f64()) else {
            return self.wrong_type(&format!("a whole number from {least} to {most}"));
        };
        let within = number.as_u64().filter(|number| (least..=most).contains(number));
        if within.is_none() {
            self.problem(format!("{number} is out of range: at least {least}, at most {most}"));
        }
        within
    }

    pub(super) fn duration(&self, limits: &DurationLimits) -> Option<Duration> {
        match &self.value {
            Value::String(text) if !text.trim().is_empty() => self.parsed(|text| duration(text, limits)),
            Value::Number(number) => {
                self.problem(format!(
                    "{number} has no unit: write it as \"{number}s\" or the like, {limits}"
                ));
                None
            }
            _ => self.wrong_type(&format!("a duration such as \"90s\" or \"5m\", {limits}")),
        }
    }
}

/// A mapping whose keys are read one by one; the remaining ones are unknown.
pub(super) struct Mapping<'a> {
    entries: Map<String, Value>,
    taken: Vec<&'static str>,
    path: String,
    report: &'a ProblemCollector<'a>,
}

impl<'a> Mapping<'a> {
    /// The collector, for problems of several keys.
    pub(super) fn report(&self) -> &'a ProblemCollector<'a> {
        self.report
    }

    /// Whether a key exists and hasn't been read.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Reports a problem of the mapping itself.
    pub(super) fn problem(&self, problem: impl Into<String>) {
        self.report.add(self.path.clone(), problem.into());
    }

    /// Reports a problem of a key, which may have been read.
    pub(super) fn problem_at(&self, key: &str, problem: impl Into<String>) {
        self.report.add(join(&self.path, key), problem.into());
    }

    /// Reads a key, if it exists.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Node<'a>> {
        self.taken.push(key);
        let value = self.entries.remove(key)?;
        Some(Node { value, path: join(&self.path, key), report: self.report })
    }

    /// Reads a key, if it exists and isn't null.
    pub(super) fn take_set(&mut self, key: &'static str) -> Option<Node<'a>> {
        self.take(key).filter(|node| !node.value.is_null())
    }

    /// Whether a key exists that isn't null, and hasn't been read.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.entries.get(key).is_some_and(|value| !value.is_null())
    }

    /// Whether it has no keys.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Reads a required key.
    pub(super) fn require(&mut self, key: &'static str) -> Option<Node<'a>> {
        let node = self.take(key);
        if node.is_none() {
            self.report.add(join(&self.path, key), "is missing".to_owned());
        }
        node
    }

    /// All entries of a mapping with keys chosen by the user.
    pub(super) fn into_entries(self) -> impl Iterator<Item = (String, Node<'a>)> {
        let Self { entries, path, report, .. } = self;
        entries.into_iter().map(move |(key, value)| {
            let path = join(&path, &key);
            (key, Node { value, path, report })
        })
    }

    /// Reports the keys that weren't read.
    pub(super) fn finish(self) {
        for key in self.entries.keys() {
            let problem = match nearest(key, &self.taken) {
                Some(known) => format!("unknown key, did you mean {known:?}?"),
                None => "unknown key".to_owned(),
            };
            self.report.add(join(&self.path, key), problem);
        }
    }
}

/// Reads a key that is itself a value.
pub(super) fn key<T>(node: &Node<'_>, text: &str, read: fn(&str) -> Result<T, String>) -> Option<T> {
    read(text).map_err(|why| node.problem(format!("the key {why}"))).ok()
}

/// The path of a key below `path`; keys other than plain words are quoted.
pub(super) fn join(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    match (path.is_empty(), plain) {
        (true, true) => key.to_owned(),
        (false, true) => format!("{path}.{key}"),
        (_, false) => format!("{path}[{}]", quoted(key)),
    }
}

/// A value for messages.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "an empty value".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}
