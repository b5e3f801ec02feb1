//! Why an endpoint isn't good, as text. `verdict` decides the cause, the state stores it, and `advice` has the
//! remedies.

use serde::Serialize;

use crate::advice::{self, Advice, RevocationCase};
use crate::catalog::Component;
use crate::observation::{Failure, FailureCode, FailureReason, Observation, Phase};
use crate::text;
use crate::verdict::{Concern, ConcernKind};

/// Why an endpoint isn't good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Why {
    /// The kind of concern, as in `defender_endpoint_concern`.
    pub concern: ConcernKind,
    /// A one-line summary.
    pub title: String,
    /// The phase; null if the answer is genuine over a good chain, but not as expected.
    pub phase: Option<Phase>,
    /// The reason, from a closed set; null if `phase` is null.
    pub reason: Option<FailureReason>,
    /// Whether the route's proxy could not be reached. The state of the endpoint is then unknown.
    pub at_proxy: bool,
    /// Details, cleaned and truncated, since they may come from a server.
    pub detail: String,
    /// What to change, if that follows from more than phase and reason; most urgent first.
    #[serde(skip)]
    pub remedies: Vec<String>,
}

impl From<&Concern> for Why {
    fn from(concern: &Concern) -> Self {
        match concern {
            Concern::Failure { failure, at_proxy } => Self::from_failure(failure, *at_proxy),
            Concern::RevocationUnknown { cause, source, detail, fetch, clock } => {
                let case = RevocationCase {
                    source: source.as_deref(),
                    cause: Some(*cause),
                    fetch: *fetch,
                    detail,
                    clock: *clock,
                };
                let colon = if detail.is_empty() { "" } else { ": " };
                let fault = case.fault().unwrap_or_else(|| "the revocation data is unusable".to_owned());
                let why =
                    Self::new(Phase::Tls, FailureReason::RevocationUnknown, format!("{fault}{colon}{detail}"));
                Self { concern: concern.kind(), remedies: case.advice(Component::Maps).remedies, ..why }
            }
            Concern::UnexpectedStatus { status, expected } => Self {
                concern: concern.kind(),
                title: format!("Genuine, but the service usually answers {expected}"),
                phase: None,
                reason: None,
                at_proxy: false,
                detail: format!("the status is {status}"),
                remedies: Vec::new(),
            },
            Concern::Failover { target, failure, attempts, lost } => {
                let lost = text::duration(*lost);
                let more = match attempts - 1 {
                    0 => String::new(),
                    1 => ", and 1 more failed".to_owned(),
                    more => format!(", and {more} more failed"),
                };
                Self {
                    concern: concern.kind(),
                    title: format!("Works, but {target} fails first"),
                    phase: Some(failure.phase),
                    reason: Some(failure.reason),
                    at_proxy: false,
                    remedies: Vec::new(),
                    detail: format!("{}{more}; clients lose {lost} at each connection", failure.detail),
                }
            }
            Concern::RangeStripped => Self {
                concern: concern.kind(),
                title: "This path strips Range: the whole object came instead of the requested byte".to_owned(),
                phase: None,
                reason: None,
                at_proxy: false,
                detail: "BITS and Delivery Optimization need it: let Range through and answer 206; explain range-stripped"
                    .to_owned(),
                remedies: Vec::new(),
            },
        }
    }
}

impl Why {
    fn new(phase: Phase, reason: FailureReason, detail: String) -> Self {
        let title = advice::for_failure(phase, reason).title;
        Self {
            concern: ConcernKind::Failure,
            title,
            phase: Some(phase),
            reason: Some(reason),
            at_proxy: false,
            detail,
            remedies: Vec::new(),
        }
    }

    fn from_failure(failure: &Failure, at_proxy: bool) -> Self {
        let why = Self::new(failure.phase, failure.reason, failure.detail.clone());
        if at_proxy {
            Self { title: advice::at_proxy(failure.phase, failure.reason).title, at_proxy, ..why }
        } else {
            why
        }
    }

    /// Why a probe failed. Returns `None` if it didn't. For an endpoint, use its judgement, which covers more.
    #[must_use]
    pub fn from_probe(observation: &Observation) -> Option<Self> {
        Some(Self::from_failure(observation.failure.as_ref()?, observation.failed_at_proxy()))
    }

    /// The code that `explain` accepts: `phase.reason`, or the topic of failovers.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        if self.concern == ConcernKind::Failover {
            return Some(self.concern.to_string());
        }
        Some(FailureCode::new(self.phase?, self.reason?).to_string())
    }

    /// The explanation and remedies for an endpoint of this component. Returns `None` for an unusual status, and after
    /// a failover: what helps a client that is lost isn't what helps one that is slow.
    #[must_use]
    pub fn advice(&self, component: Component) -> Option<Advice> {
        if self.concern == ConcernKind::Failover {
            return None;
        }
        let (phase, reason) = (self.phase?, self.reason?);
        let advice = if self.at_proxy {
            advice::at_proxy(phase, reason)
        } else {
            advice::for_detail(component, phase, reason, &self.detail)
        };
        let own = self.remedies.clone();
        Some(if own.is_empty() { advice } else { Advice { remedies: own, ..advice } })
    }

    /// The remedies to show where there is space for few. Of several that follow from more than phase and reason, two:
    /// what to change here, and what Microsoft prefers.
    #[must_use]
    pub fn first_remedies(&self, component: Component) -> Vec<String> {
        let shown = if self.remedies.is_empty() { 1 } else { 2 };
        self.advice(component)
            .map(|advice| advice.remedies)
            .unwrap_or_default()
            .into_iter()
            .take(shown)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::observation::AttemptTarget;

    #[test]
    fn a_failover_names_what_failed_first_and_what_clients_lose() {
        let check = |target: AttemptTarget, attempts, title: &str, detail: &str| {
            let failure = Failure::new(Phase::Connect, FailureReason::Timeout, "no answer");
            let lost = Duration::from_millis(1500) * u32::try_from(attempts).unwrap();
            let why = Why::from(&Concern::Failover { target, failure, attempts, lost });
            assert_eq!((why.title.as_str(), why.detail.as_str()), (title, detail));
            assert_eq!((why.code().as_deref(), why.advice(Component::Maps)), (Some("failover"), None));
        };
        check(
            AttemptTarget::Address(([192, 0, 2, 1], 443).into()),
            1,
            "Works, but address 192.0.2.1:443 fails first",
            "no answer; clients lose 1.5s at each connection",
        );
        check(
            AttemptTarget::DnsServer(([192, 0, 2, 53], 53).into()),
            2,
            "Works, but DNS server 192.0.2.53 fails first",
            "no answer, and 1 more failed; clients lose 3s at each connection",
        );
    }
}
