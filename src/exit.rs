//! Exit codes, the errors behind them, and printing to standard output, whose errors are exit codes as well.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write as _};

use anstream::AutoStream;

use crate::task::TaskDied;

/// Invalid usage or configuration.
pub const USAGE: u8 = 3;

/// Standard output, a file of results or a temporary file can't be written.
pub const OUTPUT: u8 = 4;

/// A bug in the exporter: a task died, or a result can't be serialized.
pub const FAULT: u8 = 5;

/// The machine prevents the start for now: a later start may succeed.
pub const TEMPORARY: u8 = 6;

/// An error that ends the program.
#[derive(Debug, thiserror::Error)]
pub enum ExitError {
    /// Invalid usage or configuration: a restart doesn't help.
    #[error("{0}")]
    Usage(String),
    /// The machine prevents the start for now, for example because the port is in use.
    #[error("{0}")]
    Temporary(String),
    /// Standard output can't be written, for example because the disk is full.
    #[error("can't write to standard output: {0}")]
    Output(io::Error),
    /// A file of results or a temporary file can't be written: which, and why.
    #[error("{0}")]
    File(String),
    /// A result can't be serialized.
    #[error("failed to encode {what}: {why}: a bug in the exporter")]
    Render {
        /// The result, for the message.
        what: &'static str,
        /// The serializer's error.
        why: String,
    },
    /// A long-lived task died.
    #[error(transparent)]
    TaskDied(#[from] TaskDied),
    /// A panic outside of any task; the log shows where.
    #[error("panic: a bug in the exporter")]
    Panicked,
}

impl ExitError {
    /// The exit code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Temporary(_) => TEMPORARY,
            Self::Output(_) | Self::File(_) => OUTPUT,
            Self::Render { .. } | Self::TaskDied(_) | Self::Panicked => FAULT,
        }
    }

    /// A result that can't be serialized.
    #[must_use]
    pub fn render(what: &'static str, why: &dyn Display) -> Self {
        Self::Render { what, why: why.to_string() }
    }
}

impl From<String> for ExitError {
    fn from(message: String) -> Self {
        Self::Usage(message)
    }
}

impl From<&str> for ExitError {
    fn from(message: &str) -> Self {
        Self::Usage(message.to_owned())
    }
}

/// Prints to standard output and flushes it. A closed pipe, such as head(1) leaves, isn't an error.
///
/// # Errors
/// If standard output can't be written.
pub fn print(text: &str) -> Result<(), ExitError> {
    let mut output = io::stdout().lock();
    // Flushed here: errors of the flush at process exit are lost.
    ignore_broken_pipe(output.write_all(text.as_bytes()).and_then(|()| output.flush()))
}

/// Prints text with styles (ANSI escape codes) to standard output, and flushes it. Removes the styles unless it is a terminal with
/// colours, or as `NO_COLOR`, `CLICOLOR` and `CLICOLOR_FORCE` say (<https://no-color.org>, <https://bixense.com/clicolors>).
///
/// # Errors
/// If standard output can't be written.
pub fn print_styled(text: &str) -> Result<(), ExitError> {
    let mut output = AutoStream::auto(io::stdout());
    ignore_broken_pipe(output.write_all(text.as_bytes()).and_then(|()| output.flush()))
}

/// The result of a write to standard output.
///
/// # Errors
/// If it failed, except because the reader closed the pipe.
pub fn ignore_broken_pipe(result: io::Result<()>) -> Result<(), ExitError> {
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(ExitError::Output(error)),
        _ => Ok(()),
    }
}

/// Prints an error to standard error. If that fails, the exit code remains.
pub fn print_error(what: &dyn Display) {
    let _ = writeln!(io::stderr(), "{what}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{Task, TaskEnd};

    #[test]
    fn every_error_has_its_code_and_message() {
        let died = TaskDied { task: Task::StateReducer, how: TaskEnd::Panicked };
        let cases = [
            (ExitError::from("no such file"), 3, "no such file"),
            (ExitError::Temporary("the port is in use".to_owned()), 6, "in use"),
            (ExitError::Output(ErrorKind::StorageFull.into()), 4, "standard output"),
            (
                ExitError::render("the report", &"a map with keys that are no texts"),
                5,
                "failed to encode the report: a map",
            ),
            (died.into(), 5, "state_reducer panicked"),
            (ExitError::Panicked, 5, "panic: a bug"),
        ];
        for (error, code, words) in cases {
            assert_eq!(error.code(), code, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        assert!(ignore_broken_pipe(Err(ErrorKind::BrokenPipe.into())).is_ok());
        assert!(ignore_broken_pipe(Err(ErrorKind::StorageFull.into())).is_err());
    }
}
