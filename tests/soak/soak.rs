//! A soak of the exporter: random faults in the lab for an hour, scraped all along, and at each settled moment held to a
//! model of the lab that knows nothing of the exporter's own judging. README.md beside this file says how it is run.

// What can't be set up is no run: unwrapping says where.
#![allow(clippy::unwrap_used, clippy::expect_used)]
// This crate is a binary: `pub` marks what a module offers to the others.
#![allow(unreachable_pub, missing_docs)]

mod exporter;
mod feed;
#[allow(unused_imports, reason = "what the laboratory offers to the tests")]
#[path = "../it/lab/mod.rs"]
mod lab;
mod leak;
mod model;
mod rng;
mod run;
mod series;
mod state;
mod watch;
mod world;

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

/// What is asked for on the command line.
pub struct Wish {
    pub length: Duration,
    pub seed: u64,
}

fn wish() -> Result<Wish, String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut wish = Wish { length: Duration::from_secs(3600), seed: now.as_secs() };
    for argument in std::env::args().skip(1) {
        let number = argument.split_once('=').and_then(|(_, number)| number.parse().ok());
        match (argument.split('=').next(), number) {
            (Some("--seconds"), Some(seconds)) => wish.length = Duration::from_secs(seconds),
            (Some("--seed"), Some(seed)) => wish.seed = seed,
            (Some("--bench"), None) => {} // cargo adds it
            _ => return Err(format!("{argument}: only --seconds=N and --seed=N are known")),
        }
    }
    Ok(wish)
}

fn main() -> ExitCode {
    let wish = match wish() {
        Ok(wish) => wish,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match runtime.block_on(run::run(&wish)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            println!("FAILED: {problem}");
            ExitCode::FAILURE
        }
    }
}
