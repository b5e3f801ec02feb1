//! Reads this machine's Defender periodically, one reading at a time, and logs changes.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use crate::catalog::UpdateOrigin;
use crate::clock::Clock;
use crate::event::Event;
use crate::host::events::{UpdateFailure, UpdateStage};
use crate::host::mpcmdrun::{Validation, ValidationOutcome};
use crate::host::{Host, HostFacts};

/// Reads the facts now and at every interval until the event channel closes. A slow reading delays the next one. A new
/// interval takes effect immediately, counted from the last reading.
pub async fn poll(
    mut host: Box<dyn Host>,
    clock: Clock,
    mut interval: watch::Receiver<Duration>,
    events: mpsc::Sender<Event>,
) {
    let mut before = None;
    loop {
        let start = Instant::now();
        let facts = host.facts(clock).await.with_earlier(before.as_ref());
        log_changes(before.as_ref(), &facts);
        if events.send(Event::Host(Box::new(facts.clone()))).await.is_err() {
            return;
        }
        before = Some(facts);
        wait_for_interval(start, &mut interval).await;
    }
}

/// Waits until the interval after `start` has elapsed.
async fn wait_for_interval(start: Instant, interval: &mut watch::Receiver<Duration>) {
    loop {
        let due = start + *interval.borrow_and_update();
        tokio::select! {
            () = sleep_until(due) => return,
            Ok(()) = interval.changed() => {}
        }
    }
}

fn log_changes(before: Option<&HostFacts>, now: &HostFacts) {
    for problem in &now.problems {
        if before.is_none_or(|before| !before.problems.contains(problem)) {
            let (collector, reason) = (problem.collector, problem.reason);
            tracing::warn!(%collector, %reason, detail = problem.detail, "failed to query this machine's Defender");
        }
    }
    if let Some(before) = before {
        log_failures(before, now);
    }
    let previous = before.and_then(validation).map(|validation| validation.outcome);
    let Some(current) = validation(now).filter(|validation| previous != Some(validation.outcome)) else {
        return;
    };
    match current.outcome {
        ValidationOutcome::Connected => {
            tracing::info!("MpCmdRun: Defender on this machine is connected to MAPS");
        }
        ValidationOutcome::Failed { hresult, .. } => {
            let advice = current.advice();
            let cause = advice.as_ref().map(|advice| advice.cause.as_str()).unwrap_or_default();
            let remedy = advice.as_ref().and_then(|advice| advice.remedies.first());
            let hresult = format!("0x{hresult:08X}");
            tracing::warn!(hresult, cause, remedy, output = current.text, "MpCmdRun: MAPS unreachable");
        }
        ValidationOutcome::Unknown => {} // logged as a problem above
    }
}

/// The updates that failed since the last reading. Those before the first reading are already known.
fn log_failures(before: &HostFacts, now: &HostFacts) {
    let failures = |facts: &'_ HostFacts| {
        let events = facts.windows.as_ref().and_then(|windows| windows.events.clone());
        events.map(|log| log.failures.into_values().collect::<Vec<_>>())
    };
    let Some(known) = failures(before) else { return };
    for failure in failures(now).unwrap_or_default().iter().filter(|failure| !known.contains(failure)) {
        let UpdateFailure { kind, origin, stage, path, version, .. } = failure;
        let hresult = failure.hresult.map(|hresult| format!("0x{hresult:08X}"));
        let (cause, remedy) = (failure.title(), Some(failure.action()).filter(|action| !action.is_empty()));
        let (source, stage) = (origin.map(UpdateOrigin::as_str), stage.map(UpdateStage::as_str));
        let meaning = kind.meaning();
        tracing::warn!(
            event = kind.as_str(),
            meaning,
            hresult,
            source,
            stage,
            path,
            version,
            cause,
            remedy,
            "failure in this machine's Defender log"
        );
    }
}

fn validation(facts: &HostFacts) -> Option<&Validation> {
    facts.windows.as_ref()?.validation.as_ref()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::host::BoxedFacts;

    /// A host whose readings take this long.
    struct Slow(Duration);

    impl Host for Slow {
        fn facts(&mut self, clock: Clock) -> BoxedFacts<'_> {
            Box::pin(async move {
                tokio::time::sleep(self.0).await;
                HostFacts::new(&[]).finished(clock.now())
            })
        }
    }

    /// An interval of 15 minutes.
    fn quarter_hour() -> (watch::Sender<Duration>, watch::Receiver<Duration>) {
        watch::channel(Duration::from_secs(900))
    }

    async fn readings(duration: u64, within: u64) -> usize {
        let (events, mut inbox) = mpsc::channel(100);
        let host = Box::new(Slow(Duration::from_secs(duration)));
        let clock = Clock::Fixed(SystemTime::UNIX_EPOCH);
        let polling = poll(host, clock, quarter_hour().1, events);
        let _ = tokio::time::timeout(Duration::from_secs(within), polling).await;
        let mut count = 0;
        while let Ok(Event::Host(_)) = inbox.try_recv() {
            count += 1;
        }
        count
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_reading_is_immediate_and_readings_never_overlap() {
        assert_eq!(readings(1, 2).await, 1);
        assert_eq!(readings(1, 4 * 900 + 2).await, 5);
        assert_eq!(readings(1000, 4000).await, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_interval_takes_effect_immediately() {
        let (events, mut inbox) = mpsc::channel(100);
        let (sender, interval) = quarter_hour();
        let host = Box::new(Slow(Duration::from_secs(1)));
        let start = Instant::now();
        tokio::spawn(poll(host, Clock::Fixed(SystemTime::UNIX_EPOCH), interval, events));
        let mut next = async || {
            inbox.recv().await;
            start.elapsed().as_secs()
        };
        assert_eq!(next().await, 1);
        sender.send_replace(Duration::from_secs(60));
        assert_eq!((next().await, next().await), (61, 121));
        sender.send_replace(Duration::from_secs(3600));
        assert_eq!(next().await, 3721);
    }

    #[tokio::test(start_paused = true)]
    async fn it_returns_when_the_event_channel_closes() {
        let (events, inbox) = mpsc::channel(1);
        drop(inbox);
        let host = Box::new(Slow(Duration::ZERO));
        poll(host, Clock::Fixed(SystemTime::UNIX_EPOCH), quarter_hour().1, events).await;
    }
}
