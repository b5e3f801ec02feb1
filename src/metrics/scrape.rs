//! The input of one scrape.

use std::sync::Arc;
use std::time::SystemTime;

use super::build_info::BuildInfo;
use super::process::ProcessStats;
use super::spec::MetricScope;
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
    /// The exporter's own server.
    pub web: WebStatus,
}

/// The state of the exporter's own server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebStatus {
    /// Whether the web configuration could be used when it was last read. `None` if there is none.
    pub config_usable: Option<bool>,
    /// When the presented certificate expires. `None` without TLS.
    pub certificate_not_after: Option<SystemTime>,
    /// When its validity began.
    pub certificate_not_before: Option<SystemTime>,
}
