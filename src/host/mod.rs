//! This machine's Defender. The parsers are pure and compile on every system.

pub mod defender_endpoints;

pub mod command;
pub mod download;
pub mod events;
pub mod filetime;
pub mod local_time;
pub mod mdatp;
pub mod mpcmdrun;
pub mod protection;
pub mod registry;
pub mod update_order;
pub mod version;
#[cfg(windows)]
pub mod windows;
pub mod winhttp;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use crate::clock::Clock;
use crate::config::{InstalledFrom, MachineProxies};
use crate::signatures::{Installed, Version};
use crate::string_enum::string_enum;
use crate::text::clean;
use events::EventLog;
use mdatp::{Mdatp, MdatpFacts};
use mpcmdrun::Validation;
use registry::{MapsUrl, RegistryFacts};
use version::ProductVersion;

/// 2000-01-01 and 2200-01-01 in Unix seconds. Times outside this range are invalid.
const SENSIBLE: std::ops::Range<u64> = 946_684_800..7_258_118_400;

string_enum! {
    /// The sources of facts on this machine.
    HostCollector {
        /// The Windows registry.
        Registry = "registry",
        /// `MpCmdRun.exe -ValidateMapsConnection`.
        MapsValidation = "maps_validation",
        /// Defender's event log on Windows.
        EventLog = "event_log",
        /// `mdatp health`.
        Health = "health",
        /// `mdatp connectivity test`.
        Connectivity = "connectivity",
    }
}

string_enum! {
    /// Why facts couldn't be read, as a label value.
    HostReadReason {
        /// The source doesn't exist.
        NotFound = "not_found",
        /// Access denied: the exporter needs elevation or root.
        AccessDenied = "access_denied",
        /// The collector timed out.
        Timeout = "timeout",
        /// The response is too large.
        TooLarge = "too_large",
        /// The response can't be parsed.
        Malformed = "malformed",
        /// Another error of the operating system.
        Failed = "failed",
    }
}

string_enum! {
    /// Whether Defender is the machine's active antivirus.
    RunningMode {
        /// Active.
        Active = "active",
        /// Passive: another product protects the machine.
        Passive = "passive",
        /// Turned off.
        Off = "off",
    }
}

/// A collector that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostProblem {
    /// The collector.
    pub collector: HostCollector,
    /// The reason.
    pub reason: HostReadReason,
    /// A message for the user, cleaned and truncated. Never a label.
    pub detail: String,
}

impl HostProblem {
    /// A problem with its detail cleaned for display.
    #[must_use]
    pub fn new(collector: HostCollector, reason: HostReadReason, detail: impl AsRef<str>) -> Self {
        Self { collector, reason, detail: clean(detail.as_ref()) }
    }
}

/// The security intelligence installed on this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InstalledSignatures {
    /// Version of the signatures.
    pub version: Option<Version>,
    /// Version of the engine.
    pub engine: Option<Version>,
    /// Version of the product.
    pub platform: Option<ProductVersion>,
    /// When the signatures were built.
    pub built: Option<SystemTime>,
    /// When the signatures were installed.
    pub applied: Option<SystemTime>,
}

impl InstalledSignatures {
    /// Sets the platform's version.
    #[must_use]
    pub fn with_platform(self, platform: Option<ProductVersion>) -> Self {
        Self { platform, ..self }
    }

    /// The reference time of their age: when they were built or, if unknown, installed.
    #[must_use]
    pub fn dated(&self) -> Option<SystemTime> {
        self.built.or(self.applied)
    }
}

/// The result of one reading. Parts that don't apply to this machine are `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFacts {
    /// When the reading ended.
    pub at: SystemTime,
    /// The collectors that ran.
    pub collectors: &'static [HostCollector],
    /// The collectors that failed.
    pub problems: Vec<HostProblem>,
    /// The installed security intelligence.
    pub signatures: Option<InstalledSignatures>,
    /// The facts of Windows.
    pub windows: Option<WindowsFacts>,
    /// The facts of `mdatp`.
    pub mdatp: Option<MdatpFacts>,
}

impl HostFacts {
    /// Without facts yet.
    #[must_use]
    pub const fn new(collectors: &'static [HostCollector]) -> Self {
        let (signatures, windows, mdatp) = (None, None, None);
        Self { at: SystemTime::UNIX_EPOCH, collectors, problems: Vec::new(), signatures, windows, mdatp }
    }

