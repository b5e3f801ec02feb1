//! The texts of alerts, as rendered: what to change comes first and is short, then why, then lists, in lines.
//! `alerts/tests/texts.txt` has them for reading; promtool holds each in its test (`.ci/alerts`).

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use defender_exporter::advice;
use defender_exporter::observation::Phase;

use super::files::Alerts;

/// The most characters of the summary and the description up to the end of what to change, by which a pager may cut.
const MAX_TO_REMEDY: usize = 350;

/// The beginnings of a description's lines, in their order. Others are headings of lists.
const ORDER: &[&str] =
    &["What to change: ", "Why: ", "Note: ", "", "More: ", "Test on the exporter's machine: ", "Meanwhile, "];

/// What is wrong with a text.
pub fn complaints(summary: &str, description: &str) -> Vec<String> {
    let mut found = Vec::new();
    let remedy = description.lines().next().unwrap_or_default();
    let length = summary.chars().count() + 1 + remedy.chars().count();
    if length > MAX_TO_REMEDY {
        found.push(format!("what to change ends at character {length}"));
    }
    let place = |line: &str| {
        let labelled = ORDER.iter().position(|start| !start.is_empty() && line.starts_with(start));
        labelled.unwrap_or_else(|| ORDER.iter().position(|start| start.is_empty()).unwrap())
    };
    let places: Vec<usize> = description.lines().map(place).collect();
    if places.first() != Some(&0) || places.get(1) != Some(&1) || !places.is_sorted() {
        found.push("its lines are not what to change, why, notes, lists, where to read on".to_owned());
    }
    let is_bad = |line: &str| {
        line.trim() != line || line.is_empty() || line.contains("<no value>") || line.contains("%!")
    };
    if summary.lines().count() != 1 || description.lines().any(is_bad) {
        found.push("a line is empty, badly spaced or has a placeholder".to_owned());
    }
    let sentence = remedy.trim_start_matches(ORDER[0]);
    if !sentence.starts_with(char::is_uppercase) {
        found.push("what to change is no sentence".to_owned());
    }
    found
}

#[test]
fn what_to_change_comes_first_and_is_short() {
    for text in Alerts::load().texts() {
        let found = complaints(&text.summary, &text.description);
        assert!(found.is_empty(), "{}: {found:?}\n{}\n{}", text.alert, text.summary, text.description);
    }
}

#[test]
fn the_check_of_texts_detects_errors() {
    let check = |summary: &str, description: &str, expected: usize| {
        let found = complaints(summary, description);
        assert_eq!(found.len(), expected, "{found:?}: {description}");
    };
    let test = "Test on the exporter's machine: defender-exporter check";
    check("It is down", "What to change: Start it.\nWhy: it has stopped", 0);
    check(
        "It is down",
        &format!("What to change: Start it.\nWhy: a\nNote: b\nFailing:\n- c\nMore: d\n{test}"),
        0,
    );
    check("It is down", "Why: it has stopped\nWhat to change: Start it.", 1);
    check("It is down", &format!("What to change: Start it.\nWhy: a\n{test}\n- c"), 1);
    check("It is down", "What to change: start it\nWhy: it has stopped", 1);
    check("It is down", "What to change: Start it.\nWhy: <no value>", 1);
    check("It is down", "What to change: Start it.\nWhy: a \n\n- c", 1);
    let budget = MAX_TO_REMEDY - "It is down".len() - 1 - ORDER[0].len();
    check("It is down", &format!("{}{}\nWhy: a", ORDER[0], "A".repeat(budget)), 0);
    check("It is down", &format!("{}{}\nWhy: a", ORDER[0], "A".repeat(budget + 1)), 1);
}

/// The worst case: the longest action, at an instance and on a route with long names.
#[test]
fn the_longest_action_fits_with_long_names() {
    let instance = "defender-probe-01.headquarters.corporate.example:10207";
    for text in Alerts::load().texts() {
        let own = text.labels.get("instance");
        let summary = own.map_or_else(|| text.summary.clone(), |own| text.summary.replace(own, instance));
        let before = summary.chars().count() + 1 + ORDER[0].len() + "Check the uplink first. ".len();
        let length = before + "-with-a-long-name".len() + advice::action::MAX_ACTION;
        assert!(length <= MAX_TO_REMEDY, "{}: {length}: {summary}", text.alert);
    }
}

