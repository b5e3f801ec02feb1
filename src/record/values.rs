//! Values of the document: times, bytes and texts. What a document may not contain is refused when it is read.

use std::fmt;
use std::marker::PhantomData;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::crypto::ring::ALL_CIPHER_SUITES;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::clamp_to_rfc3339;
use crate::observation::{FAILURE_CODES, Failure, FailureCode, FailureReason, Phase};
use crate::probe::cipher_name;
use crate::text::is_harmless;

/// The maximum length of a text, in bytes.
const MAX_TEXT: usize = 4096;

/// The maximum number of entries of a list within a probe. The exporter writes fewer than a hundred; more would only cost memory.
const MAX_ENTRIES: usize = 1024;

/// Reads a list of at most [`MAX_ENTRIES`].
///
/// # Errors
/// If it is longer.
pub(super) fn short_list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct ShortList<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for ShortList<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MAX_ENTRIES} entries")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
            let mut list = Vec::new();
            while let Some(entry) = entries.next_element()? {
                if list.len() == MAX_ENTRIES {
                    return Err(A::Error::invalid_length(MAX_ENTRIES + 1, &self));
                }
                list.push(entry);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_seq(ShortList(PhantomData))
}

/// A time, as RFC 3339 with nanoseconds: what is judged again must be judged at the same moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Time(
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))] pub(super) SystemTime,
);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_rfc3339_nanos(clamp_to_rfc3339(self.0)))
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        humantime::parse_rfc3339(&text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A duration, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub(super) struct Nanoseconds(u64);

impl From<Duration> for Nanoseconds {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

impl From<Nanoseconds> for Duration {
    fn from(nanoseconds: Nanoseconds) -> Self {
        Self::from_nanos(nanoseconds.0)
    }
}

/// Bytes, in base64.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Bytes(
    #[cfg_attr(test, schemars(with = "String", extend("contentEncoding" = "base64")))] pub(super) Vec<u8>,
);

impl Bytes {
    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(serde::de::Error::custom)
    }
}

/// A text that is shown to people. Control characters are refused: a record may come from anywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub(super) struct Text(String);

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() > MAX_TEXT {
            return Err("a text of more than 4096 bytes");
        }
        if !text.chars().all(is_harmless) {
            return Err("a text with control characters");
        }
        Ok(Self(text))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl From<&str> for Text {
    /// Of a text that the program cleaned.
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self(text.clone())
    }
}

/// The versions of TLS that are offered.
const VERSIONS: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

/// The version of TLS that a document names.
///
/// # Errors
/// If it isn't offered: in words.
pub(super) fn known_version(name: &str) -> Result<&'static str, String> {
    known(VERSIONS, name)
}

/// The cipher suite that a document names.
///
/// # Errors
/// If it isn't offered: in words.
pub(super) fn known_cipher(name: &str) -> Result<&'static str, String> {
    known(ALL_CIPHER_SUITES.iter().filter_map(|suite| cipher_name(suite.suite())), name)
}

fn known(names: impl IntoIterator<Item = &'static str>, name: &str) -> Result<&'static str, String> {
    names.into_iter().find(|known| *known == name).ok_or_else(|| format!("{name:?} is unknown"))
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(try_from = "FailureFields", into = "FailureFields")]
pub(super) struct RecordedFailure(pub(super) Failure);

/// Its fields.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct FailureFields {
    phase: Phase,
    reason: FailureReason,
    detail: String,
}

impl TryFrom<FailureFields> for RecordedFailure {
    type Error = String;

    fn try_from(fields: FailureFields) -> Result<Self, Self::Error> {
        let FailureFields { phase, reason, detail } = fields;
        if !FAILURE_CODES.contains(&FailureCode::new(phase, reason)) {
            return Err(format!("{phase} never fails with {reason}"));
        }
        Ok(Self(Failure::new(phase, reason, detail)))
    }
}

impl From<RecordedFailure> for FailureFields {
    fn from(RecordedFailure(Failure { phase, reason, detail }): RecordedFailure) -> Self {
        Self { phase, reason, detail }
    }
}

impl From<&Failure> for RecordedFailure {
    fn from(failure: &Failure) -> Self {
        Self(failure.clone())
    }
}
