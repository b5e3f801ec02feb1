//! YAML → [`Catalog`]. Everything that a probe relies on is checked here, once: a malformed catalog never gets further.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::types::{
    Basis, BlockPage, Catalog, Component, ComponentSpec, Endpoint, Evidence, Expectation, Geo, HostPattern,
    KnownRoot, Method, Trust,
};
use super::updates::{RawFeed, SourceSpec, UpdateSource, check_sources, download_test, feeds};
use super::url::{ProbeUrl, Scheme, UrlError};

/// The place in pattern and URLs that `each` fills.
const PLACEHOLDER: &str = "{}";

/// The catalog that the program carries.
///
/// # Panics
/// Never in a build that passed its tests: `the_embedded_catalog_is_good` parses the same text.
#[must_use]
pub fn embedded() -> &'static Catalog {
    static EMBEDDED: LazyLock<Catalog> = LazyLock::new(|| {
        parse(include_str!("endpoints.yaml")).expect("held by the test the_embedded_catalog_is_good")
    });
    &EMBEDDED
}

/// What is wrong with a catalog, and where.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// No YAML, or not of the catalog's shape.
    #[error("{0}")]
    Syntax(String),
    /// A component is described twice.
    #[error("{0} is described twice")]
    DuplicateComponent(Component),
    /// A service without ports or probes, or with port 0.
    #[error(
        "{component}: {pattern}: a service has at least one port, none of them 0, and at least one probe"
    )]
    Service {
        /// Whose.
        component: Component,
        /// Which.
        pattern: String,
    },
    /// A need that no endpoint serves, or a service to a need that isn't one.
    #[error("{component}: {need:?} is needed by the component or served by an endpoint, but not both")]
    Need {
        /// Whose.
        component: Component,
        /// Which.
        need: String,
    },
    /// An update source is wrong.
    #[error("update source {source_name}: {problem}")]
    Source {
        /// Which.
        source_name: UpdateSource,
        /// What is wrong with it.
        problem: String,
    },
    /// A version feed's URL is wrong.
    #[error("version feed {url:?}: {problem}")]
    Feed {
        /// As it is written.
        url: String,
        /// What is wrong with it.
        problem: UrlError,
    },
    /// The URL of the download test is wrong.
    #[error("download test {url:?}: {problem}")]
    DownloadTest {
        /// As it is written.
        url: String,
        /// What is wrong with it.
        problem: UrlError,
    },
    /// An endpoint is wrong.
    #[error("{component}: {url}: {problem}")]
    Endpoint {
        /// Whose.
        component: Component,
        /// As it is written.
        url: String,
        /// What is wrong with it.
        problem: EndpointProblem,
    },
}

/// What is wrong with an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointProblem {
    /// The URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The component has it already.
    #[error("stands twice in its component")]
    Duplicate,
    /// A status outside 100–599, or none at all.
    #[error("expects {0}: statuses are 100 to 599, at least one")]
    Status(String),
    /// Plain HTTP proves nothing by itself.
    #[error("plain HTTP needs evidence")]
    NoEvidence,
    /// The trust is of another scheme.
    #[error("trust {0} does not fit the URL's scheme")]
    Trust(Trust),
    /// Header names are compared in lower case.
    #[error("the header name {0:?} is not in lower case")]
    HeaderCase(String),
    /// `each` without a placeholder, or a placeholder without `each`.
    #[error("the placeholder {{}} and `each` go together")]
    Placeholder,
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

/// A region, or the word for whatever region.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Region {
    All,
    #[serde(untagged)]
    Of(Geo),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProbe {
    url: String,
    #[serde(default = "get")]
    method: Method,
    expect: Expectation,
    basis: Basis,
    trust: Trust,
    #[serde(default)]
    evidence: Vec<Evidence>,
    serves: Option<String>,
    #[serde(default)]
    follow_redirects: u8,
}

const fn get() -> Method {
    Method::Get
}

/// Parses and checks a catalog.
///
/// # Errors
/// At the first thing that is wrong with it.
pub fn parse(yaml: &str) -> Result<Catalog, CatalogError> {
    let raw: RawCatalog =
        serde_saphyr::from_str(yaml).map_err(|error| CatalogError::Syntax(error.to_string()))?;
    let mut components = Vec::new();
    let mut endpoints = Vec::new();
    for component in raw.components {
        if components.iter().any(|known: &ComponentSpec| known.component == component.component) {
            return Err(CatalogError::DuplicateComponent(component.component));
        }
        let own = endpoints_of(&component)?;
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

fn endpoints_of(component: &RawComponent) -> Result<Vec<Endpoint>, CatalogError> {
    let mut endpoints = Vec::new();
    let mut seen = BTreeSet::new();
    for service in &component.services {
        check_service(component.component, service)?;
        for (geo, value) in values(service) {
            for probe in &service.probes {
                let wrong = |problem| CatalogError::Endpoint {
                    component: component.component,
                    url: probe.url.clone(),
                    problem,
                };
                let endpoint = endpoint(component.component, service, probe, geo, value).map_err(wrong)?;
                if !seen.insert(endpoint.url.as_str().to_owned()) {
                    return Err(wrong(EndpointProblem::Duplicate));
                }
                endpoints.push(endpoint);
            }
        }
    }
    Ok(endpoints)
}

/// What is written must lead to a probe.
fn check_service(component: Component, service: &RawService) -> Result<(), CatalogError> {
    let ports = !service.ports.is_empty() && !service.ports.contains(&0);
    if ports && !service.probes.is_empty() && service.each.values().all(|values| !values.is_empty()) {
        return Ok(());
    }
    Err(CatalogError::Service { component, pattern: service.pattern.clone() })
}

/// What fills the placeholder, with its region; once nothing where there is no `each`.
fn values(service: &RawService) -> Vec<(Option<Geo>, Option<&str>)> {
    if service.each.is_empty() {
        return vec![(None, None)];
    }
    let of = |region: &Region| match region {
        Region::All => None,
        Region::Of(geo) => Some(*geo),
    };
    service
        .each
        .iter()
        .flat_map(|(region, values)| values.iter().map(move |value| (of(region), Some(value.as_str()))))
        .collect()
}

fn endpoint(
    component: Component,
    service: &RawService,
    probe: &RawProbe,
    geo: Option<Geo>,
    value: Option<&str>,
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
        evidence: probe.evidence.clone(),
        trust: probe.trust,
        may_be_inspected: service.may_be_inspected,
        geo,
        serves: probe.serves.clone(),
        follow_redirects: probe.follow_redirects,
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
    if let Expectation::OneOf(statuses) = &probe.expect
        && (statuses.is_empty() || statuses.iter().any(|status| !(100..600).contains(status)))
    {
        return Err(EndpointProblem::Status(probe.expect.to_string()));
    }
    for evidence in &probe.evidence {
        if let Evidence::Header { name, .. } = evidence
            && name.chars().any(|c| c.is_ascii_uppercase())
        {
            return Err(EndpointProblem::HeaderCase(name.clone()));
        }
    }
    Ok(())
}

/// Every need is served, and nothing serves what isn't needed.
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
