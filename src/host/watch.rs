//! Asks the host again and again, one reading after another, and says in the log what has changed.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::mpcmdrun::{Outcome, Validation};
use super::{Host, HostFacts};
use crate::clock::Clock;
use crate::engine::Event;

/// Reads the facts now and at every interval until nobody listens. A reading that takes longer delays the next one.
pub async fn watch(mut host: Box<dyn Host>, clock: Clock, every: Duration, events: mpsc::Sender<Event>) {
    let mut turns = interval(every);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before = None;
    loop {
        turns.tick().await;
        let facts = host.facts(clock).await.after(before.as_ref());
        log_changes(before.as_ref(), &facts);
        if events.send(Event::Host(Box::new(facts.clone()))).await.is_err() {
            return;
        }
        before = Some(facts);
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

    async fn readings(takes: u64, within: u64) -> usize {
        let (events, mut inbox) = mpsc::channel(100);
        let host = Box::new(Slow(Duration::from_secs(takes)));
        let clock = Clock::Fixed(SystemTime::UNIX_EPOCH);
        let watching = watch(host, clock, Duration::from_secs(900), events);
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
    async fn it_ends_when_nobody_listens() {
        let (events, inbox) = mpsc::channel(1);
        drop(inbox);
        let host = Box::new(Slow(Duration::ZERO));
        watch(host, Clock::Fixed(SystemTime::UNIX_EPOCH), Duration::from_secs(900), events).await;
    }
}
