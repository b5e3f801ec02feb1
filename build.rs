//! Tells the program which revision and compiler it was built from. Never fails: what isn't known is "unknown".
//! A package that is built outside the repository says its own by the variables `DEFENDER_EXPORTER_REVISION` and `…_BRANCH`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    rerun_on_commits();
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let known = [
        ("REVISION", given("DEFENDER_EXPORTER_REVISION").or_else(|| git(&["--short", "HEAD"]))),
        ("BRANCH", given("DEFENDER_EXPORTER_BRANCH").or_else(|| git(&["--abbrev-ref", "HEAD"]))),
        ("RUSTC", output(&rustc, &["--version"])),
        ("PROFILE", std::env::var("PROFILE").ok()),
        ("TARGET", std::env::var("TARGET").ok()),
    ];
    for (name, value) in known {
        println!("cargo:rustc-env=DEFENDER_EXPORTER_{name}={}", value.as_deref().unwrap_or("unknown"));
    }
}

/// What whoever builds says.
fn given(name: &str) -> Option<String> {
    println!("cargo:rerun-if-env-changed={name}");
    std::env::var(name).ok().filter(|value| !value.is_empty() && !value.contains('\n'))
}

/// What git says of the commit, unless the sources lie in no repository of their own (an unpacked archive inside another one).
fn git(of: &[&str]) -> Option<String> {
    let arguments: Vec<&str> = ["rev-parse"].iter().chain(of).copied().collect();
    Path::new(".git").exists().then(|| output("git", &arguments)).flatten()
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

/// The first line that a command prints, if it succeeds.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.lines().next()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
