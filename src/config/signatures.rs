//! `signatures`: how the freshness of security intelligence is told.

use std::time::Duration;

use super::endpoints::url_to_probe;
use super::raw::{Mapping, Node};
use super::text::{FEED_INTERVAL, STALE_AFTER};
use crate::catalog::ProbeUrl;
use crate::words::words;

/// The most version feeds that are tried one after another.
const MAX_FEEDS: usize = 8;

words! {
    /// What is asked for the signatures that are installed on this machine.
    #[derive(Default)]
    InstalledFrom {
        /// Whatever is there.
        #[default]
        Auto = "auto",
        /// The registry of Windows.
        Windows = "windows",
        /// The `mdatp` command of Linux and macOS.
        Mdatp = "mdatp",
        /// Nothing, even where Defender is.
        None = "none",
    }
}

/// How the freshness of security intelligence is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignaturesConfig {
    /// The age at which signatures count as stale.
    pub stale_after: Duration,
    /// Time between two fetches of the version feed by a route.
    pub interval: Duration,
    /// Replaces the catalog's version feeds, the first choice first; empty: nothing is fetched.
    pub feeds: Option<Vec<ProbeUrl>>,
    /// What is asked for the installed signatures.
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
