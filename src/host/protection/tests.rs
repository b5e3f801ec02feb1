//! What protects a machine, by its settings and its product's state.

use super::super::mdatp::MdatpFacts;
use super::super::registry::settings::{SettingValue, Settings};
use super::super::registry::state::ProductState;
use super::*;

/// Facts of Windows with these settings.
fn windows(
    settings: &[(DefenderSetting, u32)],
    unreadable: &[DefenderSetting],
    product: ProductState,
) -> HostFacts {
    windows_by(SettingOrigin::GroupPolicy, settings, unreadable, product)
}

/// Facts of Windows with these settings from this place.
fn windows_by(
    origin: SettingOrigin,
    settings: &[(DefenderSetting, u32)],
    unreadable: &[DefenderSetting],
    product: ProductState,
) -> HostFacts {
    let set = settings.iter().map(|(setting, number)| HostSetting {
        setting: *setting,
        value: SettingValue::Number(*number),
        origin,
        overruled: vec![],
    });
    let settings = Settings { set: set.collect(), unreadable: unreadable.to_vec() };
    let registry = RegistryFacts { settings, product, ..RegistryFacts::default() };
    HostFacts { windows: Some(WindowsFacts { registry, ..WindowsFacts::default() }), ..HostFacts::new(&[]) }
}

/// Facts of Linux.
fn linux(health: MdatpHealth) -> HostFacts {
    let mdatp = MdatpFacts { health: Some(health), connectivity: None };
    HostFacts { mdatp: Some(mdatp), ..HostFacts::new(&[]) }
}

/// Real-time protection and cloud protection.
fn check(facts: &HostFacts, real_time: Option<bool>, cloud: Option<bool>) {
    assert_eq!((facts.real_time_protection(), facts.cloud_protection()), (real_time, cloud), "{facts:?}");
}

const RTP: DefenderSetting = DefenderSetting::DisableRealtimeMonitoring;
const MAPS: DefenderSetting = DefenderSetting::SpynetReporting;

#[test]
fn windows_protects_as_its_settings_say() {
    let plain = ProductState::default;
    check(&windows(&[], &[], plain()), Some(true), None);
    check(&windows(&[(RTP, 0), (MAPS, 2)], &[], plain()), Some(true), Some(true));
    check(&windows(&[(RTP, 1), (MAPS, 0)], &[], plain()), Some(false), Some(false));
    check(&windows(&[(MAPS, 1)], &[RTP], plain()), None, Some(true));
    check(&windows(&[], &[MAPS], plain()), Some(true), None);
}

#[test]
fn tamper_protection_keeps_protection_on() {
    let tamper = |on| ProductState { tamper_protection: Some(on), ..ProductState::default() };
    let off = [(RTP, 1), (MAPS, 0)];
    check(&windows(&off, &[], tamper(true)), None, None);
    check(&windows(&off, &[], tamper(false)), Some(false), Some(false));
    check(&windows(&[(MAPS, 2)], &[], tamper(true)), Some(true), Some(true));
    let unknown = ProductState { is_incomplete: true, ..ProductState::default() };
    check(&windows(&off, &[], unknown.clone()), None, None);
    check(&windows(&[], &[], unknown.clone()), None, None);
    // In Windows Security it can still be turned off.
    check(&windows_by(SettingOrigin::Preference, &off, &[], tamper(true)), Some(false), Some(false));
    check(&windows_by(SettingOrigin::PolicyManager, &off, &[], tamper(true)), None, None);
    check(&windows(&[(RTP, 0), (MAPS, 2)], &[], unknown), Some(true), Some(true));
}

#[test]
fn a_passive_defender_has_no_real_time_protection_to_lose() {
    for (mode, real_time) in
        [(RunningMode::Active, Some(false)), (RunningMode::Passive, None), (RunningMode::Off, None)]
    {
        let product = ProductState { mode: Some(mode), ..ProductState::default() };
        let facts = windows(&[(RTP, 1), (MAPS, 2)], &[], product);
        check(&facts, real_time, Some(true));
        assert_eq!(facts.running_mode(), Some(mode));
    }
}

#[test]
fn linux_protects_as_mdatp_says() {
    let off = MdatpHealth {
        real_time_protection: Some(false),
        cloud_enabled: Some(true),
        passive_mode: Some(true),
        ..MdatpHealth::default()
    };
    check(&linux(off.clone()), Some(false), Some(true));
    assert_eq!(linux(off.clone()).running_mode(), Some(RunningMode::Passive));
    let active = MdatpHealth { passive_mode: Some(false), ..off };
    assert_eq!(linux(active).running_mode(), Some(RunningMode::Active));
    check(&linux(MdatpHealth::default()), None, None);
    assert_eq!(linux(MdatpHealth::default()).running_mode(), None);
    check(&HostFacts::new(&[]), None, None);
}
