//! The corpus: records of the lab's faults and healthy variations, in tests/data/records. Each is judged by every version, and a
//! judgement that differs from the first one has a line in CHANGELOG.md. With `UPDATE_RECORDS=1` what is missing is added: a record
//! for each scene without one, a line of the table for each record without one. Nothing is overwritten.

mod faults;
mod on_premises;
mod revocation;
mod scenes;
mod variations;
pub mod verdicts;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use defender_exporter::observation::{FAILURE_CODES, FailureReason, Phase};
use defender_exporter::record::{Record, RecordError};
use defender_exporter::verdict::ConcernKind;

use super::redaction;
use crate::exporter::run;
use verdicts::{Subject, Table};

/// The fewest records.
const FEWEST: usize = 300;

/// The most bytes of all of them: they are in everybody's clone.
const MOST_BYTES: usize = 6 * 1024 * 1024;

/// The reasons without a record, and why. It only gets shorter.
const WITHOUT_RECORD: [(&str, &str); 8] = [
    ("resolve.internal", "a fault of the machine"),
    ("connect.internal", "a fault of the machine"),
    ("tunnel.internal", "a fault of the machine"),
    ("tls.internal", "a fault of the machine"),
    ("request.internal", "a fault of the machine"),
    ("transfer.internal", "a fault of the machine"),
    ("request.access_denied", "the administrator, whom the tests may run as, may read every folder"),
    ("request.unreachable", "a share that doesn't answer, which needs a file system over the network"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/records")
}

fn file(name: &str) -> PathBuf {
    folder().join(format!("{name}.gz"))
}

/// The bytes of the records, by their names.
fn records() -> &'static BTreeMap<String, Vec<u8>> {
    static RECORDS: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| {
        let paths = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
        let records = paths.filter(|path| path.extension().is_some_and(|ending| ending == "gz"));
        let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
        records.map(|path| (name(&path), std::fs::read(&path).unwrap())).collect()
    });
    &RECORDS
}

/// Today's judgements on all records.
fn judged() -> &'static Table {
    static JUDGED: LazyLock<Table> = LazyLock::new(|| {
        let records: Vec<_> = records().iter().collect();
        let judge = |(name, bytes): &(&String, &Vec<u8>)| {
            let record = Record::from_bytes(bytes).unwrap_or_else(|error| panic!("{name} {error}"));
            verdicts::judged(name, &record)
        };
        std::thread::scope(|scope| {
            let parts = records.chunks(records.len().div_ceil(4).max(1));
            let running: Vec<_> = parts
                .map(|part| scope.spawn(move || part.iter().flat_map(judge).collect::<Table>()))
                .collect();
            running.into_iter().flat_map(|part| part.join().unwrap()).collect()
        })
    });
    &JUDGED
}

/// Whether what is missing is added.
fn updates() -> bool {
    std::env::var_os("UPDATE_RECORDS").is_some()
}

/// The table.
fn first() -> Table {
    if updates() {
        add_to_table(judged());
    }
    verdicts::parse(&std::fs::read_to_string(folder().join("verdicts.tsv")).unwrap())
}

/// Adds the judgement on a new record to the table.
fn add_first(name: &str, record: &Record) {
    add_to_table(&verdicts::judged(name, record));
}

/// Adds the judgements on records that the table doesn't have.
fn add_to_table(judged: &Table) {
    static FILE: Mutex<()> = Mutex::new(());
    let _alone = FILE.lock().unwrap();
    let path = folder().join("verdicts.tsv");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| verdicts::HEAD.to_owned());
    let mut table = verdicts::parse(&text);
    let known: BTreeSet<_> = table.keys().map(|subject| subject.record.clone()).collect();
    let new = judged.iter().filter(|(subject, _)| !known.contains(&subject.record));
    table.extend(new.map(|(subject, judged)| (subject.clone(), judged.clone())));
    std::fs::write(&path, verdicts::render(&table)).unwrap();
}

