//! Snapshot → Prometheus metrics. No other module encodes the exposition formats; `web` serves the result.

mod build_info;
mod collector;
mod declarations;

mod exposition;
mod families;
mod host;
mod markdown;
mod negotiation;
mod process;
mod protobuf;
mod samples;
mod scrape;
mod signatures;
mod spec;
mod text;
mod value;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use build_info::BuildInfo;
pub use declarations::Metric;
pub use exposition::{EncodeError, encode};
pub use markdown::markdown;
pub use negotiation::ExpositionFormat;
pub use process::ProcessStats;
pub use scrape::{Scrape, WebStatus};
pub use spec::{Kind, MetricScope, Spec, Unit};
