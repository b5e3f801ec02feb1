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
    /// What all failures share, in sentences.
    pub(crate) common: Vec<String>,
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
    /// Microsoft's page that lists them. `None` for what isn't in its list: what the company runs or adds, hosts that a certificate or a redirect names.
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
    pub(in crate::web::page) fn new(round: &RoundReport<'_>, input: ViewInput<'_>) -> Self {
        let snapshot = input.snapshot;
        let (state, headline) = headline(snapshot);
        let causes = report::causes(snapshot).into_iter();
        Self {
            state,
            headline,
            summary: summary(Counts::from_snapshot(snapshot), snapshot.plan.routes.len()),
            clock: suspected_clock(snapshot),
            common: report::shared_sentences(snapshot),
            started: input.when(round.started),
            ended: input.when(round.ended),
            causes: causes.map(|cause| ReportedCause::new(round, input, cause)).collect(),
        }
    }
}

impl ReportedCause {
    fn new(round: &RoundReport<'_>, input: ViewInput<'_>, cause: CauseGroup) -> Self {
        let snapshot = input.snapshot;
        let targets =
            cause.targets.iter().map(|id| (*id, snapshot.plan.target(*id), &*snapshot.targets[id.0]));
        let mut rules: Vec<RuleView> = Vec::new();
        let is_rule = matches!(cause.concern, ConcernKind::Failure | ConcernKind::RevocationUnknown);
        for (_, target, state) in targets.clone().filter(|_| is_rule) {
            let rule = RuleView::new(target, state);
            if !rules.iter().any(|known| known.covers(&rule)) {
                rules.retain(|known| !rule.covers(known));
                rules.push(rule);
            }
        }
        let endpoint = |(id, target, state): (TargetId, &Target, &TargetState)| {
            let why = state.concern().map(Why::from);
            let since = state.failing_since.or_else(|| state.last.as_ref().map(|last| last.at));
            ReportedEndpoint {
                url: target.endpoint.url.to_string(),
                route: input.route(&target.route.name).map(str::to_owned),
                since: since.map(|at| input.when(at)),
                details: Details::new(input, target, state, why.as_ref()),
                received: (round.received)(id),
            }
        };
        let endpoints = targets.map(endpoint).collect();
        Self { cause: CauseView::new(snapshot, cause), rules, endpoints }
    }
}

impl RuleView {
    /// Whether it lets through what another rule does, for the same purpose.
    fn covers(&self, other: &Self) -> bool {
        let Self { names, ports, purpose, source } = other;
        (self.purpose, self.source) == (*purpose, *source)
            && names.iter().all(|name| self.names.contains(name))
            && ports.iter().all(|port| self.ports.contains(port))
    }

    fn new(target: &Target, state: &TargetState) -> Self {
        let purpose = target.endpoint.component.title();
        let last = state.last.as_ref();
        // What fails may be another host: that of a list, or of a redirect.
        let other = match state.concern() {
            Some(Concern::RevocationUnknown { source: Some(url), .. }) => Some(url.as_str()),
            _ => last.and_then(|last| last.failed_url()),
        };
        if let Some(other) = other.and_then(|url| ProbeUrl::parse(url).ok()) {
            // A certificate or a server named it, which proves nothing: Microsoft's page only for a host that it lists.
            let listed = embedded().endpoints.iter().find(|listed| listed.url.host() == other.host());
            let source = listed.and_then(|listed| listed.component.page());
            return Self { names: vec![other.host().to_owned()], ports: vec![other.port()], purpose, source };
        }
        // A record isn't signed: what Microsoft lists is read from the catalog, not from the record.
        let listed = embedded().endpoints.iter().find(|listed| {
            listed.url == target.endpoint.url && listed.component == target.endpoint.component
        });
        let endpoint = listed.unwrap_or(&target.endpoint);
        let names = endpoint.names_to_allow().into_iter().map(str::to_owned).collect();
        let source = listed.and_then(|listed| listed.component.page());
        Self { names, ports: endpoint.ports.clone(), purpose, source }
    }
}
