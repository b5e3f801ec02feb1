//! Registries with settings in one place, or in several. The names are those that `settings.rs` explains; none was
//! captured.

use proptest::prelude::*;

use super::super::tests::{Table, Value};
use super::super::{RegistryFacts, SIGNATURES_POLICY, SPYNET, SPYNET_POLICY};
use super::*;

const REAL_TIME: &str = r"SOFTWARE\Policies\Microsoft\Windows Defender\Real-Time Protection";
const OWN_REAL_TIME: &str = r"SOFTWARE\Microsoft\Windows Defender\Real-Time Protection";
const OWN_SIGNATURES: &str = r"SOFTWARE\Microsoft\Windows Defender\Signature Updates";

/// The settings of a registry in one line each, and the problems.
fn read(values: &[(&str, &str, Value)]) -> (Vec<String>, Vec<String>) {
    let (facts, problems) = RegistryFacts::read(&Table::new(values));
    let mut lines: Vec<String> = facts.settings.set.iter().map(line).collect();
    lines.extend(facts.settings.unreadable.iter().map(|setting| format!("{setting} unreadable")));
    (lines, problems.into_iter().map(|problem| problem.detail).collect())
}

fn line(of: &HostSetting) -> String {
    let overruled = of.overruled.iter().map(|of| format!(" not {} of {}", of.value, of.origin));
    format!("{} {} of {}{}", of.setting, of.value, of.origin, overruled.collect::<String>())
}

fn check(values: &[(&str, &str, Value)], expected: &[&str]) {
    let (lines, problems) = read(values);
    assert_eq!(lines, expected, "{values:?}");
    assert_eq!(problems, [""; 0], "{values:?}");
}

fn policy(number: u32) -> (&'static str, &'static str, Value) {
    (SPYNET_POLICY, "SpynetReporting", Value::Dword(number))
}

fn managed(number: u32) -> (&'static str, &'static str, Value) {
    (MANAGER, "AllowCloudProtection", Value::Dword(number))
}

fn preference(number: u32) -> (&'static str, &'static str, Value) {
    (SPYNET, "SpynetReporting", Value::Dword(number))
}

#[test]
fn group_policy_comes_before_mdm_and_both_before_the_preference() {
    let cloud = "spynet_reporting";
    check(&[], &[]);
    check(&[preference(2)], &[&format!("{cloud} 2 of preference")]);
    check(&[managed(0)], &[&format!("{cloud} 0 of policy_manager")]);
    check(&[managed(0), preference(2)], &[&format!("{cloud} 0 of policy_manager not 2 of preference")]);
    check(
        &[policy(0), managed(1), preference(2)],
        &[&format!("{cloud} 0 of group_policy not 1 of policy_manager not 2 of preference")],
    );
    // On is on, however it is called.
    check(&[policy(2), managed(1), preference(1)], &[&format!("{cloud} 2 of group_policy")]);
    let own = (SPYNET_POLICY, "LocalSettingOverrideSpynetReporting", Value::Dword(1));
    check(&[own.clone(), policy(0)], &[&format!("{cloud} 0 of group_policy")]);
    check(
        &[own.clone(), policy(0), preference(2)],
        &[&format!("{cloud} 2 of preference not 0 of group_policy")],
    );
    let own = (own.0, own.1, Value::Dword(0));
    check(&[own, policy(0), preference(2)], &[&format!("{cloud} 0 of group_policy not 2 of preference")]);
}

