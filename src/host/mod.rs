//! What this machine says of its own Defender. The parsers are plain functions that know of no system.

pub mod command;
pub mod download;
pub mod events;
pub mod filetime;
pub mod local_time;
pub mod mdatp;
pub mod mpcmdrun;
pub mod own;
pub mod registry;
pub mod version;
mod watch;
#[cfg(windows)]
pub mod windows;
pub mod winhttp;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

pub use watch::watch;

use crate::clock::Clock;
use crate::config::{InstalledFrom, Proxies};
use crate::signatures::{Installed, Version};
use crate::text::clean;
use crate::words::words;
use events::EventLog;
use mdatp::{Mdatp, MdatpFacts};
use mpcmdrun::Validation;
use registry::{MapsUrl, RegistryFacts};
use version::ProductVersion;

/// 2000-01-01 and 2200-01-01 in seconds since 1970: no Defender wrote a time before or after.
const SENSIBLE: std::ops::Range<u64> = 946_684_800..7_258_118_400;

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
    pub platform: Option<ProductVersion>,
    /// When the signatures were made.
    pub built: Option<SystemTime>,
    /// When they were installed.
    pub applied: Option<SystemTime>,
}

impl InstalledSignatures {
    /// The same, with the platform's version.
    #[must_use]
    pub fn of_platform(self, platform: Option<ProductVersion>) -> Self {
        Self { platform, ..self }
    }

    /// The moment from which their age counts: when they were made; where that isn't told, when they were installed.
    #[must_use]
    pub fn dated(&self) -> Option<SystemTime> {
        self.built.or(self.applied)
    }
}

/// What one reading of this machine gave. A part that doesn't apply to it is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFacts {
    /// When it ended.
    pub at: SystemTime,
    /// What was asked.
    pub sources: &'static [Source],
    /// What could not be read.
    pub problems: Vec<Problem>,
    /// The security intelligence.
    pub signatures: Option<InstalledSignatures>,
    /// What Windows says.
    pub windows: Option<WindowsFacts>,
    /// What `mdatp` says.
    pub mdatp: Option<MdatpFacts>,
}

impl HostFacts {
    /// Nothing yet of these sources.
    #[must_use]
    pub const fn new(sources: &'static [Source]) -> Self {
        let (signatures, windows, mdatp) = (None, None, None);
        Self { at: SystemTime::UNIX_EPOCH, sources, problems: Vec::new(), signatures, windows, mdatp }
    }

    /// The same, with the time at which all was read.
    #[must_use]
    pub fn finished(self, at: SystemTime) -> Self {
        Self { at, ..self }
    }
}

impl HostFacts {
    /// The installed signatures, for the rules of staleness; none where their version or their time isn't known.
    #[must_use]
    pub fn installed(&self) -> Option<Installed> {
        let own = self.signatures.as_ref()?;
        Some(Installed { signatures: own.version?, built_at: own.dated()? })
    }

    /// The same, with what is still true of earlier facts where it could not be read again: what is installed, what the event
    /// log counted, and the last connection.
    #[must_use]
    pub fn after(mut self, before: Option<&Self>) -> Self {
        let Some(before) = before else { return self };
        if self.signatures.is_none() && !self.problems.is_empty() {
            self.signatures.clone_from(&before.signatures);
        }
        if let (Some(now), Some(before)) = (&mut self.windows, &before.windows) {
            now.last_maps_connection = now.last_maps_connection.max(before.last_maps_connection);
            now.events = now.events.take().or_else(|| before.events.clone());
        }
        self
    }
}

/// What Windows says of its Defender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowsFacts {
    /// In the registry.
    pub registry: RegistryFacts,
    /// By `MpCmdRun.exe -ValidateMapsConnection`; none where it could not be run.
    pub validation: Option<Validation>,
    /// The last successful connection to MAPS that it told of.
    pub last_maps_connection: Option<SystemTime>,
    /// In the event log; none until it could be read once.
    pub events: Option<EventLog>,
}

/// Facts to come.
pub type BoxedFacts<'a> = Pin<Box<dyn Future<Output = HostFacts> + Send + 'a>>;

/// What is asked for can't run on this system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signatures.installed: windows can be asked on Windows alone")]
pub struct WrongSystem;

/// This machine, as it is to be asked; none: there is nothing to ask.
///
/// # Errors
/// When it is to be asked as another system.
pub fn open(from: InstalledFrom) -> Result<Option<Box<dyn Host>>, WrongSystem> {
    Ok(match from {
        InstalledFrom::None => None,
        InstalledFrom::Mdatp => Some(Box::new(Mdatp::find().unwrap_or_else(Mdatp::usual))),
        InstalledFrom::Windows => Some(windows_host(true).ok_or(WrongSystem)?),
        InstalledFrom::Auto => {
            windows_host(false).or_else(|| Mdatp::find().map(|host| Box::new(host) as Box<dyn Host>))
        }
    })
}

/// The machine's own URLs of MAPS; empty on a system that has no such thing.
#[must_use]
pub fn maps_urls() -> Vec<MapsUrl> {
    #[cfg(windows)]
    return RegistryFacts::read(&windows::LocalMachine).0.maps_urls;
    #[cfg(not(windows))]
    Vec::new()
}

/// The proxies that the machine's WinHTTP setting names, or why it can't be used; none on a system that has no such thing.
#[must_use]
pub fn winhttp_proxies() -> Option<Result<Proxies, String>> {
    #[cfg(windows)]
    return Some(registry::winhttp_proxies(&windows::LocalMachine));
    #[cfg(not(windows))]
    None
}

/// Windows' own, where this is Windows and it is installed or demanded.
#[cfg(windows)]
fn windows_host(demanded: bool) -> Option<Box<dyn Host>> {
    let found = windows::Windows::find().or_else(|| demanded.then(windows::Windows::default));
    found.map(|host| Box::new(host) as Box<dyn Host>)
}

#[cfg(not(windows))]
fn windows_host(_demanded: bool) -> Option<Box<dyn Host>> {
    None
}

/// A machine that can be asked of its own Defender.
pub trait Host: Send {
    /// Reads all there is, at most once at a time; ends within minutes, whatever hangs.
    fn facts(&mut self, clock: Clock) -> BoxedFacts<'_>;

    /// Whether Defender has detected anything since then; none where that can't be told.
    fn detected_since(
        &mut self,
        since: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Option<bool>> + Send + '_>> {
        let _ = since;
        Box::pin(std::future::ready(None))
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
