//! How far failures reach on a route: no Internet at all, Defender alone, or single endpoints of it. The control decides: what
//! Windows asks to learn whether there is an Internet. Pure.
//!
//! A control's failure alone says nothing, since some networks block it. Servers of the company prove nothing about the
//! Internet, so their endpoints don't count here.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde::Serialize;

use crate::catalog::Trust;
use crate::observation::{Failure, FailureReason as R, Observation};
use crate::plan::Target;
use crate::state::{Snapshot, TargetState};
use crate::string_enum::string_enum;
use crate::verdict::Concern;

string_enum! {
    /// What the control and the endpoints of Defender say together.
    InternetSituation {
        /// The control fails, and so does every endpoint of Defender.
        NoInternet = "no_internet",
        /// Something else answers in place of the control, and every endpoint of Defender fails: a captive portal, or a filter.
        CaptivePortal = "captive_portal",
        /// The control answers, and every endpoint of Defender fails.
        DefenderBlocked = "defender_blocked",
        /// The control answers, and some endpoints of Defender fail, or a single host.
        EndpointsFailing = "endpoints_failing",
    }
}

/// The Internet by one route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InternetReport<'a> {
    /// The route.
    pub route: &'a str,
    /// Whether the control answers as Microsoft's. Null before its first probe, and if that failed because of this machine.
    pub control_answers: Option<bool>,
    /// What that and the endpoints of Defender say together. Null if none of them fails, not all were probed yet, the control
    /// was not asked since one began to fail, or the control fails and not all of them do.
    pub situation: Option<InternetSituation>,
    /// The number of failing endpoints of Defender on the route; a company's own servers don't count.
    pub failures: usize,
    /// The number of those that were tested.
    pub of: usize,
    /// The control's host.
    #[serde(skip)]
    host: &'a str,
    /// The failing host, if it is a single one.
    #[serde(skip)]
    only: Option<&'a str>,
    /// Why the control failed.
    #[serde(skip)]
    failure: Option<&'a Failure>,
}

/// What the last probes of a route's controls found.
#[derive(Clone, Copy)]
enum ControlResult<'a> {
    /// One answered at this time.
    Answers(SystemTime),
    /// Something else answered.
    Replaced(&'a Failure),
    /// Nothing answered.
    Fails(&'a Failure),
    /// Not known.
    Unknown,
}

/// The Internet by each route that has a control, in the configuration's order.
#[must_use]
pub fn internet(snapshot: &Snapshot) -> Vec<InternetReport<'_>> {
    let routes = snapshot.plan.routes.iter();
    routes.filter_map(|route| InternetReport::new(snapshot, &route.name)).collect()
}

impl<'a> InternetReport<'a> {
    /// `None` if the route has no control.
    fn new(snapshot: &'a Snapshot, route: &'a str) -> Option<Self> {
        let own = snapshot.iter().filter(|(_, target, _)| target.route.name == route);
        let controls: Vec<_> = own.clone().filter(|(_, target, _)| target.is_control()).collect();
        let host = controls.first().map(|(_, target, _)| target.endpoint.url.host())?;
        let result = ControlResult::new(controls.iter().map(|(.., state)| *state));
        let defender: Vec<_> = own.filter(|(_, target, _)| is_of_microsoft(target)).collect();
        let are_probed = defender.iter().all(|(.., state)| state.last.is_some());
        let is_tested =
            |state: &TargetState| state.last.as_deref().is_some_and(Observation::is_about_network);
        let tested: Vec<_> = defender.into_iter().filter(|(.., state)| is_tested(state)).collect();
        let failing: Vec<_> = tested.iter().filter(|(.., state)| is_failing(state)).collect();
        let hosts: BTreeSet<_> = failing.iter().map(|(_, target, _)| target.endpoint.url.host()).collect();
        let is_current = |at: SystemTime| failing.iter().all(|(.., state)| !began_after(state, at));
        let all_fail = !tested.iter().any(|(_, target, state)| is_reached(target, state));
        let situation = match result {
            _ if failing.is_empty() || !are_probed => None,
            ControlResult::Answers(at) if !is_current(at) => None,
            ControlResult::Answers(_) if all_fail && hosts.len() > 1 => {
                Some(InternetSituation::DefenderBlocked)
            }
            ControlResult::Answers(_) => Some(InternetSituation::EndpointsFailing),
            ControlResult::Replaced(_) if all_fail => Some(InternetSituation::CaptivePortal),
            ControlResult::Fails(_) if all_fail => Some(InternetSituation::NoInternet),
            ControlResult::Replaced(_) | ControlResult::Fails(_) | ControlResult::Unknown => None,
        };
        Some(Self {
            route,
            control_answers: result.answers(),
            situation,
            failures: failing.len(),
            of: tested.len(),
            host,
            only: hosts.first().copied().filter(|_| hosts.len() == 1),
            failure: match result {
                ControlResult::Replaced(failure) | ControlResult::Fails(failure) => Some(failure),
                ControlResult::Answers(_) | ControlResult::Unknown => None,
            },
        })
    }

