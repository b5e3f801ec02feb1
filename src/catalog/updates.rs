//! Where clients get security intelligence from, and where its version is published: types, and what must hold of them.

use serde::{Deserialize, Serialize};

use super::parse::CatalogError;
use super::types::{Basis, Component, ComponentSpec};
use super::url::ProbeUrl;
use crate::words::words;

words! {
    /// A source that clients update their security intelligence from, as Microsoft's page "Manage the sources for Microsoft
    /// Defender Antivirus protection updates" names them.
    UpdateSource {
        /// Microsoft Update (`MicrosoftUpdateServer`).
        MicrosoftUpdate = "microsoft_update",
        /// The alternate download location (`MMPC`), used when the installed intelligence counts as out of date.
        Adl = "adl",
    }
}

/// What must answer for a source to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// Which source.
    pub source: UpdateSource,
    /// The component whose endpoints it is made of.
    pub component: Component,
    /// The needs of that component which must all be served.
    pub needs: Vec<String>,
}

/// A place where the current versions are published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionFeed {
    /// What is fetched.
    pub url: ProbeUrl,
    /// Where it is known from.
    pub basis: Basis,
}

/// Microsoft's harmless file that a working Defender stops.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DownloadTest {
    /// What is fetched.
    pub url: ProbeUrl,
    /// Where it is known from.
    pub basis: Basis,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFeed {
    url: String,
    basis: Basis,
}

/// The sources, each once and each of needs that its component has.
pub(super) fn check_sources(
    sources: &[SourceSpec],
    components: &[ComponentSpec],
) -> Result<(), CatalogError> {
    for (n, spec) in sources.iter().enumerate() {
        let wrong = |problem| Err(CatalogError::Source { source_name: spec.source, problem });
        let Some(component) = components.iter().find(|known| known.component == spec.component) else {
            return wrong(format!("{} is not described", spec.component));
        };
        if sources[..n].iter().any(|known| known.source == spec.source) {
            return wrong("stands twice".to_owned());
        }
        if let Some(need) = spec.needs.iter().find(|need| !component.needs.contains(need)) {
            return wrong(format!("{need:?} is no need of {}", spec.component));
        }
        if spec.needs.is_empty() {
            return wrong("at least one need".to_owned());
        }
    }
    Ok(())
}

/// The file of the download test.
pub(super) fn download_test(RawFeed { url, basis }: RawFeed) -> Result<DownloadTest, CatalogError> {
    let parsed = ProbeUrl::parse(&url);
    parsed
        .map(|url| DownloadTest { url, basis })
        .map_err(|problem| CatalogError::DownloadTest { url, problem })
}

/// The feeds, in the order in which they are asked.
pub(super) fn feeds(raw: Vec<RawFeed>) -> Result<Vec<VersionFeed>, CatalogError> {
    let feed = |RawFeed { url, basis }: RawFeed| match ProbeUrl::parse(&url) {
        Ok(url) => Ok(VersionFeed { url, basis }),
        Err(problem) => Err(CatalogError::Feed { url, problem }),
    };
    raw.into_iter().map(feed).collect()
}
