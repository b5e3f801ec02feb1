//! What the machine's own Defender says of MAPS, where the exporter runs beside one: the probes can succeed while it fails, for example
//! since Windows has another proxy than the exporter.

use super::folding::folded;
use super::panel::State;
use super::stops::CODE_OF_VALIDATION;
use super::tiles::{common, some_of};
use super::words::{BAD, GOOD, MAPS};

/// Whether `MpCmdRun -ValidateMapsConnection` succeeds. A Defender that is off connects to nothing: as in DefenderHostMapsValidationFailed.
const VALIDATION: &str = r#"(defender_host_maps_validation_success{%instance}
    unless ignoring (mode) defender_host_running_mode_info{%instance, mode="off"})"#;

/// What `tile` has as a value if the validation fails at a selected machine, and if it succeeds at all of them.
pub const STATES: &[State<'_>] = &[(20, "Validation fails", BAD), (21, "Validation succeeds", GOOD)];

/// Whether the validation fails at any machine, with the label `text`: at how many of those that have a Defender.
pub fn tile() -> String {
    let some = format!("(sum({VALIDATION} == bool 0) > 0 or count({VALIDATION}))");
    let counted = some_of(&some, &format!("count({VALIDATION})"));
    let joined = format!(r#"label_join({counted}, "text", " of ", "some", "all")"#);
    let named = format!(
        r#"label_replace(label_replace({joined}, "text", "on $1 machines", "text", "(.+)"), "text", "on this machine", "text", "on 1 of 1 machines")"#
    );
    format!("20 + min({VALIDATION}) + on () group_left (text) 0 * {named}")
}

/// At how many machines it fails, of how many, with the labels `some` and `all`.
pub fn failing_count() -> String {
    some_of(&format!("sum({VALIDATION} == bool 0)"), &format!("count({VALIDATION})"))
}

/// A row for each machine whose validation fails although MAPS isn't lost via every route, with the labels `why` and `change`; one row for
/// an error that many have. Where the network loses MAPS, the failure is a consequence.
pub fn failed_rows() -> String {
    const INFO: &str = "defender_host_maps_validation_hresult_info{%instance}";
    let failed = format!("(0 * ({VALIDATION} == 0) + {CODE_OF_VALIDATION} unless {} == 0)", common(MAPS));
    let rows = format!(
        "(0 * {INFO} + ignoring (hresult, cause, remedy) group_left () {failed} or ignoring (hresult, cause, remedy) {failed})"
    );
    let folded = folded(&rows, &rows, &["cause"]);
    [
        ("why", "$1: $2", "why", "(.+): (.+)"),
        ("why", "$1", "why", "(.+): "),
        ("why", "MpCmdRun tells no error", "why", ": "),
        // As in the alert.
        ("change", "Check this machine's WinHTTP proxy: netsh winhttp show proxy", "", ""),
        ("change", "$1", "remedy", "(.+)"),
        ("route", "–", "", ""),
        ("endpoints", "–", "", ""),
    ]
    .into_iter()
    .fold(
        format!(r#"label_join({folded}, "why", ": ", "hresult", "cause")"#),
        |query, (label, text, from, regex)| {
            format!(r#"label_replace({query}, "{label}", "{text}", "{from}", "{regex}")"#)
        },
    )
}
