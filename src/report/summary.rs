//! Summaries in sentences: MAPS on a route, and one endpoint. Selects the case that `advice/maps.rs` describes.

use crate::advice::{MapsCase, NeedHosts, RevocationCase, apex_rule, maps_sentence};
use crate::catalog::Component;
use crate::observation::{FailureReason, Observation, Phase};
use crate::plan::Target;
use crate::revocation::{CertificateStatus, RevocationReport, UndeterminedCause};
use crate::state::{MapsState, Snapshot, TargetState, serves_maps};
use crate::verdict::{MapsConnection, SslOptions, UnservedNeed};

/// Whether clients with the default `SSLOptions` can connect to MAPS on this route, why not, and what to change.
/// Returns `None` if MAPS isn't probed on the route, or the result isn't known yet; if it can't be known, says why. Names
/// the unserved need if other needs are served, or fail for another reason.
#[must_use]
pub fn maps_summary(snapshot: &Snapshot, route: &str) -> Option<String> {
    let of = |options| snapshot.maps.iter().find(|maps| maps.route == route && maps.options == options);
    let default = of(SslOptions::DEFAULT)?;
    if default.connection == MapsConnection::Unknown {
        let pins = of(SslOptions::Pinning)?.connection == MapsConnection::Connected;
        return undetermined(snapshot, route).map(|state| maps_sentence(&unknown(state, pins), None));
    }
    let needs = probed_needs(snapshot, route);
    let unserved = default.connection.unserved();
    let Some(first) = unserved.first() else { return Some(maps_sentence(&MapsCase::Connected, None)) };
    let same = unserved.iter().all(|of| (of.phase, of.reason) == (first.phase, first.reason));
    if same && unserved.len() == needs.len() {
        return Some(maps_sentence(&case(snapshot, first, of)?, None));
    }
    let sentences = unserved.iter().filter_map(|one| {
        let hosts = needs.iter().find(|hosts| hosts.need == one.need);
        Some(maps_sentence(&case(snapshot, one, of)?, hosts))
    });
    Some(sentences.collect::<Vec<_>>().join(" "))
}

/// The problem of a need. `maps` contains the result for each value of `SSLOptions`.
fn case<'a>(
    snapshot: &'a Snapshot,
    unserved: &UnservedNeed,
    maps: impl Fn(SslOptions) -> Option<&'a MapsState>,
) -> Option<MapsCase<'a>> {
    let serves = |options| {
        let connection = maps(options).map(|maps| &maps.connection);
        let lost =
            |connection: &MapsConnection| connection.unserved().iter().any(|of| of.need == unserved.need);
        connection.is_some_and(|connection| *connection != MapsConnection::Unknown && !lost(connection))
    };
    let UnservedNeed { phase, reason, nearest, .. } = unserved;
    let state = snapshot.targets[nearest.0].as_ref();
    Some(match reason {
        FailureReason::RevocationUnknown => unknown(state, serves(SslOptions::Pinning)),
        FailureReason::Revoked => MapsCase::Revoked { certificate: &blamed(state)?.subject },
        FailureReason::Intercepted => inspected(state, serves(SslOptions::Revocation)),
        _ => {
            let endpoint = snapshot.plan.target(*nearest).endpoint.url.as_str();
            unreachable_by(endpoint, state, *phase, *reason)
        }
    })
}

/// The needs of MAPS that are probed on a route, with their hosts.
fn probed_needs<'a>(snapshot: &'a Snapshot, route: &str) -> Vec<NeedHosts<'a>> {
    let mut needs: Vec<NeedHosts<'a>> = Vec::new();
    for target in snapshot.plan.targets.iter().filter(|target| target.route.name == route) {
        let endpoint = &target.endpoint;
        let (Component::Maps, Some(need)) = (endpoint.component, endpoint.serves.as_deref()) else {
            continue;
        };
        let at = needs.iter().position(|known| known.need == need).unwrap_or_else(|| {
            needs.push(NeedHosts { need, hosts: Vec::new(), apex_rules: Vec::new() });
            needs.len() - 1
        });
        let host = endpoint.url.host();
        if !needs[at].hosts.contains(&host) {
            needs[at].hosts.push(host);
            needs[at].apex_rules.extend(apex_rule(endpoint));
        }
    }
    needs
}

