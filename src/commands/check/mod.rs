//! `check`: prints one round of probes for people, for programs or for a ticket, with an exit code. For people the verdict
//! comes first, then what to change, then where. `report` makes every judgement.

mod causes;
mod components;
mod csv;
mod endpoints;
mod markdown;
mod options;
mod progress;
mod selection;
#[cfg(test)]
mod tests;
mod verdict;

use std::fmt::Display;
use std::time::SystemTime;

use super::terminal::{HEADING, paint};
use super::wrap::wrap_to;
use crate::exit::ExitError;
use crate::report::{self, StatusReport};
use crate::state::Snapshot;

pub use crate::report::exit_code;
pub use options::{CheckFormat, CheckOptions};
pub use progress::Progress;
pub use selection::{Selection, SelectionError, component_parser};

/// How the result is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// The format.
    pub format: CheckFormat,
    /// Whether to list every endpoint.
    pub all: bool,
    /// Whether a part of the plan was selected.
    pub selected: bool,
    /// The number of columns.
    pub width: usize,
}

/// The result of the round, `now` being the current time. The table contains styles, which `exit::print_styled` removes
/// where they don't belong.
///
/// # Errors
/// If it can't be serialized: a bug in the exporter.
pub fn render(snapshot: &Snapshot, view: &View, now: SystemTime) -> Result<String, ExitError> {
    match view.format {
        CheckFormat::Table => Ok(text(snapshot, view)),
        CheckFormat::Json => {
            let json = StatusReport::new(snapshot, now, env!("CARGO_PKG_VERSION")).to_json();
            json.map_err(|error| ExitError::render("the report", &error))
        }
        CheckFormat::Csv => {
            let failed = |error: &dyn Display| ExitError::render("the rows", error);
            let bytes = csv::render(snapshot).map_err(|error| failed(&error))?;
            String::from_utf8(bytes).map_err(|error| failed(&error))
        }
        CheckFormat::Markdown => Ok(markdown::render(snapshot, view, now)),
    }
}

fn text(snapshot: &Snapshot, view: &View) -> String {
    let causes = report::causes(snapshot);
    let mut text = verdict::render(snapshot, view);
    if let Some(clock) = report::suspected_clock(snapshot) {
        text.push_str(&paint(HEADING, "\nThis machine's clock\n"));
        text.push_str(&wrap_to(view.width, &clock, "  ", "  "));
    }
    text.push_str(&causes::render(snapshot, &causes, view));
    text.push_str(&if view.all {
        endpoints::all(snapshot, view)
    } else {
        endpoints::failing(snapshot, &causes, view)
    });
    text.push_str(&components::render(snapshot, view));
    if !view.all {
        text.push_str(&endpoints::good(snapshot, view));
    }
    text
}
