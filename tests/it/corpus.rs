//! Runs each kept fuzz input once.

#[path = "../fuzz/targets/mod.rs"]
mod targets;

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use targets::{TARGETS, Target};

/// Where inputs are kept: those that a target began from, and those that fuzzing added.
const FOLDERS: [&str; 2] = ["seeds", "corpus"];

/// The most that is kept for a target, in files and bytes.
const MOST: (usize, usize) = (60, 100 * 1024);

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// The inputs that break a target's promises.
fn broken(name: &str, target: Target) -> Vec<PathBuf> {
    let inputs: Vec<_> = FOLDERS.iter().flat_map(|folder| files(&fuzz().join(folder).join(name))).collect();
    assert!(!inputs.is_empty(), "{name} has no inputs");
    let bytes: Vec<_> = inputs.iter().map(|path| std::fs::read(path).unwrap()).collect();
    let size: usize = bytes.iter().map(Vec::len).sum();
    assert!(inputs.len() <= MOST.0 && size <= MOST.1, "{name}: {} files, {size} bytes", inputs.len());
    let breaks = |bytes: &Vec<u8>| catch_unwind(|| target(bytes)).is_err();
    inputs.into_iter().zip(&bytes).filter(|(_, bytes)| breaks(bytes)).map(|(path, _)| path).collect()
}

#[test]
fn no_kept_input_breaks_a_promise() {
    let broken: Vec<_> = std::thread::scope(|scope| {
        let run = |(name, target): &(&'static str, Target)| {
            let (name, target) = (*name, *target);
            scope.spawn(move || broken(name, target))
        };
        let running: Vec<_> = TARGETS.iter().map(run).collect();
        running.into_iter().flat_map(|target| target.join().unwrap()).collect()
    });
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn every_target_has_its_program_and_no_folder_is_nobodys() {
    let manifest = std::fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let programs: Vec<_> =
        manifest.split("[[bin]]\nname = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let names: Vec<_> = TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(programs, names);
    for folder in FOLDERS.iter().flat_map(|folder| files(&fuzz().join(folder))) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        assert!(names.contains(&name.as_str()), "{} is nobody's", folder.display());
    }
}

#[test]
fn targets_are_found_by_their_names() {
    for (name, target) in TARGETS {
        assert!(std::ptr::fn_addr_eq(targets::of(name), *target), "{name}");
    }
}
