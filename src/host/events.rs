//! Events of Defender's log `Microsoft-Windows-Windows Defender/Operational`: the relevant events, the arguments and
//! output of `wevtutil.exe`, the counts of each kind, and the last failures (`failure.rs`). Pure; `windows.rs` runs the program.
//!
//! The events are documented on Microsoft's page "Review event logs and error codes to troubleshoot issues with
//! Microsoft Defender Antivirus", the elements in the Windows event schema.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Deserialize;

use super::{HostCollector, HostProblem, HostReadReason, decode};
use crate::advice;
use crate::catalog::UpdateOrigin;
use crate::string_enum::string_enum;
use crate::text::clean;

mod failure;
#[cfg(test)]
mod tests;

pub use failure::{UpdateFailure, UpdateStage};

/// The name of the log.
pub const LOG: &str = "Microsoft-Windows-Windows Defender/Operational";

/// The maximum number of events per query.
pub const MAX_EVENTS: usize = 100;

/// The maximum number of named values stored per event.
const MAX_DATA: usize = 32;

string_enum! {
    /// Events about the cloud and updates, by event id.
    EventKind {
        /// Malware, or Microsoft's test file, was detected.
        Detected = "1116",
        /// The signatures were updated.
        SignaturesUpdated = "2000",
        /// An update of the signatures failed.
        UpdateFailed = "2001",
        /// An update of the engine failed.
        EngineUpdateFailed = "2003",
        /// New signatures could not be loaded, and Defender went back to older ones.
        SignaturesReverted = "2004",
        /// An update of the platform failed.
        PlatformUpdateFailed = "2006",
        /// A signature was received from the cloud, so the connection works.
        DynamicSignature = "2010",
        /// The dynamic signature service failed.
        DynamicSignatureFailed = "2012",
        /// A file could not be downloaded from the cloud.
        CloudDownloadFailed = "2021",
    }
}

impl EventKind {
    /// A short description.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Detected => "malware detected",
            Self::SignaturesUpdated => "signatures updated",
            Self::UpdateFailed => "update of the signatures failed",
            Self::EngineUpdateFailed => "update of the engine failed",
            Self::SignaturesReverted => "new signatures could not be loaded",
            Self::PlatformUpdateFailed => "update of the platform failed",
            Self::DynamicSignature => "signature received from the cloud",
            Self::DynamicSignatureFailed => "signatures from the cloud failed",
            Self::CloudDownloadFailed => "download from the cloud failed",
        }
    }

    /// Whether it is about a request to the cloud.
    #[must_use]
    pub const fn is_of_cloud(self) -> bool {
        matches!(self, Self::DynamicSignature | Self::DynamicSignatureFailed | Self::CloudDownloadFailed)
    }

    /// The number of events of this kind to read when the exporter starts: the last one, and of updates that failed the last
    /// attempts, each of which can be of another source.
    #[must_use]
    pub const fn recalled(self) -> usize {
        if matches!(self, Self::UpdateFailed) { 10 } else { 1 }
    }

    /// The kind of event that tells that the same has succeeded. Returns `None` if there is none.
    #[must_use]
    pub const fn success(self) -> Option<Self> {
        match self {
            Self::UpdateFailed | Self::SignaturesReverted => Some(Self::SignaturesUpdated),
            Self::DynamicSignatureFailed => Some(Self::DynamicSignature),
            _ => None,
        }
    }
}

/// A logged event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its record number, ascending.
    pub record: u64,
    /// Its kind.
    pub kind: EventKind,
    /// Its time.
    pub at: SystemTime,
    /// Its named values, cleaned and truncated.
    pub data: Vec<(String, String)>,
}

impl LoggedEvent {
    /// The HRESULT among its values.
    #[must_use]
    pub fn hresult(&self) -> Option<u32> {
        advice::hresult_in(self.value("errorcode")?)
    }

    /// A value by its name in lower case without spaces. Returns `None` if it is empty.
    fn value(&self, name: &str) -> Option<&str> {
        let named = self.data.iter().filter(|(own, _)| compact(own) == name);
        named.map(|(_, value)| value.as_str()).find(|value| !value.is_empty())
    }
}

/// In lower case, without spaces: neither is the same in all versions of Windows.
fn compact(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).map(|c| c.to_ascii_lowercase()).collect()
}

/// The output isn't valid event XML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the events: {0}")]
pub struct EventsError(String);

/// The XPath query for events of these kinds with a record number above `after`.
#[must_use]
pub fn query(kinds: &[EventKind], after: u64) -> String {
    let ids: Vec<_> = kinds.iter().map(|kind| format!("EventID={kind}")).collect();
    format!("*[System[({}) and EventRecordID>{after}]]", ids.join(" or "))
}

/// The arguments of `wevtutil.exe` to print at most `most` events, starting with the newest or the oldest.
#[must_use]
pub fn arguments(query: &str, most: usize, newest_first: bool) -> Vec<String> {
    let mut arguments = vec!["qe".to_owned(), LOG.to_owned(), format!("/q:{query}"), format!("/c:{most}")];
    arguments.push(format!("/rd:{newest_first}"));
    arguments.extend(["/f:xml", "/e:Events", "/uni:true"].map(str::to_owned));
    arguments
}

#[derive(Deserialize)]
struct EventsElement {
    #[serde(rename = "Event", default)]
    events: Vec<EventElement>,
}

#[derive(Deserialize)]
struct EventElement {
    #[serde(rename = "System")]
    system: SystemElement,
    #[serde(rename = "EventData", default)]
    data: Option<EventData>,
}

