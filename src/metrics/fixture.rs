//! A handwritten snapshot for tests of the output: one working endpoint, two that fail during TLS with some facts
//! known, and one that was never probed. The values are invented; no server returned them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

mod control;
mod host;

use super::build_info::BuildInfo;
use super::process::ProcessStats;
use super::scrape::{Scrape, WebStatus};
use super::spec::MetricScope;
use crate::catalog::{
    Basis, Component, ComponentSpec, Confidence, Endpoint, Expectation, ExpectedEvidence, ListedSource,
    ProbeUrl, Scheme, Trust, UpdateSource,
};
use crate::config::{Addresses, ResolverConfig};
use crate::observation::{
    AddressFacts, CertificateFacts, Facts, Failure, FailureReason, HttpFacts, Observation, PackageFacts,
    Phase, PhaseOutcome, RangeOutcome, TlsFacts,
};
use crate::plan::{ComponentPlan, Plan, Route, SignaturePlan, Target, TargetId};
use crate::revocation::{CertificateStatus, CrlState, RevocationReport, RevocationStatus, UndeterminedCause};
use crate::signatures::{FeedHistory, Finding, Published, Version};
use crate::state::{
    ComponentState, FailureKey, FeedState, Histogram, LatencyKey, MapsState, NeededLists, SignaturesState,
    Snapshot, SourceState, TargetState,
};
use crate::verdict::{MapsConnection, SslOptions, UnservedNeed, Verdict};

/// Tuesday, 2026-11-24, 00:00:00 UTC, plus `seconds`.
fn at(seconds: f64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs_f64(1_795_478_400.0 + seconds)
}

/// The scrape that the golden files contain.
pub(crate) fn scrape() -> Scrape {
    let web = WebStatus {
        config_usable: Some(true),
        certificate_not_after: Some(at(60.0 * 86_400.0)),
        certificate_not_before: Some(at(-30.0 * 86_400.0)),
    };
    Scrape {
        scope: MetricScope::All,
        snapshot: Arc::new(snapshot()),
        build: build(),
        process: process(),
        web,
    }
}

/// Invented build information.
pub(crate) fn build() -> BuildInfo {
    BuildInfo {
        version: "0.0.0-test",
        revision: "abcdef0",
        rustc: "rustc 1.89.0 (test)",
        branch: "main",
        profile: "debug",
        target: "x86_64-unknown-linux-gnu",
    }
}

fn process() -> ProcessStats {
    ProcessStats {
        cpu_seconds: Some(12.34),
        resident_bytes: Some(20_971_520),
        virtual_bytes: Some(1_073_741_824),
        open_fds: Some(21),
        max_fds: Some(1024),
        start_time_seconds: Some(1_795_478_390.25),
        threads: Some(3),
    }
}

pub(crate) fn snapshot() -> Snapshot {
    let plan = plan();
    let none = TargetState::default();
    let mut targets = [works(), fails(TargetId(1)), none, fails(TargetId(3)), control::answers(TargetId(4))];
    for (state, target) in targets.iter_mut().zip(&plan.targets) {
        state.judge(&target.endpoint, false);
    }
    Snapshot {
        plan: Arc::new(plan),
        targets: targets.map(Arc::new).into(),
        components: vec![
            component_state(Component::Maps, Some(Verdict::Degraded)),
            component_state(Component::Update, Some(Verdict::Bad)),
            component_state(Component::Crl, None),
        ],
        maps: maps(),
        crls: Arc::new(BTreeMap::from([("direct".to_owned(), crls())])),
        latencies: Arc::new(latencies()),
        failures: Arc::new(failures()),
        overruns: Arc::new(BTreeMap::from([(Component::Maps, 0), (Component::Update, 2)])),
        split_hellos: Arc::new(control::split_hellos()),
        signatures: signatures(),
        host: Some(Arc::new(host::facts(at))),
        config_loaded: at(-5.0),
        reload_failed: false,
        was_ready: false,
    }
}

fn plan() -> Plan {
    Plan {
        split_hellos: vec![TargetId(0)],
        targets: vec![
            each_address(target(
                Component::Maps,
                "*.wdcp.microsoft.com",
                "https://wdcp.microsoft.com/",
                &[503],
            )),
            target(
                Component::Update,
                "*.update.microsoft.com",
                "https://fe2.update.microsoft.com:8443/v6/",
                &[200],
            ),
            target(
                Component::Crl,
                "http://www.microsoft.com/pkiops/crl/",
                "http://www.microsoft.com/pkiops/crl/a%20b.crl",
                &[200],
            ),
            target(
                Component::Adl,
                "definitionupdates.microsoft.com",
                "https://definitionupdates.microsoft.com/packages?action=info",
                &[200],
            ),
            control::planned(),
        ],
        components: vec![
            component_plan(Component::Maps, 30),
            component_plan(Component::Update, 60),
            component_plan(Component::Crl, 60),
        ],
        routes: vec![Route::direct()],
        redirect_hosts: vec![],
        issuer_hosts: vec![],
        block_pages: vec![],
        signatures: SignaturePlan {
            listed: vec![ListedSource::from_catalog(UpdateSource::MicrosoftUpdate)],
            stale_after: Duration::from_secs(7 * 86_400),
            ..SignaturePlan::default()
        },
    }
}

