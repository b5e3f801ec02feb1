//! Defender's settings and facts in the Windows registry, read through a trait. Pure, but for
//! `local_machine.rs`, which reads the real registry.
//!
//! Names, paths and ranges are from Microsoft's pages on cloud protection, proxies and update policies of Defender
//! Antivirus; `SpyNetReportingLocation` and the values below `Signature Updates` are known from administrators'
//! scripts.

use std::fmt::Display;
use std::time::SystemTime;

use super::winhttp::{WinHttpProxies, WinHttpSetting};
use super::{HostCollector, HostProblem, HostReadReason, InstalledSignatures, filetime};
use crate::catalog::ProbeUrl;
use crate::signatures::Version;
use crate::string_enum::string_enum;
use crate::verdict::SslOptions;
use settings::Settings;
use state::ProductState;

#[cfg(windows)]
pub(super) mod local_machine;
pub mod proxies;
pub mod settings;
pub mod state;
#[cfg(test)]
pub(super) mod tests;
mod update_server;

const POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows Defender";
const SPYNET_POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows Defender\Spynet";
const SIGNATURES_POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows Defender\Signature Updates";
const SPYNET: &str = r"SOFTWARE\Microsoft\Windows Defender\Spynet";
const CONNECTIONS: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections";

/// The keys with versions and times of the signatures: those of the current product, then of the older one.
const SIGNATURES: [&str; 2] = [
    r"SOFTWARE\Microsoft\Windows Defender\Signature Updates",
    r"SOFTWARE\Microsoft\Microsoft Antimalware\Signature Updates",
];

/// The maximum number of MAPS URLs.
const MAX_URLS: usize = 16;

/// A value; `None` if it isn't set, [`HostReadReason::Malformed`] if it has another type.
pub type RegistryResult<T> = Result<Option<T>, HostReadReason>;

/// Reads values below `HKEY_LOCAL_MACHINE`.
pub trait Registry {
    /// `REG_DWORD`.
    ///
    /// # Errors
    /// If the value exists but can't be read; this applies to all methods.
    fn dword(&self, path: &str, name: &str) -> RegistryResult<u32>;
    /// `REG_SZ`.
    #[allow(clippy::missing_errors_doc, reason = "said once")]
    fn sz(&self, path: &str, name: &str) -> RegistryResult<String>;
    /// `REG_MULTI_SZ`.
    #[allow(clippy::missing_errors_doc, reason = "said once")]
    fn multi_sz(&self, path: &str, name: &str) -> RegistryResult<Vec<String>>;
    /// `REG_BINARY`.
    #[allow(clippy::missing_errors_doc, reason = "said once")]
    fn binary(&self, path: &str, name: &str) -> RegistryResult<Vec<u8>>;
}

string_enum! {
    /// The policy `SpynetReporting`: cloud-delivered protection.
    SpynetReporting {
        /// Off.
        Off = "0",
        /// Basic membership.
        Basic = "1",
        /// Advanced membership.
        Advanced = "2",
    }
}

string_enum! {
    /// The policy `SubmitSamplesConsent`: submission of samples.
    SampleConsent {
        /// Always prompt the user.
        AlwaysPrompt = "0",
        /// Send safe samples automatically.
        SendSafe = "1",
        /// Never send samples.
        NeverSend = "2",
        /// Send all samples automatically.
        SendAll = "3",
    }
}

string_enum! {
    /// The protocol of a MAPS URL.
    MapsProtocol {
        /// SOAP (legacy).
        Soap = "SOAP",
        /// REST.
        Rest = "REST",
        /// Microsoft Bond.
        Bond = "BOND",
    }
}

/// A MAPS URL set on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapsUrl {
    /// Its protocol.
    pub protocol: MapsProtocol,
    /// The URL.
    pub url: ProbeUrl,
}

/// Defender's own proxy policy. It applies to MAPS and definition updates, but not to downloads by Windows Update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyPolicy {
    /// `ProxyServer` with `ProxyBypass`; takes precedence over the script.
    pub server: Option<WinHttpProxies>,
    /// `ProxyPacUrl`.
    pub pac_url: Option<ProbeUrl>,
}

