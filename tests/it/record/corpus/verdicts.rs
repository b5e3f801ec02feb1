//! The verdicts on the records of the corpus: the first ones, in a table beside the records, and what changed since, in
//! CHANGELOG.md. A record never changes. So a judgement that differs from the first one is a change that users notice, and needs
//! its line in the changelog.

use std::collections::BTreeMap;
use std::fmt;

use defender_exporter::advice;
use defender_exporter::commands::check;
use defender_exporter::record::Record;
use defender_exporter::state::Snapshot;
use defender_exporter::verdict::Verdict;

/// What the table begins with.
pub const HEAD: &str = "# The first judgement on each record: never edited. What changed since is in CHANGELOG.md.\n\
                        record\tof\tverdict\treason\tremedy\n";

/// The first line of the changelog's tables.
const CHANGES: &str = "| records | what | was | is | why |";

/// What stands for an empty cell.
const NONE: &str = "-";

/// What a judgement is on: a record, and an endpoint, a component or the round in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subject {
    pub record: String,
    pub of: String,
}

/// A judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    pub verdict: String,
    pub reason: String,
    pub remedy: String,
}

/// Judgements by what they are on.
pub type Table = BTreeMap<Subject, Judged>;

impl Judged {
    fn part(&mut self, name: &str) -> Option<&mut String> {
        match name {
            "verdict" => Some(&mut self.verdict),
            "reason" => Some(&mut self.reason),
            "remedy" => Some(&mut self.remedy),
            _ => None,
        }
    }
}

/// Today's judgement on a record: its endpoints; and of several of them the components and the exit code.
pub fn judged(name: &str, record: &Record) -> Table {
    let snapshot = record.judge();
    let mut table = Table::new();
    let mut add = |of: String, judged: Judged| {
        let added = table.insert(Subject { record: name.to_owned(), of: of.clone() }, judged);
        assert!(added.is_none(), "{name} has {of} twice");
    };
    let has_routes = snapshot.plan.routes.len() > 1;
    let via = |route: &str| if has_routes { format!(" via {route}") } else { String::new() };
    for (_, target, state) in snapshot.iter() {
        let endpoint = &target.endpoint;
        let concern = state.concern();
        let reason = concern.map(|concern| match concern.failed() {
            Some(code) => code.to_string(),
            None => concern.kind().to_string(),
        });
        let remedy =
            concern.map(|concern| advice::action::for_concern(endpoint.component, concern).into_owned());
        add(
            format!("{} {}{}", endpoint.component, endpoint.url, via(&target.route.name)),
            Judged {
                verdict: verdict(state.verdict()),
                reason: reason.unwrap_or_default(),
                remedy: remedy.unwrap_or_default(),
            },
        );
    }
    if snapshot.targets.len() > 1 {
        for (of, verdict) in summary(&snapshot, via) {
            add(of, Judged { verdict, ..Judged::default() });
        }
    }
    table
}

/// The verdicts on the components, and the exit code.
fn summary(snapshot: &Snapshot, via: impl Fn(&str) -> String) -> Vec<(String, String)> {
    let components = snapshot.components.iter().map(|state| {
        let of = format!("{}{}", state.component, via(&state.route));
        (of, verdict(state.verdict))
    });
    components.chain([("exit code".to_owned(), check::exit_code(snapshot).to_string())]).collect()
}

fn verdict(known: Option<Verdict>) -> String {
    known.map_or("unknown", Verdict::as_str).to_owned()
}

/// Reads the table.
///
/// # Panics
/// If it has another form.
pub fn parse(text: &str) -> Table {
    let text = text.strip_prefix(HEAD).expect("the table has its head");
    let mut table = Table::new();
    for line in text.lines() {
        let cells: Vec<_> =
            line.split('\t').map(|cell| if cell == NONE { String::new() } else { cell.to_owned() }).collect();
        let [record, of, verdict, reason, remedy] =
            <[String; 5]>::try_from(cells).unwrap_or_else(|cells| panic!("5 cells in a line, not {cells:?}"));
        let added = table.insert(Subject { record, of }, Judged { verdict, reason, remedy });
        assert!(added.is_none(), "twice: {line}");
    }
    table
}

/// The text of the table.
pub fn render(table: &Table) -> String {
    let cell = |text: &str| if text.is_empty() { NONE.to_owned() } else { text.to_owned() };
    let lines = table.iter().map(|(subject, judged)| {
        let Judged { verdict, reason, remedy } = judged;
        let cells = [&subject.record, &subject.of, verdict, reason, remedy].map(|text| cell(text));
        cells.join("\t") + "\n"
    });
    HEAD.to_owned() + &lines.collect::<String>()
}

/// A line of the changelog: what became of a part of the judgement on some records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The records, by a name with `*` for any text.
    records: String,
    /// `verdict`, `reason` or `remedy`.
    what: String,
    was: String,
    is: String,
}

/// For the changelog.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, what, was, is } = self;
        write!(f, "| `{records}` | {what} | {} | {} | why |", shown(was), shown(is))
    }
}

fn shown(text: &str) -> &str {
    if text.is_empty() { NONE } else { text }
}

