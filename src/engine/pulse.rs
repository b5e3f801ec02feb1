//! Whether the engine's loop still turns: a process that merely exists doesn't probe.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

use super::Order;

/// Asks the engine for a sign of life, one question at a time however many want to know. Clones are one.
#[derive(Clone)]
pub struct Pulse {
    engine: mpsc::Sender<Order>,
    /// The question that is under way.
    asked: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

impl Pulse {
    /// Of the engine that takes these orders.
    #[must_use]
    pub fn new(engine: mpsc::Sender<Order>) -> Self {
        Self { engine, asked: Arc::default() }
    }

    /// Whether the engine answers within the limit.
    pub async fn beats(&self, limit: Duration) -> bool {
        timeout(limit, self.ask()).await.unwrap_or(false)
    }

    /// Waits for an answer to the question that is under way, or to a new one; false: the engine has ended.
    async fn ask(&self) -> bool {
        let mut asked = self.asked.lock().await;
        // One that was answered when nobody waited any more says nothing of now.
        let open = asked.take().and_then(|mut answer| {
            matches!(answer.try_recv(), Err(oneshot::error::TryRecvError::Empty)).then_some(answer)
        });
        let answer = if let Some(answer) = open {
            asked.insert(answer)
        } else {
            let (reply, answer) = oneshot::channel();
            if self.engine.send(Order::Answer(reply)).await.is_err() {
                return false;
            }
            asked.insert(answer)
        };
        let answered = answer.await.is_ok();
        *asked = None;
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);

    /// An engine that says nothing by itself.
    fn engine() -> (Pulse, mpsc::Receiver<Order>) {
        let (orders, inbox) = mpsc::channel(16);
        (Pulse::new(orders), inbox)
    }

    fn answer(inbox: &mut mpsc::Receiver<Order>) {
        let Ok(Order::Answer(reply)) = inbox.try_recv() else { panic!("no question") };
        let _ = reply.send(());
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_does_not_answer_is_asked_once_however_often_it_is_asked_for() {
        let (pulse, mut inbox) = engine();
        let (one, other) = tokio::join!(pulse.beats(LIMIT), pulse.beats(LIMIT));
        assert!(!one && !other && !pulse.beats(LIMIT).await);
        answer(&mut inbox);
        assert!(inbox.try_recv().is_err(), "a second question");
        let asking = tokio::spawn(async move { pulse.beats(LIMIT).await });
        tokio::time::sleep(LIMIT / 2).await;
        answer(&mut inbox); // not the one of before, which was answered late
        assert!(asking.await.expect("no panic"));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_for_all_who_wait_and_an_engine_that_has_ended_gives_none() {
        let (pulse, mut inbox) = engine();
        let late = pulse.clone();
        let asking = tokio::spawn(async move { late.beats(LIMIT).await });
        tokio::time::sleep(LIMIT * 3 / 4).await;
        let goes_on = pulse.clone();
        let waiting = tokio::spawn(async move { goes_on.beats(LIMIT).await });
        assert!(!asking.await.expect("no panic"), "its time ran out");
        answer(&mut inbox);
        assert!(waiting.await.expect("no panic"), "it took over the question");
        drop(inbox);
        assert!(!pulse.beats(LIMIT).await);
    }
}
