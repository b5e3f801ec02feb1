//! The ways in which a valid configuration doesn't fit the catalog, each with the key that is to blame.

use std::time::Duration;

use super::MAX_TARGETS;
use crate::catalog::{Component, ProbeUrl};
use crate::config::{Problem, said};

/// A duration and the place that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The duration.
    pub value: Duration,
    /// Where it is set.
    pub source: Source,
}

/// Where a duration is set, most specific first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// In this entry of the configuration's `endpoints`.
    Override(usize),
    /// In the catalog's endpoint.
    Catalog,
    /// In the configuration's settings of this component.
    Component(Component),
    /// At the top of the configuration, or by default.
    Global,
}

impl Setting {
    /// Whether it is set for one endpoint alone.
    pub(super) const fn is_endpoints(self) -> bool {
        matches!(self.source, Source::Override(_) | Source::Catalog)
    }

    fn said(self, key: &str) -> String {
        let value = said(self.value);
        match self.source {
            Source::Catalog => format!("{value} (of the catalog)"),
            source => format!("{value} ({})", source.key(key)),
        }
    }
}

impl Source {
    fn key(self, name: &str) -> String {
        match self {
            Self::Override(index) => format!("endpoints[{index}].{name}"),
            Self::Component(component) => format!("components.{component}.{name}"),
            Self::Catalog | Self::Global => name.to_owned(),
        }
    }
}

/// Why there is no plan. `index` is that of the entry in the configuration's `endpoints`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A probe could still be under way when its next one is due.
    #[error("{}: the timeout, {}, is not shorter than the interval, {}",
        subject(*component, endpoint.as_ref()), timeout.said("timeout"), interval.said("interval"))]
    TimeoutNotShorter {
        /// Whose settings they are.
        component: Component,
        /// The endpoint, where one of the two is set for it alone.
        endpoint: Option<ProbeUrl>,
        /// The interval in force.
        interval: Setting,
        /// The timeout in force.
        timeout: Setting,
    },
    /// Nothing is left to probe.
    #[error("nothing is left to probe: every component or endpoint is turned off, or of another region")]
    Empty,
    /// Nothing is left to probe by a route, although by others there is.
    #[error("nothing is left to probe by {name}: every endpoint of {} is turned off, or of another region",
        components.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    IdleRoute {
        /// The entry in the configuration's `routes`.
        route: usize,
        /// Its name.
        name: String,
        /// The components that are selected for it.
        components: Vec<Component>,
    },
    /// More targets than one exporter takes on.
    #[error("{found} targets: at most {MAX_TARGETS} are accepted")]
    TooMany {
        /// How many there would be.
        found: usize,
    },
    /// `serves` names nothing that the component needs.
    #[error("{serves:?} is no need of {component}: {}", accepted(needs))]
    UnknownNeed {
        /// The entry.
        index: usize,
        /// Its component.
        component: Component,
        /// What it names.
        serves: String,
        /// What the component needs.
        needs: Vec<String>,
    },
    /// An endpoint is turned off that isn't there.
    #[error("false has no effect: the catalog has no {url} for {component}")]
    DisabledUnknown {
        /// The entry.
        index: usize,
        /// Its component.
        component: Component,
        /// Its URL.
        url: ProbeUrl,
    },
    /// Any answer to a plain request would count as genuine, a block page too.
    #[error("{url}: the status is all that proves its answer, so expect must name one or more statuses")]
    NoProof {
        /// The entry.
        index: usize,
        /// Its URL.
        url: ProbeUrl,
    },
    /// A body is asked for as evidence, and HEAD has none (RFC 9110, section 9.3.2).
    #[error("{url}: evidence in a body needs method GET")]
    BodyOfHead {
        /// The entry.
        index: usize,
        /// Its URL.
        url: ProbeUrl,
    },
}

impl PlanError {
    /// The path of the key to blame; empty where it is the configuration as a whole.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::TimeoutNotShorter { interval, timeout, .. } if interval.source < timeout.source => {
                interval.source.key("interval")
            }
            Self::TimeoutNotShorter { timeout, .. } => timeout.source.key("timeout"),
            Self::Empty | Self::TooMany { .. } => String::new(),
            Self::IdleRoute { route, .. } => format!("routes[{route}].components"),
            Self::UnknownNeed { index, .. } => format!("endpoints[{index}].serves"),
            Self::DisabledUnknown { index, .. } => format!("endpoints[{index}].enabled"),
            Self::NoProof { index, .. } => format!("endpoints[{index}].expect"),
            Self::BodyOfHead { index, .. } => format!("endpoints[{index}].method"),
        }
    }

    /// The error as a problem of the configuration `file`.
    #[must_use]
    pub fn into_problem(self, file: &str) -> Problem {
        Problem::new(file, self.key(), self.to_string())
    }
}

fn subject(component: Component, endpoint: Option<&ProbeUrl>) -> String {
    match endpoint {
        Some(url) => format!("{component} {url}"),
        None => component.to_string(),
    }
}

fn accepted(needs: &[String]) -> String {
    if needs.is_empty() { "it has none".to_owned() } else { format!("it needs {}", needs.join(", ")) }
}
