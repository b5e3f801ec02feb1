//! What changed in the catalog's endpoints, version by version: read from `history.yaml`. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::endpoint::Endpoint;

/// A version of the catalog: the day of its last change, and a number if there were several, as `2026-11-30` or
/// `2026-11-30.2`. Ordered by age.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CatalogVersion(String);

impl CatalogVersion {
    /// The version as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CatalogVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The properties of an endpoint by their names in `catalog --format json`: texts as they are, other values as JSON.
pub type Properties = BTreeMap<String, String>;

/// A property's values before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangedProperty {
    /// The value before.
    pub from: String,
    /// The value after.
    pub to: String,
}

/// What happened to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Added(Properties),
    /// It is gone; its last properties.
    Removed(Properties),
    /// These properties changed.
    Changed(BTreeMap<String, ChangedProperty>),
}

/// A change of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogChange {
    /// The endpoint's id ([`Endpoint::id`]).
    pub id: String,
    /// What happened.
    pub change: Change,
}

/// A version with what it changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogRelease {
    /// The version.
    pub version: CatalogVersion,
    /// Why, in one sentence.
    pub reason: String,
    /// The changes, in the order of ids. Empty in the first version.
    pub changes: Vec<CatalogChange>,
}

/// The version isn't one of the catalog's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("catalog version {wanted:?} is not known; known are: {known}")]
pub struct UnknownCatalogVersion {
    wanted: String,
    known: String,
}

/// All versions, the newest first.
///
/// # Panics
/// If the embedded YAML is invalid. The test `the_history_ends_at_the_catalog` parses the same text.
#[must_use]
pub fn history() -> &'static [CatalogRelease] {
    static HISTORY: LazyLock<Vec<CatalogRelease>> = LazyLock::new(|| {
        serde_saphyr::from_str(include_str!("history.yaml"))
            .expect("held by the test the_history_ends_at_the_catalog")
    });
    &HISTORY
}

/// The version of the embedded catalog.
#[must_use]
pub fn current_version() -> &'static CatalogVersion {
    &history()[0].version // the test the_history_ends_at_the_catalog holds that there is one
}

/// The versions after this one, the newest first.
///
/// # Errors
/// If the version isn't one of the catalog's.
pub fn changes_since(version: &str) -> Result<&'static [CatalogRelease], UnknownCatalogVersion> {
    let all = history();
    if let Some(position) = all.iter().position(|release| release.version.0 == version.trim()) {
        return Ok(&all[..position]);
    }
    let known: Vec<_> = all.iter().map(|release| release.version.0.as_str()).collect();
    Err(UnknownCatalogVersion { wanted: crate::text::clean(version), known: known.join(", ") })
}

impl Endpoint {
    /// Identifies the endpoint in every version of the catalog, as `maps:https://wdcp.microsoft.com/`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}:{}", self.component, self.url)
    }
}

#[cfg(test)]
mod tests;
