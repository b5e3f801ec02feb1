//! The effective settings of Defender Antivirus, from three places in the registry. Pure.
//!
//! - The places and their precedence: Microsoft's page "Troubleshoot Microsoft Defender Antivirus settings". Group Policy
//!   comes before MDM (`Policy Manager`), and both before local preferences. The page says "in general":
//!   `MDMWinsOverGP` isn't taken into account. Configuration Manager and Defender for Endpoint's security settings
//!   management write where Group Policy does.
//!
//! `settings/layout.rs` has the names. Those that are inferred can have other types than expected: a number is read from a
//! text, too, and lines as a text.

use std::fmt;

use super::{HostReadReason, POLICY, Registry, RegistryReader, RegistryResult, Unreadable};
use crate::catalog::UpdateOrigin;
use crate::string_enum::string_enum;
use layout::{Layout, MANAGER, PREFERENCES, Range};

mod layout;
#[cfg(test)]
mod tests;

string_enum! {
    /// Where a setting comes from, in the order of precedence.
    SettingOrigin {
        /// Group Policy, Configuration Manager or Defender for Endpoint's security settings management.
        GroupPolicy = "group_policy",
        /// MDM: Intune.
        PolicyManager = "policy_manager",
        /// This machine: `Set-MpPreference` or Windows Security.
        Preference = "preference",
    }
}

string_enum! {
    /// A setting that decides what Defender asks of the network, and whether it protects.
    DefenderSetting {
        /// Cloud-delivered protection (`MAPSReporting` of `Set-MpPreference`): 0 off, 1 basic, 2 advanced.
        SpynetReporting = "spynet_reporting",
        /// Submission of samples: 0 ask, 1 send safe ones, 2 never send, 3 send all.
        SubmitSamplesConsent = "submit_samples_consent",
        /// Block at first sight: 1 off.
        DisableBlockAtFirstSeen = "disable_block_at_first_seen",
        /// Real-time protection: 1 off.
        DisableRealtimeMonitoring = "disable_realtime_monitoring",
        /// What the MAPS client checks.
        SslOptions = "ssl_options",
        /// The update sources, in order.
        FallbackOrder = "fallback_order",
        /// The file shares with updates.
        DefinitionUpdateFileSharesSources = "definition_update_file_shares_sources",
        /// Defender's own proxy.
        ProxyServer = "proxy_server",
        /// Defender's own PAC script.
        ProxyPacUrl = "proxy_pac_url",
        /// What doesn't use that proxy.
        ProxyBypass = "proxy_bypass",
    }
}

impl SettingOrigin {
    /// Its name for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::GroupPolicy => "Group Policy",
            Self::PolicyManager => "MDM",
            Self::Preference => "local preference",
        }
    }
}

/// What a setting is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// A number.
    Number(u32),
    /// The update sources, in order.
    Sources(Vec<UpdateOrigin>),
    /// A text, which isn't kept: it may hold a password.
    Set,
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Sources(sources) => {
                let words: Vec<_> = sources.iter().map(|source| source.as_str()).collect();
                f.write_str(&words.join(","))
            }
            Self::Set => f.write_str("set"),
        }
    }
}

/// A setting that another place overrules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OverruledSetting {
    /// The place.
    pub origin: SettingOrigin,
    /// Its value, which doesn't count.
    pub value: SettingValue,
}

/// An effective setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostSetting {
    /// Which.
    pub setting: DefenderSetting,
    /// The effective value.
    pub value: SettingValue,
    /// Where it comes from.
    pub origin: SettingOrigin,
    /// The places that set something else.
    pub overruled: Vec<OverruledSetting>,
}

/// The settings of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Those that are set.
    pub set: Vec<HostSetting>,
    /// Those that couldn't be read.
    pub unreadable: Vec<DefenderSetting>,
}

impl Settings {
    /// A setting. Returns `None` if it isn't set or couldn't be read.
    #[must_use]
    pub fn get(&self, setting: DefenderSetting) -> Option<&HostSetting> {
        self.set.iter().find(|known| known.setting == setting)
    }
}

impl HostSetting {
    /// The value, if it is a number.
    #[must_use]
    pub const fn number(&self) -> Option<u32> {
        match self.value {
            SettingValue::Number(number) => Some(number),
            SettingValue::Sources(_) | SettingValue::Set => None,
        }
    }
}

/// A value of one place, and by what it is compared with those of others.
struct FoundValue {
    value: SettingValue,
    compared: String,
}

