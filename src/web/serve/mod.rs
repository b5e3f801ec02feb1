//! Serving until told to stop, and stopping in time: every listener is served alike, by one stack and under one set of limits.

mod activity;
mod body;
mod connection;
mod crowd;
mod limits;
mod stream;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use self::activity::Activity;
use self::connection::{Service, stopping};
pub(super) use self::crowd::Peer;
use self::crowd::{Crowd, Leave};
use self::limits::{Times, limited};
pub(super) use self::stream::Stream;
use super::access::{Access, guarded};
use super::listen::{BindError, ListenAddress, Listener};
use super::routes::TelemetryPath;

/// How long answers under way may take once the exporter stops.
const GRACE: Duration = Duration::from_millis(500);

/// How long accepting rests where the system has nothing left to accept with.
const REST: Duration = Duration::from_millis(200);

/// The listeners with who may connect to them.
pub struct Front {
    listeners: Vec<Listener>,
    access: Access,
    crowd: Arc<Crowd>,
    times: Times,
}

impl Front {
    /// Listens on each address, or on the sockets that systemd passed. To be called within a tokio runtime.
    ///
    /// # Errors
    /// When one of them can't be listened on.
    pub async fn open(addresses: &[ListenAddress], systemd: bool, access: Access) -> Result<Self, BindError> {
        let listeners = if systemd { Listener::of_systemd()? } else { Listener::on_each(addresses).await? };
        Ok(Self::new(listeners, access))
    }

    pub(super) fn new(listeners: Vec<Listener>, access: Access) -> Self {
        Self { listeners, access, crowd: Arc::new(Crowd::new()), times: Times::USUAL }
    }

    /// Where a path is served, for a person: `https://127.0.0.1:10207/metrics`, `https over unix:///run/exporter.sock at /metrics`.
    #[must_use]
    pub fn places(&self, path: &TelemetryPath) -> Vec<String> {
        let (scheme, path) = (self.access.scheme(), path.to_string());
        self.listeners.iter().map(|listener| listener.place(scheme, &path)).collect()
    }

    /// Serves until `shutdown` ends, then lets answers under way finish for half a second at most.
    pub async fn serve(self, router: Router, shutdown: impl Future<Output = ()>) {
        let Self { listeners, access, crowd, times } = self;
        let router = limited(guarded(router, access.clone()));
        let (stopping, stop) = watch::channel(false);
        let mut serving = JoinSet::new();
        for listener in listeners {
            let (router, access, crowd, stop) =
                (router.clone(), access.clone(), Arc::clone(&crowd), stop.clone());
            serving.spawn(accept_all(listener, Shared { router, access, crowd, times, stop }));
        }
        shutdown.await;
        stopping.send_replace(true);
        serving.join_all().await;
    }
}

/// What the connections of a listener have in common.
struct Shared {
    router: Router,
    access: Access,
    crowd: Arc<Crowd>,
    times: Times,
    stop: watch::Receiver<bool>,
}

/// Accepts until the exporter stops, then waits for what is under way.
async fn accept_all(listener: Listener, shared: Shared) {
    let mut connections = JoinSet::new();
    let (mut stop, mut complaints) = (shared.stop.clone(), Seldom::default());
    loop {
        let accepted = tokio::select! {
            () = stopping(&mut stop) => break,
            _ = connections.join_next(), if !connections.is_empty() => continue,
            accepted = next(&listener, &shared.crowd) => accepted,
        };
        match accepted {
            Ok(client) => {
                if !admit(client, &shared, &mut connections) && complaints.is_time(Instant::now()) {
                    tracing::warn!("connections are refused: too many answers are being made at once");
                }
            }
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                if complaints.is_time(Instant::now()) {
                    tracing::warn!("no connection can be accepted: {error}");
                }
                shared.crowd.make_room();
                sleep(REST).await;
            }
        }
    }
    drop(listener);
    let ended = timeout(GRACE, async { while connections.join_next().await.is_some() {} }).await;
    if ended.is_err() {
        tracing::debug!("connections were still open at the end");
    }
}

/// A client can make the exporter complain, but not fill the log.
#[derive(Default)]
struct Seldom(Option<Instant>);

impl Seldom {
    /// Whether the last complaint is a minute old.
    fn is_time(&mut self, now: Instant) -> bool {
        let is_time = self.0.is_none_or(|last| now.duration_since(last) >= Duration::from_secs(60));
        if is_time {
            self.0 = Some(now);
        }
        is_time
    }
}

/// The connection broke before it was accepted.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A client that has connected, with the leave to do so.
struct Client {
    stream: Box<dyn Stream>,
    peer: Peer,
    leave: Option<Leave>,
}

async fn next(listener: &Listener, crowd: &Crowd) -> io::Result<Client> {
    let leave = crowd.leave().await;
    let (stream, peer) = listener.accept().await?;
    Ok(Client { stream, peer, leave })
}

/// False: there is no place for it.
fn admit(client: Client, shared: &Shared, connections: &mut JoinSet<()>) -> bool {
    let Client { stream, peer, leave } = client;
    let activity = Arc::new(Activity::new(Instant::now()));
    let Some(place) = shared.crowd.enter(peer, &activity) else {
        return false;
    };
    let Shared { router, access, times, stop, .. } = shared;
    let (router, access, times, stop) = (router.clone(), access.clone(), *times, stop.clone());
    connections.spawn(async move {
        let tls = access.rules().await.tls.clone();
        connection::serve(stream, activity, place, Service { router, tls, times, stop }).await;
        drop(leave);
    });
    true
}
