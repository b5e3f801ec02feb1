//! Redirected probes: each hop has its own facts, and a failure belongs to its hop. The scenario is the security
//! intelligence package: a link, a page that selects the package, and the package, of which one byte is requested.

use std::sync::Arc;
use std::time::{Duration, Instant};

use defender_exporter::catalog::{Expectation, ExpectedEvidence, ProbeUrl};
use defender_exporter::clock::Clock;
use defender_exporter::engine;
use defender_exporter::observation::{
    FailureReason as R, Observation, Phase as S, PhaseOutcome, RangeOutcome,
};
use defender_exporter::plan::TargetId;
use defender_exporter::revocation::RevocationStatus;
use defender_exporter::state::Snapshot;

use crate::lab::blackhole::Refusing;
use crate::lab::dns::Answer;
use crate::lab::faults::{self, Fault, Handshake};
use crate::lab::pki::{Authority, Flaw, Issuer, Leaf};
use crate::lab::reply::{End, Response};
use crate::lab::{Lab, divert, now};
use crate::scenario::Scenario;

const LINK: &str = "https://go.genuine.example/fwlink/?LinkID=121721&arch=x64";
const CHOOSER: &str = "https://packages.genuine.example/packages?package=am&arch=x64";
const PACKAGE: &str = "https://packages.genuine.example/packages/content/mpam-fe.exe?p=1";
const LINK_HOST: &str = "go.genuine.example";
const PACKAGE_HOST: &str = "packages.genuine.example";

/// The whole way, sound; the last redirect is relative.
fn way(lab: &Lab) -> Scenario {
    lab.tls.set(LINK_HOST, "/", Response::redirect(302, CHOOSER));
    lab.tls.set(PACKAGE_HOST, "/packages?", Response::redirect(302, "/packages/content/mpam-fe.exe?p=1"));
    let byte = Response::new(206).header("Content-Range", "bytes 0-0/190000000").body("M");
    lab.tls.set(PACKAGE_HOST, "/packages/content/", byte);
    let mut scenario = Scenario::new(lab, LINK);
    let endpoint = &mut scenario.target.endpoint;
    (endpoint.follow_redirects, endpoint.range) = (3, true);
    endpoint.expect = Expectation::OneOf(vec![206]);
    endpoint.evidence = vec![ExpectedEvidence::Status];
    scenario.target.timeout = Duration::from_secs(20);
    scenario.config.connect_to.extend([divert(&ProbeUrl::parse(CHOOSER).unwrap(), lab.tls.addr())]);
    scenario
}

fn urls(observation: &Observation) -> Vec<&str> {
    observation.facts.hops.iter().map(|hop| hop.url.as_str()).collect()
}

/// The holder of the leaf that the facts show.
fn leaf(observation: &Observation) -> Option<&str> {
    Some(observation.facts.tls.as_ref()?.chain.first()?.subject.as_str())
}

#[tokio::test]
async fn one_byte_comes_by_two_redirects_and_each_hop_is_told() {
    let lab = Lab::start().await;
    let observation = way(&lab).probe().await;
    assert_eq!(observation.failure, None);
    assert_eq!(urls(&observation), [LINK, CHOOSER, PACKAGE]);
    let facts = &observation.facts;
    let statuses: Vec<_> = facts.hops.iter().map(|hop| hop.http.as_ref().unwrap().status).collect();
    assert_eq!(statuses, [302, 302, 206]);
    for hop in &facts.hops {
        let tls = hop.tls.as_ref().unwrap();
        assert!(tls.verified && tls.path.is_some(), "{hop:?}");
        assert_eq!(hop.peer, Some(lab.tls.addr()));
        assert_eq!(hop.timings.outcome(S::Tls), PhaseOutcome::Done);
    }
    let sum: Duration = facts.hops.iter().map(|hop| hop.timings.total()).sum();
    assert_eq!(facts.timings.total(), sum, "the hops' times add up");
    // All is well: the chain is that of the endpoint's own host, the answer the last one.
    assert!(leaf(&observation).unwrap().contains(LINK_HOST), "{facts:?}");
    let http = facts.http.as_ref().unwrap();
    assert_eq!((http.status, http.genuine, http.redirects, http.body_bytes), (206, true, 2, 1));
    assert_eq!(http.range, Some(RangeOutcome::Honored));
    let asked = lab.tls.requests();
    assert!(asked.iter().all(|request| request.header("Range") == Some("bytes=0-0")), "{asked:?}");
}

