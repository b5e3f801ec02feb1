//! Parses the output and exit code of `MpCmdRun.exe -ValidateMapsConnection`: whether Defender is connected to MAPS.
//! Pure; `windows.rs` runs the program.
//!
//! The texts are from Microsoft's page "Configure and validate Microsoft Defender Antivirus network connections", and
//! from newer builds as captured by administrators. Localized builds translate the sentences, but neither the command's
//! name nor the codes.

use jiff::civil::DateTime;

use super::local_time::{self, DateOrder};
use super::{HostCollector, HostProblem, HostReadReason, decode};
use crate::advice::{self, Advice};
use crate::text::clean;

#[cfg(test)]
mod tests;

/// The maximum length of unknown output for the log, in characters.
const MAX_TEXT: usize = 1000;

/// The exporter isn't elevated.
const ACCESS_DENIED: u32 = 0x8007_0005;

/// The result of the validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidationOutcome {
    /// Connected to MAPS.
    Connected,
    /// Not connected to MAPS.
    Failed {
        /// The error code.
        hresult: u32,
        /// `httpcode`, if printed.
        http: Option<u16>,
    },
    /// The output contains neither result, or both.
    Unknown,
}

/// A parsed validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validation {
    /// The result.
    pub outcome: ValidationOutcome,
    /// The last successful connection in local time, if the build prints it.
    pub last_connection: Option<DateTime>,
    /// The output for the log, cleaned and truncated.
    pub text: String,
}

impl Validation {
    /// Parses the output, in UTF-8, UTF-16LE or a legacy code page, and the exit code: 0, or the HRESULT as a signed
    /// number. `order` is the machine's date order.
    #[must_use]
    pub fn parse(output: &[u8], exit_code: Option<i32>, order: Option<DateOrder>) -> Self {
        let text = decode(output);
        Self {
            outcome: outcome(&text, exit_code),
            last_connection: last_connection(&text, order),
            text: for_the_log(&text),
        }
    }

    /// Whether Defender is connected. Returns `None` if the output can't be parsed or access was denied.
    #[must_use]
    pub const fn connected(&self) -> Option<bool> {
        match self.outcome {
            ValidationOutcome::Connected => Some(true),
            ValidationOutcome::Failed { hresult: ACCESS_DENIED, .. } | ValidationOutcome::Unknown => None,
            ValidationOutcome::Failed { .. } => Some(false),
        }
    }

    /// Why it isn't known whether Defender is connected.
    #[must_use]
    pub fn problem(&self) -> Option<HostProblem> {
        let (reason, what) = match self.outcome {
            ValidationOutcome::Failed { hresult: ACCESS_DENIED, .. } => (
                HostReadReason::AccessDenied,
                "MpCmdRun.exe needs more rights: run the exporter as LocalSystem or elevated".to_owned(),
            ),
            ValidationOutcome::Unknown => {
                (HostReadReason::Malformed, format!("unexpected output of MpCmdRun.exe: {}", self.text))
            }
            ValidationOutcome::Connected | ValidationOutcome::Failed { .. } => return None,
        };
        Some(HostProblem::new(HostCollector::MapsValidation, reason, what))
    }

    /// Cause and remedy of the failure.
    #[must_use]
    pub fn advice(&self) -> Option<Advice> {
        match self.outcome {
            ValidationOutcome::Failed { hresult, .. } => advice::for_hresult(hresult),
            ValidationOutcome::Connected | ValidationOutcome::Unknown => None,
        }
    }
}

fn outcome(text: &str, exit_code: Option<i32>) -> ValidationOutcome {
    let lower = text.to_ascii_lowercase();
    let success = lower.contains("successfully established a connection to maps");
    let hresult = lower.lines().filter(|line| !is_diagnosis(line)).find_map(advice::hresult_in);
    let by_exit = exit_code.filter(|code| *code < 0).map(i32::cast_unsigned);
    match (success, hresult.or(by_exit), exit_code) {
        (true, None, None | Some(0)) => ValidationOutcome::Connected,
        (false, Some(hresult), _) => ValidationOutcome::Failed { hresult, http: http_code(&lower) },
        // A localized success: the name MAPS isn't translated, and a failure would contain a code.
        (false, None, Some(0)) if lower.contains("maps") && !lower.contains("fail") => {
            ValidationOutcome::Connected
        }
        _ => ValidationOutcome::Unknown,
    }
}

/// A diagnostic line whose error isn't the command's: `MpIsConnectedToInternet(): hr = …`.
fn is_diagnosis(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("mpis") || line.starts_with("mpensure")
}

/// The number after `httpcode`, or `httpcore` as the page misspells it.
fn http_code(lower: &str) -> Option<u16> {
    let (_, rest) = lower.split_once("httpcode").or_else(|| lower.split_once("httpcore"))?;
    let digits = rest.trim_start_matches([' ', '=', ':']);
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// The time in brackets after "Last Successful MAPS connection:".
fn last_connection(text: &str, order: Option<DateOrder>) -> Option<DateTime> {
    let label = "last successful maps connection";
    let lower = text.to_ascii_lowercase(); // has the same length as `text`
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
