//! Fixed amounts of each kind of work, without network and clock, for `instructions.rs` and `parts.rs`. The setup
//! isn't measured.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use defender_exporter::advice::{hresults, revocation_causes};
use defender_exporter::catalog::{Component, ProbeUrl, embedded};
use defender_exporter::config::{Config, EndpointOverride, TlsConfig};
use defender_exporter::event::Event;
use defender_exporter::metrics::{
    BuildInfo, ExpositionFormat, MetricScope, ProcessStats, Scrape, WebStatus, encode,
};
use defender_exporter::observation::{
    CertificateFacts, Facts, HttpFacts, Observation, Phase, PhaseOutcome, TlsFacts,
};
use defender_exporter::plan::schedule::Due;
use defender_exporter::plan::schedule::Schedule;
use defender_exporter::plan::{Plan, TargetId, plan};
use defender_exporter::state::Snapshot;
use defender_exporter::tls::AiaIssuers;
use defender_exporter::tls::CapturingVerifier;
use defender_exporter::tls::ChainVerifier;
use defender_exporter::tls::Roots;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};

/// Targets besides the catalog's.
const TARGETS: usize = 300;

/// 2026-11-24, 00:00 UTC.
const NOW: Duration = Duration::from_secs(1_795_478_400);

/// What is measured, once it is prepared.
pub type Work = Box<dyn FnOnce()>;

/// A workload: its name, and what prepares it.
pub type Workload = (&'static str, fn() -> Work);

/// Every one.
pub const WORKLOADS: [Workload; 8] = [
    ("plan", plan_targets),
    ("schedule", schedule),
    ("fold", fold),
    ("verify", || judge(1)),
    ("recall", || judge(20)),
    ("openmetrics", || scrape(ExpositionFormat::OpenMetrics)),
    ("text", || scrape(ExpositionFormat::Text)),
    ("protobuf", || scrape(ExpositionFormat::Protobuf)),
];

/// Configuration to plan.
fn plan_targets() -> Work {
    let config = config();
    let _ = embedded(); // read once, outside of what is measured
    Box::new(move || drop(black_box(plan(embedded(), &config).unwrap())))
}

/// Ten minutes of a schedule.
fn schedule() -> Work {
    let plan = planned();
    let start = tokio::time::Instant::now();
    let mut schedule = Schedule::new(&plan, start);
    Box::new(move || {
        while let Some(at) = schedule.next_due().filter(|at| *at < start + Duration::from_secs(600)) {
            if let Some(Due::Probe(id)) = schedule.due(at) {
                schedule.finished(id, Some(true), at);
            }
        }
    })
}

/// Three rounds of probes into the state.
fn fold() -> Work {
    let plan = planned();
    let mut snapshot = Snapshot::new(Arc::clone(&plan), moment());
    let events: Vec<_> = (0..3).flat_map(|_| observations(&plan)).collect();
    Box::new(move || {
        for event in events {
            snapshot.apply(event);
        }
        black_box(&snapshot);
    })
}

/// A chain that is presented so often.
fn judge(times: usize) -> Work {
    let key = || KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = CertifiedIssuer::self_signed(params, key()).unwrap();
    let leaf =
        CertificateParams::new(vec!["a.example".to_owned()]).unwrap().signed_by(&key(), &root).unwrap();
    let extra_roots = vec![root.der().clone()];
    let roots = Roots::from_lists(&[], &[], &TlsConfig { extra_roots, ..TlsConfig::default() }).unwrap();
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms;
    let judge = Arc::new(ChainVerifier::new(roots, Arc::new(AiaIssuers::new(Vec::new())), algorithms));
    let leaf = leaf.der().clone();
    let shake = move || verify(&judge, &leaf);
    if times > 1 {
        shake(); // the first one isn't recalled
    }
    Box::new(move || (0..times).for_each(|_| shake()))
}

fn verify(judge: &Arc<ChainVerifier>, leaf: &CertificateDer<'_>) {
    let verifier = CapturingVerifier::new(Arc::clone(judge));
    let (name, now) = (ServerName::try_from("a.example").unwrap(), UnixTime::since_unix_epoch(NOW));
    verifier.verify_server_cert(leaf, &[], &name, &[], now).unwrap();
    assert!(verifier.captured().unwrap().verdict.is_ok());
}

/// One scrape.
fn scrape(format: ExpositionFormat) -> Work {
    let plan = planned();
    let mut snapshot = Snapshot::new(Arc::clone(&plan), moment());
    observations(&plan).for_each(|event| snapshot.apply(event));
    let _ = (hresults().count(), revocation_causes()); // reads codes and advice once, outside of what is measured
    let scrape = Scrape {
        scope: MetricScope::All,
        snapshot: Arc::new(snapshot),
        build: BuildInfo::current(),
        process: ProcessStats::default(),
        web: WebStatus::default(),
    };
    Box::new(move || drop(black_box(encode(format, scrape).unwrap())))
}

fn moment() -> SystemTime {
    SystemTime::UNIX_EPOCH + NOW
}

fn config() -> Config {
    let endpoint = |n: usize| {
        EndpointOverride::unchanged(
            Component::Diagnostics,
            ProbeUrl::parse(&format!("https://host{n}.example/path")).unwrap(),
        )
    };
    Config { endpoints: (0..TARGETS).map(endpoint).collect(), ..Config::default() }
}

fn planned() -> Arc<Plan> {
    Arc::new(plan(embedded(), &config()).unwrap())
}

/// A good probe of each target.
fn observations(plan: &Plan) -> impl Iterator<Item = Event> {
    let observation = |n: usize| {
        let mut facts = Facts::default();
        for phase in Phase::ALL.iter().filter(|phase| **phase != Phase::Tunnel) {
            facts.timings.record(*phase, PhaseOutcome::Done, Duration::from_micros(1234));
        }
        facts.addresses = vec![[192, 0, 2, 1].into()];
        facts.http = Some(HttpFacts { status: 200, genuine: true, ..HttpFacts::default() });
        let certificate = CertificateFacts {
            subject: "CN=host.example".to_owned(),
            issuer: "O=Example, CN=Issuing CA".to_owned(),
            not_before: moment(),
            not_after: moment(),
        };
        let chain = [certificate.clone(), certificate].into();
        facts.tls = Some(TlsFacts { verified: true, version: Some("TLSv1.3"), chain, ..TlsFacts::default() });
        Event::Observed(Box::new(Observation { target: TargetId(n), at: moment(), facts, failure: None }))
    };
    (0..plan.targets.len()).map(observation)
}
