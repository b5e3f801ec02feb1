//! Whether Defender Antivirus runs and protects itself, as far as the registry says so. Pure.
//!
//! `MSFT_MpComputerStatus`, the documented source, is WMI and isn't read. Of these values some are documented:
//!
//! - `ForceDefenderPassiveMode`: Microsoft's page "Microsoft Defender Antivirus compatibility with other security products".
//!   A Defender that is active under tamper protection stays so.
//! - The policy `DisableAntiSpyware`: Microsoft's page of the same name. Windows clients ignore it, servers may not.
//! - `Start` of a service, 4 if it is disabled: `SERVICE_DISABLED` of `CreateService`.
//! - Inferred from administrators' scripts: `PassiveMode`, 0 if active; `DisableAntiVirus` and `DisableAntiSpyware`
//!   among the product's own values, 1 if it is off, for example beside another product; `TamperProtection`, whose lowest
//!   bit is set while it is on (1, 5), and not while it is off (0, 4); `InstallLocation`, the folder of the platform in
//!   use.

use super::settings::number;
use super::{POLICY, RegistryReader, Unreadable};
use crate::host::RunningMode;
use crate::host::version::{ProductVersion, newest_platform};

const PRODUCT: &str = r"SOFTWARE\Microsoft\Windows Defender";
const FEATURES: &str = r"SOFTWARE\Microsoft\Windows Defender\Features";
const SERVICE: &str = r"SYSTEM\CurrentControlSet\Services\WinDefend";
const SENSOR_POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows Advanced Threat Protection";

/// The state of the product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProductState {
    /// Whether it is the machine's active antivirus. `None` if no value tells.
    pub mode: Option<RunningMode>,
    /// Whether it refuses changes of its settings. `None` if no value tells.
    pub tamper_protection: Option<bool>,
    /// The platform in use. `None` for the one that Windows brought.
    pub platform: Option<ProductVersion>,
    /// Whether protection is undetermined: a value of mode or tamper protection couldn't be read, or a policy turns
    /// Defender off that some systems ignore. Settings prove nothing then, unless they turn protection on.
    pub is_incomplete: bool,
}

impl RegistryReader<'_> {
    pub(super) fn product_state(&mut self) -> ProductState {
        let tamper = self.tamper_protection();
        let mode = self.mode(matches!(tamper, Ok(Some(true))));
        let policy = self.state_number(POLICY, "DisableAntiSpyware");
        let may_be_off = matches!(policy, Ok(Some(1))) && !matches!(mode, Ok(Some(RunningMode::Active)));
        ProductState {
            is_incomplete: mode.is_err() || tamper.is_err() || policy.is_err() || may_be_off,
            mode: mode.unwrap_or_default(),
            tamper_protection: tamper.unwrap_or_default(),
            platform: self.platform(),
        }
    }

    /// Passive by any value is passive: it must raise no alarm.
    fn mode(&mut self, is_tamper_protected: bool) -> Result<Option<RunningMode>, Unreadable> {
        let passive = self.state_number(PRODUCT, "PassiveMode")?;
        let forced = self.state_number(SENSOR_POLICY, "ForceDefenderPassiveMode")?;
        let disabled = [
            self.state_number(PRODUCT, "DisableAntiVirus")?,
            self.state_number(PRODUCT, "DisableAntiSpyware")?,
        ];
        let service = self.state_number(SERVICE, "Start")?;
        let stays_active = passive == Some(0) && is_tamper_protected;
        let is_passive = passive.is_some_and(|mode| mode != 0) || forced == Some(1) && !stays_active;
        Ok(match () {
            () if disabled.contains(&Some(1)) || service == Some(4) => Some(RunningMode::Off),
            () if is_passive => Some(RunningMode::Passive),
            () if passive.is_some() || disabled.contains(&Some(0)) => Some(RunningMode::Active),
            () => None,
        })
    }

    fn tamper_protection(&mut self) -> Result<Option<bool>, Unreadable> {
        Ok(match self.state_number(FEATURES, "TamperProtection")? {
            Some(1 | 5) => Some(true),
            Some(0 | 4) => Some(false),
            _ => None,
        })
    }

    fn state_number(&mut self, path: &str, name: &str) -> Result<Option<u32>, Unreadable> {
        self.checked(name, |registry, name| number(registry, path, name))
    }

    /// The version in the name of the folder, such as `…\Platform\4.18.25110.6-0\`.
    fn platform(&mut self) -> Option<ProductVersion> {
        let folder = self.value("InstallLocation", |registry, name| registry.sz(PRODUCT, name))?;
        let name = folder.trim().trim_end_matches('\\').rsplit('\\').next();
        newest_platform(name).map(|(_, version)| version)
    }
}

