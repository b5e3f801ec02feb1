//! `host`: how often this machine is asked of its own Defender.

use std::time::Duration;

use super::HostConfig;
use super::raw::Mapping;
use super::text::DurationLimits;

/// Between two readings: a validation of Defender's connection takes its time, and its result doesn't change by the second.
const INTERVAL: DurationLimits =
    DurationLimits { least: Duration::from_secs(60), most: Duration::from_secs(24 * 60 * 60) };

/// `host`.
pub(super) fn read(mut host: Mapping<'_>) -> HostConfig {
    let default = HostConfig::default();
    let interval = host.take("interval").and_then(|node| node.duration(&INTERVAL));
    host.finish();
    HostConfig { interval: interval.unwrap_or(default.interval) }
}
