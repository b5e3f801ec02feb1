//! The first sentence of `check`: whether Defender works here, and the meaning of the exit code.

use super::View;
use crate::catalog::Component;
use crate::commands::terminal::{outcome_style, paint};
use crate::commands::wrap::wrap_to;
use crate::report::{Counts, NetworkOutcome, exit_code, outcome};
use crate::state::Snapshot;

/// The sentence, wrapped and coloured.
pub(super) fn render(snapshot: &Snapshot, view: &View) -> String {
    paint(outcome_style(&outcome(snapshot)), &wrap_to(view.width, &sentence(snapshot, view.selected), "", ""))
}

/// The sentence. If only a part was `selected`, it is about that part.
pub(super) fn sentence(snapshot: &Snapshot, selected: bool) -> String {
    let counts = Counts::from_snapshot(snapshot);
    let targets = if snapshot.plan.routes.len() > 1 { "endpoints by route" } else { "endpoints" };
    let verdict = match outcome(snapshot) {
        NetworkOutcome::MapsLost if selected => {
            "What was selected does not reach MAPS, Defender's cloud protection".to_owned()
        }
        NetworkOutcome::MapsLost => {
            "Defender does not work on this network: MAPS, its cloud protection, is lost".to_owned()
        }
        NetworkOutcome::MapsLostVia(routes) if selected => {
            format!("What was selected does not reach MAPS via {}", routes.join(", "))
        }
        NetworkOutcome::MapsLostVia(routes) => {
            format!("Defender works on this network, but MAPS is lost via {}", routes.join(", "))
        }
        NetworkOutcome::Lost(components) if selected => {
            format!("What was selected does not work: {}", names(&components))
        }
        NetworkOutcome::Lost(components) => {
            format!("Defender works only in part on this network. Not working: {}", names(&components))
        }
        NetworkOutcome::Impaired => {
            let subject =
                if selected { "What was selected works in part" } else { "Defender works on this network" };
            let failing = counts.bad + counts.degraded;
            let fail = if failing == 1 { "fails or is degraded" } else { "fail or are degraded" };
            format!("{subject}, but {failing} of {} {targets} {fail}", counts.total())
        }
        NetworkOutcome::Unknown => format!(
            "Whether Defender works on this network is unknown: {} of {} {targets} could not be tested",
            counts.unknown,
            counts.total()
        ),
        NetworkOutcome::Works if selected => match counts.total() {
            1 => "The selected endpoint works".to_owned(),
            total => format!("All {total} selected {targets} work"),
        },
        NetworkOutcome::Works => {
            format!("Defender works on this network: all {} {targets} work", counts.total())
        }
    };
    format!("{verdict}. Exit code {}.", exit_meaning(exit_code(snapshot)))
}

/// "Sample submission (submission), Diagnostic data (diagnostics)".
fn names(components: &[Component]) -> String {
    let name = |component: &Component| match component {
        Component::Maps => component.title().to_owned(), // names it already
        _ => format!("{} ({component})", component.title()),
    };
    components.iter().map(name).collect::<Vec<_>>().join(", ")
}

const fn exit_meaning(code: u8) -> &'static str {
    match code {
        0 => "0: everything works",
        2 => "2: MAPS lost",
        _ => "1: something is degraded, lost or unknown",
    }
}
