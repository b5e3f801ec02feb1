//! Update sources that a company runs itself: the configuration has their addresses, and `on_premises.yaml` what proves them.

use std::borrow::Cow;
use std::sync::LazyLock;

use serde::Deserialize;

use super::component::ComponentSpec;
use super::confidence::{Basis, Confidence};
use super::contents::Catalog;
use super::endpoint::Endpoint;
use super::parse::embedded;
use super::types::{Expectation, ExpectedEvidence};
use super::updates::{ListedSource, SharedNeed, SourceSpec, UpdateSource};
use super::url::{ProbeUrl, Scheme, UrlError};

/// A source with what proves it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnPremisesSource {
    source: UpdateSource,
    purpose: String,
    needs: Vec<String>,
    probes: Vec<OnPremisesProbe>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OnPremisesProbe {
    path: String,
    expect: Expectation,
    basis: Basis,
    confidence: Confidence,
    evidence: Vec<ExpectedEvidence>,
    serves: String,
}

/// The sources that are known.
fn known() -> &'static [OnPremisesSource] {
    static KNOWN: LazyLock<Vec<OnPremisesSource>> = LazyLock::new(|| {
        serde_saphyr::from_str(include_str!("on_premises.yaml"))
            .expect("held by the test every_source_is_complete")
    });
    &KNOWN
}

impl ListedSource {
    /// The URLs that prove a source at `address`. Empty for Microsoft's sources.
    ///
    /// # Errors
    /// If one of them is no URL of a probe, because the address is too long.
    pub fn urls(source: UpdateSource, address: &ProbeUrl) -> Result<Vec<ProbeUrl>, UrlError> {
        let probes = known().iter().filter(|known| known.source == source).flat_map(|known| &known.probes);
        probes.map(|probe| url(address, &probe.path)).collect()
    }
}

fn url(address: &ProbeUrl, path: &str) -> Result<ProbeUrl, UrlError> {
    if address.scheme() == Scheme::Folder {
        return Ok(address.clone());
    }
    ProbeUrl::parse(&format!("{}{path}", address.as_str().trim_end_matches('/')))
}

impl ExpectedEvidence {
    /// Whether this program expects it of an endpoint, and not the configuration alone.
    #[must_use]
    pub fn is_published(&self) -> bool {
        let of_company = known().iter().flat_map(|known| &known.probes).map(|probe| &probe.evidence);
        let of_catalog = embedded().endpoints.iter().map(|endpoint| &endpoint.evidence);
        of_company.chain(of_catalog).any(|evidence| evidence.contains(self))
    }
}

impl Catalog {
    /// The catalog for a network whose clients update from these sources, in this order: with the endpoints of those that the
    /// company runs, and without the components of those that aren't listed, but for the needs that they share.
    #[must_use]
    pub fn with_sources(&self, listed: &[ListedSource]) -> Cow<'_, Self> {
        if listed == ListedSource::defaults() {
            Cow::Borrowed(self)
        } else {
            Cow::Owned(self.replace_sources(listed))
        }
    }

    fn replace_sources(&self, listed: &[ListedSource]) -> Self {
        let mut catalog = self.clone();
        let is_source = |spec: &ComponentSpec| {
            self.update_sources.iter().any(|source| source.component == spec.component)
        };
        let after = self.components.iter().rposition(is_source).map_or(self.components.len(), |at| at + 1);
        let added: Vec<_> = known().iter().filter_map(|known| known.spec(listed)).collect();
        catalog.components.splice(after..after, added);
        for listed in listed {
            catalog.endpoints.extend(known().iter().flat_map(|known| known.endpoints(listed)));
        }
        let is_unlisted = |source: &SourceSpec| !listed.iter().any(|listed| listed.source == source.source);
        for source in self.update_sources.iter().filter(|source| is_unlisted(source)) {
            catalog.endpoints.iter_mut().for_each(|endpoint| share(source, endpoint));
            catalog.components.retain(|spec| spec.component != source.component);
        }
        let company = known().iter().map(|known| SourceSpec {
            source: known.source,
            component: known.source.component(),
            needs: known.needs.clone(),
            shared: Vec::new(),
        });
        let specs: Vec<_> = self.update_sources.iter().cloned().chain(company).collect();
        let place = |source: &SourceSpec| listed.iter().position(|listed| listed.source == source.source);
        catalog.update_sources = specs.into_iter().filter(|source| place(source).is_some()).collect();
        catalog.update_sources.sort_by_key(place);
        catalog
    }
}

/// Gives an endpoint of a source that isn't listed to the component that shares its need, if one does.
fn share(source: &SourceSpec, endpoint: &mut Endpoint) {
    let is_shared = |shared: &&SharedNeed| endpoint.serves.as_ref() == Some(&shared.need);
    if endpoint.component == source.component
        && let Some(shared) = source.shared.iter().find(is_shared)
    {
        endpoint.component = shared.component;
        endpoint.serves = None;
        endpoint.may_be_replaced = true;
    }
}

impl OnPremisesSource {
    /// The component, if the source is listed.
    fn spec(&self, listed: &[ListedSource]) -> Option<ComponentSpec> {
        let is_listed = listed.iter().any(|listed| listed.source == self.source);
        is_listed.then(|| ComponentSpec {
            component: self.source.component(),
            optional: false,
            purpose: self.purpose.clone(),
            needs: self.needs.clone(),
        })
    }

