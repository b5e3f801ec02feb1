//! The catalog's endpoints with the configuration's `endpoints` applied: changed, left out, or added.
//! Which of them are probed is decided in `plan.rs`.

use std::collections::HashMap;
use std::time::Duration;

use super::error::{PlanError, Setting, Source};
use crate::catalog::{Basis, Catalog, Component, Endpoint, Evidence, Expectation, Method, Scheme, Trust};
use crate::config::{Config, EndpointOverride, Request, request_of};

/// An endpoint that may be probed, with the entry of the configuration that changed or added it.
pub(super) struct Candidate<'a> {
    pub(super) endpoint: Endpoint,
    change: Option<(usize, &'a EndpointOverride)>,
}

type Changes<'a> = HashMap<(Component, Request<'a>), (usize, &'a EndpointOverride)>;

/// Every endpoint that isn't turned off: the catalog's in its order, then the added ones in theirs.
pub(super) fn candidates<'a>(
    catalog: &'a Catalog,
    config: &'a Config,
    errors: &mut Vec<PlanError>,
) -> Vec<Candidate<'a>> {
    let mut changes: Changes<'a> = HashMap::new();
    for (index, change) in config.endpoints.iter().enumerate() {
        errors.extend(unknown_need(catalog, index, change));
        changes.insert((change.component, request_of(&change.url)), (index, change));
    }
    let mut candidates = Vec::new();
    for endpoint in &catalog.endpoints {
        let change = changes.remove(&(endpoint.component, request_of(&endpoint.url)));
        candidates.push(Candidate::new(endpoint.clone(), change));
    }
    let mut added: Vec<_> = changes.into_values().collect();
    added.sort_unstable_by_key(|(index, _)| *index);
    for (index, change) in added {
        match change.enabled {
            Some(false) => errors.push(disabled_unknown(index, change)),
            _ => candidates.push(Candidate::new(new_endpoint(change), Some((index, change)))),
        }
    }
    candidates.retain(|candidate| candidate.change.is_none_or(|(_, change)| change.enabled != Some(false)));
    errors.extend(candidates.iter().filter_map(Candidate::contradiction));
    candidates
}

impl<'a> Candidate<'a> {
    fn new(mut endpoint: Endpoint, change: Option<(usize, &'a EndpointOverride)>) -> Self {
        if let Some((_, change)) = change {
            apply(change, &mut endpoint);
        }
        Self { endpoint, change }
    }

    /// The interval and the timeout in force.
    pub(super) fn rhythm(&self, config: &Config) -> (Setting, Setting) {
        let change = self.change.map(|(_, change)| change);
        let component = config.components.get(&self.endpoint.component);
        let interval = [
            change.and_then(|change| change.interval),
            self.endpoint.interval,
            component.and_then(|settings| settings.interval),
        ];
        let timeout = [
            change.and_then(|change| change.timeout),
            self.endpoint.timeout,
            component.and_then(|settings| settings.timeout),
        ];
        (self.first(interval, config.interval), self.first(timeout, config.timeout))
    }

    /// The most specific of override, catalog and component; else the global one.
    fn first(&self, [own, catalog, component]: [Option<Duration>; 3], global: Duration) -> Setting {
        let own = own.zip(self.change).map(|(value, (index, _))| (value, Source::Override(index)));
        let catalog = catalog.map(|value| (value, Source::Catalog));
        let component = component.map(|value| (value, Source::Component(self.endpoint.component)));
        let (value, source) = own.or(catalog).or(component).unwrap_or((global, Source::Global));
        Setting { value, source }
    }

    /// What a change broke. The catalog's own endpoints are sound: its parser sees to that.
    fn contradiction(&self) -> Option<PlanError> {
        let (index, _) = self.change?;
        let (endpoint, url) = (&self.endpoint, self.endpoint.url.clone());
        let body = endpoint.evidence.iter().any(|evidence| matches!(evidence, Evidence::Body(_)));
        if endpoint.evidence.contains(&Evidence::Status) && endpoint.expect == Expectation::Any {
            return Some(PlanError::NoProof { index, url });
        }
        (body && endpoint.method == Method::Head).then_some(PlanError::BodyOfHead { index, url })
    }
}

/// Replaces what the change sets; the URL stays as the catalog writes it.
fn apply(change: &EndpointOverride, endpoint: &mut Endpoint) {
    if let Some(expect) = &change.expect {
        endpoint.expect.clone_from(expect);
    }
    if let Some(method) = change.method {
        endpoint.method = method;
    }
    if let Some(evidence) = &change.evidence {
        endpoint.evidence.clone_from(evidence);
    }
    if let Some(trust) = change.trust {
        endpoint.trust = trust;
    }
    if change.serves.is_some() {
        endpoint.serves.clone_from(&change.serves);
    }
    // Nothing else can prove a plain answer.
    if endpoint.url.scheme() == Scheme::Http && endpoint.evidence.is_empty() {
        endpoint.evidence.push(Evidence::Status);
    }
}

/// An endpoint that the catalog doesn't have, before the change is applied.
fn new_endpoint(change: &EndpointOverride) -> Endpoint {
    let url = change.url.clone();
    Endpoint {
        component: change.component,
        pattern: url.host().to_owned(),
        ports: vec![url.port()],
        method: Method::Get,
        expect: Expectation::Any,
        basis: Basis::Inferred,
        evidence: Vec::new(),
        trust: if url.scheme() == Scheme::Https { Trust::Any } else { Trust::Plain },
        may_be_inspected: false,
        geo: None,
        serves: None,
        follow_redirects: 0,
        interval: None,
        timeout: None,
        url,
    }
}

fn unknown_need(catalog: &Catalog, index: usize, change: &EndpointOverride) -> Option<PlanError> {
    let serves = change.serves.clone()?;
    let spec = catalog.components.iter().find(|spec| spec.component == change.component);
    let needs = spec.map(|spec| spec.needs.clone()).unwrap_or_default();
    let component = change.component;
    (!needs.contains(&serves)).then_some(PlanError::UnknownNeed { index, component, serves, needs })
}

fn disabled_unknown(index: usize, change: &EndpointOverride) -> PlanError {
    PlanError::DisabledUnknown { index, component: change.component, url: change.url.clone() }
}
