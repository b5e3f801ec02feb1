//! The download test: downloads Microsoft's harmless test program, unpacks it and writes it to disk, where a working
//! Defender removes it or denies access. Scanners can't detect it within the archive, which has a password. Runs only
//! on an explicit command, because it raises a real detection. The program is never executed.
//!
//! `combine` is pure; [`run`] gathers its input. `download/archive.rs` opens the archive.

mod archive;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Host;
use crate::catalog::ProbeUrl;
use crate::clock::Clock;
use crate::exit::ExitError;
use crate::net::fetch::{FetchRequest, Fetched};
use crate::observation::Failure;
use crate::revocation::Fetch;
use crate::string_enum::string_enum;
use crate::task::blocking;
use crate::text::clean;

pub use archive::{ArchiveError, unpack_program};

#[cfg(test)]
mod tests;

/// The maximum size of the archive, in bytes.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// The timeout of the download.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The time for Defender to remove the program.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(15);

/// The interval between checks of the program.
const CHECK_INTERVAL: Duration = Duration::from_millis(250);

/// The maximum time to open the program. Defender blocks access to an unknown file until the cloud has answered: ten
/// seconds, and up to fifty more by policy (Microsoft's page "Configure the cloud block timeout period").
const OPEN_TIMEOUT: Duration = Duration::from_secs(70);

/// `ERROR_VIRUS_INFECTED` and `ERROR_VIRUS_DELETED` (Microsoft's page "System Error Codes").
const VIRUS: [i32; 2] = [225, 226];

string_enum! {
    /// Evidence that Defender blocked the program.
    BlockEvidence {
        /// It was removed.
        Gone = "the program was removed",
        /// Writing or reading it was denied.
        Denied = "access to the program was denied",
        /// The event log contains a detection.
        Logged = "the event log has a detection (event 1116)",
    }
}

/// The result of the test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DownloadOutcome {
    /// Defender blocked the program; contains at least one piece of evidence.
    Stopped(Vec<BlockEvidence>),
    /// The program remained readable.
    NotStopped {
        /// Whether the event log could be read and contains no detection.
        log_is_silent: bool,
    },
    /// The test is inconclusive.
    Inconclusive(Inconclusive),
}

/// Why the test is inconclusive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inconclusive {
    /// The archive could not be downloaded.
    #[error("the file could not be fetched: {}: {}: {}", .0.phase, .0.reason, .0.detail)]
    NotFetched(Failure),
    /// The archive could not be opened.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A file operation failed for a reason other than Defender.
    #[error("the program could not be written to the disk, or read from it: {0}")]
    Disk(String),
    /// Opening the program timed out.
    #[error("opening the program took more than {} seconds", OPEN_TIMEOUT.as_secs())]
    OpenTimedOut,
    /// The program remained readable, but couldn't be marked as downloaded, which Defender's cloud check requires.
    #[error(
        "Defender didn't block the program, but the temporary folder can't mark it as downloaded (a Zone.Identifier needs NTFS), \
         and Defender's cloud check is for downloads"
    )]
    NotMarked,
}

/// Why the test can't run.
#[derive(Debug, thiserror::Error)]
pub enum DownloadTestError {
    /// No Defender is installed, or host checks are disabled.
    #[error(
        "the download test needs Microsoft Defender Antivirus, which was not found on this machine; nothing was fetched"
    )]
    NoDefender,
    /// The catalog or the plan has nothing to download.
    #[error("the download test has no file or no route to fetch it")]
    NoFile,
    /// No folder could be created for the program.
    #[error("the download test has no folder for the file: {0}; nothing was fetched")]
    NoFolder(#[from] io::Error),
}

impl From<DownloadTestError> for ExitError {
    fn from(error: DownloadTestError) -> Self {
        let message = error.to_string();
        match error {
            DownloadTestError::NoDefender | DownloadTestError::NoFile => Self::Usage(message),
            DownloadTestError::NoFolder(_) => Self::File(message),
        }
    }
}

/// The outcome of the program on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
enum FileOutcome {
    /// Unknown: it was never written, or an error has another cause.
    Inconclusive(Inconclusive),
    /// It remained until the end.
    Remained,
    /// Defender blocked it.
    Stopped(BlockEvidence),
}

/// Combines the program's outcome with the event log: `Some(true)` if it contains a detection, `None` if it can't be read.
fn combine(outcome: FileOutcome, detected: Option<bool>) -> DownloadOutcome {
    let logged = detected == Some(true);
    match outcome {
        FileOutcome::Stopped(sign) if logged => DownloadOutcome::Stopped(vec![sign, BlockEvidence::Logged]),
        FileOutcome::Stopped(sign) => DownloadOutcome::Stopped(vec![sign]),
        _ if logged => DownloadOutcome::Stopped(vec![BlockEvidence::Logged]),
        FileOutcome::Remained => DownloadOutcome::NotStopped { log_is_silent: detected.is_some() },
        FileOutcome::Inconclusive(why) => DownloadOutcome::Inconclusive(why),
    }
}

