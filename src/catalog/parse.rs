//! YAML → [`Catalog`]. Checks everything that a probe relies on, once, and rejects a malformed catalog.

mod updates;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use self::updates::{RawFeed, check_sources, download_test, feeds};
use super::component::{Component, ComponentSpec};
use super::confidence::{Basis, Captured, Confidence};
use super::contents::Catalog;
use super::endpoint::Endpoint;
use super::error::{CatalogError, EndpointProblem};
use super::types::{
    BlockPage, Cloud, Expectation, ExpectedEvidence, Geo, HostPattern, KnownRoot, Method, Trust,
};
use super::updates::SourceSpec;
use super::url::{ProbeUrl, Scheme};

/// The placeholder in patterns and URLs that the values of `each` replace.
const PLACEHOLDER: &str = "{}";

/// The catalog embedded in the program.
///
/// # Panics
/// If the embedded YAML is invalid. The test `the_embedded_catalog_is_good` parses the same text.
#[must_use]
pub fn embedded() -> &'static Catalog {
    static EMBEDDED: LazyLock<Catalog> = LazyLock::new(|| {
        parse(include_str!("endpoints.yaml")).expect("held by the test the_embedded_catalog_is_good")
    });
    &EMBEDDED
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCatalog {
    redirect_hosts: Vec<HostPattern>,
    issuer_hosts: Vec<HostPattern>,
    microsoft_roots: Vec<KnownRoot>,
    block_pages: Vec<BlockPage>,
    components: Vec<RawComponent>,
    #[serde(default)]
    update_sources: Vec<SourceSpec>,
    #[serde(default)]
    version_feeds: Vec<RawFeed>,
    download_test: Option<RawFeed>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawComponent {
    component: Component,
    #[serde(default)]
    optional: bool,
    purpose: String,
    needs: Vec<String>,
    services: Vec<RawService>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawService {
    pattern: String,
    ports: Vec<u16>,
    #[serde(default)]
    may_be_inspected: bool,
    #[serde(default)]
    each: BTreeMap<Region, Vec<String>>,
    probes: Vec<RawProbe>,
}

/// A region or a government's cloud, or `all` for every region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Region {
    All,
    #[serde(untagged)]
    Geo(Geo),
    #[serde(untagged)]
    Cloud(Cloud),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProbe {
    url: String,
    #[serde(default = "get")]
    method: Method,
    expect: Expectation,
    basis: Basis,
    confidence: Confidence,
    captured: Option<Captured>,
    trust: Trust,
    #[serde(default)]
    evidence: Vec<ExpectedEvidence>,
    serves: Option<String>,
    #[serde(default)]
    follow_redirects: u8,
    #[serde(default)]
    range: bool,
}

const fn get() -> Method {
    Method::Get
}

/// Parses and checks a catalog.
///
/// # Errors
/// Returns the first problem found.
pub fn parse(yaml: &str) -> Result<Catalog, CatalogError> {
    let raw: RawCatalog =
        serde_saphyr::from_str(yaml).map_err(|error| CatalogError::Syntax(error.to_string()))?;
    let mut components = Vec::new();
    let mut endpoints = Vec::new();
    for component in raw.components {
        if components.iter().any(|known: &ComponentSpec| known.component == component.component) {
            return Err(CatalogError::DuplicateComponent(component.component));
        }
        let own = component_endpoints(&component)?;
        check_needs(&component, &own)?;
        endpoints.extend(own);
        let RawComponent { component, optional, purpose, needs, services: _ } = component;
        components.push(ComponentSpec { component, optional, purpose, needs });
    }
    check_sources(&raw.update_sources, &components)?;
    Ok(Catalog {
        components,
        endpoints,
        redirect_hosts: raw.redirect_hosts,
        issuer_hosts: raw.issuer_hosts,
        microsoft_roots: raw.microsoft_roots,
        block_pages: raw.block_pages,
        update_sources: raw.update_sources,
        version_feeds: feeds(raw.version_feeds)?,
        download_test: raw.download_test.map(download_test).transpose()?,
    })
}

fn component_endpoints(component: &RawComponent) -> Result<Vec<Endpoint>, CatalogError> {
    let mut endpoints = Vec::new();
    let mut seen = BTreeSet::new();
    for service in &component.services {
        check_service(component.component, service)?;
        for substitution in substitutions(service) {
            for probe in &service.probes {
                let wrong = |problem| CatalogError::Endpoint {
                    component: component.component,
                    url: probe.url.clone(),
                    problem,
                };
                let endpoint = endpoint(component.component, service, probe, substitution).map_err(wrong)?;
                if !seen.insert(endpoint.url.as_str().to_owned()) {
                    return Err(wrong(EndpointProblem::Duplicate));
                }
                endpoints.push(endpoint);
            }
        }
    }
    Ok(endpoints)
}

/// Checks that the service has ports and probes, and that each region of `each` has values.
fn check_service(component: Component, service: &RawService) -> Result<(), CatalogError> {
    let ports = !service.ports.is_empty() && !service.ports.contains(&0);
    if ports && !service.probes.is_empty() && service.each.values().all(|values| !values.is_empty()) {
        return Ok(());
    }
    Err(CatalogError::Service { component, pattern: service.pattern.clone() })
}

/// A value for the placeholder.
#[derive(Clone, Copy)]
struct Substitution<'a> {
    geo: Option<Geo>,
    cloud: Option<Cloud>,
    value: Option<&'a str>,
}

/// The values of `each`. Without `each`, one entry without region and value.
fn substitutions(service: &RawService) -> Vec<Substitution<'_>> {
    if service.each.is_empty() {
        return vec![Substitution { geo: None, cloud: None, value: None }];
    }
    let regions = service.each.iter().flat_map(|(region, values)| {
        let (geo, cloud) = match region {
            Region::All => (None, None),
            Region::Geo(geo) => (Some(*geo), None),
            Region::Cloud(cloud) => (None, Some(*cloud)),
        };
        values.iter().map(move |value| Substitution { geo, cloud, value: Some(value) })
    });
    regions.collect()
}

