//! `signatures`: staleness of security intelligence.

use std::time::Duration;

use super::endpoints::url_to_probe;
use super::reader::{Mapping, Node};
use super::values::{FEED_INTERVAL, STALE_AFTER};
use crate::catalog::ProbeUrl;
use crate::string_enum::string_enum;

/// The maximum number of version feeds to try.
const MAX_FEEDS: usize = 8;

string_enum! {
    /// The source of the signatures installed on this machine.
    #[derive(Default)]
    InstalledFrom {
        /// Whichever exists.
        #[default]
        Auto = "auto",
        /// The Windows registry.
        Windows = "windows",
        /// The `mdatp` command of Linux and macOS.
        Mdatp = "mdatp",
        /// None, even if Defender is installed.
        None = "none",
    }
}

/// Staleness of security intelligence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignaturesConfig {
    /// The age at which signatures are stale.
    pub stale_after: Duration,
    /// The interval between fetches of the version feed, per route.
    pub interval: Duration,
    /// Replaces the catalog's version feeds, in order of preference. If empty, nothing is fetched.
    pub feeds: Option<Vec<ProbeUrl>>,
    /// The source of the installed signatures.
    pub installed: InstalledFrom,
}

impl Default for SignaturesConfig {
    fn default() -> Self {
        Self {
            stale_after: Duration::from_secs(7 * 24 * 60 * 60),
            interval: Duration::from_secs(60 * 60),
            feeds: None,
            installed: InstalledFrom::default(),
        }
    }
}

/// `signatures`.
pub(super) fn read(mut signatures: Mapping<'_>) -> SignaturesConfig {
    let default = SignaturesConfig::default();
    let config = SignaturesConfig {
        stale_after: signatures
            .take("stale_after")
            .and_then(|node| node.duration(&STALE_AFTER))
            .unwrap_or(default.stale_after),
        interval: signatures
            .take("interval")
            .and_then(|node| node.duration(&FEED_INTERVAL))
            .unwrap_or(default.interval),
        feeds: signatures.take("feeds").and_then(feeds),
        installed: signatures
            .take("installed")
            .and_then(|node| node.word(InstalledFrom::ALL, InstalledFrom::as_str))
            .unwrap_or_default(),
    };
    signatures.finish();
    config
}

fn feeds(node: Node<'_>) -> Option<Vec<ProbeUrl>> {
    let listed = node.value().as_array().map_or(0, Vec::len);
    if listed > MAX_FEEDS {
        node.problem(format!("{listed} feeds: at most {MAX_FEEDS}"));
        return None;
    }
    node.distinct(|feed| url_to_probe(&feed))
}
