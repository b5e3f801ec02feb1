//! `deploy/release/notes`: the notes of a release, and what contradicts its tag.

use std::path::Path;
use std::process::Command;

use defender_exporter_needs::needs;

use crate::real::tools;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const CHART: &str = "deploy/helm/defender-exporter/Chart.yaml";

/// A changelog that is ready for the tag v1.2.3.
const READY: &str = "# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-11-29\n\nFirst line\nof a paragraph.\n\n### Added\n\n\
    - A point, wrapped\n  once. [1]\n- Another.\n\n## [1.2.2] - 2026-01-01\n\n- Old.\n\n[Unreleased]: #unreleased\n[1.2.3]: #123\n";

/// Runs the script on sources with this version, chart and changelog: the notes, or what contradicts the tag.
fn notes(tag: &str, version: &str, chart: &str, changelog: &str) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("Cargo.toml", &format!("[package]\nname = \"x\"\nversion = \"{version}\"\n"));
    write(CHART, &format!("apiVersion: v2\nversion: {chart}\nappVersion: {chart}\n"));
    write("CHANGELOG.md", changelog);
    run(tag, folder.path())
}

fn run(tag: &str, folder: &Path) -> Result<String, String> {
    let script = Path::new(ROOT).join("deploy/release/notes");
    let output = Command::new(tools::find("python3"))
        .args([script.as_os_str(), tag.as_ref(), folder.as_os_str()])
        .env("GITHUB_REPOSITORY", "owner/name")
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[needs("python3")]
#[test]
fn notes_are_the_section_of_the_tag() {
    let notes = notes("v1.2.3", "1.2.3", "1.2.3", READY).unwrap();
    let (section, verify) = notes.split_once("\n### Check the files\n").unwrap();
    assert_eq!(
        section,
        "First line of a paragraph.\n\n### Added\n\n- A point, wrapped once. [1]\n- Another.\n"
    );
    assert!(verify.contains("gh attestation verify FILE --repo owner/name"), "{verify}");
}

#[needs("python3")]
#[test]
fn a_tag_that_something_contradicts_is_refused() {
    let check = |tag: &str, version: &str, chart: &str, changelog: &str, expected: &str| {
        let error = notes(tag, version, chart, changelog).unwrap_err();
        assert!(error.starts_with("notes: ") && error.contains(expected), "{tag}: {error}, not {expected}");
    };
    check("1.2.3", "1.2.3", "1.2.3", READY, "the tag is 1.2.3");
    check("v1.2.4", "1.2.3", "1.2.3", READY, "the tag is v1.2.4, and Cargo.toml has version 1.2.3");
    check("v1.2.3", "1.2.3", "1.2.2", READY, "version is 1.2.2, not 1.2.3");
    check("v1.2.4", "1.2.4", "1.2.4", READY, "the newest section is 1.2.3, not 1.2.4");
    let left = READY.replace("[Unreleased]\n", "[Unreleased]\n\n- New.\n");
    check("v1.2.3", "1.2.3", "1.2.3", &left, "move what is under Unreleased to 1.2.3");
    let undated = READY.replace(" - 2026-11-29", "");
    check("v1.2.3", "1.2.3", "1.2.3", &undated, "1.2.3 has no date");
    let empty = "## [Unreleased]\n\n## [1.2.3] - 2026-11-29\n\n## [1.2.2] - 2026-01-01\n\n- Old.\n";
    check("v1.2.3", "1.2.3", "1.2.3", empty, "1.2.3 is empty");
    check("v1.2.3", "1.2.3", "1.2.3", "# Changelog\n", "the newest section is []");
}

/// Between releases, only the entries under Unreleased may stand between these sources and their tag.
#[needs("python3")]
#[test]
fn these_sources_are_ready_but_for_what_is_unreleased() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = std::fs::read_to_string(Path::new(ROOT).join("CHANGELOG.md")).unwrap();
    let (head, rest) = changelog.split_once("## [Unreleased]\n").unwrap();
    let (_, released) = rest.split_once("\n## [").unwrap();
    let changelog = format!("{head}## [Unreleased]\n\n## [{released}");
    let chart = std::fs::read_to_string(Path::new(ROOT).join(CHART)).unwrap();
    let chart = chart.lines().find_map(|line| line.strip_prefix("version: ")).unwrap();
    let notes = notes(&format!("v{version}"), version, chart, &changelog).unwrap();
    assert!(notes.len() < 125_000, "GitHub accepts no longer notes: {}", notes.len());
}
