//! What the state file says: a JSON document with a mark and a version. Pure: text ↔ what is kept of the state. Reading and
//! writing the file is `persist.rs`' business.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{FeedState, SignaturesState, SourceState};
use crate::catalog::UpdateSource;
use crate::plan::Plan;
use crate::signatures::{Published, Told, Version};

/// What tells the file from somebody else's.
const MARK: &str = "defender-exporter-state";

/// The version that is written, and the newest that is read.
const VERSION: u64 = 1;

/// 9999-12-31 23:59:59, the last second that can be written.
const LAST_SECOND: Duration = Duration::from_secs(253_402_300_799);

/// Why a document isn't a state that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// No JSON, or not to its end.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// JSON without the mark.
    #[error("it is not a state file of this program")]
    Foreign,
    /// A version that this program doesn't know.
    #[error("it has version {0}, and this program reads version {VERSION}")]
    Version(u64),
    /// The mark and the version, but not what belongs to them.
    #[error("it is not as it was written: {0}")]
    Malformed(String),
}

/// A time, written by RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Time(SystemTime);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bounds = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + LAST_SECOND);
        serializer.collect_str(&humantime::format_rfc3339_millis(self.0.clamp(bounds.0, bounds.1)))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_rfc3339(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// What is kept of the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    format: String,
    version: u64,
    last_chance: Option<Time>,
    sources: Vec<SavedSource>,
    feeds: Vec<SavedFeed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SavedSource {
    source: UpdateSource,
    route: String,
    last_available: Time,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SavedFeed {
    route: String,
    feed: String,
    signatures: Version,
    engine: Version,
    platform: Version,
    published_at: Time,
    newest: Vec<SavedNewest>,
    behind_since: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SavedNewest {
    feed: String,
    signatures: Version,
    at: Time,
}

impl Saved {
    /// What of a state outlives the process.
    #[must_use]
    pub fn of(state: &SignaturesState) -> Self {
        let source = |known: &SourceState| {
            let last_available = Time(known.last_available?);
            Some(SavedSource { source: known.source, route: known.route.clone(), last_available })
        };
        let feed = |known: &FeedState| Some(SavedFeed::of(&known.route, known.told.as_ref()?));
        Self {
            format: MARK.to_owned(),
            version: VERSION,
            last_chance: state.last_chance.map(Time),
            sources: state.sources.iter().filter_map(source).collect(),
            feeds: state.feeds.iter().filter_map(feed).collect(),
        }
    }

    /// The document.
    ///
    /// # Panics
    /// Never: strings, numbers and lists of them can always be written.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings, numbers and lists can be written") + "\n"
    }

    /// Reads a document. What it has besides is passed over.
    ///
    /// # Errors
    /// When it isn't one that this version of the program can use.
    pub fn from_json(bytes: &[u8]) -> Result<Self, SavedError> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| SavedError::Damaged(error.to_string()))?;
        if value.get("format").and_then(Value::as_str) != Some(MARK) {
            return Err(SavedError::Foreign);
        }
        match value.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(other) => return Err(SavedError::Version(other)),
            None => return Err(SavedError::Malformed("no version".to_owned())),
        }
        serde_json::from_value(value).map_err(|error| SavedError::Malformed(error.to_string()))
    }

    /// Puts what was kept where it belongs, as it is believed at `now`. Routes and feeds that `plan` no longer has are
    /// forgotten; what could be done by them still counts as the last chance.
    pub fn restore(&self, state: &mut SignaturesState, plan: &Plan, now: SystemTime) {
        let known = |url: &str| plan.signatures.feeds.iter().any(|feed| feed.as_str() == url);
        for SavedSource { source, route, last_available } in &self.sources {
            let mut places = state.sources.iter_mut();
            if let Some(place) = places.find(|place| place.source == *source && place.route == *route) {
                place.last_available = Some(last_available.0);
            }
        }
        for saved in self.feeds.iter().filter(|saved| known(&saved.feed)) {
            if let Some(place) = state.feeds.iter_mut().find(|place| place.route == saved.route) {
                place.told = Some(saved.told(known));
            }
        }
        state.last_chance = self.last_chance.map(|Time(at)| at).or(state.last_chance);
        state.keep_time(now);
    }
}

impl SavedFeed {
    fn of(route: &str, told: &Told) -> Self {
        let Published { signatures, engine, platform, published_at } = told.published;
        let newest = told.newest.iter().map(|(feed, (signatures, at))| SavedNewest {
            feed: feed.clone(),
            signatures: *signatures,
            at: Time(*at),
        });
        Self {
            route: route.to_owned(),
            feed: told.feed.clone(),
            signatures,
            engine,
            platform,
            published_at: Time(published_at),
            newest: newest.collect(),
            behind_since: told.behind_since.map(Time),
        }
    }

    fn told(&self, known: impl Fn(&str) -> bool) -> Told {
        let Self { signatures, engine, platform, published_at, .. } = self.clone();
        let newest: BTreeMap<_, _> = self
            .newest
            .iter()
            .filter(|newest| known(&newest.feed))
            .map(|newest| (newest.feed.clone(), (newest.signatures, newest.at.0)))
            .collect();
        Told {
            published: Published { signatures, engine, platform, published_at: published_at.0 },
            feed: self.feed.clone(),
            newest,
            behind_since: self.behind_since.map(|Time(at)| at),
        }
    }
}

#[cfg(test)]
mod tests;
