//! The targets and settings of each route, and that passwords are never printed.

use super::*;

/// The secrets in the files and variables of [`ROUTES`].
const PASSWORDS: [&str; 2] = ["correct horse", "battery@staple"];

/// Routes of every kind; two of them select components.
const ROUTES: &str = "routes: [{ name: direct }, \
    { name: proxy, proxy: 'http://proxy.example:8080', components: [crl, maps], source_address: 10.0.0.7, \
      username: ann, password_file: pass/proxy.pass, resolver: { family: ipv4 } }, \
    { name: environment, from_environment: true, components: [update], source_address: 10.0.0.8 }, \
    { name: script, pac: a.pac, username: ann, password_file: pass/proxy.pass, components: [crl] }]\n";

/// The targets as `URL by route`, in the plan's order.
fn targets(plan: &Plan) -> Vec<String> {
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
        // A component without a route isn't probed. One that is enabled later is probed over the routes for all
        // components.
        ("routes: [{ name: a, components: [update] }]", &["http://update.example/a by a"]),
        (
            "groups: [mde]\nroutes: [{ name: a, components: [maps] }, { name: b, components: [mde] }]",
            &["https://maps.example/ by a", "https://mde.example/ by b"],
        ),
    ];
    for (yaml, expected) in cases {
        assert_eq!(targets(&planned(yaml)), expected, "{yaml}");
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
    let of_its_source = (Family::Ipv4, 1);
    assert_eq!(families, [global, (Family::Ipv4, 0), of_its_source, global]);
    assert!(plan.targets.iter().all(|target| Arc::ptr_eq(&target.route, &plan.routes[target.route.index])));
}

#[test]
fn nothing_prints_a_password() {
    let config = config(ROUTES);
    let plan = plan(&catalog(), &config).unwrap();
    let RouteProxy::Proxies(proxies) = &config.routes[1].via else { panic!("it has a proxy") };
    assert_eq!(proxies.http.as_ref().unwrap().credentials.as_ref().unwrap().password.reveal(), PASSWORDS[0]);
    let RouteProxy::Proxies(proxies) = &plan.routes[2].via else { panic!("it has a proxy") };
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
