//! The verdicts at the top: MAPS per route and client configuration, and each component per route.

use std::collections::BTreeSet;

use super::{DisplayState, ViewInput};
use crate::catalog::{Component, ComponentSpec};
use crate::observation::FailureCode;
use crate::report::{self, Counts};
use crate::state::{ComponentState, MapsState};
use crate::verdict::{MapsConnection, SslOptions};

/// MAPS on one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MapsView {
    /// `None` with a single route.
    pub(crate) route: Option<String>,
    /// The state for clients with the default `SSLOptions`.
    pub(crate) state: DisplayState,
    /// The reason, and what to change.
    pub(crate) summary: String,
    /// One for each value of `SSLOptions`.
    pub(crate) clients: Vec<ClientView>,
}

/// Clients with the same `SSLOptions`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientView {
    pub(crate) options: SslOptions,
    /// The checks that the client performs.
    pub(crate) checks: &'static str,
    /// Good if connected, bad if lost.
    pub(crate) state: DisplayState,
    /// The state of the connection, in a word.
    pub(crate) word: &'static str,
    /// `phase.reason` of each unserved need, without duplicates.
    pub(crate) codes: BTreeSet<String>,
}

impl MapsView {
    pub(super) fn all(input: ViewInput<'_>) -> Vec<Self> {
        let snapshot = input.snapshot;
        let of = |route: &String| {
            let own = snapshot.maps.iter().filter(|maps| maps.route == *route);
            let clients: Vec<_> = own.map(ClientView::new).collect();
            let default = clients.iter().find(|client| client.options == SslOptions::DEFAULT)?;
            let unknown = || "Unknown: the first probes or revocation checks are still running.";
            Some(Self {
                route: input.route(route).map(str::to_owned),
                state: default.state,
                summary: report::maps_summary(snapshot, route).unwrap_or_else(|| unknown().to_owned()),
                clients,
            })
        };
        snapshot.plan.routes.iter().filter_map(|route| of(&route.name)).collect()
    }
}

impl ClientView {
    fn new(maps: &MapsState) -> Self {
        let (state, word) = match maps.connection {
            MapsConnection::Unknown => (DisplayState::Unknown, "unknown"),
            MapsConnection::Connected => (DisplayState::Good, "connected"),
            MapsConnection::Lost(_) => (DisplayState::Bad, "lost"),
        };
        let unserved = maps.connection.unserved().iter();
        let codes = unserved.map(|of| FailureCode::new(of.phase, of.reason).to_string()).collect();
        let checks = match (maps.options.checks_revocation(), maps.options.pins()) {
            (false, false) => "no revocation check, no pinning",
            (true, false) => "revocation check",
            (false, true) => "pinning",
            (true, true) => "revocation check and pinning",
        };
        Self { options: maps.options, checks, state, word, codes }
    }
}

/// A component, overall and per route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ComponentView {
    pub(crate) component: Component,
    pub(crate) name: &'static str,
    /// The state on the best route, for MAPS on the worst.
    pub(crate) state: DisplayState,
    /// The state on each route. Empty with a single route.
    pub(crate) routes: Vec<RouteState>,
    /// The number of its endpoints per state.
    pub(crate) counts: Counts,
}

/// The control of one route, which is no endpoint of Defender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ControlView {
    /// `None` with a single route.
    pub(crate) route: Option<String>,
    /// Whether it answers, in a sentence.
    pub(crate) sentence: String,
}

impl ControlView {
    pub(super) fn all(input: ViewInput<'_>) -> Vec<Self> {
        let by_route = report::internet(input.snapshot).into_iter();
        let view = by_route.filter_map(|internet| {
            let route = input.route(internet.route).map(str::to_owned);
            Some(Self { route, sentence: internet.control_sentence()? })
        });
        view.collect()
    }
}

/// The state of a component on one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouteState {
    pub(crate) route: String,
    pub(crate) state: DisplayState,
}

impl ComponentView {
    pub(super) fn all(input: ViewInput<'_>) -> Vec<Self> {
        let known = input.snapshot.plan.components.iter().map(|known| &known.spec);
        known.filter(|spec| !spec.component.is_control()).map(|spec| Self::new(input, spec)).collect()
    }

    fn new(input: ViewInput<'_>, spec: &ComponentSpec) -> Self {
        let component = spec.component;
        let own = input.snapshot.components.iter().filter(|state| state.component == component);
        let lost = if component == Component::Maps { report::maps_lost(input.snapshot) } else { Vec::new() };
        let state_of = |c: &ComponentState| {
            if lost.contains(&c.route.as_str()) { DisplayState::Bad } else { c.verdict.into() }
        };
        let routes: Vec<_> = own.map(|c| RouteState { route: c.route.clone(), state: state_of(c) }).collect();
        // The best route decides: a network that allows only the proxy out is configured correctly. But a route without
        // MAPS pages, so that MAPS is as bad as its worst route.
        let known = routes.iter().map(|by| by.state).filter(|state| *state != DisplayState::Unknown);
        let state =
            if lost.is_empty() { known.max().unwrap_or(DisplayState::Unknown) } else { DisplayState::Bad };
        let targets = input.snapshot.iter().filter(|(_, target, _)| target.endpoint.component == component);
        Self {
            component,
            name: component.title(),
            state,
            counts: targets.map(|(.., state)| state.verdict()).collect(),
            routes: if routes.len() > 1 { routes } else { Vec::new() },
        }
    }
}
