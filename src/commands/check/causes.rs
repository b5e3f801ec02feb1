//! What is wrong, by cause: one block each, with what to change first.

use std::fmt::Write as _;

use super::View;
use crate::catalog::Component;
use crate::commands::terminal::{HEADING, paint, verdict_style};
use crate::commands::wrap::wrap_to;
use crate::report::{self, Affected, CauseGroup};
use crate::state::Snapshot;
use crate::verdict::{ConcernKind, Verdict};

/// The blocks; empty if nothing is wrong.
pub(super) fn render(snapshot: &Snapshot, causes: &[CauseGroup], view: &View) -> String {
    let mut text = String::new();
    if !causes.is_empty() {
        text.push_str(&paint(HEADING, "\nWhat is wrong, and what to change\n"));
    }
    for sentence in report::shared_sentences(snapshot) {
        text.push_str(&wrap_to(view.width, &sentence, "  ", "  "));
    }
    for (n, cause) in causes.iter().enumerate() {
        let title = wrap_to(view.width, &cause.title, &format!("{}. ", n + 1), "   ");
        let _ = write!(text, "\n{}", paint(verdict_style(cause.verdict), &title)); // a String never fails
        for action in actions(cause) {
            text.push_str(&wrap_to(view.width, &action, "   ", "   "));
        }
        text.push_str(&wrap_to(view.width, &affected(snapshot, cause), "   ", "   "));
        if let Some(more) = more(cause) {
            text.push_str(&wrap_to(view.width, &more, "   ", "   "));
        }
    }
    text
}

/// What to change, most urgent first.
pub(super) fn actions(cause: &CauseGroup) -> Vec<String> {
    if !cause.remedies.is_empty() {
        return cause.remedies.clone();
    }
    match cause.concern {
        ConcernKind::RangeStripped => vec![format!("{}.", cause.detail)],
        ConcernKind::UnexpectedStatus => vec![
            "Find out whether something on the path answers in Microsoft's place. If the service itself has changed, take its \
             answer over: defender-exporter baseline."
                .to_owned(),
        ],
        ConcernKind::Failover => {
            vec!["Repair what fails first, or remove it: clients work, but lose time at each connection.".to_owned()]
        }
        ConcernKind::Failure | ConcernKind::RevocationUnknown => Vec::new(),
    }
}

/// "Affects 8 endpoints of maps, update via direct."
pub(super) fn affected(snapshot: &Snapshot, cause: &CauseGroup) -> String {
    let Affected { endpoints, components, routes } = cause.affected(&snapshot.plan);
    let components: Vec<_> = components.into_iter().map(Component::as_str).collect();
    let via = if routes.is_empty() { String::new() } else { format!(" via {}", routes.join(", ")) };
    let verb = match cause.verdict {
        Some(Verdict::Bad) => "Affects",
        Some(Verdict::Good | Verdict::Degraded) => "Degrades",
        None => "Leaves unknown",
    };
    let noun = if endpoints == 1 { "endpoint" } else { "endpoints" };
    format!("{verb} {endpoints} {noun} of {}{via}.", components.join(", "))
}

/// Where the explanations are.
fn more(cause: &CauseGroup) -> Option<String> {
    let commands = cause.codes.iter().map(|code| format!("defender-exporter explain {code}"));
    let commands = commands.collect::<Vec<_>>().join("; ");
    (!commands.is_empty()).then(|| format!("More: {commands}"))
}