#[derive(Deserialize)]
struct SystemElement {
    #[serde(rename = "EventID")]
    id: TextElement,
    #[serde(rename = "TimeCreated")]
    time: TimeCreated,
    #[serde(rename = "EventRecordID")]
    record: TextElement,
}

#[derive(Deserialize)]
struct TimeCreated {
    #[serde(rename = "@SystemTime")]
    system_time: String,
}

#[derive(Deserialize)]
struct EventData {
    #[serde(rename = "Data", default)]
    data: Vec<TextElement>,
}

/// The text of an element with any attributes.
#[derive(Deserialize)]
struct TextElement {
    #[serde(rename = "@Name", default)]
    name: Option<String>,
    #[serde(rename = "$text", default)]
    text: String,
}

/// Parses the output of `wevtutil` for [`arguments`]. Skips other kinds of events.
///
/// # Errors
/// If the output isn't valid event XML. Events before the error are discarded.
pub fn parse(output: &[u8]) -> Result<Vec<LoggedEvent>, EventsError> {
    let text = decode(output);
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let document: EventsElement =
        quick_xml::de::from_str(&text).map_err(|error| EventsError(clean(&error.to_string())))?;
    document.events.into_iter().filter_map(|entry| event(entry).transpose()).take(MAX_EVENTS).collect()
}

/// Why `wevtutil` failed. Its exit code is a Windows error: 5 is access denied, 2 and 15007 mean that the log doesn't
/// exist (Microsoft's page "System Error Codes").
#[must_use]
pub fn refused(code: Option<i32>, stderr: &[u8]) -> HostProblem {
    let reason = match code {
        Some(5) => HostReadReason::AccessDenied,
        Some(2 | 15007) => HostReadReason::NotFound,
        _ => HostReadReason::Failed,
    };
    let code = code.map_or_else(|| "without an exit code".to_owned(), |code| format!("with {code}"));
    HostProblem::new(
        HostCollector::EventLog,
        reason,
        format!("wevtutil.exe ended {code}: {}", decode(stderr).trim()),
    )
}

fn event(entry: EventElement) -> Result<Option<LoggedEvent>, EventsError> {
    let EventElement { system, data } = entry;
    let Some(kind) = EventKind::ALL.iter().find(|kind| kind.as_str() == system.id.text.trim()) else {
        return Ok(None);
    };
    let wrong = |what: &str, text: &str| EventsError(clean(&format!("{text:?} is no {what}")));
    let record = system.record.text.trim();
    let time = system.time.system_time.trim();
    let data = data.map(|data| data.data).unwrap_or_default();
    let named = data.into_iter().filter_map(|data| Some((clean(&data.name?), clean(data.text.trim()))));
    Ok(Some(LoggedEvent {
        record: record.parse().map_err(|_| wrong("record number", record))?,
        kind: *kind,
        at: humantime::parse_rfc3339(time).map_err(|_| wrong("time", time))?,
        data: named.take(MAX_DATA).collect(),
    }))
}

/// Statistics of one kind of event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventTally {
    /// The number of events since the exporter started.
    pub total: u64,
    /// The time of the last event, including those before the start.
    pub last: Option<SystemTime>,
}

/// The state of the log; contains every kind from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLog {
    /// By kind.
    pub tallies: BTreeMap<EventKind, EventTally>,
    /// The last failure of each kind and source.
    pub failures: BTreeMap<(EventKind, Option<UpdateOrigin>), UpdateFailure>,
    /// The record number of the newest event read.
    record: u64,
}

impl Default for EventLog {
    fn default() -> Self {
        let tallies = EventKind::ALL.iter().map(|kind| (*kind, EventTally::default())).collect();
        Self { tallies, failures: BTreeMap::new(), record: 0 }
    }
}

impl EventLog {
    /// Records the times of events from before the exporter started.
    pub fn recall(&mut self, events: &[LoggedEvent]) {
        self.fold(events, 0);
    }

    /// Counts new events.
    pub fn count(&mut self, events: &[LoggedEvent]) {
        self.fold(events, 1);
    }

    fn fold(&mut self, events: &[LoggedEvent], each: u64) {
        for event in events {
            let tally = self.tallies.entry(event.kind).or_default();
            tally.total += each;
            tally.last = tally.last.max(Some(event.at));
            self.record = self.record.max(event.record);
            if let Some(failure) = UpdateFailure::from_event(event) {
                self.keep(failure);
            }
        }
    }

    fn keep(&mut self, failure: UpdateFailure) {
        let last = self.failures.entry((failure.kind, failure.origin)).or_insert_with(|| failure.clone());
        if last.at <= failure.at {
            *last = failure;
        }
    }

    /// When the same succeeded after this failure. Returns `None` if it hasn't, or if no event would tell.
    #[must_use]
    pub fn succeeded_after(&self, failure: &UpdateFailure) -> Option<SystemTime> {
        let success = self.tallies.get(&failure.kind.success()?)?.last?;
        (success > failure.at).then_some(success)
    }

    /// The record number after which to read, given the newest event in the log. Returns `None` if there are no new
    /// events. If the newest event is older than one already read, the log was recreated and is read from its
    /// beginning.
    pub fn unread_after(&mut self, newest: Option<&LoggedEvent>) -> Option<u64> {
        let newest = newest?.record;
        if newest < self.record {
            self.record = 0;
        }
        (newest > self.record).then_some(self.record)
    }
}
