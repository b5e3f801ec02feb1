//! Events of Defender's log `Microsoft-Windows-Windows Defender/Operational`: which matter here, how `wevtutil.exe` is asked
//! for them and what it prints, and what is known of each kind. Pure: it is asked in `windows.rs`.
//!
//! The events are those of Microsoft's page "Review event logs and error codes to troubleshoot issues with Microsoft
//! Defender Antivirus", the elements those of the Windows event schema.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Deserialize;

use super::{Problem, Reason, Source, decode};
use crate::advice;
use crate::text::clean;
use crate::words::words;

#[cfg(test)]
mod tests;

/// Its name.
pub const LOG: &str = "Microsoft-Windows-Windows Defender/Operational";

/// The most events that are asked for at once.
pub const MAX_EVENTS: usize = 100;

/// The most named values that are kept of an event.
const MAX_DATA: usize = 32;

words! {
    /// The events that tell of the cloud and of updates, by their ids.
    EventKind {
        /// Malware, or Microsoft's test file, was detected.
        Detected = "1116",
        /// The signatures were updated.
        SignaturesUpdated = "2000",
        /// An update of the signatures failed.
        UpdateFailed = "2001",
        /// A signature came from the cloud: it works.
        DynamicSignature = "2010",
        /// The service of signatures from the cloud failed.
        DynamicSignatureFailed = "2012",
        /// A file from the cloud could not be downloaded.
        CloudDownloadFailed = "2021",
    }
}

impl EventKind {
    /// What happened, in a few words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Detected => "malware detected",
            Self::SignaturesUpdated => "signatures updated",
            Self::UpdateFailed => "update of the signatures failed",
            Self::DynamicSignature => "signature received from the cloud",
            Self::DynamicSignatureFailed => "signatures from the cloud failed",
            Self::CloudDownloadFailed => "download from the cloud failed",
        }
    }
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedEvent {
    /// Its number in the log, rising.
    pub record: u64,
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub at: SystemTime,
    /// Its named values, cleaned and cut.
    pub data: Vec<(String, String)>,
}

impl LoggedEvent {
    /// The HRESULT that it tells of.
    #[must_use]
    pub fn hresult(&self) -> Option<u32> {
        let code = self.data.iter().find(|(name, _)| name.eq_ignore_ascii_case("error code"));
        code.and_then(|(_, value)| advice::hresult_in(value))
    }
}

/// It isn't what `wevtutil` prints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the events can't be read: {0}")]
pub struct EventsError(String);

/// The query for events of these kinds with a number above `after` (XPath, as the Windows Event Log understands it).
#[must_use]
pub fn query(kinds: &[EventKind], after: u64) -> String {
    let ids: Vec<_> = kinds.iter().map(|kind| format!("EventID={kind}")).collect();
    format!("*[System[({}) and EventRecordID>{after}]]", ids.join(" or "))
}

/// The arguments of `wevtutil.exe` for at most `most` events, the newest or the oldest of them first.
#[must_use]
pub fn arguments(query: &str, most: usize, newest_first: bool) -> Vec<String> {
    let mut arguments = vec!["qe".to_owned(), LOG.to_owned(), format!("/q:{query}"), format!("/c:{most}")];
    arguments.push(format!("/rd:{newest_first}"));
    arguments.extend(["/f:xml", "/e:Events", "/uni:true"].map(str::to_owned));
    arguments
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Event", default)]
    events: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "System")]
    system: System,
    #[serde(rename = "EventData", default)]
    data: Option<EventData>,
}

#[derive(Deserialize)]
struct System {
    #[serde(rename = "EventID")]
    id: Text,
    #[serde(rename = "TimeCreated")]
    time: TimeCreated,
    #[serde(rename = "EventRecordID")]
    record: Text,
}

#[derive(Deserialize)]
struct TimeCreated {
    #[serde(rename = "@SystemTime")]
    system_time: String,
}

#[derive(Deserialize)]
struct EventData {
    #[serde(rename = "Data", default)]
    data: Vec<Text>,
}

/// An element with a text, whatever its attributes.
#[derive(Deserialize)]
struct Text {
    #[serde(rename = "@Name", default)]
    name: Option<String>,
    #[serde(rename = "$text", default)]
    text: String,
}

/// What `wevtutil` printed for [`arguments`]. Events of other kinds are left out.
///
/// # Errors
/// When it isn't events in XML; those that were read are lost with it.
pub fn parse(output: &[u8]) -> Result<Vec<LoggedEvent>, EventsError> {
    let text = decode(output);
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    let document: Document =
        quick_xml::de::from_str(&text).map_err(|error| EventsError(clean(&error.to_string())))?;
    document.events.into_iter().filter_map(|entry| event(entry).transpose()).take(MAX_EVENTS).collect()
}

/// Why `wevtutil` ended with another exit code than 0: it is the number of a Windows error, 5 that access is denied, 2 or 15007
/// that there is no such log (Microsoft's page "System Error Codes").
#[must_use]
pub fn refused(code: Option<i32>, stderr: &[u8]) -> Problem {
    let reason = match code {
        Some(5) => Reason::AccessDenied,
        Some(2 | 15007) => Reason::NotFound,
        _ => Reason::Failed,
    };
    let code = code.map_or_else(|| "without an exit code".to_owned(), |code| format!("with {code}"));
    Problem::new(Source::EventLog, reason, format!("wevtutil.exe ended {code}: {}", decode(stderr).trim()))
}

fn event(entry: Entry) -> Result<Option<LoggedEvent>, EventsError> {
    let Entry { system, data } = entry;
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

/// What is known of one kind of event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventTally {
    /// Events since the exporter started.
    pub total: u64,
    /// When the last one was, also before that.
    pub last: Option<SystemTime>,
}

/// What is known of the log; every kind is there from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventLog {
    /// By kind.
    pub tallies: BTreeMap<EventKind, EventTally>,
    /// The number of the newest event seen.
    record: u64,
}

impl Default for EventLog {
    fn default() -> Self {
        let tallies = EventKind::ALL.iter().map(|kind| (*kind, EventTally::default())).collect();
        Self { tallies, record: 0 }
    }
}

impl EventLog {
    /// Takes in events from before the exporter started.
    pub fn recall(&mut self, events: &[LoggedEvent]) {
        self.fold(events, 0);
    }

    /// Takes in events that are new.
    pub fn count(&mut self, events: &[LoggedEvent]) {
        self.fold(events, 1);
    }

    fn fold(&mut self, events: &[LoggedEvent], each: u64) {
        for event in events {
            let tally = self.tallies.entry(event.kind).or_default();
            tally.total += each;
            tally.last = tally.last.max(Some(event.at));
            self.record = self.record.max(event.record);
        }
    }

    /// From which number on events are to be read, when the newest in the log is this one; none: there is nothing new. A
    /// log whose newest event is older than one that was seen has been made anew, and counts from its beginning.
    pub fn unread_after(&mut self, newest: Option<&LoggedEvent>) -> Option<u64> {
        let newest = newest?.record;
        if newest < self.record {
            self.record = 0;
        }
        (newest > self.record).then_some(self.record)
    }
}