/// A target via the direct route.
pub(crate) fn target(component: Component, pattern: &str, url: &str, expect: &[u16]) -> Target {
    let url = ProbeUrl::parse(url).expect("a test's own URL");
    let trust = if url.scheme() == Scheme::Https { Trust::Microsoft } else { Trust::SignedObject };
    let endpoint = Endpoint {
        pattern: pattern.to_owned(),
        ports: vec![443],
        expect: Expectation::OneOf(expect.to_vec()),
        basis: Basis::Community,
        confidence: Confidence::A,
        evidence: vec![ExpectedEvidence::Status],
        trust,
        ..Endpoint::new(component, url)
    };
    let (interval, timeout) = (Duration::from_secs(60), Duration::from_secs(10));
    Target { endpoint, route: Route::direct(), interval, timeout }
}

/// The same target on a route that probes every address of the name.
fn each_address(target: Target) -> Target {
    let resolver = ResolverConfig { addresses: Addresses::All, ..ResolverConfig::default() };
    Target { route: Arc::new(Route { resolver, ..(*target.route).clone() }), ..target }
}

fn component_plan(component: Component, seconds: u64) -> ComponentPlan {
    let spec = ComponentSpec { component, optional: false, purpose: String::new(), needs: vec![] };
    ComponentPlan { spec, interval: Duration::from_secs(seconds) }
}

fn component_state(component: Component, verdict: Option<Verdict>) -> ComponentState {
    ComponentState { component, route: "direct".to_owned(), verdict }
}

fn works() -> TargetState {
    let mut facts = Facts { tls: Some(trusted()), ..Facts::default() };
    for (phase, micros) in [
        (Phase::Resolve, 1500),
        (Phase::Connect, 12_000),
        (Phase::Tls, 30_250),
        (Phase::Request, 20_000),
        (Phase::Transfer, 250),
    ] {
        facts.timings.record(phase, PhaseOutcome::Done, Duration::from_micros(micros));
    }
    facts.timings.not_applicable(Phase::Tunnel);
    facts.addresses =
        ["192.0.2.10", "192.0.2.11", "2001:db8::10"].map(|ip| ip.parse().expect("an address")).into();
    facts.private = Some(0);
    facts.package = Some(PackageFacts { file: "x64/mpam-fe.exe", modified: at(-86_400.0) });
    facts.peer = Some("192.0.2.10:443".parse().expect("an address"));
    facts.others = others();
    let range = Some(RangeOutcome::Honored);
    facts.http =
        Some(HttpFacts { status: 503, genuine: true, body_bytes: 120, range, ..HttpFacts::default() });
    let last = Observation { target: TargetId(0), at: at(30.5), facts, failure: None };
    TargetState {
        probes: 12,
        failures: 1,
        last: Some(Arc::new(last)),
        last_failure: None,
        last_success: Some(at(30.5)),
        failing_since: None,
        revocation: Some(Arc::new(unknown_revocation())),
        chains: Vec::new(),
        judgement: None,
        lists: NeededLists::default(),
        notes: Vec::new(),
    }
}

/// The results for the working endpoint's other addresses.
fn others() -> Vec<AddressFacts> {
    let other = |address: &str, failure| AddressFacts {
        address: address.parse().expect("an address"),
        failure,
        duration: Duration::from_millis(250),
    };
    let refused = Failure::new(Phase::Connect, FailureReason::Refused, "not a label");
    vec![other("192.0.2.11", Some(refused)), other("2001:db8::10", None)]
}

fn fails(target: TargetId) -> TargetState {
    let mut facts = Facts::default();
    facts.timings.record(Phase::Resolve, PhaseOutcome::Done, Duration::from_millis(2));
    facts.timings.record(Phase::Connect, PhaseOutcome::Done, Duration::from_millis(3));
    facts.timings.record(Phase::Tls, PhaseOutcome::Failed, Duration::from_millis(40));
    facts.timings.not_applicable(Phase::Tunnel);
    facts.addresses = vec!["192.0.2.20".parse().expect("an address")];
    facts.private = Some(0);
    facts.proxy_status = Some(200);
    facts.tls = Some(TlsFacts {
        chain: vec![certificate(
            "fe2.update.microsoft.com",
            "O=\"Example\\Inspection\", CN=프록시 \"CA\"",
            10,
        )]
        .into(),
        ..TlsFacts::default()
    });
    let failure = Failure::new(Phase::Tls, FailureReason::UnknownIssuer, "not a label");
    let last = Arc::new(Observation { target, at: at(31.0), facts, failure: Some(failure) });
    TargetState {
        probes: 7,
        failures: 7,
        last_failure: Some(last.clone()),
        last: Some(last),
        last_success: None,
        failing_since: Some(at(-30.0)),
        revocation: None,
        chains: Vec::new(),
        judgement: None,
        lists: NeededLists::default(),
        notes: Vec::new(),
    }
}

