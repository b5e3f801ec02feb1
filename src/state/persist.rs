//! The state file: read at the start, written at most once a minute and at shutdown. It is replaced atomically, so that
//! a crash leaves either the old or the new file. `saved.rs` has its format.
//!
//! A file that can't be used is never overwritten, but renamed for inspection. Only one exporter may use a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::{Saved, SavedError, Snapshot};
use crate::task;

/// The minimum interval between writes.
pub const PERIOD: Duration = Duration::from_secs(60);

/// The maximum size to read, in bytes; a state takes a few hundred per route.
const MAX_BYTES: u64 = 1024 * 1024;

/// The maximum number of renamed files.
const MAX_ASIDE: usize = 9;

/// The number of attempts to rename while another program has the file open, and the pause between them: half a second
/// in total.
const RENAMES: u32 = 10;
const RENAME_PAUSE: Duration = Duration::from_millis(50);

/// The state file of this exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateFile {
    path: PathBuf,
}

/// What the state file contains.
#[derive(Debug)]
pub enum StateFileContent {
    /// There is no file: the first start.
    Nothing,
    /// The restored state.
    Kept(Saved),
    /// The file couldn't be used, and was renamed.
    SetAside {
        /// Why it can't be used.
        why: SavedError,
        /// Its new path.
        to: PathBuf,
    },
}

/// Why a file can't be used or replaced.
#[derive(Debug, thiserror::Error)]
pub enum StateFileError {
    /// It can't be read. Its contents are unknown, so it is left alone.
    #[error("failed to read the state file {path}: {error}; continuing without a state file", path = path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The error.
        error: io::Error,
    },
    /// It can't be used, and renaming it failed.
    #[error("the state file {path} is unusable ({why}) and can't be renamed ({error}); continuing without a state file", path = path.display())]
    InTheWay {
        /// The path.
        path: PathBuf,
        /// Why it can't be used.
        why: SavedError,
        /// Why it can't be renamed.
        error: io::Error,
    },
}

/// A usable state file.
#[derive(Debug)]
pub struct OpenedStateFile {
    /// The file.
    pub file: StateFile,
    /// What it contained.
    pub content: StateFileContent,
}

impl StateFile {
    /// Reads the state file. Renames a damaged, foreign or newer file.
    ///
    /// # Errors
    /// If the file can be neither read nor renamed. It must not be overwritten then.
    pub fn open(path: PathBuf) -> Result<OpenedStateFile, StateFileError> {
        let bytes = match read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(OpenedStateFile { file: Self { path }, content: StateFileContent::Nothing });
            }
            Err(error) => return Err(StateFileError::Unreadable { path, error }),
        };
        let too_long = || SavedError::Damaged(format!("it exceeds {} KiB", MAX_BYTES / 1024));
        let saved = bytes.ok_or_else(too_long).and_then(|bytes| Saved::from_json(&bytes));
        match saved {
            Ok(saved) => Ok(OpenedStateFile { file: Self { path }, content: StateFileContent::Kept(saved) }),
            Err(why) => match set_aside(&path) {
                Ok(to) => {
                    let content = StateFileContent::SetAside { why, to };
                    Ok(OpenedStateFile { file: Self { path }, content })
                }
                Err(error) => Err(StateFileError::InTheWay { path, why, error }),
            },
        }
    }

    /// Replaces the file, and returns when it is durable (fsync).
    ///
    /// # Errors
    /// If the folder or the disk prevents it; the file is then unchanged.
    pub fn write(&self, saved: &Saved) -> io::Result<()> {
        let new = with_suffix(&self.path, ".new"); // in the same folder, because a rename can't cross file systems
        let mut file = File::create(&new)?;
        file.write_all(saved.to_json().as_bytes())?;
        file.sync_all()?;
        drop(file);
        rename(&new, &self.path)?;
        sync_folder(&self.path)
    }
}

/// Restores the state into the first snapshot. Returns `None` if the file must be left alone; the state isn't saved
/// then.
#[must_use]
pub fn restore(path: PathBuf, snapshot: &mut Snapshot, now: SystemTime) -> Option<StateFile> {
    let OpenedStateFile { file, content } = match StateFile::open(path) {
        Ok(opened) => opened,
        Err(error) => {
            tracing::warn!(%error, "state is not saved");
            return None;
        }
    };
    let path = file.path.display();
    match content {
        StateFileContent::Nothing => {
            tracing::info!(%path, "no state file, starting fresh");
        }
        StateFileContent::Kept(saved) => saved.restore(&mut snapshot.signatures, &snapshot.plan, now),
        StateFileContent::SetAside { why, to } => {
            tracing::warn!(%path, to = %to.display(), error = %why, "state file unusable, renamed");
        }
    }
    Some(file)
}

