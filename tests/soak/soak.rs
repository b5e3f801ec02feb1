//! Soak test: random faults in the lab for an hour, continuous scrapes, and a comparison with an independent model
//! at each settled moment. See README.md in this folder.

// A failed setup aborts the run.
#![allow(clippy::unwrap_used, clippy::expect_used)]
// What clippy.toml keeps to few places of the program.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
// This crate is a binary: `pub` marks what a module offers to the others.
#![allow(unreachable_pub, missing_docs)]

mod expected;
mod exporter;
mod feed;
#[allow(unused_imports, reason = "what the laboratory offers to the tests")]
#[path = "../it/lab/mod.rs"]
mod lab;
mod leak;
mod model;
mod run;
mod series;
mod silent_dns;
mod state;
mod watch;
mod world;

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// The command line.
pub struct RunOptions {
    pub length: Duration,
    pub seed: u64,
    /// Whether ten thousand targets of a silent DNS server are probed instead.
    pub silent_dns: bool,
}

fn options() -> Result<RunOptions, String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut options =
        RunOptions { length: Duration::from_secs(3600), seed: now.as_secs(), silent_dns: false };
    for argument in std::env::args().skip(1) {
        let number = argument.split_once('=').and_then(|(_, number)| number.parse().ok());
        match (argument.split('=').next(), number) {
            (Some("--seconds"), Some(seconds)) => options.length = Duration::from_secs(seconds),
            (Some("--seed"), Some(seed)) => options.seed = seed,
            (Some("--silent-dns"), None) => options.silent_dns = true,
            (Some("--bench"), None) => {} // cargo adds it
            _ => return Err(format!("{argument}: only --seconds=N, --seed=N and --silent-dns are known")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let ended = if options.silent_dns {
        runtime.block_on(silent_dns::run())
    } else {
        runtime.block_on(run::run(&options))
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("FAILED: {problem}");
            ExitCode::FAILURE
        }
    }
}
