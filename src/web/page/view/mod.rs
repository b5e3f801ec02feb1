//! A snapshot, a moment and a filter → all that the page says, as data. Pure; how it is written is `markup`'s business.

mod causes;
mod crls;
mod details;
mod host;
mod row;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod updates;
mod verdicts;
mod waterfall;
mod when;

use std::time::SystemTime;

use super::Filter;
use crate::catalog::Component;
use crate::report::{Counts, exit_code};
use crate::state::Snapshot;

pub(crate) use causes::{CauseView, Causes};
pub(crate) use crls::CrlView;
pub(crate) use details::{
    CertificateView, Details, FailureView, Field, ProbeView, RevocationView, StageView,
};
pub(crate) use host::HostView;
pub(crate) use row::{Row, StatusView, TlsView};
pub(crate) use state::State;
pub(crate) use table::{Group, Table};
pub(crate) use updates::{FeedView, SourceRoute, SourceView, StaleView, UpdatesView, available};
pub(crate) use verdicts::{ClientView, ComponentView, MapsView};
pub(crate) use waterfall::{WIDTH, Waterfall};
pub(crate) use when::When;

/// The whole page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page {
    /// How all does.
    pub(crate) state: State,
    /// That in a few words.
    pub(crate) headline: String,
    /// How many endpoints do how, in a sentence.
    pub(crate) summary: String,
    /// Endpoints by state, over all.
    pub(crate) counts: Counts,
    /// MAPS by route.
    pub(crate) maps: Vec<MapsView>,
    /// Security intelligence.
    pub(crate) updates: UpdatesView,
    /// This machine's own Defender, where it has one.
    pub(crate) host: Option<HostView>,
    /// Each component, by route.
    pub(crate) components: Vec<ComponentView>,
    /// What is wrong, by cause.
    pub(crate) causes: Causes,
    /// The endpoints that are asked for.
    pub(crate) table: Table,
    /// The revocation lists.
    pub(crate) crls: Vec<CrlView>,
    /// What is asked for.
    pub(crate) filter: Filter,
    /// The names of the routes, where there are several.
    pub(crate) routes: Vec<String>,
    /// When this was written.
    pub(crate) now: When,
    /// When the configuration in use was loaded.
    pub(crate) loaded: When,
}

/// What the page is made from.
#[derive(Clone, Copy)]
struct Source<'a> {
    snapshot: &'a Snapshot,
    now: SystemTime,
    filter: &'a Filter,
}

impl Source<'_> {
    fn when(&self, at: SystemTime) -> When {
        When::new(at, self.now)
    }

    /// A route's name, where there are others it could be confused with.
    fn route<'n>(&self, name: &'n str) -> Option<&'n str> {
        (self.snapshot.plan.routes.len() > 1).then_some(name)
    }
}

impl Page {
    /// What the page says.
    #[must_use]
    pub(crate) fn of(snapshot: &Snapshot, now: SystemTime, filter: Filter) -> Self {
        let source = Source { snapshot, now, filter: &filter };
        let counts = Counts::of(snapshot);
        let components = ComponentView::all(source);
        let (state, headline) = headline(snapshot, counts, &components);
        let names = snapshot.plan.routes.iter().filter_map(|route| source.route(&route.name));
        Self {
            state,
            headline,
            summary: summary(counts),
            counts,
            maps: MapsView::all(source),
            updates: UpdatesView::of(source),
            host: HostView::of(source),
            components,
            causes: Causes::of(snapshot),
            table: Table::of(source),
            crls: CrlView::all(source),
            routes: names.map(str::to_owned).collect(),
            now: source.when(now),
            loaded: source.when(snapshot.config_loaded),
            filter,
        }
    }
}

/// The worst news first.
fn headline(snapshot: &Snapshot, counts: Counts, components: &[ComponentView]) -> (State, String) {
    let bad: Vec<_> = components.iter().filter(|c| c.state == State::Bad).map(|c| c.name).collect();
    if exit_code(snapshot) == 2 {
        (State::Bad, "MAPS is lost".to_owned())
    } else if !bad.is_empty() {
        (State::Bad, format!("Not working: {}", bad.join(", ")))
    } else if counts.good == counts.total() {
        (State::Good, "Everything answers as it should".to_owned())
    } else if counts.bad + counts.degraded > 0 {
        let by = if snapshot.plan.routes.len() > 1 { " by some route" } else { "" };
        (State::Degraded, format!("Every service works{by}, not every endpoint"))
    } else {
        (State::Unknown, "The first probes are under way".to_owned())
    }
}

fn summary(counts: Counts) -> String {
    let states = [
        (counts.bad, State::Bad),
        (counts.degraded, State::Degraded),
        (counts.unknown, State::Unknown),
        (counts.good, State::Good),
    ];
    let words =
        states.iter().filter(|(count, _)| *count > 0).map(|(count, state)| format!("{count} {state}"));
    format!("Of {}: {}.", endpoints(counts.total()), words.collect::<Vec<_>>().join(", "))
}

/// "1 endpoint", "2 endpoints".
pub(crate) fn endpoints(count: usize) -> String {
    format!("{count} endpoint{}", if count == 1 { "" } else { "s" })
}

/// What a component is called on the page.
pub(crate) const fn name(component: Component) -> &'static str {
    match component {
        Component::Maps => "Cloud protection (MAPS)",
        Component::Update => "Microsoft Update",
        Component::Adl => "Alternate download location",
        Component::Submission => "Sample submission",
        Component::Crl => "Revocation lists",
        Component::Diagnostics => "Diagnostic data",
        Component::Streamlined => "Streamlined domains",
        Component::Mde => "Defender for Endpoint commands",
        Component::Usgov => "US government clouds",
        Component::PkiExtended => "Further certificate hosts",
    }
}
