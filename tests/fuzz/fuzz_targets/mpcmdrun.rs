//! Any bytes as the output of `MpCmdRun.exe -ValidateMapsConnection`, with any exit code.
#![no_main]

use defender_exporter::host::local_time::DateOrder;
use defender_exporter::host::mpcmdrun::{Outcome, Validation};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], Option<i32>, u8)| {
    let (output, exit_code, order) = input;
    let order = DateOrder::of_windows(&order.to_string());
    let validation = Validation::parse(output, exit_code, order);
    match validation.outcome {
        Outcome::Connected => assert!(exit_code.is_none_or(|code| code == 0), "it ended with an error"),
        Outcome::Failed { hresult, .. } => assert!(hresult >= 1 << 31, "an HRESULT of success"),
        Outcome::Unknown => assert!(validation.problem().is_some(), "nobody is told"),
    }
    assert!(validation.text.chars().all(|c| !c.is_control()), "it can break a line of the log");
});
