//! What is asked about security intelligence: which update sources are judged, which version feeds fetched, by which routes.

use std::sync::Arc;
use std::time::Duration;

use super::{Route, Target};
use crate::catalog::{Catalog, ProbeUrl, SourceSpec};
use crate::config::Config;

/// What is asked about security intelligence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignaturePlan {
    /// The update sources that have targets.
    pub sources: Vec<SourceSpec>,
    /// The version feeds, the first choice first.
    pub feeds: Vec<ProbeUrl>,
    /// The routes that clients update by, in the configuration's order: those with a target of a source.
    pub routes: Vec<Arc<Route>>,
    /// Time between two fetches of the feed by a route.
    pub interval: Duration,
    /// The longest that one fetch may take.
    pub timeout: Duration,
    /// The age at which signatures count as stale.
    pub stale_after: Duration,
}

impl SignaturePlan {
    pub(super) fn of(catalog: &Catalog, config: &Config, routes: &[Arc<Route>], targets: &[Target]) -> Self {
        let of_source = |target: &Target, spec: &SourceSpec| target.endpoint.component == spec.component;
        let has_targets = |spec: &&SourceSpec| targets.iter().any(|target| of_source(target, spec));
        let sources: Vec<_> = catalog.update_sources.iter().filter(has_targets).cloned().collect();
        let is_used = |route: &&Arc<Route>| {
            let mut own = targets.iter().filter(|target| target.route.index == route.index);
            own.any(|target| sources.iter().any(|spec| of_source(target, spec)))
        };
        let default_feeds = || catalog.version_feeds.iter().map(|feed| feed.url.clone()).collect();
        Self {
            feeds: config.signatures.feeds.clone().unwrap_or_else(default_feeds),
            routes: routes.iter().filter(is_used).cloned().collect(),
            sources,
            interval: config.signatures.interval,
            timeout: config.timeout,
            stale_after: config.signatures.stale_after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Component, UpdateSource, embedded};
    use crate::config::{ComponentConfig, RouteConfig, SignaturesConfig};
    use crate::plan::plan;

    fn of(config: &Config) -> SignaturePlan {
        plan(embedded(), config).expect("fits the catalog").signatures
    }

    /// A configuration without these components.
    fn without(components: &[Component]) -> Config {
        let off = ComponentConfig { enabled: Some(false), ..ComponentConfig::default() };
        let components = components.iter().map(|component| (*component, off.clone()));
        Config { components: components.collect(), ..Config::default() }
    }

    fn names(plan: &SignaturePlan) -> Vec<&str> {
        plan.routes.iter().map(|route| route.name.as_str()).collect()
    }

    #[test]
    fn sources_without_targets_are_not_judged() {
        let check = |off: &[Component], expected: &[UpdateSource]| {
            let plan = of(&without(off));
            let sources: Vec<_> = plan.sources.iter().map(|spec| spec.source).collect();
            assert_eq!(sources, expected, "{off:?}");
            assert_eq!(plan.routes.is_empty(), expected.is_empty(), "{off:?}");
        };
        check(&[], UpdateSource::ALL);
        check(&[Component::Update], &[UpdateSource::Adl]);
        check(&[Component::Adl], &[UpdateSource::MicrosoftUpdate]);
        check(&[Component::Adl, Component::Update], &[]);
    }

    #[test]
    fn routes_that_no_client_updates_by_are_left_out() {
        let route = |name: &str, components: &[Component]| RouteConfig {
            name: name.to_owned(),
            components: components.to_vec(),
            ..RouteConfig::direct()
        };
        let routes = vec![
            route("all", &[]),
            route("maps", &[Component::Maps]),
            route("adl", &[Component::Maps, Component::Adl]),
        ];
        let plan = of(&Config { routes, ..Config::default() });
        assert_eq!(names(&plan), ["all", "adl"]);
    }

    #[test]
    fn the_configuration_replaces_the_feeds() {
        assert_eq!(of(&Config::default()).feeds.len(), embedded().version_feeds.len());
        let feeds = vec![ProbeUrl::parse("http://mirror.example/").expect("a URL")];
        let signatures = SignaturesConfig { feeds: Some(feeds.clone()), ..SignaturesConfig::default() };
        assert_eq!(of(&Config { signatures, ..Config::default() }).feeds, feeds);
    }
}
