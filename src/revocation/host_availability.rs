//! Remembers for a minute which hosts respond. If a firewall drops packets, each fetch takes its whole timeout
//! to fail, and many certificates name the same few hosts. `store.rs` caches the fetched objects.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

use super::keyed_mutex::KeyedMutex;
use crate::catalog::ProbeUrl;
use crate::config::HostPort;
use crate::observation::{Failure, FailureReason, Phase};

/// How long an outcome is remembered: longer than one round of checks, shorter than any refresh or retry
/// interval.
const AGE: Duration = Duration::from_secs(60);

/// Whether a host responded, and when.
#[derive(Debug)]
struct LastOutcome {
    at: SystemTime,
    outcome: Result<(), Failure>,
}

/// The availability of hosts over one route.
#[derive(Debug, Default)]
pub(super) struct HostAvailability {
    known: Mutex<HashMap<HostPort, LastOutcome>>,
    locks: KeyedMutex<HostPort>,
}

/// Held by the first request to a host. Others wait for its outcome.
pub(super) type FirstRequest = OwnedMutexGuard<()>;

impl HostAvailability {
    /// Waits for a pending first request to the host. Returns a guard if this is the first request itself.
    ///
    /// # Errors
    /// If the host didn't respond within the last minute.
    pub(super) async fn acquire(
        &self,
        url: &ProbeUrl,
        now: SystemTime,
    ) -> Result<Option<FirstRequest>, Failure> {
        let host = host_port(url);
        if let Some(known) = self.recent_outcome(&host, now) {
            return known.map(|()| None);
        }
        let lock = self.locks.get(&host);
        let first = lock.lock_owned().await;
        match self.recent_outcome(&host, now) {
            Some(known) => known.map(|()| None),
            None => Ok(Some(first)),
        }
    }

    /// Records whether the host responded. Refusals count as responses.
    pub(super) fn record(&self, url: &ProbeUrl, now: SystemTime, failure: Option<&Failure>) {
        let outcome = match failure {
            Some(failure) if is_unresponsive(failure) => Err(failure.clone()),
            _ => Ok(()),
        };
        let mut known = self.known.lock();
        known.retain(|_, last| is_recent(last.at, now));
        known.insert(host_port(url), LastOutcome { at: now, outcome });
    }

    fn recent_outcome(&self, host: &HostPort, now: SystemTime) -> Option<Result<(), Failure>> {
        let known = self.known.lock();
        let last = known.get(host).filter(|last| is_recent(last.at, now))?;
        Some(last.outcome.clone().map_err(|failure| {
            let Failure { phase, reason, detail } = failure;
            Failure::new(phase, reason, format!("{host} did not answer within the last minute: {detail}"))
        }))
    }
}

fn host_port(url: &ProbeUrl) -> HostPort {
    HostPort { host: url.host().to_owned(), port: url.port() }
}

/// Whether an outcome is recent. Outcomes in the future aren't: the clock may have been set back.
fn is_recent(at: SystemTime, now: SystemTime) -> bool {
    let apart = now.duration_since(at).unwrap_or_else(|earlier| earlier.duration());
    apart < AGE
}

/// Whether the failure means that the host is unreachable. A server that accepts the request but doesn't
/// respond may still serve other URLs.
fn is_unresponsive(failure: &Failure) -> bool {
    failure.reason == FailureReason::Timeout
        && matches!(failure.phase, Phase::Resolve | Phase::Connect | Phase::Tunnel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::revocation::fixture::now;

    fn url(host: &str) -> ProbeUrl {
        ProbeUrl::parse(&format!("http://{host}/list.crl")).unwrap()
    }

    fn failure(phase: Phase, reason: FailureReason) -> Failure {
        Failure::new(phase, reason, "no response")
    }

    #[tokio::test]
    async fn an_unresponsive_host_is_skipped_for_a_minute() {
        use FailureReason::{Refused, Timeout};
        let second = Duration::from_secs(1);
        let unresponsive = failure(Phase::Connect, Timeout);
        // The previous outcome, and whether a fetch is tried that much later. Also checks that much earlier, as
        // if the clock had been set back.
        let check = async |failure: Option<&Failure>, later: Duration, is_tried: bool| {
            let then = now();
            for now in [then + later, then - later] {
                let hosts = HostAvailability::default();
                hosts.record(&url("a.test"), then, failure);
                let tried = hosts.acquire(&url("a.test"), now).await;
                assert_eq!(tried.is_ok(), is_tried, "{failure:?} {later:?}: {tried:?}");
            }
        };
        check(None, Duration::ZERO, true).await;
        check(Some(&unresponsive), Duration::ZERO, false).await;
        check(Some(&unresponsive), 59 * second, false).await;
        check(Some(&unresponsive), 60 * second, true).await;
        for phase in [Phase::Resolve, Phase::Tunnel] {
            check(Some(&failure(phase, Timeout)), second, false).await;
        }
        check(Some(&failure(Phase::Request, Timeout)), second, true).await;
        check(Some(&failure(Phase::Connect, Refused)), second, true).await;
    }

    #[tokio::test]
    async fn requests_wait_for_the_first_request_to_their_host() {
        let (hosts, a) = (HostAvailability::default(), url("a.test"));
        let first = hosts.acquire(&a, now()).await.unwrap();
        assert!(first.is_some() && hosts.acquire(&url("b.test"), now()).await.unwrap().is_some());
        let unresponsive = failure(Phase::Connect, FailureReason::Timeout);
        let (second, ()) = tokio::join!(hosts.acquire(&a, now()), async {
            hosts.record(&a, now(), Some(&unresponsive));
            drop(first);
        });
        let failure = second.unwrap_err();
        assert_eq!((failure.phase, failure.reason), (unresponsive.phase, unresponsive.reason));
        assert_eq!(failure.detail, "a.test:80 did not answer within the last minute: no response");
        hosts.record(&a, now(), None);
        assert!(hosts.acquire(&a, now()).await.unwrap().is_none(), "no wait for a responsive host");
    }

    #[tokio::test]
    async fn entries_of_unused_hosts_are_removed() {
        let hosts = HostAvailability::default();
        hosts.acquire(&url("a.test"), now()).await.unwrap();
        hosts.record(&url("a.test"), now(), None);
        let later = now() + AGE;
        let first = hosts.acquire(&url("b.test"), later).await.unwrap();
        assert_eq!(hosts.locks.keys().len(), 1, "the one that is held");
        drop(first);
        hosts.record(&url("b.test"), later, None);
        assert_eq!(hosts.known.lock().len(), 1);
    }
}
