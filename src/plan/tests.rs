//! Tests of the plan: small catalogs made by hand, cases as tables.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::catalog::{
    Basis, BodyKind, Component, Evidence, Expectation, Geo, Method, ProbeUrl, Scheme, Trust,
};
use crate::config::{ComponentConfig, EndpointOverride, Environment, Family};

const MAPS: &str = "https://maps.example/";
const MAPS_IN: &str = "https://in.maps.example/";
const UPDATE: &str = "http://update.example/a";
const CRL: &str = "http://crl.example/a.crl";
const MDE: &str = "https://mde.example/";

fn endpoint(component: Component, url: &str) -> Endpoint {
    let url = ProbeUrl::parse(url).unwrap();
    let https = url.scheme() == Scheme::Https;
    Endpoint {
        component,
        pattern: format!("*.{}", url.host()),
        ports: vec![url.port()],
        method: Method::Get,
        expect: Expectation::OneOf(vec![200]),
        basis: Basis::Document,
        evidence: if https { Vec::new() } else { vec![Evidence::Status] },
        trust: if https { Trust::Microsoft } else { Trust::Plain },
        may_be_inspected: false,
        geo: None,
        serves: None,
        follow_redirects: 1,
        interval: None,
        timeout: None,
        url,
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
        evidence: vec![Evidence::Body(BodyKind::Crl)],
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

/// What the files and variables of [`ROUTES`] hide.
const PASSWORDS: [&str; 2] = ["correct horse", "battery@staple"];

/// Routes of every kind, of which two select components.
const ROUTES: &str = "routes: [{ name: direct }, \
    { name: proxy, proxy: 'http://proxy.example:8080', components: [crl, maps], source_address: 10.0.0.7, \
      username: ann, password_file: pass/proxy.pass, resolver: { family: ipv4 } }, \
    { name: environment, from_environment: true, components: [update] }, \
    { name: script, pac: a.pac, username: ann, password_file: pass/proxy.pass, components: [crl] }]\n";

/// A configuration from YAML: shorter to read than its types.
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
        // An override turns on no region and no group.
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

/// The targets as `URL by route`, in the order of the plan.
fn ways(plan: &Plan) -> Vec<String> {
    let way = |target: &Target| format!("{} by {}", target.endpoint.url, target.route.name);
    plan.targets.iter().map(way).collect()
}

#[test]
fn each_route_probes_the_endpoints_of_its_components() {
    let cases: [(&str, &[&str]); 3] = [
        (
            ROUTES,
            &[
                "https://maps.example/ by direct",
                "https://maps.example/ by proxy",
                "http://update.example/a by direct",
                "http://update.example/a by environment",
                "http://crl.example/a.crl by direct",
                "http://crl.example/a.crl by proxy",
                "http://crl.example/a.crl by script",
            ],
        ),
        // A component that no route is for isn't probed; one that is turned on later is probed by those for all.
        ("routes: [{ name: a, components: [update] }]", &["http://update.example/a by a"]),
        (
            "groups: [mde]\nroutes: [{ name: a, components: [maps] }, { name: b, components: [mde] }]",
            &["https://maps.example/ by a", "https://mde.example/ by b"],
        ),
    ];
    for (yaml, expected) in cases {
        assert_eq!(ways(&planned(yaml)), expected, "{yaml}");
    }
    let plan = planned("routes: [{ name: a, components: [update] }]");
    assert_eq!(plan.components.len(), 1);
    let endpoints: Vec<_> =
        planned(ROUTES).endpoints().into_iter().map(|endpoint| endpoint.url.to_string()).collect();
    assert_eq!(endpoints, [MAPS, UPDATE, CRL]);
}

#[test]
fn routes_are_planned_in_order_with_their_own_settings() {
    let config = config(&format!("{ROUTES}resolver: {{ servers: [10.0.0.53] }}"));
    let plan = plan(&catalog(), &config).unwrap();
    for (n, (route, configured)) in plan.routes.iter().zip(&config.routes).enumerate() {
        assert_eq!((route.index, &route.name, &route.via), (n, &configured.name, &configured.via));
        assert_eq!(route.source_address, configured.source_address);
    }
    let families: Vec<_> =
        plan.routes.iter().map(|route| (route.resolver.family, route.resolver.servers.len())).collect();
    let global = (Family::Any, 1);
    assert_eq!(families, [global, (Family::Ipv4, 0), global, global]);
    assert!(plan.targets.iter().all(|target| Arc::ptr_eq(&target.route, &plan.routes[target.route.index])));
}

#[test]
fn nothing_prints_a_password() {
    let config = config(ROUTES);
    let plan = plan(&catalog(), &config).unwrap();
    let Via::Proxies(proxies) = &config.routes[1].via else { panic!("it has a proxy") };
    assert_eq!(proxies.http.as_ref().unwrap().credentials.as_ref().unwrap().password.reveal(), PASSWORDS[0]);
    let Via::Proxies(proxies) = &plan.routes[2].via else { panic!("it has a proxy") };
    assert_eq!(proxies.http.as_ref().unwrap().credentials.as_ref().unwrap().password.reveal(), PASSWORDS[1]);
    let texts = [format!("{config:?}"), format!("{config:#?}"), format!("{plan:?}"), format!("{plan:#?}")];
    for text in texts {
        assert!(text.contains("(hidden)") && text.contains("bob"), "{text}");
        for password in PASSWORDS {
            let word = password.split(['@', ' ']).next().unwrap();
            assert!(!text.contains(word), "{password} in {text}");
        }
    }
}

#[test]
fn plans_what_goes_with_the_targets() {
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
fn the_most_specific_rhythm_counts() {
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
    let header = Evidence::Header { name: "etag".to_owned(), prefix: String::new() };
    let expected = Endpoint {
        expect: Expectation::OneOf(vec![404]),
        method: Method::Head,
        evidence: vec![header],
        serves: Some("india".to_owned()),
        ..endpoint(Component::Maps, MAPS)
    };
    assert_eq!(planned(yaml).targets[0].endpoint, expected);

    let untouched = planned("endpoints: [{ component: maps, url: 'https://maps.example/' }]");
    assert_eq!(untouched.targets[0].endpoint, catalog().endpoints[0]);
}

#[test]
fn a_new_endpoint_has_modest_expectations() {
    let cases = [
        ("'https://New.example:8443/x'", Expectation::Any, vec![], Trust::Any, 8443),
        (
            "'http://New.example/x', expect: 200",
            Expectation::OneOf(vec![200]),
            vec![Evidence::Status],
            Trust::Plain,
            80,
        ),
        (
            "'http://New.example/x', evidence: [{ body: crl }]",
            Expectation::Any,
            vec![Evidence::Body(BodyKind::Crl)],
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
    }
}

#[test]
fn what_does_not_fit_is_named_with_its_key() {
    let cases = [
        (
            "components: { maps: { interval: 5s }, update: { timeout: 1m 30s } }",
            "f: components.maps.interval: maps: the timeout, 10s (timeout), is not shorter than the interval, 5s (components.maps.interval)\n\
             f: components.update.timeout: update: the timeout, 1m30s (components.update.timeout), is not shorter than the interval, 1m (interval)",
        ),
        (
            "geos: [in]\ncomponents: { maps: { interval: 5s, timeout: 5s } }",
            "f: components.maps.timeout: maps: the timeout, 5s (components.maps.timeout), is not shorter than the interval, 5s (components.maps.interval)",
        ),
        (
            "endpoints: [{ component: crl, url: 'http://crl.example/a.crl', interval: 30s }, \
             { component: maps, url: 'https://maps.example/', timeout: 2m }]",
            "f: endpoints[1].timeout: maps https://maps.example/: the timeout, 2m (endpoints[1].timeout), is not shorter than the interval, 1m (interval)\n\
             f: endpoints[0].interval: crl http://crl.example/a.crl: the timeout, 30s (of the catalog), is not shorter than the interval, 30s (endpoints[0].interval)",
        ),
        (
            "components: { maps: { enabled: false }, update: { enabled: false }, crl: { enabled: false } }",
            "f: nothing is left to probe: every component or endpoint is turned off, or of another region",
        ),
        (
            "endpoints: [{ component: maps, url: 'https://a.example/', serves: packages }, \
             { component: crl, url: 'https://b.example/', serves: x }]",
            "f: endpoints[0].serves: \"packages\" is no need of maps: it needs cloud, india\n\
             f: endpoints[1].serves: \"x\" is no need of crl: it has none",
        ),
        (
            "endpoints: [{ component: crl, url: 'https://maps.example/', enabled: false }]",
            "f: endpoints[0].enabled: false has no effect: the catalog has no https://maps.example/ for crl",
        ),
        (
            "endpoints: [{ component: maps, url: 'http://a.example/' }, \
             { component: maps, url: 'http://b.example/', expect: any }, \
             { component: update, url: 'http://update.example/a', expect: any }, \
             { component: maps, url: 'http://c.example/', evidence: [] }]",
            "f: endpoints[2].expect: http://update.example/a: the status is all that proves its answer, so expect must name one or more statuses\n\
             f: endpoints[0].expect: http://a.example/: the status is all that proves its answer, so expect must name one or more statuses\n\
             f: endpoints[1].expect: http://b.example/: the status is all that proves its answer, so expect must name one or more statuses\n\
             f: endpoints[3].expect: http://c.example/: the status is all that proves its answer, so expect must name one or more statuses",
        ),
        (
            "routes: [{ name: all }, { name: mapper, components: [maps, crl] }, { name: updater, components: [update] }]\n\
             endpoints: [{ component: maps, url: 'https://maps.example/', enabled: false }, \
             { component: crl, url: 'http://crl.example/a.crl', enabled: false }]",
            "f: routes[1].components: nothing is left to probe by mapper: every endpoint of maps, crl is turned off, or of another region",
        ),
        // Nothing at all is one problem, not one for each route.
        (
            "routes: [{ name: a, components: [mde] }, { name: b, components: [mde] }]\ngroups: [mde]\n\
             endpoints: [{ component: mde, url: 'https://mde.example/', enabled: false }]",
            "f: nothing is left to probe: every component or endpoint is turned off, or of another region",
        ),
        (
            "endpoints: [{ component: crl, url: 'http://crl.example/a.crl', method: HEAD }]",
            "f: endpoints[0].method: http://crl.example/a.crl: evidence in a body needs method GET",
        ),
    ];
    for (yaml, expected) in cases {
        let problems = plan_for(&catalog(), &config(yaml), "f").unwrap_err();
        assert_eq!(problems.to_string(), expected, "{yaml}");
    }
}

#[test]
fn too_many_targets_are_refused() {
    let entry = |n: usize| EndpointOverride {
        component: Component::Maps,
        url: ProbeUrl::parse(&format!("https://a.example/{n}")).unwrap(),
        expect: None,
        method: None,
        evidence: None,
        trust: None,
        serves: None,
        enabled: None,
        interval: None,
        timeout: None,
    };
    let own = catalog().endpoints.len() - 2; // without the region and the group that aren't selected
    let mut config = Config { endpoints: (own..MAX_TARGETS).map(entry).collect(), ..Config::default() };
    assert_eq!(plan(&catalog(), &config).map(|plan| plan.targets.len()), Ok(MAX_TARGETS));
    config.endpoints.push(entry(0));
    assert_eq!(plan(&catalog(), &config), Err(vec![PlanError::TooMany { found: MAX_TARGETS + 1 }]));
    config.endpoints.truncate(MAX_TARGETS / 2 - own);
    config.routes.push(RouteConfig { name: "other".to_owned(), ..RouteConfig::direct() });
    assert_eq!(plan(&catalog(), &config).map(|plan| plan.targets.len()), Ok(MAX_TARGETS));
    config.routes.push(RouteConfig { components: vec![Component::Crl], ..RouteConfig::direct() });
    assert_eq!(plan(&catalog(), &config), Err(vec![PlanError::TooMany { found: MAX_TARGETS + 1 }]));
}

#[test]
fn a_component_whose_endpoints_all_have_their_own_rhythm_may_have_none() {
    let mut config = config("endpoints: [{ component: maps, url: 'https://maps.example/', timeout: 1s }]");
    let settings = ComponentConfig { interval: Some(Duration::from_secs(5)), ..ComponentConfig::default() };
    config.components.insert(Component::Maps, settings);
    assert!(plan(&catalog(), &config).is_ok());
}
