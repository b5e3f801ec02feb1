//! `judge`: judges recorded rounds again, and prints them as `check` does. Needs neither network nor clock.
//! `record/mod.rs` and `probe/replay.rs` judge.

use std::path::{Path, PathBuf};

use clap::Args;

use super::check::{self, CheckFormat, View};
use super::terminal::{HEADING, paint};
use crate::exit::ExitError;
use crate::record::Record;
use crate::text::clean;

/// The flags.
#[derive(Clone, Debug, Args)]
pub struct JudgeOptions {
    /// Files that `check --record` wrote.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = CheckFormat::Table, help_heading = "Output")]
    pub format: CheckFormat,
    /// List every endpoint, not only those that fail.
    #[arg(long, help_heading = "Output")]
    pub all: bool,
}

/// What the records say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// The results, each after the name of its file if there are several.
    pub text: String,
    /// The worst exit code of `check`.
    pub exit_code: u8,
    /// Whether a record has pseudonyms in place of the network's names and addresses.
    pub has_pseudonyms: bool,
}

/// Reads the records and judges them, at a width in columns.
///
/// # Errors
/// If a file isn't a usable record: nothing is judged then.
pub fn judge(options: &JudgeOptions, width: usize) -> Result<Judged, ExitError> {
    let read = |path: &PathBuf| Record::read(path).map_err(|error| format!("{}: {error}", name(path)));
    let records: Vec<_> = options.files.iter().map(read).collect::<Result<_, _>>()?;
    let mut judged = Judged { text: String::new(), exit_code: 0, has_pseudonyms: false };
    for (path, record) in options.files.iter().zip(&records) {
        if records.len() > 1 {
            judged.text.push_str(&heading(path, options.format));
        }
        let snapshot = record.judge();
        judged.has_pseudonyms |= record.is_redacted();
        let view =
            View { format: options.format, all: options.all, selected: record.is_of_selection(), width };
        judged.text.push_str(&check::render(&snapshot, &view, record.ended())?);
        judged.exit_code = judged.exit_code.max(check::exit_code(&snapshot));
    }
    Ok(judged)
}

/// The line before the result of one of several files. Programs tell the results in JSON and CSV apart by their order.
fn heading(path: &Path, format: CheckFormat) -> String {
    let name = name(path);
    match format {
        CheckFormat::Table => format!("{}\n", paint(HEADING, &name)),
        CheckFormat::Markdown => format!("# {name}\n\n"),
        CheckFormat::Json | CheckFormat::Csv => String::new(),
    }
}

fn name(path: &Path) -> String {
    clean(&path.display().to_string())
}
