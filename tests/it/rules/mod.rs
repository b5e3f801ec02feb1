//! Consistency of the alerts folder with the exporter and within itself: names, labels, values, severities,
//! runbook, tests of both outcomes. promtool tests the rules (`.ci/alerts`).

pub mod files;
#[cfg(target_os = "linux")] // promtool is Debian's
mod many_sites;
#[cfg(target_os = "linux")]
pub mod simulated_fleet;
pub mod texts;
#[cfg(target_os = "linux")]
mod twins;
pub mod vocabulary;

use std::collections::BTreeSet;

use defender_exporter::advice::parse_code;
use defender_exporter::metrics::Metric;

use crate::promql::read;
use files::{Alerts, alertmanager_names, inhibition_names, runbook};
use vocabulary::{LATER, complaints, is_label, values};

/// The alerts that the design names.
const DESIGNED: &[&str] = &[
    "DefenderMapsConnectionLost",
    "DefenderMapsRevocationBlocked",
    "DefenderMapsDegraded",
    "DefenderTlsIntercepted",
    "DefenderProxyAuthenticationRequired",
    "DefenderUpdateSourceUnavailable",
    "DefenderStaleSignatureRisk",
    "DefenderSignaturesStale",
    "DefenderPublishedFeedStale",
    "DefenderSampleSubmissionBlocked",
    "DefenderDiagnosticsBlocked",
    "DefenderCertificateExpiringSoon",
    "DefenderCrlExpiring",
    "DefenderLatencyHigh",
    "DefenderProbesStalled",
    "DefenderExporterDown",
    "DefenderConfigReloadFailed",
];

/// Those beside them, and why they are there.
const ADDED: &[(&str, &str)] = &[
    ("DefenderRouteLost", "a lost site sends one page: it silences what each component would say"),
    ("DefenderMapsFlapping", "losses that are each too short for a page"),
    ("DefenderSplitClientHelloBlocked", "a filter that breaks larger ClientHellos before clients send them"),
    ("DefenderHostMapsValidationFailed", "Defender's own word on a Windows host"),
    (
        "DefenderCloudProtectionDisabled",
        "a machine that doesn't ask the cloud has no use for a sound network",
    ),
    ("DefenderRealTimeProtectionDisabled", "what a monitor of Defender is expected to see first"),
    ("DefenderHostUnhealthy", "mdatp's own word on a Linux host"),
    (
        "DefenderHostUpdatesFailing",
        "updates that fail days before signatures are stale, with the network sound",
    ),
    ("DefenderHostUnreadable", "facts of the host that are missing or old"),
    ("DefenderHostValidationDenied", "says that DefenderHostMapsValidationFailed can't fire"),
    ("DefenderHostNotActive", "says which alerts about the host can't fire"),
    ("DefenderCrlFetchFailing", "the early sign of blocked revocation, while kept lists still hold"),
    ("DefenderEndpointsFailing", "endpoints of the components that have no alert of their own for it"),
    ("DefenderExporterAbsent", "an exporter that nobody scrapes, or something else in its place"),
    ("DefenderWebConfigFault", "the exporter's own certificate and users, which no other metric sees"),
    (
        "DefenderProbeTargetsDown",
        "of the mode with one target a scrape: the exporter is down or refuses targets",
    ),
    ("DefenderProbeTargetFailing", "of that mode: an endpoint is bad"),
    ("DefenderResultsMissing", "a component whose series are missing or old"),
    ("DefenderSiteSilent", "an agent that is down sends nothing that another rule could see"),
    ("DefenderManySitesFailing", "one ticket for a fault that many sites have, in place of one for each"),
    ("DefenderMapsLostAtManySites", "one page for a loss that many sites have, in place of one for each"),
];

fn assert_none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn names_labels_and_values_are_those_of_the_table() {
    let alerts = Alerts::load();
    let recorded = alerts.recorded();
    let found = alerts.queries().into_iter().chain(runbook().queries);
    let found = found.flat_map(|(place, query)| {
        let found = complaints(&read(&query), &recorded);
        found.into_iter().map(|complaint| format!("{place}: {complaint}: {query}")).collect::<Vec<_>>()
    });
    assert_none(&found.collect::<Vec<_>>());
}

#[test]
fn the_name_check_detects_errors() {
    let recorded = BTreeSet::from(["route:a:b".to_owned()]);
    let check = |query: &str, expected: &[&str]| {
        let found = complaints(&read(query), &recorded);
        assert_eq!(found, expected, "{query}");
    };
    check("route:a:b{route=\"x\"} and up{job=~\".*\"} == 0", &[]);
    check(
        "defender_probe_latency_seconds_bucket{le=\"1\"} - defender_probe_latency_seconds{phase=\"tls\"}",
        &[],
    );
    check("defender_maps_conected", &["there is no metric defender_maps_conected"]);
    check("route:a:c", &["there is no metric route:a:c"]);
    check("defender_probe_success_sum", &["there is no metric defender_probe_success_sum"]);
    check(
        "defender_crl_fetch_success{endpoint=\"x\"}",
        &["defender_crl_fetch_success has no label endpoint"],
    );
    check(
        "defender_probe_success{component!~\"maps|updates\"}",
        &["defender_probe_success: component is never \"updates\""],
    );
    check(
        "defender_probe_failure_reason{reason=\"pending\"}",
        &["defender_probe_failure_reason: reason is never \"pending\""],
    );
    check("sum by (endpoints) (up)", &["no metric has a label endpoints"]);
}

