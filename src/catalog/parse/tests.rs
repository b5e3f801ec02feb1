//! Tests of the embedded catalog against the source document, and of the parser with malformed catalogs.

use std::collections::BTreeMap;

use super::*;
use crate::catalog::UpdateSource;

const DOCUMENT: &str = include_str!("../../../tests/data/source-document-patterns.tsv");

/// A firewall that lets the listed names through must let the probe through.
#[test]
fn the_names_to_allow_cover_the_probed_host() {
    for endpoint in embedded().endpoints.iter().filter(|endpoint| !endpoint.component.is_control()) {
        let host = endpoint.url.host();
        let names = endpoint.names_to_allow();
        let covers = |name: &&str| HostPattern((*name).to_owned()).matches(host);
        assert!(names.iter().any(covers), "{} is not covered by {names:?}", endpoint.url);
    }
}

/// The ports of each component and pattern in the source document.
fn documented() -> BTreeMap<(String, String), Vec<u16>> {
    let rows = DOCUMENT.lines().filter(|line| !line.starts_with('#'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('\t').collect();
        let ports = cells[1].split(',').map(|port| port.parse::<u16>().unwrap()).collect();
        ((cells[0].to_owned(), cells[2].to_owned()), ports)
    })
    .collect()
}

#[test]
fn the_embedded_catalog_is_good() {
    let catalog = parse(include_str!("../endpoints.yaml")).unwrap();
    let of_microsoft = Component::ALL.iter().filter(|component| !component.is_on_premises());
    assert_eq!(catalog.components.len(), of_microsoft.count());
}

#[test]
fn catalog_patterns_match_the_source_document() {
    let documented = documented();
    assert_eq!(documented.keys().filter(|(component, _)| component == "submission").count(), 20);
    let extra = [Geo::Au, Geo::Ch, Geo::In];
    let catalog = embedded();
    let optional = |component| catalog.components.iter().any(|c| c.component == component && c.optional);
    let mut found = BTreeMap::new();
    let listed = |e: &&Endpoint| !optional(e.component) && !e.component.is_control();
    for endpoint in catalog.endpoints.iter().filter(listed) {
        if !endpoint.geo.is_some_and(|geo| extra.contains(&geo)) {
            found.insert((endpoint.component.to_string(), endpoint.pattern.clone()), endpoint.ports.clone());
        }
    }
    let patterns: Vec<_> = documented.keys().collect();
    assert_eq!(found.keys().collect::<Vec<_>>(), patterns);
    for (key, ports) in &documented {
        assert!(
            ports.iter().all(|port| found[key].contains(port)),
            "{key:?}: {ports:?} but {:?}",
            found[key]
        );
    }
}

