//! `report`: a recorded round for the team that runs firewall, proxy or DNS. `web` has the document, in the page's words.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::check::{self, CheckFormat, View};
use super::terminal;
use crate::exit::ExitError;
use crate::record::Record;
use crate::text::clean;
use crate::web::RoundReport;

/// The flags.
#[derive(Clone, Debug, Args)]
pub struct ReportOptions {
    /// A file that `check --record` wrote.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Output format.
    #[arg(long, value_enum, default_value_t = ReportFormat::Html)]
    pub format: ReportFormat,
}

/// The formats of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// One file that loads nothing, with all evidence.
    Html,
    /// A ticket, as by `check --format markdown`.
    Markdown,
}

/// Reads the record and reports on it.
///
/// # Errors
/// If the file isn't a usable record.
pub fn render(options: &ReportOptions) -> Result<String, ExitError> {
    let name = clean(&options.file.display().to_string());
    let record = Record::read(&options.file).map_err(|error| format!("{name}: {error}"))?;
    let snapshot = record.judge();
    match options.format {
        ReportFormat::Html => {
            let received = |target| record.received(target);
            Ok(RoundReport {
                program: record.program(),
                catalog: record.catalog(),
                started: record.started(),
                ended: record.ended(),
                is_redacted: record.is_redacted(),
                received: &received,
            }
            .render(&snapshot))
        }
        ReportFormat::Markdown => {
            let view = View {
                format: CheckFormat::Markdown,
                all: false,
                selected: record.is_of_selection(),
                width: terminal::width(),
            };
            check::render(&snapshot, &view, record.ended())
        }
    }
}