fn endpoint(
    component: Component,
    service: &RawService,
    probe: &RawProbe,
    Substitution { geo, cloud, value }: Substitution<'_>,
) -> Result<Endpoint, EndpointProblem> {
    if probe.url.contains(PLACEHOLDER) != value.is_some()
        || (service.pattern.contains(PLACEHOLDER) && value.is_none())
    {
        return Err(EndpointProblem::Placeholder);
    }
    let fill = |text: &str| text.replace(PLACEHOLDER, value.unwrap_or_default());
    let url = ProbeUrl::parse(&fill(&probe.url))?;
    check_probe(probe, url.scheme())?;
    Ok(Endpoint {
        component,
        pattern: fill(&service.pattern),
        ports: service.ports.clone(),
        url,
        method: probe.method,
        expect: probe.expect.clone(),
        basis: probe.basis,
        confidence: probe.confidence,
        captured: probe.captured,
        evidence: probe.evidence.clone(),
        trust: probe.trust,
        may_be_inspected: service.may_be_inspected,
        may_be_replaced: false,
        geo,
        cloud,
        serves: probe.serves.clone(),
        follow_redirects: probe.follow_redirects,
        range: probe.range,
        interval: None,
        timeout: None,
    })
}

fn check_probe(probe: &RawProbe, scheme: Scheme) -> Result<(), EndpointProblem> {
    let plain = scheme == Scheme::Http;
    if plain != matches!(probe.trust, Trust::Plain | Trust::SignedObject) {
        return Err(EndpointProblem::Trust(probe.trust));
    }
    if plain && probe.evidence.is_empty() {
        return Err(EndpointProblem::NoEvidence);
    }
    if probe.range && (plain || probe.method != Method::Get) {
        return Err(EndpointProblem::Range);
    }
    if probe.confidence == Confidence::D && probe.captured.is_some() {
        return Err(EndpointProblem::Captured);
    }
    if let Expectation::OneOf(statuses) = &probe.expect
        && (statuses.is_empty() || statuses.iter().any(|status| !(100..600).contains(status)))
    {
        return Err(EndpointProblem::Status(probe.expect.to_string()));
    }
    for evidence in &probe.evidence {
        if let ExpectedEvidence::Header { name, .. } = evidence
            && name.chars().any(|c| c.is_ascii_uppercase())
        {
            return Err(EndpointProblem::HeaderCase(name.clone()));
        }
    }
    Ok(())
}

/// Checks that an endpoint serves each need, and that each endpoint serves only declared needs.
fn check_needs(component: &RawComponent, endpoints: &[Endpoint]) -> Result<(), CatalogError> {
    let needed: BTreeSet<&String> = component.needs.iter().collect();
    let served: BTreeSet<&String> =
        endpoints.iter().filter_map(|endpoint| endpoint.serves.as_ref()).collect();
    match needed.symmetric_difference(&served).next() {
        None => Ok(()),
        Some(need) => Err(CatalogError::Need { component: component.component, need: (*need).clone() }),
    }
}

#[cfg(test)]
mod tests;
