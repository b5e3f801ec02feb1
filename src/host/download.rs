//! The download test: Microsoft's harmless file is fetched and put where Defender sees it; a Defender that works takes it
//! away, or lets nobody read it. Only ever on a user's explicit command: it raises a real detection.
//!
//! The rule (`judge`) is pure; what it judges is gathered in [`run`].

use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::time::sleep;

use super::Host;
use crate::catalog::ProbeUrl;
use crate::clock::Clock;
use crate::fetch::{Fetched, Wanted};
use crate::observation::Failure;
use crate::text::clean;
use crate::trust::revocation::Fetch;
use crate::words::words;

#[cfg(test)]
mod tests;

/// The most that the file may take, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// For the fetch.
const TIMEOUT: Duration = Duration::from_secs(60);

/// How long Defender gets to take the file away.
const PATIENCE: Duration = Duration::from_secs(15);

/// Between two looks at the file.
const LOOK: Duration = Duration::from_millis(250);

/// How a zip begins (PKWARE's APPNOTE, section 4.3.7): the file is one.
const ZIP: &[u8] = b"PK\x03\x04";

/// `ERROR_VIRUS_INFECTED` and `ERROR_VIRUS_DELETED` (Microsoft's page "System Error Codes").
const VIRUS: [i32; 2] = [225, 226];

words! {
    /// What showed that Defender stopped the file.
    Sign {
        /// It was taken away.
        Gone = "the file was taken away",
        /// It may not be written or read.
        Denied = "access to the file was denied",
        /// The event log has a detection.
        Logged = "the event log has a detection (event 1116)",
    }
}

/// How the test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Defender stopped the file; what showed it, at least one.
    Stopped(Vec<Sign>),
    /// It lay there, to be read by anybody.
    NotStopped {
        /// Whether the event log could be read, and has no detection.
        log_is_silent: bool,
    },
    /// Nothing can be told; why.
    Unclear(String),
}

/// Why the test isn't made.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nobody could stop the file.
    #[error(
        "the download test needs Microsoft Defender Antivirus, and this machine has none that is known of: nothing was fetched"
    )]
    NoDefender,
    /// Nothing to fetch.
    #[error("the download test has nothing to fetch, or no route to fetch it by")]
    NoFile,
    /// Nowhere to put it.
    #[error("the download test finds no folder for the file: {0}; nothing was fetched")]
    NoFolder(#[from] io::Error),
}

/// What became of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It could not be fetched.
    Unfetched(Failure),
    /// What came isn't the file.
    Foreign,
    /// It lay there to the end.
    Lay,
    /// It was stopped so.
    Stopped(Sign),
    /// The system failed otherwise.
    Broken(String),
}

/// What it means, together with what the event log says: a detection, none, or nothing at all.
fn judge(fate: Fate, detected: Option<bool>) -> Outcome {
    let logged = detected == Some(true);
    match fate {
        Fate::Stopped(sign) if logged => Outcome::Stopped(vec![sign, Sign::Logged]),
        Fate::Stopped(sign) => Outcome::Stopped(vec![sign]),
        _ if logged => Outcome::Stopped(vec![Sign::Logged]),
        Fate::Lay => Outcome::NotStopped { log_is_silent: detected.is_some() },
        Fate::Unfetched(Failure { stage, reason, detail }) => {
            Outcome::Unclear(format!("the file could not be fetched: {stage}: {reason}: {detail}"))
        }
        Fate::Foreign => Outcome::Unclear(
            "what came is not Microsoft's file, which is a zip: something on the way may have answered instead"
                .to_owned(),
        ),
        Fate::Broken(why) => Outcome::Unclear(format!("the file could not be put on the disk: {why}")),
    }
}

/// Makes the test. The file is gone when it has ended.
///
/// # Errors
/// When there is no folder for the file.
pub async fn run(
    url: &ProbeUrl,
    fetcher: &impl Fetch,
    host: &mut dyn Host,
    clock: Clock,
) -> Result<Outcome, Refusal> {
    let folder = tempfile::Builder::new().prefix("defender-download-test").tempdir()?;
    let since = clock.now();
    let fate = fate(url, fetcher, &folder.path().join("download-test.zip")).await;
    let detected = host.detected_since(since).await;
    if let Err(error) = folder.close() {
        tracing::warn!(%error, "the folder of the download test can't be removed");
    }
    Ok(judge(fate, detected))
}

async fn fate(url: &ProbeUrl, fetcher: &impl Fetch, file: &Path) -> Fate {
    let wanted = Wanted { secure: true, ..Wanted::of(url, MAX_BYTES, TIMEOUT) };
    let bytes = match fetcher.fetch(wanted).await {
        Ok(Fetched::Body { bytes, .. }) if bytes.starts_with(ZIP) => bytes,
        Ok(_) => return Fate::Foreign,
        Err(failure) => return Fate::Unfetched(failure),
    };
    match std::fs::write(file, &bytes) {
        // Nothing was there yet that could be taken away.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Fate::Broken(clean(&error.to_string()));
        }
        Err(error) => return of_error(&error, cfg!(windows)),
        Ok(()) => {}
    }
    for _ in 0..PATIENCE.as_millis() / LOOK.as_millis() {
        sleep(LOOK).await;
        if let Err(error) = std::fs::read(file) {
            return of_error(&error, cfg!(windows));
        }
    }
    Fate::Lay
}

/// What an error of the file system means for the file.
fn of_error(error: &io::Error, windows: bool) -> Fate {
    let virus = windows && error.raw_os_error().is_some_and(|code| VIRUS.contains(&code));
    match error.kind() {
        _ if virus => Fate::Stopped(Sign::Denied),
        io::ErrorKind::PermissionDenied => Fate::Stopped(Sign::Denied),
        io::ErrorKind::NotFound => Fate::Stopped(Sign::Gone),
        _ => Fate::Broken(clean(&error.to_string())),
    }
}
