//! The invariants of ARCHITECTURE.md that can be read off the sources.

use std::path::{Path, PathBuf};

/// The sources with their paths from the crate's root.
fn everything() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(found.len() > 30, "the sources are not where they were");
    found
}

/// Those that aren't tests: these are in `tests.rs`, or in a folder `tests` beside it.
fn sources() -> Vec<(PathBuf, String)> {
    let is_test =
        |path: &Path| path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests");
    everything().into_iter().filter(|(path, _)| !is_test(path)).collect()
}

/// Holds that `word` stands in no source outside `homes`.
fn check(word: &str, homes: &[&str]) {
    for (path, text) in sources() {
        let at_home = homes.iter().any(|home| path.starts_with(home));
        let code = text.split("#[cfg(test)]").next().unwrap();
        let line = code.lines().find(|line| line.contains(word) && !line.trim_start().starts_with("//"));
        assert!(
            at_home || line.is_none(),
            "{}: {word:?} belongs to {homes:?}: {}",
            path.display(),
            line.unwrap()
        );
    }
}

#[test]
fn each_room_keeps_its_own() {
    check("SystemTime::now", &["src/clock.rs"]);
    check("prometheus_client", &["src/metrics"]);
    check("axum", &["src/web"]);
    check("reqwest", &["src/fetch.rs", "src/fetch", "src/failure.rs", "src/failure"]);
    check("process::exit", &[]);
    check(
        "Instant::now",
        &[
            "src/engine.rs",
            "src/engine",
            "src/fetch.rs",
            "src/host/watch.rs",
            "src/names",
            "src/on_demand.rs",
            "src/pac",
            "src/probe",
            "src/signatures/watch.rs",
            "src/trust/issuers.rs",
            "src/ways",
            "src/web",
        ],
    );
    check("tokio::net", &["src/names/sockets.rs", "src/probe", "src/web", "src/app.rs"]);
}

#[test]
fn every_file_says_what_lives_in_it_and_is_of_a_readable_size() {
    for (path, text) in everything() {
        assert!(text.starts_with("//!"), "{} does not begin with //!", path.display());
        assert!(text.lines().count() <= 400, "{} has over 400 lines", path.display());
    }
}

#[test]
fn the_pure_modules_do_no_io() {
    for pure in [
        "src/verdict/mod.rs",
        "src/verdict/sources.rs",
        "src/signatures/feed.rs",
        "src/signatures/findings.rs",
        "src/signatures/staleness.rs",
        "src/state/saved.rs",
        "src/state/signatures.rs",
        "src/plan.rs",
        "src/schedule.rs",
        "src/failure/classify.rs",
        "src/probe/genuine.rs",
    ] {
        let (_, text) = sources().into_iter().find(|(path, _)| path.ends_with(pure)).unwrap();
        for word in ["async fn", ".await", "std::fs", "std::net::Tcp", "tokio::net"] {
            assert!(!text.contains(word), "{pure} has {word:?}");
        }
    }
}

#[test]
fn the_architecture_names_what_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let named = text.split('`').filter(|word| word.starts_with("src/") || word.starts_with("tests/"));
    let missing: Vec<_> = named.filter(|word| !word.contains('*') && !root.join(word).exists()).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let entries = std::fs::read_dir(root.join("src")).unwrap();
    let stems = entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned());
    let is_named =
        |stem: &String| text.contains(&format!("`src/{stem}/")) || text.contains(&format!("`src/{stem}.rs`"));
    let nameless: Vec<_> = stems.filter(|stem| stem != "lib" && !is_named(stem)).collect();
    assert!(nameless.is_empty(), "without a row: {nameless:?}");
}

#[test]
fn unsafe_is_forbidden() {
    let manifest = include_str!("../../Cargo.toml");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
}

#[test]
fn unit_and_image_set_the_same_environment() {
    let said = |text: &str, before: &str| -> Vec<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(before));
        lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
    };
    let unit = said(include_str!("../../deploy/systemd/defender-exporter.service"), "Environment=");
    let image = said(include_str!("../../deploy/container/Containerfile"), "ENV ");
    assert!(!unit.is_empty(), "the unit sets nothing");
    assert_eq!(unit, image);
}
