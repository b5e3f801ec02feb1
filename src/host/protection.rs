//! What protects this machine now, of the facts of Windows or Linux. Pure.
//!
//! On Windows it is a conclusion from settings (`registry/settings.rs`) and the product's state (`registry/state.rs`):
//!
//! - Tamper protection keeps real-time and cloud protection on, whatever a policy says (Microsoft's page "Protect security
//!   settings with tamper protection"). So a policy that turns them off proves nothing while it is on. An administrator can
//!   still do so in Windows Security (Microsoft's page "Prevent changes to security settings with tamper protection"), which
//!   shows as a local preference.
//! - Beside another antivirus product, Defender is passive, without real-time protection (Microsoft's page "Microsoft
//!   Defender Antivirus compatibility with other security products"). Its settings say nothing then.
//! - Without a setting, real-time protection is on (Policy CSP Defender, `AllowRealtimeMonitoring`), if it is known whether
//!   Defender runs.

use super::mdatp::health::MdatpHealth;
use super::registry::RegistryFacts;
use super::registry::settings::{DefenderSetting, HostSetting, SettingOrigin};
use super::{HostFacts, RunningMode, WindowsFacts};

#[cfg(test)]
mod tests;

impl HostFacts {
    /// What `mdatp health` reported.
    #[must_use]
    pub fn health(&self) -> Option<&MdatpHealth> {
        self.mdatp.as_ref()?.health.as_ref()
    }

    fn registry(&self) -> Option<&RegistryFacts> {
        self.windows.as_ref().map(|WindowsFacts { registry, .. }| registry)
    }

    /// Whether Defender is active, passive or off. Returns `None` if unknown.
    #[must_use]
    pub fn running_mode(&self) -> Option<RunningMode> {
        let passive = self.health().and_then(|health| health.passive_mode);
        match passive {
            Some(true) => Some(RunningMode::Passive),
            Some(false) => Some(RunningMode::Active),
            None => self.registry()?.product.mode,
        }
    }

    /// Whether real-time protection is on. Returns `None` if unknown.
    #[must_use]
    pub fn real_time_protection(&self) -> Option<bool> {
        let health = self.health().and_then(|health| health.real_time_protection);
        health.or_else(|| {
            let registry = self.registry()?;
            if matches!(registry.product.mode, Some(RunningMode::Passive | RunningMode::Off)) {
                return None;
            }
            registry.is_on(DefenderSetting::DisableRealtimeMonitoring, |number| number == 0, Some(true))
        })
    }

    /// Whether tamper protection is on. Returns `None` if unknown, and on Linux.
    #[must_use]
    pub fn tamper_protection(&self) -> Option<bool> {
        self.registry()?.product.tamper_protection
    }

    /// Whether cloud-delivered protection is on. Returns `None` if unknown.
    #[must_use]
    pub fn cloud_protection(&self) -> Option<bool> {
        let health = self.health().and_then(|health| health.cloud_enabled);
        health
            .or_else(|| self.registry()?.is_on(DefenderSetting::SpynetReporting, |number| number != 0, None))
    }
}

impl RegistryFacts {
    /// Whether a setting leaves a protection on; `default` if nothing sets it.
    fn is_on(&self, setting: DefenderSetting, on: fn(u32) -> bool, default: Option<bool>) -> Option<bool> {
        if self.settings.unreadable.contains(&setting) {
            return None;
        }
        let found = self.settings.get(setting);
        let is_own = found.is_some_and(|found| found.origin == SettingOrigin::Preference);
        let is_ignored = self.product.tamper_protection == Some(true) && !is_own;
        match found.and_then(HostSetting::number).map(on) {
            None if self.product.is_incomplete => None,
            None => default,
            Some(false) if self.product.is_incomplete || is_ignored => None,
            known => known,
        }
    }
}
