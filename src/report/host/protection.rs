//! What protects this machine, and its settings.

use serde::Serialize;

use crate::host::registry::settings::{DefenderSetting, HostSetting, SettingOrigin};
use crate::host::{HostFacts, RunningMode};

/// What protects this machine; what is unknown is null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProtectionReport {
    /// Whether Defender is active, passive or off.
    pub running_mode: Option<RunningMode>,
    /// Whether real-time protection is on.
    pub real_time_protection: Option<bool>,
    /// Whether cloud-delivered protection is on.
    pub cloud_protection: Option<bool>,
    /// Whether tamper protection is on; null on Linux.
    pub tamper_protection: Option<bool>,
}

/// A setting that a policy or a local preference sets.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SettingReport {
    /// Which setting.
    pub setting: DefenderSetting,
    /// The effective value: a number as Group Policy has it, the update sources in order, or `set` for texts.
    pub value: String,
    /// Where it comes from.
    pub origin: SettingOrigin,
    /// The places that set another value, which is overruled.
    pub overruled: Vec<OverruledReport>,
}

/// An overruled value.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct OverruledReport {
    /// Where it is set.
    pub origin: SettingOrigin,
    /// The value.
    pub value: String,
}

impl ProtectionReport {
    pub(super) fn new(facts: &HostFacts) -> Self {
        Self {
            running_mode: facts.running_mode(),
            real_time_protection: facts.real_time_protection(),
            cloud_protection: facts.cloud_protection(),
            tamper_protection: facts.tamper_protection(),
        }
    }
}

impl SettingReport {
    pub(super) fn new(of: &HostSetting) -> Self {
        let overruled = of.overruled.iter();
        Self {
            setting: of.setting,
            value: of.value.to_string(),
            origin: of.origin,
            overruled: overruled
                .map(|of| OverruledReport { origin: of.origin, value: of.value.to_string() })
                .collect(),
        }
    }
}
