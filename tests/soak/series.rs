//! The series of a scrape in the text format. No compared label contains escapes.

use std::collections::BTreeMap;

/// Every sample by its series: name and labels as written.
pub struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    /// Reads the text.
    ///
    /// # Errors
    /// The line that is none.
    pub fn read(text: &str) -> Result<Self, String> {
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        };
        lines
            .map(|line| sample(line).ok_or_else(|| format!("no sample: {line:?}")))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// The value of one series.
    pub fn get(&self, series: &str) -> Option<f64> {
        self.0.get(series).copied()
    }

    /// The labels and the values of a metric.
    pub fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        let from = self.0.range(format!("{name}{{")..);
        from.map_while(move |(series, value)| Some((series.strip_prefix(name)?.strip_prefix('{')?, *value)))
            .map(|(labels, value)| (labels.trim_end_matches('}'), value))
    }

    /// What never goes down while its series is there.
    pub fn counters(&self) -> impl Iterator<Item = (&String, f64)> {
        self.0.iter().map(|(series, value)| (series, *value)).filter(|(series, _)| {
            let name = series.split('{').next().unwrap_or_default();
            ["_total", "_bucket", "_count", "_sum"].iter().any(|end| name.ends_with(end))
        })
    }
}

/// The value of a label.
pub fn label<'a>(labels: &'a str, name: &str) -> &'a str {
    let value = labels.split(',').find_map(|label| label.strip_prefix(name)?.strip_prefix("=\""));
    value.map_or("", |value| value.trim_end_matches('"'))
}
