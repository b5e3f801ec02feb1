//! The verdicts of components and MAPS clients, and the state of revocation lists.

use serde::Serialize;

use super::{Timestamp, maps_summary};
use crate::catalog::Component;
use crate::observation::{Failure, FailureReason, Phase};
use crate::revocation::CrlState;
use crate::state::{ComponentState, MapsState, Snapshot};
use crate::verdict::{MapsConnection, SslOptions, UnservedNeed, Verdict};

/// The verdict on a component on one route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ComponentReport<'a> {
    /// The component.
    pub component: Component,
    /// The route.
    pub route: &'a str,
    /// Null until each of its endpoints has been probed.
    pub verdict: Option<Verdict>,
}

impl<'a> ComponentReport<'a> {
    pub(super) fn new(state: &'a ComponentState) -> Self {
        Self { component: state.component, route: &state.route, verdict: state.verdict }
    }
}

/// Whether clients can connect to MAPS on one route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MapsReport<'a> {
    /// The route.
    pub route: &'a str,
    /// A summary: whether clients with the default `SSLOptions` can connect, why not, and what to change; null if
    /// unknown.
    pub summary: Option<String>,
    /// The results by value of `SSLOptions`.
    pub clients: Vec<ClientReport<'a>>,
}

impl<'a> MapsReport<'a> {
    /// For every route on which MAPS is probed.
    pub(super) fn all(snapshot: &'a Snapshot) -> Vec<Self> {
        let of = |route: &'a str| {
            let own = snapshot.maps.iter().filter(|maps| maps.route == route);
            let clients: Vec<_> = own.map(|maps| ClientReport::new(snapshot, maps)).collect();
            (!clients.is_empty()).then(|| Self { route, summary: maps_summary(snapshot, route), clients })
        };
        snapshot.plan.routes.iter().filter_map(|route| of(&route.name)).collect()
    }
}

/// Whether clients with one value of `SSLOptions` can connect.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ClientReport<'a> {
    /// The registry value `SSLOptions`: 0 checks no revocation check, no pinning, 1 revocation, 2 pins, 3 both.
    pub ssl_options: SslOptions,
    /// Null if unknown.
    pub connected: Option<bool>,
    /// The phase that fails, for the first need that isn't served; null if connected or unknown.
    pub phase: Option<Phase>,
    /// The reason of that failure; null if connected or unknown.
    pub reason: Option<FailureReason>,
    /// The needs of MAPS that no endpoint serves; empty if connected or unknown.
    pub unserved: Vec<UnservedReport<'a>>,
}

/// A need of MAPS that no endpoint serves.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UnservedReport<'a> {
    /// The need, as the catalog names it.
    pub need: &'a str,
    /// The endpoint that got furthest.
    pub endpoint: &'a str,
    /// The phase in which it fails.
    pub phase: Phase,
    /// The reason.
    pub reason: FailureReason,
}

impl<'a> ClientReport<'a> {
    fn new(snapshot: &'a Snapshot, maps: &'a MapsState) -> Self {
        let connected = match maps.connection {
            MapsConnection::Unknown => None,
            MapsConnection::Connected => Some(true),
            MapsConnection::Lost(_) => Some(false),
        };
        let unserved = maps.connection.unserved().iter();
        let unserved: Vec<_> = unserved.map(|of| UnservedReport::new(snapshot, of)).collect();
        let first = unserved.first().map(|of| (of.phase, of.reason));
        let (phase, reason) = first.unzip();
        Self { ssl_options: maps.options, connected, phase, reason, unserved }
    }
}

impl<'a> UnservedReport<'a> {
    fn new(snapshot: &'a Snapshot, of: &'a UnservedNeed) -> Self {
        let UnservedNeed { need, phase, reason, nearest } = of;
        let endpoint = snapshot.plan.target(*nearest).endpoint.url.as_str();
        Self { need, endpoint, phase: *phase, reason: *reason }
    }
}

/// A revocation list.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CrlReport<'a> {
    /// The URL of the list.
    pub crl: &'a str,
    /// The route over which it is fetched.
    pub route: &'a str,
    /// Whether the last fetch succeeded; null before the first.
    pub fetched: Option<bool>,
    /// Why it failed.
    pub failure: Option<&'a Failure>,
    /// When the list in use was issued (`thisUpdate`).
    pub this_update: Option<Timestamp>,
    /// When the list in use expires (`nextUpdate`).
    pub next_update: Option<Timestamp>,
}

impl<'a> CrlReport<'a> {
    pub(super) fn all(snapshot: &'a Snapshot) -> Vec<Self> {
        let of = |(route, crls): (&'a String, &'a Vec<CrlState>)| {
            crls.iter().map(move |crl| Self::new(route, crl))
        };
        snapshot.crls.iter().flat_map(of).collect()
    }

    fn new(route: &'a str, state: &'a CrlState) -> Self {
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
