//! Probes the machine's own MAPS URLs in addition to the catalog's. Pure.

use super::registry::MapsUrl;
use crate::catalog::{Catalog, Component, Scheme, Trust};
use crate::config::{Config, EndpointOverride, RequestKey};

/// The MAPS URLs that neither the catalog nor the configuration contains, as endpoints. They serve the same need as the
/// catalog's first default host, because this machine's client queries them instead. Their responses are unknown, so
/// any response is accepted that comes over a chain of Microsoft or the public web PKI.
#[must_use]
pub fn endpoints(urls: &[MapsUrl], catalog: &Catalog, config: &Config) -> Vec<EndpointOverride> {
    let need = catalog.components.iter().find(|spec| spec.component == Component::Maps);
    let need = need.and_then(|spec| spec.needs.first());
    let in_catalog = catalog.endpoints.iter().map(|endpoint| (endpoint.component, &endpoint.url));
    let in_config = config.endpoints.iter().map(|endpoint| (endpoint.component, &endpoint.url));
    let known: Vec<_> =
        in_catalog.chain(in_config).filter(|(component, _)| *component == Component::Maps).collect();
    let mut added: Vec<EndpointOverride> = Vec::new();
    for MapsUrl { url, .. } in urls.iter().filter(|own| own.url.scheme() == Scheme::Https) {
        let same = |other| RequestKey::new(other) == RequestKey::new(url);
        if known.iter().any(|(_, known)| same(known)) || added.iter().any(|added| same(&added.url)) {
            continue;
        }
        added.push(EndpointOverride {
            trust: Some(Trust::Public),
            serves: need.cloned(),
            ..EndpointOverride::unchanged(Component::Maps, url.clone())
        });
    }
    added
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{ProbeUrl, embedded};
    use crate::host::registry::MapsProtocol;
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
            "https://wdcp.microsoft.com:443/", // the catalog's, spelled differently
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
    fn added_urls_are_probed_as_maps_endpoints() {
        let own = "https://own.wdcp.example/wdcp.svc/submitReport";
        let mut config = Config::default();
        config.endpoints = added(&[own], &config);
        let plan = plan::plan(embedded(), &config).unwrap();
        let target = plan.targets.iter().find(|target| target.endpoint.url.as_str() == own).unwrap();
        assert_eq!(target.endpoint.component, Component::Maps);
        assert_eq!(target.endpoint.serves.as_deref(), Some("default_hosts"));
        assert_eq!(target.endpoint.trust, Trust::Public);
    }
}
