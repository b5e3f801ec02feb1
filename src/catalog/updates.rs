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
        /// The company's own server (`InternalDefinitionUpdateServer`): WSUS, or Configuration Manager's software update point.
        InternalServer = "internal_server",
        /// A file share (`FileShares`), or another folder that the packages lie in.
        FileShare = "file_share",
        /// A Microsoft Connected Cache, or another cache host of Delivery Optimization: a copy of what the other sources offer.
        ConnectedCache = "connected_cache",
    }
}

impl UpdateSource {
    /// The component whose endpoints the source uses.
    #[must_use]
    pub const fn component(self) -> Component {
        match self {
            Self::MicrosoftUpdate => Component::Update,
            Self::Adl => Component::Adl,
            Self::InternalServer => Component::Wsus,
            Self::FileShare => Component::FileShare,
            Self::ConnectedCache => Component::ConnectedCache,
        }
    }

    /// Whether a client can stay current with this source alone. A cache knows no updates: clients ask it for what another
    /// source names.
    #[must_use]
    pub const fn suffices(self) -> bool {
        !matches!(self, Self::ConnectedCache)
    }
}

/// A source that clients of a network update from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSource {
    /// The source.
    pub source: UpdateSource,
    /// Where it is, for a source that the company runs.
    pub address: Option<ProbeUrl>,
}

impl ListedSource {
    /// A source of Microsoft, whose endpoints the catalog has.
    #[must_use]
    pub const fn from_catalog(source: UpdateSource) -> Self {
        Self { source, address: None }
    }

    /// The sources that clients use which nobody configures.
    #[must_use]
    pub fn defaults() -> Vec<Self> {
        vec![Self::from_catalog(UpdateSource::MicrosoftUpdate), Self::from_catalog(UpdateSource::Adl)]
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
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SourceSpec {
    /// The source.
    pub source: UpdateSource,
    /// The component whose endpoints the source uses.
    pub component: Component,
    /// The needs of that component that must all be served.
    pub needs: Vec<String>,
    /// Those that clients have whatever their source is. Without this source, another component has their endpoints.
    #[serde(default)]
    pub shared: Vec<SharedNeed>,
}

/// A need that clients have whatever they update from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SharedNeed {
    /// The need of the source's component.
    pub need: String,
    /// The component that has its endpoints where the source isn't listed.
    pub component: Component,
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