#[test]
fn what_is_still_to_come_is_used_and_not_there_yet() {
    let alerts = Alerts::load();
    let queries: Vec<String> =
        alerts.queries().into_iter().chain(runbook().queries).map(|(_, query)| query).collect();
    for (name, _, work) in LATER {
        let arrived = Metric::ALL.iter().any(|metric| metric.spec().name == *name);
        assert!(!arrived, "{name} has come ({work}): take it off the list in vocabulary.rs");
        assert!(queries.iter().any(|query| query.contains(name)), "{name} is on the list and used nowhere");
    }
}

#[test]
fn every_alert_is_designed_or_has_a_reason() {
    let known: BTreeSet<&str> = DESIGNED.iter().copied().chain(ADDED.iter().map(|(name, _)| *name)).collect();
    let alerts = Alerts::load();
    let names: BTreeSet<&str> = alerts.alerts().map(|rule| rule.alert.as_str()).collect();
    assert_eq!(names, known);
    assert!(names.iter().all(|name| name.starts_with("Defender")));
}

#[test]
fn each_alert_says_what_how_bad_and_where_to_read_on() {
    let sections = runbook().sections;
    for rule in Alerts::load().alerts() {
        let name = &rule.alert;
        let severity = rule.labels.get("severity").unwrap_or_else(|| panic!("{name} has no severity"));
        assert!(values("severity").unwrap().contains(&severity.as_str()), "{name}: {severity}");
        assert!(!rule.hold.is_empty(), "{name} has no `for`");
        let text = |key: &str| rule.annotations.get(key).unwrap_or_else(|| panic!("{name} has no {key}"));
        assert_eq!(rule.annotations.len(), 3, "{name}");
        assert!(!text("summary").is_empty());
        assert!(text("description").contains("What to change: "), "{name} doesn't say what to change");
        assert!(text("description").contains("\nWhy: "), "{name} doesn't say why");
        assert_eq!(*text("runbook_url"), format!("alerts/RUNBOOK.md#{}", name.to_ascii_lowercase()));
        assert!(sections.contains_key(name), "the runbook has no section {name}");
    }
}

#[test]
fn the_runbook_has_a_section_for_each_alert() {
    let alerts = Alerts::load();
    for (name, text) in runbook().sections {
        assert!(alerts.alerts().any(|rule| rule.alert == name), "{name} is no alert");
        let mut at = 0;
        for part in [
            "**Meaning.** ",
            "**Impact.** ",
            "**First action.** ",
            "**Diagnosis.**",
            "**Causes**, most likely first:",
            "**Remedy.** ",
        ] {
            let found =
                text[at..].find(part).unwrap_or_else(|| panic!("{name}: {part} is missing or misplaced"));
            at += found + part.len();
        }
    }
}

#[test]
fn words_of_the_templates_are_known() {
    for rule in Alerts::load().alerts() {
        for text in rule.annotations.values() {
            let labels = text.split("abels.").skip(1).map(files::word);
            let unknown: Vec<_> =
                labels.filter(|label| !is_label(label) && !PLACE.contains(&label.as_str())).collect();
            assert!(unknown.is_empty(), "{}: {unknown:?}", rule.alert);
            for (label, value) in files::comparisons(text) {
                let known = values(&label).unwrap_or_else(|| panic!("{}: {label} is open", rule.alert));
                assert!(known.contains(&value.as_str()), "{}: {label} is never {value}", rule.alert);
            }
        }
    }
}

#[test]
fn what_is_to_be_explained_can_be() {
    let alerts = Alerts::load();
    let annotations = alerts.alerts().flat_map(|rule| rule.annotations.values().cloned());
    let texts = annotations.chain(runbook().sections.into_values());
    let codes: Vec<String> = texts.flat_map(|text| files::explained(&text)).collect();
    assert!(codes.len() > 10, "the texts are not where they were");
    for code in codes {
        assert!(parse_code(&code).is_ok(), "explain {code}");
    }
}

