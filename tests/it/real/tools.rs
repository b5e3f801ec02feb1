//! Programs that a test needs and `cargo test` doesn't bring. Where one isn't installed its test is skipped, so that
//! Rust alone is enough for a newcomer; but not where `CI` is set: there `.ci/install` has brought it.

use std::env::{split_paths, var_os};
use std::io::Write;
use std::path::PathBuf;

/// Where Debian keeps what is for administrators: not in everyone's `PATH`.
const ADMINISTRATORS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Where a program is. None: the test is to be skipped, and this has said so.
pub fn find(program: &str) -> Option<PathBuf> {
    let found = folders().map(|folder| folder.join(program)).find(|path| path.is_file());
    if found.is_none() {
        skip(&format!("{program} is not installed; .ci/install brings it"));
    }
    found
}

/// Says that a test is skipped.
///
/// # Panics
/// Where `CI` is set: nothing is skipped there.
pub fn skip(why: &str) {
    assert!(var_os("CI").is_none_or(|ci| ci.is_empty()), "{why}");
    // Past the capture of a passing test's output. Whoever closed standard error doesn't want to know.
    let _ = writeln!(std::io::stderr(), "skipped: {why}");
}

fn folders() -> impl Iterator<Item = PathBuf> {
    let path = var_os("PATH").unwrap_or_default();
    let path: Vec<_> = split_paths(&path).collect();
    path.into_iter().chain(ADMINISTRATORS.map(PathBuf::from)).chain(tools().map(|tools| tools.join("bin")))
}

/// Where `.ci/install` keeps what isn't Debian's: the same rule stands there.
fn tools() -> Option<PathBuf> {
    let cache = || {
        let home = || var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let cache = var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
        Some(cache.join("defender-exporter/ci-tools"))
    };
    var_os("DEFENDER_TEST_TOOLS").map(PathBuf::from).or_else(cache)
}
