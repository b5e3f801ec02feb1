//! Snapshots for tests: the catalog's plan after simulated probes, applied as the program does. The facts are invented;
//! no server sent them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;

use crate::catalog::{Expectation, Scheme, UpdateOrigin, embedded};
use crate::config::{Config, RouteConfig};
use crate::event::{Event, RevocationChecked};
use crate::host::registry::settings::{DefenderSetting, HostSetting, SettingOrigin, SettingValue};
use crate::host::{HostFacts, WindowsFacts};
use crate::observation::{
    AddressFacts, Anchor, CertificateFacts, Facts, Failure, FailureCode, FailureReason, HopFacts, HttpFacts,
    Observation, Phase, PhaseOutcome, TlsFacts, VerifiedPath,
};
use crate::plan::{TargetId, plan};
use crate::revocation::{
    CertificateStatus, CrlState, PathReport, RevocationReport, RevocationStatus, UndeterminedCause,
};
use crate::state::Snapshot;

/// A MAPS endpoint.
pub(crate) const MAPS: &str = "https://wdcp.microsoft.com/";
/// A MAPS endpoint whose status the catalog knows for certain: 404.
pub(crate) const FIRM: &str = "https://unitedstates.cp.wd.microsoft.com/wdcp.svc/bond/submitReport/test";
/// The CRL named by the chains.
pub(crate) const CRL: &str = "http://crl.example/maps.crl";

/// Tuesday, 2026-11-24, 00:00:00 UTC, plus some seconds.
pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400 + seconds)
}

/// The default plan on these routes, before the first probe.
pub(crate) fn fresh(routes: &[&str]) -> Snapshot {
    let route = |name: &&str| RouteConfig { name: (*name).to_owned(), ..RouteConfig::direct() };
    let config = Config { routes: routes.iter().map(route).collect(), ..Config::default() };
    Snapshot::new(Arc::new(plan(embedded(), &config).expect("the defaults")), at(0))
}

/// All endpoints succeed at the tenth second, and no certificate is revoked.
pub(crate) fn healthy(routes: &[&str]) -> Snapshot {
    let mut snapshot = fresh(routes);
    for n in 0..snapshot.targets.len() {
        observe(&mut snapshot, TargetId(n), 10, |_| None);
        revocation(&mut snapshot, TargetId(n), (RevocationStatus::Good, None), "");
    }
    snapshot
}

/// Sets the machine's Defender: Windows, whose Group Policy has this order of update sources, if any.
pub(crate) fn set_fallback_order(snapshot: &mut Snapshot, order: Option<&[UpdateOrigin]>) {
    let mut windows = WindowsFacts::default();
    windows.registry.settings.set.extend(order.map(|sources| HostSetting {
        setting: DefenderSetting::FallbackOrder,
        value: SettingValue::Sources(sources.to_vec()),
        origin: SettingOrigin::GroupPolicy,
        overruled: Vec::new(),
    }));
    snapshot.host = Some(Arc::new(HostFacts { windows: Some(windows), ..HostFacts::new(&[]) }));
}

/// The target of a URL on a route.
pub(crate) fn target(snapshot: &Snapshot, url: &str, route: &str) -> TargetId {
    let mut targets = snapshot.iter();
    let found =
        targets.find(|(_, target, _)| target.endpoint.url.as_str() == url && target.route.name == route);
    found.unwrap_or_else(|| panic!("{url} by {route} isn't probed")).0
}

/// A genuine probe, after `spoil` changed its facts.
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
    for (phase, millis) in
        [(Phase::Resolve, 2), (Phase::Connect, 10), (Phase::Request, 20), (Phase::Transfer, 1)]
    {
        facts.timings.record(phase, PhaseOutcome::Done, Duration::from_millis(millis));
    }
    if facts.tls.is_some() {
        facts.timings.record(Phase::Tls, PhaseOutcome::Done, Duration::from_millis(30));
    }
    let failure = spoil(&mut facts);
    snapshot.apply(Event::Observed(Box::new(Observation { target, at: at(second), facts, failure })));
}

