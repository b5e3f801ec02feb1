//! Update sources and version feeds of security intelligence: which sources are judged, and which feeds are
//! fetched over which routes.

use std::sync::Arc;
use std::time::Duration;

use super::{Route, Target};
use crate::catalog::{Catalog, ListedSource, ProbeUrl, SourceSpec};
use crate::config::Config;

/// What to query about security intelligence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SignaturePlan {
    /// The sources that the configuration lists, in its order. Empty in the plan of a single target.
    pub listed: Vec<ListedSource>,
    /// The update sources that have targets.
    pub sources: Vec<SourceSpec>,
    /// The version feeds, in order of preference.
    pub feeds: Vec<ProbeUrl>,
    /// The routes with a target of an update source, in the configuration's order.
    pub routes: Vec<Arc<Route>>,
    /// Those over which the version feeds are fetched: with Microsoft's feeds, the routes to Microsoft's sources.
    pub feed_routes: Vec<Arc<Route>>,
    /// The time between two fetches of the feed over a route.
    pub interval: Duration,
    /// The timeout of one fetch.
    pub timeout: Duration,
    /// The age at which signatures are stale.
    pub stale_after: Duration,
}

impl SignaturePlan {
    pub(super) fn new(catalog: &Catalog, config: &Config, routes: &[Arc<Route>], targets: &[Target]) -> Self {
        let of_source = |target: &Target, spec: &SourceSpec| target.endpoint.component == spec.component;
        let has_targets = |spec: &&SourceSpec| targets.iter().any(|target| of_source(target, spec));
        let sources: Vec<_> = catalog.update_sources.iter().filter(has_targets).cloned().collect();
        let leads_to = |is_wanted: fn(&SourceSpec) -> bool| -> Vec<_> {
            let is_used = |route: &&Arc<Route>| {
                let mut own = targets.iter().filter(|target| target.route.index == route.index);
                own.any(|target| sources.iter().any(|spec| of_source(target, spec) && is_wanted(spec)))
            };
            routes.iter().filter(is_used).cloned().collect()
        };
        let routes = leads_to(|_| true);
        let (feeds, feed_routes) = if let Some(feeds) = &config.signatures.feeds {
            (feeds.clone(), routes.clone())
        } else {
            // Where only a company's own sources are allowed, Microsoft's feed is blocked on purpose.
            let routes = leads_to(|spec| !spec.component.is_on_premises());
            let feeds = catalog.version_feeds.iter().filter(|_| !routes.is_empty());
            (feeds.map(|feed| feed.url.clone()).collect(), routes)
        };
        Self {
            listed: config.update_sources.clone(),
            feeds,
            feed_routes,
            routes,
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

    fn signature_plan(config: &Config) -> SignaturePlan {
        plan(embedded(), config).expect("fits the catalog").signatures
    }

    /// A configuration with these components disabled.
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
            let plan = signature_plan(&without(off));
            let sources: Vec<_> = plan.sources.iter().map(|spec| spec.source).collect();
            assert_eq!(sources, expected, "{off:?}");
            assert_eq!(plan.routes.is_empty(), expected.is_empty(), "{off:?}");
        };
        check(&[], &[UpdateSource::MicrosoftUpdate, UpdateSource::Adl]);
        check(&[Component::Update], &[UpdateSource::Adl]);
        check(&[Component::Adl], &[UpdateSource::MicrosoftUpdate]);
        check(&[Component::Adl, Component::Update], &[]);
    }

    #[test]
    fn routes_without_update_sources_are_omitted() {
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
        let plan = signature_plan(&Config { routes, ..Config::default() });
        assert_eq!(names(&plan), ["all", "adl"]);
    }

    #[test]
    fn without_microsofts_sources_its_feed_is_not_queried() {
        let address = Some(ProbeUrl::parse("http://wsus.example:8530").expect("a URL"));
        let wsus = ListedSource { source: UpdateSource::InternalServer, address };
        let plan_of = |listed: &[ListedSource]| {
            signature_plan(&Config { update_sources: listed.to_vec(), ..Config::default() })
        };
        let both = plan_of(&[wsus.clone(), ListedSource::from_catalog(UpdateSource::Adl)]);
        assert_eq!(both.feeds.len(), embedded().version_feeds.len());
        let alone = plan_of(std::slice::from_ref(&wsus));
        assert!(alone.feeds.is_empty() && names(&alone) == ["direct"]);
        // Nor over a route to the company's servers alone.
        let route = |name: &str, components: &[Component]| RouteConfig {
            name: name.to_owned(),
            components: components.to_vec(),
            ..RouteConfig::direct()
        };
        let routes =
            vec![route("lan", &[Component::Wsus]), route("proxy", &[Component::Maps, Component::Adl])];
        let update_sources = vec![wsus, ListedSource::from_catalog(UpdateSource::Adl)];
        let apart = signature_plan(&Config { update_sources, routes, ..Config::default() });
        let feed_routes: Vec<_> = apart.feed_routes.iter().map(|route| route.name.as_str()).collect();
        assert_eq!((names(&apart), feed_routes), (vec!["lan", "proxy"], vec!["proxy"]));
    }

    #[test]
    fn the_configuration_replaces_the_feeds() {
        assert_eq!(signature_plan(&Config::default()).feeds.len(), embedded().version_feeds.len());
        let feeds = vec![ProbeUrl::parse("http://mirror.example/").expect("a URL")];
        let signatures = SignaturesConfig { feeds: Some(feeds.clone()), ..SignaturesConfig::default() };
        assert_eq!(signature_plan(&Config { signatures, ..Config::default() }).feeds, feeds);
    }
}
