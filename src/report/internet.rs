//! How far failures reach on a route: no Internet at all, Defender alone, or single endpoints of it. The control decides: what
//! Windows asks to learn whether there is an Internet. Pure.
//!
//! A control's failure alone says nothing, since some networks block it: it counts if it began with that of Defender's endpoints.
//! Servers of the company prove nothing about the Internet, so their endpoints don't count here. Where failures have a cause of
//! their own (a proxy that refuses, inspection, this machine's clock) or took another path, nothing is said.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::via;
use crate::catalog::Trust;
use crate::observation::{Failure, FailureReason as R, Observation, Phase};
use crate::plan::Target;
use crate::state::{Snapshot, TargetState};
use crate::string_enum::string_enum;

string_enum! {
    /// What the control and the endpoints of Defender say together.
    InternetSituation {
        /// Nothing answers: neither the control nor any endpoint of Defender, of which several hosts were asked.
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
    /// was not asked since one began to fail, the control fails and not all of them do, or the failures have causes that the control
    /// can't tell of.
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
    /// Another route whose control answers.
    #[serde(skip)]
    other_route: Option<&'a str>,
}

/// What the last probes of a route's controls found.
#[derive(Clone, Copy)]
enum ControlResult<'a> {
    /// This one answered.
    Answers(&'a TargetState),
    /// Something else answered this one.
    Replaced(&'a TargetState, &'a Failure),
    /// This one failed in another way.
    Fails(&'a TargetState, &'a Failure),
    /// Not known.
    Unknown,
}

/// The Internet by each route that has a control, in the configuration's order.
#[must_use]
pub fn internet(snapshot: &Snapshot) -> Vec<InternetReport<'_>> {
    let routes = snapshot.plan.routes.iter();
    let mut reports: Vec<_> = routes.filter_map(|route| InternetReport::new(snapshot, &route.name)).collect();
    let answering =
        reports.iter().find(|report| report.control_answers == Some(true)).map(|report| report.route);
    for report in &mut reports {
        report.other_route = answering.filter(|route| *route != report.route);
    }
    reports
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
        let failing: Vec<_> = tested.iter().filter(|(.., state)| state.is_failing()).collect();
        let hosts: BTreeSet<_> = failing.iter().map(|(_, target, _)| target.endpoint.url.host()).collect();
        let failures = Failures {
            all: !tested.iter().any(|(_, target, state)| is_reached(target, state)),
            several: hosts.len() > 1,
            last_success: tested.iter().filter_map(|(.., state)| state.last_success).max(),
            failing: failing.iter().map(|(_, target, state)| (*target, *state)).collect(),
        };
        let is_known = !failing.is_empty() && (are_probed || !failures.all);
        let situation = if is_known { failures.situation(result) } else { None };
        Some(Self {
            route,
            control_answers: result.answers(),
            situation,
            failures: failing.len(),
            of: tested.len(),
            host,
            only: hosts.first().copied().filter(|_| hosts.len() == 1),
            failure: match result {
                ControlResult::Replaced(_, failure) | ControlResult::Fails(_, failure) => Some(failure),
                ControlResult::Answers(_) | ControlResult::Unknown => None,
            },
            other_route: None,
        })
    }

    /// Whether the control answers, in words, if that is known.
    #[must_use]
    pub fn control_sentence(&self) -> Option<String> {
        let host = self.host;
        let asks = "which Windows asks to learn whether there is an Internet";
        Some(match self.failure {
            Some(Failure { phase, reason, .. }) => {
                let alone = match self.situation {
                    None => " Some networks block it: that alone is no fault.",
                    Some(_) => "",
                };
                format!("{host}, {asks}, fails ({phase}: {reason}).{alone}")
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
            InternetSituation::NoInternet => {
                let what = format!(
                    "No Internet{via}: nothing answers, neither the endpoints of Defender nor {host}, which Windows asks to learn whether \
                     there is an Internet."
                );
                match self.other_route {
                    Some(other) => format!("{what} It works via {other}."),
                    None => {
                        format!("{what} Repair what everything shares first: uplink, name servers, proxy.")
                    }
                }
            }
            InternetSituation::CaptivePortal => {
                let instead = self.failure.map_or("", |failure| &failure.detail);
                format!(
                    "No Internet{via}: a captive portal or a filter answers in place of {host} ({instead}), and {all}. Sign in there, or \
                     exempt this machine."
                )
            }
            InternetSituation::DefenderBlocked => format!(
                "{host} answers{via} over HTTP on port 80, but {all}: something stops what Defender needs. Look for a rule of the firewall, \
                 the proxy or the DNS filter."
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
    let reports = internet(snapshot);
    reports.iter().filter_map(|report| report.sentence(&via(snapshot, report.route))).collect()
}

/// The failing endpoints of Defender on a route, at least one.
struct Failures<'a> {
    /// Whether no endpoint proves that it is reached.
    all: bool,
    /// Whether they are on several hosts.
    several: bool,
    /// When an endpoint of Defender last answered on the route.
    last_success: Option<SystemTime>,
    failing: Vec<(&'a Target, &'a TargetState)>,
}

impl Failures<'_> {
    fn situation(&self, control: ControlResult<'_>) -> Option<InternetSituation> {
        match control {
            ControlResult::Answers(state) => {
                let at = state.last.as_ref()?.at;
                if !self.failing.iter().all(|(target, state)| is_current(target, state, at)) {
                    return None;
                }
                if !(self.all && self.several) {
                    return Some(InternetSituation::EndpointsFailing);
                }
                let explained = self.any(|failure| has_own_cause(failure.reason));
                (!explained && self.share_path(state)).then_some(InternetSituation::DefenderBlocked)
            }
            ControlResult::Replaced(state, _) if self.all && self.several && self.began_with(state) => {
                self.share_path(state).then_some(InternetSituation::CaptivePortal)
            }
            ControlResult::Fails(state, failure) if self.all && self.several && self.began_with(state) => {
                let silent = is_silence(failure) && !self.any(|failure| !is_silence(failure));
                (silent && self.share_path(state)).then_some(InternetSituation::NoInternet)
            }
            ControlResult::Replaced(..) | ControlResult::Fails(..) | ControlResult::Unknown => None,
        }
    }

    fn any(&self, has: impl Fn(&Failure) -> bool) -> bool {
        self.failing
            .iter()
            .any(|(_, state)| state.last.as_deref().and_then(|last| last.failure.as_ref()).is_some_and(&has))
    }

    /// Whether the control, which fails, worked as long as Defender's endpoints did: where it is always blocked, it says nothing.
    fn began_with(&self, control: &TargetState) -> bool {
        match (self.last_success, control.failing_since) {
            (Some(last), Some(since)) => since + SLACK >= last,
            (None, Some(_)) => true,
            (_, None) => false,
        }
    }

    /// Whether a failing endpoint took the control's path: a PAC script can send each elsewhere.
    fn share_path(&self, control: &TargetState) -> bool {
        let own = proxy(control);
        self.failing.iter().any(|(_, state)| proxy(state) == own)
    }
}

/// The proxy of the last probe.
fn proxy(state: &TargetState) -> Option<&str> {
    state.last.as_deref()?.facts.proxy.as_deref()
}

/// How long before the last answer of Defender's endpoints a control's failure may have begun: probes of one round take some seconds.
const SLACK: Duration = Duration::from_secs(30);

/// Whether nothing beyond this machine's network answered. A proxy that has no way out says so (502).
fn is_silence(failure: &Failure) -> bool {
    let Failure { phase, reason, .. } = failure;
    match phase {
        Phase::Resolve | Phase::Failover | Phase::Connect => *reason != R::Sinkhole,
        Phase::Tunnel => matches!(reason, R::BadGateway | R::Unreachable | R::Timeout),
        Phase::Tls | Phase::Request => {
            matches!(reason, R::BadGateway | R::Timeout | R::Reset | R::Closed | R::Unreachable)
        }
        Phase::Transfer => false,
    }
}

/// Whether a failure has a cause that a control over plain HTTP can't see: inspection, a clock, a login at the proxy.
const fn has_own_cause(reason: R) -> bool {
    matches!(
        reason,
        R::Intercepted
            | R::UnknownIssuer
            | R::IncompleteChain
            | R::Expired
            | R::NotYetValid
            | R::AuthRequired
            | R::ProxyTls
            | R::PacUnreachable
            | R::PacInvalid
            | R::PacTimeout
    )
}

impl<'a> ControlResult<'a> {
    fn new(controls: impl Iterator<Item = &'a TargetState> + Clone) -> Self {
        let last = |state: &'a TargetState| state.last.as_deref();
        if let Some(state) = controls.clone().find(|state| last(state).is_some_and(is_genuine)) {
            return Self::Answers(state);
        }
        let is_known = |state: &'a TargetState| last(state).is_some_and(Observation::is_about_network);
        if !controls.clone().all(is_known) {
            return Self::Unknown;
        }
        let mut failures = controls.filter_map(|state| Some((state, last(state)?.failure.as_ref()?)));
        // An error status can come from a proxy without a way out.
        let is_other =
            |failure: &Failure| matches!(failure.reason, R::RedirectOffSite | R::BlockPage | R::WrongContent);
        match failures.next() {
            Some((state, failure)) if is_other(failure) => Self::Replaced(state, failure),
            Some((state, failure)) => Self::Fails(state, failure),
            None => Self::Unknown, // it answered without proof
        }
    }

    const fn answers(self) -> Option<bool> {
        match self {
            Self::Answers(_) => Some(true),
            Self::Replaced(..) | Self::Fails(..) => Some(false),
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

/// Whether Microsoft was reached: by an answer, if it proves itself (whoever stands on the path can give a status over plain HTTP), or
/// by a handshake with Microsoft's own chain.
fn is_reached(target: &Target, state: &TargetState) -> bool {
    let Some(last) = state.last.as_deref() else { return false };
    let is_verified = last.facts.tls.as_ref().is_some_and(|tls| tls.verified && !tls.intercepted);
    match &last.failure {
        None => target.endpoint.trust != Trust::Plain,
        Some(failure) => is_verified && matches!(failure.phase, Phase::Request | Phase::Transfer),
    }
}

/// Whether the control's answer at `at` counts for an endpoint that fails: it isn't from before the failure, and no more than three
/// of the endpoint's intervals old.
fn is_current(target: &Target, state: &TargetState, at: SystemTime) -> bool {
    let began_after = state.last_success.is_some() && state.failing_since.is_some_and(|since| since > at);
    let is_old = state.last.as_ref().is_some_and(|last| at + 3 * target.interval < last.at);
    !began_after && !is_old
}
