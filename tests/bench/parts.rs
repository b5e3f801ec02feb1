//! Times the workloads of `workloads.rs` with criterion, optimised. `whole.rs` measures whole processes.

// A failed setup aborts.
#![allow(clippy::unwrap_used)]
// What clippy.toml keeps to few places of the program.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
// This program is a binary: `pub` marks what a module offers to the others.
#![allow(unreachable_pub)]

mod workloads;

use criterion::{BatchSize, Criterion};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (name, prepare) in workloads::WORKLOADS {
        criterion.bench_function(name, |bencher| {
            bencher.iter_batched(prepare, |work| work(), BatchSize::PerIteration);
        });
    }
    criterion.final_summary();
}
