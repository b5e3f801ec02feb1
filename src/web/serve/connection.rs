//! One connection, from its begin to its end: TLS where the rules ask for it, then HTTP, both under the clock.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::watch;
use tokio::time::timeout_at;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::activity::{Activity, UnderWay};
use super::body::Sent;
use super::crowd::Place;
use super::limits::{BUFFER, HEAD, HEADERS, STREAMS, Times};
use super::stream::{Stream, Watched};
use crate::web::access::H2;

/// What Go's server says, word for word: monitoring already looks for it.
const NOT_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// What a connection is served with.
pub(super) struct Service {
    pub(super) router: Router,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) times: Times,
    /// Raised when the exporter stops.
    pub(super) stop: watch::Receiver<bool>,
}

/// Serves it until it ends, its time is up or its place is needed.
pub(super) async fn serve(stream: Box<dyn Stream>, activity: Arc<Activity>, place: Place, service: Service) {
    let times = service.times;
    let ended = tokio::select! {
        biased;
        () = converse(Watched::new(stream, Arc::clone(&activity)), &activity, service) => return,
        () = time_is_up(&activity, &times) => "its time is up",
        () = place.lost() => "another needs its place",
    };
    tracing::debug!("a connection is closed: {ended}");
}

async fn time_is_up(activity: &Activity, times: &Times) {
    loop {
        let changed = activity.changed();
        match activity.deadline(times) {
            None => changed.await,
            Some(deadline) => {
                if timeout_at(deadline, changed).await.is_err() && activity.deadline(times) == Some(deadline)
                {
                    return;
                }
            }
        }
    }
}

async fn converse(mut stream: Watched, activity: &Arc<Activity>, service: Service) {
    let Some(tls) = service.tls.clone() else { return http1(stream, activity, service).await };
    match stream.speaks_http().await {
        Ok(true) => return turn_away(stream).await,
        Ok(false) => {}
        Err(_) => return, // it is gone
    }
    match TlsAcceptor::from(tls).accept(stream).await {
        Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(H2) => {
            http2(stream, activity, service).await;
        }
        Ok(stream) => http1(stream, activity, service).await,
        Err(error) => tracing::debug!("a client's TLS handshake failed: {error}"),
    }
}

async fn turn_away(mut stream: Watched) {
    if stream.write_all(NOT_TLS).await.is_ok() {
        let _ = stream.shutdown().await; // whether it heard or not
    }
}

async fn http1(stream: impl Stream + 'static, activity: &Arc<Activity>, service: Service) {
    let Service { router, stop, .. } = service;
    let answer = service_fn(|request| answer(router.clone(), request, activity));
    let mut builder = http1::Builder::new();
    // Its own clock would run between requests too, and end every idle connection as if it were a slow one.
    builder.timer(TokioTimer::new()).header_read_timeout(None);
    builder.max_headers(HEADERS).max_header_size(HEAD as usize).max_buf_size(BUFFER);
    let connection = builder.serve_connection(TokioIo::new(stream), answer);
    drive(pin!(connection), http1::Connection::graceful_shutdown, stop).await;
}

async fn http2(stream: impl Stream + 'static, activity: &Arc<Activity>, service: Service) {
    activity.multiplexed();
    let Service { router, stop, .. } = service;
    let shared = Arc::clone(activity);
    let answer = service_fn(move |request| {
        let (router, activity) = (router.clone(), Arc::clone(&shared));
        async move { answer(router, request, &activity).await }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS);
    builder.max_header_list_size(HEAD).max_send_buf_size(BUFFER);
    builder
        .initial_stream_window_size(u32::from(u16::MAX))
        .initial_connection_window_size(u32::from(u16::MAX));
    let connection = builder.serve_connection(TokioIo::new(stream), answer);
    drive(pin!(connection), http2::Connection::graceful_shutdown, stop).await;
}

/// Runs a connection to its end; once the exporter stops, it ends after the answer under way.
async fn drive<C: Future<Output = hyper::Result<()>>>(
    mut connection: Pin<&mut C>,
    end: impl FnOnce(Pin<&mut C>),
    mut stop: watch::Receiver<bool>,
) {
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stopping(&mut stop) => {
            end(connection.as_mut());
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!("a connection ended: {error}");
    }
}

/// Completes when the exporter stops.
pub(super) async fn stopping(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await; // an error says that there is nobody left to stop it
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    activity: &Arc<Activity>,
) -> Result<Response<Sent>, Infallible> {
    let under_way = UnderWay::begin(activity, !request.body().is_end_stream());
    let response = router.oneshot(request.map(Body::new)).await?;
    Ok(response.map(|body| Sent::new(body, under_way)))
}
