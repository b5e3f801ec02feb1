//! Freshness of Defender's security intelligence: the published versions, signs of outdated feeds, and when
//! clients' signatures become stale. Pure: the time is an argument. `state` holds what is currently known.

mod feed;
mod findings;
mod staleness;
mod version;

use std::time::SystemTime;

use crate::observation::Failure;

pub use feed::{FeedError, MAX_FEED, Published, VersionField, parse};
pub use findings::{FeedHistory, Finding, NewestReport};
pub use staleness::{clamp_to_now, is_set, stale_after};
pub use version::{Version, VersionError};

/// The result of querying the version feed over one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedAnswer {
    /// The route.
    pub route: String,
    /// When the feed was queried.
    pub at: SystemTime,
    /// The content, or the failure of the preferred feed if all failed.
    pub result: Result<FeedContent, Failure>,
}

/// What a feed publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedContent {
    /// The URL of the feed.
    pub url: String,
    /// Its versions.
    pub published: Published,
}

/// The signatures that are installed on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Their version.
    pub signatures: Version,
    /// When they were built. Defender computes their age from this.
    pub built_at: SystemTime,
}
