//! Snapshot → Prometheus. Nothing else in the crate knows of Prometheus; serving the result is `web`'s business.

mod build_info;
mod collector;
mod exposition;
mod host;
mod markdown;
mod negotiation;
mod process;
mod samples;
mod signatures;
mod table;
mod text;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use build_info::BuildInfo;
pub use collector::{Scope, Scrape};
pub use exposition::{EncodeError, encode};
pub use markdown::markdown;
pub use negotiation::Format;
pub use process::ProcessStats;
pub use table::{Kind, Metric, Spec, Unit};
