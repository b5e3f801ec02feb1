//! Any bytes as the output of `mdatp health --output json` and `mdatp connectivity test`.

use std::time::{Duration, SystemTime};

use defender_exporter::host::mdatp::connectivity;
use defender_exporter::host::mdatp::health::MdatpHealth;

use super::lab::now;

pub fn run(output: &[u8]) {
    let now = now();
    if let Ok(health) = MdatpHealth::parse(output, now) {
        let least = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800);
        assert!(health.signatures.dated().is_none_or(|at| at >= least), "no definitions are that old");
    }
    for test in connectivity::parse(output) {
        assert!(test.failure.iter().all(|failure| failure.chars().all(|c| !c.is_control())));
    }
}
