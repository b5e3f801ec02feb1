//! How fresh Defender's security intelligence is and stays: what is published, where clients can update from, when theirs
//! turns stale. The rules are pure; time comes with what they are asked about. What of it is known now is kept in `state`.

mod feed;
mod findings;
mod staleness;
mod version;

pub use feed::{FeedError, Field, MAX_FEED, Published, parse};
pub use findings::{Finding, Told};
pub use staleness::{believed, is_set, stale_after};
pub use version::{Version, VersionError};
