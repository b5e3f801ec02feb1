//! Registries as tables beside lists of the configuration.

use super::super::registry::tests::{Table, Value};
use super::*;

use UpdateSource::{Adl, ConnectedCache, FileShare, InternalServer, MicrosoftUpdate};

const POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows Defender\Signature Updates";
const PREFERENCE: &str = r"SOFTWARE\Microsoft\Windows Defender\Signature Updates";
const PRODUCT: &str = r"SOFTWARE\Microsoft\Windows Defender";
const WINDOWS_UPDATE: &str = r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
const SHARES: &str = "DefinitionUpdateFileSharesSources";

type Values<'a> = &'a [(&'a str, &'a str, Value)];

/// The order of a machine with these values.
fn order(values: Values<'_>) -> Option<UpdateOrder> {
    let registry = RegistryFacts::read(&Table::new(values)).0;
    let windows = Some(WindowsFacts { registry, ..WindowsFacts::default() });
    HostFacts { windows, ..HostFacts::new(&[]) }.update_order()
}

fn policy(order: &'static str) -> (&'static str, &'static str, Value) {
    (POLICY, "FallbackOrder", Value::Sz(order))
}

fn shares() -> (&'static str, &'static str, Value) {
    (POLICY, SHARES, Value::Sz(r"\\files.example\updates"))
}

fn check(values: Values<'_>, listed: &[UpdateSource], expected: &str) {
    let listed: Vec<_> = listed.iter().map(|source| ListedSource::from_catalog(*source)).collect();
    let found = order(values).expect("it is known").differences(&listed);
    let words: Vec<_> = found.iter().map(|of| format!("{} {}", of.kind, of.source)).collect();
    assert_eq!(words.join(", "), expected, "{values:?} {listed:?}");
}

#[test]
fn what_agrees_is_no_difference() {
    let all = "InternalDefinitionUpdateServer|MicrosoftUpdateServer|MMPC|FileShares";
    check(&[], &[MicrosoftUpdate, Adl], "");
    check(&[policy("MicrosoftUpdateServer|MMPC")], &[MicrosoftUpdate, Adl], "");
    check(&[policy(all), shares()], &[InternalServer, MicrosoftUpdate, Adl, FileShare], "");
    check(&[policy("InternalDefinitionUpdateServer")], &[InternalServer], "");
    // Two servers are one source, and an order never has a cache.
    check(&[policy("InternalDefinitionUpdateServer")], &[InternalServer, InternalServer], "");
    check(&[policy("InternalDefinitionUpdateServer")], &[ConnectedCache, InternalServer], "");
    check(
        &[policy("InternalDefinitionUpdateServer|MMPC")],
        &[InternalServer, ConnectedCache, Adl, InternalServer],
        "",
    );
}

#[test]
fn a_source_that_is_not_listed_is_named() {
    let order = policy("InternalDefinitionUpdateServer|MicrosoftUpdateServer|MMPC");
    let order = std::slice::from_ref(&order);
    check(order, &[MicrosoftUpdate, Adl], "unlisted internal_server");
    check(order, &[InternalServer], "unlisted microsoft_update, unlisted adl");
    check(&[policy("MMPC|FileShares"), shares()], &[Adl], "unlisted file_share");
    // By default, clients ask Microsoft.
    check(&[], &[MicrosoftUpdate], "unlisted adl");
}

#[test]
fn a_listed_source_that_is_not_asked_is_named() {
    check(&[policy("InternalDefinitionUpdateServer")], &[InternalServer, Adl], "unused adl");
    check(&[], &[MicrosoftUpdate, Adl, FileShare, FileShare], "unused file_share");
    check(&[policy("MMPC|FileShares")], &[Adl, FileShare], "unused file_share");
    check(&[shares()], &[MicrosoftUpdate, Adl, FileShare], "unused file_share");
    check(&[], &[InternalServer], "unlisted microsoft_update, unlisted adl, unused internal_server");
}