#[test]
fn the_readme_says_in_numbers_how_sure_the_catalog_is() {
    let defender = || embedded().endpoints.iter().filter(|e| !e.component.is_control());
    let of = |confidence| defender().filter(|e| e.confidence == confidence).count();
    let [a, b, c, d] = [Confidence::A, Confidence::B, Confidence::C, Confidence::D].map(of);
    let documented = defender().filter(|e| e.basis == Basis::Document).count();
    let all = defender().count();
    let numbers = format!(
        "Of the catalog's {all} expected answers {a} rest on two captures or tools since 2023 (confidence A), {b} on one (B), \
         {c} on older captures (C) and {d} on none (D: inferred). A document of Microsoft confirms {documented} of the {all}.",
    );
    let readme = include_str!("../../../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(readme.contains(&numbers), "README.md, Limits: {numbers}");
}

#[test]
fn no_tool_is_said_to_test_what_none_tests() {
    for endpoint in &embedded().endpoints {
        let sure = endpoint.confidence <= Confidence::B;
        assert!(endpoint.basis != Basis::Tool || sure, "{}: which tool?", endpoint.url);
        assert_eq!(endpoint.captured.is_some(), sure_of_date(endpoint), "{}", endpoint.url);
    }
}

/// Whether the date of the last capture is known: for every captured endpoint except a CRL that only certificates name.
fn sure_of_date(endpoint: &Endpoint) -> bool {
    endpoint.confidence != Confidence::D && endpoint.url.host() != "crl4.digicert.com"
}

/// A wrongly guessed status could make a need look unserved. Each need therefore has an endpoint whose answer is proven by its
/// chain or signature.
#[test]
fn no_need_hangs_on_a_status_that_nobody_captured() {
    for spec in &embedded().components {
        for need in &spec.needs {
            let serving: Vec<_> = embedded()
                .endpoints
                .iter()
                .filter(|e| e.component == spec.component && e.serves.as_ref() == Some(need))
                .collect();
            let proves_itself =
                |e: &&Endpoint| matches!(e.trust, Trust::Microsoft | Trust::Public | Trust::SignedObject);
            assert!(serving.iter().any(proves_itself), "{} {need}", spec.component);
            let imitable = |e: &&Endpoint| e.trust == Trust::Plain;
            assert!(
                !serving.iter().any(imitable),
                "{} {need}: any filter's status serves it",
                spec.component
            );
        }
    }
}

#[test]
fn what_is_unconfirmed_is_not_shipped() {
    for endpoint in &embedded().endpoints {
        let host = endpoint.url.host();
        assert!(!host.starts_with("asia.cp.wd") && !host.starts_with("eastus.cp.wd"), "{host}");
    }
}

/// A catalog with one component that has this probe.
fn with(probe: &str) -> String {
    let component =
        "{ component: maps, purpose: p, needs: [], services: [{ pattern: a.example, ports: [443], probes: [";
    format!(
        "redirect_hosts: []\nissuer_hosts: []\nmicrosoft_roots: []\nblock_pages: []\ncomponents:\n  - {component}{probe}] }}] }}\n"
    )
}

fn check(probe: &str, expected: &str) {
    let error = parse(&with(probe)).expect_err(probe).to_string();
    assert!(error.contains(expected), "{probe}: {error}");
}

#[test]
fn wrong_catalogs_say_what_is_wrong() {
    let good = "{ url: 'https://a.example/', expect: 200, basis: tool, confidence: B, trust: public }";
    parse(&with(good)).unwrap();
    check(&format!("{good}, {good}"), "maps: https://a.example/: is listed twice");
    check("{ url: 'a.example', expect: 200, basis: tool, confidence: B, trust: public }", "not a URL");
    check(
        "{ url: 'ftp://a.example/', expect: 200, basis: tool, confidence: B, trust: public }",
        "scheme \"ftp\"",
    );
    check(
        "{ url: 'https://u:p@a.example/', expect: 200, basis: tool, confidence: B, trust: public }",
        "user name or password",
    );
    check(
        "{ url: 'https://a.example/', expect: [], basis: tool, confidence: B, trust: public }",
        "at least one",
    );
    check(
        "{ url: 'https://a.example/', expect: 700, basis: tool, confidence: B, trust: public }",
        "100 to 599",
    );
    check("{ url: 'https://a.example/', expect: many, basis: tool, confidence: B, trust: public }", "any");
    check(
        "{ url: 'https://a.example/', expect: 200, basis: tool, confidence: B, trust: plain }",
        "trust plain does not fit",
    );
    check(
        "{ url: 'http://a.example/', expect: 200, basis: tool, confidence: B, trust: plain }",
        "plain HTTP needs evidence",
    );
    check(
        "{ url: 'https://{}.example/', expect: 200, basis: tool, confidence: B, trust: public }",
        "placeholder",
    );
    check(
        "{ url: 'https://a.example/', expect: 200, basis: tool, confidence: B, trust: public, serves: x }",
        "\"x\"",
    );
    check(
        "{ url: 'https://a.example/', expect: 200, basis: tool, confidence: B, trust: public, colour: red }",
        "colour",
    );
    for wrong in [
        "{ url: 'http://a.example/', expect: 206, basis: tool, confidence: B, trust: plain, evidence: [status], range: true }",
        "{ url: 'https://a.example/', method: HEAD, expect: 206, basis: tool, confidence: B, trust: public, range: true }",
    ] {
        check(wrong, "range is only for GET over https");
    }
    check(
        "{ url: 'https://a.example/', expect: 200, basis: tool, confidence: D, captured: '2026-08', trust: public }",
        "confidence D",
    );
    check(
        "{ url: 'https://a.example/', expect: 200, basis: tool, confidence: B, captured: '2026-13', trust: public }",
        "write a year or a month, such as 2026 or 2026-08",
    );
    check("{ url: 'https://a.example/', expect: 200, basis: tool, confidence: E, trust: public }", "E");
    check("{ url: 'https://a.example/', expect: 200, basis: tool, trust: public }", "confidence");
    check(
        "{ url: 'https://a.example/', expect: 200, basis: tool, confidence: B, trust: public, evidence: [{ header: { name: X-Y } }] }",
        "lower case",
    );
}

#[test]
fn confidence_and_capture_date_are_parsed() {
    let probe = |words: &str| {
        parse(&with(&format!("{{ url: 'https://a.example/', expect: 206, trust: public, {words} }}")))
            .unwrap()
            .endpoints
            .remove(0)
    };
    let captured = probe("basis: tool, confidence: B, captured: 2026-08, range: true");
    assert_eq!(captured.captured, Some(Captured { year: 2026, month: Some(8) }));
    assert!(captured.range && !captured.expects_firmly());
    let old = probe("basis: community, confidence: C, captured: 2019");
    assert_eq!(old.captured, Some(Captured { year: 2019, month: None }));
    assert!(!old.range && !old.expects_firmly());
    assert!(probe("basis: community, confidence: A").expects_firmly());
    assert!(probe("basis: document, confidence: B").expects_firmly());
}

#[test]
fn services_lead_to_probes_and_components_stand_once() {
    let of = |service: &str| {
        let component = format!("{{ component: maps, purpose: p, needs: [], services: [{service}] }}");
        format!(
            "redirect_hosts: []\nissuer_hosts: []\nmicrosoft_roots: []\nblock_pages: []\ncomponents:\n  - {component}\n"
        )
    };
    let probe = "{ url: 'https://a.example/', expect: 200, basis: tool, confidence: B, trust: public }";
    let good = format!("{{ pattern: a.example, ports: [443], probes: [{probe}] }}");
    parse(&of(&good)).unwrap();
    for bad in [
        format!("{{ pattern: a.example, ports: [], probes: [{probe}] }}"),
        format!("{{ pattern: a.example, ports: [0], probes: [{probe}] }}"),
        "{ pattern: a.example, ports: [443], probes: [] }".to_owned(),
        format!("{{ pattern: a.example, ports: [443], each: {{ us: [] }}, probes: [{probe}] }}"),
    ] {
        let error = parse(&of(&bad)).expect_err(&bad).to_string();
        assert!(error.contains("maps: a.example: a service has"), "{bad}: {error}");
    }
    let twice = of(&good);
    let component = twice.lines().last().unwrap();
    let error = parse(&format!("{twice}{component}\n")).unwrap_err().to_string();
    assert!(error.contains("maps is described twice"), "{error}");
}

#[test]
fn update_sources_and_feeds_are_held_to_the_components() {
    let of = |more: &str| {
        let probe = "{ url: 'https://a.example/', expect: 200, basis: tool, confidence: B, trust: public, serves: x }";
        parse(&format!("{}{more}\n", with(probe).replace("needs: []", "needs: [x]")))
    };
    of("update_sources: [{ source: adl, component: maps, needs: [x] }]").unwrap();
    of("version_feeds: [{ url: 'https://a.example/', basis: tool }]").unwrap();
    for (bad, expected) in [
        ("update_sources: [{ source: adl, component: adl, needs: [x] }]", "adl: adl is not described"),
        ("update_sources: [{ source: adl, component: maps, needs: [y] }]", "\"y\" is not a need of maps"),
        ("update_sources: [{ source: adl, component: maps, needs: [] }]", "at least one need"),
        ("update_sources: [{ source: wsus, component: maps, needs: [x] }]", "wsus"),
        (
            "update_sources: [{ source: adl, component: maps, needs: [x], shared: [{ need: y, component: crl }] }]",
            "\"y\" is shared, but not a need of the source",
        ),
        (
            "update_sources: [{ source: adl, component: maps, needs: [x], shared: [{ need: x, component: crl }] }]",
            "\"x\" can't be shared with crl",
        ),
        (
            "update_sources: [{ source: adl, component: maps, needs: [x], shared: [{ need: x, component: maps }] }]",
            "\"x\" can't be shared with maps",
        ),
        ("version_feeds: [{ url: 'a.example', basis: tool }]", "version feed \"a.example\": not a URL"),
        ("version_feeds: [{ url: 'https://a.example/' }]", "basis"),
    ] {
        let error = of(bad).expect_err(bad).to_string();
        assert!(error.contains(expected), "{bad}: {error}");
    }
    let source = "{ source: adl, component: maps, needs: [x] }";
    let error = of(&format!("update_sources: [{source}, {source}]")).unwrap_err().to_string();
    assert!(error.contains("adl: is listed twice"), "{error}");
}

#[test]
fn update_sources_and_version_feeds_are_complete() {
    let sources: Vec<_> = embedded().update_sources.iter().map(|spec| spec.source).collect();
    assert_eq!(sources, [UpdateSource::MicrosoftUpdate, UpdateSource::Adl]);
    assert_eq!(embedded().version_feeds.len(), 2);
}

#[test]
fn samples_may_not_be_excluded_from_inspection() {
    let submission = embedded().components.iter().find(|c| c.component == Component::Submission).unwrap();
    assert!(submission.purpose.contains("Do not exclude *.blob.core.windows.net from network inspection"));
}

#[test]
fn host_patterns_match_whole_labels() {
    let cases = [
        ("*.microsoft.com", "www.microsoft.com", true),
        ("*.microsoft.com", "microsoft.com", true),
        ("*.microsoft.com", "WWW.Microsoft.com.", true),
        ("*.microsoft.com", "notmicrosoft.com", false),
        ("*.microsoft.com", "microsoft.com.evil.example", false),
        ("go.microsoft.com", "go.microsoft.com", true),
        ("go.microsoft.com", "www.go.microsoft.com", false),
        ("*.é.com", "aé.com", false),
    ];
    for (pattern, host, expected) in cases {
        assert_eq!(HostPattern(pattern.to_owned()).matches(host), expected, "{pattern} {host}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,400}") {
        let _ = parse(&text);
        let _ = parse(&with(&text));
    }
}
