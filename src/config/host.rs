//! `host`: checks of this machine's Defender.

use std::time::Duration;

use super::HostConfig;
use super::reader::Mapping;
use super::values::DurationLimits;

/// The interval of readings. Validating Defender's connection takes time, and its result changes slowly.
const INTERVAL: DurationLimits =
    DurationLimits { least: Duration::from_secs(60), most: Duration::from_secs(24 * 60 * 60) };

/// `host`.
pub(super) fn read(mut host: Mapping<'_>) -> HostConfig {
    let default = HostConfig::default();
    let interval = host.take("interval").and_then(|node| node.duration(&INTERVAL));
    host.finish();
    HostConfig { interval: interval.unwrap_or(default.interval) }
}