    /// The endpoints at the address of a listed source; empty if that is another source.
    fn endpoints(&self, listed: &ListedSource) -> Vec<Endpoint> {
        let address = listed.address.as_ref().filter(|_| listed.source == self.source);
        let endpoint = |probe: &OnPremisesProbe| {
            let url = url(address?, &probe.path).ok()?; // the configuration refuses an address that is too long
            Some(Endpoint {
                ports: Some(url.port()).filter(|port| *port != 0).into_iter().collect(),
                expect: probe.expect.clone(),
                basis: probe.basis,
                confidence: probe.confidence,
                evidence: probe.evidence.clone(),
                serves: Some(probe.serves.clone()),
                // Companies have authorities of their own, so the trust is the default: this machine's roots.
                ..Endpoint::new(self.source.component(), url)
            })
        };
        self.probes.iter().filter_map(endpoint).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Component, embedded};

    use UpdateSource::{Adl, ConnectedCache, FileShare, InternalServer, MicrosoftUpdate};

    fn listed(source: UpdateSource, address: &str) -> ListedSource {
        ListedSource { source, address: Some(ProbeUrl::parse(address).unwrap()) }
    }

    #[test]
    fn every_source_is_complete() {
        let parsed: Vec<OnPremisesSource> = serde_saphyr::from_str(include_str!("on_premises.yaml")).unwrap();
        for source in UpdateSource::ALL {
            let known = parsed.iter().filter(|known| known.source == *source).count();
            let of_microsoft = embedded().update_sources.iter().find(|spec| spec.source == *source);
            assert_eq!(known, usize::from(of_microsoft.is_none()), "{source}");
            assert!(of_microsoft.is_none_or(|spec| spec.component == source.component()), "{source}");
            assert_eq!(source.component().is_on_premises(), of_microsoft.is_none(), "{source}");
        }
        for known in &parsed {
            let served: Vec<_> = known.probes.iter().map(|probe| probe.serves.as_str()).collect();
            assert_eq!(known.needs, served, "{}", known.source);
            let is_folder = |probe: &OnPremisesProbe| probe.path.is_empty() == probe.evidence.is_empty();
            assert!(known.probes.iter().all(is_folder), "{}: a folder alone has no evidence", known.source);
        }
    }

    #[test]
    fn microsofts_sources_alone_are_the_catalog_itself() {
        assert_eq!(&embedded().replace_sources(&ListedSource::defaults()), embedded());
    }

    /// Windows checks the chains of MAPS with the lists of roots, whatever it updates from.
    #[test]
    fn the_lists_of_roots_are_probed_whatever_the_source_is() {
        let check = |sources: &[ListedSource], component: Component, is_needed: bool| {
            let catalog = embedded().with_sources(sources);
            let lists = catalog.endpoints.iter().filter(|of| of.url.host() == "ctldl.windowsupdate.com");
            let found: Vec<_> =
                lists.map(|of| (of.component, of.serves.is_some(), !of.may_be_replaced)).collect();
            assert_eq!(found, [(component, is_needed, is_needed); 2], "{sources:?}");
            assert!(catalog.components.iter().any(|spec| spec.component == component), "{sources:?}");
            let mut urls: Vec<_> =
                catalog.endpoints.iter().map(|of| (of.component, of.url.as_str())).collect();
            urls.sort_unstable();
            assert!(urls.is_sorted_by(|one, other| one != other), "an endpoint is listed twice: {urls:?}");
        };
        let wsus = || listed(InternalServer, "http://wsus.example:8530");
        let microsoft = || ListedSource::from_catalog(MicrosoftUpdate);
        check(&ListedSource::defaults(), Component::Update, true);
        check(&[wsus(), microsoft()], Component::Update, true);
        check(&[wsus()], Component::Crl, false);
        check(&[ListedSource::from_catalog(Adl)], Component::Crl, false);
    }

    #[test]
    fn listed_sources_are_probed_in_their_order() {
        let check = |sources: &[ListedSource], components: &[Component], urls: &[&str]| {
            let catalog = embedded().with_sources(sources);
            let specs: Vec<_> = catalog.update_sources.iter().map(|spec| spec.source).collect();
            assert_eq!(specs, sources.iter().map(|listed| listed.source).collect::<Vec<_>>());
            let is_source = |of: &&ComponentSpec| {
                UpdateSource::ALL.iter().any(|source| source.component() == of.component)
            };
            let found: Vec<_> =
                catalog.components.iter().filter(is_source).map(|spec| spec.component).collect();
            assert_eq!(found, components);
            let own = catalog.endpoints.iter().filter(|endpoint| endpoint.component.is_on_premises());
            assert_eq!(own.map(|endpoint| endpoint.url.as_str()).collect::<Vec<_>>(), urls);
        };
        let wsus = || listed(InternalServer, "http://wsus.example:8530");
        let scan = "http://wsus.example:8530/ClientWebService/client.asmx";
        let cabinet = "http://wsus.example:8530/selfupdate/wuident.cab";
        check(&[wsus()], &[Component::Wsus], &[scan, cabinet]);
        let adl = || ListedSource::from_catalog(Adl);
        check(&[wsus(), adl()], &[Component::Adl, Component::Wsus], &[scan, cabinet]);
        let share = ProbeUrl::parse_folder(r"\\files.example\updates").unwrap();
        let share = ListedSource { source: FileShare, address: Some(share) };
        check(&[share], &[Component::FileShare], &[r"\\files.example\updates"]);
        let cache = listed(ConnectedCache, "https://cache.example/");
        check(
            &[cache, ListedSource::from_catalog(MicrosoftUpdate), adl()],
            &[Component::Update, Component::Adl, Component::ConnectedCache],
            &["https://cache.example/mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com"],
        );
    }
}
