//! A recorded round for whoever changes the firewall or the proxy, as data: each cause with the names and ports to allow, and what
//! was seen.

use super::{CauseView, Details, DisplayState, ViewInput, When, headline, summary};
use crate::catalog::{ProbeUrl, embedded};
use crate::plan::{Target, TargetId};
use crate::report::{self, CauseGroup, Counts, Why, suspected_clock};
use crate::state::TargetState;
use crate::verdict::{Concern, ConcernKind};
use crate::web::page::RoundReport;

/// The report.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReportView {
    pub(crate) state: DisplayState,
    pub(crate) headline: String,
    pub(crate) summary: String,
    pub(crate) clock: Option<String>,
    pub(crate) started: When,
    pub(crate) ended: When,
    /// The problems, the most severe first.
    pub(crate) causes: Vec<ReportedCause>,
}

/// A cause, what to change, and what was seen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReportedCause {
    pub(crate) cause: CauseView,
    /// What to allow. Empty if that isn't the remedy.
    pub(crate) rules: Vec<RuleView>,
    pub(crate) endpoints: Vec<ReportedEndpoint>,
}

/// Names to allow on some ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RuleView {
    /// Hosts and patterns. A wildcard's bare name is listed if clients use it.
    pub(crate) names: Vec<String>,
    pub(crate) ports: Vec<u16>,
    /// What needs them.
    pub(crate) purpose: &'static str,
    /// Microsoft's page that lists them. `None` for what the company runs or adds.
    pub(crate) source: Option<&'static str>,
}

/// An endpoint that a cause affects.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReportedEndpoint {
    pub(crate) url: String,
    /// `None` with a single route.
    pub(crate) route: Option<String>,
    /// When it was first seen to fail, as far as the record knows.
    pub(crate) since: Option<When>,
    pub(crate) details: Details,
    /// The beginning of the response's body, as text. Empty if there was none, or if it isn't recorded.
    pub(crate) received: String,
}

impl ReportView {
    pub(in crate::web::page) fn new(round: &RoundReport<'_>, source: ViewInput<'_>) -> Self {
        let snapshot = source.snapshot;
        let (state, headline) = headline(snapshot);
        let causes = report::causes(snapshot).into_iter();
        Self {
            state,
            headline,
            summary: summary(Counts::from_snapshot(snapshot), snapshot.plan.routes.len()),
            clock: suspected_clock(snapshot),
            started: source.when(round.started),
            ended: source.when(round.ended),
            causes: causes.map(|cause| ReportedCause::new(round, source, cause)).collect(),
        }
    }
}

impl ReportedCause {
    fn new(round: &RoundReport<'_>, source: ViewInput<'_>, cause: CauseGroup) -> Self {
        let snapshot = source.snapshot;
        let targets =
            cause.targets.iter().map(|id| (*id, snapshot.plan.target(*id), &*snapshot.targets[id.0]));
        let mut rules: Vec<RuleView> = Vec::new();
        let is_rule = matches!(cause.concern, ConcernKind::Failure | ConcernKind::RevocationUnknown);
        for (_, target, state) in targets.clone().filter(|_| is_rule) {
            let rule = RuleView::new(target, state);
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        let endpoint = |(id, target, state): (TargetId, &Target, &TargetState)| {
            let why = state.concern().map(Why::from);
            let since = state.failing_since.or_else(|| state.last.as_ref().map(|last| last.at));
            ReportedEndpoint {
                url: target.endpoint.url.to_string(),
                route: source.route(&target.route.name).map(str::to_owned),
                since: since.map(|at| source.when(at)),
                details: Details::new(source, target, state, why.as_ref()),
                received: (round.received)(id),
            }
        };
        let endpoints = targets.map(endpoint).collect();
        Self { cause: CauseView::new(snapshot, cause), rules, endpoints }
    }
}

impl RuleView {
    fn new(target: &Target, state: &TargetState) -> Self {
        let endpoint = &target.endpoint;
        let is_listed = embedded().endpoints.iter().any(|listed| listed.url == endpoint.url);
        let purpose = endpoint.component.title();
        let source = endpoint.component.page().filter(|_| is_listed);
        let last = state.last.as_ref();
        // What fails may be another host: that of a list, or of a redirect.
        let other = match state.concern() {
            Some(Concern::RevocationUnknown { source: Some(url), .. }) => Some(url.as_str()),
            _ => last.and_then(|last| last.failed_url()),
        };
        if let Some(other) = other.and_then(|url| ProbeUrl::parse(url).ok()) {
            return Self { names: vec![other.host().to_owned()], ports: vec![other.port()], purpose, source };
        }
        let names = endpoint.names_to_allow().into_iter().map(str::to_owned).collect();
        Self { names, ports: endpoint.ports.clone(), purpose, source }
    }
}
