//! Plans from a small test catalog: selection, overrides, intervals and timeouts. Routes and errors have their
//! own files.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod refusals;
mod routes;

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::catalog::{
    Basis, BodyKind, Captured, Component, Confidence, Expectation, ExpectedEvidence, Geo, Method, ProbeUrl,
    Scheme, Trust, embedded,
};
use crate::config::{ComponentConfig, Environment};

const MAPS: &str = "https://maps.example/";
const MAPS_IN: &str = "https://in.maps.example/";
const UPDATE: &str = "http://update.example/a";
const CRL: &str = "http://crl.example/a.crl";
const MDE: &str = "https://mde.example/";

fn endpoint(component: Component, url: &str) -> Endpoint {
    let url = ProbeUrl::parse(url).unwrap();
    let https = url.scheme() == Scheme::Https;
    Endpoint {
        pattern: format!("*.{}", url.host()),
        expect: Expectation::OneOf(vec![200]),
        basis: Basis::Community,
        confidence: Confidence::C,
        captured: Some(Captured { year: 2019, month: None }),
        evidence: if https { Vec::new() } else { vec![ExpectedEvidence::Status] },
        trust: if https { Trust::Microsoft } else { Trust::Plain },
        follow_redirects: 1,
        ..Endpoint::new(component, url)
    }
}

fn spec(component: Component, optional: bool, needs: &[&str]) -> ComponentSpec {
    let needs = needs.iter().map(|&need| need.to_owned()).collect();
    ComponentSpec { component, optional, purpose: String::new(), needs }
}

fn catalog() -> Catalog {
    let serving = |need: &str, endpoint| Endpoint { serves: Some(need.to_owned()), ..endpoint };
    let indian = Endpoint { geo: Some(Geo::In), ..endpoint(Component::Maps, MAPS_IN) };
    let slow = Endpoint {
        interval: Some(Duration::from_secs(600)),
        timeout: Some(Duration::from_secs(30)),
        evidence: vec![ExpectedEvidence::Body(BodyKind::Crl)],
        ..endpoint(Component::Crl, CRL)
    };
    Catalog {
        components: vec![
            spec(Component::Maps, false, &["cloud", "india"]),
            spec(Component::Update, false, &["packages"]),
            spec(Component::Crl, false, &[]),
            spec(Component::Mde, true, &[]),
        ],
        endpoints: vec![
            serving("cloud", endpoint(Component::Maps, MAPS)),
            serving("india", indian),
            serving("packages", endpoint(Component::Update, UPDATE)),
            slow,
            endpoint(Component::Mde, MDE),
        ],
        issuer_hosts: vec![],
        microsoft_roots: vec![],
        redirect_hosts: vec![HostPattern("*.example".to_owned())],
        block_pages: vec![block_page("catalog's")],
        update_sources: vec![],
        version_feeds: vec![],
        download_test: None,
    }
}

fn block_page(name: &str) -> BlockPage {
    BlockPage {
        name: name.to_owned(),
        header: None,
        header_contains: None,
        body_contains: Some("x".to_owned()),
    }
}

/// A configuration from YAML.
fn config(yaml: &str) -> Config {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config");
    let environment = Environment::new(&[("all_proxy", "socks5://bob:battery%40staple@socks.example")], None);
    crate::config::parse("f", yaml, &folder, &environment).unwrap()
}

fn planned(yaml: &str) -> Plan {
    plan(&catalog(), &config(yaml)).unwrap()
}

fn urls(plan: &Plan) -> Vec<&str> {
    plan.targets.iter().map(|target| target.endpoint.url.as_str()).collect()
}

