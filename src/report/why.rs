//! What keeps an endpoint from being good, in words: the failure of its last probe, or what is degraded. Whether it is good
//! is decided in `verdict`, what to change is said by `advice`.

use serde::Serialize;

use crate::advice::{self, Advice, RevocationCause};
use crate::catalog::Component;
use crate::observation::{Failure, FailureReason, Observation, Stage};
use crate::plan::Target;
use crate::state::TargetState;
use crate::trust::revocation::{Cause, RevocationReport, Status};

/// What keeps an endpoint from being good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Why {
    /// In one line.
    pub title: String,
    /// The stage; null for an answer that is genuine and of another status than usual.
    pub stage: Option<Stage>,
    /// The closed reason; null where the stage is.
    pub reason: Option<FailureReason>,
    /// Whether it is the route's proxy that was not reached: then nothing is known of the endpoint.
    pub at_proxy: bool,
    /// More of it; cleaned and cut, since it may be a server's.
    pub detail: String,
}

/// Why an endpoint isn't good by this route; none where it is, or before the first probe.
#[must_use]
pub fn why(target: &Target, state: &TargetState) -> Option<Why> {
    let last = state.last.as_deref()?;
    // A chain that is known to be revoked is no better for a newer answer.
    let revoked = || state.revocation.as_deref().and_then(RevocationReport::failure);
    if let Some(why) = Why::of_probe(last) {
        return Some(why);
    }
    if let Some(failure) = revoked() {
        return Some(Why::of(failure.stage, failure.reason, failure.detail));
    }
    let expect = &target.endpoint.expect;
    if let Some(http) = last.facts.http.as_ref().filter(|http| !expect.allows(http.status)) {
        let title = format!("Genuine, but the service usually answers {expect}");
        let detail = format!("the status is {}", http.status);
        return Some(Why { title, stage: None, reason: None, at_proxy: false, detail });
    }
    revocation(state.revocation.as_deref()?)
}

impl Why {
    fn of(stage: Stage, reason: FailureReason, detail: String) -> Self {
        let title = advice::for_failure(stage, reason).title;
        Self { title, stage: Some(stage), reason: Some(reason), at_proxy: false, detail }
    }

    /// Why a probe failed; none where it didn't.
    #[must_use]
    pub fn of_probe(observation: &Observation) -> Option<Self> {
        let Failure { stage, reason, detail } = observation.failure.clone()?;
        let why = Self::of(stage, reason, detail);
        let at_proxy = observation.failed_at_proxy();
        Some(if at_proxy {
            Self { title: advice::at_proxy(stage, reason).title, at_proxy, ..why }
        } else {
            why
        })
    }

    /// The word that `explain` takes: `stage.reason`.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        Some(format!("{}.{}", self.stage?, self.reason?))
    }

    /// What it means for an endpoint of this component and what to change; none for an unusual status.
    #[must_use]
    pub fn advice(&self, component: Component) -> Option<Advice> {
        let (stage, reason) = (self.stage?, self.reason?);
        Some(if self.at_proxy {
            advice::at_proxy(stage, reason)
        } else {
            advice::for_component(component, stage, reason)
        })
    }
}

/// What is wrong with the revocation of a chain that is otherwise good.
fn revocation(report: &RevocationReport) -> Option<Why> {
    let blamed = report.blamed().filter(|blamed| blamed.status == Status::Unknown)?;
    let cause = blamed.cause.filter(|cause| *cause != Cause::NoSource)?;
    let source = blamed.source.as_deref().unwrap_or("the revocation data");
    let colon = if blamed.detail.is_empty() { "" } else { ": " };
    let detail = format!("{source} {}{colon}{}", fault(cause), blamed.detail);
    Some(Why::of(Stage::Tls, FailureReason::RevocationUnknown, detail))
}

/// The words for a cause that follow the source's URL.
fn fault(cause: Cause) -> &'static str {
    let named = |known: &&RevocationCause| known.cause == cause.as_str();
    advice::revocation_causes().iter().find(named).map_or(cause.as_str(), |known| &known.fault)
}
