//! The plan without names: the catalog's endpoints stay as they are; those of the configuration, routes and a company's update
//! sources have pseudonyms.

use std::sync::Arc;

use super::names::Pseudonyms;
use crate::catalog::{Endpoint, ExpectedEvidence, HostPattern, ListedSource, Scheme, embedded};
use crate::observation::DIRECT;
use crate::plan::{Plan, Route, SignaturePlan, Target};

impl Pseudonyms {
    /// A plan. Its routes have no proxies, as in every record. Marks of block pages that the configuration adds are left out.
    pub(super) fn plan(&mut self, plan: &Plan) -> Plan {
        let routes: Vec<_> =
            plan.routes.iter().enumerate().map(|(index, route)| anonymous(index, route)).collect();
        let replaced = |route: &Arc<Route>| {
            let place = plan.routes.iter().position(|known| known.name == route.name);
            place.map_or_else(Route::direct, |place| Arc::clone(&routes[place]))
        };
        let all = |routes: &[Arc<Route>]| routes.iter().map(&replaced).collect::<Vec<_>>();
        let targets = plan.targets.iter().map(|target| Target {
            endpoint: self.endpoint(&target.endpoint),
            route: replaced(&target.route),
            ..target.clone()
        });
        let targets = targets.collect();
        let signatures = &plan.signatures;
        let mut block_pages = plan.block_pages.clone();
        block_pages.retain(|page| embedded().block_pages.contains(page));
        Plan {
            targets,
            components: plan.components.clone(),
            redirect_hosts: plan.redirect_hosts.iter().map(|pattern| self.pattern(pattern)).collect(),
            issuer_hosts: plan.issuer_hosts.iter().map(|pattern| self.pattern(pattern)).collect(),
            block_pages,
            signatures: SignaturePlan {
                listed: signatures.listed.iter().map(|listed| self.listed(listed)).collect(),
                feeds: signatures.feeds.iter().map(|feed| self.probe_url(feed)).collect(),
                routes: all(&signatures.routes),
                feed_routes: all(&signatures.feed_routes),
                ..signatures.clone()
            },
            routes,
            split_hellos: Vec::new(), // no part of a round
        }
    }

    fn listed(&mut self, listed: &ListedSource) -> ListedSource {
        let address = listed.address.as_ref().map(|address| self.probe_url(address));
        ListedSource { source: listed.source, address }
    }

    fn endpoint(&mut self, endpoint: &Endpoint) -> Endpoint {
        let is_listed = embedded().endpoints.iter().any(|known| known.url == endpoint.url);
        let url = self.probe_url(&endpoint.url);
        let pattern = if is_listed {
            endpoint.pattern.clone()
        } else if endpoint.url.scheme() == Scheme::Folder || endpoint.pattern == endpoint.url.as_str() {
            url.to_string()
        } else {
            self.pattern(&HostPattern(endpoint.pattern.clone())).0
        };
        let mut evidence = endpoint.evidence.clone();
        // What the configuration expects may name the company. Without it, the response's judgement is recorded.
        evidence.retain(ExpectedEvidence::is_published);
        Endpoint { pattern, url, evidence, ..endpoint.clone() }
    }
}

/// A route without its name and its proxies.
fn anonymous(index: usize, route: &Route) -> Arc<Route> {
    let name = if route.name == DIRECT { DIRECT.to_owned() } else { format!("route-{}", index + 1) };
    Arc::new(Route { index, name, ..Route::direct().as_ref().clone() })
}