/// Something on the way takes the header out: the object comes whole, and isn't read.
#[tokio::test]
async fn a_range_that_is_ignored_is_a_fact_and_no_failure() {
    let lab = Lab::start().await;
    for whole in [faults::endless_body(), faults::big_body(100_000_000)] {
        let scenario = way(&lab);
        lab.tls.set(PACKAGE_HOST, "/packages/content/", whole);
        let observation = scenario.probe().await;
        assert_eq!(observation.failure, None);
        let http = observation.facts.http.unwrap();
        assert_eq!((http.status, http.genuine, http.body_bytes), (200, true, 1));
        assert_eq!(http.range, Some(RangeOutcome::Ignored));
    }
    let scenario = way(&lab);
    lab.tls.set(PACKAGE_HOST, "/packages/content/", Response::new(404));
    let observation = scenario.probe().await;
    assert_eq!(observation.facts.http.as_ref().unwrap().range, None, "it is neither");
    assert_eq!(observation.failure.unwrap().reason, R::Status);
}

/// The fault of the second host, which the failure must name.
struct Case {
    name: &'static str,
    spoil: fn(&Lab, &mut Scenario),
    expected: (S, R),
    /// Whether its chain was seen, and then whether it was verified and inspected.
    chain: Option<(bool, bool)>,
    status: Option<u16>,
}

fn cases() -> Vec<Case> {
    let breaks = |name, spoil, expected, chain, status| Case { name, spoil, expected, chain, status };
    let refused = Some((false, false));
    let trusted = Some((true, false));
    vec![
        breaks("expired", |lab, _| broken(lab, flaw(Flaw::Expired)), (S::Tls, R::Expired), refused, None),
        breaks(
            "of nobody",
            |lab, _| broken(lab, flaw(Flaw::UnknownRoot)),
            (S::Tls, R::UnknownIssuer),
            refused,
            None,
        ),
        breaks("inspected", inspected, (S::Tls, R::Intercepted), Some((true, true)), Some(302)),
        breaks(
            "a reset in the handshake",
            |lab, _| broken(lab, Handshake::End(End::Reset)),
            (S::Tls, R::Reset),
            None,
            None,
        ),
        breaks("no such name", nameless, (S::Resolve, R::Nxdomain), None, None),
        breaks(
            "the end",
            |lab, _| broken(lab, faults::end(End::Close)),
            (S::Request, R::Closed),
            trusted,
            None,
        ),
        breaks(
            "a portal",
            |lab, _| broken(lab, Response::redirect(302, "https://portal.example/")),
            (S::Request, R::RedirectOffSite),
            trusted,
            Some(302),
        ),
    ]
}

fn flaw(flaw: Flaw) -> Fault {
    Fault::Certificate(Authority::Microsoft2011, flaw)
}

fn broken(lab: &Lab, fault: impl Into<Fault>) {
    lab.tls.break_host(PACKAGE_HOST, fault);
}

fn inspected(lab: &Lab, scenario: &mut Scenario) {
    lab.tls.set_authority(PACKAGE_HOST, Authority::Inspector);
    scenario.config.tls.extra_roots = vec![lab.pki.root(Authority::Inspector)];
}

fn nameless(lab: &Lab, scenario: &mut Scenario) {
    scenario.config.connect_to.remove(&crate::lab::named(PACKAGE_HOST, 443));
    lab.dns.set(PACKAGE_HOST, Answer::Nxdomain);
}

#[tokio::test]
async fn a_hop_that_fails_is_told_by_its_own_url() {
    for case in cases() {
        let (name, lab) = (case.name, Lab::start().await);
        let mut scenario = way(&lab);
        (case.spoil)(&lab, &mut scenario);
        is_of_the_chooser(name, &scenario.probe().await, &case);
    }
    let (lab, refusing) = (Lab::start().await, Refusing::new());
    let mut scenario = way(&lab);
    scenario.config.connect_to.extend([divert(&ProbeUrl::parse(CHOOSER).unwrap(), refusing.addr())]);
    let case = Case {
        name: "a closed port",
        spoil: |_, _| {},
        expected: (S::Connect, R::Refused),
        chain: None,
        status: None,
    };
    let observation = scenario.probe().await;
    is_of_the_chooser("a closed port", &observation, &case);
    assert_eq!(observation.facts.peer, Some(refusing.addr()));
}