#[test]
fn selects_the_clouds_of_a_government() {
    let check = |yaml: &str, numbers: &[&str]| {
        let plan = plan(embedded(), &config(yaml)).unwrap();
        let usgov = plan.targets.iter().filter(|target| target.endpoint.component == Component::Usgov);
        let hosts: BTreeSet<_> = usgov.map(|target| target.endpoint.url.host().to_owned()).collect();
        let expected = numbers.iter().flat_map(|number| {
            ["", ".x"].map(|kind| format!("unitedstates{number}{kind}.cp.wd.microsoft.us"))
        });
        assert_eq!(hosts, expected.collect(), "{yaml}");
    };
    check("", &[]);
    check("groups: [usgov]", &["1", "2", "4"]);
    check("groups: [usgov]\nclouds: [gcc_high]", &["1"]);
    check("groups: [usgov]\nclouds: [dod, gcc]", &["2", "4"]);
}

#[test]
fn selects_components_regions_and_endpoints() {
    let cases: [(&str, &[&str]); 10] = [
        ("", &[MAPS, UPDATE, CRL]),
        ("geos: [in]", &[MAPS, MAPS_IN, UPDATE, CRL]),
        ("groups: [mde]", &[MAPS, UPDATE, CRL, MDE]),
        ("groups: [usgov]", &[MAPS, UPDATE, CRL]),
        ("components: { maps: { enabled: false } }", &[UPDATE, CRL]),
        ("groups: [mde]\ncomponents: { mde: { enabled: false } }", &[MAPS, UPDATE, CRL]),
        (
            "endpoints: [{ component: update, url: 'http://update.example:80/a', enabled: false }]",
            &[MAPS, CRL],
        ),
        // An override enables no region or group.
        (
            "endpoints: [{ component: maps, url: 'https://in.maps.example', enabled: true }, \
             { component: mde, url: 'https://new.example/' }]",
            &[MAPS, UPDATE, CRL],
        ),
        // Added endpoints follow those of their component, in their own order.
        (
            "endpoints: [{ component: maps, url: 'https://z.example/' }, { component: maps, url: 'https://b.example/' }]",
            &[MAPS, "https://z.example/", "https://b.example/", UPDATE, CRL],
        ),
        // The same URL under another component is another endpoint.
        ("endpoints: [{ component: update, url: 'https://maps.example/' }]", &[MAPS, UPDATE, MAPS, CRL]),
    ];
    for (yaml, expected) in cases {
        assert_eq!(urls(&planned(yaml)), expected, "{yaml}");
    }
}

#[test]
fn plans_components_and_hosts_of_the_targets() {
    let mut config = config("components: { crl: { interval: 5m } }");
    config.block_pages = vec![block_page("ours")];
    let plan = plan(&catalog(), &config).unwrap();
    assert_eq!(plan.routes, [Route::direct()]);
    assert_eq!(plan.redirect_hosts, catalog().redirect_hosts);
    assert_eq!(plan.block_pages, [block_page("ours"), block_page("catalog's")]);
    let components: Vec<_> = plan
        .components
        .iter()
        .map(|component| {
            (component.spec.component, component.spec.needs.as_slice(), component.interval.as_secs())
        })
        .collect();
    let (cloud, packages) = (["cloud".to_owned()], ["packages".to_owned()]);
    assert_eq!(
        components,
        [
            (Component::Maps, cloud.as_slice(), 60),
            (Component::Update, packages.as_slice(), 60),
            (Component::Crl, [].as_slice(), 300)
        ]
    );
    assert_eq!(plan.target(TargetId(1)).endpoint.url.as_str(), UPDATE);
}

