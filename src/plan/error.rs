//! Errors of a valid configuration that doesn't fit the catalog, each with the key that causes it.

use std::time::Duration;

use super::MAX_TARGETS;
use crate::catalog::{Component, ProbeUrl};
use crate::config::{Config, ConfigProblem, format_duration};

/// A duration and where it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationSetting {
    /// The duration.
    pub value: Duration,
    /// Where it is set.
    pub source: SettingSource,
}

/// Where a duration is set, most specific first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SettingSource {
    /// In an entry of the configuration's `endpoints`.
    Override(usize),
    /// In the catalog's endpoint.
    Catalog,
    /// In the configuration's settings of a component.
    Component(Component),
    /// At the top of the configuration, or by default.
    Global,
}

impl DurationSetting {
    /// Whether it is set for a single endpoint.
    pub(super) const fn is_endpoints(self) -> bool {
        matches!(self.source, SettingSource::Override(_) | SettingSource::Catalog)
    }

    /// Whether it has the default of `interval` or `timeout`.
    fn is_default(self, key: &str) -> bool {
        let default = Config::default();
        let value = if key == "interval" { default.interval } else { default.timeout };
        self.source == SettingSource::Global && self.value == value
    }

    /// Whether the file has a key for it.
    fn is_set(self, key: &str) -> bool {
        self.source != SettingSource::Catalog && !self.is_default(key)
    }

    fn describe(self, key: &str) -> String {
        let value = format_duration(self.value);
        match self.source {
            SettingSource::Catalog => format!("{value} (from the catalog)"),
            SettingSource::Global if self.is_default(key) => format!("{value} (the default)"),
            source => format!("{value} ({})", source.key(key)),
        }
    }
}

impl SettingSource {
    fn key(self, name: &str) -> String {
        match self {
            Self::Override(index) => format!("endpoints[{index}].{name}"),
            Self::Component(component) => format!("components.{component}.{name}"),
            Self::Catalog | Self::Global => name.to_owned(),
        }
    }
}

/// Why the plan can't be made. `index` is the position in the configuration's `endpoints`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The timeout isn't shorter than the interval, so probes of a target would overlap.
    #[error("{}: the timeout, {}, must be shorter than the interval, {}",
        subject(*component, endpoint.as_ref()), timeout.describe("timeout"), interval.describe("interval"))]
    TimeoutNotShorter {
        /// The component.
        component: Component,
        /// The endpoint, if interval or timeout is set for it.
        endpoint: Option<ProbeUrl>,
        /// The effective interval.
        interval: DurationSetting,
        /// The effective timeout.
        timeout: DurationSetting,
    },
    /// There are no targets.
    #[error("nothing left to probe: every component or endpoint is disabled or belongs to another region")]
    Empty,
    /// A route has no targets, although others have.
    #[error("nothing left to probe via {name}: every endpoint of {} is disabled or belongs to another region",
        components.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    IdleRoute {
        /// The position in the configuration's `routes`.
        route: usize,
        /// Its name.
        name: String,
        /// The components that are selected for it.
        components: Vec<Component>,
    },
    /// There are more targets than one exporter accepts.
    #[error("{found} targets: at most {MAX_TARGETS} are accepted")]
    TooMany {
        /// The number of targets.
        found: usize,
    },
    /// `serves` isn't a need of the component.
    #[error("{serves:?} is not a need of {component}: {}", accepted(needs))]
    UnknownNeed {
        /// The entry.
        index: usize,
        /// Its component.
        component: Component,
        /// The value of `serves`.
        serves: String,
        /// The component's needs.
        needs: Vec<String>,
    },
    /// An endpoint is disabled that doesn't exist.
    #[error("false has no effect: the catalog has no {url} for {component}")]
    DisabledUnknown {
        /// The entry.
        index: usize,
        /// Its component.
        component: Component,
        /// Its URL.
        url: ProbeUrl,
    },
    /// Any response over plain HTTP would count as genuine, even a block page.
    #[error("{url}: over plain HTTP only the status proves its answer: set expect to one or more statuses")]
    NoProof {
        /// The entry.
        index: usize,
        /// Its URL.
        url: ProbeUrl,
    },
    /// The evidence is in the body, but HEAD has none (RFC 9110, section 9.3.2).
    #[error("{url}: evidence in a body needs method GET")]
    BodyOfHead {
        /// The entry.
        index: usize,
        /// Its URL.
        url: ProbeUrl,
    },
}

impl PlanError {
    /// The path of the key that causes the error. Empty if it is the configuration as a whole.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::TimeoutNotShorter { interval, timeout, .. } => {
                // The most specific key of those that the file has.
                let by_interval = (!interval.is_set("interval"), interval.source);
                let by_timeout = (!timeout.is_set("timeout"), timeout.source);
                if by_interval < by_timeout {
                    interval.source.key("interval")
                } else {
                    timeout.source.key("timeout")
                }
            }
            Self::Empty | Self::TooMany { .. } => String::new(),
            Self::IdleRoute { route, .. } => format!("routes[{route}].components"),
            Self::UnknownNeed { index, .. } => format!("endpoints[{index}].serves"),
            Self::DisabledUnknown { index, .. } => format!("endpoints[{index}].enabled"),
            Self::NoProof { index, .. } => format!("endpoints[{index}].expect"),
            Self::BodyOfHead { index, .. } => format!("endpoints[{index}].method"),
        }
    }

    /// Converts the error to a problem of the configuration `file`.
    #[must_use]
    pub fn into_problem(self, file: &str) -> ConfigProblem {
        ConfigProblem::new(file, self.key(), self.to_string())
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
