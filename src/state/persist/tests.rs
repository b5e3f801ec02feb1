//! The file on a real disk: found, replaced, set aside, and left alone.

use super::*;
use crate::metrics::fixture;
use crate::state::SignaturesState;

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400 + seconds)
}

fn saved(seconds: u64) -> Saved {
    Saved::of(&SignaturesState { last_chance: Some(at(seconds)), ..SignaturesState::default() })
}

/// What a file with these bytes is found to be, and the names in its folder then.
fn found(bytes: Option<&[u8]>) -> (Result<Found, StateFileError>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    if let Some(bytes) = bytes {
        fs::write(&path, bytes).unwrap();
    }
    let found = StateFile::open(path).map(|(_, found)| found);
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
    assert!(matches!(nothing, Ok(Found::Nothing)) && names.is_empty());
    let (kept, names) = found(Some(saved(5).to_json().as_bytes()));
    assert!(matches!(kept, Ok(Found::Kept(kept)) if kept == saved(5)));
    assert_eq!(names, ["state.json"]);
}

#[test]
fn a_file_that_cannot_be_used_is_set_aside() {
    let newer = saved(5).to_json().replace("\"version\": 1", "\"version\": 2");
    let long = vec![b' '; 1024 * 1024 + 1];
    for bytes in [&b""[..], b"{}", b"\xff\xfe", b"{\"format\":", newer.as_bytes(), &long] {
        let (found, names) = found(Some(bytes));
        assert!(matches!(found, Ok(Found::SetAside { .. })), "{found:?}");
        assert_eq!(names, ["state.json.unusable-1"]);
    }
}

#[test]
fn files_set_aside_are_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    for n in 1..=MAX_ASIDE {
        fs::write(&path, format!("{n}")).unwrap();
        let (_, found) = StateFile::open(path.clone()).unwrap();
        let Found::SetAside { to, .. } = found else { panic!("{found:?}") };
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
    let (file, _) = StateFile::open(path.clone()).unwrap();
    for seconds in [1, 2] {
        // What a write that was cut off left behind doesn't matter.
        fs::write(with_suffix(&path, ".new"), "x".repeat(10_000)).unwrap();
        file.write(&saved(seconds)).unwrap();
        let (_, found) = StateFile::open(path.clone()).unwrap();
        assert!(matches!(found, Found::Kept(kept) if kept == saved(seconds)));
        assert_eq!(names(folder.path()), ["state.json"]);
    }
}

/// Windows renames nothing over a file that somebody has open without sharing it.
#[cfg(windows)]
#[test]
fn a_file_that_is_open_elsewhere_is_replaced_once_it_is_let_go() {
    use std::os::windows::fs::OpenOptionsExt as _;
    const FILE_SHARE_READ: u32 = 1;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let (file, _) = StateFile::open(path.clone()).unwrap();
    file.write(&saved(1)).unwrap();
    let open = || fs::OpenOptions::new().read(true).share_mode(FILE_SHARE_READ).open(&path).unwrap();
    let scanner = open();
    let lets_go = std::thread::spawn(move || {
        std::thread::sleep(RENAME_PAUSE * 2);
        drop(scanner);
    });
    file.write(&saved(2)).unwrap();
    lets_go.join().unwrap();
    let (_, found) = StateFile::open(path.clone()).unwrap();
    assert!(matches!(found, Found::Kept(kept) if kept == saved(2)));
    let _backup = open(); // which takes its time
    assert!(is_in_use(&file.write(&saved(3)).unwrap_err()));
    assert_eq!(fs::read(&path).unwrap(), saved(2).to_json().as_bytes(), "it is as it was");
}

#[test]
fn a_folder_that_is_not_there_is_an_error_of_the_write_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (file, found) = StateFile::open(folder.path().join("no/such/state.json")).unwrap();
    assert!(matches!(found, Found::Nothing));
    assert_eq!(file.write(&saved(1)).unwrap_err().kind(), ErrorKind::NotFound);
}

fn snapshot(seconds: u64) -> Arc<Snapshot> {
    let mut snapshot = fixture::snapshot();
    snapshot.signatures = SignaturesState { last_chance: Some(at(seconds)), ..SignaturesState::default() };
    Arc::new(snapshot)
}

/// What the file holds, once it holds something else than before; the clock is paused, the disk isn't. Between two looks the
/// file is closed for a while: Windows may replace none that is open.
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
async fn the_first_and_the_last_are_kept_and_between_them_one_a_period() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.json");
    let (file, _) = StateFile::open(path.clone()).unwrap();
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
    let (file, _) = StateFile::open(path.clone()).unwrap();
    let (publish, snapshots) = watch::channel(snapshot(0));
    let keeping = tokio::spawn(run(watch::channel(Some(file)).1, snapshots, PERIOD));
    tokio::time::sleep(PERIOD).await;
    fs::create_dir(path.parent().unwrap()).unwrap();
    publish.send_replace(snapshot(0)); // nothing new, but nothing of it has been kept
    tokio::time::sleep(PERIOD * 2).await;
    assert_eq!(next(&path, None).await, saved(0));
    drop(publish);
    keeping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn another_file_can_come_into_use_and_the_one_before_gets_its_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let [one, other] = ["one.json", "other.json"].map(|name| folder.path().join(name));
    let open = |path: &Path| Some(StateFile::open(path.to_owned()).unwrap().0);
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