/// The first MAPS endpoint of a route whose revocation status this program can't determine, though Windows may.
fn undetermined<'a>(snapshot: &'a Snapshot, route: &str) -> Option<&'a TargetState> {
    let serving = snapshot.iter().filter(|(_, target, _)| target.route.name == route && serves_maps(target));
    let mut states = serving.map(|(.., state)| state);
    states.find(|state| {
        let cause = state.revocation.as_deref().and_then(RevocationReport::cause);
        cause.is_some_and(|cause| cause != UndeterminedCause::Pending && cause.is_inconclusive())
    })
}

fn blamed(state: &TargetState) -> Option<&CertificateStatus> {
    state.revocation.as_deref()?.blamed()
}

fn unknown(state: &TargetState, unchecked_connects: bool) -> MapsCase<'_> {
    let report = state.revocation.as_deref();
    let certificate = blamed(state);
    let case = RevocationCase {
        source: certificate.and_then(|certificate| certificate.source.as_deref()),
        cause: certificate.and_then(|certificate| certificate.cause),
        fetch: certificate.and_then(CertificateStatus::fetch),
        detail: certificate.map_or("", |certificate| &certificate.detail),
        clock: report.and_then(RevocationReport::suspected_clock),
    };
    MapsCase::RevocationUnknown { case, unchecked_connects }
}

fn inspected(state: &TargetState, without_pinning_connects: bool) -> MapsCase<'_> {
    let tls = state.last.as_deref().and_then(|last| last.facts.tls.as_ref());
    let issuer = tls.and_then(|tls| tls.chain.first()).map_or("", |leaf| &leaf.issuer);
    MapsCase::Intercepted { issuer, without_pinning_connects }
}

fn unreachable_by<'a>(
    endpoint: &'a str,
    known: &'a TargetState,
    phase: Phase,
    reason: FailureReason,
) -> MapsCase<'a> {
    let last = known.last.as_deref();
    let detail = last.and_then(|last| last.failure.as_ref()).map_or("", |failure| &failure.detail);
    let at_proxy = last.is_some_and(Observation::failed_at_proxy);
    MapsCase::Unreachable { endpoint, phase, reason, at_proxy, detail }
}

/// Why an endpoint isn't good on a route, followed by its notes; empty if there is nothing to report.
#[must_use]
pub fn why(target: &Target, state: &TargetState) -> String {
    let notes = super::notes(target, state).join("; ");
    let answers = state.last.as_ref().is_some_and(|last| last.success());
    match (state.concern().map(ToString::to_string), notes.is_empty()) {
        (None, true) => String::new(),
        (None, false) if answers => format!("answers, but {notes}"),
        (None, false) => notes,
        (Some(end), true) => end,
        (Some(end), false) => format!("{end}; {notes}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::TargetId;
    use crate::report::simulation;
    use crate::revocation::RevocationStatus;

    /// What another client may be able to check is neither lost nor connected, and the summary says why.
    #[test]
    fn a_status_that_only_windows_may_know_leaves_maps_unknown() {
        let check = |cause: UndeterminedCause, connection: &MapsConnection, words: Option<&str>| {
            let mut snapshot = simulation::healthy(&["direct"]);
            for id in (0..snapshot.plan.targets.len()).map(TargetId) {
                simulation::revocation(&mut snapshot, id, (RevocationStatus::Unknown, Some(cause)), "");
            }
            let of =
                |options| snapshot.maps.iter().find(|maps| maps.options == options).map(|of| &of.connection);
            assert_eq!(of(SslOptions::DEFAULT), Some(connection), "{cause}");
            assert_eq!(of(SslOptions::Pinning), Some(&MapsConnection::Connected), "{cause}");
            let said = maps_summary(&snapshot, "direct");
            assert_eq!(said.is_some(), words.is_some(), "{cause}: {said:?}");
            assert!(said.unwrap_or_default().contains(words.unwrap_or_default()), "{cause}");
        };
        let unknown = MapsConnection::Unknown;
        let words = "so it is unknown whether clients with the default SSLOptions connect";
        check(UndeterminedCause::Unsupported, &unknown, Some(words));
        check(UndeterminedCause::NoNextUpdate, &unknown, Some("has no nextUpdate"));
        check(UndeterminedCause::Pending, &unknown, None);
    }
}
