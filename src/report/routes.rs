//! Endpoints whose results differ by route, which distinguishes a proxy's fault from the network's.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::Why;
use crate::catalog::Component;
use crate::observation::FailureCode;
use crate::plan::{Target, TargetId};
use crate::state::{Snapshot, TargetState};
use crate::verdict::Verdict;

/// The results of an endpoint by route, in the configuration's order, if they differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Disagreement(pub Vec<RouteOutcome>);

/// The result on one route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RouteOutcome {
    /// The route.
    pub route: String,
    /// The verdict on the endpoint.
    pub verdict: Verdict,
    /// The status of the last response, if any.
    pub status: Option<u16>,
    /// Why it isn't good; null if it is.
    pub why: Option<Why>,
}

impl RouteOutcome {
    fn new(target: &Target, state: &TargetState) -> Option<Self> {
        Some(Self {
            route: target.route.name.clone(),
            verdict: state.verdict()?,
            status: state.last.as_ref()?.facts.http.as_ref().map(|http| http.status),
            why: state.concern().map(Why::from),
        })
    }
}

impl RouteOutcome {
    /// The result to compare: the failure, or the status.
    fn end(&self) -> (Option<FailureCode>, Option<u16>) {
        let failure = self.why.as_ref().filter(|_| self.verdict == Verdict::Bad);
        match failure.and_then(|why| Some(FailureCode::new(why.phase?, why.reason?))) {
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

/// The endpoints whose results differ by route, for each of their targets: one succeeds and another doesn't, the
/// failures differ, or the statuses do. Ignores routes that haven't been probed yet.
#[must_use]
pub fn disagreements(snapshot: &Snapshot) -> BTreeMap<TargetId, Disagreement> {
    let mut endpoints: BTreeMap<(Component, &str), Vec<(TargetId, RouteOutcome)>> = BTreeMap::new();
    for (id, target, state) in snapshot.defender() {
        let key = (target.endpoint.component, target.endpoint.url.as_str());
        endpoints
            .entry(key)
            .or_default()
            .extend(RouteOutcome::new(target, state).map(|outcome| (id, outcome)));
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
