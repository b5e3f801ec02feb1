//! Which hosts answer, for a minute: where a firewall drops packets each fetch takes its whole timeout to fail, and many
//! certificates name the same few hosts. What a fetch brought is kept elsewhere (`store.rs`).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, SystemTime};

use tokio::sync::OwnedMutexGuard;

use crate::catalog::ProbeUrl;
use crate::config::HostPort;
use crate::observation::{Failure, FailureReason, Stage};

/// How long it counts whether a host answered: longer than the checks of one round take, shorter than any list waits to be
/// asked for again.
const AGE: Duration = Duration::from_secs(60);

/// Whether a host answered, and when that was.
type Known = (SystemTime, Result<(), Failure>);

/// What is known of the hosts by one route.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    known: Mutex<HashMap<HostPort, Known>>,
    gates: Mutex<HashMap<HostPort, Weak<tokio::sync::Mutex<()>>>>,
}

/// Whoever holds this is the first to ask a host; others wait for what comes of it.
pub(super) type First = OwnedMutexGuard<()>;

impl Hosts {
    /// Waits for whoever asks the host first, so that one finds out for all whether it answers.
    ///
    /// # Errors
    /// When it didn't answer within the last minute: that it still doesn't isn't worth another wait.
    pub(super) async fn approach(&self, url: &ProbeUrl, now: SystemTime) -> Result<Option<First>, Failure> {
        let host = host_of(url);
        if let Some(known) = self.lately(&host, now) {
            return known.map(|()| None);
        }
        let gate = self.gate(&host);
        let first = gate.lock_owned().await;
        match self.lately(&host, now) {
            Some(known) => known.map(|()| None),
            None => Ok(Some(first)),
        }
    }

    /// Takes in what became of a fetch: whether something answered, be it a refusal.
    pub(super) fn note(&self, url: &ProbeUrl, now: SystemTime, failure: Option<&Failure>) {
        let outcome = match failure {
            Some(failure) if is_silence(failure) => Err(failure.clone()),
            _ => Ok(()),
        };
        let mut known = lock(&self.known);
        known.retain(|_, (at, _)| is_recent(*at, now));
        known.insert(host_of(url), (now, outcome));
    }

    fn lately(&self, host: &HostPort, now: SystemTime) -> Option<Result<(), Failure>> {
        let known = lock(&self.known);
        let (_, outcome) = known.get(host).filter(|(at, _)| is_recent(*at, now))?;
        Some(outcome.clone().map_err(|failure| {
            let Failure { stage, reason, detail } = failure;
            Failure::new(stage, reason, format!("{host} did not answer a moment ago: {detail}"))
        }))
    }

    fn gate(&self, host: &HostPort) -> Arc<tokio::sync::Mutex<()>> {
        let mut gates = lock(&self.gates);
        gates.retain(|_, gate| gate.strong_count() > 0);
        if let Some(gate) = gates.get(host).and_then(Weak::upgrade) {
            return gate;
        }
        let gate = Arc::default();
        gates.insert(host.clone(), Arc::downgrade(&gate));
        gate
    }
}

/// A panic elsewhere leaves no half-done change behind: each is a single insertion.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn host_of(url: &ProbeUrl) -> HostPort {
    HostPort { host: url.host().to_owned(), port: url.port() }
}

/// Not in the future either: a clock may be set back.
fn is_recent(at: SystemTime, now: SystemTime) -> bool {
    let apart = now.duration_since(at).unwrap_or_else(|earlier| earlier.duration());
    apart < AGE
}

/// Nobody answers: no host behind a port that is dropped. A server that takes a request and says nothing may know other URLs.
fn is_silence(failure: &Failure) -> bool {
    failure.reason == FailureReason::Timeout
        && matches!(failure.stage, Stage::Resolve | Stage::Connect | Stage::Tunnel)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::now;
    use super::*;

    fn url(host: &str) -> ProbeUrl {
        ProbeUrl::parse(&format!("http://{host}/list.crl")).unwrap()
    }

    fn failure(stage: Stage, reason: FailureReason) -> Failure {
        Failure::new(stage, reason, "so it went")
    }

    #[tokio::test]
    async fn a_host_that_says_nothing_is_not_asked_again_for_a_minute() {
        use FailureReason::{Refused, Timeout};
        let second = Duration::from_secs(1);
        let silent = failure(Stage::Connect, Timeout);
        // What became of the fetch before, and whether one so much later is tried; an earlier one, where the clock went back.
        let check = async |failure: Option<&Failure>, later: Duration, is_tried: bool| {
            let then = now();
            for now in [then + later, then - later] {
                let hosts = Hosts::default();
                hosts.note(&url("a.test"), then, failure);
                let tried = hosts.approach(&url("a.test"), now).await;
                assert_eq!(tried.is_ok(), is_tried, "{failure:?} {later:?}: {tried:?}");
            }
        };
        check(None, Duration::ZERO, true).await;
        check(Some(&silent), Duration::ZERO, false).await;
        check(Some(&silent), 59 * second, false).await;
        check(Some(&silent), 60 * second, true).await;
        for stage in [Stage::Resolve, Stage::Tunnel] {
            check(Some(&failure(stage, Timeout)), second, false).await;
        }
        check(Some(&failure(Stage::Request, Timeout)), second, true).await;
        check(Some(&failure(Stage::Connect, Refused)), second, true).await;
    }

    #[tokio::test]
    async fn the_first_to_ask_a_host_is_waited_for_and_no_other() {
        let (hosts, a) = (Hosts::default(), url("a.test"));
        let first = hosts.approach(&a, now()).await.unwrap();
        assert!(first.is_some() && hosts.approach(&url("b.test"), now()).await.unwrap().is_some());
        let silent = failure(Stage::Connect, FailureReason::Timeout);
        let (second, ()) = tokio::join!(hosts.approach(&a, now()), async {
            hosts.note(&a, now(), Some(&silent));
            drop(first);
        });
        let told = second.unwrap_err();
        assert_eq!((told.stage, told.reason), (silent.stage, silent.reason));
        assert_eq!(told.detail, "a.test:80 did not answer a moment ago: so it went");
        hosts.note(&a, now(), None);
        assert!(hosts.approach(&a, now()).await.unwrap().is_none(), "it answers: nobody waits");
    }

    #[tokio::test]
    async fn nothing_is_kept_of_hosts_that_are_asked_no_more() {
        let hosts = Hosts::default();
        hosts.approach(&url("a.test"), now()).await.unwrap();
        hosts.note(&url("a.test"), now(), None);
        let later = now() + AGE;
        let first = hosts.approach(&url("b.test"), later).await.unwrap();
        assert_eq!(lock(&hosts.gates).len(), 1, "one that somebody holds");
        drop(first);
        hosts.note(&url("b.test"), later, None);
        assert_eq!(lock(&hosts.known).len(), 1);
    }
}