fn trusted() -> TlsFacts {
    TlsFacts {
        verified: true,
        version: Some("TLSv1.3"),
        cipher: Some("TLS_AES_256_GCM_SHA384"),
        chain: vec![
            certificate("wdcp.microsoft.com", "CN=Example Issuing CA", 300),
            certificate("Example Issuing CA", "CN=Example Root", 100),
        ]
        .into(),
        root: Some("CN=Example Root".to_owned()),
        chain_not_after: Some(at(100.0 * 86_400.0)),
        chain_not_before: Some(at(-265.0 * 86_400.0)),
        ..TlsFacts::default()
    }
}

fn certificate(subject: &str, issuer: &str, days: u32) -> CertificateFacts {
    CertificateFacts {
        subject: format!("CN={subject}"),
        issuer: issuer.to_owned(),
        not_before: at(-86_400.0),
        not_after: at(f64::from(days) * 86_400.0),
    }
}

fn unknown_revocation() -> RevocationReport {
    RevocationReport::new(vec![CertificateStatus {
        subject: "CN=wdcp.microsoft.com".to_owned(),
        status: RevocationStatus::Unknown,
        cause: Some(UndeterminedCause::Unreachable),
        source: Some("http://crl.example/blocked.crl".to_owned()),
        detail: "connect: refused".to_owned(),
        failure: None,
    }])
}

fn maps() -> Vec<MapsState> {
    let lost = MapsConnection::Lost(vec![UnservedNeed {
        need: "default_hosts".to_owned(),
        phase: Phase::Tls,
        reason: FailureReason::RevocationUnknown,
        nearest: TargetId(0),
    }]);
    let states = [MapsConnection::Connected, lost, MapsConnection::Connected, MapsConnection::Unknown];
    let options = SslOptions::ALL.iter().zip(states);
    options
        .map(|(options, connection)| MapsState { route: "direct".to_owned(), options: *options, connection })
        .collect()
}

fn crls() -> Vec<CrlState> {
    let failure = Failure::new(Phase::Connect, FailureReason::Refused, "not a label");
    let crl = |name: &str, fetch| CrlState {
        url: format!("http://crl.example/{name}.crl"),
        fetch: Some(fetch),
        fetched: Some(at(-3600.0)),
        this_update: Some(at(-86_400.0)),
        next_update: Some(at(6.0 * 86_400.0)),
    };
    vec![crl("good", Ok(())), crl("blocked", Err(failure))]
}

/// Microsoft Update is unavailable. The feed is two days old via one route and unreadable via the other.
fn signatures() -> SignaturesState {
    let source = |source, available| SourceState {
        source,
        route: "direct".to_owned(),
        available: Some(available),
        last_available: Some(at(if available { 30.0 } else { -3600.0 })),
    };
    let failure = Failure::new(Phase::Transfer, FailureReason::WrongContent, "not a label");
    let feed = |route: &str, fetch, history, findings| FeedState {
        route: route.to_owned(),
        fetch,
        fetched: Some(at(-600.0)),
        history,
        findings,
    };
    SignaturesState {
        sources: vec![
            source(UpdateSource::InternalServer, true),
            source(UpdateSource::FileShare, true),
            source(UpdateSource::ConnectedCache, false),
            source(UpdateSource::MicrosoftUpdate, false),
            source(UpdateSource::Adl, true),
        ],
        feeds: vec![
            feed("direct", Some(Ok(())), Some(history()), vec![Finding::Behind]),
            feed("machine-proxy", Some(Err(failure)), None, vec![]),
        ],
        last_chance: Some(at(30.0)),
        installed: None,
    }
}

fn history() -> FeedHistory {
    let published = Published {
        signatures: Version([1, 441, 123, 0]),
        engine: Version([1, 1, 26010, 1]),
        platform: Version([4, 18, 26010, 5]),
        published_at: at(-2.0 * 86_400.0),
    };
    let feed = "https://feed.example/".to_owned();
    FeedHistory { published, feed, newest: BTreeMap::new(), behind_since: None }
}

fn latencies() -> BTreeMap<LatencyKey, Histogram> {
    let key = |component, phase| LatencyKey { component, route: "direct".to_owned(), phase };
    let mut connect = Histogram::default();
    for seconds in [0.0, 0.003, 0.012, 0.012, 0.013, 0.4, 45.0] {
        connect.observe(seconds);
    }
    BTreeMap::from([
        (key(Component::Maps, Phase::Connect), connect),
        (key(Component::Maps, Phase::Tls), Histogram::default()),
    ])
}

fn failures() -> BTreeMap<FailureKey, u64> {
    let key = |phase, reason| FailureKey {
        component: Component::Update,
        route: "direct".to_owned(),
        phase,
        reason,
    };
    BTreeMap::from([
        (key(Phase::Resolve, FailureReason::Nxdomain), 0),
        (key(Phase::Tls, FailureReason::UnknownIssuer), 7),
    ])
}
