//! Requests for a reload, and their outcome. `app/reload.rs` carries them out; each caller checks permissions itself.

use tokio::sync::{mpsc, oneshot};

/// The maximum number of queued requests.
const QUEUE: usize = 16;

/// A message for the user: a summary, or every problem of the configuration.
pub type ReloadOutcome = Result<String, String>;

/// The channel that returns the outcome of the requested reload.
pub type ReloadRequest = oneshot::Sender<ReloadOutcome>;

/// A handle to request reloads.
#[derive(Clone, Debug)]
pub struct Reloads(mpsc::Sender<ReloadRequest>);

impl Reloads {
    /// A handle, and the receiver of its requests.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<ReloadRequest>) {
        let (sender, requests) = mpsc::channel(QUEUE);
        (Self(sender), requests)
    }

    /// Requests a reload and waits for its outcome; by then, the metrics show it. Dropping the future doesn't cancel
    /// the reload. Returns `None` if the exporter is stopping.
    pub async fn request(&self) -> Option<ReloadOutcome> {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).await.ok()?;
        answered.await.ok()
    }
}
