//! The network requirements of Defender Antivirus: types, the embedded data, and its parser.

mod company;
mod component;
mod confidence;
mod error;
mod history;
mod parse;
mod types;
mod updates;
mod url;

pub use component::{Component, ComponentSpec};
pub use confidence::{Basis, Captured, CapturedError, Confidence};
pub use error::{CatalogError, EndpointProblem};
pub use history::{
    CatalogChange, CatalogRelease, CatalogVersion, Change, ChangedProperty, Properties,
    UnknownCatalogVersion, changes_since, current_version, history,
};
pub use parse::{embedded, parse};
pub use types::{
    BlockPage, BodyKind, Catalog, Cloud, Endpoint, Evidence, Expectation, Fingerprint, Geo, HostPattern,
    KnownRoot, Method, Trust,
};
pub use updates::{
    DownloadTest, ListedSource, SharedNeed, SourceSpec, UpdateOrigin, UpdateSource, VersionFeed,
};
pub use url::{ProbeUrl, Scheme, UrlError};
