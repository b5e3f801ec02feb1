//! Serving until told to stop, and stopping in time.

use std::future::{Future, pending};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How long answers under way may take once the exporter stops.
const GRACE: Duration = Duration::from_millis(500);

/// Serves until `shutdown` ends, then lets answers under way finish for half a second at most.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: impl Future<Output = ()> + Send + 'static,
) {
    let (stopping, stopped) = oneshot::channel();
    let signal = async move {
        shutdown.await;
        let _ = stopping.send(()); // nobody waits once serving has ended
    };
    let served = axum::serve(listener, router).with_graceful_shutdown(signal);
    tokio::select! {
        // axum retries what a listener can recover from, and documents that it returns no error.
        _ = served => {}
        () = grace(stopped) => tracing::debug!("connections were still open at the end"),
    }
}

async fn grace(stopped: oneshot::Receiver<()>) {
    match stopped.await {
        Ok(()) => tokio::time::sleep(GRACE).await,
        Err(_) => pending().await,
    }
}
