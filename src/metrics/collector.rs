//! Writes samples through prometheus-client, whatever the format. What the samples are is `samples.rs`' business.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, MetricEncoder, NativeHistogram, NativeHistogramBuckets, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry;

use super::build_info::BuildInfo;
use super::process::ProcessStats;
use super::samples::{Sample, Value, samples};
use super::table::{Kind, Metric, Spec, Unit};
use crate::state::{Histogram, Snapshot};

/// Which metrics a scrape shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// Those that tell of one probe: no counters, no verdicts of components, nothing of the exporter itself.
    Probe,
}

impl Scope {
    pub(super) fn has(self, metric: Metric) -> bool {
        self == Self::All || metric.is_of_a_probe()
    }
}
/// The most labels that a metric has: a test of the table holds it. A list on the heap for each sample would cost as much
/// as the writing.
pub(super) const MAX_LABELS: usize = 8;

/// All that one scrape shows.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// Which metrics.
    pub scope: Scope,
    /// What is known of the network.
    pub snapshot: Arc<Snapshot>,
    /// Which build is running.
    pub build: BuildInfo,
    /// What the system says of this process.
    pub process: ProcessStats,
}

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        for metric in Metric::ALL.iter().filter(|metric| self.scope.has(**metric)) {
            write_family(&mut encoder, metric.spec(), &samples(*metric, self))?;
        }
        Ok(())
    }
}

/// A metric without samples isn't mentioned: prometheus-client would print its HELP and TYPE alone.
fn write_family(encoder: &mut DescriptorEncoder, spec: &Spec, samples: &[Sample]) -> Result<(), fmt::Error> {
    if samples.is_empty() {
        return Ok(());
    }
    let unit = spec.unit.map(unit);
    let mut family = encoder.encode_descriptor(spec.stem(), spec.help, unit.as_ref(), kind(spec.kind))?;
    for sample in samples {
        write_sample(&mut family, spec, sample)?;
    }
    Ok(())
}

fn write_sample(family: &mut MetricEncoder, spec: &Spec, sample: &Sample) -> Result<(), fmt::Error> {
    let mut space = [("", ""); MAX_LABELS];
    let pairs = spec.labels.iter().copied().zip(sample.labels.iter().map(AsRef::as_ref));
    let count = space.iter_mut().zip(pairs).map(|(place, pair)| *place = pair).count();
    let labels = &space[..count];
    if sample.value == Value::Info {
        family.encode_info(&labels)
    } else if labels.is_empty() {
        write_value(family, spec.kind, sample.value)
    } else {
        write_value(&mut family.encode_family(&labels)?, spec.kind, sample.value)
    }
}

fn write_value(encoder: &mut MetricEncoder, kind: Kind, value: Value) -> Result<(), fmt::Error> {
    match (value, kind) {
        (Value::Whole(count), Kind::Counter) => encoder.encode_counter::<NoLabelSet, _, f64>(&count, None),
        (Value::Real(measure), Kind::Counter) => encoder.encode_counter::<NoLabelSet, _, f64>(&measure, None),
        (Value::Whole(count), _) => encoder.encode_gauge(&count),
        (Value::Real(measure), _) => encoder.encode_gauge(&measure),
        (Value::Histogram(histogram), _) => write_histogram(encoder, histogram),
        (Value::Info, _) => encoder.encode_info(&[("", ""); 0]),
    }
}

fn write_histogram(encoder: &mut MetricEncoder, histogram: &Histogram) -> Result<(), fmt::Error> {
    // Each bucket's own count: the library cumulates.
    let classic: Vec<(f64, u64)> = histogram.classic().collect();
    let (spans, deltas) = spans_and_deltas(histogram.native());
    let native = NativeHistogram {
        schema: Histogram::SCHEMA,
        zero_threshold: Histogram::ZERO_THRESHOLD,
        zero_count: histogram.zero_count(),
        negative: NativeHistogramBuckets { spans: &[], deltas: &[] },
        positive: NativeHistogramBuckets { spans: &spans, deltas: &deltas },
        created: None,
    };
    encoder.encode_histogram_with_native::<NoLabelSet>(
        histogram.sum(),
        histogram.count(),
        &classic,
        None,
        native,
    )
}

/// Spans (gap to the span before, number of buckets) and deltas (to the bucket before) of buckets in
/// rising order, as `io.prometheus.client.Histogram` wants them; the first gap is the first index.
fn spans_and_deltas(buckets: impl Iterator<Item = (i32, u64)>) -> (Vec<(i32, u32)>, Vec<i64>) {
    let (mut spans, mut deltas) = (Vec::<(i32, u32)>::new(), Vec::new());
    let (mut next, mut before) = (0, 0);
    for (index, count) in buckets {
        match spans.last_mut() {
            Some((_, length)) if index == next => *length += 1,
            _ => spans.push((index - next, 1)),
        }
        // Counts of probes stay far below 2^63.
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        deltas.push(count - before);
        (next, before) = (index + 1, count);
    }
    (spans, deltas)
}

const fn kind(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
        Kind::Info => MetricType::Info,
    }
}

const fn unit(unit: Unit) -> registry::Unit {
    match unit {
        Unit::Seconds => registry::Unit::Seconds,
        Unit::Bytes => registry::Unit::Bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_follow_the_gaps() {
        let check = |buckets: &[(i32, u64)], spans: &[(i32, u32)], deltas: &[i64]| {
            let (got_spans, got_deltas) = spans_and_deltas(buckets.iter().copied());
            assert_eq!((&got_spans[..], &got_deltas[..]), (spans, deltas), "{buckets:?}");
        };
        check(&[], &[], &[]);
        check(&[(0, 2)], &[(0, 1)], &[2]);
        check(&[(5, 1)], &[(5, 1)], &[1]);
        check(&[(-3, 4), (-2, 1), (1, 1), (2, 6)], &[(-3, 2), (2, 2)], &[4, -3, 0, 5]);
    }
}
