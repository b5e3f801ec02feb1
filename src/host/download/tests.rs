//! The rule as a table, and the test itself with a simulated network and Defender.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::super::{BoxedFacts, HostFacts};
use super::archive::tests::PKWARE;
use super::*;
use crate::net::fetch::{ContentHeaders, Validators};
use crate::observation::{FailureReason, Phase};

fn refused() -> Failure {
    Failure::new(Phase::Connect, FailureReason::Refused, "detail")
}

#[test]
fn the_rule() {
    use BlockEvidence::{Denied, Gone, Logged};
    let lay = |log_is_silent| DownloadOutcome::NotStopped { log_is_silent };
    let stopped = |signs: &[BlockEvidence]| DownloadOutcome::Stopped(signs.to_vec());
    let check = |outcome: FileOutcome,
                 not_read: DownloadOutcome,
                 silent: DownloadOutcome,
                 logged: DownloadOutcome| {
        for (detected, expected) in [(None, not_read), (Some(false), silent), (Some(true), logged)] {
            assert_eq!(combine(outcome.clone(), detected), expected, "{outcome:?} {detected:?}");
        }
    };
    check(FileOutcome::Stopped(Gone), stopped(&[Gone]), stopped(&[Gone]), stopped(&[Gone, Logged]));
    check(FileOutcome::Stopped(Denied), stopped(&[Denied]), stopped(&[Denied]), stopped(&[Denied, Logged]));
    check(FileOutcome::Remained, lay(false), lay(true), stopped(&[Logged]));
    for why in [
        Inconclusive::NotFetched(refused()),
        ArchiveError::OtherPassword.into(),
        Inconclusive::Disk("full".into()),
        Inconclusive::OpenTimedOut,
        Inconclusive::NotMarked,
    ] {
        let unclear = || DownloadOutcome::Inconclusive(why.clone());
        check(FileOutcome::Inconclusive(why.clone()), unclear(), unclear(), stopped(&[Logged]));
    }
}

#[test]
fn errors_of_the_file_system() {
    let of = |error: io::Error, windows| fate_from_error(&error, windows);
    assert_eq!(of(io::ErrorKind::NotFound.into(), false), FileOutcome::Stopped(BlockEvidence::Gone));
    assert_eq!(
        of(io::ErrorKind::PermissionDenied.into(), false),
        FileOutcome::Stopped(BlockEvidence::Denied)
    );
    for code in VIRUS {
        assert_eq!(of(io::Error::from_raw_os_error(code), true), FileOutcome::Stopped(BlockEvidence::Denied));
        assert!(matches!(
            of(io::Error::from_raw_os_error(code), false),
            FileOutcome::Inconclusive(Inconclusive::Disk(_))
        ));
    }
    assert!(matches!(
        of(io::ErrorKind::StorageFull.into(), true),
        FileOutcome::Inconclusive(Inconclusive::Disk(_))
    ));
}

/// Answers every request with this.
struct Net(Result<Vec<u8>, Failure>);

impl Fetch for Net {
    async fn fetch(&self, wanted: FetchRequest<'_>) -> Result<Fetched, Failure> {
        assert!(wanted.secure && wanted.limit == MAX_BYTES && wanted.body.is_none());
        let bytes = self.0.clone()?.into();
        Ok(Fetched::Body { bytes, validators: Validators::default(), content: ContentHeaders::default() })
    }
}

/// A machine with this event log result, and a record of the queries.
struct Machine(Option<bool>, Arc<Mutex<Vec<SystemTime>>>);

impl Host for Machine {
    fn facts(&mut self, clock: Clock) -> BoxedFacts<'_> {
        Box::pin(async move { HostFacts::new(&[]).finished(clock.now()) })
    }

    fn detected_since(
        &mut self,
        since: SystemTime,
    ) -> std::pin::Pin<Box<dyn Future<Output = Option<bool>> + Send + '_>> {
        self.1.lock().unwrap().push(since);
        Box::pin(std::future::ready(self.0))
    }
}