impl ProxyPolicy {
    /// Whether a proxy or a script is set.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.server.is_some() || self.pac_url.is_some()
    }
}

/// The facts in the registry. Values that are unset are `None`, as are those that couldn't be read, which are reported
/// as problems.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryFacts {
    /// What the MAPS client checks; the default if unset.
    pub ssl_options: Option<SslOptions>,
    /// Cloud-delivered protection, if set by policy.
    pub spynet_reporting: Option<SpynetReporting>,
    /// Sample submission, if set by policy.
    pub submit_samples_consent: Option<SampleConsent>,
    /// The machine's own MAPS URLs.
    pub maps_urls: Vec<MapsUrl>,
    /// The machine's WinHTTP proxy. `None` if it was never set, which means direct.
    pub winhttp: Option<WinHttpSetting>,
    /// Defender's own proxy.
    pub proxy_policy: ProxyPolicy,
    /// The installed signatures. `None` if Defender has none.
    pub signatures: Option<InstalledSignatures>,
    /// When Defender last fell back to the alternate download location.
    pub last_fallback: Option<SystemTime>,
    /// The age in days from which signatures are out of date, if set by policy.
    pub signatures_due_days: Option<u32>,
    /// The settings that count, of policies and preferences.
    pub settings: Settings,
    /// Whether the product runs and protects itself.
    pub product: ProductState,
    /// The company's server that Windows Update asks by policy.
    pub update_server: Option<ProbeUrl>,
}

impl RegistryFacts {
    /// Reads all values, and reports those that can't be read.
    #[must_use]
    pub fn read(registry: &dyn Registry) -> (Self, Vec<HostProblem>) {
        let mut reader = RegistryReader { registry, problems: Vec::new() };
        let signatures = SIGNATURES.iter().find_map(|path| reader.signatures(path));
        let facts = Self {
            ssl_options: reader.ssl_options(),
            spynet_reporting: reader.policy("SpynetReporting", SpynetReporting::ALL),
            submit_samples_consent: reader.policy("SubmitSamplesConsent", SampleConsent::ALL),
            maps_urls: reader.maps_urls(),
            winhttp: reader.winhttp(),
            proxy_policy: reader.proxy_policy(),
            last_fallback: SIGNATURES.iter().find_map(|path| reader.time(path, "LastFallbackTime")),
            signatures_due_days: reader
                .value("AVSignatureDue", |registry, name| registry.dword(SIGNATURES_POLICY, name))
                .filter(|days| *days > 0),
            signatures,
            settings: reader.settings(),
            product: reader.product_state(),
            update_server: reader.update_server(),
        };
        (facts, reader.problems)
    }
}

/// A value couldn't be read; a problem says why.
struct Unreadable;

/// Reads values and collects what is wrong.
struct RegistryReader<'a> {
    registry: &'a dyn Registry,
    problems: Vec<HostProblem>,
}

