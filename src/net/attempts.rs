//! How the attempts of a connection share the time, and what is said of those that failed. Pure.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::failure;
use super::resolver::{FailedDnsServer, ServerOutcome};
use crate::observation::{AddressSource, AttemptTarget, FailedAttempt, Failure, LookupFacts, Phase, Timings};

/// The maximum number of addresses that are tried, as in WinHTTP.
pub(super) const MAX_ADDRESSES: usize = 5;

/// The part of the time left that DNS may take, in twentieths: the rest suffices to report which server was silent.
const DNS_SHARE: u32 = 19;

/// The shortest time that an address is given while others remain: a lost SYN is repeated after one second (RFC 6298,
/// section 2.1).
const MIN_SHARE: Duration = Duration::from_millis(1200);

/// What was learned about the connection, complete up to the phase that failed.
#[derive(Debug, Default)]
pub(crate) struct ConnectionFacts {
    /// The addresses of the URL's host, in the order of the answer. Empty if it wasn't resolved.
    pub(crate) addresses: Vec<IpAddr>,
    /// The names that the host is an alias of (CNAME), in order.
    pub(crate) aliases: Vec<String>,
    /// Where the addresses came from. `None`: from the configuration.
    pub(crate) source: Option<AddressSource>,
    /// The number of private addresses. `None` if DNS wasn't queried for the host's own name.
    pub(crate) private: Option<usize>,
    /// What the last lookup rests on: of the host's name, or of a proxy's.
    pub(crate) lookup: LookupFacts,
    /// The address of the TCP connection.
    pub(crate) peer: Option<SocketAddr>,
    /// The proxy, as `kind://host:port`. [`DIRECT`](crate::observation::DIRECT) if a PAC script chose no proxy.
    pub(crate) proxy: Option<String>,
    /// The status of the proxy's response to CONNECT.
    pub(crate) proxy_status: Option<u16>,
    /// The attempts that failed beside the one that counted.
    pub(crate) failed_attempts: Vec<FailedAttempt>,
}

/// The time that DNS may take.
pub(super) fn dns_share(left: Duration) -> Duration {
    left * DNS_SHARE / 20
}

/// The time for an attempt while `others` remain: an equal share, with one for the phases that follow.
pub(super) fn share_of(left: Duration, others: usize) -> Duration {
    let others = u32::try_from(others).unwrap_or(u32::MAX);
    if others == 0 { left } else { (left / others.saturating_add(2)).max(MIN_SHARE) }
}

/// A DNS server that failed before another one answered.
pub(super) fn dns_attempt(failed_server: &FailedDnsServer) -> FailedAttempt {
    let FailedDnsServer { report, words } = failed_server;
    let duration = match &report.outcome {
        ServerOutcome::Silent(after) | ServerOutcome::OneTypeSilent { after, .. } => *after,
        _ => Duration::ZERO,
    };
    let failure = Failure::new(Phase::Resolve, failure::dns_reason(&report.outcome), words);
    FailedAttempt { target: AttemptTarget::DnsServer(report.server), failure, duration }
}

/// The first of several attempts that failed. If all of them fail, its failure is the one reported, since clients
/// prefer this attempt; the others are kept, and named in its words.
pub(super) struct FirstFailure {
    /// Its place in `ConnectionFacts::failed_attempts`.
    index: usize,
    /// The times after it.
    timings: Timings,
    peer: Option<SocketAddr>,
    proxy: Option<String>,
    lookup: LookupFacts,
}

impl FirstFailure {
    /// Keeps an attempt that failed, and the first one if there is none yet. The times are those after the attempt.
    pub(super) fn keep(
        first: &mut Option<Self>,
        attempt: FailedAttempt,
        timings: &Timings,
        facts: &mut ConnectionFacts,
    ) {
        let index = facts.failed_attempts.len();
        first.get_or_insert_with(|| {
            let (timings, peer) = (timings.clone(), facts.peer);
            Self { index, timings, peer, proxy: facts.proxy.clone(), lookup: facts.lookup.clone() }
        });
        facts.failed_attempts.push(attempt);
    }

    /// The failure to report once all attempts have failed. `others` names the attempts after it.
    pub(super) fn into_failure(
        self,
        others: &str,
        timings: &mut Timings,
        facts: &mut ConnectionFacts,
    ) -> Failure {
        let Self { index, timings: own, peer, proxy, lookup } = self;
        let FailedAttempt { target, failure, .. } = facts.failed_attempts.remove(index);
        let later: Vec<_> = facts.failed_attempts[index..]
            .iter()
            .filter(|attempt| is_alternative(&target, &attempt.target))
            .map(|attempt| match attempt.target {
                AttemptTarget::Direct => format!("without a proxy: {}", attempt.failure.detail),
                _ => attempt.failure.detail.clone(),
            })
            .collect();
        if later.is_empty() {
            return failure;
        }
        (facts.peer, facts.proxy, facts.lookup) = (peer, proxy, lookup);
        for phase in [Phase::Resolve, Phase::Connect] {
            timings.fail_back(phase, &own);
        }
        let detail = format!("{}; {others} failed too: {}", failure.detail, later.join("; "));
        Failure::new(failure.phase, failure.reason, detail)
    }
}

/// Whether an attempt is an alternative to the first one: an address to an address, a proxy to a proxy.
fn is_alternative(first: &AttemptTarget, later: &AttemptTarget) -> bool {
    let is_address = |target: &AttemptTarget| matches!(target, AttemptTarget::Address(_));
    !matches!(later, AttemptTarget::DnsServer(_)) && is_address(first) == is_address(later)
}
