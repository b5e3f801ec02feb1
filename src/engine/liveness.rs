//! Whether the engine's loop still makes progress: a running process alone proves nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::time::timeout;

use super::EngineCommand;

/// Pings the engine. Concurrent callers share one pending ping, as do clones.
#[derive(Clone)]
pub struct LivenessProbe {
    engine: mpsc::Sender<EngineCommand>,
    /// The reply to the pending ping.
    pending: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

impl LivenessProbe {
    /// A probe of the engine that receives these commands.
    #[must_use]
    pub fn new(engine: mpsc::Sender<EngineCommand>) -> Self {
        Self { engine, pending: Arc::default() }
    }

    /// Whether the engine replies within the limit.
    pub async fn is_alive(&self, limit: Duration) -> bool {
        timeout(limit, self.ping()).await.unwrap_or(false)
    }

    /// Waits for the reply to the pending ping, or sends a new one. Returns false if the engine has stopped.
    async fn ping(&self) -> bool {
        let mut pending = self.pending.lock().await;
        // A reply that arrived after all callers had timed out doesn't prove that the engine is alive now.
        let unanswered = pending.take().and_then(|mut answer| {
            matches!(answer.try_recv(), Err(oneshot::error::TryRecvError::Empty)).then_some(answer)
        });
        let answer = if let Some(answer) = unanswered {
            pending.insert(answer)
        } else {
            let (reply, answer) = oneshot::channel();
            if self.engine.send(EngineCommand::Ping(reply)).await.is_err() {
                return false;
            }
            pending.insert(answer)
        };
        let answered = answer.await.is_ok();
        *pending = None;
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(2);

    /// An engine that replies only through `answer`.
    fn engine() -> (LivenessProbe, mpsc::Receiver<EngineCommand>) {
        let (commands, inbox) = mpsc::channel(16);
        (LivenessProbe::new(commands), inbox)
    }

    fn answer(inbox: &mut mpsc::Receiver<EngineCommand>) {
        let Ok(EngineCommand::Ping(reply)) = inbox.try_recv() else { panic!("no ping") };
        let _ = reply.send(());
    }

    #[tokio::test(start_paused = true)]
    async fn callers_share_one_pending_ping() {
        let (liveness, mut inbox) = engine();
        let (one, other) = tokio::join!(liveness.is_alive(LIMIT), liveness.is_alive(LIMIT));
        assert!(!one && !other && !liveness.is_alive(LIMIT).await);
        answer(&mut inbox);
        assert!(inbox.try_recv().is_err(), "a second ping");
        let queries = tokio::spawn(async move { liveness.is_alive(LIMIT).await });
        tokio::time::sleep(LIMIT / 2).await;
        answer(&mut inbox); // the new ping; the earlier reply came too late
        assert!(queries.await.expect("no panic"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stopped_engine_is_not_alive() {
        let (liveness, mut inbox) = engine();
        let first = liveness.clone();
        let queries = tokio::spawn(async move { first.is_alive(LIMIT).await });
        tokio::time::sleep(LIMIT * 3 / 4).await;
        let second = liveness.clone();
        let waiting = tokio::spawn(async move { second.is_alive(LIMIT).await });
        assert!(!queries.await.expect("no panic"), "its time ran out");
        answer(&mut inbox);
        assert!(waiting.await.expect("no panic"), "it took over the pending ping");
        drop(inbox);
        assert!(!liveness.is_alive(LIMIT).await);
    }
}
