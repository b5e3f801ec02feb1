//! Generates METRICS.md from the table of metrics and the enumerated values of labels.

use std::fmt::{self, Write};

use super::declarations::Metric;
use super::host::DEFAULT_ORDER;
use super::spec::Spec;
use crate::catalog::{Component, UpdateOrigin, UpdateSource};
use crate::host::events::{EventKind, UpdateStage};
use crate::host::mdatp::health::DefinitionsStatus;
use crate::host::registry::settings::{DefenderSetting, SettingOrigin};
use crate::host::update_order::DifferenceKind;
use crate::host::{HostCollector, HostReadReason, RunningMode};
use crate::observation::{FAILURE_CODES, FailureReason, Phase};
use crate::report::CauseKind;
use crate::revocation::UndeterminedCause;
use crate::signatures::Finding;
use crate::verdict::ConcernKind;

/// The text before the table.
const INTRODUCTION: &str = include_str!("introduction.md");

/// The text of METRICS.md.
#[must_use]
pub fn markdown() -> String {
    let mut out = INTRODUCTION.to_owned();
    // Writing to a String can't fail.
    let _ = write_metrics(&mut out).and_then(|()| write_words(&mut out));
    out
}

fn write_metrics(out: &mut String) -> fmt::Result {
    out.push_str("\n## The metrics\n\n| name | type | labels | meaning |\n|---|---|---|---|\n");
    for Spec { name, kind, labels, help, .. } in Metric::ALL.iter().map(|metric| metric.spec()) {
        let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(out, "| `{name}` | {} | {} | {help} |", kind.as_str(), labels.join(", "))?;
    }
    Ok(())
}

fn write_words(out: &mut String) -> fmt::Result {
    out.push_str("\n## Label values\n\n");
    writeln!(out, "`component`: {}.\n", list(Component::ALL.iter().map(|word| word.as_str())))?;
    writeln!(out, "`phase`: {}.\n", list(Phase::ALL.iter().map(|word| word.as_str())))?;
    writeln!(out, "`family`: {}.\n", list(["ipv4", "ipv6"].into_iter()))?;
    writeln!(out, "`source`: {}.\n", list(UpdateSource::ALL.iter().map(|word| word.as_str())))?;
    writeln!(out, "`finding`: {}.\n", list(Finding::ALL.iter().map(|word| word.as_str())))?;
    let causes = list(CauseKind::ALL.iter().map(|kind| kind.as_str()));
    let common = Metric::CommonCause.spec().name;
    writeln!(out, "`kind` of `{common}`, the most specific first: {causes}.\n")?;
    write_host_words(out)?;
    out.push_str("`reason`, by the phase that it can occur in:\n\n| phase | reasons |\n|---|---|\n");
    for phase in Phase::ALL {
        let reasons =
            FAILURE_CODES.iter().filter(|code| code.phase == *phase).map(|code| code.reason.as_str());
        let reasons = list(reasons);
        if !reasons.is_empty() {
            writeln!(out, "| `{phase}` | {reasons} |")?;
        }
    }
    let concerns = list(ConcernKind::ALL.iter().map(|word| word.as_str()));
    let causes = list(UndeterminedCause::ALL.iter().map(|word| word.as_str()));
    writeln!(out, "\n`concern`, and `reason` of `defender_faults` without a phase: {concerns}.\n")?;
    writeln!(
        out,
        "`reason` of `defender_maps_disconnected_reason` and `defender_faults` with the phase `tls` also: `{}`.\n",
        FailureReason::RevocationUnknown
    )?;
    writeln!(out, "`reason` of `defender_tls_revocation_unknown_reason`: {causes}.")
}

/// The label values of the metrics of this machine's own Defender.
fn write_host_words(out: &mut String) -> fmt::Result {
    let collectors = list(HostCollector::ALL.iter().map(|word| word.as_str()));
    writeln!(out, "`collector`: {collectors}.\n")?;
    let reasons = list(HostReadReason::ALL.iter().map(|word| word.as_str()));
    writeln!(out, "`reason` of `{}`: {reasons}.\n", Metric::HostReadFailureReason.spec().name)?;
    let settings = list(DefenderSetting::ALL.iter().map(|word| word.as_str()));
    writeln!(out, "`setting`: {settings}.\n")?;
    let places = list(SettingOrigin::ALL.iter().map(|word| word.as_str()));
    let order = Metric::HostUpdateSourceDifferenceInfo.spec().name;
    writeln!(out, "`origin`, in the order of precedence: {places}; of `{order}` also `{DEFAULT_ORDER}`.\n")?;
    let kinds = list(DifferenceKind::ALL.iter().map(|word| word.as_str()));
    writeln!(out, "`kind` of `{order}`: {kinds}.\n")?;
    let modes = list(RunningMode::ALL.iter().map(|word| word.as_str()));
    writeln!(out, "`mode`: {modes}.\n")?;
    let definitions = list(DefinitionsStatus::ALL.iter().map(|word| word.as_str()));
    writeln!(out, "`status` of `{}`: {definitions}.\n", Metric::HostDefinitionsStatusInfo.spec().name)?;
    let failure = Metric::HostLastUpdateFailureInfo.spec().name;
    let origins = list(UpdateOrigin::ALL.iter().map(|word| word.as_str()));
    writeln!(out, "`source` of `{failure}`: {origins}; empty if the event names none.\n")?;
    let stages = list(UpdateStage::ALL.iter().map(|word| word.as_str()));
    writeln!(out, "`stage` of `{failure}`: {stages}; empty if the event names none.\n")?;
    let results = list(["ok", "failed"].into_iter());
    writeln!(out, "`result` of `{}`: {results}.\n", Metric::HostConnectivityTests.spec().name)?;
    let events: Vec<_> = EventKind::ALL.iter().map(|kind| format!("`{kind}` ({})", kind.meaning())).collect();
    writeln!(out, "`event`, an id of Defender's log: {}.\n", events.join(", "))
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
