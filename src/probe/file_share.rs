//! The folder of a file share: the newest package of security intelligence in it, as Defender's clients look for it. The
//! system opens the path, so its own network, mounts and rights count, not the route's.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::catalog::ProbeUrl;
use crate::observation::{Failure, FailureReason as Reason, PackageFacts, Phase};

/// Where clients look for the package: below the share in the folder of their architecture (Microsoft's page "Manage the sources
/// for Microsoft Defender Antivirus protection updates" has x64 and x86; arm64 is inferred), or in the folder itself, if the path
/// leads to one of these.
const PACKAGES: [&str; 4] = ["x64/mpam-fe.exe", "x86/mpam-fe.exe", "arm64/mpam-fe.exe", "mpam-fe.exe"];

/// The place of a package that clients look for, by its name.
pub(crate) fn package_path(name: &str) -> Option<&'static str> {
    PACKAGES.into_iter().find(|known| *known == name)
}

type Found = io::Result<Option<PackageFacts>>;

/// The reading of a folder that is under way. Survives a caller that gives up.
type Reading = AsyncMutex<Option<JoinHandle<Found>>>;

/// Readings of folders. A share that hangs keeps one thread, however many probes give up on it.
#[derive(Default)]
pub(super) struct FileShareReader(Mutex<HashMap<String, Arc<Reading>>>);

