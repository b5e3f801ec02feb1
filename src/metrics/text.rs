//! Prometheus text 0.0.4, which prometheus-client doesn't write, straight from the samples.
//! The format: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use std::borrow::Cow;
use std::fmt;

use super::collector::Scrape;
use super::samples::{Sample, Value, samples};
use super::table::{Kind, Metric, Spec};
use crate::state::Histogram;

/// Writes everything that a scrape shows. A metric without samples isn't mentioned.
pub(super) fn render(scrape: &Scrape) -> String {
    let mut out = String::new();
    for metric in Metric::ALL.iter().filter(|metric| scrape.scope.has(**metric)) {
        // Writing to a String can't fail.
        let _ = write_family(&mut out, metric.spec(), &samples(*metric, scrape));
    }
    out
}

fn write_family(out: &mut impl fmt::Write, spec: &Spec, samples: &[Sample]) -> fmt::Result {
    if samples.is_empty() {
        return Ok(());
    }
    let name = spec.name;
    writeln!(out, "# HELP {name} {}", escape_help(spec.help))?;
    writeln!(out, "# TYPE {name} {}", type_word(spec.kind))?;
    samples.iter().try_for_each(|sample| write_metric(out, spec, sample))
}

/// The words of the format, which knows no infos.
const fn type_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "counter",
        Kind::Gauge | Kind::Info => "gauge",
        Kind::Histogram => "histogram",
    }
}

fn write_metric(out: &mut impl fmt::Write, spec: &Spec, sample: &Sample) -> fmt::Result {
    match sample.value {
        Value::Whole(count) => write_sample(out, spec, "", sample, None, count),
        Value::Real(measure) => write_sample(out, spec, "", sample, None, Number(measure)),
        Value::Histogram(histogram) => write_histogram(out, spec, sample, histogram),
        Value::Info => write_sample(out, spec, "", sample, None, 1),
    }
}

fn write_histogram(out: &mut impl fmt::Write, spec: &Spec, sample: &Sample, of: &Histogram) -> fmt::Result {
    let mut below = 0;
    for (bound, count) in of.classic() {
        below += count;
        write_sample(out, spec, "_bucket", sample, Some(bound), below)?;
    }
    write_sample(out, spec, "_sum", sample, None, Number(of.sum()))?;
    write_sample(out, spec, "_count", sample, None, of.count())
}

fn write_sample(
    out: &mut impl fmt::Write,
    spec: &Spec,
    suffix: &str,
    sample: &Sample,
    le: Option<f64>,
    value: impl fmt::Display,
) -> fmt::Result {
    out.write_str(spec.name)?;
    out.write_str(suffix)?;
    let mut before = "{";
    for (label, text) in spec.labels.iter().zip(&sample.labels) {
        for part in [before, label, "=\"", &escape_label(text), "\""] {
            out.write_str(part)?;
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

/// A number as Go's `ParseFloat` reads it; whole numbers have no fraction.
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
        let help = "back\\slash, \"quotes\" and\na line";
        let spec = Spec { name: "a", kind: Kind::Counter, unit: None, labels: &[], help };
        let mut text = String::new();
        write_family(&mut text, &spec, &[Value::Whole(2).sample([])]).expect("a String");
        assert_eq!(text, "# HELP a back\\\\slash, \"quotes\" and\\na line\n# TYPE a counter\na 2\n");
    }
}