#[test]
fn a_verdict_reason_or_remedy_that_changed_is_in_the_changelog() {
    let mut expected = first();
    if updates() {
        return; // scenes add records meanwhile
    }
    let recorded = |table: &Table| -> BTreeSet<Subject> { table.keys().cloned().collect() };
    let (listed, found) = (recorded(&expected), recorded(judged()));
    let lost: Vec<_> = listed.difference(&found).collect();
    assert!(lost.is_empty(), "in verdicts.tsv, but not in the records: {lost:#?}");
    let new: Vec<_> = found.difference(&listed).collect();
    assert!(new.is_empty(), "not in verdicts.tsv (UPDATE_RECORDS=1 adds the lines): {new:#?}");
    let idle = verdicts::apply(&mut expected, &verdicts::changes(include_str!("../../../../CHANGELOG.md")));
    assert!(idle.is_empty(), "CHANGELOG.md lists changes of no record:\n{}", verdicts::lines(&idle));
    let missing = verdicts::missing(&expected, judged());
    let lines = verdicts::lines(&missing);
    assert!(lines.is_empty(), "judged otherwise than at first; CHANGELOG.md, \"Verdicts\", needs:\n{lines}");
}

#[test]
fn the_corpus_is_large_in_number_and_small_in_bytes() {
    let bytes: usize = records().values().map(Vec::len).sum();
    assert!(records().len() >= FEWEST, "{} records", records().len());
    assert!(bytes <= MOST_BYTES, "{bytes} bytes");
}

#[test]
fn every_reason_and_every_concern_has_a_record() {
    if updates() {
        return; // scenes add records meanwhile
    }
    let seen: BTreeSet<&str> = judged().values().map(|judged| judged.reason.as_str()).collect();
    let codes = FAILURE_CODES.iter().map(ToString::to_string);
    let concerns = ConcernKind::ALL.iter().filter(|kind| **kind != ConcernKind::Failure);
    let concerns = concerns.map(|kind| match kind {
        ConcernKind::RevocationUnknown => format!("{}.{}", Phase::Tls, FailureReason::RevocationUnknown),
        kind => kind.to_string(),
    });
    let (mut missing, mut idle) = (Vec::new(), Vec::new());
    for code in codes.chain(concerns) {
        match (seen.contains(code.as_str()), WITHOUT_RECORD.iter().any(|(known, _)| *known == code)) {
            (false, false) => missing.push(code),
            (true, true) => idle.push(code),
            _ => {}
        }
    }
    assert!(missing.is_empty(), "no record has {missing:?}");
    assert!(idle.is_empty(), "a record has {idle:?}, which needn't be listed");
}

/// What names the machine that runs this test: its host, its users and their folders. What is shorter than five letters is in words,
/// too.
fn own_names() -> BTreeSet<String> {
    let variables = ["HOSTNAME", "USER", "LOGNAME", "HOME", "COMPUTERNAME", "USERNAME", "CARGO_MANIFEST_DIR"];
    let set = variables.iter().filter_map(|name| std::env::var(name).ok());
    let host = std::fs::read_to_string("/etc/hostname").unwrap_or_default();
    let temporary = std::env::temp_dir().display().to_string();
    let all = set.chain([host.trim().to_owned(), temporary]).map(|name| name.to_lowercase());
    all.filter(|name| name.len() > 4).collect()
}

/// In clear, in base64, in hexadecimal and in DER. Addresses are those of documentation and loopback alone.
#[test]
fn no_record_has_a_name_of_the_network_that_it_was_made_in() {
    let own = own_names();
    let records: Vec<_> = records().iter().collect();
    let check = |(name, bytes): &(&String, &Vec<u8>)| {
        assert!(Record::from_bytes(bytes).unwrap().is_redacted(), "{name} was recorded with --keep-names");
        let contents = redaction::contents(bytes);
        let private = redaction::private_names(&contents);
        assert!(private.is_empty(), "{name} has {private:?}");
        let found: Vec<_> = own.iter().filter(|own| contents.contains(*own)).collect();
        assert!(found.is_empty(), "{name} has {found:?}");
    };
    std::thread::scope(|scope| {
        for part in records.chunks(records.len().div_ceil(4).max(1)) {
            scope.spawn(move || part.iter().for_each(check));
        }
    });
}

