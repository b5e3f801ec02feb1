//! Any text as the configuration, with a proxy in the environment, and the resulting plan.

use std::path::Path;
use std::time::Duration;

use defender_exporter::catalog::embedded;
use defender_exporter::config::{Environment, parse};
use defender_exporter::plan::plan_for;

use super::text::{SECRET, check_problems};

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let url = format!("http://user:{SECRET}@proxy.example:8080");
    let environment = Environment::new(&[("all_proxy", url)], Some("corp.example"));
    let config = match parse("fuzz.yaml", text, Path::new("/nonexistent"), &environment) {
        Ok(config) => config,
        Err(problems) => return check_problems(&problems),
    };
    assert!((Duration::from_secs(1)..=Duration::from_secs(86_400)).contains(&config.interval));
    assert!((1..=1024).contains(&config.concurrency) && config.timeout < config.interval);
    assert!((1..=16).contains(&config.routes.len()) && !config.geos.is_empty());
    assert!(!format!("{config:?}").contains(SECRET) || text.contains(SECRET), "a password can be printed");
    match plan_for(embedded(), &config, "fuzz.yaml") {
        Ok(plan) => assert!(!plan.targets.is_empty() && plan.targets.iter().all(|t| t.timeout < t.interval)),
        Err(problems) => check_problems(&problems),
    }
}
