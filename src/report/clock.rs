//! Whether this machine's clock is the likely cause of what is wrong: then every chain is out of date at once.

use std::collections::BTreeSet;

use crate::clock::rfc3339;
use crate::observation::{FailureReason, Phase};
use crate::state::{Snapshot, TargetState};

/// The number of hosts that must be out of date: one may have an expired certificate of its own.
const MIN_HOSTS: usize = 2;

/// What a target's last probe says about the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClockEvidence {
    /// A certificate or list is out of date.
    OutOfDate,
    /// A chain is valid now.
    InTime,
}

/// A sentence that names this machine's clock. `None` if a chain is valid, or too few hosts are out of date.
#[must_use]
pub fn suspected_clock(snapshot: &Snapshot) -> Option<String> {
    let known = snapshot.defender().filter_map(|(_, target, state)| Some((target, state, evidence(state)?)));
    let mut hosts = BTreeSet::new();
    let mut clock = None;
    for (target, state, evidence) in known {
        if evidence == ClockEvidence::InTime {
            return None;
        }
        hosts.insert(target.endpoint.url.host());
        clock = clock.max(state.last.as_ref().map(|last| last.at));
    }
    let clock = clock.filter(|_| hosts.len() >= MIN_HOSTS)?;
    Some(format!(
        "The certificates or lists of all {} hosts are out of date at once: check this machine's clock first (current time: {}), \
         then the clock and the certificate of an inspecting device, if there is one.",
        hosts.len(),
        rfc3339(clock),
    ))
}

fn evidence(state: &TargetState) -> Option<ClockEvidence> {
    let last = state.last.as_deref()?;
    let failure = last.failure.as_ref().map(|failure| (failure.phase, failure.reason));
    let by_clock = state.revocation.as_deref().is_some_and(|report| report.suspected_clock().is_some());
    match failure {
        Some(
            (Phase::Tls, FailureReason::Expired | FailureReason::NotYetValid)
            | (Phase::Transfer, FailureReason::Expired),
        ) => Some(ClockEvidence::OutOfDate),
        _ if by_clock => Some(ClockEvidence::OutOfDate),
        _ => last.facts.tls.as_ref().filter(|tls| tls.verified).map(|_| ClockEvidence::InTime),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::FailureReason as R;
    use crate::plan::TargetId;
    use crate::report::simulation;

    #[test]
    fn the_clock_is_named_if_everything_is_out_of_date() {
        let check = |failures: &[(Phase, R)], last: Option<(Phase, R)>, named: bool| {
            let mut snapshot = simulation::healthy(&["direct"]);
            let targets = snapshot.plan.defender().count(); // the control comes last
            for n in 0..targets {
                let failure = if n + 1 == targets { last } else { Some(failures[n % failures.len()]) };
                if let Some(failure) = failure {
                    simulation::fail(&mut snapshot, TargetId(n), 70, failure, "out of date");
                }
            }
            let said = suspected_clock(&snapshot);
            assert_eq!(said.is_some(), named, "{failures:?} {last:?}: {said:?}");
            assert!(said.is_none_or(|said| said.contains("current time: 2026-11-24T00:01:10Z")));
        };
        let (expired, early) = ((Phase::Tls, R::Expired), (Phase::Tls, R::NotYetValid));
        let (list, refused) = ((Phase::Transfer, R::Expired), (Phase::Connect, R::Refused));
        check(&[expired], Some(expired), true);
        check(&[early], Some(early), true);
        check(&[expired, list], Some(refused), true);
        check(&[expired], None, false);
        check(&[refused], Some(refused), false);
        check(&[refused], Some(expired), false);
        assert_eq!(suspected_clock(&simulation::fresh(&["direct"])), None);
    }
}