/// Without the network that they were made in, at another date, and with this machine's roots: those of the record count.
#[test]
fn the_program_judges_them_as_the_table_says() {
    let table = first();
    let names: BTreeSet<_> = table.keys().map(|subject| &subject.record).collect();
    let some: Vec<_> = names.iter().step_by(7).map(|name| (*name).clone()).collect();
    let files: Vec<_> = some.iter().map(|name| file(name).display().to_string()).collect();
    let args: Vec<_> =
        ["judge", "--format", "json"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let output = run(&args);
    let reports = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<serde_json::Value>();
    let reports: Vec<_> = reports.map(Result::unwrap).collect();
    assert_eq!(reports.len(), some.len(), "{}", String::from_utf8_lossy(&output.stderr));
    let (mut worst, mut expected) = (0, table);
    verdicts::apply(&mut expected, &verdicts::changes(include_str!("../../../../CHANGELOG.md")));
    for (name, report) in some.iter().zip(reports) {
        worst = worst.max(report["exit_code"].as_i64().unwrap());
        let own =
            expected.iter().filter(|(subject, _)| subject.record == *name && subject.of.contains("://"));
        let mut verdicts: Vec<_> = own.map(|(_, judged)| judged.verdict.as_str()).collect();
        let endpoints = report["endpoints"].as_array().unwrap().iter();
        let mut said: Vec<_> = endpoints.map(|of| of["verdict"].as_str().unwrap_or("unknown")).collect();
        said.sort_unstable();
        verdicts.sort_unstable();
        assert_eq!(said, verdicts, "{name}");
    }
    assert_eq!(output.status.code().map(i64::from), Some(worst));
}

#[test]
fn a_record_of_a_later_version_is_refused_with_words() {
    let (name, bytes) = records().first_key_value().unwrap();
    let mut document: serde_json::Value = serde_json::from_slice(&super::decompressed(bytes)).unwrap();
    document["version"] = 2.into();
    document["program"] = "9.8.7".into();
    document["events"] = "of another form".into();
    let refused = Record::from_json(&serde_json::to_vec(&document).unwrap());
    assert_eq!(refused, Err(RecordError::Later { version: 2, program: "9.8.7".to_owned() }), "{name}");
    let words = refused.unwrap_err().to_string();
    assert!(words.contains("use version 9.8.7 of the program, which wrote it, or a later one"), "{words}");
}

/// A baseline of a record, and what another record has changed.
#[test]
fn a_baseline_can_be_made_of_a_record() {
    let path = |name: &str| file(name).display().to_string();
    let (healthy, changed) = (path(scenes::HEALTHY), path(scenes::OTHER_STATUS));
    let ended = |args: &[&str]| {
        let output = run(args);
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("note: names and addresses"), "{said}");
        (output.status.code(), said)
    };
    let (code, text) = ended(&["baseline", &healthy]);
    assert_eq!(code, Some(0), "{text}");
    let at = humantime::format_rfc3339_seconds(crate::lab::now()).to_string();
    assert!(text.contains(&format!("\"taken_at\":\"{at}")) && text.contains("\nendpoints: []\n"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let baseline = folder.path().join("baseline.yaml");
    std::fs::write(&baseline, text).unwrap();
    for before in [baseline.to_str().unwrap(), &healthy] {
        let (code, said) = ended(&["baseline", &healthy, "--compare", before]);
        assert!(code == Some(0) && said.starts_with("No change since "), "{said}");
        let (code, said) = ended(&["baseline", &changed, "--compare", before]);
        assert!(code == Some(1) && said.contains("404 -> 418"), "{said}");
    }
    let output = run(&["baseline", "missing.gz"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.gz: can't be read: no such file"));
}
