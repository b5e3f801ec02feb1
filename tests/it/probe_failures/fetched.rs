//! The scenarios of `cases.rs` as fetches: the same fault has the same phase and reason.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::cases::{self, Case, Dead, Wrong};
use super::{AT_ONCE, FailureReason, Phase, pairs, spoil};
use crate::fetch::in_place_of_run_out;
use crate::lab::Lab;
use crate::scenario::Scenario;

/// When a fetch that waits must end; nothing of what it waits for comes within a minute.
const WAITING: Duration = Duration::from_secs(3);
/// For a fetch that ends by itself, however busy the machine.
const AMPLE: Duration = Duration::from_secs(60);

/// What can't be met in a fetch: it has no plan that finds an answer or a root wrong, or no scenario here (see
/// `every_pair_has_a_scenario`).
fn is_elsewhere(phase: Phase, reason: FailureReason) -> bool {
    use FailureReason as R;
    let by_plan = matches!(reason, R::Intercepted | R::RedirectOffSite | R::WrongContent)
        || (phase == Phase::Transfer && matches!(reason, R::BlockPage | R::Expired | R::BadSignature))
        || (phase == Phase::Request && reason == R::Status);
    let by_proxy = phase == Phase::Tunnel || matches!(reason, R::Denied | R::BadGateway);
    by_plan || by_proxy || super::is_of_folder(phase, reason) || matches!(reason, R::Internal | R::Revoked)
}

#[tokio::test]
async fn the_same_fault_has_the_same_phase_and_reason_in_a_fetch() {
    let lab = Arc::new(Lab::start().await);
    let mut seen = BTreeSet::new();
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut checks = JoinSet::new(); // each on its own host: many of them wait
    for (n, case) in cases::all().await.into_iter().enumerate().filter(|(_, case)| !case.by_plan) {
        seen.insert(case.expected);
        let (lab, permits) = (Arc::clone(&lab), Arc::clone(&permits));
        checks.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            check(lab, format!("case{n}.genuine.example"), case).await;
        });
    }
    let mut failed = 0; // each says by itself what it fails of
    while let Some(check) = checks.join_next().await {
        failed += usize::from(check.is_err());
    }
    assert_eq!(failed, 0, "scenarios that fail");
    let missing: Vec<_> =
        pairs().filter(|pair| !seen.contains(pair) && !is_elsewhere(pair.0, pair.1)).collect();
    assert!(missing.is_empty(), "no fetch is held to {missing:?}");
}

async fn check(lab: Arc<Lab>, host: String, case: Case) {
    let name = format!("{} over {}", case.name, case.scheme);
    let mut scenario = Scenario::new(&lab, &format!("{}://{host}/", case.scheme));
    let waits = case.expected.1 == FailureReason::Timeout;
    scenario.target.timeout = if waits { WAITING } else { AMPLE };
    let mut scenario = spoil(&lab, scenario, &case.wrong);
    let fetch = Box::pin(in_place_of_run_out(case.expected, &mut scenario));
    let fetched = match &case.wrong {
        Wrong::Connection(Dead::Resetting(resetting)) => resetting.while_running(fetch).await,
        _ => fetch.await,
    };
    let failure = fetched.expect_err(&name);
    assert_eq!((failure.phase, failure.reason), case.expected, "{name}: {failure:?}");
}
