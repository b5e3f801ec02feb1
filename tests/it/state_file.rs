//! The state file under `kill -9`: at any moment, the remaining file can be loaded.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::UpdateSource;
use defender_exporter::state::persist::{StateFile, StateFileContent};
use defender_exporter::state::{Saved, SignaturesState, SourceState};

/// Names the file to the child process, which is the same test again and writes until it is killed.
const FILE: &str = "DEFENDER_EXPORTER_TEST_STATE_FILE";

/// How often a writer is killed.
const KILLS: u32 = 100;

/// The n-th state, long enough for a write to take a while.
fn state(n: u64) -> Saved {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400 + n);
    let source = |route: u32| SourceState {
        source: UpdateSource::Adl,
        route: format!("route-{route}"),
        available: None,
        last_available: Some(at),
    };
    Saved::from_state(&SignaturesState {
        sources: (0..500).map(source).collect(),
        ..SignaturesState::default()
    })
}

/// What the child process does until it is killed.
fn write_without_end(path: PathBuf) {
    let file = StateFile::open(path).unwrap().file;
    for n in 1.. {
        file.write(&state(n)).unwrap();
    }
}

/// Starts a writer, and kills it some time after its first write of this run.
fn write_and_kill(path: &Path, delay: Duration) {
    let before = std::fs::read(path).ok();
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "state_file::state_survives_kill"])
        .env(FILE, path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let start = std::time::Instant::now();
    while std::fs::read(path).ok() == before {
        assert!(start.elapsed() < Duration::from_secs(20), "the writer writes nothing");
        std::thread::yield_now();
    }
    std::thread::sleep(delay);
    writer.kill().unwrap(); // SIGKILL
    writer.wait().unwrap();
}

#[test]
fn state_survives_kill() {
    if let Some(path) = std::env::var_os(FILE) {
        return write_without_end(path.into());
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    for n in 0..KILLS {
        // Steps that have nothing to do with the time that a write takes.
        write_and_kill(&path, Duration::from_micros(u64::from(n * 137 % 5000)));
        let found = StateFile::open(path.clone()).unwrap().content;
        assert!(matches!(found, StateFileContent::Kept(_)), "kill {n}: {found:?}");
    }
    let names: Vec<_> =
        std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.len() <= 2, "what a write left behind is used again: {names:?}");
}
