//! The revocation lists: whether they can be fetched, and until when the kept ones hold.

use super::{Source, State, When};
use crate::advice;
use crate::trust::revocation::CrlState;

/// A list by one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CrlView {
    pub(crate) url: String,
    /// None where there is one route alone.
    pub(crate) route: Option<String>,
    /// Bad where it can't be fetched and no kept one holds, degraded where it can't be fetched or has expired.
    pub(crate) state: State,
    /// How the last fetch ended.
    pub(crate) fetch: String,
    /// More of it; may be a server's words.
    pub(crate) detail: String,
    /// When the list in use was made.
    pub(crate) this_update: Option<When>,
    /// When it ends.
    pub(crate) next_update: Option<When>,
}

impl CrlView {
    pub(super) fn all(source: Source<'_>) -> Vec<Self> {
        let of = |(route, crls): (&String, &Vec<CrlState>)| {
            let views = crls.iter().map(|crl| Self::of(source, route, crl));
            views.collect::<Vec<_>>()
        };
        source.snapshot.crls.iter().flat_map(of).collect()
    }

    fn of(source: Source<'_>, route: &str, crl: &CrlState) -> Self {
        let holds = crl.next_update.is_some_and(|until| until >= source.now);
        let (state, fetch, detail) = match &crl.fetch {
            None => (State::Unknown, "not fetched yet".to_owned(), String::new()),
            Some(Ok(())) if holds => (State::Good, "fetched".to_owned(), String::new()),
            Some(Ok(())) => (State::Degraded, "fetched, and not in force".to_owned(), String::new()),
            Some(Err(failure)) => {
                let title = advice::for_failure(failure.stage, failure.reason).title;
                let state = if holds { State::Degraded } else { State::Bad };
                (state, title, format!("{}.{}: {}", failure.stage, failure.reason, failure.detail))
            }
        };
        Self {
            url: crl.url.clone(),
            route: source.route(route).map(str::to_owned),
            state,
            fetch,
            detail,
            this_update: crl.this_update.map(|at| source.when(at)),
            next_update: crl.next_update.map(|at| source.when(at)),
        }
    }
}
