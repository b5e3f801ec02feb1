//! Why a PAC script has no answer: a closed reason for labels, details for a person.

use std::time::Duration;

use super::Script;
use crate::text::clean;
use crate::words::words;

words! {
    /// Why a PAC script has no answer: closed, so that it can be a label.
    PacReason {
        /// The script is longer than is accepted.
        TooLarge = "too_large",
        /// The script breaks the language's syntax.
        Malformed = "malformed",
        /// The script has no function to ask.
        NoFunction = "no_function",
        /// The script ended with an error.
        Threw = "threw",
        /// The script did not end in time.
        Timeout = "timeout",
        /// The script wanted more memory than it may have.
        OutOfMemory = "out_of_memory",
        /// What the script answered is no answer.
        BadAnswer = "bad_answer",
        /// Too many scripts that can't be stopped are still running.
        Busy = "busy",
        /// This program or its machine failed, not the script.
        Internal = "internal",
    }
}

/// Why a PAC script has no answer. Texts are cleaned and cut: they come from the script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacError {
    /// The script's length in bytes.
    #[error("the script has {0} bytes, at most {max} are accepted", max = Script::MAX_LEN)]
    TooLarge(usize),
    /// A syntax error.
    #[error("the script is malformed{}: {message}", at(*line))]
    Malformed {
        /// The line, from 1, where the engine says it.
        line: Option<u32>,
        /// The engine's words.
        message: String,
    },
    /// No function to ask.
    #[error("the script has no function FindProxyForURL or FindProxyForURLEx")]
    NoFunction,
    /// The script threw.
    #[error("the script threw{}: {message}", at(*line))]
    Threw {
        /// The line, from 1, where the engine says it.
        line: Option<u32>,
        /// What it threw, as a text.
        message: String,
    },
    /// The time limit.
    #[error("the script did not end within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// The memory limit, in bytes.
    #[error("the script needs more than {0} bytes of memory")]
    OutOfMemory(usize),
    /// What was answered.
    #[error("the script's answer is none: {0}")]
    BadAnswer(String),
    /// Earlier scripts run on.
    #[error("earlier PAC scripts can't be stopped and are still running")]
    Busy,
    /// Not the script's fault.
    #[error("the script engine failed: {0}")]
    Internal(String),
}

impl PacError {
    /// The closed reason.
    #[must_use]
    pub const fn reason(&self) -> PacReason {
        match self {
            Self::TooLarge(_) => PacReason::TooLarge,
            Self::Malformed { .. } => PacReason::Malformed,
            Self::NoFunction => PacReason::NoFunction,
            Self::Threw { .. } => PacReason::Threw,
            Self::Timeout(_) => PacReason::Timeout,
            Self::OutOfMemory(_) => PacReason::OutOfMemory,
            Self::BadAnswer(_) => PacReason::BadAnswer,
            Self::Busy => PacReason::Busy,
            Self::Internal(_) => PacReason::Internal,
        }
    }

    pub(super) fn bad_answer(text: impl AsRef<str>) -> Self {
        Self::BadAnswer(clean(text.as_ref()))
    }

    pub(super) fn internal(text: impl AsRef<str>) -> Self {
        Self::Internal(clean(text.as_ref()))
    }
}

fn at(line: Option<u32>) -> String {
    line.map_or_else(String::new, |line| format!(" at line {line}"))
}
