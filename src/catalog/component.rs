//! The services of Defender Antivirus, by which the catalog groups its endpoints.

use serde::Serialize;

use crate::string_enum::string_enum;

string_enum! {
    /// A service of Defender Antivirus, as the rows of Microsoft's table group them, or an optional group.
    Component {
        /// Cloud-delivered protection, the Microsoft Active Protection Service.
        Maps = "maps",
        /// Microsoft Update and Windows Update.
        Update = "update",
        /// Security intelligence from the alternate download location.
        Adl = "adl",
        /// The company's own update server.
        Wsus = "wsus",
        /// The company's file share with packages of security intelligence.
        FileShare = "file_share",
        /// The company's cache of Microsoft's downloads.
        ConnectedCache = "connected_cache",
        /// Malware sample storage.
        Submission = "submission",
        /// Certificate revocation lists.
        Crl = "crl",
        /// Diagnostic data, the Universal GDPR client.
        Diagnostics = "diagnostics",
        /// Optional: the consolidated domains of Defender for Endpoint.
        Streamlined = "streamlined",
        /// Optional: the command channel of Defender for Endpoint.
        Mde = "mde",
        /// Optional: clouds of the United States government.
        Usgov = "usgov",
        /// Optional: certificate hosts that the document omits.
        PkiExtended = "pki_extended",
        /// No service of Defender: what Windows asks to learn whether there is an Internet.
        Control = "control",
    }
}

impl Component {
    /// Whether the company runs it, so that the configuration has its address.
    #[must_use]
    pub const fn is_on_premises(self) -> bool {
        matches!(self, Self::Wsus | Self::FileShare | Self::ConnectedCache)
    }

    /// Whether it isn't Defender's: its endpoints show whether there is an Internet, and count nowhere as Defender's.
    #[must_use]
    pub const fn is_control(self) -> bool {
        matches!(self, Self::Control)
    }

    /// The components of Defender: all but the control.
    pub fn of_defender() -> impl Iterator<Item = Self> + Clone {
        Self::ALL.iter().copied().filter(|component| !component.is_control())
    }

    /// Microsoft's page that lists its hosts. `None` for what a company runs, and for hosts that no page lists.
    #[must_use]
    pub const fn page(self) -> Option<&'static str> {
        match self {
            Self::Maps | Self::Update | Self::Adl | Self::Submission | Self::Crl | Self::Diagnostics => Some(
                "https://learn.microsoft.com/defender-endpoint/configure-network-connections-microsoft-defender-antivirus",
            ),
            Self::Streamlined => Some(
                "https://learn.microsoft.com/defender-endpoint/streamlined-device-connectivity-urls-commercial",
            ),
            Self::Mde => Some(
                "https://learn.microsoft.com/defender-endpoint/standard-device-connectivity-urls-commercial",
            ),
            Self::Usgov => {
                Some("https://learn.microsoft.com/defender-endpoint/streamlined-device-connectivity-urls-gov")
            }
            Self::Control => Some(
                "https://learn.microsoft.com/troubleshoot/windows-client/networking/internet-explorer-edge-open-connect-corporate-public-network",
            ),
            Self::Wsus | Self::FileShare | Self::ConnectedCache | Self::PkiExtended => None,
        }
    }

    /// The service's name for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Maps => "Cloud protection (MAPS)",
            Self::Update => "Microsoft Update",
            Self::Adl => "Alternate download location",
            Self::Wsus => "Windows Server Update Services (WSUS)",
            Self::FileShare => "File share",
            Self::ConnectedCache => "Microsoft Connected Cache",
            Self::Submission => "Sample submission",
            Self::Crl => "Revocation lists",
            Self::Diagnostics => "Diagnostic data",
            Self::Streamlined => "Streamlined domains",
            Self::Mde => "Defender for Endpoint commands",
            Self::Usgov => "US government clouds",
            Self::PkiExtended => "Further certificate hosts",
            Self::Control => "Internet control",
        }
    }
}

/// A service of Defender: its purpose, and the needs that endpoints must serve for it to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComponentSpec {
    /// The component.
    pub component: Component,
    /// Disabled unless the configuration's `groups` lists it.
    pub optional: bool,
    /// How the component contributes to a machine's protection, in one sentence.
    pub purpose: String,
    /// The component works if, for each of these needs, at least one endpoint that `serves` it answers.
    pub needs: Vec<String>,
}
