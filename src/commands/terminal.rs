//! Where a command's text is shown: its width and styles. `exit::print_styled` removes the styles where they don't belong.

use std::io;

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, Table, presets};

use super::wrap::WIDTH;
use crate::report::NetworkOutcome;
use crate::verdict::Verdict;

/// The smallest width that texts are laid out for; a narrower terminal wraps lines itself.
const MIN_WIDTH: usize = 40;

/// A heading.
pub(super) const HEADING: Style = Style::new().bold();

/// What doesn't work.
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();

/// What works, but not as expected.
pub(super) const DEGRADED: Style = AnsiColor::Yellow.on_default().bold();

/// What works.
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();

/// The width of standard output: `COLUMNS` if it is set, or the terminal's; 100 if it is no terminal.
#[must_use]
pub fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
    columns.filter(|columns| *columns > 0).or_else(terminal).unwrap_or(WIDTH).max(MIN_WIDTH)
}

/// A table without lines that is at most this wide.
pub(super) fn table(width: usize) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table
}

/// The style of a verdict.
pub(super) const fn verdict_style(verdict: Option<Verdict>) -> Style {
    match verdict {
        Some(Verdict::Good) => GOOD,
        Some(Verdict::Degraded) => DEGRADED,
        Some(Verdict::Bad) => BAD,
        None => HEADING,
    }
}

/// The style of an outcome.
pub(super) const fn outcome_style(outcome: &NetworkOutcome) -> Style {
    match outcome {
        NetworkOutcome::Works => GOOD,
        NetworkOutcome::Impaired | NetworkOutcome::Unknown => DEGRADED,
        NetworkOutcome::Lost(_) | NetworkOutcome::MapsLost | NetworkOutcome::MapsLostVia(_) => BAD,
    }
}

/// The text in a style, line by line, so that each line can be read alone.
pub(super) fn paint(style: Style, text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        let words = line.trim_end_matches('\n');
        let end = &line[words.len()..];
        if words.is_empty() { end.to_owned() } else { format!("{style}{words}{style:#}{end}") }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_painted_alone() {
        let painted = paint(BAD, "one\n\ntwo\n");
        assert_eq!(painted.matches("\x1b[0m\n").count(), 2, "{painted:?}");
        assert_eq!(anstream::adapter::strip_str(&painted).to_string(), "one\n\ntwo\n");
    }
}
