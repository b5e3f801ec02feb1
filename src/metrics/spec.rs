//! What a metric's declaration contains: its type, its unit, the scrapes that include it, its labels and its help.

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only increases. The name ends in `_total`.
    Counter,
    /// Increases and decreases.
    Gauge,
    /// Counts observations in classic and native buckets.
    Histogram,
    /// Always 1: the labels carry the information. The name ends in `_info`.
    Info,
}

impl Kind {
    /// The name of the kind in METRICS.md.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }

    /// The suffix that the kind adds to a metric name.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Info => "_info",
            Self::Gauge | Self::Histogram => "",
        }
    }
}

/// The base units in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Durations, and timestamps since the Unix epoch.
    Seconds,
    /// Memory.
    Bytes,
}

impl Unit {
    /// The unit as it appears in metric names.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
        }
    }
}

/// The metrics that a scrape includes. Of a metric: the narrowest scrape that includes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricScope {
    /// Every metric: `/metrics`.
    All,
    /// The results of one probe: `/probe`. No counters, no component verdicts; of the exporter itself, its build.
    Probe,
}

/// The declaration of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The name used in queries, suffixes included.
    pub name: &'static str,
    /// The type of the metric.
    pub kind: Kind,
    /// The narrowest scrape that includes the metric.
    pub scope: MetricScope,
    /// The unit, if any; also part of the name.
    pub unit: Option<Unit>,
    /// The label names, in the order of the label values of samples. `families.rs` checks their number at compile time.
    pub labels: &'static [&'static str],
    /// The HELP text: one line without backslashes, because not every format escapes them.
    pub help: &'static str,
}

impl Spec {
    /// The name without the suffixes of kind and unit, which prometheus-client appends.
    #[must_use]
    pub fn stem(&self) -> &'static str {
        let name = self.name.strip_suffix(self.kind.suffix()).unwrap_or(self.name);
        let unit = self.unit.and_then(|unit| name.strip_suffix(unit.as_str())?.strip_suffix('_'));
        unit.unwrap_or(name)
    }

    /// The label names as an array.
    ///
    /// # Panics
    /// If the number of labels isn't `N`. `families.rs` calls this function in a constant, so that a mismatch is a compile
    /// error.
    pub(super) const fn label_names<const N: usize>(&self) -> [&'static str; N] {
        match self.labels.first_chunk() {
            Some(names) if self.labels.len() == N => *names,
            _ => panic!("the metric has another number of labels"),
        }
    }
}