/// Texts that the rules repeat are those of `advice.yaml`: the devices by phase, and what to change for a fixed reason.
#[test]
fn fixed_texts_are_those_of_the_advice() {
    let alerts = Alerts::load();
    let description = |name: &str| {
        let rule = alerts.alerts().find(|rule| rule.alert == name).unwrap();
        rule.annotations["description"].clone()
    };
    for name in ["DefenderLatencyHigh", "DefenderMapsFlapping"] {
        for phase in Phase::ALL {
            let branch = format!("if eq .Labels.phase \"{phase}\" }}}}{}", advice::action::for_phase(*phase));
            assert!(description(name).contains(&branch), "{name}: {branch}");
        }
    }
    for (name, remedy) in [
        ("DefenderTlsIntercepted", "inspection"),
        ("DefenderProxyAuthenticationRequired", "proxy_auth"),
        ("DefenderCrlExpiring", "stale_list"),
        ("DefenderCrlFetchFailing", "crl_hosts"),
        ("DefenderMapsRevocationBlocked", "crl_hosts"),
    ] {
        let action = advice::action::named(remedy).unwrap();
        assert!(description(name).contains(action), "{name}: {action}");
    }
}

/// Where the reason varies, what to change is taken from the exporter, which takes it from `advice.yaml`.
#[test]
fn what_to_change_follows_the_reason() {
    const FIXED: &[&str] = &[
        "DefenderMapsFlapping",                // by phase
        "DefenderLatencyHigh",                 // by phase
        "DefenderTlsIntercepted",              // one reason
        "DefenderProxyAuthenticationRequired", // one reason
        "DefenderSplitClientHelloBlocked",     // one reason
        "DefenderCertificateExpiringSoon",     // by issuer
        "DefenderPublishedFeedStale",          // a cache
        "DefenderHostMapsValidationFailed",    // by HRESULT
        "DefenderCloudProtectionDisabled",     // by origin
        "DefenderRealTimeProtectionDisabled",  // by origin
        "DefenderHostUnhealthy",               // by what mdatp reports
        "DefenderHostUpdatesFailing",          // by HRESULT
        "DefenderHostUnreadable",              // by reason
        "DefenderHostValidationDenied",        // one reason
        "DefenderHostNotActive",               // by mode
        "DefenderExporterDown",
        "DefenderExporterAbsent",
        "DefenderProbeTargetsDown",
        "DefenderProbeTargetFailing", // /probe has no defender_faults
        "DefenderProbesStalled",
        "DefenderResultsMissing",
        "DefenderConfigReloadFailed",
        "DefenderWebConfigFault",
        "DefenderSiteSilent",
        "DefenderManySitesFailing",    // by phase and reason
        "DefenderMapsLostAtManySites", // by phase and reason
    ];
    for rule in Alerts::load().alerts() {
        let asks = rule.annotations["description"].contains("defender_faults{");
        assert_eq!(asks, !FIXED.contains(&rule.alert.as_str()), "{}", rule.alert);
    }
}

#[test]
fn the_texts_are_as_recorded() {
    let mut golden = String::from(
        "Every alert's text, as promtool renders it in the tests of this folder.\n\
         To regenerate: UPDATE_GOLDEN=1 cargo test --test it rules::texts\n",
    );
    let alerts = Alerts::load();
    let texts = alerts.texts();
    let mut names = Vec::new();
    for rule in alerts.alerts() {
        if names.contains(&rule.alert) {
            continue;
        }
        names.push(rule.alert.clone());
        writeln!(golden, "\n== {}", rule.alert).unwrap();
        let mut seen = BTreeSet::new();
        for text in texts.iter().filter(|text| text.alert == rule.alert) {
            // Of an alert that a test meets at several times, the first text.
            if seen.insert((&text.test, &text.labels)) {
                writeln!(golden, "\n[{}: {}]", text.labels["severity"], text.test).unwrap();
                writeln!(golden, "{}\n{}", text.summary, text.description).unwrap();
            }
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts/tests/texts.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &golden).unwrap();
    }
    let recorded = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        recorded == golden,
        "alerts/tests/texts.txt differs; if that is intended: UPDATE_GOLDEN=1 cargo test --test it rules::texts"
    );
}