#[cfg(test)]
mod tests {
    use super::super::RegistryFacts;
    use super::super::tests::{Table, Value};
    use super::*;

    fn read(values: &[(&str, &str, Value)]) -> (ProductState, usize) {
        let (facts, problems) = RegistryFacts::read(&Table::new(values));
        (facts.product, problems.len())
    }

    fn check_mode(values: &[(&str, &str, Value)], mode: Option<RunningMode>) {
        assert_eq!(read(values), (ProductState { mode, ..ProductState::default() }, 0), "{values:?}");
    }

    #[test]
    fn the_mode_is_what_any_value_says() {
        let passive = |number| (PRODUCT, "PassiveMode", Value::Dword(number));
        let forced = |number| (SENSOR_POLICY, "ForceDefenderPassiveMode", Value::Dword(number));
        let disabled = |number| (PRODUCT, "DisableAntiVirus", Value::Dword(number));
        check_mode(&[], None);
        check_mode(&[passive(0)], Some(RunningMode::Active));
        check_mode(&[passive(1)], Some(RunningMode::Passive));
        check_mode(&[passive(2)], Some(RunningMode::Passive));
        check_mode(&[forced(0)], None);
        check_mode(&[forced(1)], Some(RunningMode::Passive));
        check_mode(&[passive(0), forced(1)], Some(RunningMode::Passive));
        check_mode(&[disabled(0)], Some(RunningMode::Active));
        check_mode(&[disabled(1), passive(0)], Some(RunningMode::Off));
        check_mode(&[(PRODUCT, "DisableAntiSpyware", Value::Dword(1))], Some(RunningMode::Off));
        let service = |start| (SERVICE, "Start", Value::Dword(start));
        check_mode(&[service(2)], None);
        check_mode(&[service(4)], Some(RunningMode::Off));
        check_mode(&[service(4), passive(0)], Some(RunningMode::Off));
    }

    #[test]
    fn an_active_defender_that_is_tamper_protected_stays_active() {
        let values = [
            (PRODUCT, "PassiveMode", Value::Dword(0)),
            (SENSOR_POLICY, "ForceDefenderPassiveMode", Value::Dword(1)),
            (FEATURES, "TamperProtection", Value::Dword(5)),
        ];
        let expected = ProductState {
            mode: Some(RunningMode::Active),
            tamper_protection: Some(true),
            ..ProductState::default()
        };
        assert_eq!(read(&values), (expected, 0));
    }

    #[test]
    fn a_policy_that_some_systems_ignore_leaves_the_state_open() {
        let policy = |number| (POLICY, "DisableAntiSpyware", Value::Dword(number));
        assert!(read(&[policy(1)]).0.is_incomplete);
        assert!(!read(&[policy(0)]).0.is_incomplete);
        assert!(!read(&[policy(1), (PRODUCT, "PassiveMode", Value::Dword(0))]).0.is_incomplete);
    }

    #[test]
    fn tamper_protection_has_known_numbers() {
        for (number, tamper_protection) in [
            (0, Some(false)),
            (1, Some(true)),
            (2, None),
            (4, Some(false)),
            (5, Some(true)),
            (u32::MAX, None),
        ] {
            let expected = ProductState { tamper_protection, ..ProductState::default() };
            assert_eq!(read(&[(FEATURES, "TamperProtection", Value::Dword(number))]), (expected, 0));
        }
    }

    #[test]
    fn a_value_that_can_not_be_read_leaves_the_state_open() {
        for (path, name) in [(PRODUCT, "PassiveMode"), (FEATURES, "TamperProtection")] {
            let expected = ProductState { is_incomplete: true, ..ProductState::default() };
            assert_eq!(read(&[(path, name, Value::Denied)]), (expected, 1), "{name}");
        }
    }

    #[test]
    fn the_folder_has_the_version_of_the_platform() {
        for (folder, version) in [
            (r"C:\ProgramData\Microsoft\Windows Defender\Platform\4.18.25110.6-0\", Some("4.18.25110.6")),
            (r"C:\ProgramData\Microsoft\Windows Defender\Platform\4.18.25110.6-0", Some("4.18.25110.6")),
            (r"C:\Program Files\Windows Defender\", None),
            ("", None),
        ] {
            let (state, problems) = read(&[(PRODUCT, "InstallLocation", Value::Sz(folder))]);
            assert_eq!(
                (state.platform.map(|version| version.to_string()).as_deref(), problems),
                (version, 0)
            );
        }
    }
}
