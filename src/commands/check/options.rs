//! The flags of `check`.

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
    /// Test whether this machine's Defender stops Microsoft's harmless sample file; probes nothing else.
    ///
    /// Fetches the file, extracts it and reports whether Defender stopped it. It raises a real detection on this machine.
    /// Exit 0 if it was stopped, 2 if not, 1 if the test can't tell (not fetched, not Microsoft's archive, another password), 3
    /// without a Defender. More: explain sample-file.
    #[arg(
        long,
        help_heading = "Test of this machine",
        conflicts_with_all = ["format", "all", "components", "routes", "endpoints"]
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
