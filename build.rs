//! Embeds the revision and the compiler of the build. Never fails: unknown values are "unknown". Builds outside the
//! repository set the variables `DEFENDER_EXPORTER_REVISION` and `…_BRANCH`.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    rerun_on_commits();
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let values = [
        ("REVISION", variable("DEFENDER_EXPORTER_REVISION").or_else(|| git(&["--short", "HEAD"]))),
        ("BRANCH", variable("DEFENDER_EXPORTER_BRANCH").or_else(|| git(&["--abbrev-ref", "HEAD"]))),
        ("RUSTC", output(&rustc, &["--version"])),
        ("PROFILE", std::env::var("PROFILE").ok()),
        ("TARGET", std::env::var("TARGET").ok()),
    ];
    for (name, value) in values {
        println!("cargo:rustc-env=DEFENDER_EXPORTER_{name}={}", value.as_deref().unwrap_or("unknown"));
    }
}

/// The value of an environment variable.
fn variable(name: &str) -> Option<String> {
    println!("cargo:rerun-if-env-changed={name}");
    std::env::var(name).ok().filter(|value| !value.is_empty() && !value.contains('\n'))
}

/// Runs `git rev-parse`. `None` if the sources aren't the root of a repository: an archive may be unpacked inside another
/// repository.
fn git(revision: &[&str]) -> Option<String> {
    let arguments: Vec<&str> = ["rev-parse"].iter().chain(revision).copied().collect();
    Path::new(".git").exists().then(|| output("git", &arguments)).flatten()
}

/// Rebuilds after a commit or a checkout. In a linked worktree, the files aren't below `.git`.
fn rerun_on_commits() {
    for file in ["HEAD", "logs/HEAD"] {
        let path = output("git", &["rev-parse", "--git-path", file]);
        if let Some(path) = path.filter(|path| Path::new(path).exists()) {
            println!("cargo:rerun-if-changed={path}");
        }
    }
}

/// The first line of a command's output. `None` if the command fails.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let line = String::from_utf8(output.stdout).ok()?.lines().next()?.trim().to_owned();
    (output.status.success() && !line.is_empty()).then_some(line)
}