    /// Whether the control answers, in words, if that is known.
    #[must_use]
    pub fn control_sentence(&self) -> Option<String> {
        let host = self.host;
        let asks = "which Windows asks to learn whether there is an Internet";
        Some(match self.failure {
            Some(Failure { phase, reason, .. }) => {
                format!(
                    "{host}, {asks}, fails ({phase}: {reason}). Some networks block it: that alone is no fault."
                )
            }
            None if self.control_answers? => format!("{host}, {asks}, answers."),
            None => return None,
        })
    }

    /// The situation in words. `via` names the route if there are several.
    fn sentence(&self, via: &str) -> Option<String> {
        let Self { host, failures, of, .. } = self;
        let all = match self.only {
            Some(only) => format!("{only} fails"),
            None if failures == of => format!("all {of} endpoints of Defender fail"),
            None => format!(
                "{failures} of {of} endpoints of Defender fail, and no other proves that it is reached"
            ),
        };
        Some(match self.situation? {
            InternetSituation::NoInternet => format!(
                "No Internet{via}: {host} fails, too, which Windows asks to learn whether there is an Internet. Repair what everything \
                 shares first: uplink, name servers, proxy."
            ),
            InternetSituation::CaptivePortal => {
                let instead = self.failure.map_or("", |failure| &failure.detail);
                format!(
                    "No Internet{via}: a captive portal or a filter answers in place of {host} ({instead}), and {all}. Sign in there, or \
                     exempt this machine."
                )
            }
            InternetSituation::DefenderBlocked => format!(
                "The Internet works{via} ({host} answers), but {all}: look for a rule of the firewall, the proxy or the DNS filter that \
                 blocks Defender alone."
            ),
            InternetSituation::EndpointsFailing => {
                let some = if let Some(only) = self.only {
                    format!("only {only} fails")
                } else {
                    let only = if failures * 2 > *of { "" } else { "only " };
                    format!("{only}{failures} of {of} endpoints of Defender fail")
                };
                format!("The Internet works{via} ({host} answers): {some}.")
            }
        })
    }
}

/// A sentence for each route of which the control tells how far its failures reach.
#[must_use]
pub fn internet_sentences(snapshot: &Snapshot) -> Vec<String> {
    let several = snapshot.plan.routes.len() > 1;
    let via = |route: &str| if several { format!(" via {route}") } else { String::new() };
    internet(snapshot).iter().filter_map(|report| report.sentence(&via(report.route))).collect()
}

impl<'a> ControlResult<'a> {
    fn new(controls: impl Iterator<Item = &'a TargetState> + Clone) -> Self {
        let mut answers = controls.clone().filter_map(|state| state.last.as_deref());
        if let Some(last) = answers.find(|last| is_genuine(last)) {
            return Self::Answers(last.at);
        }
        let is_known = |state: &TargetState| state.last.as_deref().is_some_and(Observation::is_about_network);
        if !controls.clone().all(is_known) {
            return Self::Unknown;
        }
        let failures = controls.filter_map(|state| state.last.as_deref()?.failure.as_ref());
        let is_other = |failure: &&Failure| {
            matches!(failure.reason, R::RedirectOffSite | R::BlockPage | R::WrongContent | R::Status)
        };
        match (failures.clone().find(is_other), failures.clone().next()) {
            (Some(failure), _) => Self::Replaced(failure),
            (None, Some(failure)) => Self::Fails(failure),
            (None, None) => Self::Unknown, // it answered without proof
        }
    }

    const fn answers(self) -> Option<bool> {
        match self {
            Self::Answers(_) => Some(true),
            Self::Replaced(_) | Self::Fails(_) => Some(false),
            Self::Unknown => None,
        }
    }
}

/// Whether the control's own answer came.
fn is_genuine(last: &Observation) -> bool {
    last.success() && last.facts.http.as_ref().is_some_and(|http| http.genuine)
}

fn is_of_microsoft(target: &Target) -> bool {
    !target.is_control() && !target.endpoint.component.is_on_premises()
}

/// Whether an endpoint fails. A listed host that Microsoft has retired doesn't.
fn is_failing(state: &TargetState) -> bool {
    matches!(state.concern(), Some(Concern::Failure { .. }))
}

/// Whether the answer proves that Microsoft was reached: whoever stands on the path can give a status over plain HTTP.
fn is_reached(target: &Target, state: &TargetState) -> bool {
    target.endpoint.trust != Trust::Plain && state.last.as_deref().is_some_and(Observation::success)
}

/// Whether an endpoint that worked began to fail after `at`: what answered before says nothing about it.
fn began_after(state: &TargetState, at: SystemTime) -> bool {
    state.last_success.is_some() && state.failing_since.is_some_and(|since| since > at)
}
