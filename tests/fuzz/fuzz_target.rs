//! The program of a target, which its own file name selects.
#![no_main]

use defender_exporter_fuzz::{Target, of};
use libfuzzer_sys::fuzz_target;

const TARGET: Target = of(env!("CARGO_BIN_NAME"));

fuzz_target!(|bytes: &[u8]| TARGET(bytes));
