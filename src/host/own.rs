//! The machine's own URLs of MAPS, as endpoints to probe besides the catalog's. Pure.

use super::registry::MapsUrl;
use crate::catalog::{Catalog, Component, Scheme, Trust};
use crate::config::{Config, EndpointOverride, request_of};

/// What these URLs add to a configuration: those that neither the catalog nor the configuration has. They count as ways to
/// MAPS, since this machine's client takes them. Nothing is known of their answers: any that comes over a chain of Microsoft's
/// or of the public web PKI is genuine.
#[must_use]
pub fn endpoints(urls: &[MapsUrl], catalog: &Catalog, config: &Config) -> Vec<EndpointOverride> {
    let need = catalog.components.iter().find(|spec| spec.component == Component::Maps);
    let need = need.and_then(|spec| spec.needs.first());
    let in_catalog = catalog.endpoints.iter().map(|endpoint| (endpoint.component, &endpoint.url));
    let in_config = config.endpoints.iter().map(|endpoint| (endpoint.component, &endpoint.url));
    let known: Vec<_> = in_catalog.chain(in_config).filter(|(of, _)| *of == Component::Maps).collect();
    let mut added: Vec<EndpointOverride> = Vec::new();
    for MapsUrl { url, .. } in urls.iter().filter(|own| own.url.scheme() == Scheme::Https) {
        let same = |other| request_of(other) == request_of(url);
        if known.iter().any(|(_, known)| same(known)) || added.iter().any(|added| same(&added.url)) {
            continue;
        }
        added.push(EndpointOverride {
            trust: Some(Trust::Public),
            serves: need.cloned(),
            ..EndpointOverride::of(Component::Maps, url.clone())
        });
    }
    added
}

#[cfg(test)]
mod tests {
    use super::super::registry::MapsProtocol;
    use super::*;
    use crate::catalog::{ProbeUrl, embedded};
    use crate::plan;

    fn url(text: &str) -> ProbeUrl {
        ProbeUrl::parse(text).unwrap()
    }

    fn added(urls: &[&str], config: &Config) -> Vec<EndpointOverride> {
        let own = |text: &&str| MapsUrl { protocol: MapsProtocol::Rest, url: url(text) };
        endpoints(&urls.iter().map(own).collect::<Vec<_>>(), embedded(), config)
    }

    #[test]
    fn what_is_known_already_is_not_added() {
        let mut config = Config::default();
        let urls = [
            "https://wdcp.microsoft.com:443/", // the catalog's, written otherwise
            "https://wdcp.microsoft.com/wdcp.svc/submitReport",
            "https://wdcp.microsoft.com:443/wdcp.svc/submitReport",
            "http://wdcp.microsoft.com/plain",
        ];
        let found = added(&urls, &config);
        let texts: Vec<_> = found.iter().map(|endpoint| endpoint.url.as_str()).collect();
        assert_eq!(texts, ["https://wdcp.microsoft.com/wdcp.svc/submitReport"]);
        config.endpoints = found;
        assert_eq!(added(&urls, &config), []);
        assert_eq!(added(&[], &config), []);
    }

    #[test]
    fn what_is_added_is_probed_as_a_way_to_maps() {
        let own = "https://own.wdcp.example/wdcp.svc/submitReport";
        let mut config = Config::default();
        config.endpoints = added(&[own], &config);
        let plan = plan::plan(embedded(), &config).unwrap();
        let target = plan.targets.iter().find(|target| target.endpoint.url.as_str() == own).unwrap();
        assert_eq!(target.endpoint.component, Component::Maps);
        assert_eq!(target.endpoint.serves.as_deref(), Some("cloud"));
        assert_eq!(target.endpoint.trust, Trust::Public);
    }
}
