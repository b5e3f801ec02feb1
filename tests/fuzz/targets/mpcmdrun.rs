//! Any bytes as the output of `MpCmdRun.exe -ValidateMapsConnection`. The first two bytes select the exit code and
//! the date order.

use defender_exporter::host::local_time::DateOrder;
use defender_exporter::host::mpcmdrun::{Validation, ValidationOutcome};

/// None: it was ended from outside. 2 is what it ends with where the connection fails; the last is an HRESULT.
const EXIT_CODES: [Option<i32>; 5] = [None, Some(0), Some(2), Some(1), Some(-2_147_012_889)];

pub fn run(bytes: &[u8]) {
    let Some(([code, order], output)) = bytes.split_first_chunk() else { return };
    let exit_code = EXIT_CODES[usize::from(*code) % EXIT_CODES.len()];
    let validation = Validation::parse(output, exit_code, DateOrder::from_registry(&order.to_string()));
    match validation.outcome {
        ValidationOutcome::Connected => {
            assert!(exit_code.is_none_or(|code| code == 0), "it ended with an error");
        }
        ValidationOutcome::Failed { hresult, .. } => assert!(hresult >= 1 << 31, "an HRESULT of success"),
        ValidationOutcome::Unknown => assert!(validation.problem().is_some(), "no problem is reported"),
    }
    assert!(validation.text.chars().all(|c| !c.is_control()), "it can break a line of the log");
}
