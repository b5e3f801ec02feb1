//! Each workload of `workloads.rs` once, for callgrind to count its instructions: `.ci/instructions` runs this and compares with
//! `instructions.txt`. The first argument names the workload; what happens outside [`measured`] isn't counted.

// A measurement that can't be set up is none: unwrapping says where.
#![allow(clippy::unwrap_used)]
// This program is a binary: `pub` marks what a module offers to the others.
#![allow(unreachable_pub)]

mod workloads;

use workloads::{WORKLOADS, Work};

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    match WORKLOADS.iter().find(|(name, _)| *name == wanted) {
        Some((_, prepare)) => measured(prepare()),
        // `cargo bench` runs every benchmark; this one says nothing by itself.
        None => println!("workloads: {}", WORKLOADS.map(|(name, _)| name).join(" ")),
    }
}

/// What callgrind counts: it is told to look for this name.
#[inline(never)]
fn measured(work: Work) {
    work();
}