/// The changes that the changelog lists, the oldest first: its newest version comes first.
///
/// # Panics
/// If a line has another form.
pub fn changes(changelog: &str) -> Vec<Change> {
    let tables: Vec<_> = changelog.split(CHANGES).skip(1).collect();
    let of_table = |table: &str| -> Vec<Change> {
        let lines = table.lines().skip(2).take_while(|line| line.starts_with('|'));
        lines.map(change).collect()
    };
    tables.into_iter().rev().flat_map(of_table).collect()
}

fn change(line: &str) -> Change {
    let cells: Vec<_> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    let [records, what, was, is, why] =
        <[String; 5]>::try_from(cells).unwrap_or_else(|_| panic!("5 cells in a line: {line}"));
    assert!(Judged::default().part(&what).is_some(), "verdict, reason or remedy, not {what}: {line}");
    assert!(!why.is_empty() && why != "why", "why? {line}");
    let text = |cell: String| if cell == NONE { String::new() } else { cell };
    Change { records: records.trim_matches('`').to_owned(), what, was: text(was), is: text(is) }
}

/// Makes the changes in a table. Returns those that change nothing in it.
pub fn apply(table: &mut Table, changes: &[Change]) -> Vec<Change> {
    let mut idle = Vec::new();
    for change in changes {
        let mut has_changed = false;
        for (subject, judged) in table.iter_mut() {
            let Some(part) = judged.part(&change.what) else { continue };
            if is_like(&subject.record, &change.records) && *part == change.was && change.was != change.is {
                part.clone_from(&change.is);
                has_changed = true;
            }
        }
        if !has_changed {
            idle.push(change.clone());
        }
    }
    idle
}

/// Changes as lines.
pub fn lines(changes: &[Change]) -> String {
    changes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The lines that the changelog lacks where it expects `expected` of what is `found`.
///
/// # Panics
/// If they don't have the same subjects.
pub fn missing(expected: &Table, found: &Table) -> Vec<Change> {
    assert!(expected.keys().eq(found.keys()), "other subjects");
    let mut lines: Vec<Change> = Vec::new();
    for ((subject, mut was), mut is) in expected.clone().into_iter().zip(found.values().cloned()) {
        for what in ["verdict", "reason", "remedy"] {
            let [was, is] = [&mut was, &mut is].map(|judged| judged.part(what).cloned().unwrap_or_default());
            let line = Change { records: subject.record.clone(), what: what.to_owned(), was, is };
            if line.was != line.is && !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

/// Whether a name is like a pattern with `*` for any text.
fn is_like(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            let mut ends = (0..=rest.len()).filter(|end| rest.is_char_boundary(*end));
            ends.any(|end| is_like(&rest[end..], after))
        }),
    }
}

/// A table of one endpoint in each of these records.
fn table(rows: &[(&str, [&str; 3])]) -> Table {
    let row = |(record, judged): &(&str, [&str; 3])| {
        let [verdict, reason, remedy] = judged.map(str::to_owned);
        let subject = Subject { record: (*record).to_owned(), of: "maps https://a.example/".to_owned() };
        (subject, Judged { verdict, reason, remedy })
    };
    rows.iter().map(row).collect()
}

#[test]
fn a_change_of_a_verdict_needs_its_line() {
    const REFUSED: [&str; 3] = ["bad", "connect.refused", "Open the port."];
    const GOOD: [&str; 3] = ["good", "", ""];
    let first = table(&[("refused--crl", REFUSED), ("refused--maps", REFUSED), ("works", GOOD)]);
    assert_eq!(parse(&render(&first)), first);
    let with = |lines: &[&str]| {
        let lines = lines.join("\n");
        format!("# Changelog\n\n## [Unreleased]\n\n{CHANGES}\n|---|---|---|---|---|\n{lines}\n\n## [0.1.0]\n")
    };
    let check = |found: &[(&str, [&str; 3])], lines: &[&str], lacking: &[&str], idle: usize| {
        let mut expected = first.clone();
        let unused = apply(&mut expected, &changes(&with(lines)));
        let missing: Vec<_> = missing(&expected, &table(found)).iter().map(ToString::to_string).collect();
        assert_eq!((missing, unused.len()), (lacking.iter().map(|line| (*line).to_owned()).collect(), idle));
    };
    let others = [("refused--maps", REFUSED), ("works", GOOD)];
    let degraded = ["degraded", "connect.refused", "Open the port."];
    let one = [&[("refused--crl", degraded)][..], &others].concat();
    let line = "| `refused--crl` | verdict | bad | degraded | why |";
    check(&[&[("refused--crl", REFUSED)][..], &others].concat(), &[], &[], 0);
    check(&one, &[], &[line], 0);
    check(&one, &["| `refused--crl` | verdict | bad | degraded | lists may be replaced |"], &[], 0);
    check(
        &one,
        &["| `refused--*` | verdict | bad | degraded | too wide |"],
        &["| `refused--maps` | verdict | degraded | bad | why |"],
        0,
    );
    check(&one, &["| `other` | verdict | bad | degraded | nobody |"], &[line], 1);
    // Another remedy of all, and a verdict that changed twice.
    let twice = [("refused--crl", ["good", "", ""]), ("refused--maps", REFUSED), ("works", GOOD)];
    let steps = [
        "| `refused--crl` | verdict | bad | degraded | first |",
        "| `refused--crl` | verdict | degraded | good | then |",
        "| `refused--crl` | reason | connect.refused | - | then |",
        "| `*--crl` | remedy | Open the port. | - | then |",
    ];
    check(&twice, &steps, &[], 0);
}
