//! Serves all listeners with the same stack and limits, and stops within a bounded time.
mod connection_limit;

mod activity;
mod body;
mod connection;
mod limits;
mod log_throttle;
mod stream;

pub(super) use body::GeneratedSize;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use parking_lot::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::activity::Activity;
use self::connection::Service;
use self::limits::{ConnectionTimeouts, limited};
use self::log_throttle::LogThrottle;
use super::access::{Access, guarded};
use super::listen::{BindError, ListenAddress, Listener, Peer, Stream};
use super::paths::WebPaths;
use crate::task::Task;
use connection_limit::{AcceptPermit, ConnectionLimiter, ConnectionSlot};

/// The time for responses in progress when the exporter stops.
const GRACE: Duration = Duration::from_millis(500);

/// The pause after the system ran out of resources for accepting.
const REST: Duration = Duration::from_millis(200);

/// How long a new connection waits for a slot while responses are being generated on all others: as long as Prometheus
/// waits for a scrape by default.
const SLOT_WAIT: Duration = Duration::from_secs(10);

/// The interval between attempts to get a slot.
const SLOT_POLL: Duration = Duration::from_millis(10);

/// The listeners and the access control.
pub struct WebServer {
    listeners: Vec<Listener>,
    access: Access,
    limiter: Arc<ConnectionLimiter>,
    times: ConnectionTimeouts,
}

impl WebServer {
    /// Listens on each address, or on the sockets passed by systemd. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// If one of them can't be listened on.
    pub async fn open(addresses: &[ListenAddress], systemd: bool, access: Access) -> Result<Self, BindError> {
        let listeners =
            if systemd { Listener::from_systemd()? } else { Listener::on_each(addresses).await? };
        Ok(Self::new(listeners, access))
    }

    pub(super) fn new(listeners: Vec<Listener>, access: Access) -> Self {
        Self {
            listeners,
            access,
            limiter: Arc::new(ConnectionLimiter::new()),
            times: ConnectionTimeouts::USUAL,
        }
    }

    /// The URLs of the metrics, for the user: `https://127.0.0.1:10207/metrics`, `https over unix:///run/exporter.sock at
    /// /metrics`.
    #[must_use]
    pub fn metrics_urls(&self, paths: &WebPaths) -> Vec<String> {
        let (scheme, path) = (self.access.scheme(), paths.metrics());
        self.listeners.iter().map(|listener| listener.display_url(scheme, &path)).collect()
    }

    /// The access control.
    #[must_use]
    pub const fn access(&self) -> &Access {
        &self.access
    }

    /// One acceptor per listener, each to be run as its own task. It returns within half a second after `stop` is
    /// cancelled, in which responses in progress may finish.
    #[must_use]
    pub fn acceptors(
        self,
        router: Router,
        stop: &CancellationToken,
    ) -> Vec<impl Future<Output = ()> + Send + 'static> {
        let Self { listeners, access, limiter, times } = self;
        let router = limited(guarded(router, access.clone()));
        let handshakes = Arc::new(Mutex::new(LogThrottle::default()));
        let acceptor = |listener| {
            let (router, access, limiter, stop) =
                (router.clone(), access.clone(), Arc::clone(&limiter), stop.clone());
            let handshakes = Arc::clone(&handshakes);
            accept_all(listener, Shared { router, access, limiter, times, stop, handshakes })
        };
        listeners.into_iter().map(acceptor).collect()
    }
}

/// What a listener's connections share.
struct Shared {
    router: Router,
    access: Access,
    limiter: Arc<ConnectionLimiter>,
    times: ConnectionTimeouts,
    stop: CancellationToken,
    handshakes: Arc<Mutex<LogThrottle>>,
}

/// Accepts connections until the exporter stops, then waits for those in progress.
async fn accept_all(listener: Listener, shared: Shared) {
    let mut connections = JoinSet::new();
    let mut complaints = LogThrottle::default();
    loop {
        let accepted = tokio::select! {
            () = shared.stop.cancelled() => break,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            accepted = next(&listener, &shared.limiter) => accepted,
        };
        match accepted {
            Ok(client) => {
                if let Some(slot) = slot(client.peer, &shared).await {
                    serve(client, slot, &shared, &mut connections);
                } else if complaints.admit(Instant::now()).is_some() {
                    tracing::warn!("refusing connections: too many requests in progress");
                }
            }
            Err(error) if is_aborted(&error) => {}
            Err(error) => {
                if complaints.admit(Instant::now()).is_some() {
                    tracing::warn!(%error, "failed to accept a connection");
                }
                shared.limiter.make_room();
                sleep(REST).await;
            }
        }
    }
    drop(listener);
    let ended = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::debug!("connections still open at shutdown");
    }
}

/// The connection was closed before it was accepted.
fn is_aborted(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// An accepted connection with its permit.
struct AcceptedConnection {
    stream: Box<dyn Stream>,
    peer: Peer,
    leave: Option<AcceptPermit>,
}

async fn next(listener: &Listener, limiter: &ConnectionLimiter) -> io::Result<AcceptedConnection> {
    let leave = limiter.accept_permit().await;
    let (stream, peer) = listener.accept().await?;
    Ok(AcceptedConnection { stream, peer, leave })
}

/// A connection's slot, and its activity so far.
struct AdmittedConnection {
    slot: ConnectionSlot,
    activity: Arc<Activity>,
}

/// Waits for a slot. `None` if none becomes free in time, or the exporter stops.
async fn slot(peer: Peer, shared: &Shared) -> Option<AdmittedConnection> {
    let deadline = Instant::now() + SLOT_WAIT;
    loop {
        let activity = Arc::new(Activity::new(Instant::now()));
        if let Some(slot) = shared.limiter.admit(peer, &activity) {
            return Some(AdmittedConnection { slot, activity });
        }
        if Instant::now() >= deadline || shared.stop.is_cancelled() {
            return None;
        }
        sleep(SLOT_POLL).await;
    }
}

fn serve(
    client: AcceptedConnection,
    admitted: AdmittedConnection,
    shared: &Shared,
    connections: &mut JoinSet<()>,
) {
    let AcceptedConnection { stream, peer, leave } = client;
    let AdmittedConnection { slot, activity } = admitted;
    let Shared { router, access, times, stop, limiter, handshakes } = shared;
    let (router, access, times, stop) = (router.clone(), access.clone(), *times, stop.clone());
    let (limiter, handshakes) = (Arc::clone(limiter), Arc::clone(handshakes));
    connections.spawn(Task::Connection.run(async move {
        let tls = access.rules().await.tls.clone();
        connection::serve(
            stream,
            activity,
            slot,
            Service { router, tls, times, limiter, stop, peer, handshakes },
        )
        .await;
        drop(leave);
    }));
}