impl RegistryReader<'_> {
    /// Reads them all. Some values are also read on their own: a problem with one is reported once.
    pub(super) fn settings(&mut self) -> Settings {
        let mut settings = Settings::default();
        let reported = std::mem::take(&mut self.problems);
        for setting in DefenderSetting::ALL {
            match self.setting(*setting) {
                Ok(found) => settings.set.extend(found),
                Err(Unreadable) => settings.unreadable.push(*setting),
            }
        }
        let found = std::mem::replace(&mut self.problems, reported);
        for problem in found {
            if !self.problems.contains(&problem) {
                self.problems.push(problem);
            }
        }
        settings
    }

    /// The first place that has it is effective. If a place before that can't be read, the setting is undetermined.
    fn setting(&mut self, setting: DefenderSetting) -> Result<Option<HostSetting>, Unreadable> {
        let mut counts: Option<(HostSetting, String)> = None;
        for origin in self.precedence(setting)? {
            match (self.found(setting, origin), &mut counts) {
                (Err(Unreadable), None) => return Err(Unreadable),
                (Ok(Some(FoundValue { value, compared })), None) => {
                    counts = Some((HostSetting { setting, value, origin, overruled: vec![] }, compared));
                }
                (Ok(Some(found)), Some((first, compared))) if found.compared != *compared => {
                    first.overruled.push(OverruledSetting { origin, value: found.value });
                }
                _ => {}
            }
        }
        Ok(counts.map(|(setting, _)| setting))
    }

    fn precedence(&mut self, setting: DefenderSetting) -> Result<[SettingOrigin; 3], Unreadable> {
        use SettingOrigin::{GroupPolicy, PolicyManager, Preference};
        let key = format!("{POLICY}{}", setting.layout().key);
        let own = match setting.local_override() {
            Some(name) => self.checked(name, |registry, name| number(registry, &key, name))?,
            None => None,
        };
        Ok(match own {
            Some(1..) => [Preference, GroupPolicy, PolicyManager],
            _ => [GroupPolicy, PolicyManager, Preference],
        })
    }

    fn found(
        &mut self,
        setting: DefenderSetting,
        origin: SettingOrigin,
    ) -> Result<Option<FoundValue>, Unreadable> {
        let Layout { key, name, range } = setting.layout();
        let (path, name) = match origin {
            SettingOrigin::GroupPolicy => (format!("{POLICY}{key}"), name),
            SettingOrigin::PolicyManager => match setting.managed_name() {
                Some(name) => (MANAGER.to_owned(), name),
                None => return Ok(None),
            },
            SettingOrigin::Preference => (format!("{PREFERENCES}{key}"), name),
        };
        // A problem names the place, except that of the policies that are read on their own, too.
        let called = match origin {
            SettingOrigin::GroupPolicy => name.to_owned(),
            _ => format!("{name} ({origin})"),
        };
        if let Range::UpTo(most) = range {
            let Some(number) = self.checked(&called, |registry, _| number(registry, &path, name))? else {
                return Ok(None);
            };
            if number > most {
                self.out_of_range(&called, number, most);
                return Err(Unreadable);
            }
            let number = if name == "AllowRealtimeMonitoring" { u32::from(number == 0) } else { number };
            // In current versions, basic and advanced membership are the same (Set-MpPreference, MAPSReporting).
            let compared = if setting == DefenderSetting::SpynetReporting { number.min(1) } else { number };
            let value = SettingValue::Number(number);
            return Ok(Some(FoundValue { value, compared: compared.to_string() }));
        }
        let text = self.checked(&called, |registry, _| text(registry, &path, name))?;
        let Some(text) = text.map(|text| text.trim().to_lowercase()).filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        if let Range::Text = range {
            return Ok(Some(FoundValue { value: SettingValue::Set, compared: text }));
        }
        let Some(value) = sources(&text).map(SettingValue::Sources) else {
            self.problem(HostReadReason::Malformed, &called, "names an unknown update source");
            return Err(Unreadable);
        };
        Ok(Some(FoundValue { compared: value.to_string(), value }))
    }
}

/// A number, also where it is a text.
pub(super) fn number(registry: &dyn Registry, path: &str, name: &str) -> RegistryResult<u32> {
    match registry.dword(path, name) {
        Err(HostReadReason::Malformed) => {
            let text = registry.sz(path, name)?;
            text.map(|text| text.trim().parse().map_err(|_| HostReadReason::Malformed)).transpose()
        }
        read => read,
    }
}

/// A text, also where it is a list of lines.
fn text(registry: &dyn Registry, path: &str, name: &str) -> RegistryResult<String> {
    match registry.sz(path, name) {
        Err(HostReadReason::Malformed) => Ok(registry.multi_sz(path, name)?.map(|lines| lines.join("|"))),
        read => read,
    }
}

/// The sources of a lower-case order such as `internaldefinitionupdateserver|microsoftupdateserver`, in braces or not.
fn sources(order: &str) -> Option<Vec<UpdateOrigin>> {
    let words = order.trim_matches(['{', '}', ' ']).split('|').map(str::trim);
    let mut sources = Vec::new();
    for word in words.filter(|word| !word.is_empty()) {
        let source = match word {
            "internaldefinitionupdateserver" => UpdateOrigin::InternalServer,
            "microsoftupdateserver" => UpdateOrigin::MicrosoftUpdate,
            "mmpc" => UpdateOrigin::Adl,
            "fileshares" => UpdateOrigin::FileShare,
            _ => return None,
        };
        if !sources.contains(&source) {
            sources.push(source);
        }
    }
    (!sources.is_empty()).then_some(sources)
}
