//! A part of a plan: what `check` probes if the user selects components, routes or endpoints. Pure.

use std::sync::Arc;

use super::{Plan, Route, SignaturePlan, Target, split_hello};

impl Plan {
    /// The plan of the selected targets, and of the controls of their routes. Omits routes, components, needs and update sources
    /// without a target. `None` if no target is selected.
    #[must_use]
    pub fn select(&self, is_selected: impl Fn(&Target) -> bool) -> Option<Self> {
        let is_used = |route: &Route| {
            self.targets.iter().any(|target| {
                target.route.index == route.index && !target.is_control() && is_selected(target)
            })
        };
        let used: Vec<bool> = self.routes.iter().map(|route| is_used(route)).collect();
        let selected = || {
            self.targets.iter().filter(|target| {
                if target.is_control() { used[target.route.index] } else { is_selected(target) }
            })
        };
        let mut routes: Vec<Arc<Route>> = Vec::new();
        for route in &self.routes {
            if selected().any(|target| target.route.index == route.index) {
                routes.push(Arc::new(Route { index: routes.len(), ..route.as_ref().clone() }));
            }
        }
        let route = |of: &Route| routes.iter().find(|route| route.name == of.name).cloned(); // names are unique
        let targets: Vec<_> = selected()
            .filter_map(|target| Some(Target { route: route(&target.route)?, ..target.clone() }))
            .collect();
        if targets.is_empty() {
            return None;
        }
        let mut components = self.components.clone();
        for component in &mut components {
            let spec = &mut component.spec;
            let own = |target: &&Target| target.endpoint.component == spec.component;
            let served: Vec<_> =
                targets.iter().filter(own).filter_map(|target| target.endpoint.serves.as_ref()).collect();
            spec.needs.retain(|need| served.contains(&need));
        }
        components.retain(|component| {
            targets.iter().any(|target| target.endpoint.component == component.spec.component)
        });
        let signatures = self.signatures.select(&targets, route);
        let split_hellos = split_hello::selected(&self.split_hellos, &self.targets, &targets);
        Some(Self { targets, components, routes, signatures, split_hellos, ..self.clone() })
    }
}

impl SignaturePlan {
    /// The sources and routes that have targets.
    fn select(&self, targets: &[Target], route: impl Fn(&Route) -> Option<Arc<Route>>) -> Self {
        let mut sources = self.sources.clone();
        sources.retain(|spec| targets.iter().any(|target| target.endpoint.component == spec.component));
        let updates =
            |target: &&Target| sources.iter().any(|spec| target.endpoint.component == spec.component);
        let is_used = |route: &Arc<Route>| {
            targets.iter().filter(updates).any(|target| target.route.index == route.index)
        };
        let used = |routes: &[Arc<Route>]| -> Vec<_> {
            routes.iter().filter_map(|old| route(old)).filter(is_used).collect()
        };
        let (routes, feed_routes) = (used(&self.routes), used(&self.feed_routes));
        Self { sources, routes, feed_routes, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Component, embedded};
    use crate::config::{Config, RouteConfig};
    use crate::plan::plan;

    fn whole() -> Plan {
        let route = |name: &str| RouteConfig { name: name.to_owned(), ..RouteConfig::direct() };
        let routes = vec![route("direct"), route("proxy")];
        plan(embedded(), &Config { routes, ..Config::default() }).expect("fits the catalog")
    }

    #[test]
    fn everything_selected_is_the_same_plan() {
        let whole = whole();
        assert_eq!(whole.select(|_| true), Some(whole));
    }

    #[test]
    fn what_has_no_target_is_omitted() {
        let whole = whole();
        assert_eq!(whole.select(|_| false), None);
        let part = whole.select(|target| {
            target.route.name == "proxy" && target.endpoint.url.host() == "wdcp.microsoft.com"
        });
        let part = part.expect("it is probed");
        assert_eq!((part.targets.len(), part.routes.len(), part.routes[0].index), (2, 1, 0));
        assert!(part.targets.iter().all(|target| Arc::ptr_eq(&target.route, &part.routes[0])));
        assert!(part.targets[1].is_control(), "it goes with its route");
        assert_eq!(part.components.len(), 2);
        assert_eq!(part.components[0].spec.needs, ["default_hosts"]);
        assert!(part.signatures.sources.is_empty() && part.signatures.routes.is_empty());
    }

    #[test]
    fn update_sources_keep_their_routes() {
        let part = whole().select(|target| target.endpoint.component == Component::Adl);
        let signatures = part.expect("it is probed").signatures;
        assert_eq!((signatures.sources.len(), signatures.routes.len()), (1, 2));
    }
}
