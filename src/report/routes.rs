//! Where the routes to an endpoint don't do alike: the difference is what tells a proxy's fault from the network's.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::{Why, why};
use crate::catalog::Component;
use crate::observation::{FailureReason, Stage};
use crate::plan::{Target, TargetId};
use crate::state::{Snapshot, TargetState};
use crate::verdict::Verdict;

/// How the routes to an endpoint do, where they don't all come to the same end; in the configuration's order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Disagreement(pub Vec<RouteOutcome>);

/// How one route does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RouteOutcome {
    /// Its name.
    pub route: String,
    /// How well the endpoint works by it.
    pub verdict: Verdict,
    /// The status of the last answer, if one came.
    pub status: Option<u16>,
    /// What keeps it from being good; null where nothing does.
    pub why: Option<Why>,
}

impl RouteOutcome {
    fn of(target: &Target, state: &TargetState) -> Option<Self> {
        Some(Self {
            route: target.route.name.clone(),
            verdict: state.verdict(target)?,
            status: state.last.as_ref()?.facts.http.as_ref().map(|http| http.status),
            why: why(target, state),
        })
    }
}

impl RouteOutcome {
    /// What it came to: the failure, or the status.
    fn end(&self) -> (Option<(Stage, FailureReason)>, Option<u16>) {
        let failure = self.why.as_ref().filter(|_| self.verdict == Verdict::Bad);
        match failure.and_then(|why| Some((why.stage?, why.reason?))) {
            Some(failure) => (Some(failure), None),
            None => (None, self.status),
        }
    }
}

impl fmt::Display for RouteOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.why, self.status) {
            (Some(Why { title, reason: Some(_), .. }), _) | (Some(Why { title, .. }), None) => {
                write!(f, "{}: {title}", self.route)
            }
            (_, Some(status)) => write!(f, "{}: {status}", self.route),
            (None, None) => write!(f, "{}: {}", self.route, self.verdict),
        }
    }
}

impl fmt::Display for Disagreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, outcome) in self.0.iter().enumerate() {
            write!(f, "{}{outcome}", if n == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

/// Of every target whose endpoint's routes don't come to the same end: one works and another doesn't, or not for the same
/// reason, or answers of different status come. Routes that haven't been tried don't count.
#[must_use]
pub fn disagreements(snapshot: &Snapshot) -> BTreeMap<TargetId, Disagreement> {
    let mut endpoints: BTreeMap<(Component, &str), Vec<(TargetId, RouteOutcome)>> = BTreeMap::new();
    for (id, target, state) in snapshot.iter() {
        let key = (target.endpoint.component, target.endpoint.url.as_str());
        endpoints
            .entry(key)
            .or_default()
            .extend(RouteOutcome::of(target, state).map(|outcome| (id, outcome)));
    }
    let differ = |known: &[(TargetId, RouteOutcome)]| known.windows(2).any(|w| w[0].1.end() != w[1].1.end());
    let mut found = BTreeMap::new();
    for known in endpoints.into_values().filter(|known| differ(known)) {
        let (ids, outcomes): (Vec<_>, Vec<_>) = known.into_iter().unzip();
        let disagreement = Disagreement(outcomes);
        found.extend(ids.into_iter().map(|id| (id, disagreement.clone())));
    }
    found
}
