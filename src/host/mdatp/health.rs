//! What `mdatp health --output json` prints. Pure.
//!
//! The fields are those of Microsoft's page "Investigate agent health issues", which writes them as `definitions_version`;
//! the JSON has them as `definitionsVersion`, some as objects with a `value` or a `$type`, numbers also as texts.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::super::{InstalledSignatures, SENSIBLE};
use crate::signatures::Version;
use crate::text::clean;

/// Times of more seconds than this are milliseconds.
const MOST_SECONDS: u64 = 100_000_000_000;

/// What the product says of itself. A field that is missing, or can't be read, is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Whether it calls itself healthy.
    pub healthy: Option<bool>,
    /// Whether cloud-delivered protection is on.
    pub cloud_enabled: Option<bool>,
    /// Whether it calls its definitions up to date.
    pub definitions_up_to_date: Option<bool>,
    /// Versions and the time of the definitions.
    pub signatures: InstalledSignatures,
}

/// It isn't the product's health.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HealthError {
    /// No JSON.
    #[error("it is no JSON: {0}")]
    Syntax(String),
    /// None of the fields that are known.
    #[error("it has none of the known fields")]
    Foreign,
}

impl Health {
    /// Reads the output; `now` is when it was printed.
    ///
    /// # Errors
    /// When it is no JSON object with at least one of the known fields.
    pub fn parse(output: &[u8], now: SystemTime) -> Result<Self, HealthError> {
        let fields = Fields::parse(output)?;
        let version = |name| fields.text(name).and_then(|text| text.parse::<Version>().ok());
        let health = Self {
            healthy: fields.truth("healthy"),
            cloud_enabled: fields.truth("cloudenabled"),
            definitions_up_to_date: fields
                .text("definitionsstatus")
                .map(|status| normal(&status) == "uptodate"),
            signatures: InstalledSignatures {
                version: version("definitionsversion"),
                engine: version("engineversion"),
                platform: fields.text("appversion").and_then(|text| text.parse().ok()),
                built: None, // not told
                applied: fields.updated(now),
            },
        };
        if health == Self::default() { Err(HealthError::Foreign) } else { Ok(health) }
    }
}

/// The fields by their names without capitals and underscores.
struct Fields(Vec<(String, Value)>);

impl Fields {
    /// Lines around the object don't matter: warnings about the licence, say.
    fn parse(output: &[u8]) -> Result<Self, HealthError> {
        let start = output.iter().position(|byte| *byte == b'{').unwrap_or(0);
        let mut values = serde_json::Deserializer::from_slice(&output[start..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(Value::Object(fields))) => {
                Ok(Self(fields.into_iter().map(|(name, value)| (normal(&name), value)).collect()))
            }
            Some(Err(error)) => Err(HealthError::Syntax(clean(&error.to_string()))),
            Some(Ok(_)) | None => Err(HealthError::Foreign),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        match value {
            Value::Object(fields) => scalar(fields.get("value").or_else(|| fields.get("$type"))?),
            value => scalar(value),
        }
    }

    fn truth(&self, name: &str) -> Option<bool> {
        match self.text(name)?.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// When the definitions were updated: the time, or how long ago it was.
    fn updated(&self, now: SystemTime) -> Option<SystemTime> {
        let told = self.text("definitionsupdated").and_then(|text| time(&text));
        told.or_else(|| {
            let minutes: u64 = self.text("definitionsupdatedminutesago")?.parse().ok()?;
            let ago = Duration::from_secs(minutes.checked_mul(60)?);
            now.checked_sub(ago)
                .filter(|at| *at >= SystemTime::UNIX_EPOCH + Duration::from_secs(SENSIBLE.start))
        })
    }
}

/// Seconds or milliseconds since 1970, or a time as RFC 3339 has it.
fn time(text: &str) -> Option<SystemTime> {
    let since = match text.parse() {
        Ok(millis @ MOST_SECONDS..) => Duration::from_millis(millis),
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let at = humantime::parse_rfc3339_weak(text).ok()?;
            at.duration_since(SystemTime::UNIX_EPOCH).ok()?
        }
    };
    SENSIBLE.contains(&since.as_secs()).then(|| SystemTime::UNIX_EPOCH + since)
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn normal(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '_' | ' ')).flat_map(char::to_lowercase).collect()
}