#[test]
fn every_alert_is_tested_both_ways() {
    let alerts = Alerts::load();
    let tried = alerts.tried();
    for rule in alerts.alerts() {
        let outcomes = |fires: bool| tried.contains(&(rule.alert.clone(), fires));
        assert!(outcomes(true), "no test sees {} fire", rule.alert);
        assert!(outcomes(false), "no test sees {} keep silent", rule.alert);
    }
    let unknown: Vec<_> =
        tried.iter().filter(|(name, _)| alerts.alerts().all(|rule| rule.alert != *name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn recording_rules_are_named_tested_and_used() {
    let alerts = Alerts::load();
    let used = alerts.queries().into_iter().chain(runbook().queries);
    let used: Vec<_> = used.filter(|(place, _)| place != "tests").collect();
    let tested = alerts.tested_expressions();
    for name in alerts.recorded() {
        let parts: Vec<&str> = name.split(':').collect();
        let [level, metric, operation] = parts[..] else { panic!("{name} is not level:metric:operation") };
        assert!(
            complaints(&read(metric), &BTreeSet::new()).is_empty(),
            "{name}: there is no metric {metric}"
        );
        assert!(!level.is_empty() && !operation.is_empty(), "{name}");
        let names = |query: &String| read(query).selectors.iter().any(|selector| selector.metric == name);
        assert!(
            used.iter().any(|(_, query)| names(query)),
            "{name} is used by no rule, no text and no query"
        );
        assert!(tested.iter().any(names), "{name} is tested nowhere");
    }
}

#[test]
fn inhibition_and_its_cases_name_alerts() {
    let alerts = Alerts::load();
    let known: BTreeSet<&str> = alerts.alerts().map(|rule| rule.alert.as_str()).collect();
    for name in alertmanager_names().into_iter().chain(inhibition_names()) {
        assert!(known.contains(name.as_str()), "{name} is no alert");
    }
}

/// Labels that tell apart exporters with the same job and instance.
const PLACE: &[&str] = &["cluster", "namespace", "site", "segment"];

/// Alerts about targets that have never answered.
const BY_JOB: &[&str] = &["DefenderExporterDown", "DefenderProbeTargetsDown"];

/// Alerts about sites, which the labels `site` and `cluster` name; recording rules of the level `all` count them.
const OF_SITES: &[&str] = &["DefenderSiteSilent", "DefenderManySitesFailing", "DefenderMapsLostAtManySites"];

/// Without its own labels, a text lists other exporters' failures, and costs more with each exporter.
#[test]
fn texts_query_only_the_exporter_of_the_alert() {
    let alerts = Alerts::load();
    for rule in alerts.alerts().filter(|rule| !OF_SITES.contains(&rule.alert.as_str())) {
        for query in rule.annotations.values().flat_map(|text| files::template_queries(text)) {
            for selector in read(&query).selectors {
                let own = selector.matchers.iter().any(|matcher| matcher.value == "%s");
                assert!(own || selector.metric.starts_with("all:"), "{}: {query}", rule.alert);
            }
        }
    }
}

/// Users add labels such as `cluster`: a join by job and instance mixes the exporters that they tell apart.
#[test]
fn no_rule_matches_or_aggregates_by_job_or_instance() {
    let alerts = Alerts::load();
    let of_sites = |place: &str| place.starts_with("all:") || OF_SITES.contains(&place);
    for (place, query) in alerts.queries().iter().filter(|(place, _)| place != "tests" && !of_sites(place)) {
        // A target that has never answered is known by its job alone.
        let named = |label: &str| match label {
            "job" | "instance" => !BY_JOB.contains(&place.as_str()),
            _ => PLACE.contains(&label),
        };
        let own = read(query).labels.into_iter().find(|label| named(label));
        assert_eq!(own, None, "{place}: {query}");
    }
}

#[test]
fn inhibition_and_grouping_tell_places_apart() {
    let lists = files::alertmanager_label_lists();
    assert_eq!(lists.len(), 1 + 9, "{lists:?}");
    for labels in lists {
        assert!(["job", "instance"].iter().chain(PLACE).all(|label| labels.contains(*label)), "{labels:?}");
    }
}

/// The page and `check` judge by the thresholds of the alerts, so that they agree with the pager.
#[test]
fn the_program_has_the_thresholds_of_the_alerts() {
    use defender_exporter::alert_thresholds::{
        CERTIFICATE_EXPIRES_SOON, FEED_BEHIND, FEED_OLD, STALE_SIGNATURES_CRITICAL, STALE_SIGNATURES_WARNING,
    };
    let alerts = Alerts::load();
    for (rule, operator, threshold) in [
        ("DefenderStaleSignatureRisk", "<", STALE_SIGNATURES_WARNING),
        ("DefenderStaleSignatureRisk", "<", STALE_SIGNATURES_CRITICAL),
        ("endpoint:defender_tls_chain_not_after_timestamp_seconds:expiring", "<", CERTIFICATE_EXPIRES_SOON),
        ("DefenderPublishedFeedStale", ">", FEED_OLD),
        ("DefenderPublishedFeedStale", "+", FEED_BEHIND),
    ] {
        let days = threshold.as_secs() / 86400;
        let limit =
            if days == 1 { format!("{operator} 86400") } else { format!("{operator} {days} * 86400") };
        let found = alerts.expressions_of(rule).iter().any(|expr| expr.contains(&limit));
        assert!(found, "{rule}: no {limit:?}");
    }
}
