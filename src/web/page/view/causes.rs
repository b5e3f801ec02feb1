//! Groups problems by cause: forty endpoints behind one dead name server need one fix.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::State;
use crate::catalog::Component;
use crate::report::Why;
use crate::state::Snapshot;

/// The maximum number of displayed causes.
const SHOWN: usize = 6;

/// The causes, the most severe and then the most frequent first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Causes {
    /// The displayed causes.
    pub(crate) shown: Vec<CauseView>,
    /// The number of causes beyond `SHOWN`.
    pub(crate) more: usize,
}

/// A cause and the endpoints that it affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CauseView {
    /// The state of the endpoints.
    pub(crate) state: State,
    /// The cause in one line.
    pub(crate) title: String,
    /// `phase.reason`. `None` for an unusual status.
    pub(crate) code: Option<String>,
    /// The number of affected endpoints.
    pub(crate) endpoints: usize,
    /// The components of the affected endpoints.
    pub(crate) components: BTreeSet<Component>,
    /// The first remedies for each affected component, without duplicates.
    pub(crate) remedies: BTreeSet<String>,
}

impl Causes {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let mut causes: BTreeMap<(State, Option<String>, String), CauseView> = BTreeMap::new();
        for (_, target, state) in snapshot.iter() {
            let Some(why) = state.concern().map(Why::from) else { continue };
            let shown = State::from(state.verdict());
            let entry = causes.entry((shown, why.code(), why.title.clone()));
            let cause = entry.or_insert_with(|| CauseView::new(shown, &why));
            cause.endpoints += 1;
            cause.components.insert(target.endpoint.component);
            cause.remedies.extend(why.first_remedies(target.endpoint.component));
        }
        let mut shown: Vec<_> = causes.into_values().collect();
        shown.sort_by_key(|cause| (cause.state, Reverse(cause.endpoints)));
        let more = shown.len().saturating_sub(SHOWN);
        shown.truncate(SHOWN);
        Self { shown, more }
    }
}

impl CauseView {
    fn new(state: State, why: &Why) -> Self {
        Self {
            state,
            title: why.title.clone(),
            code: why.code(),
            endpoints: 0,
            components: BTreeSet::new(),
            remedies: BTreeSet::new(),
        }
    }

    /// The search text that finds its endpoints in the table.
    pub(crate) fn query(&self) -> &str {
        self.code.as_deref().unwrap_or(&self.title)
    }
}
