//! The plan in the document: what was probed, and what its answers are judged by. Each target has its whole endpoint, so that
//! nothing in a document can be made large by reference; compression takes care of repetitions.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::values::{Nanoseconds, Text};
use crate::catalog::{
    Basis, BlockPage, Captured, Cloud, Component, ComponentSpec, Confidence, Endpoint, Expectation,
    ExpectedEvidence, Geo, HostPattern, ListedSource, Method, ProbeUrl, SourceSpec, Trust, UpdateSource,
};
use crate::plan::{ComponentPlan, Plan, Route, SignaturePlan, Target};

/// The maximum number of targets of a record.
pub(super) const MAX_TARGETS: usize = 10_000;

/// The plan.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct PlanDocument {
    components: Vec<ComponentDocument>,
    /// Names of the routes.
    routes: Vec<Text>,
    targets: Vec<TargetDocument>,
    redirect_hosts: Vec<HostPattern>,
    issuer_hosts: Vec<HostPattern>,
    block_pages: Vec<BlockPage>,
    signatures: SignaturesDocument,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ComponentDocument {
    component: Component,
    optional: bool,
    purpose: Text,
    needs: Vec<Text>,
    interval_ns: Nanoseconds,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct TargetDocument {
    /// Its place in `routes`.
    route: usize,
    interval_ns: Nanoseconds,
    timeout_ns: Nanoseconds,
    endpoint: EndpointDocument,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct EndpointDocument {
    component: Component,
    pattern: Text,
    ports: Vec<u16>,
    url: String,
    method: Method,
    /// The expected statuses. Absent if any is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expect: Option<Vec<u16>>,
    basis: Basis,
    confidence: Confidence,
    #[cfg_attr(test, schemars(with = "Option<String>"))]
    captured: Option<Captured>,
    evidence: Vec<ExpectedEvidence>,
    trust: Trust,
    may_be_inspected: bool,
    may_be_replaced: bool,
    geo: Option<Geo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cloud: Option<Cloud>,
    serves: Option<Text>,
    follow_redirects: u8,
    range: bool,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct SignaturesDocument {
    /// The update sources that the configuration lists.
    listed: Vec<ListedDocument>,
    sources: Vec<SourceSpec>,
    feeds: Vec<String>,
    /// Places in `routes`.
    routes: Vec<usize>,
    /// Places in `routes`.
    feed_routes: Vec<usize>,
    interval_ns: Nanoseconds,
    timeout_ns: Nanoseconds,
    stale_after_ns: Nanoseconds,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ListedDocument {
    source: UpdateSource,
    /// Where it is, for a source that the company runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
}

impl From<&Plan> for PlanDocument {
    fn from(plan: &Plan) -> Self {
        let places = |routes: &[Arc<Route>]| -> Vec<usize> {
            let place = |route: &Arc<Route>| plan.routes.iter().position(|known| known.name == route.name);
            routes.iter().filter_map(place).collect()
        };
        let component = |known: &ComponentPlan| ComponentDocument {
            component: known.spec.component,
            optional: known.spec.optional,
            purpose: Text::from(&known.spec.purpose),
            needs: known.spec.needs.iter().map(Text::from).collect(),
            interval_ns: known.interval.into(),
        };
        let target = |target: &Target| TargetDocument {
            route: places(std::slice::from_ref(&target.route)).first().copied().unwrap_or_default(),
            interval_ns: target.interval.into(),
            timeout_ns: target.timeout.into(),
            endpoint: EndpointDocument::from(&target.endpoint),
        };
        let listed = |listed: &ListedSource| ListedDocument {
            source: listed.source,
            address: listed.address.as_ref().map(ToString::to_string),
        };
        let signatures = &plan.signatures;
        Self {
            components: plan.components.iter().map(component).collect(),
            routes: plan.routes.iter().map(|route| Text::from(&route.name)).collect(),
            targets: plan.targets.iter().map(target).collect(),
            redirect_hosts: plan.redirect_hosts.clone(),
            issuer_hosts: plan.issuer_hosts.clone(),
            block_pages: plan.block_pages.clone(),
            signatures: SignaturesDocument {
                listed: signatures.listed.iter().map(listed).collect(),
                sources: signatures.sources.clone(),
                feeds: signatures.feeds.iter().map(ToString::to_string).collect(),
                routes: places(&signatures.routes),
                feed_routes: places(&signatures.feed_routes),
                interval_ns: signatures.interval.into(),
                timeout_ns: signatures.timeout.into(),
                stale_after_ns: signatures.stale_after.into(),
            },
        }
    }
}

impl From<&Endpoint> for EndpointDocument {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            component: endpoint.component,
            pattern: Text::from(&endpoint.pattern),
            ports: endpoint.ports.clone(),
            url: endpoint.url.to_string(),
            method: endpoint.method,
            expect: match &endpoint.expect {
                Expectation::Any => None,
                Expectation::OneOf(statuses) => Some(statuses.clone()),
            },
            basis: endpoint.basis,
            confidence: endpoint.confidence,
            captured: endpoint.captured,
            evidence: endpoint.evidence.clone(),
            trust: endpoint.trust,
            may_be_inspected: endpoint.may_be_inspected,
            may_be_replaced: endpoint.may_be_replaced,
            geo: endpoint.geo,
            cloud: endpoint.cloud,
            serves: endpoint.serves.as_ref().map(Text::from),
            follow_redirects: endpoint.follow_redirects,
            range: endpoint.range,
        }
    }
}

impl PlanDocument {
    /// The plan. Routes have their names alone: how they lead to the endpoints judges nothing.
    ///
    /// # Errors
    /// If it can't be a plan: in words.
    pub(super) fn into_plan(self) -> Result<Plan, String> {
        let Self { components, routes, targets, redirect_hosts, issuer_hosts, block_pages, signatures } =
            self;
        if targets.len() > MAX_TARGETS {
            return Err(format!("{} targets, at most {MAX_TARGETS} are accepted", targets.len()));
        }
        let route = |(index, name): (usize, Text)| {
            Arc::new(Route { index, name: name.into(), ..Route::direct().as_ref().clone() })
        };
        let routes: Vec<_> = routes.into_iter().enumerate().map(route).collect();
        let at =
            |place: usize| routes.get(place).cloned().ok_or_else(|| format!("there is no route {place}"));
        let all = |places: Vec<usize>| places.into_iter().map(at).collect::<Result<Vec<_>, _>>();
        let target = |target: TargetDocument| {
            Ok::<_, String>(Target {
                endpoint: target.endpoint.into_endpoint()?,
                route: at(target.route)?,
                interval: target.interval_ns.into(),
                timeout: target.timeout_ns.into(),
            })
        };
        let component = |known: ComponentDocument| ComponentPlan {
            spec: ComponentSpec {
                component: known.component,
                optional: known.optional,
                purpose: known.purpose.into(),
                needs: known.needs.into_iter().map(String::from).collect(),
            },
            interval: known.interval_ns.into(),
        };
        let listed = |listed: ListedDocument| {
            let address = listed.address.as_deref().map(url).transpose()?;
            Ok::<_, String>(ListedSource { source: listed.source, address })
        };
        Ok(Plan {
            targets: targets.into_iter().map(target).collect::<Result<_, _>>()?,
            components: components.into_iter().map(component).collect(),
            redirect_hosts,
            issuer_hosts,
            block_pages,
            signatures: SignaturePlan {
                listed: signatures.listed.into_iter().map(listed).collect::<Result<_, _>>()?,
                sources: signatures.sources,
                feeds: signatures.feeds.iter().map(|feed| url(feed)).collect::<Result<_, _>>()?,
                routes: all(signatures.routes)?,
                feed_routes: all(signatures.feed_routes)?,
                interval: signatures.interval_ns.into(),
                timeout: signatures.timeout_ns.into(),
                stale_after: signatures.stale_after_ns.into(),
            },
            routes,
            split_hellos: Vec::new(), // no part of a round
        })
    }
}

impl EndpointDocument {
    fn into_endpoint(self) -> Result<Endpoint, String> {
        let url = url(&self.url)?;
        Ok(Endpoint {
            component: self.component,
            pattern: self.pattern.into(),
            ports: self.ports,
            url,
            method: self.method,
            expect: self.expect.map_or(Expectation::Any, Expectation::OneOf),
            basis: self.basis,
            confidence: self.confidence,
            captured: self.captured,
            evidence: self.evidence,
            trust: self.trust,
            may_be_inspected: self.may_be_inspected,
            may_be_replaced: self.may_be_replaced,
            geo: self.geo,
            cloud: self.cloud,
            serves: self.serves.map(String::from),
            follow_redirects: self.follow_redirects,
            range: self.range,
            interval: None,
            timeout: None,
        })
    }
}

/// A URL or the path of a folder.
fn url(text: &str) -> Result<ProbeUrl, String> {
    let is_folder = text.starts_with(['/', '\\']) || text.as_bytes().get(1) == Some(&b':');
    let parsed = if is_folder { ProbeUrl::parse_folder(text) } else { ProbeUrl::parse(text) };
    parsed.map_err(|error| format!("{text:?}: {error}"))
}
