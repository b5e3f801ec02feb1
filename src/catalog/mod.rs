//! The network requirements of Defender Antivirus: types, the embedded data, and its parser.

mod component;
mod confidence;
mod contents;
mod endpoint;
mod error;
mod history;
mod on_premises;
mod parse;
mod types;
mod updates;
mod url;

pub use component::{Component, ComponentSpec};
pub use confidence::{Basis, Captured, CapturedError, Confidence};
pub use contents::Catalog;
pub use endpoint::Endpoint;
pub use error::{CatalogError, EndpointProblem};
pub use history::{
    CatalogChange, CatalogRelease, CatalogVersion, Change, ChangedProperty, Properties,
    UnknownCatalogVersion, changes_since, current_version, history,
};
pub use parse::{embedded, parse};
pub use types::{
    BlockPage, BodyKind, Cloud, Expectation, ExpectedEvidence, Fingerprint, Geo, HostPattern, KnownRoot,
    Method, Trust,
};
pub use updates::{
    DownloadTest, ListedSource, SharedNeed, SourceSpec, UpdateOrigin, UpdateSource, VersionFeed,
};
pub use url::{ProbeUrl, Scheme, UrlError};
