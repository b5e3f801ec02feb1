//! Writes Prometheus text 0.0.4, which prometheus-client doesn't support, directly from the samples.
//! The format: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use std::borrow::Cow;
use std::fmt::{self, Write};

use super::families::{self, MetricFamily, Visitor};
use super::scrape::Scrape;
use super::spec::{Kind, Spec};
use super::value::SampleValue;
use crate::state::Histogram;

/// Writes the metrics of a scrape. Omits metrics without samples.
pub(super) fn render(scrape: &Scrape) -> String {
    let mut out = String::new();
    // Writing to a String can't fail.
    let _ = families::write(scrape, &mut TextWriter(&mut out));
    out
}

struct TextWriter<'a>(&'a mut String);

impl Visitor for TextWriter<'_> {
    type Output = fmt::Result;

    fn visit<const N: usize>(&mut self, family: &MetricFamily<'_, N>) -> fmt::Result {
        if family.samples.is_empty() {
            return Ok(());
        }
        let Spec { name, help, kind, .. } = family.spec;
        writeln!(self.0, "# HELP {name} {}", escape_help(help))?;
        writeln!(self.0, "# TYPE {name} {}", type_word(*kind))?;
        family.samples.iter().try_for_each(|sample| {
            let series = Series { name, labels: &family.labels, values: &sample.labels };
            series.write(self.0, sample.value)
        })
    }
}

/// The name and labels of a series.
struct Series<'a, const N: usize> {
    name: &'a str,
    labels: &'a [&'a str; N],
    values: &'a [Cow<'a, str>; N],
}

impl<const N: usize> Series<'_, N> {
    fn write(&self, out: &mut String, value: SampleValue) -> fmt::Result {
        match value {
            SampleValue::Whole(count) => self.write_line(out, "", None, count),
            SampleValue::Real(measure) => self.write_line(out, "", None, Number(measure)),
            SampleValue::Histogram(histogram) => self.write_histogram(out, histogram),
            SampleValue::Info => self.write_line(out, "", None, 1),
        }
    }

    fn write_histogram(&self, out: &mut String, histogram: &Histogram) -> fmt::Result {
        let mut below = 0;
        for (bound, count) in histogram.classic() {
            below += count;
            self.write_line(out, "_bucket", Some(bound), below)?;
        }
        self.write_line(out, "_sum", None, Number(histogram.sum()))?;
        self.write_line(out, "_count", None, histogram.count())
    }

    fn write_line(
        &self,
        out: &mut String,
        suffix: &str,
        le: Option<f64>,
        value: impl fmt::Display,
    ) -> fmt::Result {
        out.push_str(self.name);
        out.push_str(suffix);
        let mut before = "{";
        for (label, text) in self.labels.iter().zip(self.values) {
            for part in [before, label, "=\"", &escape_label(text), "\""] {
                out.push_str(part);
            }
            before = ",";
        }
        if let Some(bound) = le {
            write!(out, "{before}le=\"{}\"", Number(bound))?;
            before = ",";
        }
        let close = if before == "," { "}" } else { "" };
        writeln!(out, "{close} {value}")
    }
}

/// The metric type in the `TYPE` line. The format has no info type: an info is a gauge.
const fn type_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge | Kind::Info => "gauge",
        Kind::Histogram => "histogram",
    }
}

/// A number in the syntax of Go's `ParseFloat`. Whole numbers have no fraction.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            number => write!(f, "{number}"),
        }
    }
}

fn escape_help(text: &str) -> Cow<'_, str> {
    escape(text, &[('\\', r"\\"), ('\n', r"\n")])
}

fn escape_label(text: &str) -> Cow<'_, str> {
    escape(text, &[('\\', r"\\"), ('"', r#"\""#), ('\n', r"\n")])
}

fn escape<'a>(text: &'a str, rules: &[(char, &str)]) -> Cow<'a, str> {
    let escape_of = |c| rules.iter().find(|(from, _)| *from == c).map(|(_, to)| *to);
    if !text.chars().any(|c| escape_of(c).is_some()) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match escape_of(c) {
            Some(to) => escaped.push_str(to),
            None => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::super::spec::MetricScope;
    use super::*;

    #[test]
    fn numbers() {
        let cases: &[(f64, &str)] = &[
            (0.0, "0"),
            (1.0, "1"),
            (0.25, "0.25"),
            (-3.5, "-3.5"),
            (1_795_484_060.0, "1795484060"),
            (1_795_484_060.125, "1795484060.125"),
            (0.000_001, "0.000001"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ];
        for (number, expected) in cases {
            assert_eq!(Number(*number).to_string(), *expected);
        }
    }

    #[test]
    fn help_is_escaped() {
        const HELP: &str = "back\\slash, \"quotes\" and\na line";
        const SPEC: Spec = Spec {
            name: "a",
            kind: Kind::Counter,
            scope: MetricScope::All,
            unit: None,
            labels: &[],
            help: HELP,
        };
        let mut text = String::new();
        let family =
            MetricFamily { spec: &SPEC, labels: [], samples: vec![SampleValue::Whole(2).sample([])] };
        TextWriter(&mut text).visit(&family).expect("a String");
        assert_eq!(text, "# HELP a back\\\\slash, \"quotes\" and\\na line\n# TYPE a counter\na 2\n");
    }
}
