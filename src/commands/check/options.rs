//! The flags of `check`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::View;
use super::selection::Selection;

/// How the result is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For spreadsheets and scripts: one row for each endpoint and route, with addresses and DNS aliases.
    Csv,
    /// For a ticket to the firewall team: causes, hosts, ports, remedies.
    Markdown,
}

/// The flags.
#[derive(Clone, Debug, Args)]
pub struct CheckOptions {
    /// Output format.
    #[arg(long, value_enum, default_value_t = CheckFormat::Table, help_heading = "Output")]
    pub format: CheckFormat,
    /// List every endpoint, not only those that fail.
    #[arg(long, help_heading = "Output")]
    pub all: bool,
    /// What is probed.
    #[command(flatten)]
    pub selection: Selection,
    /// Also write the round to FILE: whatever `judge` needs to judge it again, anywhere.
    ///
    /// That is the answers of DNS, attempts, certificates, the statuses and some headers of responses, the first 4 KiB of bodies (more
    /// where the judgement needs it), times, and what revocation checks fetched and concluded. Names and addresses of this network are replaced by
    /// pseudonyms, and what can't be freed of them is left out. Passwords and cookies are never in it.
    #[arg(long, value_name = "FILE", help_heading = "Record")]
    pub record: Option<PathBuf>,
    /// Keep names and addresses in the record as they are, and every certificate and the beginnings of bodies.
    ///
    /// Names of this network's hosts and proxies, private addresses, certificates of a TLS inspector, and what a page of a filter says of
    /// the user. Give it only to those who may know them.
    #[arg(long, requires = "record", help_heading = "Record")]
    pub keep_names: bool,
    /// Test whether this machine's Defender stops Microsoft's harmless sample file; probes nothing else.
    ///
    /// Fetches the file, extracts it and reports whether Defender stopped it. It raises a real detection on this machine.
    /// Exit 0 if it was stopped, 2 if not, 1 if the test can't tell (not fetched, not Microsoft's archive, another password), 3
    /// without a Defender. More: explain sample-file.
    #[arg(
        long,
        help_heading = "Test of this machine",
        conflicts_with_all = ["format", "all", "components", "routes", "endpoints", "record"]
    )]
    pub download_test: bool,
}

impl CheckOptions {
    /// How the result is shown, at a width in columns.
    #[must_use]
    pub const fn view(&self, width: usize) -> View {
        let selected = !self.selection.is_everything();
        View { format: self.format, all: self.all, selected, width }
    }
}
