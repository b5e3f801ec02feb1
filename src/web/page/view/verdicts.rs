//! The verdicts on top: MAPS by route and kind of client, and each component by route.

use super::{Source, State, name};
use crate::advice;
use crate::catalog::{Component, ComponentSpec};
use crate::report::Counts;
use crate::state::MapsState;
use crate::verdict::{Connection, SslOptions};

/// MAPS by one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MapsView {
    /// None where there is one route alone.
    pub(crate) route: Option<String>,
    /// Of a client with the default `SSLOptions`.
    pub(crate) state: State,
    /// Why, and what to change.
    pub(crate) story: String,
    /// By what they check.
    pub(crate) clients: Vec<ClientView>,
}

/// One kind of client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClientView {
    /// The value of `SSLOptions`.
    pub(crate) options: SslOptions,
    /// What it checks.
    pub(crate) checks: &'static str,
    /// Good where it is connected.
    pub(crate) state: State,
    /// Whether it is, in a word.
    pub(crate) word: &'static str,
    /// `stage.reason`, where it isn't.
    pub(crate) code: Option<String>,
}

impl MapsView {
    pub(super) fn all(source: Source<'_>) -> Vec<Self> {
        let snapshot = source.snapshot;
        let of = |route: &String| {
            let own = snapshot.maps.iter().filter(|maps| maps.route == *route);
            let clients: Vec<_> = own.map(ClientView::of).collect();
            let default = clients.iter().find(|client| client.options == SslOptions::DEFAULT)?;
            let unknown =
                || "Not known yet: the first probes, or the first look at revocation, are under way.";
            Some(Self {
                route: source.route(route).map(str::to_owned),
                state: default.state,
                story: advice::maps_story(snapshot, route).unwrap_or_else(|| unknown().to_owned()),
                clients,
            })
        };
        snapshot.plan.routes.iter().filter_map(|route| of(&route.name)).collect()
    }
}

impl ClientView {
    fn of(maps: &MapsState) -> Self {
        let (state, word, code) = match maps.connection {
            Connection::Unknown => (State::Unknown, "unknown", None),
            Connection::Connected => (State::Good, "connected", None),
            Connection::Lost { stage, reason } => (State::Bad, "lost", Some(format!("{stage}.{reason}"))),
        };
        let checks = match (maps.options.checks_revocation(), maps.options.pins()) {
            (false, false) => "neither revocation nor pins",
            (true, false) => "revocation",
            (false, true) => "pins",
            (true, true) => "revocation and pins",
        };
        Self { options: maps.options, checks, state, word, code }
    }
}

/// A component.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ComponentView {
    /// Which one.
    pub(crate) component: Component,
    /// What it is called.
    pub(crate) name: &'static str,
    /// How it does by its best route.
    pub(crate) state: State,
    /// How it does by each, where there are several.
    pub(crate) routes: Vec<RouteState>,
    /// Its endpoints by state.
    pub(crate) counts: Counts,
}

/// How a component does by one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RouteState {
    /// The route's name.
    pub(crate) route: String,
    /// How it does.
    pub(crate) state: State,
}

impl ComponentView {
    pub(super) fn all(source: Source<'_>) -> Vec<Self> {
        source.snapshot.plan.components.iter().map(|known| Self::of(source, &known.spec)).collect()
    }

    fn of(source: Source<'_>, spec: &ComponentSpec) -> Self {
        let component = spec.component;
        let own = source.snapshot.components.iter().filter(|state| state.component == component);
        let routes: Vec<_> =
            own.map(|c| RouteState { route: c.route.clone(), state: c.verdict.into() }).collect();
        // A network that lets the proxy out and nobody else is in order.
        let known = routes.iter().map(|by| by.state).filter(|state| *state != State::Unknown);
        let state = known.max().unwrap_or(State::Unknown);
        let targets = source.snapshot.iter().filter(|(_, target, _)| target.endpoint.component == component);
        Self {
            component,
            name: name(component),
            state,
            counts: targets.map(|(_, target, state)| state.verdict(target)).collect(),
            routes: if routes.len() > 1 { routes } else { Vec::new() },
        }
    }
}
