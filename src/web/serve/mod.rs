//! Serves all listeners with the same stack and limits, and stops within a bounded time.
mod connection_limit;

mod activity;
mod body;
mod connection;
mod limits;
mod stream;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::activity::Activity;
use self::connection::Service;
use self::limits::{ConnectionTimeouts, limited};
use super::access::{Access, guarded};
use super::listen::{BindError, ListenAddress, Listener, Peer, Stream};
use super::telemetry_path::TelemetryPath;
use crate::task::Task;
use connection_limit::{AcceptPermit, ConnectionLimiter};

/// The time for responses in progress when the exporter stops.
const GRACE: Duration = Duration::from_millis(500);

/// The pause after the system ran out of resources for accepting.
const REST: Duration = Duration::from_millis(200);

/// The listeners and the access control.
pub struct Server {
    listeners: Vec<Listener>,
    access: Access,
    limiter: Arc<ConnectionLimiter>,
    times: ConnectionTimeouts,
}

impl Server {
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

    /// The URLs of a path, for the user: `https://127.0.0.1:10207/metrics`, `https over unix:///run/exporter.sock at
    /// /metrics`.
    #[must_use]
    pub fn places(&self, path: &TelemetryPath) -> Vec<String> {
        let (scheme, path) = (self.access.scheme(), path.to_string());
        self.listeners.iter().map(|listener| listener.place(scheme, &path)).collect()
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
        let acceptor = |listener| {
            let (router, access, limiter, stop) =
                (router.clone(), access.clone(), Arc::clone(&limiter), stop.clone());
            accept_all(listener, Shared { router, access, limiter, times, stop })
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
                if !admit(client, &shared, &mut connections) && complaints.is_time(Instant::now()) {
                    tracing::warn!("refusing connections: too many requests in progress");
                }
            }
            Err(error) if is_aborted(&error) => {}
            Err(error) => {
                if complaints.is_time(Instant::now()) {
                    tracing::warn!("failed to accept a connection: {error}");
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

/// Throttles the log: clients can cause messages, but not fill the log.
#[derive(Default)]
struct LogThrottle(Option<Instant>);

impl LogThrottle {
    /// Whether the last message is a minute old.
    fn is_time(&mut self, now: Instant) -> bool {
        let is_time = self.0.is_none_or(|last| now.duration_since(last) >= Duration::from_secs(60));
        if is_time {
            self.0 = Some(now);
        }
        is_time
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

/// Returns false if there is no slot for it.
fn admit(client: AcceptedConnection, shared: &Shared, connections: &mut JoinSet<()>) -> bool {
    let AcceptedConnection { stream, peer, leave } = client;
    let activity = Arc::new(Activity::new(Instant::now()));
    let Some(place) = shared.limiter.admit(peer, &activity) else {
        return false;
    };
    let Shared { router, access, times, stop, .. } = shared;
    let (router, access, times, stop) = (router.clone(), access.clone(), *times, stop.clone());
    connections.spawn(Task::Connection.run(async move {
        let tls = access.rules().await.tls.clone();
        connection::serve(stream, activity, place, Service { router, tls, times, stop }).await;
        drop(leave);
    }));
    true
}
