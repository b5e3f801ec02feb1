//! The format of the state file: a JSON document with a marker and a version. Pure. `persist.rs` reads and writes the
//! file.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::{FeedState, SignaturesState, SourceState};
use crate::catalog::UpdateSource;
use crate::clock::clamp_to_rfc3339;
use crate::plan::Plan;
use crate::signatures::{FeedHistory, NewestReport, Published, Version};

/// The marker of the exporter's files.
const MARK: &str = "defender-exporter-state";

/// The current version, which is also the newest that can be read.
const VERSION: u64 = 1;

/// Why a document isn't a usable state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedError {
    /// It isn't complete JSON.
    #[error("damaged: {0}")]
    Damaged(String),
    /// It is JSON without the marker.
    #[error("not a state file of this program")]
    Foreign,
    /// Its version is unknown.
    #[error("version {0}, but this program reads version {VERSION}")]
    Version(u64),
    /// It has the marker and the version, but not the expected contents.
    #[error("unexpected contents: {0}")]
    Malformed(String),
}

/// A time, as RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SavedTime(SystemTime);

impl Serialize for SavedTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_rfc3339_millis(clamp_to_rfc3339(self.0)))
    }
}

impl<'de> Deserialize<'de> for SavedTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_rfc3339(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// The saved part of the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    format: String,
    version: u64,
    last_chance: Option<SavedTime>,
    sources: Vec<SavedSource>,
    feeds: Vec<SavedFeed>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SavedSource {
    source: UpdateSource,
    route: String,
    last_available: SavedTime,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SavedFeed {
    route: String,
    feed: String,
    signatures: Version,
    engine: Version,
    platform: Version,
    published_at: SavedTime,
    newest: Vec<SavedNewest>,
    behind_since: Option<SavedTime>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct SavedNewest {
    feed: String,
    signatures: Version,
    at: SavedTime,
}

impl Saved {
    /// The part of the state to save.
    #[must_use]
    pub fn from_state(state: &SignaturesState) -> Self {
        let source = |known: &SourceState| {
            let last_available = SavedTime(known.last_available?);
            Some(SavedSource { source: known.source, route: known.route.clone(), last_available })
        };
        let feed = |known: &FeedState| Some(SavedFeed::new(&known.route, known.history.as_ref()?));
        Self {
            format: MARK.to_owned(),
            version: VERSION,
            last_chance: state.last_chance.map(SavedTime),
            sources: state.sources.iter().filter_map(source).collect(),
            feeds: state.feeds.iter().filter_map(feed).collect(),
        }
    }

    /// Formats the document.
    ///
    /// # Panics
    /// Never: strings, numbers and lists can always be serialized.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings, numbers and lists can be written") + "\n"
    }

    /// Parses a document, ignoring unknown members.
    ///
    /// # Errors
    /// If this version of the exporter can't use it.
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

    /// Restores the state, correcting times that are after `now`. Drops routes and feeds that `plan` no longer
    /// contains, but what could be updated through them still counts as the last opportunity.
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
                place.history = Some(saved.feed_history(known));
            }
        }
        state.last_chance = self.last_chance.map(|SavedTime(at)| at).or(state.last_chance);
        state.keep_time(now);
    }
}

impl SavedFeed {
    fn new(route: &str, history: &FeedHistory) -> Self {
        let Published { signatures, engine, platform, published_at } = history.published;
        let newest = history.newest.iter().map(|(feed, newest)| SavedNewest {
            feed: feed.clone(),
            signatures: newest.signatures,
            at: SavedTime(newest.at),
        });
        Self {
            route: route.to_owned(),
            feed: history.feed.clone(),
            signatures,
            engine,
            platform,
            published_at: SavedTime(published_at),
            newest: newest.collect(),
            behind_since: history.behind_since.map(SavedTime),
        }
    }

    fn feed_history(&self, known: impl Fn(&str) -> bool) -> FeedHistory {
        let Self { signatures, engine, platform, published_at, .. } = self.clone();
        let newest: BTreeMap<_, _> = self
            .newest
            .iter()
            .filter(|newest| known(&newest.feed))
            .map(|newest| {
                let report = NewestReport { signatures: newest.signatures, at: newest.at.0 };
                (newest.feed.clone(), report)
            })
            .collect();
        FeedHistory {
            published: Published { signatures, engine, platform, published_at: published_at.0 },
            feed: self.feed.clone(),
            newest,
            behind_since: self.behind_since.map(|SavedTime(at)| at),
        }
    }
}

#[cfg(test)]
mod tests;
