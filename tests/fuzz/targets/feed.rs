//! Any bytes as a version feed.

use defender_exporter::signatures::{MAX_FEED, parse};

pub fn run(bytes: &[u8]) {
    let found = parse(bytes);
    assert!(found.is_err() || bytes.len() <= MAX_FEED, "it is read whole, whatever its length");
    if let Err(error) = found {
        assert!(error.to_string().len() < 1000, "a feed's text can flood the log");
    }
}
