//! Parses and checks update sources, version feeds and the download test.

use serde::Deserialize;

use crate::catalog::component::ComponentSpec;
use crate::catalog::confidence::Basis;
use crate::catalog::error::CatalogError;
use crate::catalog::updates::{DownloadTest, SharedNeed, SourceSpec, VersionFeed};
use crate::catalog::url::ProbeUrl;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFeed {
    url: String,
    basis: Basis,
}

/// Checks that each source is unique, and that its needs are needs of its component, at least one. Those that it shares are
/// among them, and go to another component.
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
            return wrong("is listed twice".to_owned());
        }
        if let Some(need) = spec.needs.iter().find(|need| !component.needs.contains(need)) {
            return wrong(format!("{need:?} is not a need of {}", spec.component));
        }
        if spec.needs.is_empty() {
            return wrong("at least one need".to_owned());
        }
        for SharedNeed { need, component } in &spec.shared {
            if !spec.needs.contains(need) {
                return wrong(format!("{need:?} is shared, but not a need of the source"));
            }
            if *component == spec.component || !components.iter().any(|known| known.component == *component) {
                return wrong(format!("{need:?} can't be shared with {component}"));
            }
        }
    }
    Ok(())
}

/// Parses the download test.
pub(super) fn download_test(RawFeed { url, basis }: RawFeed) -> Result<DownloadTest, CatalogError> {
    let parsed = ProbeUrl::parse(&url);
    parsed
        .map(|url| DownloadTest { url, basis })
        .map_err(|problem| CatalogError::DownloadTest { url, problem })
}

/// Parses the feeds, in the order in which they are queried.
pub(super) fn feeds(raw: Vec<RawFeed>) -> Result<Vec<VersionFeed>, CatalogError> {
    let feed = |RawFeed { url, basis }: RawFeed| match ProbeUrl::parse(&url) {
        Ok(url) => Ok(VersionFeed { url, basis }),
        Err(problem) => Err(CatalogError::Feed { url, problem }),
    };
    raw.into_iter().map(feed).collect()
}
