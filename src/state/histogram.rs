//! A latency histogram with classic and native buckets, as plain data. `metrics` encodes it.

/// Counts of observed seconds in classic (fixed) and native (exponential, schema 3) buckets.
///
/// Native buckets follow the Prometheus specification of native histograms: bucket `i` holds
/// `base^(i-1) < v <= base^i` with `base = 2^(1/8)`, so that a bucket is at most 9 % wide.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    count: u64,
    sum: f64,
    classic: [u64; Histogram::BOUNDS.len() + 1],
    native: std::collections::BTreeMap<i32, u64>,
    zero: u64,
}

impl Histogram {
    /// Upper bounds of the classic buckets, in seconds; the last bucket is +Inf.
    pub const BOUNDS: [f64; 14] =
        [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    /// The native resolution: 2^3 buckets for each doubling.
    pub const SCHEMA: i32 = 3;
    /// Observations up to this many seconds land in the zero bucket (below the clock's resolution).
    pub const ZERO_THRESHOLD: f64 = 1e-9;

    /// Counts one observation, in seconds.
    pub fn observe(&mut self, seconds: f64) {
        self.count += 1;
        self.sum += seconds;
        self.classic[Self::BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        if seconds <= Self::ZERO_THRESHOLD {
            self.zero += 1;
        } else {
            *self.native.entry(native_index(seconds)).or_default() += 1;
        }
    }

    /// The number of observations.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The sum of the observations, in seconds.
    #[must_use]
    pub const fn sum(&self) -> f64 {
        self.sum
    }

    /// The upper bound and the count (not cumulative) of each classic bucket, +Inf last.
    pub fn classic(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = Self::BOUNDS.into_iter().chain([f64::INFINITY]);
        bounds.zip(self.classic)
    }

    /// The count of the zero bucket.
    #[must_use]
    pub const fn zero_count(&self) -> u64 {
        self.zero
    }

    /// The non-empty native buckets, by ascending index.
    pub fn native(&self) -> impl Iterator<Item = (i32, u64)> {
        self.native.iter().map(|(index, count)| (*index, *count))
    }
}

/// The index `i` with `2^((i-1)/8) < v <= 2^(i/8)`.
fn native_index(seconds: f64) -> i32 {
    let exact = seconds.log2() * f64::from(1 << Histogram::SCHEMA);
    // Between 1e-9 seconds and centuries, the index is within ±300.
    #[allow(clippy::cast_possible_truncation)]
    let index = exact.ceil() as i32;
    index
}