fn url() -> ProbeUrl {
    ProbeUrl::parse("https://go.example/fwlink").unwrap()
}

async fn outcome(answer: Result<&[u8], Failure>, detected: Option<bool>) -> DownloadOutcome {
    let asked = Arc::default();
    let clock = Clock::Fixed(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400));
    let mut machine = Machine(detected, Arc::clone(&asked));
    let found = run(&url(), &Net(answer.map(<[u8]>::to_vec)), &mut machine, clock).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), [clock.now()]);
    found
}

#[tokio::test(start_paused = true)]
async fn a_program_that_nobody_stops_lies_there_to_the_end() {
    assert_eq!(outcome(Ok(PKWARE), Some(false)).await, DownloadOutcome::NotStopped { log_is_silent: true });
    assert_eq!(outcome(Ok(PKWARE), None).await, DownloadOutcome::NotStopped { log_is_silent: false });
    assert_eq!(outcome(Ok(PKWARE), Some(true)).await, DownloadOutcome::Stopped(vec![BlockEvidence::Logged]));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_file_tells_nothing() {
    for (answer, words) in [
        (Ok(b"<html>blocked</html>".as_slice()), "not Microsoft's file"),
        (Ok(b"".as_slice()), "not Microsoft's file"),
        (Ok(&PKWARE[..100]), "can't be opened"),
        (Err(refused()), "connect: refused: detail"),
    ] {
        let DownloadOutcome::Inconclusive(why) = outcome(answer, Some(false)).await else {
            panic!("{words}")
        };
        assert!(why.to_string().contains(words), "{why}");
    }
}

/// The outcome of a program in a folder on which `defender` acts.
async fn watched(defender: impl Fn(&Path) -> io::Result<()> + Send + 'static) -> FileOutcome {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("download-test.exe");
    let seen = file.clone();
    let defender = tokio::spawn(async move {
        while !seen.exists() || defender(&seen).is_err() {
            sleep(CHECK_INTERVAL / 2).await;
        }
    });
    let outcome = watch(file, b"MZ harmless".to_vec()).await;
    defender.await.unwrap();
    outcome
}

#[tokio::test(start_paused = true)]
async fn a_program_that_is_taken_away_was_stopped() {
    assert_eq!(watched(|file| std::fs::remove_file(file)).await, FileOutcome::Stopped(BlockEvidence::Gone));
}

#[cfg(unix)]
#[tokio::test(start_paused = true)]
async fn a_program_that_nobody_may_read_was_stopped() {
    use std::os::unix::fs::PermissionsExt as _;
    let locked = |file: &Path| std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o000));
    let outcome = watched(locked).await;
    let root_reads_everything = std::fs::metadata("/proc/self").is_ok_and(|own| {
        use std::os::unix::fs::MetadataExt as _;
        own.uid() == 0
    });
    assert_eq!(
        outcome,
        if root_reads_everything {
            FileOutcome::Remained
        } else {
            FileOutcome::Stopped(BlockEvidence::Denied)
        }
    );
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_another_reason_tells_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = watch(folder.path().join("no/folder"), Vec::new()).await;
    assert!(matches!(nowhere, FileOutcome::Inconclusive(Inconclusive::Disk(_))), "{nowhere:?}");
    // Windows denies access to a folder that is opened as a file, as a scanner denies it to a file.
    if cfg!(unix) {
        let swapped = |file: &Path| std::fs::remove_file(file).and_then(|()| std::fs::create_dir(file));
        let unreadable = watched(swapped).await;
        assert!(matches!(unreadable, FileOutcome::Inconclusive(Inconclusive::Disk(_))), "{unreadable:?}");
    }
}

#[test]
fn a_refusal_has_an_exit_code_for_what_must_change() {
    let check = |error: DownloadTestError, code, words: &str| {
        let error = ExitError::from(error);
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    check(DownloadTestError::NoDefender, 3, "was not found on this machine");
    check(DownloadTestError::NoFile, 3, "no file or no route");
    check(DownloadTestError::NoFolder(io::ErrorKind::StorageFull.into()), 4, "no folder for the file");
}