#[test]
fn the_most_specific_interval_and_timeout_count() {
    let own = "endpoints: [{ component: crl, url: 'http://crl.example/a.crl', interval: 7s, timeout: 6s }]";
    let own_timeout = "endpoints: [{ component: crl, url: 'http://crl.example/a.crl', timeout: 6s }]";
    let component =
        "components: { crl: { interval: 20s, timeout: 2s }, update: { interval: 20s, timeout: 2s } }";
    let cases = [
        ("", UPDATE, 60, 10),
        ("interval: 90s\ntimeout: 5s", UPDATE, 90, 5),
        (component, UPDATE, 20, 2),
        (component, MAPS, 60, 10),
        ("", CRL, 600, 30),
        (component, CRL, 600, 30),
        (own, CRL, 7, 6),
        (own_timeout, CRL, 600, 6),
    ];
    for (yaml, url, interval, timeout) in cases {
        let plan = planned(yaml);
        let target = plan.targets.iter().find(|target| target.endpoint.url.as_str() == url).unwrap();
        assert_eq!(
            (target.interval.as_secs(), target.timeout.as_secs()),
            (interval, timeout),
            "{yaml} {url}"
        );
    }
}

#[test]
fn an_override_replaces_what_it_sets() {
    let yaml = "endpoints: [{ component: maps, url: 'https://maps.example', expect: [404], method: HEAD, \
                evidence: [{ header: { name: etag } }], serves: india }]";
    let header = ExpectedEvidence::Header { name: "etag".to_owned(), prefix: String::new() };
    let expected = Endpoint {
        expect: Expectation::OneOf(vec![404]),
        confidence: Confidence::A,
        captured: None,
        method: Method::Head,
        evidence: vec![header],
        serves: Some("india".to_owned()),
        ..endpoint(Component::Maps, MAPS)
    };
    assert_eq!(planned(yaml).targets[0].endpoint, expected);

    // The user's expectation is firm; the catalog's wasn't.
    assert!(expected.expects_firmly() && !endpoint(Component::Maps, MAPS).expects_firmly());

    let untouched = planned("endpoints: [{ component: maps, url: 'https://maps.example/' }]");
    assert_eq!(untouched.targets[0].endpoint, catalog().endpoints[0]);
}

#[test]
fn a_head_request_has_no_range() {
    let mut catalog = catalog();
    catalog.endpoints[0].range = true;
    let range = |more: &str| {
        let config = config(&format!("endpoints: [{{ component: maps, url: '{MAPS}', {more} }}]"));
        plan(&catalog, &config).unwrap().targets[0].endpoint.range
    };
    assert!(range("expect: 206") && range("method: GET") && !range("method: HEAD"));
}

#[test]
fn a_new_endpoint_has_default_expectations() {
    let cases = [
        ("'https://New.example:8443/x'", Expectation::Any, vec![], Trust::Any, 8443),
        (
            "'http://New.example/x', expect: 200",
            Expectation::OneOf(vec![200]),
            vec![ExpectedEvidence::Status],
            Trust::Plain,
            80,
        ),
        (
            "'http://New.example/x', evidence: [{ body: crl }]",
            Expectation::Any,
            vec![ExpectedEvidence::Body(BodyKind::Crl)],
            Trust::Plain,
            80,
        ),
    ];
    for (entry, expect, evidence, trust, port) in cases {
        let plan = planned(&format!("endpoints: [{{ component: crl, url: {entry} }}]"));
        let found = &plan.targets[3].endpoint;
        assert_eq!((&found.expect, &found.evidence, found.trust), (&expect, &evidence, trust));
        assert_eq!((found.pattern.as_str(), found.ports.as_slice()), ("new.example", [port].as_slice()));
        assert_eq!((found.basis, found.geo, found.follow_redirects), (Basis::Inferred, None, 0));
        let by_the_user = entry.contains("expect") || entry.contains("evidence");
        assert_eq!((found.expects_firmly(), found.captured), (by_the_user, None), "{entry}");
    }
}

#[test]
fn component_interval_may_be_unused() {
    let mut config = config("endpoints: [{ component: maps, url: 'https://maps.example/', timeout: 1s }]");
    let settings = ComponentConfig { interval: Some(Duration::from_secs(5)), ..ComponentConfig::default() };
    config.components.insert(Component::Maps, settings);
    assert!(plan(&catalog(), &config).is_ok());
}
