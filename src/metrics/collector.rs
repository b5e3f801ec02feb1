//! Encodes samples with prometheus-client, in OpenMetrics.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
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
    encoder.encode_histogram::<NoLabelSet>(histogram.sum(), histogram.count(), &classic, None)
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
