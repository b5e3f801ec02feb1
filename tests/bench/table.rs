//! The result table: minimum and median of each subject, ratios, targets.

use std::fmt::Write as _;

use comfy_table::{Table, presets};

/// A target for the exporter.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// At most so much, in the row's unit.
    AtMost(f64),
    /// At most so many times the floor.
    TimesFloor(f64),
    /// At most so many times the peer.
    TimesPeer(f64),
}

/// One line of the table; a subject without values wasn't measured.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// What was measured, and its unit.
    pub what: String,
    /// The exporter's values.
    pub exporter: Vec<f64>,
    /// The floor's.
    pub floor: Vec<f64>,
    /// The peer's.
    pub peer: Vec<f64>,
    /// The target.
    pub targets: Vec<Target>,
}

impl Row {
    /// A line with the exporter's values alone.
    pub fn new(what: impl Into<String>, exporter: impl Into<Vec<f64>>) -> Self {
        Self { what: what.into(), exporter: exporter.into(), ..Self::default() }
    }

    /// With the floor's.
    pub fn floor(mut self, values: impl Into<Vec<f64>>) -> Self {
        self.floor = values.into();
        self
    }

    /// With the peer's.
    pub fn peer(mut self, values: impl Into<Vec<f64>>) -> Self {
        self.peer = values.into();
        self
    }

    /// With a target.
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// Each target in words, and whether it is met.
    fn verdicts(&self) -> String {
        let mut text = String::new();
        for target in &self.targets {
            let (limit, words) = match target {
                Target::AtMost(limit) => (Some(*limit), format!("at most {}", number(*limit))),
                Target::TimesFloor(times) => {
                    (median(&self.floor).map(|floor| floor * times), format!("at most {times} × floor"))
                }
                Target::TimesPeer(times) => {
                    (median(&self.peer).map(|peer| peer * times), format!("at most {times:.2} × peer"))
                }
            };
            let (Some(limit), Some(own)) = (limit, median(&self.exporter)) else { continue };
            let said = if own <= limit { "met" } else { "MISSED" };
            let before = if text.is_empty() { "" } else { "; " };
            write!(text, "{before}{words}: {said}").unwrap();
        }
        text
    }

    fn ratio(&self, other: &[f64]) -> String {
        match (median(&self.exporter), median(other)) {
            (Some(own), Some(other)) if other != 0.0 => format!("{:.2}", own / other),
            _ => String::new(),
        }
    }
}

/// The lines as a table.
pub fn render(rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN);
    table.set_header(["measured", "exporter", "floor", "blackbox", "÷ floor", "÷ blackbox", "target"]);
    for row in rows {
        table.add_row([
            row.what.clone(),
            said(&row.exporter),
            said(&row.floor),
            said(&row.peer),
            row.ratio(&row.floor),
            row.ratio(&row.peer),
            row.verdicts(),
        ]);
    }
    table.to_string()
}

/// Minimum and median; one value alone.
fn said(values: &[f64]) -> String {
    match (values.iter().copied().reduce(f64::min), median(values)) {
        (Some(least), Some(median)) if values.len() > 1 => format!("{} / {}", number(least), number(median)),
        (Some(only), _) => number(only),
        _ => String::new(),
    }
}

/// Three digits that count.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// The middle one; of two, the lesser.
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value that this part of them is not above.
pub fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index: small and not negative"
    )]
    let rank = (sorted.len() as f64 * part).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied()
}
