//! How the attempts of a connection share the time, and what is said of those that failed. Pure.

use std::time::Duration;

use super::failure;
use super::resolver::{DnsTrouble, ServerOutcome};
use crate::observation::{AttemptTarget, FailedAttempt, Failure, Phase};

/// The maximum number of addresses that are tried, as in WinHTTP.
pub(super) const MAX_ADDRESSES: usize = 5;

/// The part of the time left that DNS may take, in twentieths: the rest suffices to report which server was silent.
const DNS_SHARE: u32 = 19;

/// The shortest time that an address is given while others remain: a lost SYN is repeated after one second (RFC 6298,
/// section 2.1).
const MIN_SHARE: Duration = Duration::from_millis(1200);

/// The time that DNS may take.
pub(super) fn dns_share(left: Duration) -> Duration {
    left * DNS_SHARE / 20
}

/// The time for an attempt while `others` remain: an equal share, with one for the phases that follow.
pub(super) fn share_of(left: Duration, others: usize) -> Duration {
    let others = u32::try_from(others).unwrap_or(u32::MAX);
    if others == 0 { left } else { (left / others.saturating_add(2)).max(MIN_SHARE) }
}

/// The failure of the last attempt, which names what failed before it.
pub(super) fn with_attempts(failure: Failure, attempts: &[FailedAttempt]) -> Failure {
    let failed: Vec<_> = attempts
        .iter()
        .filter(|attempt| matches!(attempt.target, AttemptTarget::Proxy(_)))
        .map(|attempt| attempt.failure.detail.as_str())
        .collect();
    if failed.is_empty() {
        return failure;
    }
    let detail = format!("{}; before it: {}", failure.detail, failed.join("; "));
    Failure::new(failure.phase, failure.reason, detail)
}

/// A DNS server that failed before another one answered.
pub(super) fn dns_attempt(trouble: &DnsTrouble) -> FailedAttempt {
    let DnsTrouble { report, words } = trouble;
    let duration = match &report.outcome {
        ServerOutcome::Silent(after) | ServerOutcome::OneTypeSilent { after, .. } => *after,
        _ => Duration::ZERO,
    };
    let failure = Failure::new(Phase::Resolve, failure::dns_reason(&report.outcome), words);
    FailedAttempt { target: AttemptTarget::DnsServer(report.server), failure, duration }
}

/// The failure of the first address that was tried, which names the others.
pub(super) fn all_failed(last: Failure, attempts: &mut Vec<FailedAttempt>, before: usize) -> Failure {
    let failed: Vec<_> = attempts.drain(before..).collect();
    let Some(first) = failed.first() else { return last };
    let others = failed[1..].iter().map(|attempt| &attempt.failure).chain([&last]);
    let others: Vec<_> = others.map(|failure| failure.detail.as_str()).collect();
    let detail =
        format!("{}; the other addresses failed as well: {}", first.failure.detail, others.join("; "));
    Failure::new(first.failure.phase, first.failure.reason, detail)
}
