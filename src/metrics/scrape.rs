//! The input of one scrape.

use std::sync::Arc;

use super::build_info::BuildInfo;
use super::declarations::MetricScope;
use super::process::ProcessStats;
use crate::state::Snapshot;

/// The data that one scrape exposes.
#[derive(Clone, Debug)]
pub struct Scrape {
    /// The metrics to include.
    pub scope: MetricScope,
    /// The exporter's state.
    pub snapshot: Arc<Snapshot>,
    /// The running build.
    pub build: BuildInfo,
    /// The exporter's process statistics.
    pub process: ProcessStats,
}
