//! Runs a local program: one at a time, with a timeout and an output limit, and killed when the caller stops waiting.
//! Doesn't interpret the output.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::HostReadReason;
use crate::text::clean;

/// Programs run one after another in the whole process: two concurrent validations would interfere.
static TURN: Semaphore = Semaphore::const_new(1);

/// The time to wait until a killed program has exited.
const GRACE: Duration = Duration::from_secs(1);

/// Limits for a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandLimits {
    /// The timeout of the whole run.
    pub time: Duration,
    /// The maximum bytes of stdout, and of stderr.
    pub output: usize,
}

impl CommandLimits {
    /// This timeout, and 256 KiB of output.
    #[must_use]
    pub const fn with_timeout(time: Duration) -> Self {
        Self { time, output: 256 * 1024 }
    }
}

/// The output of a program that exited by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutput {
    /// Its exit code. `None` if a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// Why a program has no output.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The program doesn't exist.
    #[error("program not found")]
    NotFound,
    /// The program may not be executed.
    #[error("permission denied: this user may not run the program")]
    AccessDenied,
    /// It timed out and was killed.
    #[error("program timed out after {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// It exceeded the output limit and was killed.
    #[error("program output exceeded {0} bytes")]
    TooLarge(usize),
    /// Another error of the operating system.
    #[error("failed to run the program: {0}")]
    Failed(String),
}

impl CommandError {
    /// The error as a label value.
    #[must_use]
    pub const fn reason(&self) -> HostReadReason {
        match self {
            Self::NotFound => HostReadReason::NotFound,
            Self::AccessDenied => HostReadReason::AccessDenied,
            Self::Timeout(_) => HostReadReason::Timeout,
            Self::TooLarge(_) => HostReadReason::TooLarge,
            Self::Failed(_) => HostReadReason::Failed,
        }
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::NotFound,
            io::ErrorKind::PermissionDenied => Self::AccessDenied,
            _ => Self::Failed(clean(&error.to_string())),
        }
    }
}

/// Waits its turn, then runs a program without input. The program is killed at the timeout, at the output limit, or
/// when the future is dropped.
///
/// # Errors
/// If the program can't be run, or exceeds a limit. A non-zero exit code isn't an error.
pub async fn run<A: AsRef<OsStr>>(
    program: &Path,
    arguments: impl IntoIterator<Item = A>,
    limits: CommandLimits,
) -> Result<CommandOutput, CommandError> {
    // The semaphore is never closed.
    let _turn = TURN.acquire().await.map_err(|error| CommandError::Failed(error.to_string()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let ended = timeout(limits.time, end(&mut child, limits.output)).await;
    let result = ended.unwrap_or(Err(CommandError::Timeout(limits.time)));
    if result.is_err() {
        let _gone = timeout(GRACE, child.kill()).await; // if it is still running, it is reaped later
    }
    result
}

async fn end(child: &mut Child, most: usize) -> Result<CommandOutput, CommandError> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, stderr) = tokio::try_join!(read(stdout, most), read(stderr, most))?;
    let code = child.wait().await?.code();
    Ok(CommandOutput { code, stdout, stderr })
}

async fn read(from: Option<impl AsyncRead + Unpin>, most: usize) -> Result<Vec<u8>, CommandError> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most as u64 + 1).read_to_end(&mut bytes).await?;
    }
    if bytes.len() > most { Err(CommandError::TooLarge(most)) } else { Ok(bytes) }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const PLENTY: CommandLimits = CommandLimits::with_timeout(Duration::from_secs(20));

    async fn sh(script: &str, limits: CommandLimits) -> Result<CommandOutput, CommandError> {
        run(Path::new("/bin/sh"), ["-c", script], limits).await
    }

    #[tokio::test]
    async fn output_and_exit_code_are_returned() {
        let output = sh("echo out; echo err >&2; cat; exit 7", PLENTY).await;
        let expected = CommandOutput { code: Some(7), stdout: b"out\n".to_vec(), stderr: b"err\n".to_vec() };
        assert_eq!(output, Ok(expected));
        assert_eq!(sh("kill -9 $$", PLENTY).await.map(|output| output.code), Ok(None));
    }

    #[tokio::test]
    async fn programs_that_cannot_run_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let none = run(&folder.path().join("none"), [""; 0], PLENTY).await;
        assert_eq!(none, Err(CommandError::NotFound));
        let file = folder.path().join("file");
        std::fs::write(&file, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(run(&file, [""; 0], PLENTY).await, Err(CommandError::AccessDenied));
    }

    #[tokio::test]
    async fn output_is_limited() {
        let limits = CommandLimits { output: 1000, ..PLENTY };
        assert_eq!(sh("head -c 1000 /dev/zero", limits).await.map(|output| output.stdout.len()), Ok(1000));
        assert_eq!(sh("head -c 1001 /dev/zero", limits).await, Err(CommandError::TooLarge(1000)));
        assert_eq!(sh("cat /dev/zero >&2", limits).await, Err(CommandError::TooLarge(1000)));
    }

    #[cfg(target_os = "linux")] // reads /proc
    #[tokio::test]
    async fn a_program_that_hangs_is_killed() {
        let folder = tempfile::tempdir().unwrap();
        let pid = folder.path().join("pid");
        let script = format!("echo $$ > {}; exec sleep 600", pid.display());
        let alive = || {
            let pid = std::fs::read_to_string(&pid).unwrap();
            Path::new("/proc").join(pid.trim()).exists()
        };
        let short = CommandLimits::with_timeout(Duration::from_secs(2)); // long enough to start it on a busy machine
        assert_eq!(sh(&script, short).await, Err(CommandError::Timeout(short.time)));
        assert!(!alive());

        std::fs::remove_file(&pid).unwrap();
        let abandoned = tokio::spawn(async move { sh(&script, PLENTY).await });
        until(|| std::fs::read_to_string(&pid).is_ok_and(|pid| pid.ends_with('\n'))).await;
        abandoned.abort();
        until(|| !alive()).await;
    }

    async fn until(holds: impl Fn() -> bool) {
        for _ in 0..4000 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("it never held");
    }

    #[tokio::test]
    async fn programs_run_one_after_another() {
        let folder = tempfile::tempdir().unwrap();
        let script = format!("mkdir {0}/x && sleep 0.1 && rmdir {0}/x", folder.path().display());
        let runs = [sh(&script, PLENTY), sh(&script, PLENTY), sh(&script, PLENTY)];
        let [a, b, c] = runs;
        let (a, b, c) = tokio::join!(a, b, c);
        assert_eq!([a, b, c].map(|output| output.unwrap().code), [Some(0); 3]);
    }
}
