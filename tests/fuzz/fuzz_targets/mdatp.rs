//! Any bytes as what `mdatp health --output json` and `mdatp connectivity test` print.
#![no_main]

use std::time::{Duration, SystemTime};

use defender_exporter::host::mdatp::connectivity;
use defender_exporter::host::mdatp::health::Health;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|output: &[u8]| {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400);
    if let Ok(health) = Health::parse(output, now) {
        let least = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800);
        assert!(health.signatures.dated().is_none_or(|at| at >= least), "no definitions are that old");
    }
    for test in connectivity::parse(output) {
        assert!(test.failure.iter().all(|failure| failure.chars().all(|c| !c.is_control())));
    }
});