/// The second address doesn't respond, and there are more addresses than are probed.
pub(crate) fn odd_addresses(facts: &mut Facts) -> Option<Failure> {
    let failure = Failure::new(Phase::Connect, FailureReason::Unreachable, "no route");
    let address = facts.addresses[1];
    facts.others = vec![AddressFacts { address, failure: Some(failure), duration: Duration::from_millis(3) }];
    (facts.unprobed, facts.private) = (3, Some(0));
    None
}

/// A redirect leads to a host whose chain isn't trusted.
pub(crate) fn fails_behind_a_redirect(facts: &mut Facts) -> Failure {
    let (tls, http) = (tls("cdn.example"), HttpFacts { status: 302, ..HttpFacts::default() });
    let own = HopFacts {
        url: "https://own.example/".to_owned(),
        authority: "own.example".to_owned(),
        tls: facts.tls.clone(),
        http: Some(http),
        timings: facts.timings.clone(),
        ..HopFacts::default()
    };
    let next = HopFacts {
        url: "https://cdn.example/package".to_owned(),
        authority: "cdn.example".to_owned(),
        tls: Some(TlsFacts { verified: false, root: None, path: None, ..tls }),
        ..HopFacts::default()
    };
    *facts = Facts::redirected(vec![own, next], facts.timings.clone(), true);
    let failure = Failure::new(Phase::Tls, FailureReason::UnknownIssuer, "nobody's");
    failure.after_redirect_to("cdn.example")
}

/// A redirect leads to a host whose chain ends at a public root that the catalog doesn't list; the probe succeeds.
pub(crate) fn leads_to_an_unexpected_root(facts: &mut Facts) {
    fails_behind_a_redirect(facts);
    let (mut hops, timings) = (std::mem::take(&mut facts.hops), facts.timings.clone());
    let root = Some("CN=New Root".to_owned());
    hops[1].tls = hops[0].tls.clone().map(|tls| TlsFacts { unexpected_root: true, root, ..tls });
    hops[1].http = Some(HttpFacts { status: 503, genuine: true, ..HttpFacts::default() });
    *facts = Facts::redirected(hops, timings, false);
}

/// A probe that fails before it learns any facts.
pub(crate) fn fail(
    snapshot: &mut Snapshot,
    target: TargetId,
    second: u64,
    code: impl Into<FailureCode>,
    detail: &str,
) {
    let FailureCode { phase, reason } = code.into();
    observe(snapshot, target, second, |facts| {
        *facts = Facts::default();
        facts.timings.record(phase, PhaseOutcome::Failed, Duration::from_millis(5));
        Some(Failure::new(phase, reason, detail))
    });
}

/// The revocation status of a target's last chain, if it has one; the CRL is [`CRL`].
pub(crate) fn revocation(
    snapshot: &mut Snapshot,
    target: TargetId,
    of: (RevocationStatus, Option<UndeterminedCause>),
    detail: &str,
) {
    let last = snapshot.targets[target.0].last.clone();
    let last_at = last.as_ref().map(|last| last.at);
    let path = last.and_then(|last| last.facts.tls.as_ref()?.path.clone());
    let Some(path) = path else { return };
    let subject = "CN=leaf".to_owned();
    let detail = detail.to_owned();
    let refused = Failure::new(Phase::Connect, FailureReason::Refused, "refused by the test");
    let failure = (of.1 == Some(UndeterminedCause::Unreachable)).then_some(refused);
    let fetch = Some(failure.clone().map_or(Ok(()), Err));
    let source = Some(CRL.to_owned());
    let leaf = CertificateStatus { subject, status: of.0, cause: of.1, source, detail, failure };
    let crl = CrlState {
        url: CRL.to_owned(),
        fetch,
        fetched: last_at,
        this_update: Some(at(0)),
        next_update: Some(at(7 * 86_400)),
    };
    let report = Arc::new(RevocationReport::new(vec![leaf]));
    let chains = vec![PathReport { path, report }];
    snapshot.apply(Event::Revocation(Box::new(RevocationChecked { target, chains, crls: vec![crl] })));
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
        chain_not_after: Some(at(90 * 86_400)),
        chain_not_before: Some(at(0)),
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
