//! Asks the host again and again, one reading after another, and says in the log what has changed.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::mpcmdrun::{Outcome, Validation};
use super::{Host, HostFacts};
use crate::clock::Clock;
use crate::engine::Event;

/// Reads the facts now and at every interval until nobody listens. A reading that takes longer delays the next one. Another
/// interval takes effect at once, counted from the last reading.
pub async fn watch(
    mut host: Box<dyn Host>,
    clock: Clock,
    mut every: watch::Receiver<Duration>,
    events: mpsc::Sender<Event>,
) {
    let mut before = None;
    loop {
        let start = Instant::now();
        let facts = host.facts(clock).await.after(before.as_ref());
        log_changes(before.as_ref(), &facts);
        if events.send(Event::Host(Box::new(facts.clone()))).await.is_err() {
            return;
        }
        before = Some(facts);
        pass(start, &mut every).await;
    }
}

/// Waits until the interval after `start` has passed.
async fn pass(start: Instant, every: &mut watch::Receiver<Duration>) {
    loop {
        let due = start + *every.borrow_and_update();
        tokio::select! {
            () = sleep_until(due) => return,
            Ok(()) = every.changed() => {}
        }
    }
}

fn log_changes(before: Option<&HostFacts>, now: &HostFacts) {
    for problem in &now.problems {
        if before.is_none_or(|before| !before.problems.contains(problem)) {
            let (source, reason) = (problem.source, problem.reason);
            tracing::warn!(%source, %reason, detail = problem.detail, "this machine's Defender can't be asked");
        }
    }
    let was = before.and_then(validation).map(|validation| validation.outcome);
    let Some(is) = validation(now).filter(|validation| was != Some(validation.outcome)) else { return };
    match is.outcome {
        Outcome::Connected => tracing::info!("MpCmdRun: this machine's Defender is connected to MAPS"),
        Outcome::Failed { hresult, .. } => {
            let advice = is.advice();
            let cause = advice.as_ref().map(|advice| advice.cause.as_str()).unwrap_or_default();
            let remedy = advice.as_ref().and_then(|advice| advice.remedies.first());
            let hresult = format!("0x{hresult:08X}");
            tracing::warn!(hresult, cause, remedy, output = is.text, "MpCmdRun: MAPS can't be reached");
        }
        Outcome::Unknown => {} // the problem said it
    }
}

fn validation(facts: &HostFacts) -> Option<&Validation> {
    facts.windows.as_ref()?.validation.as_ref()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::super::BoxedFacts;
    use super::*;

    /// Takes longer than the interval, and counts how often it is asked at once.
    struct Slow(Duration);

    impl Host for Slow {
        fn facts(&mut self, clock: Clock) -> BoxedFacts<'_> {
            Box::pin(async move {
                tokio::time::sleep(self.0).await;
                HostFacts::new(&[]).finished(clock.now())
            })
        }
    }

    /// A quarter of an hour.
    fn quarter() -> (watch::Sender<Duration>, watch::Receiver<Duration>) {
        watch::channel(Duration::from_secs(900))
    }

    async fn readings(takes: u64, within: u64) -> usize {
        let (events, mut inbox) = mpsc::channel(100);
        let host = Box::new(Slow(Duration::from_secs(takes)));
        let clock = Clock::Fixed(SystemTime::UNIX_EPOCH);
        let watching = watch(host, clock, quarter().1, events);
        let _ = tokio::time::timeout(Duration::from_secs(within), watching).await;
        let mut count = 0;
        while let Ok(Event::Host(_)) = inbox.try_recv() {
            count += 1;
        }
        count
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_reading_is_at_once_and_none_overtakes_another() {
        assert_eq!(readings(1, 2).await, 1);
        assert_eq!(readings(1, 4 * 900 + 2).await, 5);
        assert_eq!(readings(1000, 4000).await, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn another_interval_takes_effect_at_once() {
        let (events, mut inbox) = mpsc::channel(100);
        let (every, interval) = quarter();
        let host = Box::new(Slow(Duration::from_secs(1)));
        let start = Instant::now();
        tokio::spawn(watch(host, Clock::Fixed(SystemTime::UNIX_EPOCH), interval, events));
        let mut next = async || {
            inbox.recv().await;
            start.elapsed().as_secs()
        };
        assert_eq!(next().await, 1);
        every.send_replace(Duration::from_secs(60));
        assert_eq!((next().await, next().await), (61, 121));
        every.send_replace(Duration::from_secs(3600));
        assert_eq!(next().await, 3721);
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_nobody_listens() {
        let (events, inbox) = mpsc::channel(1);
        drop(inbox);
        let host = Box::new(Slow(Duration::ZERO));
        watch(host, Clock::Fixed(SystemTime::UNIX_EPOCH), quarter().1, events).await;
    }
}
