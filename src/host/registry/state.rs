//! Whether Defender Antivirus runs and protects itself, as far as the registry says so. Pure.
//!
//!
//! `MSFT_MpComputerStatus`, the documented source, is WMI and isn't read. Of these values only one is documented:
//!
//! - `ForceDefenderPassiveMode`: Microsoft's page "Defender Antivirus in passive mode".
//! - Inferred from administrators' scripts: `PassiveMode`, 0 if active; `DisableAntiVirus` and `DisableAntiSpyware`
//!   among the product's own values, 1 if it is off, for example beside another product; `TamperProtection`, whose lowest
//!   bit is set while it is on (1, 5), and not while it is off (0, 4); `InstallLocation`, the folder of the platform in
//!   use.

use super::settings::number;
use super::{RegistryReader, Unreadable};
use crate::host::RunningMode;
use crate::host::version::{ProductVersion, newest_platform};

const PRODUCT: &str = r"SOFTWARE\Microsoft\Windows Defender";
const FEATURES: &str = r"SOFTWARE\Microsoft\Windows Defender\Features";
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
    /// Whether a value of mode or tamper protection couldn't be read. A setting that turns protection off proves nothing
    /// then.
    pub is_incomplete: bool,
}

impl RegistryReader<'_> {
    pub(super) fn product_state(&mut self) -> ProductState {
        let (mode, tamper) = (self.mode(), self.tamper_protection());
        ProductState {
            is_incomplete: mode.is_err() || tamper.is_err(),
            mode: mode.unwrap_or_default(),
            tamper_protection: tamper.unwrap_or_default(),
            platform: self.platform(),
        }
    }

    /// Passive by any value is passive: it must raise no alarm.
    fn mode(&mut self) -> Result<Option<RunningMode>, Unreadable> {
        let passive = self.state_number(PRODUCT, "PassiveMode")?;
        let forced = self.state_number(SENSOR_POLICY, "ForceDefenderPassiveMode")?;
        let disabled = [
            self.state_number(PRODUCT, "DisableAntiVirus")?,
            self.state_number(PRODUCT, "DisableAntiSpyware")?,
        ];
        Ok(match () {
            () if disabled.contains(&Some(1)) => Some(RunningMode::Off),
            () if passive.is_some_and(|mode| mode != 0) || forced == Some(1) => Some(RunningMode::Passive),
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
