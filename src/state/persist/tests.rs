//! The state file on a real disk: found, replaced, renamed and left alone.

use super::*;
use crate::metrics::fixture;
use crate::state::SignaturesState;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400 + seconds)
}

fn saved(seconds: u64) -> Saved {
    Saved::from_state(&SignaturesState { last_chance: Some(at(seconds)), ..SignaturesState::default() })
}

/// What is found if a file contains these bytes, and the names in its folder afterwards.
fn found(bytes: Option<&[u8]>) -> (Result<StateFileContent, StateFileError>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    if let Some(bytes) = bytes {
        fs::write(&path, bytes).unwrap();
    }
    let found = StateFile::open(path).map(|opened| opened.content);
    (found, names(folder.path()))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn nothing_and_what_was_kept_are_found() {
    let (nothing, names) = found(None);
    assert!(matches!(nothing, Ok(StateFileContent::Nothing)) && names.is_empty());
    let (written_state, names) = found(Some(saved(5).to_json().as_bytes()));
    assert!(matches!(written_state, Ok(StateFileContent::Kept(written_state)) if written_state == saved(5)));
    assert_eq!(names, ["state.json"]);
}

#[test]
fn a_file_that_cannot_be_used_is_set_aside() {
    let newer = saved(5).to_json().replace("\"version\": 1", "\"version\": 2");
    let long = vec![b' '; 1024 * 1024 + 1];
    for bytes in [&b""[..], b"{}", b"\xff\xfe", b"{\"format\":", newer.as_bytes(), &long] {
        let (found, names) = found(Some(bytes));
        assert!(matches!(found, Ok(StateFileContent::SetAside { .. })), "{found:?}");
        assert_eq!(names, ["state.json.unusable-1"]);
    }
}

#[test]
fn files_set_aside_are_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    for n in 1..=MAX_ASIDE {
        fs::write(&path, format!("{n}")).unwrap();
        let found = StateFile::open(path.clone()).unwrap().content;
        let StateFileContent::SetAside { to, .. } = found else { panic!("{found:?}") };
        assert_eq!(to, with_suffix(&path, &format!(".unusable-{n}")));
    }
    fs::write(&path, "one too many").unwrap();
    let error = StateFile::open(path.clone()).unwrap_err();
    assert!(matches!(error, StateFileError::InTheWay { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "one too many");
    for n in 1..=MAX_ASIDE {
        assert_eq!(fs::read_to_string(with_suffix(&path, &format!(".unusable-{n}"))).unwrap(), n.to_string());
    }
}

#[test]
fn what_is_no_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    fs::create_dir(&path).unwrap();
    assert!(matches!(StateFile::open(path), Err(StateFileError::Unreadable { .. })));
    assert_eq!(names(folder.path()), ["state.json"]);
    #[cfg(unix)]
    assert!(matches!(StateFile::open("/dev/zero".into()), Err(StateFileError::Unreadable { .. })));
}

#[test]
fn a_write_replaces_the_file_and_leaves_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let file = StateFile::open(path.clone()).unwrap().file;
    for seconds in [1, 2] {
        // The remains of an interrupted write don't matter.
        fs::write(with_suffix(&path, ".new"), "x".repeat(10_000)).unwrap();
        file.write(&saved(seconds)).unwrap();
        let found = StateFile::open(path.clone()).unwrap().content;
        assert!(matches!(found, StateFileContent::Kept(written_state) if written_state == saved(seconds)));
        assert_eq!(names(folder.path()), ["state.json"]);
    }
}

/// Windows can't rename over a file that another program has open without sharing.
#[cfg(windows)]
#[test]
fn a_file_in_use_is_replaced_once_released() {
    use std::os::windows::fs::OpenOptionsExt as _;
    const FILE_SHARE_READ: u32 = 1;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let file = StateFile::open(path.clone()).unwrap().file;
    file.write(&saved(1)).unwrap();
    let open = || fs::OpenOptions::new().read(true).share_mode(FILE_SHARE_READ).open(&path).unwrap();
    let scanner = open();
    let lets_go = std::thread::spawn(move || {
        std::thread::sleep(RENAME_PAUSE * 2);
        drop(scanner);
    });
    file.write(&saved(2)).unwrap();
    lets_go.join().unwrap();
    let found = StateFile::open(path.clone()).unwrap().content;
    assert!(matches!(found, StateFileContent::Kept(saved_state) if saved_state == saved(2)));
    let _backup = open(); // a backup that takes its time
    assert!(is_in_use(&file.write(&saved(3)).unwrap_err()));
    assert_eq!(fs::read(&path).unwrap(), saved(2).to_json().as_bytes(), "it is as it was");
}

