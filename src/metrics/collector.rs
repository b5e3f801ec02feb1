//! Encodes samples with prometheus-client, in OpenMetrics or protobuf.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, MetricEncoder, NativeHistogram, NativeHistogramBuckets, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry;

use super::families::{self, MetricFamily, Visitor};
use super::scrape::Scrape;
use super::spec::{Kind, Unit};
use super::value::SampleValue;
use crate::state::Histogram;

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        families::write(self, &mut FamilyWriter(encoder))
    }
}

/// Passes metrics to prometheus-client. Omits metrics without samples, for which the library would write HELP and TYPE alone.
struct FamilyWriter<'a>(DescriptorEncoder<'a>);

impl Visitor for FamilyWriter<'_> {
    type Output = fmt::Result;

    fn visit<const N: usize>(&mut self, family: &MetricFamily<'_, N>) -> fmt::Result {
        if family.samples.is_empty() {
            return Ok(());
        }
        let spec = family.spec;
        let unit = spec.unit.map(unit);
        let mut encoder = self.0.encode_descriptor(spec.stem(), spec.help, unit.as_ref(), kind(spec.kind))?;
        for sample in &family.samples {
            let labels: [_; N] = std::array::from_fn(|i| (family.labels[i], sample.labels[i].as_ref()));
            write_sample(&mut encoder, spec.kind, labels, sample.value)?;
        }
        Ok(())
    }
}

fn write_sample<const N: usize>(
    encoder: &mut MetricEncoder,
    kind: Kind,
    labels: [(&str, &str); N],
    value: SampleValue,
) -> fmt::Result {
    if value == SampleValue::Info {
        encoder.encode_info(&labels)
    } else if N == 0 {
        write_value(encoder, kind, value)
    } else {
        write_value(&mut encoder.encode_family(&labels)?, kind, value)
    }
}

fn write_value(encoder: &mut MetricEncoder, kind: Kind, value: SampleValue) -> Result<(), fmt::Error> {
    match (value, kind) {
        (SampleValue::Whole(count), Kind::Counter) => {
            encoder.encode_counter::<NoLabelSet, _, f64>(&count, None)
        }
        (SampleValue::Real(measure), Kind::Counter) => {
            encoder.encode_counter::<NoLabelSet, _, f64>(&measure, None)
        }
        (SampleValue::Whole(count), _) => encoder.encode_gauge(&count),
        (SampleValue::Real(measure), _) => encoder.encode_gauge(&measure),
        (SampleValue::Histogram(histogram), _) => write_histogram(encoder, histogram),
        (SampleValue::Info, _) => encoder.encode_info(&[("", ""); 0]),
    }
}

fn write_histogram(encoder: &mut MetricEncoder, histogram: &Histogram) -> Result<(), fmt::Error> {
    // Non-cumulative counts: the library accumulates them.
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

/// Returns spans (gap to the previous span, number of buckets) and deltas (to the previous bucket) of buckets in
/// ascending order, as `io.prometheus.client.Histogram` requires. The first gap is the index of the first bucket.
fn spans_and_deltas(buckets: impl Iterator<Item = (i32, u64)>) -> (Vec<(i32, u32)>, Vec<i64>) {
    let (mut spans, mut deltas) = (Vec::<(i32, u32)>::new(), Vec::new());
    let (mut next, mut before) = (0, 0);
    for (index, count) in buckets {
        match spans.last_mut() {
            Some((_, length)) if index == next => *length += 1,
            _ => spans.push((index - next, 1)),
        }
        // Probe counts stay far below 2^63.
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
