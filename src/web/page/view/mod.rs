//! Turns a snapshot, a time and a filter into the page's content, as data. Pure: `markup` renders it.

mod causes;
mod crls;
mod details;
mod host;
mod report;
mod row;
mod table;
#[cfg(test)]
mod tests;
mod updates;
mod verdicts;
mod waterfall;
mod when;

use std::time::SystemTime;

use super::Filter;
use super::state::DisplayState;
use crate::report::{Counts, NetworkOutcome, outcome, split_hello_sentences, suspected_clock};
use crate::state::Snapshot;

pub(crate) use causes::{CauseView, Causes};
pub(crate) use crls::CrlView;
pub(crate) use details::{
    CertificateView, Details, FailureView, Field, PhaseView, ProbeView, RevocationView,
};
pub(crate) use host::HostView;
pub(crate) use report::{ReportView, ReportedCause, ReportedEndpoint, RuleView};
pub(crate) use row::{EndpointRow, StatusView, TlsView};
pub(crate) use table::{EndpointTable, Group};
pub(crate) use updates::{FeedView, SourceRoute, SourceView, StaleView, UpdatesView, available};
pub(crate) use verdicts::{ClientView, ComponentView, ControlView, MapsView};
pub(crate) use waterfall::{WIDTH, Waterfall};
pub(crate) use when::When;

/// The whole page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page {
    /// The overall state.
    pub(crate) state: DisplayState,
    /// The overall state in a few words.
    pub(crate) headline: String,
    /// The number of endpoints per state, in a sentence.
    pub(crate) summary: String,
    /// The number of endpoints per state.
    pub(crate) counts: Counts,
    /// What suggests that this machine's clock is wrong.
    pub(crate) clock: Option<String>,
    /// MAPS, per route.
    pub(crate) maps: Vec<MapsView>,
    /// Where ClientHellos in several segments are dropped, in a sentence each.
    pub(crate) split_hellos: Vec<String>,
    /// Security intelligence updates.
    pub(crate) updates: UpdatesView,
    /// The Defender of this machine. `None` if it has none.
    pub(crate) host: Option<HostView>,
    /// Each component, per route.
    pub(crate) components: Vec<ComponentView>,
    /// Whether the control of each route answers.
    pub(crate) controls: Vec<ControlView>,
    /// The problems, grouped by cause.
    pub(crate) causes: Causes,
    /// The endpoints that match the filter.
    pub(crate) table: EndpointTable,
    /// The revocation lists.
    pub(crate) crls: Vec<CrlView>,
    /// The filter of the request.
    pub(crate) filter: Filter,
    /// The names of the routes. Empty with a single route.
    pub(crate) routes: Vec<String>,
    /// When the page was generated.
    pub(crate) now: When,
    /// When the current configuration was loaded.
    pub(crate) loaded: When,
}

/// The input of the page.
#[derive(Clone, Copy)]
pub(super) struct ViewInput<'a> {
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: SystemTime,
    pub(super) filter: &'a Filter,
}

impl ViewInput<'_> {
    fn when(&self, at: SystemTime) -> When {
        When::new(at, self.now)
    }

    /// The name of a route. Returns `None` with a single route, where the page omits it.
    fn route<'n>(&self, name: &'n str) -> Option<&'n str> {
        (self.snapshot.plan.routes.len() > 1).then_some(name)
    }
}

impl Page {
    /// Builds the page's content.
    #[must_use]
    pub(crate) fn new(snapshot: &Snapshot, now: SystemTime, filter: Filter) -> Self {
        let input = ViewInput { snapshot, now, filter: &filter };
        let counts = Counts::from_snapshot(snapshot);
        let (state, headline) = headline(snapshot);
        let names = snapshot.plan.routes.iter().filter_map(|route| input.route(&route.name));
        Self {
            state,
            headline,
            summary: summary(counts, snapshot.plan.routes.len()),
            counts,
            clock: suspected_clock(snapshot),
            maps: MapsView::all(input),
            split_hellos: split_hello_sentences(snapshot),
            updates: UpdatesView::new(input),
            host: HostView::new(input),
            components: ComponentView::all(input),
            controls: ControlView::all(input),
            causes: Causes::new(snapshot),
            table: EndpointTable::new(input),
            crls: CrlView::all(input),
            routes: names.map(str::to_owned).collect(),
            now: input.when(now),
            loaded: input.when(snapshot.config_loaded),
            filter,
        }
    }
}

/// The state and headline of the most severe problem.
fn headline(snapshot: &Snapshot) -> (DisplayState, String) {
    match outcome(snapshot) {
        NetworkOutcome::MapsLost => (DisplayState::Bad, "MAPS is lost".to_owned()),
        NetworkOutcome::MapsLostVia(routes) => {
            (DisplayState::Bad, format!("MAPS is lost via {}", routes.join(", ")))
        }
        NetworkOutcome::Lost(components) => {
            let names: Vec<_> = components.iter().map(|component| component.title()).collect();
            (DisplayState::Bad, format!("Not working: {}", names.join(", ")))
        }
        NetworkOutcome::Works => (DisplayState::Good, "Everything works".to_owned()),
        NetworkOutcome::Impaired => {
            let by = if snapshot.plan.routes.len() > 1 { " via some route" } else { "" };
            (DisplayState::Degraded, format!("Every service works{by}, but not every endpoint"))
        }
        NetworkOutcome::Unknown if snapshot.defender().any(|(.., state)| state.last.is_none()) => {
            (DisplayState::Unknown, "First probes running".to_owned())
        }
        // Their probes ended without a verdict, because this machine failed or lacks a feature.
        NetworkOutcome::Unknown => {
            let counts = Counts::from_snapshot(snapshot);
            let tested = results(counts.total(), snapshot.plan.routes.len());
            (DisplayState::Unknown, format!("Unknown: {} of {tested} could not be tested", counts.unknown))
        }
    }
}

fn summary(counts: Counts, routes: usize) -> String {
    let states = [
        (counts.bad, DisplayState::Bad),
        (counts.degraded, DisplayState::Degraded),
        (counts.unknown, DisplayState::Unknown),
        (counts.good, DisplayState::Good),
    ];
    let words =
        states.iter().filter(|(count, _)| *count > 0).map(|(count, state)| format!("{count} {state}"));
    format!("Of {}: {}.", results(counts.total(), routes), words.collect::<Vec<_>>().join(", "))
}

/// What is counted: endpoints, each once for each route. "56 endpoints", "112 results (endpoints via 2 routes)".
pub(crate) fn results(count: usize, routes: usize) -> String {
    match routes {
        0 | 1 => endpoints(count),
        _ => format!("{count} results (endpoints via {routes} routes)"),
    }
}

/// "1 endpoint", "2 endpoints".
pub(crate) fn endpoints(count: usize) -> String {
    format!("{count} endpoint{}", if count == 1 { "" } else { "s" })
}
