//! The state file: read at the start, written at most once a minute and at the end. A file is replaced as a whole, so that a
//! crash at any moment leaves the old one or the new one. What is in it is `saved.rs`' business.
//!
//! A file that can't be used is never overwritten: it is renamed and left to a person. One exporter writes a file.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::{Saved, SavedError, Snapshot};

/// How often the file is written at most.
pub const PERIOD: Duration = Duration::from_secs(60);

/// The longest file that is read, in bytes; what is written has a few hundred for each route.
const MAX_BYTES: u64 = 1024 * 1024;

/// The most files that are set aside; a person hasn't looked for a long time.
const MAX_ASIDE: usize = 9;

/// How often a rename is tried where another program has the file open, and the time between two tries: half a second in all.
const RENAMES: u32 = 10;
const RENAME_PAUSE: Duration = Duration::from_millis(50);

/// A file of this program's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFile {
    path: PathBuf,
}

/// What was found where the file should be.
#[derive(Debug)]
pub enum Found {
    /// Nothing: the first start.
    Nothing,
    /// What was kept.
    Kept(Saved),
    /// A file that can't be used, now elsewhere.
    SetAside {
        /// Why it can't be used.
        why: SavedError,
        /// Where it is.
        to: PathBuf,
    },
}

/// Why a file can be neither used nor replaced.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// It can't be read: what is in it isn't known, so it is left alone.
    #[error("the state file {path} can't be read: {error}; nothing will be kept", path = path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It can't be used, and can't be set aside either.
    #[error("the state file {path} can't be used: {why}; it can't be renamed either: {error}; nothing will be kept", path = path.display())]
    InTheWay {
        /// Which.
        path: PathBuf,
        /// Why it can't be used.
        why: SavedError,
        /// Why it can't be renamed.
        error: io::Error,
    },
}

impl StateFile {
    /// Reads what was kept. A damaged, foreign or newer file is set aside.
    ///
    /// # Errors
    /// When something is there that can be neither read nor renamed: then it must not be written over.
    pub fn open(path: PathBuf) -> Result<(Self, Found), StateFileError> {
        let bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Self { path }, Found::Nothing)),
            Err(error) => return Err(StateFileError::Unreadable { path, error }),
        };
        let too_long = || SavedError::Damaged(format!("it is longer than {} KiB", MAX_BYTES / 1024));
        let saved = bytes.ok_or_else(too_long).and_then(|bytes| Saved::from_json(&bytes));
        match saved {
            Ok(saved) => Ok((Self { path }, Found::Kept(saved))),
            Err(why) => match set_aside(&path) {
                Ok(to) => Ok((Self { path }, Found::SetAside { why, to })),
                Err(error) => Err(StateFileError::InTheWay { path, why, error }),
            },
        }
    }

    /// Replaces the file, and returns when it would survive a loss of power.
    ///
    /// # Errors
    /// When the folder or the disk doesn't allow it; the file is then as it was.
    pub fn write(&self, saved: &Saved) -> io::Result<()> {
        let new = with_suffix(&self.path, ".new"); // in the same folder: a rename must not cross file systems
        let mut file = File::create(&new)?;
        file.write_all(saved.to_json().as_bytes())?;
        file.sync_all()?;
        drop(file);
        rename(&new, &self.path)?;
        sync_folder(&self.path)
    }
}

/// Puts what the file has kept into the first snapshot. None where the file must be left alone: then nothing is kept.
#[must_use]
pub fn restore(path: PathBuf, snapshot: &mut Snapshot, now: SystemTime) -> Option<StateFile> {
    let (file, found) = match StateFile::open(path) {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!("{error}");
            return None;
        }
    };
    let path = file.path.display();
    match found {
        Found::Nothing => tracing::info!(%path, "no state file yet: this counts as the first start"),
        Found::Kept(saved) => saved.restore(&mut snapshot.signatures, &snapshot.plan, now),
        Found::SetAside { why, to } => {
            tracing::warn!(%path, to = %to.display(), "the state file can't be used: {why}; it has been renamed");
        }
    }
    Some(file)
}

