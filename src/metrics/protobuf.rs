//! Encodes a scrape as `io.prometheus.client.MetricFamily` messages, each after its length: the format that Prometheus needs
//! for native histograms. The messages have the fields that this exporter uses, with the numbers of Prometheus' file
//! `prompb/io/prometheus/client/metrics.proto`; prost's derive writes them, without a compiler of .proto files in the build.

use std::fmt;

use prost::{Enumeration, Message};

use super::families::{self, MetricFamily, Visitor};
use super::scrape::Scrape;
use super::spec::{Kind, Unit};
use super::value::SampleValue;
use crate::state::Histogram;

/// Encodes the metrics of a scrape, one family after another. Omits metrics without samples.
pub(super) fn render(scrape: &Scrape) -> Vec<u8> {
    let mut writer = FamilyWriter(Vec::new());
    // Writing to a Vec can't fail.
    let _ = families::write(scrape, &mut writer);
    writer.0
}

struct FamilyWriter(Vec<u8>);

impl Visitor for FamilyWriter {
    type Output = fmt::Result;

    fn visit<const N: usize>(&mut self, family: &MetricFamily<'_, N>) -> fmt::Result {
        if family.samples.is_empty() {
            return Ok(());
        }
        let spec = family.spec;
        let message = FamilyMessage {
            name: spec.name.to_owned(),
            help: spec.help.to_owned(),
            kind: kind(spec.kind).into(),
            metric: family
                .samples
                .iter()
                .map(|sample| {
                    let labels = family.labels.iter().zip(&sample.labels);
                    let labels = labels.map(|(name, value)| LabelMessage {
                        name: (*name).to_owned(),
                        value: value.clone().into_owned(),
                    });
                    metric(spec.kind, labels.collect(), sample.value)
                })
                .collect(),
            unit: spec.unit.map_or("", Unit::as_str).to_owned(),
        };
        self.0.extend(message.encode_length_delimited_to_vec());
        Ok(())
    }
}

fn metric(kind: Kind, label: Vec<LabelMessage>, value: SampleValue) -> MetricMessage {
    let number = match value {
        #[expect(clippy::cast_precision_loss, reason = "every sample of Prometheus is a float")]
        SampleValue::Whole(count) => count as f64,
        SampleValue::Real(measure) => measure,
        SampleValue::Info => 1.0,
        SampleValue::Histogram(histogram) => {
            return MetricMessage {
                label,
                histogram: Some(histogram_message(histogram)),
                ..MetricMessage::default()
            };
        }
    };
    let value = Some(NumberMessage { value: number });
    if kind == Kind::Counter {
        MetricMessage { label, counter: value, ..MetricMessage::default() }
    } else {
        MetricMessage { label, gauge: value, ..MetricMessage::default() }
    }
}

fn histogram_message(histogram: &Histogram) -> HistogramMessage {
    let mut cumulative_count = 0;
    let classic = histogram.classic().map(|(upper_bound, count)| {
        cumulative_count += count;
        BucketMessage { cumulative_count, upper_bound }
    });
    let bucket = classic.collect();
    let NativeBuckets { spans, deltas } = native_buckets(histogram.native());
    HistogramMessage {
        sample_count: histogram.count(),
        sample_sum: histogram.sum(),
        bucket,
        schema: Histogram::SCHEMA,
        zero_threshold: Histogram::ZERO_THRESHOLD,
        zero_count: histogram.zero_count(),
        positive_span: spans,
        positive_delta: deltas,
    }
}

/// The buckets of a native histogram, as `io.prometheus.client.Histogram` has them.
#[derive(Debug, Default, PartialEq)]
struct NativeBuckets {
    /// Runs of consecutive buckets.
    spans: Vec<SpanMessage>,
    /// The count of each bucket, less that of the bucket before.
    deltas: Vec<i64>,
}

