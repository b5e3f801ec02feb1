//! The endpoints that are asked for, by component.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::filter::Searched;
use super::row::Row;
use super::when::took;
use super::{Source, State, name, waterfall};
use crate::catalog::Component;
use crate::observation::Stage;
use crate::plan::{Target, TargetId};
use crate::report::{Disagreement, disagreements, why};
use crate::state::TargetState;

/// Rows that one page shows at most; a filter narrows, and the API has them all.
const MAX_ROWS: usize = 500;

/// The table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Table {
    /// Those of its components that have rows.
    pub(crate) groups: Vec<Group>,
    /// How many endpoints were asked for.
    pub(crate) matching: usize,
    /// How many of those are left out.
    pub(crate) left_out: usize,
    /// How many there are in all.
    pub(crate) total: usize,
    /// What the full width of the bars stands for.
    pub(crate) scale: String,
    /// The stages that some of the bars show.
    pub(crate) stages: Vec<Stage>,
}

/// A component's endpoints.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Group {
    pub(crate) component: Component,
    pub(crate) name: &'static str,
    /// What it is good for.
    pub(crate) purpose: String,
    pub(crate) rows: Vec<Row>,
}

/// What all rows have in common.
pub(super) struct Common<'a> {
    pub(super) source: Source<'a>,
    pub(super) scale: Duration,
    pub(super) disagreements: BTreeMap<TargetId, Disagreement>,
}

impl Table {
    pub(super) fn of(source: Source<'_>) -> Self {
        let known = source.snapshot.iter().filter_map(|(_, _, state)| state.last.as_ref());
        let scale = waterfall::scale(known.map(|last| last.facts.timings.total()));
        let common = Common { source, scale, disagreements: disagreements(source.snapshot) };
        let asked: Vec<_> =
            source.snapshot.iter().filter(|(_, target, state)| is_asked_for(source, target, state)).collect();
        let shown =
            asked.iter().take(MAX_ROWS).map(|(id, target, state)| Row::of(&common, *id, target, state));
        let groups = groups(source, shown.collect());
        Self {
            matching: asked.len(),
            left_out: asked.len().saturating_sub(MAX_ROWS),
            total: source.snapshot.targets.len(),
            scale: took(scale),
            stages: stages(&groups),
            groups,
        }
    }
}

/// Rows of a component follow each other: the plan has them so.
fn groups(source: Source<'_>, rows: Vec<Row>) -> Vec<Group> {
    let specs = source.snapshot.plan.components.iter().map(|known| &known.spec);
    let purpose = |of| specs.clone().find(|spec| spec.component == of).map_or("", |spec| &spec.purpose);
    let mut groups: Vec<Group> = Vec::new();
    for row in rows {
        let component = row.component;
        match groups.last_mut() {
            Some(group) if group.component == component => group.rows.push(row),
            _ => groups.push(Group {
                component,
                name: name(component),
                purpose: purpose(component).to_owned(),
                rows: vec![row],
            }),
        }
    }
    groups
}

fn stages(groups: &[Group]) -> Vec<Stage> {
    let rows = groups.iter().flat_map(|group| &group.rows);
    let bars: Vec<_> = rows.filter_map(|row| row.phases.as_ref()).flat_map(|drawn| &drawn.bars).collect();
    let is_drawn = |stage: &Stage| bars.iter().any(|bar| bar.stage == *stage);
    Stage::ALL.iter().copied().filter(is_drawn).collect()
}

fn is_asked_for(source: Source<'_>, target: &Target, state: &TargetState) -> bool {
    let verdict = State::from(state.verdict(target));
    let component = target.endpoint.component;
    // Most pages are asked for without a text.
    let text = if source.filter.text.is_empty() { String::new() } else { words(target, state, verdict) };
    source.filter.fits(&Searched { component, state: verdict, route: &target.route.name, text })
}

/// Everything of a row that a person may search for, in lower case.
fn words(target: &Target, state: &TargetState, verdict: State) -> String {
    let endpoint = &target.endpoint;
    let mut words = vec![
        endpoint.url.to_string(),
        endpoint.pattern.clone(),
        name(endpoint.component).to_owned(),
        endpoint.component.to_string(),
        target.route.name.clone(),
        verdict.to_string(),
    ];
    if let Some(why) = why(target, state) {
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
