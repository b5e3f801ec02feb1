//! Benchmark of the whole program, compared with a minimal floor and with blackbox_exporter, against an origin on loopback. See README.md in
//! this folder.
//!
//! The floor and the tight loop run as separate processes of this program, selected by the first argument, so that their CPU time is
//! measured separately.

// A failed setup aborts the benchmark.
#![allow(clippy::unwrap_used, clippy::expect_used)]
// clippy.toml restricts these to few places of the program.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
// This crate is a binary: `pub` marks what a module offers to the others.
#![allow(unreachable_pub)]
// Counts and nanoseconds become numbers to divide: far below 2^52.
#![allow(clippy::cast_precision_loss)]

mod exporter;
mod floor;
#[allow(unused_imports, reason = "what the laboratory offers to the tests")]
#[path = "../it/lab/mod.rs"]
mod lab;
mod measures;
mod names;
mod origin;
mod peer;
mod pki;
mod process;
mod scrape;
mod table;
mod tight;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// How often each tight loop is run.
    pub rounds: usize,
    /// Probes in each.
    pub probes: usize,
    /// How long a schedule is watched, in seconds.
    pub watched: u64,
    /// How often a process is started.
    pub starts: usize,
}

const QUICK: Effort = Effort { rounds: 2, probes: 600, watched: 12, starts: 5 };
const FULL: Effort = Effort { rounds: 5, probes: 3000, watched: 60, starts: 15 };

/// How much the arguments want.
fn effort(arguments: &[String]) -> Effort {
    if arguments.iter().any(|word| word == "--quick") { QUICK } else { FULL }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match arguments.first().map(String::as_str) {
        Some("floor") => runtime.block_on(floor::main(&arguments[1..])),
        Some("tight") => runtime.block_on(tight::main(&arguments[1..])),
        Some("lookup") => runtime.block_on(names::main(&arguments[1..])),
        Some(names::INSIDE) => runtime.block_on(measures::run_named(effort(&arguments))),
        _ => {
            let wanted = arguments.iter().find_map(|word| word.strip_prefix("--only="));
            if wanted != Some(names::INSIDE) {
                runtime.block_on(measures::run(effort(&arguments), wanted));
            }
            if wanted.is_none_or(|wanted| wanted == names::INSIDE) {
                names::run(&arguments);
            }
        }
    }
}
