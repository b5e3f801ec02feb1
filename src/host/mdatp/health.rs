//! Parses `mdatp health --output json`. Pure.
//!
//! The fields are those of Microsoft's page "Investigate agent health issues", which writes them as
//! `definitions_version`; the JSON has them as `definitionsVersion`, some as objects with a `value` or a `$type`,
//! numbers also as strings.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::super::{InstalledSignatures, SENSIBLE};
use crate::signatures::Version;
use crate::string_enum::string_enum;
use crate::text::clean;

/// Larger times are milliseconds, not seconds.
const MOST_SECONDS: u64 = 100_000_000_000;

/// The maximum number of entries in a list.
const MAX_ENTRIES: usize = 50;

string_enum! {
    /// The state of the definitions.
    DefinitionsStatus {
        /// Up to date.
        UpToDate = "up_to_date",
        /// Being updated.
        Updating = "updating",
        /// Not there.
        Unavailable = "unavailable",
        /// A state that Microsoft's page doesn't list.
        Other = "other",
    }
}

/// The product's health. Fields that are missing or invalid are `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MdatpHealth {
    /// Whether the product is healthy.
    pub healthy: Option<bool>,
    /// Whether cloud-delivered protection is on.
    pub cloud_enabled: Option<bool>,
    /// Whether real-time protection is on.
    pub real_time_protection: Option<bool>,
    /// Whether the antivirus is passive.
    pub passive_mode: Option<bool>,
    /// The state of the definitions.
    pub definitions: Option<DefinitionsStatus>,
    /// Applications that may conflict with the product, cleaned and truncated.
    pub conflicting_applications: Option<Vec<String>>,
    /// What the product complains about, cleaned and truncated.
    pub health_issues: Option<Vec<String>>,
    /// When the installed version reaches the end of support.
    pub product_expiration: Option<SystemTime>,
    /// Versions and update time of the definitions.
    pub signatures: InstalledSignatures,
}

/// The output isn't the product's health.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MdatpHealthError {
    /// Not JSON.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// No known field.
    #[error("no known field in the output")]
    Foreign,
}

impl MdatpHealth {
    /// Parses the output, printed at `now`.
    ///
    /// # Errors
    /// If it isn't a JSON object with at least one known field.
    pub fn parse(output: &[u8], now: SystemTime) -> Result<Self, MdatpHealthError> {
        let fields = HealthFields::parse(output)?;
        let version = |name| fields.text(name).and_then(|text| text.parse::<Version>().ok());
        let health = Self {
            healthy: fields.truth("healthy"),
            cloud_enabled: fields.truth("cloudenabled"),
            real_time_protection: fields.truth("realtimeprotectionenabled"),
            passive_mode: fields.truth("passivemodeenabled").or_else(|| fields.truth("passivemode")),
            definitions: fields.text("definitionsstatus").map(|status| DefinitionsStatus::new(&status)),
            conflicting_applications: fields.list("conflictingapplications"),
            health_issues: fields.list("healthissues"),
            product_expiration: fields.text("productexpiration").and_then(|text| time(&text)),
            signatures: InstalledSignatures {
                version: version("definitionsversion"),
                engine: version("engineversion"),
                platform: fields.text("appversion").and_then(|text| text.parse().ok()),
                built: None, // not printed
                applied: fields.updated(now),
            },
        };
        if health == Self::default() { Err(MdatpHealthError::Foreign) } else { Ok(health) }
    }

    /// Whether the definitions are up to date.
    #[must_use]
    pub fn definitions_up_to_date(&self) -> Option<bool> {
        self.definitions.map(|status| status == DefinitionsStatus::UpToDate)
    }
}

impl DefinitionsStatus {
    fn new(status: &str) -> Self {
        let status = normal(status);
        let known = Self::ALL.iter().find(|known| normal(known.as_str()) == status);
        known.copied().unwrap_or(Self::Other)
    }
}

/// The fields by normalized name: lower case, without underscores.
struct HealthFields(Vec<(String, Value)>);

impl HealthFields {
    /// Ignores lines around the object, such as licence warnings.
    fn parse(output: &[u8]) -> Result<Self, MdatpHealthError> {
        let start = output.iter().position(|byte| *byte == b'{').unwrap_or(0);
        let mut values = serde_json::Deserializer::from_slice(&output[start..]).into_iter::<Value>();
        match values.next() {
            Some(Ok(Value::Object(fields))) => {
                Ok(Self(fields.into_iter().map(|(name, value)| (normal(&name), value)).collect()))
            }
            Some(Err(error)) => Err(MdatpHealthError::Syntax(clean(&error.to_string()))),
            Some(Ok(_)) | None => Err(MdatpHealthError::Foreign),
        }
    }

    fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        match value {
            Value::Object(fields) => scalar(fields.get("value").or_else(|| fields.get("$type"))?),
            value => scalar(value),
        }
    }

    /// The entries of a list; those that are objects by their value or type.
    fn list(&self, name: &str) -> Option<Vec<String>> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        let entries = match value {
            Value::Object(fields) => fields.get("value")?.as_array()?,
            value => value.as_array()?,
        };
        let entry = |entry: &Value| {
            let text = match entry {
                Value::Object(fields) => {
                    ["value", "name", "$type"].iter().find_map(|key| scalar(fields.get(*key)?))
                }
                entry => scalar(entry),
            };
            clean(&text.unwrap_or_else(|| "unnamed".to_owned()))
        };
        Some(entries.iter().take(MAX_ENTRIES).map(entry).collect())
    }

    fn truth(&self, name: &str) -> Option<bool> {
        match self.text(name)?.to_ascii_lowercase().as_str() {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        }
    }

    /// When the definitions were updated, from the time or from their age.
    fn updated(&self, now: SystemTime) -> Option<SystemTime> {
        let updated = self.text("definitionsupdated").and_then(|text| time(&text));
        updated.or_else(|| {
            let minutes: u64 = self.text("definitionsupdatedminutesago")?.parse().ok()?;
            let ago = Duration::from_secs(minutes.checked_mul(60)?);
            now.checked_sub(ago)
                .filter(|at| *at >= SystemTime::UNIX_EPOCH + Duration::from_secs(SENSIBLE.start))
        })
    }
}

/// A Unix time in seconds or milliseconds, or RFC 3339.
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
