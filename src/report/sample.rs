//! Snapshots for tests of what is said: the catalog's plan with probes folded in, as the program does. The facts are
//! invented; no server answered them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;

use crate::catalog::{Expectation, Scheme, embedded};
use crate::config::{Config, RouteConfig};
use crate::engine::{Checked, Event};
use crate::observation::{
    AddressFacts, CertificateFacts, Facts, Failure, FailureReason, HttpFacts, Observation, Stage,
    StageOutcome, TlsFacts,
};
use crate::plan::{TargetId, plan};
use crate::state::Snapshot;
use crate::trust::revocation::{Cause, CertificateStatus, CrlState, RevocationReport, Status};
use crate::trust::{Anchor, VerifiedPath};

/// An endpoint of MAPS.
pub(crate) const MAPS: &str = "https://wdcp.microsoft.com/";
/// Its list of revoked certificates.
pub(crate) const CRL: &str = "http://crl.example/maps.crl";

/// Tuesday, 2026-11-24, 00:00:00 UTC, and some seconds.
pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400 + seconds)
}

/// The defaults by these routes, nothing probed yet.
pub(crate) fn fresh(routes: &[&str]) -> Snapshot {
    let route = |name: &&str| RouteConfig { name: (*name).to_owned(), ..RouteConfig::direct() };
    let config = Config { routes: routes.iter().map(route).collect(), ..Config::default() };
    Snapshot::new(Arc::new(plan(embedded(), &config).expect("the defaults")), at(0))
}

/// Everything answers at the tenth second, and nothing is revoked.
pub(crate) fn healthy(routes: &[&str]) -> Snapshot {
    let mut snapshot = fresh(routes);
    for n in 0..snapshot.targets.len() {
        observe(&mut snapshot, TargetId(n), 10, |_| None);
        revocation(&mut snapshot, TargetId(n), (Status::Good, None), "");
    }
    snapshot
}

/// The target of a URL by a route.
pub(crate) fn target(snapshot: &Snapshot, url: &str, route: &str) -> TargetId {
    let mut targets = snapshot.iter();
    let found =
        targets.find(|(_, target, _)| target.endpoint.url.as_str() == url && target.route.name == route);
    found.unwrap_or_else(|| panic!("{url} by {route} isn't probed")).0
}

/// A probe that would be genuine, but for what is done to its facts.
pub(crate) fn observe(
    snapshot: &mut Snapshot,
    target: TargetId,
    second: u64,
    spoil: impl FnOnce(&mut Facts) -> Option<Failure>,
) {
    let endpoint = &snapshot.plan.target(target).endpoint;
    let status = match &endpoint.expect {
        Expectation::Any => 200,
        Expectation::OneOf(statuses) => statuses[0],
    };
    let mut facts = Facts {
        addresses: ["192.0.2.10", "2001:db8::10"].map(|ip| ip.parse().expect("an address")).into(),
        peer: Some(([192, 0, 2, 10], endpoint.url.port()).into()),
        http: Some(HttpFacts { status, genuine: true, body_bytes: 120, ..HttpFacts::default() }),
        tls: (endpoint.url.scheme() == Scheme::Https).then(|| tls(endpoint.url.host())),
        ..Facts::default()
    };
    for (stage, millis) in
        [(Stage::Resolve, 2), (Stage::Connect, 10), (Stage::Request, 20), (Stage::Transfer, 1)]
    {
        facts.timings.record(stage, StageOutcome::Done, Duration::from_millis(millis));
    }
    if facts.tls.is_some() {
        facts.timings.record(Stage::Tls, StageOutcome::Done, Duration::from_millis(30));
    }
    let failure = spoil(&mut facts);
    snapshot.apply(Event::Observed(Box::new(Observation { target, at: at(second), facts, failure })));
}

/// Of the second address comes no answer, and there are more.
pub(crate) fn odd_addresses(facts: &mut Facts) -> Option<Failure> {
    let failure = Failure::new(Stage::Connect, FailureReason::Unreachable, "no route");
    let address = facts.addresses[1];
    facts.others = vec![AddressFacts { address, failure: Some(failure), duration: Duration::from_millis(3) }];
    (facts.unprobed, facts.private) = (3, Some(0));
    None
}

/// A probe that fails before anything is learned.
pub(crate) fn fail(
    snapshot: &mut Snapshot,
    target: TargetId,
    second: u64,
    of: (Stage, FailureReason),
    detail: &str,
) {
    observe(snapshot, target, second, |facts| {
        *facts = Facts::default();
        facts.timings.record(of.0, StageOutcome::Failed, Duration::from_millis(5));
        Some(Failure::new(of.0, of.1, detail))
    });
}

/// What is known of the revocation of a target's last chain, if it has one; the list is [`CRL`].
pub(crate) fn revocation(
    snapshot: &mut Snapshot,
    target: TargetId,
    of: (Status, Option<Cause>),
    detail: &str,
) {
    let last = snapshot.targets[target.0].last.clone();
    let path = last.and_then(|last| last.facts.tls.as_ref()?.path.clone());
    let Some(path) = path else { return };
    let subject = "CN=leaf".to_owned();
    let detail = detail.to_owned();
    let leaf = CertificateStatus { subject, status: of.0, cause: of.1, source: Some(CRL.to_owned()), detail };
    let refused = || Failure::new(Stage::Connect, FailureReason::Refused, "refused by the test");
    let fetch = Some(if of.1 == Some(Cause::Unreachable) { Err(refused()) } else { Ok(()) });
    let crl =
        CrlState { url: CRL.to_owned(), fetch, this_update: Some(at(0)), next_update: Some(at(7 * 86_400)) };
    let report = Arc::new(RevocationReport::of(vec![leaf]));
    snapshot.apply(Event::Revocation(Box::new(Checked { target, path, report, crls: vec![crl] })));
}

fn tls(host: &str) -> TlsFacts {
    let leaf = CertificateDer::from(host.as_bytes().to_vec());
    let anchor = Anchor { subject: Vec::new(), spki: Vec::new() };
    TlsFacts {
        verified: true,
        version: Some("TLSv1.3"),
        cipher: Some("TLS_AES_256_GCM_SHA384"),
        chain: vec![
            certificate(host, "Example Issuing CA", 90),
            certificate("Example Issuing CA", "Example Root", 900),
        ]
        .into(),
        root: Some("CN=Example Root".to_owned()),
        path: Some(Arc::new(VerifiedPath { certificates: vec![leaf], anchor, stapled: Vec::new() })),
        ..TlsFacts::default()
    }
}

fn certificate(subject: &str, issuer: &str, days: u64) -> CertificateFacts {
    CertificateFacts {
        subject: format!("CN={subject}, O=Example Corporation, C=US"),
        issuer: format!("C=US, O=Example Corporation, CN={issuer}"),
        not_before: at(0),
        not_after: at(days * 86_400),
    }
}
