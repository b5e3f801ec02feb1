//! What a snapshot says, in sentences: of MAPS by a route, and of one endpoint. What `maps.rs` puts into words is found here.

use super::maps::{MapsCase, maps_sentence};
use super::names;
use crate::observation::{FailureReason, Observation, Stage};
use crate::plan::Target;
use crate::state::{MapsState, Snapshot, TargetState};
use crate::trust::revocation::{Cause, CertificateStatus, RevocationReport};
use crate::verdict::{Connection, SslOptions};

/// Whether a client with the default `SSLOptions` gets through by this route, why not, and what to change; none where MAPS
/// isn't probed by it, or where it isn't known yet.
#[must_use]
pub fn maps_story(snapshot: &Snapshot, route: &str) -> Option<String> {
    let of = |options| snapshot.maps.iter().find(|maps| maps.route == route && maps.options == options);
    let default = of(SslOptions::DEFAULT)?;
    let connects = |options| of(options).is_some_and(|maps| maps.connection == Connection::Connected);
    let case = match default.connection {
        Connection::Unknown => return None,
        Connection::Connected => MapsCase::Connected,
        Connection::Lost { stage, reason } => {
            let nearest = nearest(snapshot, default)?;
            match reason {
                FailureReason::RevocationUnknown => unknown(nearest.1, connects(SslOptions::Pinning)),
                FailureReason::Revoked => MapsCase::Revoked { certificate: &blamed(nearest.1)?.subject },
                FailureReason::Intercepted => inspected(nearest.1, connects(SslOptions::Revocation)),
                _ => unreachable_by(nearest, stage, reason),
            }
        }
    };
    Some(maps_sentence(&case))
}

/// The endpoint that came nearest, with its URL.
fn nearest<'a>(snapshot: &'a Snapshot, maps: &MapsState) -> Option<(&'a str, &'a TargetState)> {
    let id = maps.nearest?;
    Some((snapshot.plan.target(id).endpoint.url.as_str(), &snapshot.targets[id.0]))
}

fn blamed(state: &TargetState) -> Option<&CertificateStatus> {
    state.revocation.as_deref()?.blamed()
}

fn unknown(state: &TargetState, unchecked_connects: bool) -> MapsCase<'_> {
    let certificate = blamed(state);
    let cause = certificate.and_then(|certificate| certificate.cause);
    MapsCase::RevocationUnknown {
        source: certificate.and_then(|certificate| certificate.source.as_deref()),
        why: cause.map_or("", |cause| cause.as_str()),
        unchecked_connects,
    }
}

fn inspected(state: &TargetState, without_pinning_connects: bool) -> MapsCase<'_> {
    let tls = state.last.as_deref().and_then(|last| last.facts.tls.as_ref());
    let issuer = tls.and_then(|tls| tls.chain.first()).map_or("", |leaf| &leaf.issuer);
    MapsCase::Intercepted { issuer, without_pinning_connects }
}

fn unreachable_by<'a>(way: (&'a str, &'a TargetState), stage: Stage, reason: FailureReason) -> MapsCase<'a> {
    let (endpoint, target) = way;
    let last = target.last.as_deref();
    let detail = last.and_then(|last| last.failure.as_ref()).map_or("", |failure| &failure.detail);
    let at_proxy = last.is_some_and(Observation::failed_at_proxy);
    MapsCase::Unreachable { endpoint, stage, reason, at_proxy, detail }
}

/// What is wrong with an endpoint by a route; empty where nothing is.
#[must_use]
pub fn why(target: &Target, state: &TargetState) -> String {
    let Some(last) = &state.last else { return String::new() };
    let (end, notes) = (end(target, state, last), names::notes(target, last).join("; "));
    match (end.is_empty(), notes.is_empty()) {
        (_, true) => end,
        (true, false) => format!("genuine, but {notes}"),
        (false, false) => format!("{end}; {notes}"),
    }
}

/// What is wrong with the probe's own end.
fn end(target: &Target, state: &TargetState, last: &Observation) -> String {
    match (&last.failure, &last.facts.http) {
        (Some(failure), _) => format!("{}: {}: {}", failure.stage, failure.reason, failure.detail),
        (None, Some(http)) if !target.endpoint.expect.allows(http.status) => {
            format!("genuine, but the service usually answers {}", target.endpoint.expect)
        }
        (None, _) => state.revocation.as_deref().and_then(revocation).unwrap_or_default(),
    }
}

/// What is wrong with the revocation of a chain that is otherwise good.
fn revocation(report: &RevocationReport) -> Option<String> {
    let blamed = report.blamed()?;
    let cause = blamed.cause.filter(|cause| *cause != Cause::NoSource)?;
    let source = blamed.source.as_deref().unwrap_or_default();
    Some(format!("genuine, but its revocation is unknown: {cause}: {source}: {}", blamed.detail))
}