/// Another file, for what is known already: what is in it, if it can be used, is older. None where it must be left alone.
#[must_use]
pub fn take_over(path: PathBuf) -> Option<StateFile> {
    match StateFile::open(path) {
        Ok((file, Found::SetAside { why, to })) => {
            let path = file.path.display();
            tracing::warn!(%path, to = %to.display(), "the state file can't be used: {why}; it has been renamed");
            Some(file)
        }
        Ok((file, Found::Nothing | Found::Kept(_))) => Some(file),
        Err(error) => {
            tracing::warn!("{error}");
            None
        }
    }
}

/// The bytes of a file; none where there are too many. A device or a pipe is refused: it must be neither read nor renamed.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_BYTES).then_some(bytes))
}

/// Renames a file to a name that nothing has yet.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let names = (1..=MAX_ASIDE).map(|n| with_suffix(path, &format!(".unusable-{n}")));
    let taken = || io::Error::new(ErrorKind::AlreadyExists, format!("{MAX_ASIDE} files have been set aside"));
    let to = names.into_iter().find(|name| !name.exists()).ok_or_else(taken)?;
    rename(path, &to)?;
    sync_folder(path)?;
    Ok(to)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Renames, also where a scanner, an indexer or a backup of Windows has one of the files open for a moment.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    for _ in 1..RENAMES {
        match fs::rename(from, to) {
            Err(error) if is_in_use(&error) => std::thread::sleep(RENAME_PAUSE),
            done => return done,
        }
    }
    fs::rename(from, to)
}

/// Whether it may be over in a moment: ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION (Microsoft's page "System Error Codes").
fn is_in_use(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32))
}

/// Makes a rename last. Windows has no such thing for folders.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Keeps what is known in the file, `period` between two writes at least, until the last snapshot is there: that is kept, too.
/// While the file can't be written it is tried again, and told once. Where another file comes into use, the one before gets
/// its last words; none: nothing is kept.
pub async fn run(
    mut files: watch::Receiver<Option<StateFile>>,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    period: Duration,
) {
    let mut keeper = files.borrow_and_update().clone().map(Keeper::of);
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_new = true; // the first start is to be kept
    loop {
        tokio::select! {
            changed = snapshots.changed() => match changed {
                Ok(()) => is_new = true,
                Err(_) => break, // the owner of the state has ended
            },
            Ok(()) = files.changed() => {
                keep(keeper, &snapshots).await;
                keeper = files.borrow_and_update().clone().map(Keeper::of);
                keeper = keep(keeper, &snapshots).await;
            }
            _ = ticks.tick(), if is_new => {
                is_new = false;
                snapshots.mark_unchanged();
                keeper = keep(keeper, &snapshots).await;
            }
        }
    }
    keep(keeper, &snapshots).await;
}

async fn keep(keeper: Option<Keeper>, snapshots: &watch::Receiver<Arc<Snapshot>>) -> Option<Keeper> {
    let saved = Saved::of(&snapshots.borrow().signatures);
    Some(keeper?.keep(saved).await)
}

/// Writes the file where there is something new.
struct Keeper {
    file: StateFile,
    kept: Option<Saved>,
    failing: bool,
}

impl Keeper {
    const fn of(file: StateFile) -> Self {
        Self { file, kept: None, failing: false }
    }

    /// Off the runtime's threads: a disk may hang.
    async fn keep(mut self, saved: Saved) -> Self {
        if self.kept.as_ref() == Some(&saved) {
            return self;
        }
        let file = self.file.clone();
        let (saved, written) = match spawn_blocking(move || (file.write(&saved), saved)).await {
            Ok((written, saved)) => (Some(saved), written),
            Err(error) => (None, Err(io::Error::other(error))),
        };
        let path = self.file.path.display();
        match (&written, self.failing) {
            (Ok(()), true) => tracing::info!(%path, "the state file can be written again"),
            (Err(error), false) => {
                tracing::warn!(%path, %error, "the state file can't be written: what it should keep is lost at the end");
            }
            (Ok(()), false) | (Err(_), true) => {}
        }
        self.failing = written.is_err();
        self.kept = saved.filter(|_| written.is_ok());
        self
    }
}

#[cfg(test)]
mod tests;
