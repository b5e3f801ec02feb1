//! Configurations that the plan refuses: each error with its key, and the limit on targets.

use super::*;
use crate::config::EndpointOverride;

#[test]
fn errors_name_their_key() {
    let cases = [
        (
            "components: { maps: { interval: 5s }, update: { timeout: 1m 30s } }",
            "f: components.maps.interval: maps: the timeout, 10s (the default), must be shorter than the interval, 5s (components.maps.interval)\n\
             f: components.update.timeout: update: the timeout, 1m30s (components.update.timeout), must be shorter than the interval, 1m (the default)",
        ),
        (
            "geos: [in]\ncomponents: { maps: { interval: 5s, timeout: 5s } }",
            "f: components.maps.timeout: maps: the timeout, 5s (components.maps.timeout), must be shorter than the interval, 5s (components.maps.interval)",
        ),
        (
            "endpoints: [{ component: crl, url: 'http://crl.example/a.crl', interval: 30s }, \
             { component: maps, url: 'https://maps.example/', timeout: 2m }]",
            "f: endpoints[1].timeout: maps https://maps.example/: the timeout, 2m (endpoints[1].timeout), must be shorter than the interval, 1m (the default)\n\
             f: endpoints[0].interval: crl http://crl.example/a.crl: the timeout, 30s (from the catalog), must be shorter than the interval, 30s (endpoints[0].interval)",
        ),
        (
            "components: { maps: { enabled: false }, update: { enabled: false }, crl: { enabled: false } }",
            "f: nothing left to probe: every component or endpoint is disabled or belongs to another region",
        ),
        (
            "endpoints: [{ component: maps, url: 'https://a.example/', serves: packages }, \
             { component: crl, url: 'https://b.example/', serves: x }]",
            "f: endpoints[0].serves: \"packages\" is not a need of maps: it needs cloud, india\n\
             f: endpoints[1].serves: \"x\" is not a need of crl: it has none",
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
            "f: endpoints[2].expect: http://update.example/a: over plain HTTP only the status proves its answer: set expect to one or more statuses\n\
             f: endpoints[0].expect: http://a.example/: over plain HTTP only the status proves its answer: set expect to one or more statuses\n\
             f: endpoints[1].expect: http://b.example/: over plain HTTP only the status proves its answer: set expect to one or more statuses\n\
             f: endpoints[3].expect: http://c.example/: over plain HTTP only the status proves its answer: set expect to one or more statuses",
        ),
        (
            "routes: [{ name: all }, { name: mapper, components: [maps, crl] }, { name: updater, components: [update] }]\n\
             endpoints: [{ component: maps, url: 'https://maps.example/', enabled: false }, \
             { component: crl, url: 'http://crl.example/a.crl', enabled: false }]",
            "f: routes[1].components: nothing left to probe via mapper: every endpoint of maps, crl is disabled or belongs to another region",
        ),
        // No targets at all is one error, not one per route.
        (
            "routes: [{ name: a, components: [mde] }, { name: b, components: [mde] }]\ngroups: [mde]\n\
             endpoints: [{ component: mde, url: 'https://mde.example/', enabled: false }]",
            "f: nothing left to probe: every component or endpoint is disabled or belongs to another region",
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
    let entry = |n: usize| {
        EndpointOverride::unchanged(
            Component::Maps,
            ProbeUrl::parse(&format!("https://a.example/{n}")).unwrap(),
        )
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