/// Runs the test and removes the program afterwards.
///
/// # Errors
/// If no folder can be created for the program.
pub async fn run(
    url: &ProbeUrl,
    fetcher: &impl Fetch,
    host: &mut dyn Host,
    clock: Clock,
) -> Result<DownloadOutcome, DownloadTestError> {
    let folder = tempfile::Builder::new().prefix("defender-download-test").tempdir()?;
    let since = clock.now();
    let outcome = match fetch(url, fetcher).await {
        Ok(program) => watch(folder.path().join("download-test.exe"), program).await,
        Err(why) => FileOutcome::Inconclusive(why),
    };
    let detected = host.detected_since(since).await;
    if let Err(error) = folder.close() {
        tracing::warn!(%error, "failed to remove the folder of the download test");
    }
    Ok(combine(outcome, detected))
}

/// Downloads and unpacks the program.
async fn fetch(url: &ProbeUrl, fetcher: &impl Fetch) -> Result<Vec<u8>, Inconclusive> {
    // An archive ends with its directory.
    let get = FetchRequest::get(url, MAX_BYTES, TIMEOUT);
    let wanted = FetchRequest { secure: true, unclean_close: true, ..get };
    let archive = match fetcher.fetch(wanted).await.map_err(Inconclusive::NotFetched)? {
        Fetched::Body { bytes, .. } => bytes,
        Fetched::NotModified => return Err(ArchiveError::NotZip.into()), // unreachable: no validators were sent
    };
    Ok(blocking(move || unpack_program(&archive)).await?)
}

/// Writes the program and checks it until it is blocked or the time is up.
async fn watch(file: PathBuf, program: Vec<u8>) -> FileOutcome {
    let put_there = file.clone();
    let marked = match blocking(move || put(&put_there, &program)).await {
        Ok(marked) => marked,
        // It didn't exist yet, so Defender didn't remove it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return FileOutcome::Inconclusive(disk(&error));
        }
        Err(error) => return fate_from_error(&error, cfg!(windows)),
    };
    for _ in 0..REMOVAL_TIMEOUT.as_millis() / CHECK_INTERVAL.as_millis() {
        sleep(CHECK_INTERVAL).await;
        let file = file.clone();
        match timeout(OPEN_TIMEOUT, blocking(move || look(&file))).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return fate_from_error(&error, cfg!(windows)),
            Err(_) => return FileOutcome::Inconclusive(Inconclusive::OpenTimedOut),
        }
    }
    if marked { FileOutcome::Remained } else { FileOutcome::Inconclusive(Inconclusive::NotMarked) }
}

/// Writes the program and marks it as downloaded, as a browser does. Returns whether the mark could be set.
fn put(file: &Path, program: &[u8]) -> io::Result<bool> {
    let marked = mark(file);
    // Not truncated: that would remove the mark.
    OpenOptions::new().write(true).create(true).truncate(false).open(file)?.write_all(program)?;
    Ok(marked)
}

/// Marks a file as downloaded from the Internet, in its Zone.Identifier stream ([MS-FSCC], section 5.6.1). Returns
/// whether that succeeded.
#[cfg(windows)]
fn mark(file: &Path) -> bool {
    let mut stream = file.as_os_str().to_owned();
    stream.push(":Zone.Identifier");
    std::fs::write(stream, "[ZoneTransfer]\r\nZoneId=3\r\n").is_ok()
}

/// Other systems have no such mark, and their Defender requires none.
#[cfg(not(windows))]
const fn mark(_file: &Path) -> bool {
    true
}

/// Reads the whole program, which makes Defender scan it.
fn look(file: &Path) -> io::Result<()> {
    let mut program = File::open(file)?;
    let mut part = [0; 4096];
    while program.read(&mut part)? > 0 {}
    Ok(())
}

/// What a file system error says about the program's outcome.
fn fate_from_error(error: &io::Error, windows: bool) -> FileOutcome {
    let virus = windows && error.raw_os_error().is_some_and(|code| VIRUS.contains(&code));
    match error.kind() {
        _ if virus => FileOutcome::Stopped(BlockEvidence::Denied),
        io::ErrorKind::PermissionDenied => FileOutcome::Stopped(BlockEvidence::Denied),
        io::ErrorKind::NotFound => FileOutcome::Stopped(BlockEvidence::Gone),
        _ => FileOutcome::Inconclusive(disk(error)),
    }
}

fn disk(error: &io::Error) -> Inconclusive {
    Inconclusive::Disk(clean(&error.to_string()))
}
