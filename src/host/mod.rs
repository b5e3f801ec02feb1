//! What this machine says of its own Defender. The parsers are plain functions that know of no system.

pub mod events;
pub mod filetime;
pub mod local_time;
pub mod mpcmdrun;
pub mod registry;
pub mod version;
pub mod winhttp;

use std::time::SystemTime;

use crate::observation::clean;
use crate::words::words;
use version::Version;

words! {
    /// Where facts of this machine are read.
    Source {
        /// The registry of Windows.
        Registry = "registry",
        /// `MpCmdRun.exe -ValidateMapsConnection`.
        MapsValidation = "maps_validation",
        /// The event log of Defender on Windows.
        EventLog = "event_log",
        /// `mdatp health`.
        Health = "health",
        /// `mdatp connectivity test`.
        Connectivity = "connectivity",
    }
}

words! {
    /// Why facts couldn't be read: closed, so that it can be a label.
    Reason {
        /// What is asked isn't there.
        NotFound = "not_found",
        /// This process may not read it: it needs elevation, or root.
        AccessDenied = "access_denied",
        /// No answer in time.
        Timeout = "timeout",
        /// The answer is longer than is accepted.
        TooLarge = "too_large",
        /// The answer can't be understood.
        Malformed = "malformed",
        /// The system failed.
        Failed = "failed",
    }
}

/// Something that couldn't be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub source: Source,
    /// Why.
    pub reason: Reason,
    /// For a person: never a label; cleaned and cut.
    pub detail: String,
}

impl Problem {
    /// A problem with its detail cleaned for display.
    #[must_use]
    pub fn new(source: Source, reason: Reason, detail: impl AsRef<str>) -> Self {
        Self { source, reason, detail: clean(detail.as_ref()) }
    }
}

/// The security intelligence that this machine has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstalledSignatures {
    /// Of the signatures.
    pub version: Option<Version>,
    /// Of the engine.
    pub engine: Option<Version>,
    /// Of the product.
    pub platform: Option<Version>,
    /// When the signatures were made.
    pub built: Option<SystemTime>,
    /// When they were installed.
    pub applied: Option<SystemTime>,
}

impl InstalledSignatures {
    /// The moment from which their age counts: when they were made; where that isn't told, when they were installed.
    #[must_use]
    pub fn dated(&self) -> Option<SystemTime> {
        self.built.or(self.applied)
    }
}

/// The text that a program of Windows printed, in UTF-8, UTF-16LE or a code page of old, whose own letters are lost: no code
/// page has NUL bytes in a text, and UTF-16LE has one in every ASCII character.
fn decode(output: &[u8]) -> String {
    let text = if output.contains(&0) {
        let units: Vec<u16> = output.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        String::from_utf16_lossy(&units)
    } else {
        String::from_utf8_lossy(output).into_owned()
    };
    text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned)
}