#[test]
fn another_order_is_named_once() {
    let reverse = policy("MMPC|MicrosoftUpdateServer|InternalDefinitionUpdateServer");
    check(&[reverse], &[InternalServer, MicrosoftUpdate, Adl], "earlier adl");
    check(&[policy("MMPC|MicrosoftUpdateServer")], &[MicrosoftUpdate, Adl], "earlier adl");
    let last = policy("InternalDefinitionUpdateServer|MMPC|MicrosoftUpdateServer");
    check(&[last], &[InternalServer, MicrosoftUpdate, Adl], "earlier adl");
    // What is in one of them alone doesn't change the order of the others.
    let others = policy("InternalDefinitionUpdateServer|MicrosoftUpdateServer|MMPC");
    check(&[others], &[MicrosoftUpdate, ConnectedCache, Adl], "unlisted internal_server");
}

#[test]
fn the_order_that_counts_is_compared() {
    let preference = (PREFERENCE, "FallbackOrder", Value::Sz("MMPC"));
    check(std::slice::from_ref(&preference), &[Adl], "");
    let found = order(std::slice::from_ref(&preference)).expect("it is known");
    assert_eq!(found.origin, Some(SettingOrigin::Preference));
    let found = order(&[preference, policy("MicrosoftUpdateServer")]).expect("it is known");
    assert_eq!((found.origin, found.sources), (Some(SettingOrigin::GroupPolicy), vec![MicrosoftUpdate]));
    let found = order(&[]).expect("Microsoft's default");
    assert_eq!((found.origin, found.sources), (None, vec![MicrosoftUpdate, Adl]));
}

/// The scans of Windows Update bring updates of Defender from WSUS, too.
#[test]
fn a_server_of_windows_update_is_compared_by_its_address() {
    let policies = [
        (WINDOWS_UPDATE, "WUServer", Value::Sz("http://WSUS.example:8530")),
        (r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU", "UseWUServer", Value::Dword(1)),
    ];
    let differences = |more: Values<'_>, servers: &[&str]| {
        let address = |text: &&str| ProbeUrl::parse(text).ok();
        let listed =
            servers.iter().map(|text| ListedSource { source: InternalServer, address: address(text) });
        let found = order(&[more, &policies].concat()).expect("it is known");
        let found = found.differences(&listed.collect::<Vec<_>>());
        found.iter().map(|of| format!("{} {}", of.kind, of.source)).collect::<Vec<_>>().join(", ")
    };
    let wsus = &[policy("InternalDefinitionUpdateServer")];
    assert_eq!(differences(wsus, &["http://wsus.example:8530"]), "");
    assert_eq!(differences(wsus, &["http://other.example:8530", "http://wsus.example:8530/"]), "");
    for other in ["http://other.example:8530", "https://wsus.example:8530", "http://wsus.example"] {
        assert_eq!(differences(wsus, &[other]), "other_server internal_server", "{other}");
    }
    let default = "unlisted microsoft_update, unlisted adl";
    assert_eq!(differences(&[], &["http://wsus.example:8530"]), default, "nor is it unused");
    // Without a listed server there is none to compare.
    let found = order(&policies).expect("Microsoft's default").differences(&ListedSource::defaults());
    assert_eq!(found, []);
}

#[test]
fn what_is_unknown_is_not_compared() {
    let denied = |name| (POLICY, name, Value::Denied);
    assert_eq!(order(&[denied("FallbackOrder")]), None);
    assert_eq!(order(&[policy("SomethingNew|MMPC")]), None);
    assert_eq!(HostFacts::new(&[]).update_order(), None, "not Windows");
    let off = (PRODUCT, "DisableAntiVirus", Value::Dword(1));
    assert_eq!(order(&[off]), None, "it is off");
    // A list of shares that can't be read may have one.
    let order = policy("MMPC|FileShares");
    check(&[order.clone(), denied(SHARES)], &[Adl], "");
    check(&[order.clone(), denied(SHARES)], &[FileShare, Adl], "");
    check(&[order, denied(SHARES)], &[MicrosoftUpdate, Adl], "unused microsoft_update");
}
