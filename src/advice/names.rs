//! What is odd about an endpoint's addresses, in words: some of them fail, or DNS gives private ones.

use crate::catalog::embedded;
use crate::names::is_private;
use crate::observation::{Facts, Observation};
use crate::plan::Target;

/// The most private addresses that are named.
const MAX_NAMED: usize = 3;

/// What is to be said beside the probe's own end; empty where nothing is.
#[must_use]
pub fn notes(target: &Target, last: &Observation) -> Vec<String> {
    let notes = [failing(last), unprobed(&last.facts), private(target, &last.facts)];
    notes.into_iter().flatten().collect()
}

/// Which addresses of several fail. One that fails alone is the probe's own matter.
fn failing(last: &Observation) -> Option<String> {
    if last.facts.others.is_empty() {
        return None;
    }
    let failed: Vec<_> = last
        .by_address()
        .filter_map(|(address, failure, _)| Some((address, failure?)))
        .map(|(address, failure)| format!("{address} ({}: {})", failure.stage, failure.reason))
        .collect();
    let fail = if failed.len() == 1 { "fails" } else { "fail" };
    let of = last.by_address().count();
    (!failed.is_empty()).then(|| format!("{} of {of} addresses {fail}: {}", failed.len(), failed.join(", ")))
}

fn unprobed(facts: &Facts) -> Option<String> {
    let are = if facts.unprobed == 1 { "is" } else { "are" };
    (facts.unprobed > 0).then(|| format!("{} more of its addresses {are} not probed", facts.unprobed))
}

/// Private addresses of a host that Microsoft's documents name: whoever adds an endpoint may mean one inside.
fn private(target: &Target, facts: &Facts) -> Option<String> {
    let count = facts.private.filter(|count| *count > 0 && is_documented(target))?;
    let private = facts.addresses.iter().filter(|address| is_private(**address)).take(MAX_NAMED);
    let named: Vec<_> = private.map(ToString::to_string).collect();
    let (named, more) = (named.join(", "), if count > MAX_NAMED { ", …" } else { "" });
    Some(match count {
        1 => format!("DNS gives a private address: {named}"),
        _ => format!("DNS gives {count} private addresses: {named}{more}"),
    })
}

fn is_documented(target: &Target) -> bool {
    let (component, url) = (target.endpoint.component, &target.endpoint.url);
    embedded().endpoints.iter().any(|known| known.component == component && known.url == *url)
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::advice::why;
    use crate::catalog::Component;
    use crate::metrics::fixture;
    use crate::observation::{AddressFacts, Failure, FailureReason, HttpFacts, Stage};
    use crate::plan::TargetId;
    use crate::state::TargetState;

    const DOCUMENTED: &str = "https://wdcp.microsoft.com/";
    const ADDED: &str = "https://maps.genuine.example/";

    /// The probe's own end, those of the name's other addresses, and what DNS says.
    struct Case {
        url: &'static str,
        ends: Vec<Option<FailureReason>>,
        unprobed: usize,
        dns: &'static [&'static str],
    }

    const NONE: Case = Case { url: DOCUMENTED, ends: Vec::new(), unprobed: 0, dns: &[] };

    fn check(case: &Case, expected: &str) {
        let failure = |reason: &Option<FailureReason>| {
            reason.map(|reason| Failure::new(Stage::Connect, reason, "in detail"))
        };
        let others = case.ends.iter().skip(1).zip(2..).map(|(end, n)| AddressFacts {
            address: [192, 0, 2, n].into(),
            failure: failure(end),
            duration: Duration::ZERO,
        });
        let addresses: Vec<_> = case.dns.iter().map(|text| text.parse().unwrap()).collect();
        let facts = Facts {
            peer: Some(SocketAddr::from(([192, 0, 2, 1], 443))),
            others: others.collect(),
            unprobed: case.unprobed,
            private: Some(addresses.iter().filter(|address| is_private(**address)).count()),
            addresses,
            http: Some(HttpFacts { status: 503, ..HttpFacts::default() }),
            ..Facts::default()
        };
        let failure = case.ends.first().and_then(failure);
        let at = SystemTime::UNIX_EPOCH;
        let last = Observation { target: TargetId(0), at, facts, failure };
        let target = fixture::target(Component::Maps, "*.wdcp.microsoft.com", case.url, &[503]);
        let state = TargetState { last: Some(last.into()), ..TargetState::default() };
        assert_eq!(why(&target, &state), expected);
    }

    #[test]
    fn addresses_that_fail_are_named() {
        let refused = Some(FailureReason::Refused);
        let timeout = Some(FailureReason::Timeout);
        let of = |ends: &[_]| Case { ends: ends.to_vec(), ..NONE };
        check(&of(&[None]), "");
        check(&of(&[None, None]), "");
        check(&of(&[refused]), "connect: refused: in detail");
        check(
            &of(&[None, refused, None]),
            "genuine, but 1 of 3 addresses fails: 192.0.2.2 (connect: refused)",
        );
        check(
            &of(&[refused, None, timeout]),
            "connect: refused: in detail; \
             2 of 3 addresses fail: 192.0.2.1 (connect: refused), 192.0.2.3 (connect: timeout)",
        );
        check(
            &Case { unprobed: 4, ..of(&[None, None]) },
            "genuine, but 4 more of its addresses are not probed",
        );
    }

    #[test]
    fn private_addresses_of_documented_hosts_are_named() {
        let of = |dns| Case { dns, ..NONE };
        check(&of(&["203.0.113.7"]), "");
        check(&of(&["203.0.113.7", "10.1.2.3"]), "genuine, but DNS gives a private address: 10.1.2.3");
        check(&Case { url: ADDED, ..of(&["10.1.2.3"]) }, "");
        check(
            &Case { ends: vec![Some(FailureReason::Timeout)], ..of(&["fd00::1", "10.1.2.3"]) },
            "connect: timeout: in detail; DNS gives 2 private addresses: fd00::1, 10.1.2.3",
        );
        check(
            &of(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"]),
            "genuine, but DNS gives 4 private addresses: 10.0.0.1, 10.0.0.2, 10.0.0.3, …",
        );
    }
}