    /// What the registry of a Windows machine says, with the platform in use.
    #[must_use]
    pub fn from_registry(
        registry: RegistryFacts,
        problems: Vec<HostProblem>,
        platform: Option<ProductVersion>,
    ) -> Self {
        let platform = platform.or_else(|| registry.product.platform.clone());
        Self {
            problems,
            signatures: registry.signatures.clone().map(|own| own.with_platform(platform)),
            windows: Some(WindowsFacts { registry, ..WindowsFacts::default() }),
            ..Self::new(&[HostCollector::Registry])
        }
    }

    /// Sets the time at which the reading ended.
    #[must_use]
    pub fn finished(self, at: SystemTime) -> Self {
        Self { at, ..self }
    }
}

impl HostFacts {
    /// The installed signatures for staleness checks. Returns `None` if their version or time is unknown.
    #[must_use]
    pub fn installed(&self) -> Option<Installed> {
        let own = self.signatures.as_ref()?;
        Some(Installed { signatures: own.version?, built_at: own.dated()? })
    }

    /// Carries over earlier facts that remain valid if they couldn't be read again: what is installed, the event counts
    /// and the last connection.
    #[must_use]
    pub fn with_earlier(mut self, before: Option<&Self>) -> Self {
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

/// The facts of Defender on Windows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowsFacts {
    /// From the registry.
    pub registry: RegistryFacts,
    /// From `MpCmdRun.exe -ValidateMapsConnection`. `None` if it couldn't be run.
    pub validation: Option<Validation>,
    /// The last successful connection to MAPS according to that command.
    pub last_maps_connection: Option<SystemTime>,
    /// From the event log. `None` until it has been read once.
    pub events: Option<EventLog>,
}

/// The future of a reading.
pub type BoxedFacts<'a> = Pin<Box<dyn Future<Output = HostFacts> + Send + 'a>>;

/// The requested source doesn't exist on this operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signatures.installed: windows works on Windows only")]
pub struct WrongSystem;

/// The host to read. Returns `None` if host checks are disabled or no Defender is installed.
///
/// # Errors
/// If the setting requires another operating system.
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

/// The machine's own MAPS URLs; empty on systems other than Windows.
#[must_use]
pub fn maps_urls() -> Vec<MapsUrl> {
    #[cfg(windows)]
    return RegistryFacts::read(&registry::local_machine::LocalMachine).0.maps_urls;
    #[cfg(not(windows))]
    Vec::new()
}

/// The proxies that this machine's own settings name.
#[must_use]
pub fn machine_proxies() -> MachineProxies {
    #[cfg(windows)]
    return registry::proxies::machine_proxies(&registry::local_machine::LocalMachine);
    #[cfg(target_os = "linux")]
    return MachineProxies { mdatp: Some(mdatp::proxy::read("/".as_ref())), ..MachineProxies::default() };
    #[cfg(not(any(windows, target_os = "linux")))]
    MachineProxies::default()
}

/// Defender of Windows, if it is installed or required by the configuration.
#[cfg(windows)]
fn windows_host(demanded: bool) -> Option<Box<dyn Host>> {
    let found = windows::Windows::find().or_else(|| demanded.then(windows::Windows::default));
    found.map(|host| Box::new(host) as Box<dyn Host>)
}

#[cfg(not(windows))]
fn windows_host(_demanded: bool) -> Option<Box<dyn Host>> {
    None
}

/// A machine with its own Defender.
pub trait Host: Send {
    /// Reads all facts. Bounded to a few minutes even if a program hangs.
    fn facts(&mut self, clock: Clock) -> BoxedFacts<'_>;

    /// Reads what needs neither a program nor the network, for a single round of probes. `None` where there is no such thing.
    fn quick_facts(&mut self, clock: Clock) -> Pin<Box<dyn Future<Output = Option<HostFacts>> + Send + '_>> {
        let _ = clock;
        Box::pin(std::future::ready(None))
    }

    /// Whether Defender has detected malware since then. Returns `None` if that can't be read.
    fn detected_since(
        &mut self,
        since: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Option<bool>> + Send + '_>> {
        let _ = since;
        Box::pin(std::future::ready(None))
    }
}

/// Decodes a Windows program's output: UTF-8, UTF-16LE or a legacy code page, whose non-ASCII letters are lost.
/// UTF-16LE is recognized by the NUL byte in every ASCII character.
fn decode(output: &[u8]) -> String {
    let text = if output.contains(&0) {
        let units: Vec<u16> = output.as_chunks().0.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
        String::from_utf16_lossy(&units)
    } else {
        String::from_utf8_lossy(output).into_owned()
    };
    text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned)
}
