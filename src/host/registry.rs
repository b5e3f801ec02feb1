//! What the registry of Windows says of Defender, from any reader of it. Pure: the real registry is read in `windows.rs`.
//!
//! Names, places and ranges are those of Microsoft's pages on cloud protection, proxies and update policies of Defender
//! Antivirus; `SpyNetReportingLocation` and the values below `Signature Updates` are known from administrators' scripts.

use std::fmt::Display;
use std::time::SystemTime;

use super::winhttp::{WinHttpProxies, WinHttpSetting};
use super::{InstalledSignatures, Problem, Reason, Source, filetime};
use crate::catalog::ProbeUrl;
use crate::config::Proxies;
use crate::signatures::Version;
use crate::verdict::SslOptions;
use crate::words::words;

#[cfg(test)]
mod tests;

const POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows Defender";
const SPYNET_POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows Defender\Spynet";
const SIGNATURES_POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows Defender\Signature Updates";
const SPYNET: &str = r"SOFTWARE\Microsoft\Windows Defender\Spynet";
const CONNECTIONS: &str = r"SOFTWARE\Microsoft\Windows\CurrentVersion\Internet Settings\Connections";

/// Where versions and times of the signatures are: of today's product, then of the older one.
const SIGNATURES: [&str; 2] = [
    r"SOFTWARE\Microsoft\Windows Defender\Signature Updates",
    r"SOFTWARE\Microsoft\Microsoft Antimalware\Signature Updates",
];

/// The most URLs of MAPS that are kept.
const MAX_URLS: usize = 16;

/// What reading one value gives: none where it isn't there; [`Reason::Malformed`] where it is of another type.
pub type Read<T> = Result<Option<T>, Reason>;

/// A reader of values below `HKEY_LOCAL_MACHINE`.
pub trait Registry {
    /// `REG_DWORD`.
    ///
    /// # Errors
    /// Each of these: when the value is there and can't be read.
    fn dword(&self, path: &str, name: &str) -> Read<u32>;
    /// `REG_SZ`.
    #[allow(clippy::missing_errors_doc, reason = "said once")]
    fn sz(&self, path: &str, name: &str) -> Read<String>;
    /// `REG_MULTI_SZ`.
    #[allow(clippy::missing_errors_doc, reason = "said once")]
    fn multi_sz(&self, path: &str, name: &str) -> Read<Vec<String>>;
    /// `REG_BINARY`.
    #[allow(clippy::missing_errors_doc, reason = "said once")]
    fn binary(&self, path: &str, name: &str) -> Read<Vec<u8>>;
}

words! {
    /// What the policy `SpynetReporting` makes of cloud-delivered protection.
    SpynetReporting {
        /// It is off.
        Off = "0",
        /// Basic membership.
        Basic = "1",
        /// Advanced membership.
        Advanced = "2",
    }
}

words! {
    /// What the policy `SubmitSamplesConsent` makes of samples.
    SampleConsent {
        /// The user is always asked.
        AlwaysPrompt = "0",
        /// Safe samples are sent without asking.
        SendSafe = "1",
        /// None is ever sent.
        NeverSend = "2",
        /// All are sent without asking.
        SendAll = "3",
    }
}

words! {
    /// How the machine speaks to one of its URLs of MAPS.
    MapsProtocol {
        /// SOAP, of old.
        Soap = "SOAP",
        /// REST.
        Rest = "REST",
        /// Microsoft's Bond.
        Bond = "BOND",
    }
}

/// One of the machine's own URLs of MAPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapsUrl {
    /// How it is spoken to.
    pub protocol: MapsProtocol,
    /// Where.
    pub url: ProbeUrl,
}

/// Defender's own proxy, as a policy sets it. It serves MAPS and definition updates, not the downloads of Windows Update.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyPolicy {
    /// `ProxyServer` with `ProxyBypass`; goes before the script.
    pub server: Option<WinHttpProxies>,
    /// `ProxyPacUrl`.
    pub pac_url: Option<ProbeUrl>,
}

