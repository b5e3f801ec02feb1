//! Prometheus text 0.0.4, which prometheus-client doesn't write, from the families of its protobuf encoder.
//! The format: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>.

use std::borrow::Cow;
use std::fmt;

use prometheus_client::encoding::prometheus_protobuf::prometheus_data_model::{
    Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

/// Writes the families in their order.
pub(super) fn render(families: &[MetricFamily]) -> String {
    let mut out = String::new();
    for family in families {
        // Writing to a String can't fail.
        let _ = write_family(&mut out, family);
    }
    out
}

fn write_family(out: &mut impl fmt::Write, family: &MetricFamily) -> fmt::Result {
    let name = &family.name;
    writeln!(out, "# HELP {name} {}", escape_help(&family.help))?;
    writeln!(out, "# TYPE {name} {}", type_word(family.r#type()))?;
    family.metric.iter().try_for_each(|metric| write_metric(out, name, metric))
}

/// The words of the format; a gauge histogram has none.
const fn type_word(kind: MetricType) -> &'static str {
    match kind {
        MetricType::Counter => "counter",
        MetricType::Gauge => "gauge",
        MetricType::Summary => "summary",
        MetricType::Untyped => "untyped",
        MetricType::Histogram | MetricType::GaugeHistogram => "histogram",
    }
}

fn write_metric(out: &mut impl fmt::Write, name: &str, metric: &Metric) -> fmt::Result {
    if let Some(histogram) = &metric.histogram {
        return write_histogram(out, name, &metric.label, histogram);
    }
    let counter = metric.counter.as_ref().map(|counter| counter.value);
    let gauge = metric.gauge.as_ref().map(|gauge| gauge.value);
    let Some(value) = counter.or(gauge) else { return Ok(()) };
    write_sample(out, (name, ""), &metric.label, None, Value(value))
}

fn write_histogram(
    out: &mut impl fmt::Write,
    name: &str,
    labels: &[LabelPair],
    of: &Histogram,
) -> fmt::Result {
    let finite = of.bucket.iter().filter(|bucket| bucket.upper_bound.is_finite());
    let buckets = finite.map(|bucket| (bucket.upper_bound, bucket.cumulative_count));
    for (bound, count) in buckets.chain([(f64::INFINITY, of.sample_count)]) {
        write_sample(out, (name, "_bucket"), labels, Some(bound), count)?;
    }
    write_sample(out, (name, "_sum"), labels, None, Value(of.sample_sum))?;
    write_sample(out, (name, "_count"), labels, None, of.sample_count)
}

fn write_sample(
    out: &mut impl fmt::Write,
    (name, suffix): (&str, &str),
    labels: &[LabelPair],
    le: Option<f64>,
    value: impl fmt::Display,
) -> fmt::Result {
    write!(out, "{name}{suffix}")?;
    let le = le.map(|bound| (Cow::Borrowed("le"), Cow::Owned(Value(bound).to_string())));
    let labels = labels.iter().map(|pair| (pair.name.as_str().into(), escape_label(&pair.value)));
    let mut before = '{';
    for (label, text) in labels.chain(le) {
        write!(out, "{before}{label}=\"{text}\"")?;
        before = ',';
    }
    let close = if before == ',' { "}" } else { "" };
    writeln!(out, "{close} {value}")
}

/// A number as Go's `ParseFloat` reads it; whole numbers have no fraction.
struct Value(f64);

impl fmt::Display for Value {
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
            assert_eq!(Value(*number).to_string(), *expected);
        }
    }

    #[test]
    fn help_is_escaped() {
        let family = MetricFamily {
            name: "a".to_owned(),
            help: "back\\slash, \"quotes\" and\na line".to_owned(),
            ..MetricFamily::default()
        };
        assert_eq!(render(&[family]), "# HELP a back\\\\slash, \"quotes\" and\\na line\n# TYPE a counter\n");
    }
}
