//! Notes on an endpoint, independent of its verdict: they concern the catalog or Microsoft, not the network. A
//! note never affects a verdict or raises an alert. Pure.

use std::collections::BTreeSet;

use super::may_be_retired;
use crate::catalog::{Confidence, Endpoint, Expectation};
use crate::observation::{Facts, Observation};

/// A note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The status is unexpected, but the catalog isn't sure enough for it to count.
    UnexpectedStatus {
        /// The actual status.
        status: u16,
        /// The catalog's expectation.
        expected: Expectation,
        /// How sure the catalog is of that.
        confidence: Confidence,
    },
    /// The response lacks the catalog's evidence, but the catalog isn't sure enough for it to count.
    Unproven {
        /// How sure the catalog is of that.
        confidence: Confidence,
    },
    /// The server closed TLS without close_notify after a body without a length. What the catalog expects of the answer
    /// came.
    UncleanClose,
    /// The chain ends at a public root that isn't known for the service. This isn't interception.
    UnexpectedRoot {
        /// Distinguished name of the root, cleaned and truncated.
        root: Option<String>,
        /// Host and port of the redirect with this chain. `None` for the endpoint's own host.
        redirect: Option<String>,
    },
    /// DNS returns NXDOMAIN for a listed host while a sibling of its region answers: it may have been retired.
    Retired,
}

/// The notes on an endpoint's last probe. `sibling_answers` is whether another endpoint of its region answers.
#[must_use]
pub fn notes(endpoint: &Endpoint, observation: &Observation, sibling_answers: bool) -> Vec<Note> {
    if sibling_answers && may_be_retired(endpoint, observation) {
        return vec![Note::Retired];
    }
    let mut notes = unexpected_roots(&observation.facts);
    notes.extend(unproven(endpoint, observation));
    let http = observation.facts.http.as_ref().filter(|_| observation.success());
    notes.extend(http.filter(|http| http.unclean_close).map(|_| Note::UncleanClose));
    notes
}

/// A note on each unexpected root, for the first hop whose chain ends there.
fn unexpected_roots(facts: &Facts) -> Vec<Note> {
    let mut seen = BTreeSet::new();
    let unexpected = facts.tls_by_hop().enumerate().filter_map(|(hop, tls)| {
        let root = &tls.filter(|tls| tls.unexpected_root)?.root;
        seen.insert(root).then(|| {
            let redirect = facts.hops.get(hop).filter(|_| hop > 0).map(|hop| hop.authority.clone());
            Note::UnexpectedRoot { root: root.clone(), redirect }
        })
    });
    unexpected.collect()
}

/// A note on an unmet expectation that the catalog isn't sure of.
fn unproven(endpoint: &Endpoint, observation: &Observation) -> Option<Note> {
    let http = observation.facts.http.as_ref().filter(|_| observation.success())?;
    let (confidence, expected) = (endpoint.confidence, endpoint.expect.clone());
    if !endpoint.expects_firmly() && !expected.allows(http.status) {
        return Some(Note::UnexpectedStatus { status: http.status, expected, confidence });
    }
    (!http.genuine).then_some(Note::Unproven { confidence })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::catalog::Component;
    use crate::metrics::fixture;
    use crate::observation::{Failure, FailureReason, HopFacts, HttpFacts, Phase, Timings, TlsFacts};
    use crate::plan::TargetId;

    /// A hop: its host, and its unexpected root if it has one.
    type Hop = (&'static str, Option<&'static str>);

    fn unexpected(root: &str, redirect: Option<&str>) -> Note {
        Note::UnexpectedRoot { root: Some(root.to_owned()), redirect: redirect.map(str::to_owned) }
    }

    #[test]
    fn an_unclean_close_is_noted_if_the_answer_counts() {
        let target = fixture::target(Component::Maps, "a.example", "https://a.example/", &[200]);
        let cut_off = Failure::new(Phase::Transfer, FailureReason::Closed, "");
        for (unclean_close, failure, expected) in
            [(true, None, vec![Note::UncleanClose]), (false, None, vec![]), (true, Some(cut_off), vec![])]
        {
            let http = HttpFacts { status: 200, genuine: true, unclean_close, ..HttpFacts::default() };
            let facts = Facts { http: Some(http), ..Facts::default() };
            let observation = Observation { target: TargetId(0), at: SystemTime::UNIX_EPOCH, facts, failure };
            assert_eq!(notes(&target.endpoint, &observation, false), expected, "{unclean_close}");
        }
    }

    #[test]
    fn an_unexpected_root_of_any_hop_is_noted() {
        let target = fixture::target(Component::Adl, "a.example", "https://a.example/", &[200]);
        let check = |hops: &[Hop], failed: bool, expected: &[Note]| {
            let hop = |(host, unexpected): &Hop| HopFacts {
                authority: (*host).to_owned(),
                tls: Some(TlsFacts {
                    verified: true,
                    unexpected_root: unexpected.is_some(),
                    root: Some(unexpected.unwrap_or("CN=Known").to_owned()),
                    ..TlsFacts::default()
                }),
                http: Some(HttpFacts { status: 200, genuine: true, ..HttpFacts::default() }),
                ..HopFacts::default()
            };
            let seen: Vec<_> = hops.iter().map(hop).collect();
            let facts = match <[HopFacts; 1]>::try_from(seen) {
                Ok([own]) => Facts::from(own),
                Err(seen) => Facts::redirected(seen, Timings::default(), failed),
            };
            assert_eq!(facts.unexpected_root(), Some(!expected.is_empty()), "{hops:?}");
            let failure = failed.then(|| Failure::new(Phase::Request, FailureReason::Reset, ""));
            let observation = Observation { target: TargetId(0), at: SystemTime::UNIX_EPOCH, facts, failure };
            assert_eq!(notes(&target.endpoint, &observation, false), expected, "{hops:?}");
        };
        let (own, known) = (("a.example", Some("CN=New")), ("a.example", None));
        let (cdn, other) = (("cdn.example", Some("CN=New")), ("cdn.example", Some("CN=Other")));
        for failed in [false, true] {
            check(&[known], failed, &[]);
            check(&[own], failed, &[unexpected("CN=New", None)]);
            check(&[known, ("cdn.example", None)], failed, &[]);
            check(&[own, ("cdn.example", None)], failed, &[unexpected("CN=New", None)]);
            check(&[known, cdn], failed, &[unexpected("CN=New", Some("cdn.example"))]);
            check(&[own, cdn], failed, &[unexpected("CN=New", None)]);
            check(
                &[own, other],
                failed,
                &[unexpected("CN=New", None), unexpected("CN=Other", Some("cdn.example"))],
            );
        }
        assert_eq!(Facts::default().unexpected_root(), None);
    }
}
