//! Tells the program which revision and compiler it was built from. Never fails: what isn't known is "unknown".

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    rerun_on_commits();
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    println!("cargo:rustc-env=DEFENDER_EXPORTER_REVISION={}", revision());
    println!("cargo:rustc-env=DEFENDER_EXPORTER_RUSTC={}", or_unknown(output(&rustc, &["--version"])));
}

/// The commit, unless the sources lie in no repository of their own (an unpacked archive inside another one).
fn revision() -> String {
    or_unknown(Path::new(".git").exists().then(|| output("git", &["rev-parse", "--short", "HEAD"])).flatten())
}

/// Watches the files that a commit or a checkout changes; in a linked worktree they are not below `.git`.
fn rerun_on_commits() {
    for file in ["HEAD", "logs/HEAD"] {
        let path = output("git", &["rev-parse", "--git-path", file]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}

fn or_unknown(known: Option<String>) -> String {
    known.unwrap_or_else(|| "unknown".to_owned())
}

/// The first line that a command prints, if it succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.lines().next()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
