//! What `MpCmdRun.exe -ValidateMapsConnection` printed and how it ended → whether this machine's Defender is connected to
//! MAPS. Pure: it is run in `windows.rs`.
//!
//! The texts are those of Microsoft's page "Configure and validate Microsoft Defender Antivirus network connections" and of
//! newer builds as administrators captured them. Localised builds translate the sentences, but neither the name of the
//! command nor the codes.

use jiff::civil::DateTime;

use super::local_time::{self, DateOrder};
use super::{Problem, Reason, Source, decode};
use crate::advice::{self, Advice};
use crate::text::clean;

#[cfg(test)]
mod tests;

/// The longest part of an unknown output that is kept, in characters.
const MAX_TEXT: usize = 1000;

/// The process isn't elevated.
const ACCESS_DENIED: u32 = 0x8007_0005;

/// What Defender itself found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is connected.
    Connected,
    /// It isn't.
    Failed {
        /// The error.
        hresult: u32,
        /// `httpcode`, where it is told.
        http: Option<u16>,
    },
    /// The output says neither, or both.
    Unknown,
}

/// What the tool said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    /// Whether it is connected.
    pub outcome: Outcome,
    /// The last successful connection in the machine's local time, where a newer build tells it.
    pub last_connection: Option<DateTime>,
    /// The output for the log: its lines cleaned, the whole cut.
    pub text: String,
}

impl Validation {
    /// Reads the output, in UTF-8, UTF-16LE or a code page of old, and the exit code: 0, or the HRESULT as a signed number.
    /// `order` is that of the machine's dates.
    #[must_use]
    pub fn parse(output: &[u8], exit_code: Option<i32>, order: Option<DateOrder>) -> Self {
        let text = decode(output);
        Self {
            outcome: outcome(&text, exit_code),
            last_connection: last_connection(&text, order),
            text: for_the_log(&text),
        }
    }

    /// Whether Defender is connected; none where that isn't told: an output that can't be understood, or a process that may
    /// not ask.
    #[must_use]
    pub const fn connected(&self) -> Option<bool> {
        match self.outcome {
            Outcome::Connected => Some(true),
            Outcome::Failed { hresult: ACCESS_DENIED, .. } | Outcome::Unknown => None,
            Outcome::Failed { .. } => Some(false),
        }
    }

    /// Why it isn't told whether Defender is connected.
    #[must_use]
    pub fn problem(&self) -> Option<Problem> {
        let (reason, what) = match self.outcome {
            Outcome::Failed { hresult: ACCESS_DENIED, .. } => (
                Reason::AccessDenied,
                "MpCmdRun.exe may not ask: run the exporter as LocalSystem or elevated".to_owned(),
            ),
            Outcome::Unknown => {
                (Reason::Malformed, format!("the output of MpCmdRun.exe is not understood: {}", self.text))
            }
            Outcome::Connected | Outcome::Failed { .. } => return None,
        };
        Some(Problem::new(Source::MapsValidation, reason, what))
    }

    /// Cause and remedy of the failure.
    #[must_use]
    pub fn advice(&self) -> Option<Advice> {
        match self.outcome {
            Outcome::Failed { hresult, .. } => advice::for_hresult(hresult),
            Outcome::Connected | Outcome::Unknown => None,
        }
    }
}

fn outcome(text: &str, exit_code: Option<i32>) -> Outcome {
    let lower = text.to_ascii_lowercase();
    let success = lower.contains("successfully established a connection to maps");
    let hresult = lower.lines().filter(|line| !is_diagnosis(line)).find_map(advice::hresult_in);
    let by_exit = exit_code.filter(|code| *code < 0).map(i32::cast_unsigned);
    match (success, hresult.or(by_exit), exit_code) {
        (true, None, None | Some(0)) => Outcome::Connected,
        (false, Some(hresult), _) => Outcome::Failed { hresult, http: http_code(&lower) },
        // A translated success: the command's name stays, and a failure would have a code.
        (false, None, Some(0)) if lower.contains("maps") && !lower.contains("fail") => Outcome::Connected,
        _ => Outcome::Unknown,
    }
}

/// A line about something on the way, whose error isn't the command's: `MpIsConnectedToInternet(): hr = …`.
fn is_diagnosis(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("mpis") || line.starts_with("mpensure")
}

/// The number behind `httpcode`, or `httpcore` as the page misprints it.
fn http_code(lower: &str) -> Option<u16> {
    let (_, rest) = lower.split_once("httpcode").or_else(|| lower.split_once("httpcore"))?;
    let digits = rest.trim_start_matches([' ', '=', ':']);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// What stands in brackets behind "Last Successful MAPS connection:".
fn last_connection(text: &str, order: Option<DateOrder>) -> Option<DateTime> {
    let label = "last successful maps connection";
    let lower = text.to_ascii_lowercase(); // as long as the text
    let rest = &text[lower.find(label)? + label.len()..];
    let line = rest.lines().next()?;
    let (_, inside) = line.split_once('[')?;
    local_time::parse(inside.split_once(']')?.0, order)
}

fn for_the_log(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(clean).filter(|line| !line.trim().is_empty()).collect();
    let whole = lines.join(" | ");
    let cut = whole.char_indices().nth(MAX_TEXT).map(|(at, _)| at);
    cut.map_or_else(|| whole.clone(), |at| format!("{}…", &whole[..at]))
}