impl ProxyPolicy {
    /// Whether there is any.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.server.is_some() || self.pac_url.is_some()
    }
}

/// What the registry says. A value that is absent here isn't set, or couldn't be read: then a problem says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegistryFacts {
    /// What this machine's client of MAPS checks; the default where nothing is set.
    pub ssl_options: Option<SslOptions>,
    /// Cloud-delivered protection, where a policy sets it.
    pub spynet_reporting: Option<SpynetReporting>,
    /// Samples, where a policy says it.
    pub submit_samples_consent: Option<SampleConsent>,
    /// The machine's own URLs of MAPS.
    pub maps_urls: Vec<MapsUrl>,
    /// The machine's WinHTTP proxy; nothing was ever set where there is no value, and that means directly.
    pub winhttp: Option<WinHttpSetting>,
    /// Defender's own proxy.
    pub proxy_policy: ProxyPolicy,
    /// The signatures; none where Defender has none.
    pub signatures: Option<InstalledSignatures>,
    /// When Defender last fell back to the alternate download location.
    pub last_fallback: Option<SystemTime>,
    /// After how many days signatures count as out of date, where a policy says it.
    pub signatures_due_days: Option<u32>,
}

impl RegistryFacts {
    /// Reads all of it, and what is wrong with it.
    #[must_use]
    pub fn read(registry: &dyn Registry) -> (Self, Vec<Problem>) {
        let mut reader = Reader { registry, problems: Vec::new() };
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
        };
        (facts, reader.problems)
    }
}

/// The proxies of the machine's WinHTTP setting.
///
/// # Errors
/// Why it can't be used, in words that follow its name.
pub fn winhttp_proxies(registry: &dyn Registry) -> Result<Proxies, String> {
    let mut reader = Reader { registry, problems: Vec::new() };
    let setting = reader.winhttp();
    let why = reader.problems.pop().map(|problem| problem.detail).unwrap_or_default();
    setting.map(|setting| setting.proxies()).ok_or_else(|| format!("can't be used: {why}"))
}

/// Reads values and collects what is wrong.
struct Reader<'a> {
    registry: &'a dyn Registry,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    /// A value; none where it isn't there, or couldn't be read.
    fn value<T>(&mut self, name: &str, read: impl FnOnce(&dyn Registry, &str) -> Read<T>) -> Option<T> {
        match read(self.registry, name) {
            Ok(value) => value,
            Err(reason) => {
                self.problem(
                    reason,
                    name,
                    match reason {
                        Reason::AccessDenied => "may not be read: run as LocalSystem or as an administrator",
                        Reason::Malformed => "is of another type than Defender gives it",
                        _ => "can't be read",
                    },
                );
                None
            }
        }
    }

    fn problem(&mut self, reason: Reason, name: &str, what: impl Display) {
        self.problems.push(Problem::new(Source::Registry, reason, format!("{name}: {what}")));
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
        parse(text.trim()).map_err(|error| self.problem(Reason::Malformed, name, error)).ok()
    }

    /// A policy of `Spynet` that counts from 0.
    fn policy<T: Copy>(&mut self, name: &str, all: &[T]) -> Option<T> {
        let number = self.value(name, |registry, name| registry.dword(SPYNET_POLICY, name))?;
        let known = usize::try_from(number).ok().and_then(|number| all.get(number)).copied();
        if known.is_none() {
            let most = all.len() - 1; // no vocabulary is empty
            self.problem(Reason::Malformed, name, format!("{number} is out of range: 0 to {most}"));
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
                Err(error) => self.problem(Reason::Malformed, name, error),
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
        WinHttpSetting::decode(&bytes).map_err(|error| self.problem(Reason::Malformed, name, error)).ok()
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
                self.problem(Reason::Malformed, name, error);
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
