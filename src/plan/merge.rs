//! Applies the configuration's `endpoints` to the catalog's endpoints: changes, removes or adds them. `mod.rs`
//! decides which of them are probed.

use std::collections::HashMap;
use std::time::Duration;

use super::error::{DurationSetting, PlanError, SettingSource};
use crate::catalog::{
    Catalog, Component, Confidence, Endpoint, Expectation, ExpectedEvidence, Method, Scheme,
};
use crate::config::{Config, EndpointOverride, RequestKey};

/// An endpoint that may be probed, with the configuration's entry that changed or added it.
pub(super) struct EffectiveEndpoint<'a> {
    pub(super) endpoint: Endpoint,
    entry: Option<Entry<'a>>,
}

/// An entry of `endpoints`, with its position.
#[derive(Clone, Copy)]
struct Entry<'a> {
    index: usize,
    change: &'a EndpointOverride,
}

/// The effective times of an endpoint.
pub(super) struct ProbeTiming {
    pub(super) interval: DurationSetting,
    pub(super) timeout: DurationSetting,
}

/// All endpoints that aren't disabled: the catalog's in its order, then added ones in theirs.
pub(super) fn candidates<'a>(
    catalog: &'a Catalog,
    config: &'a Config,
    errors: &mut Vec<PlanError>,
) -> Vec<EffectiveEndpoint<'a>> {
    let mut entries: HashMap<(Component, RequestKey), Entry<'a>> = HashMap::new();
    for (index, change) in config.endpoints.iter().enumerate() {
        errors.extend(unknown_need(catalog, index, change));
        entries.insert((change.component, RequestKey::new(&change.url)), Entry { index, change });
    }
    let mut candidates = Vec::new();
    for endpoint in &catalog.endpoints {
        let entry = entries.remove(&(endpoint.component, RequestKey::new(&endpoint.url)));
        candidates.push(EffectiveEndpoint::new(endpoint.clone(), entry));
    }
    let mut added: Vec<_> = entries.into_values().collect();
    added.sort_unstable_by_key(|entry| entry.index);
    for entry in added {
        let Entry { index, change: EndpointOverride { component, url, enabled, .. } } = entry;
        match enabled {
            Some(false) => {
                errors.push(PlanError::DisabledUnknown { index, component: *component, url: url.clone() });
            }
            _ => candidates.push(EffectiveEndpoint::new(
                Endpoint::new(entry.change.component, entry.change.url.clone()),
                Some(entry),
            )),
        }
    }
    candidates.retain(|candidate| candidate.entry.is_none_or(|entry| entry.change.enabled != Some(false)));
    errors.extend(candidates.iter().filter_map(EffectiveEndpoint::contradiction));
    candidates
}

impl<'a> EffectiveEndpoint<'a> {
    fn new(mut endpoint: Endpoint, entry: Option<Entry<'a>>) -> Self {
        if let Some(entry) = entry {
            apply(entry.change, &mut endpoint);
        }
        Self { endpoint, entry }
    }

    /// The effective interval and timeout.
    pub(super) fn timing(&self, config: &Config) -> ProbeTiming {
        let change = self.entry.map(|entry| entry.change);
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
        ProbeTiming {
            interval: self.first(interval, config.interval),
            timeout: self.first(timeout, config.timeout),
        }
    }

    /// The most specific of override, catalog, component and global setting.
    fn first(&self, [own, catalog, component]: [Option<Duration>; 3], global: Duration) -> DurationSetting {
        let own = own.zip(self.entry).map(|(value, entry)| (value, SettingSource::Override(entry.index)));
        let catalog = catalog.map(|value| (value, SettingSource::Catalog));
        let component = component.map(|value| (value, SettingSource::Component(self.endpoint.component)));
        let (value, source) = own.or(catalog).or(component).unwrap_or((global, SettingSource::Global));
        DurationSetting { value, source }
    }

    /// The contradiction that a change introduced. The catalog's parser checks the catalog's own endpoints.
    fn contradiction(&self) -> Option<PlanError> {
        let index = self.entry?.index;
        let (endpoint, url) = (&self.endpoint, self.endpoint.url.clone());
        let body = endpoint.evidence.iter().any(|evidence| matches!(evidence, ExpectedEvidence::Body(_)));
        if endpoint.evidence.contains(&ExpectedEvidence::Status) && endpoint.expect == Expectation::Any {
            return Some(PlanError::NoProof { index, url });
        }
        (body && endpoint.method == Method::Head).then_some(PlanError::BodyOfHead { index, url })
    }
}

/// Replaces what the change sets. The URL stays as in the catalog.
fn apply(change: &EndpointOverride, endpoint: &mut Endpoint) {
    if let Some(expect) = &change.expect {
        endpoint.expect.clone_from(expect);
        // A user's setting has the highest confidence, and isn't a captured response.
        endpoint.confidence = Confidence::A;
        endpoint.captured = None;
    }
    if let Some(method) = change.method {
        endpoint.method = method;
        endpoint.range &= method == Method::Get; // a response to HEAD has no body
    }
    if let Some(evidence) = &change.evidence {
        endpoint.evidence.clone_from(evidence);
        endpoint.confidence = Confidence::A;
        endpoint.captured = None;
    }
    if let Some(trust) = change.trust {
        endpoint.trust = trust;
    }
    if change.serves.is_some() {
        endpoint.serves.clone_from(&change.serves);
    }
    // Over plain HTTP nothing else can prove a response.
    if endpoint.url.scheme() == Scheme::Http && endpoint.evidence.is_empty() {
        endpoint.evidence.push(ExpectedEvidence::Status);
    }
}

fn unknown_need(catalog: &Catalog, index: usize, change: &EndpointOverride) -> Option<PlanError> {
    let serves = change.serves.clone()?;
    let spec = catalog.components.iter().find(|spec| spec.component == change.component);
    let needs = spec.map(|spec| spec.needs.clone()).unwrap_or_default();
    let component = change.component;
    (!needs.contains(&serves)).then_some(PlanError::UnknownNeed { index, component, serves, needs })
}
