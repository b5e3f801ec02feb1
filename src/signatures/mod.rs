//! How fresh Defender's security intelligence is and stays: what is published, where clients can update from, when theirs
//! turns stale. The rules are pure; time comes with what they are asked about. What of it is known now is kept in `state`.

mod feed;
mod findings;
mod staleness;
mod version;
mod watch;

use std::time::SystemTime;

use crate::observation::Failure;

pub use feed::{FeedError, Field, MAX_FEED, Published, parse};
pub use findings::{Finding, Told};
pub use staleness::{believed, is_set, stale_after};
pub use version::{Version, VersionError};
pub use watch::run;

/// What became of asking for the version feed by one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// By which route.
    pub route: String,
    /// When it was asked.
    pub at: SystemTime,
    /// The URL of the feed that answered with what it says; else why the last one that was tried didn't.
    pub result: Result<(String, Published), Failure>,
}

/// The signatures that are installed on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Their version.
    pub signatures: Version,
    /// When they were built, which is what Defender counts their age from.
    pub built_at: SystemTime,
}
