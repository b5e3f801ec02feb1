//! Any bytes as the file of `baseline --compare`.

use std::sync::{Arc, LazyLock};

use defender_exporter::catalog::embedded;
use defender_exporter::commands::baseline::{compare, parse};
use defender_exporter::config::Config;
use defender_exporter::plan::plan;
use defender_exporter::state::Snapshot;

use super::lab::now;

static FRESH: LazyLock<Snapshot> = LazyLock::new(|| {
    let plan = plan(embedded(), &Config::default()).unwrap();
    Snapshot::new(Arc::new(plan), now())
});

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match parse("baseline.yaml", text) {
        Ok(baseline) => {
            assert!(baseline.answers.values().all(|answer| !answer.hops.is_empty()), "an answer of no host");
            let printed = compare(&baseline, &FRESH).render();
            assert!(printed.lines().all(|line| line.chars().all(|c| !c.is_control())), "{printed:?}");
        }
        Err(error) => {
            let words = error.to_string();
            assert!(words.len() < 3000 && words.chars().all(|c| !c.is_control()), "{words:?}");
        }
    }
}
