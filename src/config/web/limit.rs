//! `rate_limit`: a token bucket over all requests.

use std::time::Duration;

use crate::config::reader::{Mapping, Node};
use crate::config::values::DurationLimits;

/// The interval between requests. A shorter one would be no limit.
const INTERVAL: DurationLimits =
    DurationLimits { least: Duration::from_micros(1), most: Duration::from_secs(60 * 60) };

/// The maximum burst.
const MAX_BURST: u64 = 1_000_000;

/// The allowed rate of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// The average interval between requests.
    pub interval: Duration,
    /// The number of requests that may arrive at once, at least one.
    pub burst: u32,
}

pub(super) fn read(mut mapping: Mapping<'_>) -> Option<RateLimit> {
    let interval = mapping.take_set("interval");
    let off = interval.as_ref().is_none_or(is_zero);
    let interval = interval.filter(|_| !off).and_then(|node| node.duration(&INTERVAL));
    // A burst of 0 would reject every request.
    let burst = if off { mapping.take_set("burst") } else { mapping.require("burst") };
    let burst = burst.and_then(|node| node.integer(u64::from(!off), MAX_BURST));
    let burst = burst.and_then(|burst| u32::try_from(burst).ok());
    mapping.finish();
    Some(RateLimit { interval: interval?, burst: burst? })
}

/// exporter-toolkit's value for no limit.
fn is_zero(node: &Node<'_>) -> bool {
    let value = node.value();
    value.as_u64() == Some(0) || value.as_str().is_some_and(|text| matches!(text.trim(), "0" | "0s"))
}
