//! The sources of security intelligence, and the feeds that publish its current version.

use serde::{Deserialize, Serialize};

use super::component::Component;
use super::confidence::Basis;
use super::url::ProbeUrl;
use crate::string_enum::string_enum;

string_enum! {
    /// A source that clients update their security intelligence from, as Microsoft's page "Manage the sources for Microsoft
    /// Defender Antivirus protection updates" names them.
    UpdateSource {
        /// Microsoft Update (`MicrosoftUpdateServer`).
        MicrosoftUpdate = "microsoft_update",
        /// The alternate download location (`MMPC`), used when the installed intelligence counts as out of date.
        Adl = "adl",
    }
}

string_enum! {
    /// Where this machine's Defender fetched an update from, by its own log. The words are those of [`UpdateSource`] where it
    /// has the source.
    UpdateOrigin {
        /// The company's own server (`InternalDefinitionUpdateServer`): WSUS or Configuration Manager.
        InternalServer = "internal_server",
        /// Microsoft Update (`MicrosoftUpdateServer`).
        MicrosoftUpdate = "microsoft_update",
        /// The alternate download location (`MMPC`).
        Adl = "adl",
        /// A file share (`FileShares`).
        FileShare = "file_share",
        /// The folder for updates on this machine, from which an installer takes them.
        UpdateFolder = "update_folder",
        /// Another source, or one that the log names in an unknown way.
        Unknown = "unknown",
    }
}

/// The needs that endpoints must serve for a source to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// The source.
    pub source: UpdateSource,
    /// The component whose endpoints the source uses.
    pub component: Component,
    /// The needs of that component that must all be served.
    pub needs: Vec<String>,
}

/// A feed that publishes the current versions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionFeed {
    /// The URL to fetch.
    pub url: ProbeUrl,
    /// The source of the URL.
    pub basis: Basis,
}

/// Microsoft's harmless file whose download a working Defender blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DownloadTest {
    /// The URL to fetch.
    pub url: ProbeUrl,
    /// The source of the URL.
    pub basis: Basis,
}
