//! The rule as a table, and the test itself with a stand-in of the network and of Defender.

use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::super::{BoxedFacts, HostFacts};
use super::*;
use crate::fetch::Validators;
use crate::observation::{FailureReason, Stage};

fn refused() -> Failure {
    Failure::new(Stage::Connect, FailureReason::Refused, "detail")
}

#[test]
fn the_rule() {
    use Sign::{Denied, Gone, Logged};
    let unclear = "";
    let lay = |log_is_silent| Outcome::NotStopped { log_is_silent };
    let stopped = |signs: &[Sign]| Outcome::Stopped(signs.to_vec());
    for (fate, nothing_told, silent, logged) in [
        (Fate::Stopped(Gone), stopped(&[Gone]), stopped(&[Gone]), stopped(&[Gone, Logged])),
        (Fate::Stopped(Denied), stopped(&[Denied]), stopped(&[Denied]), stopped(&[Denied, Logged])),
        (Fate::Lay, lay(false), lay(true), stopped(&[Logged])),
        (
            Fate::Unfetched(refused()),
            Outcome::Unclear(unclear.into()),
            Outcome::Unclear(unclear.into()),
            stopped(&[Logged]),
        ),
        (
            Fate::Foreign,
            Outcome::Unclear(unclear.into()),
            Outcome::Unclear(unclear.into()),
            stopped(&[Logged]),
        ),
        (
            Fate::Broken("full".into()),
            Outcome::Unclear(unclear.into()),
            Outcome::Unclear(unclear.into()),
            stopped(&[Logged]),
        ),
    ] {
        for (detected, expected) in [(None, nothing_told), (Some(false), silent), (Some(true), logged)] {
            match (judge(fate.clone(), detected), expected) {
                (Outcome::Unclear(why), Outcome::Unclear(_)) => assert!(!why.is_empty(), "{fate:?}"),
                (found, expected) => assert_eq!(found, expected, "{fate:?} {detected:?}"),
            }
        }
    }
}

#[test]
fn errors_of_the_file_system() {
    let of = |error: io::Error, windows| of_error(&error, windows);
    assert_eq!(of(io::ErrorKind::NotFound.into(), false), Fate::Stopped(Sign::Gone));
    assert_eq!(of(io::ErrorKind::PermissionDenied.into(), false), Fate::Stopped(Sign::Denied));
    for code in VIRUS {
        assert_eq!(of(io::Error::from_raw_os_error(code), true), Fate::Stopped(Sign::Denied));
        assert!(matches!(of(io::Error::from_raw_os_error(code), false), Fate::Broken(_)));
    }
    assert!(matches!(of(io::ErrorKind::StorageFull.into(), true), Fate::Broken(_)));
}

/// Answers every fetch with this.
struct Net(Result<Vec<u8>, Failure>);

impl Fetch for Net {
    async fn fetch(&self, wanted: Wanted<'_>) -> Result<Fetched, Failure> {
        assert!(wanted.secure && wanted.limit == MAX_BYTES && wanted.body.is_none());
        let bytes = self.0.clone()?.into();
        Ok(Fetched::Body { bytes, validators: Validators::default() })
    }
}

/// A machine whose log says this, and what it was asked.
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

async fn outcome(answer: Result<&[u8], Failure>, detected: Option<bool>) -> Outcome {
    let asked = Arc::default();
    let clock = Clock::Fixed(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400));
    let mut machine = Machine(detected, Arc::clone(&asked));
    let found = run(&url(), &Net(answer.map(<[u8]>::to_vec)), &mut machine, clock).await.unwrap();
    assert_eq!(*asked.lock().unwrap(), [clock.now()]);
    found
}

const FILE: &[u8] = b"PK\x03\x04 and the rest";

#[tokio::test(start_paused = true)]
async fn a_file_that_nobody_stops_lies_there_to_the_end() {
    assert_eq!(outcome(Ok(FILE), Some(false)).await, Outcome::NotStopped { log_is_silent: true });
    assert_eq!(outcome(Ok(FILE), None).await, Outcome::NotStopped { log_is_silent: false });
    assert_eq!(outcome(Ok(FILE), Some(true)).await, Outcome::Stopped(vec![Sign::Logged]));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_file_tells_nothing() {
    for (answer, words) in [
        (Ok(b"<html>blocked</html>".as_slice()), "not Microsoft's file"),
        (Ok(b"".as_slice()), "not Microsoft's file"),
        (Err(refused()), "connect: refused: detail"),
    ] {
        let Outcome::Unclear(why) = outcome(answer, Some(false)).await else { panic!("{words}") };
        assert!(why.contains(words), "{why}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_is_taken_away_was_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("download-test.zip");
    let taken = file.clone();
    let defender = tokio::spawn(async move {
        while std::fs::remove_file(&taken).is_err() {
            sleep(LOOK / 2).await;
        }
    });
    assert_eq!(fate(&url(), &Net(Ok(FILE.to_vec())), &file).await, Fate::Stopped(Sign::Gone));
    defender.await.unwrap();
    let nowhere = folder.path().join("no/folder");
    assert!(matches!(fate(&url(), &Net(Ok(FILE.to_vec())), &nowhere).await, Fate::Broken(_)));
}
