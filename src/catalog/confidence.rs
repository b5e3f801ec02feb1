//! The reliability of a catalog entry: its source, its confidence grade, and when the genuine answer was last captured.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::string_enum::string_enum;

string_enum! {
    /// Where a fact of the catalog comes from, strongest first.
    Basis {
        /// A Microsoft document.
        Document = "document",
        /// A test tool or code of Microsoft.
        Tool = "tool",
        /// A community script or capture.
        Community = "community",
        /// Inferred, not confirmed.
        Inferred = "inferred",
    }
}

string_enum! {
    /// How well the answer that the catalog expects of an endpoint is known, best first.
    Confidence {
        /// Two independent captures or tools since 2023, or Microsoft's own running configuration and one capture. Also
        /// what the user configured.
        A = "A",
        /// One capture since 2023, or a current Microsoft document.
        B = "B",
        /// Older than 2023, or indirect.
        C = "C",
        /// No capture was found: the answer is inferred.
        D = "D",
    }
}

impl Confidence {
    /// The meaning of the grade, in a few words.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::A => "two captures or tools since 2023, or set in the configuration",
            Self::B => "one capture since 2023, or a current Microsoft document",
            Self::C => "older than 2023, or indirect",
            Self::D => "never captured, inferred",
        }
    }
}

/// The month in which a genuine answer was last captured, or the year if the month is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Captured {
    /// The year (CE).
    pub year: u16,
    /// The month, 1 to 12.
    pub month: Option<u8>,
}

/// The text isn't the date of a capture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not the date of a capture: write a year or a month, such as 2026 or 2026-08")]
pub struct CapturedError(String);

impl FromStr for Captured {
    type Err = CapturedError;

    /// Parses `2026` or `2026-08`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || CapturedError(text.to_owned());
        let (year, month) = match text.split_once('-') {
            Some((year, month)) => (year, Some(digits(month, 2).ok_or_else(wrong)?)),
            None => (text, None),
        };
        let year = digits(year, 4).ok_or_else(wrong)?;
        let month = month.map(|month| u8::try_from(month).map_err(|_| wrong())).transpose()?;
        if month.is_some_and(|month| !(1..=12).contains(&month)) {
            return Err(wrong());
        }
        Ok(Self { year, month })
    }
}

/// Parses a number of exactly `count` decimal digits.
fn digits(text: &str, count: usize) -> Option<u16> {
    let decimal = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    if decimal { text.parse().ok() } else { None }
}

impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.month {
            Some(month) => f.pad(&format!("{:04}-{month:02}", self.year)),
            None => f.pad(&format!("{:04}", self.year)),
        }
    }
}

impl Serialize for Captured {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Captured {
    /// Parses a string with [`FromStr`].
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_has_a_year_or_a_month() {
        for (text, year, month) in
            [("2026-08", 2026, Some(8)), ("2019", 2019, None), ("2025-12", 2025, Some(12))]
        {
            let captured: Captured = text.parse().unwrap();
            assert_eq!(captured, Captured { year, month });
            assert_eq!(captured.to_string(), text);
        }
        for wrong in
            ["", "26", "2026-8", "2026-13", "2026-00", "2026-08-14", "+026", "2026-", "-08", "２０２６"]
        {
            let error = wrong.parse::<Captured>().expect_err(wrong).to_string();
            assert!(error.contains("a year or a month"), "{error}");
        }
    }
}
