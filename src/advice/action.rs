//! What to change as one short action, for a label: the first remedy of a fault, without names from the network. The
//! texts are a closed set, in `advice.yaml`.

use std::borrow::Cow;

use super::texts::ADVICE;
use super::{RevocationCase, codes};
use crate::catalog::Component;
use crate::observation::{Failure, FailureCode, FailureReason, Phase};
use crate::tls::refusal;
use crate::verdict::{Concern, ConcernKind};

/// The most characters of an action.
pub const MAX_ACTION: usize = 120;

/// What to change about an endpoint of this component that isn't good.
#[must_use]
pub fn for_concern(component: Component, concern: &Concern) -> Cow<'static, str> {
    match concern {
        Concern::Failure { failure, at_proxy } => for_failure(component, failure, *at_proxy),
        Concern::RevocationUnknown { cause, source, fetch, clock, .. } => {
            let case = RevocationCase {
                source: source.as_deref(),
                cause: Some(*cause),
                fetch: *fetch,
                clock: *clock,
                detail: "",
            };
            case.action().into()
        }
        Concern::UnexpectedStatus { .. } | Concern::RangeStripped | Concern::Failover { .. } => {
            by_kind(concern.kind()).into()
        }
    }
}

fn for_failure(component: Component, failure: &Failure, at_proxy: bool) -> Cow<'static, str> {
    let Failure { phase, reason, detail } = failure;
    if at_proxy && *reason != FailureReason::Internal {
        return first(&ADVICE.at_proxy.remedies).into();
    }
    if *phase == Phase::Tls && refusal::other_host(detail).is_some() {
        return first(&ADVICE.other_host.remedies).into();
    }
    for_pair(component, *phase, *reason)
}

/// What to change about a failure of this phase and reason, of an endpoint of this component.
#[must_use]
pub fn for_pair(component: Component, phase: Phase, reason: FailureReason) -> Cow<'static, str> {
    if component == Component::Crl {
        return for_list(phase, reason);
    }
    let remedies = ADVICE.failure(phase, reason).map_or(&[][..], |entry| &entry.remedies);
    let own = remedies.first().and_then(|name| match component {
        Component::Submission => ADVICE.submission_actions.get(name),
        component if component.is_on_premises() => ADVICE.on_premises_actions.get(name),
        _ => None,
    });
    match own {
        Some(own) => own.as_str().into(),
        None => first(remedies).into(),
    }
}

/// What to change about a revocation list whose fetch fails in this way.
#[must_use]
pub fn for_list(phase: Phase, reason: FailureReason) -> Cow<'static, str> {
    let case = RevocationCase { fetch: Some(FailureCode::new(phase, reason)), ..RevocationCase::default() };
    if case.has_fetch_remedy() {
        return case.action().into();
    }
    first(ADVICE.failure(phase, reason).map_or(&[][..], |entry| &entry.remedies)).into()
}

/// What to change about an HRESULT of this machine's Defender, by its own entry or that of its family; empty if neither
/// exists.
#[must_use]
pub fn for_hresult(code: u32) -> &'static str {
    let own = codes::hresult(code).map(|known| &known.entry.remedies);
    own.or_else(|| ADVICE.family(code).map(|family| &family.remedies)).map_or("", |remedies| first(remedies))
}

/// The device to look at when probes get slow in this phase, or fail in it and recover again and again.
#[must_use]
pub fn for_phase(phase: Phase) -> &'static str {
    ADVICE.phases.get(&phase).map_or("", String::as_str)
}

/// The action of a remedy by its name in `advice.yaml`.
#[must_use]
pub fn named(name: &str) -> Option<&'static str> {
    ADVICE.actions.get(name).map(String::as_str)
}

/// The action of the first of these remedies; empty if there is none.
fn first(remedies: &[String]) -> &'static str {
    remedies.first().and_then(|name| named(name)).unwrap_or_default()
}

