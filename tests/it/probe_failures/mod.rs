//! Every failure reason, on real sockets. The scenarios are in `cases.rs`.

pub mod cases;
mod fetched;
mod names;
mod quotes;
mod unusual_responses;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use defender_exporter::observation::{
    FAILURE_CODES, FailureCode, FailureReason, Observation, Phase, PhaseOutcome, TlsFacts,
};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::lab::Lab;
use crate::lab::faults::Fault;
use crate::lab::pki::Flaw;
use crate::load::{RunOut, run_out};
use crate::scenario::Scenario;
use cases::{Case, Dead, Wrong};

/// When a probe that waits must end; nothing of what it waits for comes within a minute.
const DEADLINE: Duration = Duration::from_millis(1500);
/// For a probe that ends by itself, however busy the machine.
const AMPLE: Duration = Duration::from_secs(60);
/// How many cases are under way at once: few enough for none to wait for the others' work.
const AT_ONCE: usize = 8;
/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_secs(1);

type Pair = (Phase, FailureReason);

/// Every phase and reason that can occur.
fn pairs() -> impl Iterator<Item = Pair> {
    FAILURE_CODES.iter().map(|code| (code.phase, code.reason))
}

#[tokio::test]
async fn every_pair_has_a_scenario() {
    let lab = Arc::new(Lab::start().await);
    let mut seen: BTreeSet<Pair> = BTreeSet::new();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut checks = JoinSet::new(); // each on its own host: many of them wait
    for (n, case) in cases::all().await.into_iter().enumerate() {
        seen.insert(case.expected);
        let (lab, permits) = (Arc::clone(&lab), Arc::clone(&permits));
        checks.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            check(lab, format!("case{n}.genuine.example"), case).await;
        });
    }
    while let Some(check) = checks.join_next().await {
        check.unwrap();
    }
    let missing: Vec<_> = pairs()
        // Whether a chain is revoked is found out after the probe: `revocation.rs` has that. Proxies are `routes`' matter.
        .filter(|pair| {
            pair.0 != Phase::Tunnel && !matches!(pair.1, FailureReason::Denied | FailureReason::BadGateway)
        })
        .filter(|pair| !is_of_folder(pair.0, pair.1))
        .filter(|pair| {
            !matches!(pair.1, FailureReason::Internal | FailureReason::Revoked) && !seen.contains(pair)
        })
        .collect();
    assert!(missing.is_empty(), "no scenario produces {missing:?}");
    let unknown: Vec<_> =
        seen.iter().filter(|pair| !FAILURE_CODES.contains(&FailureCode::from(**pair))).collect();
    assert!(unknown.is_empty(), "no counter is seeded for {unknown:?}");
}

/// Whether only a share's folder fails so: `probe/file_share.rs` and `on_premises_sources.rs` have that.
const fn is_of_folder(phase: Phase, reason: FailureReason) -> bool {
    use FailureReason as R;
    matches!(
        (phase, reason),
        (Phase::Request, R::NotFound | R::AccessDenied | R::Outdated | R::Unreachable | R::Unsupported)
    )
}

/// Probes, and holds the observation to what is expected and to what every failure keeps.
async fn check(lab: Arc<Lab>, host: String, case: Case) {
    let name = format!("{} over {}", case.name, case.scheme);
    let mut scenario = Scenario::new(&lab, &format!("{}://{host}/", case.scheme));
    scenario.target.endpoint.evidence.extend(case.evidence);
    scenario.target.endpoint.follow_redirects = case.follow_redirects;
    let waits = case.expected.1 == FailureReason::Timeout;
    scenario.target.timeout = if waits { DEADLINE } else { AMPLE };

    let mut scenario = spoil(&lab, scenario, &case.wrong);
    let resetting = match &case.wrong {
        Wrong::Connection(Dead::Resetting(resetting)) => Some(resetting),
        _ => None,
    };
    let RunOut { observation, took, disturbance } = run_out(case.expected, &mut scenario, resetting).await;

    let failure =
        observation.failure.as_ref().unwrap_or_else(|| panic!("{name}: no failure: {observation:?}"));
    assert_eq!((failure.phase, failure.reason), case.expected, "{name}: {failure:?}");
    let limit = scenario.target.timeout + SLACK + disturbance;
    assert!(took < limit, "{name}: took {took:?}, disturbed for {disturbance:?}");
    keeps_its_evidence(&name, &observation, failure.phase);
    if let Wrong::Origin(Fault::Certificate(_, flaw)) = case.wrong {
        keeps_its_chain(&name, &host, &observation.facts.tls.unwrap(), flaw);
    }
}

/// Makes the lab wrong for the scenario's host, or leads the scenario to where it is.
pub fn spoil(lab: &Lab, mut scenario: Scenario, wrong: &Wrong) -> Scenario {
    let url = scenario.target.endpoint.url.clone();
    match wrong {
        Wrong::Name(answer) => {
            lab.dns.set(url.host(), answer.clone());
            scenario.by_name()
        }
        Wrong::NameServer(dead) => {
            scenario.config.resolver.servers = vec![dead.addr()];
            scenario.by_name()
        }
        Wrong::Connection(dead) => scenario.at(dead.addr()),
        Wrong::Origin(fault) => {
            lab.origin(&url).break_host(url.host(), fault.clone());
            scenario
        }
        Wrong::Ordered(order) => {
            order(lab, url.host(), &mut scenario);
            scenario
        }
    }
}

/// Phases before the failure are done or don't apply, with a time where they are done; the failed one has a time.
fn keeps_its_evidence(name: &str, observation: &Observation, failed: Phase) {
    let inspected = observation.facts.tls.as_ref().is_some_and(|tls| tls.intercepted);
    for phase in Phase::ALL.iter().copied() {
        let outcome = observation.facts.timings.outcome(phase);
        let good = match phase.cmp(&failed) {
            _ if phase == Phase::Failover => outcome == PhaseOutcome::NotApplicable,
            Ordering::Less => matches!(outcome, PhaseOutcome::Done | PhaseOutcome::NotApplicable),
            Ordering::Equal => outcome == PhaseOutcome::Failed,
            // The answer's head can be refused after its body was read, and a chain that this machine trusts although
            // Defender doesn't is no reason not to ask.
            Ordering::Greater if failed == Phase::Request || inspected => true,
            Ordering::Greater => outcome == PhaseOutcome::NotReached,
        };
        assert!(good, "{name}: {phase} is {outcome:?} although {failed} failed");
    }
}

/// Refused chains are reported as well.
fn keeps_its_chain(name: &str, host: &str, tls: &TlsFacts, flaw: Flaw) {
    let holder = if flaw == Flaw::WrongName { "elsewhere.lab" } else { host };
    assert!(!tls.verified, "{name}: {tls:?}");
    assert!(flaw == Flaw::Malformed || tls.chain[0].subject.contains(holder), "{name}: {tls:?}");
}
