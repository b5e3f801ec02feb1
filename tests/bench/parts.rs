//! How long each workload of `workloads.rs` takes, optimised, by criterion. Whole processes are measured by `whole.rs`.

// A measurement that can't be set up is none: unwrapping says where.
#![allow(clippy::unwrap_used)]
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