/// From counts by index, in ascending order. The first offset is the index of the first bucket.
fn native_buckets(buckets: impl Iterator<Item = (i32, u64)>) -> NativeBuckets {
    let mut native = NativeBuckets::default();
    let (mut next, mut before) = (0, 0);
    for (index, count) in buckets {
        match native.spans.last_mut() {
            Some(span) if index == next => span.length += 1,
            _ => native.spans.push(SpanMessage { offset: index - next, length: 1 }),
        }
        // Probe counts stay far below 2^63.
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        native.deltas.push(count - before);
        (next, before) = (index + 1, count);
    }
    native
}

/// `MetricType`. The format has no type for info metrics, which are gauges of value 1.
const fn kind(kind: Kind) -> TypeMessage {
    match kind {
        Kind::Counter => TypeMessage::Counter,
        Kind::Gauge | Kind::Info => TypeMessage::Gauge,
        Kind::Histogram => TypeMessage::Histogram,
    }
}

/// `MetricFamily`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct FamilyMessage {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) help: String,
    #[prost(enumeration = "TypeMessage", tag = "3")]
    pub(super) kind: i32,
    #[prost(message, repeated, tag = "4")]
    pub(super) metric: Vec<MetricMessage>,
    #[prost(string, tag = "5")]
    pub(super) unit: String,
}

/// `MetricType`, of which this exporter uses these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enumeration)]
pub(super) enum TypeMessage {
    Counter = 0,
    Gauge = 1,
    Histogram = 4,
}

/// `Metric`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct MetricMessage {
    #[prost(message, repeated, tag = "1")]
    pub(super) label: Vec<LabelMessage>,
    #[prost(message, optional, tag = "2")]
    pub(super) gauge: Option<NumberMessage>,
    #[prost(message, optional, tag = "3")]
    pub(super) counter: Option<NumberMessage>,
    #[prost(message, optional, tag = "7")]
    pub(super) histogram: Option<HistogramMessage>,
}

/// `LabelPair`.
#[derive(Clone, PartialEq, Message)]
pub(super) struct LabelMessage {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

/// `Gauge` and `Counter`, whose first field is the value.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct NumberMessage {
    #[prost(double, tag = "1")]
    pub(super) value: f64,
}

/// `Histogram`: classic and native buckets.
#[derive(Clone, PartialEq, Message)]
pub(super) struct HistogramMessage {
    #[prost(uint64, tag = "1")]
    pub(super) sample_count: u64,
    #[prost(double, tag = "2")]
    pub(super) sample_sum: f64,
    #[prost(message, repeated, tag = "3")]
    pub(super) bucket: Vec<BucketMessage>,
    #[prost(sint32, tag = "5")]
    pub(super) schema: i32,
    #[prost(double, tag = "6")]
    pub(super) zero_threshold: f64,
    #[prost(uint64, tag = "7")]
    pub(super) zero_count: u64,
    #[prost(message, repeated, tag = "12")]
    pub(super) positive_span: Vec<SpanMessage>,
    #[prost(sint64, repeated, tag = "13")]
    pub(super) positive_delta: Vec<i64>,
}

/// `Bucket`, of a classic histogram.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct BucketMessage {
    #[prost(uint64, tag = "1")]
    pub(super) cumulative_count: u64,
    #[prost(double, tag = "2")]
    pub(super) upper_bound: f64,
}

/// `BucketSpan`, of a native histogram.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct SpanMessage {
    /// The gap to the previous span; of the first span, the index of its first bucket.
    #[prost(sint32, tag = "1")]
    pub(super) offset: i32,
    #[prost(uint32, tag = "2")]
    pub(super) length: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_follow_the_gaps() {
        let check = |buckets: &[(i32, u64)], spans: &[(i32, u32)], deltas: &[i64]| {
            let spans = spans.iter().map(|&(offset, length)| SpanMessage { offset, length }).collect();
            let expected = NativeBuckets { spans, deltas: deltas.to_vec() };
            assert_eq!(native_buckets(buckets.iter().copied()), expected, "{buckets:?}");
        };
        check(&[], &[], &[]);
        check(&[(0, 2)], &[(0, 1)], &[2]);
        check(&[(5, 1)], &[(5, 1)], &[1]);
        check(&[(-3, 4), (-2, 1), (1, 1), (2, 6)], &[(-3, 2), (2, 2)], &[4, -3, 0, 5]);
    }
}
