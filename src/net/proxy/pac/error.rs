//! Errors of PAC scripts: a closed set of reasons for labels, details for messages.

use std::fmt;
use std::time::Duration;

use super::Script;
use crate::string_enum::string_enum;
use crate::text::{clean, duration};

string_enum! {
    /// Why a PAC script gave no answer: a closed set, used as a label.
    PacReason {
        /// The script exceeds the size limit.
        TooLarge = "too_large",
        /// The script has a syntax error.
        Malformed = "malformed",
        /// The script doesn't define the function.
        NoFunction = "no_function",
        /// The script threw an exception.
        Threw = "threw",
        /// The script exceeded the time limit, or didn't end by the deadline.
        Timeout = "timeout",
        /// The script exceeded the memory limit.
        OutOfMemory = "out_of_memory",
        /// The script returned an invalid value.
        BadAnswer = "bad_answer",
        /// Too many stuck scripts are still running.
        Busy = "busy",
        /// The exporter or its machine failed, not the script.
        Internal = "internal",
    }
}

/// Why a PAC script gave no answer. Texts from the script are cleaned and truncated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacError {
    /// Too large: the script's length in bytes.
    #[error("the script has {0} bytes, at most {max} are accepted", max = Script::MAX_LEN)]
    TooLarge(usize),
    /// Too large when it was decompressed.
    #[error("the decompressed script exceeds the limit of {max} bytes", max = Script::MAX_LEN)]
    TooLargeDecompressed,
    /// The content can't be decoded: why.
    #[error("the script can't be decompressed: {0}")]
    Encoded(String),
    /// A syntax error.
    #[error("the script is malformed{}: {message}", at(*line))]
    Malformed {
        /// The line, from 1, where the engine says it.
        line: Option<u32>,
        /// The engine's message.
        message: String,
    },
    /// The function is missing.
    #[error("the script has no function FindProxyForURL or FindProxyForURLEx")]
    NoFunction,
    /// The script threw.
    #[error("the script threw{}: {message}", at(*line))]
    Threw {
        /// The line, from 1, where the engine says it.
        line: Option<u32>,
        /// The thrown value as text.
        message: String,
    },
    /// The time limit, or the deadline.
    #[error("the script timed out: {0}")]
    Timeout(TimeSpent),
    /// The memory limit, in bytes.
    #[error("the script needs more than {0} bytes of memory")]
    OutOfMemory(usize),
    /// An invalid return value.
    #[error("invalid result of the script: {0}")]
    BadAnswer(String),
    /// Too many stuck scripts are still running.
    #[error("earlier PAC scripts are still running and can't be stopped")]
    Busy,
    /// An internal error.
    #[error("the script engine failed: {0}")]
    Internal(String),
}

/// What an evaluation spent its time on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeSpent {
    /// Running the script: CPU time where it is known, otherwise the time that passed.
    pub ran: Duration,
    /// How long the script may run.
    pub limit: Duration,
    /// Waiting for DNS.
    pub dns: Duration,
    /// Waiting until other scripts had run.
    pub queued: Duration,
    /// Waiting for a CPU while the script was to run.
    pub cpu: Duration,
}

impl TimeSpent {
    /// Whether the script would have ended in time, had it got a CPU: it didn't use up its limit, and waited for a CPU most.
    const fn starved(&self) -> bool {
        self.ran.as_millis() < self.limit.as_millis()
            && self.cpu.as_millis() > self.dns.as_millis() + self.queued.as_millis()
    }
}

impl fmt::Display for TimeSpent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it ran for {} of at most {}", duration(self.ran), duration(self.limit))?;
        let waits = [(self.dns, "DNS"), (self.queued, "other PAC scripts"), (self.cpu, "a CPU")];
        let mut words = ", waited ";
        for (time, reason) in waits.into_iter().filter(|(time, _)| time.as_millis() > 0) {
            write!(f, "{words}{} for {reason}", duration(time))?;
            words = " and ";
        }
        Ok(())
    }
}

impl PacError {
    /// The reason for labels.
    #[must_use]
    pub const fn reason(&self) -> PacReason {
        match self {
            Self::TooLarge(_) | Self::TooLargeDecompressed => PacReason::TooLarge,
            Self::Malformed { .. } | Self::Encoded(_) => PacReason::Malformed,
            Self::NoFunction => PacReason::NoFunction,
            Self::Threw { .. } => PacReason::Threw,
            // The machine withheld the CPU, which says nothing about the script.
            Self::Timeout(spent) if spent.starved() => PacReason::Internal,
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
