//! Programs that tests need and cargo doesn't install. Tests declare them with `#[needs("program")]` and are
//! ignored if one is missing, except with `CI` set, where `.ci/install` has installed them.

use std::env::{split_paths, var_os};
use std::path::PathBuf;

/// Where Debian keeps what is for administrators: not in everyone's `PATH`.
const ADMINISTRATORS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// Where a program is.
///
/// # Panics
/// Where it isn't: it was there when the test was compiled, or the test was run although it is ignored.
pub fn find(program: &str) -> PathBuf {
    let found = folders().map(|folder| folder.join(program)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{program} is not installed; .ci/install brings it"))
}

/// Where programs are searched: `tests/needs/build.rs` has the same rule.
fn folders() -> impl Iterator<Item = PathBuf> {
    let path = var_os("PATH").unwrap_or_default();
    let path: Vec<_> = split_paths(&path).collect();
    path.into_iter().chain(ADMINISTRATORS.map(PathBuf::from)).chain(tools().map(|tools| tools.join("bin")))
}

/// Where `.ci/install` keeps what isn't Debian's.
fn tools() -> Option<PathBuf> {
    let cache = || {
        let home = || var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let cache = var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
        Some(cache.join("defender-exporter/ci-tools"))
    };
    var_os("DEFENDER_TEST_TOOLS").map(PathBuf::from).or_else(cache)
}

#[test]
fn nothing_is_ignored_in_ci() {
    let missing = defender_exporter_needs::missing!();
    let in_ci = var_os("CI").is_some_and(|ci| !ci.is_empty());
    assert!(
        !in_ci || missing.is_empty(),
        "missing when the tests were compiled: {missing}; .ci/install brings it"
    );
}
