//! The HTTP server: status page, API, metrics and health checks, with access control and limits.

mod access;
mod api;
mod app;
mod evidence;
mod fallback;
mod listen;
mod metrics;
mod page;
mod paths;
mod probe;
mod response;
mod routes;
mod serve;
mod telemetry_path;

#[cfg(test)]
mod tests;

pub use access::Access;
pub use app::AppState;
pub use listen::{BindError, ListenAddress, ListenAddressError};
pub use page::RoundReport;
pub use paths::{ExternalUrl, RoutePrefix, WebPathError, WebPaths};
pub use routes::router;
pub use serve::WebServer;
pub use telemetry_path::{TelemetryPath, TelemetryPathError};
