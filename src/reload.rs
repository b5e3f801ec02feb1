//! How a reload is asked for, and what came of it. Who reloads is `app/reload.rs`; who may ask is decided where it is asked.

use tokio::sync::{mpsc, oneshot};

/// Requests that may wait: they are served one after another.
const QUEUE: usize = 16;

/// How a reload ended: in words for a person; an error names every problem of the configuration.
pub type Outcome = Result<String, String>;

/// A request, with where its answer goes.
pub type Asked = oneshot::Sender<Outcome>;

/// Asks for reloads.
#[derive(Clone, Debug)]
pub struct Reloads(mpsc::Sender<Asked>);

impl Reloads {
    /// With where the requests come out.
    #[must_use]
    pub fn channel() -> (Self, mpsc::Receiver<Asked>) {
        let (ask, asked) = mpsc::channel(QUEUE);
        (Self(ask), asked)
    }

    /// Asks for one, and waits for its end, after which the metrics tell of it. It goes on where nobody waits any more.
    /// None: the exporter is stopping.
    pub async fn ask(&self) -> Option<Outcome> {
        let (answer, answered) = oneshot::channel();
        self.0.send(answer).await.ok()?;
        answered.await.ok()
    }
}
