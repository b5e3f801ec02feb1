//! Where handshakes in two segments are compared with whole ones: at one endpoint of MAPS by each route.

use super::{Route, Target, TargetId};
use crate::catalog::{Catalog, Component, Scheme};

/// Of each route with endpoints of MAPS, the one of which the catalog knows most. Only the catalog's own: an endpoint that the
/// configuration adds may be a server of the company, to which the path says nothing about the Internet.
pub(super) fn compared(catalog: &Catalog, routes: &[impl AsRef<Route>], targets: &[Target]) -> Vec<TargetId> {
    let is_candidate = |target: &Target| {
        let endpoint = &target.endpoint;
        endpoint.component == Component::Maps
            && endpoint.url.scheme() == Scheme::Https
            && catalog.endpoints.iter().any(|known| known.url == endpoint.url)
    };
    let of_route = |route: &Route| {
        let own = targets.iter().enumerate().filter(|(_, target)| target.route.index == route.index);
        let best = own.filter(|(_, target)| is_candidate(target)).min_by_key(|(_, t)| t.endpoint.confidence);
        best.map(|(index, _)| TargetId(index))
    };
    routes.iter().filter_map(|route| of_route(route.as_ref())).collect()
}

/// The same ones in a part of the plan.
pub(super) fn selected(compared: &[TargetId], whole: &[Target], part: &[Target]) -> Vec<TargetId> {
    let labels =
        |target: &Target| (target.endpoint.component, target.endpoint.url.clone(), target.route.name.clone());
    let place = |id: &TargetId| part.iter().position(|target| labels(target) == labels(&whole[id.0]));
    compared.iter().filter_map(place).map(TargetId).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::catalog::embedded;
    use crate::config::{Environment, parse};
    use crate::plan::{Plan, plan};

    fn planned(yaml: &str) -> Plan {
        let config = parse("test", yaml, Path::new(""), &Environment::default()).expect("good");
        plan(embedded(), &config).expect("fits the catalog")
    }

    fn compared(plan: &Plan) -> Vec<(&str, &str)> {
        let of = |id| {
            let target = plan.target(id);
            (target.route.name.as_str(), target.endpoint.url.host())
        };
        plan.split_hellos.iter().map(|id| of(*id)).collect()
    }

    #[test]
    fn one_endpoint_of_maps_by_each_route_is_compared() {
        let check = |yaml: &str, expected: &[(&str, &str)]| {
            assert_eq!(compared(&planned(yaml)), expected, "{yaml}");
        };
        let two = "routes: [{ name: direct }, { name: proxy, proxy: 'http://proxy.example:3128' }]\n";
        check("", &[("direct", "unitedstates.cp.wd.microsoft.com")]);
        check("geos: [eu]", &[("direct", "europe.cp.wd.microsoft.com")]);
        let default_hosts = "geos: [us]\nendpoints:
  - { component: maps, url: 'https://unitedstates.cp.wd.microsoft.com/wdcp.svc/bond/submitReport/test', enabled: false }
  - { component: maps, url: 'https://unitedstates.x.cp.wd.microsoft.com/api/report', enabled: false }
";
        check(default_hosts, &[("direct", "wdcp.microsoft.com")]);
        check(
            two,
            &[("direct", "unitedstates.cp.wd.microsoft.com"), ("proxy", "unitedstates.cp.wd.microsoft.com")],
        );
        check("components: { maps: { enabled: false } }", &[]);
        check("tls: { split_hello: false }", &[]);
        check(
            "routes: [{ name: direct }, { name: lan, components: [update] }]",
            &[("direct", "unitedstates.cp.wd.microsoft.com")],
        );
        let own = "  - { component: maps, url: 'https://own.example/', expect: 200 }\n";
        check(&format!("{default_hosts}{own}"), &[("direct", "wdcp.microsoft.com")]);
    }

    #[test]
    fn a_part_of_the_plan_compares_what_it_has() {
        let whole =
            planned("routes: [{ name: direct }, { name: proxy, proxy: 'http://proxy.example:3128' }]");
        let part = whole.select(|target| target.route.name == "proxy").expect("it has targets");
        assert_eq!(compared(&part), [("proxy", "unitedstates.cp.wd.microsoft.com")]);
        let part = whole.select(|target| target.endpoint.url.host() == "wdcp.microsoft.com");
        assert_eq!(compared(&part.expect("it has targets")), []);
    }
}
