//! Why an update failed, and from where: the values of a failure's event. Pure.
//!
//! The names of the values are those of a captured event 2001 (2018), which has spaces in them, and of the provider's manifest
//! (Windows 10 1803 and 18990), which has none. A value such as `%%851` is the number of a message in `MpEvMsg.dll`, whose numbers have
//! stayed the same since Windows 8; the texts behind them are translated on other systems than English ones.

use std::time::SystemTime;

use super::{EventKind, LoggedEvent};
use crate::advice::{self, Advice};
use crate::catalog::UpdateOrigin;
use crate::string_enum::string_enum;

string_enum! {
    /// The step of the update that failed.
    UpdateStage {
        /// Asking the source what it offers.
        Search = "search",
        /// Fetching it.
        Download = "download",
        /// Installing it.
        Install = "install",
    }
}

/// A failed update, or a failed request to the cloud.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateFailure {
    /// The kind of event.
    pub kind: EventKind,
    /// When it was logged.
    pub at: SystemTime,
    /// The error.
    pub hresult: Option<u32>,
    /// The error in the words of Windows, in the system's language; cleaned.
    pub description: Option<String>,
    /// The source. `None` if this kind of event names none.
    pub origin: Option<UpdateOrigin>,
    /// The step that failed. `None` if this kind of event names none.
    pub stage: Option<UpdateStage>,
    /// The URL, server or share; cleaned.
    pub path: Option<String>,
    /// The version that stayed in use: of the security intelligence, the engine or the platform; cleaned.
    pub version: Option<String>,
}

/// The sources by number and, in English, by name, without spaces.
const ORIGINS: [(UpdateOrigin, &str, &[&str]); 5] = [
    (
        UpdateOrigin::InternalServer,
        "%%849",
        &["internaldefinitionupdateserver", "internalsecurityintelligenceupdateserver"],
    ),
    (UpdateOrigin::MicrosoftUpdate, "%%859", &["microsoftupdateserver"]),
    (
        UpdateOrigin::Adl,
        "%%851",
        &["microsoftmalwareprotectioncenter", "microsoftmalwareprotectioncenter(mmpc)", "mmpc"],
    ),
    (UpdateOrigin::FileShare, "%%850", &["fileshare"]),
    (
        UpdateOrigin::UpdateFolder,
        "%%817",
        &["signatureupdatefolder", "securityintelligenceupdatefolder", "securityintelligencefolder"],
    ),
];

/// The steps, likewise.
const STAGES: [(UpdateStage, &str); 3] =
    [(UpdateStage::Search, "%%852"), (UpdateStage::Download, "%%853"), (UpdateStage::Install, "%%854")];

impl UpdateFailure {
    /// The failure that an event tells of. Returns `None` for other kinds of events.
    #[must_use]
    pub fn from_event(event: &LoggedEvent) -> Option<Self> {
        let versions: &[&str] = match event.kind {
            EventKind::UpdateFailed => &["previoussignatureversion", "previoussecurityintelligenceversion"],
            EventKind::EngineUpdateFailed => &["previousengineversion"],
            EventKind::SignaturesReverted => {
                &["loadingsignatureversion", "loadingsecurityintelligenceversion"]
            }
            EventKind::PlatformUpdateFailed => &["productversion"],
            EventKind::DynamicSignatureFailed | EventKind::CloudDownloadFailed => {
                &["currentsignatureversion", "currentsecurityintelligenceversion"]
            }
            EventKind::Detected | EventKind::SignaturesUpdated | EventKind::DynamicSignature => return None,
        };
        let text = |names: &[&str]| names.iter().find_map(|name| event.value(name)).map(str::to_owned);
        Some(Self {
            kind: event.kind,
            at: event.at,
            hresult: event.hresult(),
            description: text(&["errordescription"]),
            origin: event.value("updatesource").map(origin),
            stage: event.value("updatestate").or_else(|| event.value("updatestage")).and_then(stage),
            path: text(&["sourcepath"]),
            version: text(versions),
        })
    }

    /// The error's explanation. Returns `None` without an error, or for one of an unknown family.
    #[must_use]
    pub fn advice(&self) -> Option<Advice> {
        let code = self.hresult?;
        if self.kind.is_of_cloud() {
            advice::for_hresult(code)
        } else {
            advice::for_update(code, self.origin)
        }
    }

    /// The error's meaning in a few words, from a closed set.
    #[must_use]
    pub fn title(&self) -> Option<&'static str> {
        let title = if self.kind.is_of_cloud() { advice::hresult_title } else { advice::update_title };
        self.hresult.and_then(title)
    }

    /// What to change first, from a closed set; empty if unknown.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self.hresult {
            Some(code) if self.kind.is_of_cloud() => advice::action::for_hresult(code),
            Some(code) => advice::update_action(code, self.origin),
            None => "",
        }
    }
}

fn origin(value: &str) -> UpdateOrigin {
    let value = super::compact(value);
    let known = ORIGINS.iter().find(|(_, number, names)| value == *number || names.contains(&value.as_str()));
    known.map_or(UpdateOrigin::Unknown, |(origin, ..)| *origin)
}

fn stage(value: &str) -> Option<UpdateStage> {
    let value = super::compact(value);
    let known = STAGES.iter().find(|(stage, number)| value == *number || value == stage.as_str());
    known.map(|(stage, _)| *stage)
}

#[cfg(test)]
mod tests;
