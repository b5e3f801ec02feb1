//! Serving over HTTP: the status page, its data, metrics, health; to whom, and within which limits. What the metrics say is `metrics`' business.

mod access;
mod api;
mod health;
mod listen;
mod page;
mod probe;
mod routes;
mod serve;

#[cfg(test)]
mod tests;

pub use access::Access;
pub use health::{Health, HealthError, HealthUrl, HealthUrlError, ask_health, shown_by};
pub use listen::{BindError, ListenAddress, ListenAddressError};
pub use routes::{App, TelemetryPath, TelemetryPathError, router};
pub use serve::Front;
