//! A sample: the value of one series, with its labels.

use std::borrow::Cow;
use std::time::SystemTime;

use crate::clock::unix_seconds;
use crate::state::Histogram;

/// The current value of one series, with `N` labels.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample<'a, const N: usize> {
    /// The label values, in the order of the metric's declaration.
    pub(super) labels: [Cow<'a, str>; N],
    pub(super) value: SampleValue<'a>,
}

/// The value of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum SampleValue<'a> {
    /// A count, or a boolean as 0 or 1.
    Whole(u64),
    /// A measurement.
    Real(f64),
    /// A distribution.
    Histogram(&'a Histogram),
    /// No value besides the labels.
    Info,
}

impl<'a> SampleValue<'a> {
    pub(super) const fn truth(truth: bool) -> Self {
        Self::Whole(truth as u64)
    }

    pub(super) fn time(at: SystemTime) -> Self {
        Self::Real(unix_seconds(at))
    }

    pub(super) fn sample<const N: usize>(self, labels: [&'a str; N]) -> Sample<'a, N> {
        Sample { labels: labels.map(Cow::Borrowed), value: self }
    }
}

/// One sample without labels; empty if `value` is `None`.
pub(super) fn single(value: Option<SampleValue<'_>>) -> Vec<Sample<'_, 0>> {
    value.map(|value| value.sample([])).into_iter().collect()
}
