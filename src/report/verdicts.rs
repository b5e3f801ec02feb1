//! The verdicts of a report: components, clients of MAPS, revocation lists.

use serde::Serialize;

use super::Timestamp;
use crate::advice;
use crate::catalog::Component;
use crate::observation::{Failure, FailureReason, Stage};
use crate::state::{ComponentState, MapsState, Snapshot};
use crate::trust::revocation::CrlState;
use crate::verdict::{Connection, SslOptions, Verdict};

/// How well a component works by one route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ComponentReport<'a> {
    /// Which component.
    pub component: Component,
    /// By which route.
    pub route: &'a str,
    /// Null until each of its endpoints has been probed once.
    pub verdict: Option<Verdict>,
}

impl<'a> ComponentReport<'a> {
    pub(super) fn of(state: &'a ComponentState) -> Self {
        Self { component: state.component, route: &state.route, verdict: state.verdict }
    }
}

/// Whether clients of MAPS get through by one route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MapsReport<'a> {
    /// By which route.
    pub route: &'a str,
    /// In words: whether a client with the default `SSLOptions` gets through, why not, and what to change; null while that
    /// isn't known.
    pub story: Option<String>,
    /// By what the clients check.
    pub clients: Vec<ClientReport>,
}

impl<'a> MapsReport<'a> {
    /// Of every route that MAPS is probed by.
    pub(super) fn all(snapshot: &'a Snapshot) -> Vec<Self> {
        let of = |route: &'a str| {
            let own = snapshot.maps.iter().filter(|maps| maps.route == route);
            let clients: Vec<_> = own.map(ClientReport::of).collect();
            (!clients.is_empty()).then(|| Self { route, story: advice::maps_story(snapshot, route), clients })
        };
        snapshot.plan.routes.iter().filter_map(|route| of(&route.name)).collect()
    }
}

/// Whether one kind of client gets through.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClientReport {
    /// The value of the registry value `SSLOptions`: 0 checks neither revocation nor pins, 1 revocation, 2 pins, 3 both.
    pub ssl_options: SslOptions,
    /// Null while that isn't known.
    pub connected: Option<bool>,
    /// Where it ends, unless it is connected.
    pub stage: Option<Stage>,
    /// Why it isn't connected.
    pub reason: Option<FailureReason>,
}

impl ClientReport {
    fn of(maps: &MapsState) -> Self {
        let (connected, lost) = match maps.connection {
            Connection::Unknown => (None, None),
            Connection::Connected => (Some(true), None),
            Connection::Lost { stage, reason } => (Some(false), Some((stage, reason))),
        };
        let (stage, reason) = lost.unzip();
        Self { ssl_options: maps.options, connected, stage, reason }
    }
}

/// A revocation list.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CrlReport<'a> {
    /// Its URL.
    pub crl: &'a str,
    /// By which route it is fetched.
    pub route: &'a str,
    /// Whether the last fetch succeeded; null before the first.
    pub fetched: Option<bool>,
    /// Why it didn't.
    pub failure: Option<&'a Failure>,
    /// When the list in use was made.
    pub this_update: Option<Timestamp>,
    /// When it ends.
    pub next_update: Option<Timestamp>,
}

impl<'a> CrlReport<'a> {
    pub(super) fn all(snapshot: &'a Snapshot) -> Vec<Self> {
        let of =
            |(route, crls): (&'a String, &'a Vec<CrlState>)| crls.iter().map(move |crl| Self::of(route, crl));
        snapshot.crls.iter().flat_map(of).collect()
    }

    fn of(route: &'a str, state: &'a CrlState) -> Self {
        let fetch = state.fetch.as_ref();
        Self {
            crl: &state.url,
            route,
            fetched: fetch.map(Result::is_ok),
            failure: fetch.and_then(|fetch| fetch.as_ref().err()),
            this_update: state.this_update.map(Timestamp),
            next_update: state.next_update.map(Timestamp),
        }
    }
}
