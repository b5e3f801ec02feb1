//! The flags of `catalog`.

use clap::{Args, Subcommand, ValueEnum};

use super::DiffOptions;
use crate::catalog::Component;
use crate::commands::check::{Selection, component_parser};

/// How the catalog is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CatalogFormat {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// For spreadsheets.
    Csv,
    /// The URLs, one a line, then remarks: lines that begin with #.
    Urls,
    /// The names to allow, for Squid's `acl NAME dstdomain "FILE"`.
    Squid,
    /// The names to allow, for an external dynamic list of type URL (Palo Alto Networks).
    PanEdl,
    /// The names to allow, as FortiOS commands: addresses and a group.
    Fortinet,
}

/// What to do with the catalog beside listing it.
#[derive(Clone, Debug, Subcommand)]
pub enum CatalogCommand {
    /// List what changed in the built-in catalog since a version.
    Diff(DiffOptions),
}

/// The flags.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct CatalogOptions {
    /// Lists the endpoints if absent.
    #[command(subcommand)]
    pub command: Option<CatalogCommand>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = CatalogFormat::Table, help_heading = "Output")]
    pub format: CatalogFormat,
    /// List only this component. Repeatable.
    #[arg(long = "component", value_name = "NAME", value_parser = component_parser(), help_heading = "Selection")]
    pub components: Vec<Component>,
}

impl CatalogOptions {
    /// The selected part of the plan.
    #[must_use]
    pub fn selection(&self) -> Selection {
        Selection { components: self.components.clone(), ..Selection::default() }
    }
}
