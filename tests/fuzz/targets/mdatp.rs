//! Any bytes as the output of `mdatp health --output json` and `mdatp connectivity test`, as its preferences, and as the unit of
//! its service.

use std::time::{Duration, SystemTime};

use defender_exporter::host::mdatp::connectivity;
use defender_exporter::host::mdatp::health::MdatpHealth;
use defender_exporter::host::mdatp::proxy::preference;
use defender_exporter::host::mdatp::unit::{environment_file, service_environment};

use super::lab::now;

pub fn run(output: &[u8]) {
    let now = now();
    if let Ok(health) = MdatpHealth::parse(output, now) {
        let least = SystemTime::UNIX_EPOCH + Duration::from_secs(946_684_800);
        let lists = [&health.health_issues, &health.conflicting_applications];
        let entries = || lists.into_iter().flatten().flatten();
        assert!(entries().count() <= 100, "lists are bounded");
        assert!(entries().all(|entry| entry.chars().all(|c| !c.is_control())), "and clean");
        assert!(health.signatures.dated().is_none_or(|at| at >= least), "no definitions are that old");
    }
    match preference(output) {
        Ok(proxy) => assert!(proxy.is_none_or(|proxy| !proxy.trim().is_empty()), "an empty one is none"),
        Err(why) => assert!(why.chars().all(|c| !c.is_control())),
    }
    let text = String::from_utf8_lossy(output).into_owned();
    let _ = environment_file(&text, "HTTPS_PROXY");
    for assignment in service_environment(&[("unit".to_owned(), text)], "HTTPS_PROXY") {
        assert_eq!(assignment.value.is_some(), assignment.file == "unit");
    }
    for test in connectivity::parse(output) {
        assert!(test.failure.iter().all(|failure| failure.chars().all(|c| !c.is_control())));
    }
}
