//! The state of the router.

use std::sync::Arc;

use tokio::sync::watch;

use super::access::Access;
use super::paths::WebPaths;
use crate::clock::Clock;
use crate::engine::LivenessProbe;
use crate::engine::on_demand::OnDemand;
use crate::engine::reload_requests::Reloads;
use crate::metrics::BuildInfo;
use crate::state::Snapshot;

/// The state of the router.
#[derive(Clone)]
pub struct AppState {
    /// The newest snapshot.
    pub snapshot: watch::Receiver<Arc<Snapshot>>,
    /// The version of the exporter.
    pub build: BuildInfo,
    /// The paths of the routes.
    pub paths: WebPaths,
    /// The source of wall-clock time.
    pub clock: Clock,
    /// Requests reloads. `None` if `POST /-/reload` is disabled.
    pub reloads: Option<Reloads>,
    /// On-demand probes. `None` if there is no engine.
    pub on_demand: Option<OnDemand>,
    /// The access control, for its metrics. `None` if there is none.
    pub access: Option<Access>,
    /// The engine's liveness. `None` if there is no engine.
    pub liveness: Option<LivenessProbe>,
}

impl AppState {
    pub(super) fn newest(&self) -> Arc<Snapshot> {
        self.snapshot.borrow().clone()
    }
}
