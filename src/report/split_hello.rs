//! Whether ClientHellos in several segments get through, by route.

use serde::Serialize;

use super::{Timestamp, via};
use crate::observation::{Failure, SplitHello, SplitHelloResult};
use crate::state::Snapshot;

/// A handshake whose ClientHello comes in two segments, compared with a whole one.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct SplitHelloReport<'a> {
    /// The URL of the endpoint.
    pub endpoint: &'a str,
    /// The route.
    pub route: &'a str,
    /// When they were compared.
    pub at: Timestamp,
    /// Whether it works as the whole one does. Null if neither works.
    pub passes: Option<bool>,
    /// Why it fails.
    pub failure: Option<&'a Failure>,
}

impl<'a> SplitHelloReport<'a> {
    /// Those of all routes, by name.
    pub(super) fn all(snapshot: &'a Snapshot) -> Vec<Self> {
        snapshot.split_hellos.values().map(Self::new).collect()
    }

    fn new(hello: &'a SplitHello) -> Self {
        let SplitHello { endpoint, route, at, result } = hello;
        let (passes, failure) = match result {
            SplitHelloResult::Passes => (Some(true), None),
            SplitHelloResult::Blocked(failure) => (Some(false), Some(failure)),
            SplitHelloResult::Unknown => (None, None),
        };
        Self { endpoint, route, at: Timestamp(*at), passes, failure }
    }
}

/// A sentence for each route on which ClientHellos in several segments are dropped.
#[must_use]
pub fn split_hello_sentences(snapshot: &Snapshot) -> Vec<String> {
    let sentence = |hello: &SplitHello| {
        let SplitHelloResult::Blocked(Failure { phase, reason, .. }) = &hello.result else { return None };
        let via = via(snapshot, &hello.route);
        Some(format!(
            "A TLS handshake with {}{via} fails if its ClientHello comes in two segments ({phase}: {reason}), and works in one: a filter or \
             inspecting device on the path expects it whole. Windows and browsers send larger ones with post-quantum key shares. Update the \
             device (see https://tldr.fail/).",
            hello.endpoint
        ))
    };
    snapshot.split_hellos.values().filter_map(sentence).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::observation::{FailureReason, Phase};
    use crate::report::simulation;

    #[test]
    fn a_dropped_client_hello_has_words() {
        let check = |result: SplitHelloResult, passes: Option<bool>, words: &[&str]| {
            let mut snapshot = simulation::healthy(&["direct"]);
            let (endpoint, route) = (simulation::MAPS.to_owned(), "direct".to_owned());
            let hello = SplitHello { endpoint, route: route.clone(), at: simulation::at(60), result };
            Arc::make_mut(&mut snapshot.split_hellos).insert(route, hello);
            let said = split_hello_sentences(&snapshot).concat();
            assert_eq!(SplitHelloReport::all(&snapshot)[0].passes, passes);
            assert_eq!(said.is_empty(), words.is_empty(), "{said}");
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
            assert_eq!(crate::report::exit_code(&snapshot), 0);
        };
        let reset = Failure::new(Phase::Tls, FailureReason::Reset, "");
        check(SplitHelloResult::Passes, Some(true), &[]);
        check(SplitHelloResult::Unknown, None, &[]);
        check(SplitHelloResult::Blocked(reset), Some(false), &["(tls: reset)", "works in one"]);
    }
}
