//! The catalog as a whole.

use serde::Serialize;

use super::component::ComponentSpec;
use super::endpoint::Endpoint;
use super::types::{BlockPage, HostPattern, KnownRoot};
use super::updates::{DownloadTest, SourceSpec, VersionFeed};

/// The network requirements of Defender Antivirus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Catalog {
    /// The components, in the order of Microsoft's document.
    pub components: Vec<ComponentSpec>,
    /// The components' endpoints, in the order of Microsoft's document.
    pub endpoints: Vec<Endpoint>,
    /// Hosts that a genuine answer may redirect to.
    pub redirect_hosts: Vec<HostPattern>,
    /// Hosts from which the probe may fetch missing intermediates (AIA `caIssuers`).
    pub issuer_hosts: Vec<HostPattern>,
    /// The roots that are genuine for [`Trust::Microsoft`](super::Trust::Microsoft).
    pub microsoft_roots: Vec<KnownRoot>,
    /// Marks of pages from filters, proxies and captive portals.
    pub block_pages: Vec<BlockPage>,
    /// The sources that clients update from.
    pub update_sources: Vec<SourceSpec>,
    /// The feeds that publish the current versions, in order of preference.
    pub version_feeds: Vec<VersionFeed>,
    /// The harmless file whose download a working Defender blocks.
    pub download_test: Option<DownloadTest>,
}

impl Catalog {
    /// Whether a genuine answer may redirect to `host`.
    #[must_use]
    pub fn allows_redirect_to(&self, host: &str) -> bool {
        self.redirect_hosts.iter().any(|pattern| pattern.matches(host))
    }
}
