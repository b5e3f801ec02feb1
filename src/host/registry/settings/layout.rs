//! The names of the settings in each place of the registry, and what their numbers mean. Pure.
//!
//! - `LocalSettingOverride…`: the local preference takes priority over Group Policy (ADMX `WindowsDefender`).
//! - The names below `Policies`: ADMX `WindowsDefender`; `SSLOptions` as in `registry.rs`.
//! - The names of the Policy Manager: those of the Policy CSP Defender. That the registry has these names is known from
//!   administrators' scripts. Settings without such a name reach Windows from Intune as administrative templates, which
//!   write where Group Policy does.
//! - The names of preferences are inferred: the page names the key, and administrators' scripts the same names as in
//!   policies.

use super::DefenderSetting;

/// The key of MDM.
pub(super) const MANAGER: &str = r"SOFTWARE\Policies\Microsoft\Windows Defender\Policy Manager";

/// The key of local preferences.
pub(super) const PREFERENCES: &str = r"SOFTWARE\Microsoft\Windows Defender";

/// Which values a setting can have.
#[derive(Clone, Copy)]
pub(super) enum Range {
    /// Numbers from 0 to this one.
    UpTo(u32),
    /// Names of update sources, separated by `|`.
    Sources,
    /// Any text.
    Text,
}

/// Where a setting stands in the registry.
pub(super) struct Layout {
    /// The key below those of policies and preferences.
    pub(super) key: &'static str,
    /// The name of the value there.
    pub(super) name: &'static str,
    /// Its values.
    pub(super) range: Range,
}

impl DefenderSetting {
    /// Where it stands.
    pub(super) const fn layout(self) -> Layout {
        let (key, name, range) = match self {
            Self::SpynetReporting => (r"\Spynet", "SpynetReporting", Range::UpTo(2)),
            Self::SubmitSamplesConsent => (r"\Spynet", "SubmitSamplesConsent", Range::UpTo(3)),
            Self::DisableBlockAtFirstSeen => (r"\Spynet", "DisableBlockAtFirstSeen", Range::UpTo(1)),
            Self::DisableRealtimeMonitoring => {
                (r"\Real-Time Protection", "DisableRealtimeMonitoring", Range::UpTo(1))
            }
            Self::SslOptions => (r"\Spynet", "SSLOptions", Range::UpTo(3)),
            Self::FallbackOrder => (r"\Signature Updates", "FallbackOrder", Range::Sources),
            Self::DefinitionUpdateFileSharesSources => {
                (r"\Signature Updates", "DefinitionUpdateFileSharesSources", Range::Text)
            }
            Self::ProxyServer => ("", "ProxyServer", Range::Text),
            Self::ProxyPacUrl => ("", "ProxyPacUrl", Range::Text),
            Self::ProxyBypass => ("", "ProxyBypass", Range::Text),
        };
        Layout { key, name, range }
    }

    /// The name of the value in the registry's policies.
    #[must_use]
    pub const fn registry_name(self) -> &'static str {
        self.layout().name
    }

    /// The name in the Policy Manager.
    pub(super) const fn managed_name(self) -> Option<&'static str> {
        match self {
            Self::SpynetReporting => Some("AllowCloudProtection"),
            Self::SubmitSamplesConsent => Some("SubmitSamplesConsent"),
            Self::DisableRealtimeMonitoring => Some("AllowRealtimeMonitoring"),
            Self::FallbackOrder => Some("SignatureUpdateFallbackOrder"),
            Self::DefinitionUpdateFileSharesSources => Some("SignatureUpdateFileSharesSources"),
            _ => None,
        }
    }

    /// The policy by which the local preference takes priority.
    pub(super) const fn local_override(self) -> Option<&'static str> {
        match self {
            Self::SpynetReporting => Some("LocalSettingOverrideSpynetReporting"),
            Self::DisableRealtimeMonitoring => Some("LocalSettingOverrideDisableRealtimeMonitoring"),
            _ => None,
        }
    }

    /// What a number means; empty for numbers that say it themselves.
    #[must_use]
    pub const fn meaning(self, number: u32) -> &'static str {
        match (self, number) {
            (Self::SpynetReporting, 0)
            | (Self::DisableBlockAtFirstSeen | Self::DisableRealtimeMonitoring, 1) => "off",
            (Self::DisableBlockAtFirstSeen | Self::DisableRealtimeMonitoring, 0) => "on",
            (Self::SpynetReporting, 1) => "basic",
            (Self::SpynetReporting, 2) => "advanced",
            (Self::SubmitSamplesConsent, 0) => "ask",
            (Self::SubmitSamplesConsent, 1) => "send safe ones",
            (Self::SubmitSamplesConsent, 2) => "never send",
            (Self::SubmitSamplesConsent, 3) => "send all",
            _ => "",
        }
    }
}