#[test]
fn each_setting_has_its_places() {
    let on = || Value::Dword(1);
    check(
        &[(REAL_TIME, "DisableRealtimeMonitoring", on())],
        &["disable_realtime_monitoring 1 of group_policy"],
    );
    check(
        &[(MANAGER, "AllowRealtimeMonitoring", on()), (OWN_REAL_TIME, "DisableRealtimeMonitoring", on())],
        &["disable_realtime_monitoring 0 of policy_manager not 1 of preference"],
    );
    check(
        &[
            (SPYNET_POLICY, "SubmitSamplesConsent", Value::Dword(2)),
            (MANAGER, "SubmitSamplesConsent", Value::Dword(3)),
        ],
        &["submit_samples_consent 2 of group_policy not 3 of policy_manager"],
    );
    check(&[(SPYNET, "DisableBlockAtFirstSeen", on())], &["disable_block_at_first_seen 1 of preference"]);
    check(&[(SPYNET_POLICY, "SSLOptions", on())], &["ssl_options 1 of group_policy"]);
    let order = "{InternalDefinitionUpdateServer | MicrosoftUpdateServer|MMPC}";
    check(
        &[
            (SIGNATURES_POLICY, "FallbackOrder", Value::Sz(order)),
            (MANAGER, "SignatureUpdateFallbackOrder", Value::Sz("MMPC|FileShares|MMPC")),
            (
                OWN_SIGNATURES,
                "FallbackOrder",
                Value::MultiSz(&["internaldefinitionupdateserver", "MicrosoftUpdateServer", "MMPC"]),
            ),
        ],
        &[
            "fallback_order internal_server,microsoft_update,adl of group_policy not adl,file_share of policy_manager",
        ],
    );
    check(
        &[
            (SIGNATURES_POLICY, "DefinitionUpdateFileSharesSources", Value::Sz(r"\\server\share")),
            (MANAGER, "SignatureUpdateFileSharesSources", Value::Sz(r"\\SERVER\share ")),
            (OWN_SIGNATURES, "DefinitionUpdateFileSharesSources", Value::Sz(r"\\other\share")),
        ],
        &["definition_update_file_shares_sources set of group_policy not set of preference"],
    );
    check(
        &[
            (PREFERENCES, "ProxyServer", Value::Sz("http://p:8080")),
            (PREFERENCES, "ProxyPacUrl", Value::Sz("http://p/p.pac")),
            (PREFERENCES, "ProxyBypass", Value::Sz(" ")),
        ],
        &["proxy_server set of preference", "proxy_pac_url set of preference"],
    );
}

#[test]
fn a_number_may_be_a_text() {
    check(&[(SPYNET, "SpynetReporting", Value::Sz(" 2 "))], &["spynet_reporting 2 of preference"]);
    let (lines, problems) = read(&[(SPYNET, "SpynetReporting", Value::Sz("two"))]);
    assert_eq!(lines, ["spynet_reporting unreadable"]);
    assert_eq!(problems, ["SpynetReporting (preference): has an unexpected registry type"]);
}

#[test]
fn a_place_that_can_not_be_read_leaves_open_what_counts() {
    let unreadable = |values: &[(&str, &str, Value)], lines: &[&str], problem: &str| {
        let (read, problems) = read(values);
        assert_eq!(read, lines, "{values:?}");
        assert_eq!(problems, [problem], "{values:?}");
    };
    let denied = "access denied: run as LocalSystem or as an administrator";
    let open = "spynet_reporting unreadable";
    unreadable(
        &[(SPYNET_POLICY, "SpynetReporting", Value::Denied), preference(0)],
        &[open],
        &format!("SpynetReporting: {denied}"),
    );
    unreadable(
        &[(MANAGER, "AllowCloudProtection", Value::Denied)],
        &[open],
        &format!("AllowCloudProtection (policy_manager): {denied}"),
    );
    unreadable(
        &[policy(2), (SPYNET, "SpynetReporting", Value::Denied)],
        &["spynet_reporting 2 of group_policy"],
        &format!("SpynetReporting (preference): {denied}"),
    );
    let own = "LocalSettingOverrideSpynetReporting";
    unreadable(&[(SPYNET_POLICY, own, Value::Denied), policy(2)], &[open], &format!("{own}: {denied}"));
    unreadable(&[managed(3)], &[open], "AllowCloudProtection (policy_manager): 3 is out of range: 0 to 2");
    let order = (OWN_SIGNATURES, "FallbackOrder", Value::Sz("MMPC|hunter2"));
    let problem = "FallbackOrder (preference): names an unknown update source";
    unreadable(&[order], &["fallback_order unreadable"], problem);
}

proptest! {
    #[test]
    fn an_order_names_each_source_once(text in "[{}a-z| ]{0,60}") {
        let sources = sources(&text).unwrap_or_default();
        let mut once = sources.clone();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), sources.len());
    }
}
