//! The exporter's probes in a tight loop: rounds of the engine with the reducer, like `check` without output.
//! Includes all costs of a probe, but neither schedule nor scrapes.

use std::path::Path;
use std::time::Instant;

use defender_exporter::app::{self, Setup};
use defender_exporter::clock::Clock;
use defender_exporter::engine;
use defender_exporter::state::Snapshot;

use crate::process::own_cpu;

/// `CONFIG COUNT`: whole rounds of the configuration's targets until so many probes were made.
pub async fn main(words: &[String]) {
    let wanted: usize = words[1].parse().unwrap();
    let setup = app::set_up(Some(Path::new(&words[0])), Clock::System).unwrap();
    let Setup { plan, prober, concurrency, clock, .. } = setup;
    let mut snapshot = Snapshot::new(plan.clone(), clock.now());
    let (cpu, start, mut count) = (own_cpu(), Instant::now(), 0);
    while count < wanted {
        for event in engine::probe_once(&plan, prober.clone(), clock, concurrency, None).await {
            snapshot.apply(event);
        }
        count += plan.targets.len();
    }
    let (cpu, wall) = (own_cpu() - cpu, start.elapsed().as_secs_f64());
    let all_well = snapshot.targets.iter().all(|target| target.failures == 0);
    assert!(all_well, "{:?}", snapshot.targets.iter().find_map(|target| target.last_failure.as_ref()));
    println!("{}", serde_json::json!({ "cpu": cpu, "wall": wall, "count": count }));
}