impl FileShareReader {
    /// The newest package, `None` if there is none. Concurrent callers share one reading, also with one that gave up.
    pub(super) async fn newest_package(&self, folder: &ProbeUrl) -> Found {
        if !cfg!(windows) && !folder.as_str().starts_with('/') {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let path = folder.as_str().to_owned();
        let slot = Arc::clone(self.0.lock().entry(path.clone()).or_default());
        let mut slot = slot.lock().await;
        // A reading that ended after its caller gave up describes an earlier time.
        if slot.as_ref().is_some_and(JoinHandle::is_finished) {
            *slot = None;
        }
        let reading = slot.get_or_insert_with(|| spawn_blocking(move || newest(Path::new(&path))));
        let found = reading.await;
        *slot = None;
        found.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

fn newest(folder: &Path) -> Found {
    if !fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    let (mut newest, mut denied) = (None::<PackageFacts>, None);
    for file in PACKAGES {
        match fs::metadata(folder.join(file)).and_then(|found| Ok((found.is_file(), found.modified()?))) {
            Ok((true, modified)) if newest.as_ref().is_none_or(|known| known.modified < modified) => {
                newest = Some(PackageFacts { file, modified });
            }
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
            Err(error) => denied = Some(error),
        }
    }
    match (newest, denied) {
        (None, Some(error)) => Err(error),
        (newest, _) => Ok(newest),
    }
}

/// The package that was found, and why clients can't update from the folder, if so.
pub(super) fn check_package(
    read: Result<Found, Failure>,
    now: SystemTime,
    stale_after: Duration,
) -> (Option<PackageFacts>, Option<Failure>) {
    let failure = |reason, detail: &str| Some(Failure::new(Phase::Request, reason, detail));
    match read {
        Err(timeout) => {
            (None, failure(timeout.reason, "the system didn't read the folder within the probe's timeout"))
        }
        Ok(Err(error)) => {
            let (reason, detail) = unreadable(&error);
            (None, failure(reason, &detail))
        }
        Ok(Ok(None)) => {
            (None, failure(Reason::NotFound, "no mpam-fe.exe in x64, x86, arm64 or the folder itself"))
        }
        Ok(Ok(Some(package))) => {
            let age = now.duration_since(package.modified).unwrap_or_default();
            let hours = age.as_secs() / 3600;
            let age_text = if hours < 48 { format!("{hours} hours") } else { format!("{} days", hours / 24) };
            let detail = format!("{} was last changed {age_text} ago", package.file);
            (Some(package), (age >= stale_after).then(|| failure(Reason::Outdated, &detail)).flatten())
        }
    }
}

/// Windows' codes where the kind of an error isn't enough ([MS-ERREF], section 2.2).
const ERROR_BAD_NETPATH: i32 = 53;
const ERROR_LOGON_FAILURE: i32 = 1326;

fn unreadable(error: &io::Error) -> (Reason, String) {
    let reason = reason(error.raw_os_error().filter(|_| cfg!(windows)), error.kind());
    let detail = match reason {
        Reason::NotFound => "there is no such folder".to_owned(),
        Reason::AccessDenied => format!("this program's account may not read the folder: {error}"),
        Reason::Unsupported => {
            "not readable here: only Windows opens a UNC path or a drive; mount the share, and list the mounted path"
                .to_owned()
        }
        _ => format!("the system can't open the folder: {error}"),
    };
    (reason, detail)
}

/// The reason of an error, by Windows' code if there is one.
const fn reason(code: Option<i32>, kind: io::ErrorKind) -> Reason {
    match (code, kind) {
        (Some(ERROR_BAD_NETPATH), _) => Reason::Unreachable, // the server; Rust calls it NotFound
        (Some(ERROR_LOGON_FAILURE), _) | (_, io::ErrorKind::PermissionDenied) => Reason::AccessDenied,
        (_, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Reason::NotFound,
        (_, io::ErrorKind::Unsupported) => Reason::Unsupported,
        _ => Reason::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;

    fn days(days: u64) -> Duration {
        Duration::from_secs(days * DAY)
    }

    /// A folder with packages that were changed so many days before `now`.
    fn folder(now: SystemTime, packages: &[(&str, u64)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (file, age) in packages {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::File::create(path).unwrap().set_modified(now - days(*age)).unwrap();
        }
        folder
    }

    async fn read(path: &str) -> Found {
        FileShareReader::default().newest_package(&ProbeUrl::parse_folder(path).unwrap()).await
    }

    #[tokio::test]
    async fn the_newest_package_counts() {
        let now = SystemTime::now();
        for (packages, newest, reason) in [
            (&[("x64/mpam-fe.exe", 1), ("x86/mpam-fe.exe", 2)][..], Some("x64/mpam-fe.exe"), None),
            (&[("x64/mpam-fe.exe", 9), ("arm64/mpam-fe.exe", 2)], Some("arm64/mpam-fe.exe"), None),
            (&[("mpam-fe.exe", 0)], Some("mpam-fe.exe"), None),
            (
                &[("x64/mpam-fe.exe", 7), ("x86/mpam-fe.exe", 8)],
                Some("x64/mpam-fe.exe"),
                Some(Reason::Outdated),
            ),
            (&[("x64/mpam-d.exe", 0), ("other/mpam-fe.exe", 0)], None, Some(Reason::NotFound)),
            (&[("x64", 0)], None, Some(Reason::NotFound)),
            (&[], None, Some(Reason::NotFound)),
        ] {
            let folder = folder(now, packages);
            let found = Ok(read(folder.path().to_str().unwrap()).await);
            let (package, failure) = check_package(found, now, days(7));
            assert_eq!(package.map(|package| package.file), newest, "{packages:?}");
            assert_eq!(failure.map(|failure| failure.reason), reason, "{packages:?}");
        }
    }

    /// What a slow share answered to a probe that gave up says nothing about the next one's time.
    #[tokio::test]
    async fn a_reading_of_an_earlier_time_is_dropped() {
        let folder = folder(SystemTime::now(), &[("mpam-fe.exe", 0)]);
        let path = folder.path().to_str().unwrap();
        let folders = FileShareReader::default();
        let earlier = spawn_blocking(|| Ok(None));
        while !earlier.is_finished() {
            tokio::task::yield_now().await;
        }
        folders.0.lock().insert(path.to_owned(), Arc::new(AsyncMutex::new(Some(earlier))));
        let found = folders.newest_package(&ProbeUrl::parse_folder(path).unwrap()).await;
        assert!(found.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_read_says_why() {
        let folder = folder(SystemTime::now(), &[("file", 0)]);
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let check = |found: Found, reason: Reason, words: &str| {
            let (package, failure) = check_package(Ok(found), SystemTime::now(), days(7));
            let failure = failure.unwrap();
            assert!(package.is_none() && failure.detail.contains(words), "{failure:?}");
            assert_eq!((failure.phase, failure.reason), (Phase::Request, reason));
        };
        check(read(&path("absent")).await, Reason::NotFound, "no such folder");
        check(read(&path("file")).await, Reason::NotFound, "no such folder");
        check(Err(io::ErrorKind::PermissionDenied.into()), Reason::AccessDenied, "account");
        check(Err(io::ErrorKind::StaleNetworkFileHandle.into()), Reason::Unreachable, "can't open");
        if !cfg!(windows) {
            check(read(r"\\files.example\updates").await, Reason::Unsupported, "mount the share");
        }
        let timeout = Failure::new(Phase::Request, Reason::Timeout, "");
        let (_, failure) = check_package(Err(timeout), SystemTime::now(), days(7));
        assert!(failure.unwrap().detail.contains("within the probe's timeout"));
    }

    #[test]
    fn windows_codes_are_distinguished() {
        use io::ErrorKind::{NotFound, Other, PermissionDenied};
        for (code, kind, expected) in [
            (Some(2), NotFound, Reason::NotFound),
            (Some(53), NotFound, Reason::Unreachable),
            (Some(67), NotFound, Reason::NotFound),
            (Some(5), PermissionDenied, Reason::AccessDenied),
            (Some(1326), Other, Reason::AccessDenied),
            (Some(64), Other, Reason::Unreachable),
        ] {
            assert_eq!(reason(code, kind), expected, "{code:?}");
        }
    }

    /// A package from the future was written by a machine with another clock.
    #[test]
    fn a_package_of_another_clock_is_no_older_than_now() {
        let now = SystemTime::now();
        let package = PackageFacts { file: PACKAGES[0], modified: now + days(30) };
        assert_eq!(check_package(Ok(Ok(Some(package.clone()))), now, days(7)), (Some(package), None));
    }
}
