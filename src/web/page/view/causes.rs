//! What is wrong, by cause: forty endpoints behind one dead name server are one thing to change.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::State;
use crate::catalog::Component;
use crate::report::{Why, why};
use crate::state::Snapshot;

/// The causes that are shown.
const SHOWN: usize = 6;

/// What is wrong, the worst and most frequent first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Causes {
    /// Those shown.
    pub(crate) shown: Vec<CauseView>,
    /// How many are not.
    pub(crate) more: usize,
}

/// One cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CauseView {
    /// Bad, or degraded.
    pub(crate) state: State,
    /// In one line.
    pub(crate) title: String,
    /// `stage.reason`; none for unusual answers.
    pub(crate) code: Option<String>,
    /// How many endpoints have it.
    pub(crate) endpoints: usize,
    /// Whose they are.
    pub(crate) components: BTreeSet<Component>,
    /// What to do first; it can differ by component.
    pub(crate) remedies: BTreeSet<String>,
}

impl Causes {
    pub(super) fn of(snapshot: &Snapshot) -> Self {
        let mut causes: BTreeMap<(State, Option<String>, String), CauseView> = BTreeMap::new();
        for (_, target, state) in snapshot.iter() {
            let Some(why) = why(target, state) else { continue };
            let shown = State::from(state.verdict(target));
            let entry = causes.entry((shown, why.code(), why.title.clone()));
            let cause = entry.or_insert_with(|| CauseView::of(shown, &why));
            cause.endpoints += 1;
            cause.components.insert(target.endpoint.component);
            let remedies = why
                .advice(target.endpoint.component)
                .into_iter()
                .filter_map(|advice| advice.remedies.into_iter().next());
            cause.remedies.extend(remedies);
        }
        let mut shown: Vec<_> = causes.into_values().collect();
        shown.sort_by_key(|cause| (cause.state, Reverse(cause.endpoints)));
        let more = shown.len().saturating_sub(SHOWN);
        shown.truncate(SHOWN);
        Self { shown, more }
    }
}

impl CauseView {
    fn of(state: State, why: &Why) -> Self {
        Self {
            state,
            title: why.title.clone(),
            code: why.code(),
            endpoints: 0,
            components: BTreeSet::new(),
            remedies: BTreeSet::new(),
        }
    }

    /// What the table is searched for to show its endpoints.
    pub(crate) fn query(&self) -> &str {
        self.code.as_deref().unwrap_or(&self.title)
    }
}