#[test]
fn a_folder_that_is_not_there_is_an_error_of_the_write_alone() {
    let folder = tempfile::tempdir().unwrap();
    let OpenedStateFile { file, content } =
        StateFile::open(folder.path().join("no/such/state.json")).unwrap();
    assert!(matches!(content, StateFileContent::Nothing));
    assert_eq!(file.write(&saved(1)).unwrap_err().kind(), ErrorKind::NotFound);
}

fn snapshot(seconds: u64) -> Arc<Snapshot> {
    let mut snapshot = fixture::snapshot();
    snapshot.signatures = SignaturesState { last_chance: Some(at(seconds)), ..SignaturesState::default() };
    Arc::new(snapshot)
}

/// Waits until the file's contents differ from `before`. The clock is paused, the disk isn't. The file is closed
/// between reads, because Windows can't replace an open file.
async fn next(path: &Path, before: Option<&Saved>) -> Saved {
    loop {
        if let Ok(bytes) = fs::read(path) {
            let saved = Saved::from_json(&bytes).unwrap();
            if Some(&saved) != before {
                return saved;
            }
        }
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test(start_paused = true)]
async fn writes_the_first_the_last_and_one_state_per_period() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let file = StateFile::open(path.clone()).unwrap().file;
    let (publish, snapshots) = watch::channel(snapshot(0));
    let keeping = tokio::spawn(run(watch::channel(Some(file)).1, snapshots, PERIOD));
    let first = next(&path, None).await;
    assert_eq!(first, saved(0));

    publish.send_replace(snapshot(1));
    tokio::time::sleep(PERIOD / 2).await;
    publish.send_replace(snapshot(2));
    assert_eq!(Saved::from_json(&fs::read(&path).unwrap()), Ok(saved(0)));
    tokio::time::sleep(PERIOD).await;
    assert_eq!(next(&path, Some(&first)).await, saved(2));

    publish.send_replace(snapshot(3));
    drop(publish);
    keeping.await.unwrap();
    assert_eq!(Saved::from_json(&fs::read(&path).unwrap()), Ok(saved(3)));
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_comes_back_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("later/state.json");
    let file = StateFile::open(path.clone()).unwrap().file;
    let (publish, snapshots) = watch::channel(snapshot(0));
    let keeping = tokio::spawn(run(watch::channel(Some(file)).1, snapshots, PERIOD));
    tokio::time::sleep(PERIOD).await;
    fs::create_dir(path.parent().unwrap()).unwrap();
    publish.send_replace(snapshot(0)); // nothing new, but nothing has been saved yet
    tokio::time::sleep(PERIOD * 2).await;
    assert_eq!(next(&path, None).await, saved(0));
    drop(publish);
    keeping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_reload_can_change_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one.json", "other.json"].map(|name| folder.path().join(name));
    let open = |path: &Path| Some(StateFile::open(path.to_owned()).unwrap().file);
    let (files, file) = watch::channel(open(&one));
    let (publish, snapshots) = watch::channel(snapshot(0));
    let keeping = tokio::spawn(run(file, snapshots, PERIOD));
    let first = next(&one, None).await;
    publish.send_replace(snapshot(1));
    files.send_replace(open(&other));
    assert_eq!(next(&one, Some(&first)).await, saved(1));
    assert_eq!(next(&other, None).await, saved(1));
    files.send_replace(None);
    tokio::time::sleep(PERIOD).await;
    publish.send_replace(snapshot(2));
    drop(publish);
    keeping.await.unwrap();
    assert_eq!(Saved::from_json(&fs::read(&one).unwrap()), Ok(saved(1)));
    assert_eq!(Saved::from_json(&fs::read(&other).unwrap()), Ok(saved(1)));
}

#[test]
fn whether_it_could_be_written_is_found_out_without_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let check = |path: &Path, expected: Option<ErrorKind>| {
        let found = check_writable(path).err().map(|error| error.kind());
        assert_eq!(found, expected, "{}", path.display());
    };
    check(&path, None);
    assert_eq!(names(folder.path()), Vec::<String>::new());
    fs::write(&path, "kept").unwrap();
    check(&path, None);
    assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
    assert_eq!(names(folder.path()), ["state.json"]);
    check(&folder.path().join("missing/state.json"), Some(ErrorKind::NotFound));
    check(folder.path(), Some(ErrorKind::InvalidInput));
}
