//! The causes of what is wrong, for the page.

use super::DisplayState;
use crate::catalog::Component;
use crate::report::{self, Affected, CauseGroup};
use crate::state::Snapshot;

/// The maximum number of displayed causes.
const SHOWN: usize = 6;

/// The causes, the most severe first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Causes {
    /// How far failures reach and what they share, in a sentence each.
    pub(crate) common: Vec<String>,
    /// The displayed causes.
    pub(crate) shown: Vec<CauseView>,
    /// The number of causes beyond `SHOWN`.
    pub(crate) more: usize,
}

/// A cause and the endpoints that it affects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CauseView {
    /// The worst state of the endpoints.
    pub(crate) state: DisplayState,
    /// The cause in one line.
    pub(crate) title: String,
    /// `phase.reason`. `None` for an unusual status, and if there are several.
    pub(crate) code: Option<String>,
    /// The number of affected endpoints.
    pub(crate) endpoints: usize,
    /// The routes on which they are affected; empty with a single route.
    pub(crate) routes: Vec<String>,
    /// The components of the affected endpoints.
    pub(crate) components: Vec<Component>,
    /// The first remedies for each affected component, without duplicates.
    pub(crate) remedies: Vec<String>,
}

impl Causes {
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let mut shown: Vec<_> =
            report::causes(snapshot).into_iter().map(|cause| CauseView::new(snapshot, cause)).collect();
        let more = shown.len().saturating_sub(SHOWN);
        shown.truncate(SHOWN);
        Self { common: report::shared_sentences(snapshot), shown, more }
    }
}

impl CauseView {
    pub(super) fn new(snapshot: &Snapshot, cause: CauseGroup) -> Self {
        let Affected { endpoints, components, routes } = cause.affected(&snapshot.plan);
        Self {
            state: DisplayState::from(cause.verdict),
            code: (cause.codes.len() == 1).then(|| cause.codes.concat()),
            title: cause.title,
            endpoints,
            routes: routes.into_iter().map(str::to_owned).collect(),
            components,
            remedies: cause.remedies,
        }
    }

    /// The search text that finds its endpoints in the table.
    pub(crate) fn query(&self) -> &str {
        self.code.as_deref().unwrap_or(&self.title)
    }
}
