//! The revocation lists: whether they can be fetched, and until when the cached ones are valid.

use super::{DisplayState, ViewInput, When};
use crate::advice;
use crate::revocation::CrlState;

/// A list on one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CrlView {
    pub(crate) url: String,
    /// `None` with a single route.
    pub(crate) route: Option<String>,
    /// Bad if it can't be fetched and the cache has no valid list. Degraded if only one of the two applies.
    pub(crate) state: DisplayState,
    /// The result of the last fetch.
    pub(crate) fetch: String,
    /// The details of a failure. May contain text from the server.
    pub(crate) detail: String,
    /// When the cached list was issued.
    pub(crate) this_update: Option<When>,
    /// When the cached list expires.
    pub(crate) next_update: Option<When>,
}

impl CrlView {
    pub(super) fn all(input: ViewInput<'_>) -> Vec<Self> {
        let of = |(route, crls): (&String, &Vec<CrlState>)| {
            let views = crls.iter().map(|crl| Self::new(input, route, crl));
            views.collect::<Vec<_>>()
        };
        input.snapshot.crls.iter().flat_map(of).collect()
    }

    fn new(input: ViewInput<'_>, route: &str, crl: &CrlState) -> Self {
        let holds = crl.next_update.is_some_and(|until| until >= input.now);
        let (state, fetch, detail) = match &crl.fetch {
            None => (DisplayState::Unknown, "not fetched yet".to_owned(), String::new()),
            Some(Ok(())) if holds => (DisplayState::Good, "fetched".to_owned(), String::new()),
            Some(Ok(())) => (DisplayState::Degraded, "fetched, but not valid".to_owned(), String::new()),
            Some(Err(failure)) => {
                let title = advice::for_failure(failure.phase, failure.reason).title;
                let state = if holds { DisplayState::Degraded } else { DisplayState::Bad };
                (state, title, format!("{}: {}", failure.code(), failure.detail))
            }
        };
        Self {
            url: crl.url.clone(),
            route: input.route(route).map(str::to_owned),
            state,
            fetch,
            detail,
            this_update: crl.this_update.map(|at| input.when(at)),
            next_update: crl.next_update.map(|at| input.when(at)),
        }
    }
}
