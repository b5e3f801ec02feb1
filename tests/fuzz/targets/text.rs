//! Properties of every text shown to a person: in a log, on a page, in a response.

use std::io::Write as _;

use defender_exporter::config::ConfigProblems;
use defender_exporter::observation::{Failure, FailureReason};
use defender_exporter::text::MAX_TEXT;
use tempfile::NamedTempFile;

/// A secret in a target's configuration.
pub const SECRET: &str = "hunter2";

/// The longest problem of a configuration that is still fit to be read, in bytes: it quotes a value, and may list words.
const MAX_PROBLEM: usize = 2000;

/// Each problem is one line, for any file.
pub fn check_problems(problems: &ConfigProblems) {
    assert!(!problems.0.is_empty(), "rejected without a reason");
    for problem in &problems.0 {
        let said = problem.to_string();
        assert!(said.chars().all(|c| !c.is_control()), "it breaks its line: {said:?}");
        assert!(problem.problem.len() <= MAX_PROBLEM, "too long to be read: {said:?}");
    }
}

/// What failed is cleaned and cut, has no secret in it, and nothing from the network is this program's own fault.
pub fn check_failure(failure: &Failure) {
    let Failure { reason, detail, .. } = failure;
    assert_ne!(*reason, FailureReason::Internal, "{detail}");
    check_shown(detail);
}

/// A text that [`defender_exporter::text::clean`] made.
pub fn check_shown(text: &str) {
    assert!(text.chars().count() <= MAX_TEXT + 1, "it wasn't cut: {text:?}");
    assert!(text.chars().all(|c| !c.is_control() && c != '\u{202e}'), "it wasn't cleaned: {text:?}");
    assert!(!text.contains(SECRET), "it has a secret in it: {text:?}");
}

/// A file with this in it, for as long as it is kept.
pub fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}
