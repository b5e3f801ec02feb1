//! Invariants of ARCHITECTURE.md that can be checked in the sources. clippy.toml covers clocks, sockets, tasks and
//! process exit; `layers.rs` covers imports.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::sources::modules;

/// All sources, tests included, with their paths from the crate's root.
fn everything() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = sources_in(&root.join("src"));
    for (path, _) in &mut found {
        *path = path.strip_prefix(root).unwrap().to_owned();
    }
    assert!(found.len() > 30, "the sources are not where they were");
    found
}

/// The Rust files in a folder and below, with their whole paths.
fn sources_in(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut folders = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found
}

/// Holds that one of `names` (paths, or methods as `.elapsed`) is named in the modules `homes` and what is in them, and nowhere else;
/// and that each of these needs to be listed.
fn check(names: &[&str], homes: &[&str]) {
    let mut needed = vec![false; homes.len()];
    for module in modules() {
        let used = module.names.iter().find(|used| names.iter().any(|name| used.is_in(name)));
        let Some(used) = used else { continue };
        let home = homes.iter().position(|home| module.is_in(home));
        let (file, line, path) = (module.file.display(), used.line, &used.path);
        let home = home.unwrap_or_else(|| panic!("{file}:{line}: {path} belongs to {homes:?}"));
        needed[home] = true;
    }
    let idle: Vec<_> = homes.iter().zip(needed).filter(|(_, needed)| !needed).map(|(home, _)| home).collect();
    assert!(idle.is_empty(), "{idle:?} needn't be listed for {names:?}");
}

#[test]
fn each_module_keeps_its_dependencies() {
    check(&["prometheus_client"], &["metrics"]);
    check(&["axum"], &["web"]);
    check(&["reqwest"], &["commands::healthcheck"]);
    check(&["tokio::net"], &["net::resolver::query", "net::connect", "web"]);
    check(
        &["std::time::Instant::now", "tokio::time::Instant::now", ".elapsed"],
        &[
            "commands::healthcheck",
            "engine",
            "net::resolver",
            "net::phase",
            "tls::aia",
            "net::proxy",
            "revocation::lookup",
            "web",
        ],
    );
}

#[test]
fn files_have_a_header_and_a_maximum_length() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = ["tests/it", "tests/soak", "tests/fuzz/targets"];
    let tests = tests.into_iter().flat_map(|folder| sources_in(&root.join(folder)));
    for (path, text) in everything().into_iter().chain(tests) {
        assert!(text.starts_with("//!"), "{} does not begin with //!", path.display());
        assert!(text.lines().count() <= 400, "{} has over 400 lines", path.display());
    }
}

#[test]
fn the_pure_modules_do_no_io() {
    let pure = [
        "net::failure::classify",
        "plan",
        "probe::genuine",
        "probe::replay",
        "probe::response",
        "plan::schedule",
        "signatures::feed",
        "signatures::findings",
        "signatures::staleness",
        "state::saved",
        "state::signatures",
        "verdict",
    ];
    for path in pure {
        let own: Vec<_> = modules().iter().filter(|module| module.is_in(path)).collect();
        assert!(!own.is_empty(), "{path} is no module");
        for module in own {
            let io = [
                "async fn",
                ".await",
                ".elapsed",
                "std::env",
                "std::fs",
                "std::net::TcpListener",
                "std::net::TcpStream",
                "std::net::UdpSocket",
                "std::process",
                "std::thread",
                "std::time::Instant::now",
                "std::time::SystemTime::now",
                "tokio::fs",
                "tokio::net",
                "tokio::process",
                "tokio::task",
                "tokio::time::Instant::now",
            ];
            let found = module.names.iter().find(|name| io.iter().any(|io| name.is_in(io)));
            assert!(found.is_none(), "{} is pure: {found:?}", module.file.display());
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

/// Whether a path as `module::test` or `module` names a test, or a module with tests, of the library or of tests/it.
fn names_a_test(path: &str, tests: &BTreeSet<String>) -> bool {
    tests.iter().any(|test| test == path || test.starts_with(&format!("{path}::")))
}

/// The paths of all test functions, as `cargo test` prints them.
fn test_paths() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = BTreeSet::new();
    for folder in [root.join("src"), root.join("tests/it")] {
        for (file, text) in sources_in(&folder) {
            let path = file.strip_prefix(&folder).unwrap().with_extension("");
            let mut module: Vec<_> = path.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            if module.last().is_some_and(|name| name == "mod") {
                module.pop();
            }
            read_tests(&syn::parse_file(&text).unwrap().items, &module, &mut found);
        }
    }
    assert!(found.len() > 500, "the tests are not where they were");
    found
}

fn read_tests(items: &[syn::Item], module: &[String], found: &mut BTreeSet<String>) {
    for item in items {
        match item {
            syn::Item::Fn(function) => {
                let is_test = |attribute: &syn::Attribute| {
                    attribute.path().segments.last().is_some_and(|name| name.ident == "test")
                };
                if function.attrs.iter().any(is_test) {
                    found.insert(format!("{}::{}", module.join("::"), function.sig.ident));
                }
            }
            syn::Item::Mod(inner) => {
                let path: Vec<_> = module.iter().cloned().chain([inner.ident.to_string()]).collect();
                read_tests(inner.content.as_ref().map_or(&[], |(_, items)| items), &path, found);
            }
            syn::Item::Macro(call)
                if call.mac.path.segments.last().is_some_and(|name| name.ident == "proptest") =>
            {
                let words = call.mac.tokens.to_string();
                let functions = words
                    .split("[test]")
                    .skip(1)
                    .filter_map(|rest| rest.split_once("fn "))
                    .map(|(_, rest)| rest);
                let names = functions.filter_map(|rest| rest.split([' ', '(']).next());
                found.extend(names.map(|name| format!("{}::{name}", module.join("::"))));
            }
            _ => {}
        }
    }
}

#[test]
fn every_invariant_names_tests_that_exist() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("ARCHITECTURE.md")).unwrap();
    let invariants = text.split("\n## ").find(|section| section.starts_with("Invariants")).unwrap();
    let tests = test_paths();
    let mut named = 0;
    for reference in invariants.split("*`").skip(1).filter_map(|rest| rest.split_once("`*")) {
        for path in reference.0.split('`').map(|path| path.trim_matches([',', ' ', '\n'])) {
            if path.is_empty() || path == "clippy.toml" {
                continue;
            }
            assert!(names_a_test(path, &tests), "ARCHITECTURE.md names {path}: no such test");
            named += 1;
        }
    }
    assert!(named > 15, "{named} tests are named");
}

#[test]
fn comments_name_files_that_exist() {
    let everything = everything();
    let names: BTreeSet<_> =
        everything.iter().map(|(path, _)| path.file_name().unwrap().to_owned()).collect();
    for (path, text) in &everything {
        let is_source = |word: &&str| Path::new(word).extension().is_some_and(|ending| ending == "rs");
        for word in text.split('`').skip(1).step_by(2).filter(is_source) {
            let file = Path::new(word).file_name().unwrap();
            let is_elsewhere = || Path::new(env!("CARGO_MANIFEST_DIR")).join(word).exists();
            assert!(names.contains(file) || is_elsewhere(), "{}: there is no {word}", path.display());
        }
    }
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