/// Switches to another file during a reload. Its contents are older than the state, and are replaced. Returns `None` if
/// it must be left alone.
#[must_use]
pub fn replace(path: PathBuf) -> Option<StateFile> {
    match StateFile::open(path) {
        Ok(OpenedStateFile { file, content: StateFileContent::SetAside { why, to } }) => {
            let path = file.path.display();
            tracing::warn!(%path, to = %to.display(), error = %why, "state file unusable, renamed");
            Some(file)
        }
        Ok(OpenedStateFile { file, .. }) => Some(file),
        Err(error) => {
            tracing::warn!(%error, "state is not saved");
            None
        }
    }
}

/// Whether the state file could be written now. Leaves it and its folder as they are.
///
/// # Errors
/// If it isn't a regular file, or its folder can't be written.
pub fn check_writable(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
        }
        _ => {}
    }
    let new = with_suffix(path, &format!(".check-{}", std::process::id())); // what is written is renamed
    OpenOptions::new().write(true).create_new(true).open(&new)?; // never through another's symlink
    fs::remove_file(&new)
}

/// Reads a file. Returns `None` if it is too large. Rejects devices and pipes, which must be neither read nor renamed.
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_BYTES).then_some(bytes))
}

/// Renames a file to an unused name.
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

/// Renames with retries: on Windows, a scanner, indexer or backup may have one of the files open for a moment.
fn rename(from: &Path, to: &Path) -> io::Result<()> {
    for _ in 1..RENAMES {
        match fs::rename(from, to) {
            Err(error) if is_in_use(&error) => std::thread::sleep(RENAME_PAUSE),
            done => return done,
        }
    }
    fs::rename(from, to)
}

/// Whether the error may be temporary: ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION (Microsoft's page "System Error
/// Codes").
fn is_in_use(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32))
}

/// Makes a rename durable. Windows has no equivalent for folders.
fn sync_folder(path: &Path) -> io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

/// Writes the state to the file, at most once per `period`, until the snapshot channel closes; then writes the last
/// snapshot. A failed write is logged once and retried. On a switch to another file, or to `None`, the previous one is
/// written once more.
pub async fn run(
    mut files: watch::Receiver<Option<StateFile>>,
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    period: Duration,
) {
    let mut writer = files.borrow_and_update().clone().map(StateWriter::new);
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut is_new = true; // the first start is saved as well
    loop {
        tokio::select! {
            changed = snapshots.changed() => match changed {
                Ok(()) => is_new = true,
                Err(_) => break, // the reducer has ended
            },
            Ok(()) = files.changed() => {
                save(writer, &snapshots).await;
                writer = files.borrow_and_update().clone().map(StateWriter::new);
                writer = save(writer, &snapshots).await;
            }
            _ = ticks.tick(), if is_new => {
                is_new = false;
                snapshots.mark_unchanged();
                writer = save(writer, &snapshots).await;
            }
        }
    }
    save(writer, &snapshots).await;
}

async fn save(
    writer: Option<StateWriter>,
    snapshots: &watch::Receiver<Arc<Snapshot>>,
) -> Option<StateWriter> {
    let saved = Saved::from_state(&snapshots.borrow().signatures);
    Some(writer?.keep(saved).await)
}

/// Writes the file if the state changed.
struct StateWriter {
    file: StateFile,
    written_state: Option<Saved>,
    failing: bool,
}

impl StateWriter {
    const fn new(file: StateFile) -> Self {
        Self { file, written_state: None, failing: false }
    }

    /// On a blocking thread: a disk may hang.
    async fn keep(mut self, saved: Saved) -> Self {
        if self.written_state.as_ref() == Some(&saved) {
            return self;
        }
        let file = self.file.clone();
        let (saved, written) = task::blocking(move || {
            let written = file.write(&saved);
            (saved, written)
        })
        .await;
        let path = self.file.path.display();
        match (&written, self.failing) {
            (Ok(()), true) => tracing::info!(%path, "state file written again"),
            (Err(error), false) => {
                tracing::warn!(%path, %error, "failed to write the state file; unsaved state is lost on exit");
            }
            (Ok(()), false) | (Err(_), true) => {}
        }
        self.failing = written.is_err();
        self.written_state = written.is_ok().then_some(saved);
        self
    }
}

#[cfg(test)]
mod tests;
