//! Any bytes as the state file: parsed state round-trips and can be restored.

use std::sync::{Arc, LazyLock};

use defender_exporter::catalog::embedded;
use defender_exporter::config::Config;
use defender_exporter::plan::{Plan, plan};
use defender_exporter::state::{Saved, Snapshot};

use super::lab::now;

static PLAN: LazyLock<Arc<Plan>> = LazyLock::new(|| Arc::new(plan(embedded(), &Config::default()).unwrap()));

pub fn run(bytes: &[u8]) {
    let Ok(saved) = Saved::from_json(bytes) else { return };
    let written = saved.to_json();
    let again = Saved::from_json(written.as_bytes()).expect("it can't read what it wrote");
    assert_eq!(again.to_json(), written, "it changes with each turn");
    let now = now();
    let mut snapshot = Snapshot::new(Arc::clone(&PLAN), now);
    saved.restore(&mut snapshot.signatures, &PLAN, now);
    let known = Saved::from_state(&snapshot.signatures);
    assert!(known.to_json().len() <= written.len() + 200, "more than was kept");
}