/// The action for an endpoint that works with a fault; empty if the kind has none of its own.
fn by_kind(kind: ConcernKind) -> &'static str {
    ADVICE.concerns.get(kind.as_str()).map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::catalog::Expectation;
    use crate::observation::{AttemptTarget, FAILURE_CODES};
    use crate::revocation::{ClockFault, UndeterminedCause};

    fn failed(phase: Phase, reason: FailureReason, detail: &str, at_proxy: bool) -> Concern {
        Concern::Failure { failure: Failure::new(phase, reason, detail), at_proxy }
    }

    fn blocked(cause: UndeterminedCause, fetch: Option<FailureCode>, clock: Option<ClockFault>) -> Concern {
        let source = Some("http://crl.microsoft.com/a.crl".to_owned());
        Concern::RevocationUnknown { cause, source, detail: "a detail".to_owned(), fetch, clock }
    }

    /// Every concern that can occur, with each code, cause and clock.
    fn concerns() -> Vec<Concern> {
        let codes = || FAILURE_CODES.iter().copied();
        let failures = codes().flat_map(|FailureCode { phase, reason }| {
            [false, true].map(|at_proxy| failed(phase, reason, "a detail of the network", at_proxy))
        });
        let causes = UndeterminedCause::ALL.iter().flat_map(|cause| {
            let clocks = [None, Some(ClockFault::Ahead), Some(ClockFault::Behind)];
            let without = clocks.map(|clock| blocked(*cause, None, clock));
            without.into_iter().chain(codes().map(|code| blocked(*cause, Some(code), None)))
        });
        let failure = Failure::new(Phase::Connect, FailureReason::Timeout, "no answer");
        let target = AttemptTarget::Address(([192, 0, 2, 1], 443).into());
        let others = [
            Concern::UnexpectedStatus { status: 418, expected: Expectation::OneOf(vec![503]) },
            Concern::RangeStripped,
            Concern::Failover { target, failure, attempts: 1, lost: Duration::from_secs(1) },
        ];
        failures.chain(causes).chain(others).collect()
    }

    /// An alert's text has room for one action, and a label must be from a closed set.
    #[test]
    fn every_concern_has_a_short_action_without_names_from_the_network() {
        let mut actions = BTreeSet::new();
        for concern in concerns() {
            for component in Component::ALL {
                let action = for_concern(*component, &concern);
                let length = action.chars().count();
                assert!((20..=MAX_ACTION).contains(&length), "{component} {concern}: {length}: {action}");
                assert!(action.starts_with(char::is_uppercase), "{action}");
                for part in ["a detail", "192.0.2.1", "crl.microsoft.com/a.crl", "{"] {
                    assert!(!action.contains(part), "{component} {concern}: {action}");
                }
                actions.insert(action);
            }
        }
        assert!(actions.len() < 80, "{} actions", actions.len());
    }

    #[test]
    fn every_phase_and_hresult_has_a_short_action() {
        let phases = Phase::ALL.iter().map(|phase| for_phase(*phase));
        let known = codes::hresults().filter(|known| !known.entry.remedies.is_empty());
        let known = known.map(|known| known.entry.code);
        let families = [0x8007_2FFF, 0x8007_0001, 0x8050_8FFF, 0x8024_5002, 0x80D0_0001, 0x8020_0FFF];
        let codes: Vec<u32> = known.chain(families).collect();
        let hresults = codes.iter().map(|code| for_hresult(*code));
        for action in phases.chain(hresults) {
            assert!((20..=MAX_ACTION).contains(&action.chars().count()), "{action}");
        }
        assert_eq!(for_hresult(0x1234_5678), "");
    }

    #[test]
    fn every_remedy_has_an_action() {
        let keys =
            |texts: &std::collections::BTreeMap<String, String>| texts.keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&ADVICE.actions), keys(&ADVICE.remedies));
        assert_eq!(keys(&ADVICE.submission_actions), keys(&ADVICE.submission));
        assert_eq!(keys(&ADVICE.on_premises_actions), keys(&ADVICE.on_premises));
        let kinds = ConcernKind::ALL.iter().map(|kind| kind.as_str());
        let own = kinds.filter(|kind| !["failure", "revocation_unknown"].contains(kind));
        assert_eq!(keys(&ADVICE.concerns).iter().map(String::as_str).collect::<BTreeSet<_>>(), own.collect());
    }

    #[test]
    fn the_action_follows_the_reason_the_proxy_and_the_component() {
        use FailureReason as R;
        let check = |component, concern: &Concern, words: &str| {
            let action = for_concern(component, concern);
            assert!(action.contains(words), "{component} {concern}: {action}");
        };
        let maps = Component::Maps;
        check(maps, &failed(Phase::Connect, R::Refused, "", false), "in the firewall on port 443");
        check(maps, &failed(Phase::Connect, R::Refused, "", true), "the route's proxy runs");
        check(maps, &failed(Phase::Connect, R::Internal, "", true), "source_address");
        check(maps, &failed(Phase::Tunnel, R::AuthRequired, "", false), "without authentication");
        check(maps, &failed(Phase::Resolve, R::Sinkhole, "", false), "DNS filter's block list");
        check(maps, &failed(Phase::Tls, R::Intercepted, "", false), "Exempt these hosts");
        check(Component::Submission, &failed(Phase::Tls, R::Intercepted, "", false), "under inspection");
        check(Component::Wsus, &failed(Phase::Connect, R::Refused, "", false), "WsusPool");
        check(Component::Wsus, &failed(Phase::Tls, R::UnknownIssuer, "", false), "tls.extra_roots");
        check(Component::ConnectedCache, &failed(Phase::Request, R::AuthRequired, "", false), "no_proxy");
        let other = "certificate: the certificate is not for wdcp.microsoft.com, but for login.hotel.example";
        check(maps, &failed(Phase::Tls, R::NameMismatch, other, false), "another host's certificate");
        let refused = Some(FailureCode::new(Phase::Connect, R::Refused));
        check(maps, &blocked(UndeterminedCause::Unreachable, refused, None), "Allow the CRL host on port 80");
        check(maps, &blocked(UndeterminedCause::Expired, None, None), "uncached");
        check(maps, &blocked(UndeterminedCause::Expired, None, Some(ClockFault::Ahead)), "clock");
        check(
            Component::Crl,
            &failed(Phase::Connect, R::Refused, "", false),
            "Allow the CRL host on port 80",
        );
        check(
            Component::Crl,
            &failed(Phase::Transfer, R::Expired, "", false),
            "cache that serves an old list",
        );
    }

    /// Microsoft wants sample storage inspected: `tests.rs` holds the same for remedies.
    #[test]
    fn no_action_exempts_the_sample_storage_from_inspection() {
        for concern in concerns() {
            let action = for_concern(Component::Submission, &concern);
            assert!(!action.contains("Exempt"), "{concern}: {action}");
        }
        for action in ADVICE.actions.values().filter(|action| action.contains("Exempt")) {
            assert!(action.contains("not *.blob.core.windows.net"), "{action}");
        }
    }
}
