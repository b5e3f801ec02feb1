//! What Defender Antivirus needs from the network: types, the embedded data, and its parser.

mod parse;
mod types;
mod updates;
mod url;

pub use parse::{CatalogError, EndpointProblem, embedded, parse};
pub use types::{
    Basis, BlockPage, BodyKind, Catalog, Component, ComponentSpec, Endpoint, Evidence, Expectation,
    Fingerprint, Geo, HostPattern, KnownRoot, Method, Trust,
};
pub use updates::{DownloadTest, SourceSpec, UpdateSource, VersionFeed};
pub use url::{ProbeUrl, Scheme, UrlError};