impl RegistryReader<'_> {
    /// A value; none where it isn't there, or couldn't be read.
    fn value<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&dyn Registry, &str) -> RegistryResult<T>,
    ) -> Option<T> {
        self.checked(name, read).ok().flatten()
    }

    /// A value; none where it isn't there.
    fn checked<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&dyn Registry, &str) -> RegistryResult<T>,
    ) -> Result<Option<T>, Unreadable> {
        match read(self.registry, name) {
            Ok(value) => Ok(value),
            Err(reason) => {
                self.problem(
                    reason,
                    name,
                    match reason {
                        HostReadReason::AccessDenied => {
                            "access denied: run as LocalSystem or as an administrator"
                        }
                        HostReadReason::Malformed => "has an unexpected registry type",
                        _ => "can't be read",
                    },
                );
                Err(Unreadable)
            }
        }
    }

    fn problem(&mut self, reason: HostReadReason, name: &str, what: impl Display) {
        self.problems.push(HostProblem::new(HostCollector::Registry, reason, format!("{name}: {what}")));
    }

    fn out_of_range(&mut self, name: &str, number: u32, most: u32) {
        self.problem(HostReadReason::Malformed, name, format!("{number} is out of range: 0 to {most}"));
    }

    /// What `parse` makes of a text; empty is as if it weren't there.
    fn parsed<T, E: Display>(
        &mut self,
        path: &str,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.value(name, |registry, name| registry.sz(path, name))?;
        if text.trim().is_empty() {
            return None;
        }
        // The text may hold a password: it isn't repeated.
        parse(text.trim()).map_err(|error| self.problem(HostReadReason::Malformed, name, error)).ok()
    }

    /// A policy of `Spynet` that counts from 0.
    fn policy<T: Copy>(&mut self, name: &str, all: &[T]) -> Option<T> {
        let number = self.value(name, |registry, name| registry.dword(SPYNET_POLICY, name))?;
        let known = usize::try_from(number).ok().and_then(|number| all.get(number)).copied();
        if known.is_none() {
            let most = u32::try_from(all.len() - 1); // no vocabulary is empty
            self.out_of_range(name, number, most.unwrap_or(u32::MAX));
        }
        known
    }

    fn ssl_options(&mut self) -> Option<SslOptions> {
        match self.registry.dword(SPYNET_POLICY, "SSLOptions") {
            Ok(None) => Some(SslOptions::DEFAULT),
            _ => self.policy("SSLOptions", SslOptions::ALL),
        }
    }

    fn maps_urls(&mut self) -> Vec<MapsUrl> {
        let name = "SpyNetReportingLocation";
        let lines = self.value(name, |registry, name| registry.multi_sz(SPYNET, name));
        let mut urls = Vec::new();
        for line in lines.unwrap_or_default().iter().filter(|line| !line.trim().is_empty()).take(MAX_URLS) {
            match maps_url(line.trim()) {
                Ok(url) if urls.contains(&url) => {}
                Ok(url) => urls.push(url),
                Err(error) => self.problem(HostReadReason::Malformed, name, error),
            }
        }
        urls
    }

    fn winhttp(&mut self) -> Option<WinHttpSetting> {
        let name = "WinHttpSettings";
        if self.registry.binary(CONNECTIONS, name) == Ok(None) {
            return Some(WinHttpSetting::Direct);
        }
        let bytes = self.value(name, |registry, name| registry.binary(CONNECTIONS, name))?;
        WinHttpSetting::decode(&bytes)
            .map_err(|error| self.problem(HostReadReason::Malformed, name, error))
            .ok()
    }

    fn proxy_policy(&mut self) -> ProxyPolicy {
        let bypass = self.value("ProxyBypass", |registry, name| registry.sz(POLICY, name));
        let bypass = bypass.unwrap_or_default();
        let server = |text: &str| WinHttpProxies::parse(text, &bypass).ok_or("names no proxy as host:port");
        ProxyPolicy {
            server: self.parsed(POLICY, "ProxyServer", server),
            pac_url: self.parsed(POLICY, "ProxyPacUrl", ProbeUrl::parse),
        }
    }

    /// The signatures below one path; none where there is no version.
    fn signatures(&mut self, path: &str) -> Option<InstalledSignatures> {
        let version = self.parsed(path, "AVSignatureVersion", str::parse::<Version>)?;
        Some(InstalledSignatures {
            version: Some(version),
            engine: self.parsed(path, "EngineVersion", str::parse),
            platform: None, // the folder of the platform says it
            built: self.time(path, "AVSignatureApplied"),
            applied: self.time(path, "SignaturesLastUpdated"),
        })
    }

    fn time(&mut self, path: &str, name: &str) -> Option<SystemTime> {
        let bytes = self.value(name, |registry, name| registry.binary(path, name))?;
        match filetime::parse(&bytes) {
            Ok(time) => time,
            Err(error) => {
                self.problem(HostReadReason::Malformed, name, error);
                None
            }
        }
    }
}

fn maps_url(line: &str) -> Result<MapsUrl, String> {
    let (word, url) = line.split_once(':').ok_or("has no SOAP:, REST: or BOND: before it")?;
    let protocol = MapsProtocol::ALL.iter().find(|known| known.as_str().eq_ignore_ascii_case(word));
    let protocol = *protocol.ok_or("has none of SOAP:, REST: and BOND: before it")?;
    let url = ProbeUrl::parse(url.trim()).map_err(|error| error.to_string())?;
    Ok(MapsUrl { protocol, url })
}
