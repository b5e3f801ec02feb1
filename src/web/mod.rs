//! Serving over HTTP: the status page, its data, metrics, health. What the metrics say is `metrics`' business.

mod api;
mod health;
mod listen;
mod page;
mod routes;
mod serve;

#[cfg(test)]
mod tests;

pub use health::{HealthError, HealthUrl, HealthUrlError, ask_health};
pub use listen::{BindError, ListenAddress, ListenAddressError, bind};
pub use routes::{App, TelemetryPath, TelemetryPathError, router};
pub use serve::serve;