fn is_of_the_chooser(name: &str, observation: &Observation, case: &Case) {
    let failure = observation.failure.as_ref().unwrap_or_else(|| panic!("{name}: {observation:?}"));
    assert_eq!((failure.phase, failure.reason), case.expected, "{name}: {failure:?}");
    assert!(
        failure.detail.starts_with("after a redirect to packages.genuine.example: "),
        "{name}: {failure:?}"
    );
    assert_eq!((observation.failed_url(), urls(observation)), (Some(CHOOSER), vec![LINK, CHOOSER]), "{name}");
    let facts = &observation.facts;
    let chain = facts.tls.as_ref().map(|tls| (tls.verified, tls.intercepted));
    assert_eq!(chain, case.chain, "{name}: {facts:?}");
    if case.chain.is_some() {
        assert!(leaf(observation).unwrap().contains(PACKAGE_HOST), "{name}: {facts:?}");
    }
    assert_eq!(facts.http.as_ref().map(|http| http.status), case.status, "{name}: {facts:?}");
    assert_eq!(facts.timings.outcome(failure.phase), PhaseOutcome::Failed, "{name}");
    let own = &facts.hops[0];
    assert!(own.tls.as_ref().is_some_and(|tls| tls.verified && !tls.intercepted), "{name}: {own:?}");
    assert_eq!(own.http.as_ref().map(|http| http.status), Some(302), "{name}");
}

/// A revoked certificate behind a redirect is found after the probe and reported for its hop; the next probe fails.
#[tokio::test]
async fn every_hops_chain_is_checked_for_revocation() {
    let lab = Lab::start().await;
    let scenario = way(&lab);
    let serial = Leaf::new(PACKAGE_HOST, Authority::Microsoft2011).serial();
    lab.revoke(Issuer::Intermediate(Authority::Microsoft2011), [serial]);
    let (plan, prober) = (scenario.plan(), Arc::new(scenario.prober()));
    let mut snapshot = Snapshot::new(Arc::new(plan.clone()), now());
    let events = engine::probe_once(&plan, Arc::clone(&prober), Clock::Fixed(now()), 1, None).await;
    for event in events {
        snapshot.apply(event);
    }
    let state = &snapshot.targets[0];
    assert_eq!(state.revocation.as_ref().map(|report| report.status), Some(RevocationStatus::Revoked));
    for observation in [state.last.as_deref().unwrap().clone(), prober.probe(TargetId(0)).await] {
        let failure = observation.failure.as_ref().unwrap_or_else(|| panic!("{observation:?}"));
        assert_eq!((failure.phase, failure.reason), (S::Tls, R::Revoked), "{failure:?}");
        assert!(failure.detail.contains(PACKAGE_HOST), "{failure:?}");
        assert_eq!(observation.failed_url(), Some(CHOOSER));
        assert!(leaf(&observation).unwrap().contains(PACKAGE_HOST), "{observation:?}");
    }
}

/// No more than the catalog allows, and the whole way within one time.
#[tokio::test]
async fn redirects_end() {
    let lab = Lab::start().await;
    let mut scenario = way(&lab);
    lab.tls.set(PACKAGE_HOST, "/packages?", Response::redirect(302, CHOOSER));
    let observation = scenario.probe().await;
    assert_eq!(urls(&observation), [LINK, CHOOSER, CHOOSER, CHOOSER], "three are followed");
    assert_eq!(observation.failure.unwrap().reason, R::Status);
    lab.tls.set(PACKAGE_HOST, "/packages?", faults::silent());
    scenario.target.timeout = Duration::from_secs(2);
    let start = Instant::now();
    let failure = scenario.probe().await.failure.unwrap();
    assert_eq!((failure.phase, failure.reason), (S::Request, R::Timeout), "{failure:?}");
    assert!(start.elapsed() < scenario.target.timeout + Duration::from_secs(5), "{:?}", start.elapsed());
}
