//! Runs one workload of `workloads.rs` (first argument) for callgrind. `.ci/instructions` compares the counts with
//! `instructions.txt`. Counts only what happens inside [`measured`].

// A failed setup aborts.
#![allow(clippy::unwrap_used)]
// What clippy.toml keeps to few places of the program.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
// This program is a binary: `pub` marks what a module offers to the others.
#![allow(unreachable_pub)]

mod workloads;

use workloads::{WORKLOADS, Work};

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    match WORKLOADS.iter().find(|(name, _)| *name == wanted) {
        Some((_, prepare)) => measured(prepare()),
        // `cargo bench` runs every benchmark; without an argument, this one does nothing.
        None => println!("workloads: {}", WORKLOADS.map(|(name, _)| name).join(" ")),
    }
}

/// The function that callgrind measures, by name.
#[inline(never)]
fn measured(work: Work) {
    work();
}
