//! The endpoints that match the filter, grouped by component.

use super::super::filter::Searched;
use super::row::{EndpointRow, RowContext};
use super::when::took;
use super::{DisplayState, ViewInput, waterfall};
use crate::catalog::Component;
use crate::observation::Phase;
use crate::plan::Target;
use crate::report::{Why, disagreements};
use crate::state::TargetState;

/// The maximum number of rows on a page. A filter reduces them; the API returns them all.
const MAX_ROWS: usize = 500;

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EndpointTable {
    /// The components that have rows.
    pub(crate) groups: Vec<Group>,
    /// The number of endpoints that match the filter.
    pub(crate) matching: usize,
    /// The number of matching endpoints beyond `MAX_ROWS`.
    pub(crate) left_out: usize,
    /// The number of all rows.
    pub(crate) total: usize,
    /// The number of routes.
    pub(crate) routes: usize,
    /// The duration that the full width of the bars represents.
    pub(crate) scale: String,
    /// The phases that have bars, for the legend.
    pub(crate) phases: Vec<Phase>,
}

/// From how many rows on those that fail alike are folded: the first stays, the others open with a click.
const FOLDED: usize = 3;

/// The endpoints of a component, the worst first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) component: Component,
    pub(crate) name: &'static str,
    /// What the component is used for.
    pub(crate) purpose: String,
    pub(crate) rows: Vec<EndpointRow>,
    /// Whether rows that fail alike are folded. Whoever searches wants to see them.
    is_folded: bool,
}

impl Group {
    /// Consecutive rows, in blocks: those that fail alike and are folded, or a single row.
    pub(crate) fn blocks(&self) -> Vec<&[EndpointRow]> {
        let mut blocks = Vec::new();
        for alike in
            self.rows.chunk_by(|one, other| one.why.is_some() && one.by_failure() == other.by_failure())
        {
            if self.is_folded && alike.len() >= FOLDED {
                blocks.push(alike);
            } else {
                blocks.extend(alike.chunks(1));
            }
        }
        blocks
    }
}

impl EndpointTable {
    pub(super) fn new(input: ViewInput<'_>) -> Self {
        let known = input.snapshot.defender().filter_map(|(_, _, state)| state.last.as_ref());
        let scale = waterfall::scale(known.map(|last| last.facts.timings.total()));
        let context = RowContext { input, scale, disagreements: disagreements(input.snapshot) };
        let defender = input.snapshot.defender();
        let total = defender.clone().count();
        let matching: Vec<_> =
            defender.filter(|(_, target, state)| matches_filter(input, target, state)).collect();
        let shown = matching
            .iter()
            .take(MAX_ROWS)
            .map(|(id, target, state)| EndpointRow::new(&context, *id, target, state));
        let groups = groups(input, shown.collect());
        Self {
            matching: matching.len(),
            left_out: matching.len().saturating_sub(MAX_ROWS),
            total,
            routes: input.snapshot.plan.routes.len(),
            scale: took(scale),
            phases: phases(&groups),
            groups,
        }
    }
}

/// Groups the rows by component, which the plan lists consecutively, and sorts them: the worst first, then by the failure.
fn groups(input: ViewInput<'_>, rows: Vec<EndpointRow>) -> Vec<Group> {
    let specs = input.snapshot.plan.components.iter().map(|known| &known.spec);
    let purpose = |of| specs.clone().find(|spec| spec.component == of).map_or("", |spec| &spec.purpose);
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let component = row.component;
        match groups.last_mut() {
            Some(group) if group.component == component => group.rows.push(row),
            _ => groups.push(Group {
                component,
                name: component.title(),
                purpose: purpose(component).to_owned(),
                rows: vec![row],
                is_folded: input.filter.text.is_empty(),
            }),
        }
    }
    for group in &mut groups {
        group.rows.sort_by(|one, other| one.by_failure().cmp(&other.by_failure()));
    }
    groups
}

fn phases(groups: &[Group]) -> Vec<Phase> {
    let rows = groups.iter().flat_map(|group| &group.rows);
    let bars: Vec<_> = rows.filter_map(|row| row.phases.as_ref()).flat_map(|drawn| &drawn.bars).collect();
    let is_drawn = |phase: &Phase| bars.iter().any(|bar| bar.phase == *phase);
    Phase::ALL.iter().copied().filter(is_drawn).collect()
}

fn matches_filter(input: ViewInput<'_>, target: &Target, state: &TargetState) -> bool {
    let verdict = DisplayState::from(state.verdict());
    let component = target.endpoint.component;
    // Most requests have no search text.
    let text =
        if input.filter.text.is_empty() { String::new() } else { searchable_text(target, state, verdict) };
    input.filter.fits(&Searched { component, state: verdict, route: &target.route.name, text })
}

/// The searchable text of a row, in lower case.
fn searchable_text(target: &Target, state: &TargetState, verdict: DisplayState) -> String {
    let endpoint = &target.endpoint;
    let mut words = vec![
        endpoint.url.to_string(),
        endpoint.pattern.clone(),
        endpoint.component.title().to_owned(),
        endpoint.component.to_string(),
        target.route.name.clone(),
        verdict.to_string(),
    ];
    if let Some(why) = state.concern().map(Why::from) {
        words.extend(why.code());
        words.extend([why.title, why.detail]);
    }
    if let Some(facts) = state.last.as_ref().map(|last| &last.facts) {
        words.extend(facts.addresses.iter().map(ToString::to_string));
        words.extend(facts.peer.map(|peer| peer.to_string()));
        words.extend(facts.proxy.clone());
        words.extend(facts.http.as_ref().map(|http| http.status.to_string()));
        let chain = facts.tls.iter().flat_map(|tls| tls.chain.iter());
        words.extend(chain.flat_map(|certificate| [certificate.subject.clone(), certificate.issuer.clone()]));
    }
    words.join("\n").to_lowercase()
}
