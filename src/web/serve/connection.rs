//! Serves one connection: TLS if configured, then HTTP, both with timeouts.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use rustls::{CertificateError, ServerConfig};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::activity::{Activity, ResponseGuard};
use super::body::TrackedBody;
use super::connection_limit::{ConnectionLimiter, ConnectionSlot};
use super::limits::{BUFFER, ConnectionTimeouts, HEAD, HEADERS, STREAMS};
use super::log_throttle::LogThrottle;
use super::stream::MonitoredStream;
use crate::net::failure::tls_error_text;
use crate::web::access::H2;
use crate::web::listen::{Peer, Stream};

/// The exact message of Go's server, which existing monitoring searches for.
const NOT_TLS: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";

/// What serving a connection requires.
pub(super) struct Service {
    pub(super) router: Router,
    pub(super) tls: Option<Arc<ServerConfig>>,
    pub(super) times: ConnectionTimeouts,
    pub(super) limiter: Arc<ConnectionLimiter>,
    /// Cancelled when the exporter stops.
    pub(super) stop: CancellationToken,
    /// The client.
    pub(super) peer: Peer,
    /// Throttles messages about failed handshakes.
    pub(super) handshakes: Arc<Mutex<LogThrottle>>,
}

/// Serves the connection until it ends, times out or its slot is needed.
pub(super) async fn serve(
    stream: Box<dyn Stream>,
    activity: Arc<Activity>,
    slot: ConnectionSlot,
    service: Service,
) {
    let times = service.times;
    let ended = tokio::select! {
        biased;
        () = serve_protocol(MonitoredStream::new(stream, Arc::clone(&activity)), &activity, service) => return,
        () = timed_out(&activity, &times) => "timed out",
        () = slot.closed() => "closed for a newer connection",
    };
    tracing::debug!(reason = ended, "connection closed");
}

async fn timed_out(activity: &Activity, times: &ConnectionTimeouts) {
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

async fn serve_protocol(mut stream: MonitoredStream, activity: &Arc<Activity>, service: Service) {
    let Some(tls) = service.tls.clone() else { return http1(stream, activity, service).await };
    match stream.speaks_http().await {
        Ok(true) => return reject_plain_http(stream).await,
        Ok(false) => {}
        Err(_) => return, // the connection is gone
    }
    match TlsAcceptor::from(tls).accept(stream).await {
        Ok(stream) if stream.get_ref().1.alpn_protocol() == Some(H2) => {
            http2(stream, activity, service).await;
        }
        Ok(stream) => http1(stream, activity, service).await,
        Err(error) => log_failed_handshake(&error, &service),
    }
}

/// A client that fails because of its or the exporter's certificate sees little; the exporter's log has the reason. Clients that
/// only close the connection, as checks of the port do, are no news.
fn log_failed_handshake(error: &io::Error, service: &Service) {
    let Some(reason) = error.get_ref().and_then(|error| error.downcast_ref::<rustls::Error>()) else {
        tracing::debug!(%error, "TLS handshake with a client failed");
        return;
    };
    let reason = match reason {
        rustls::Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            "the client's certificate has no name of client_allowed_sans".to_owned()
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the client's certificate is not from a trusted authority (client_ca_file)".to_owned()
        }
        other => tls_error_text(other),
    };
    if let Some(suppressed) = service.handshakes.lock().admit(Instant::now()) {
        tracing::warn!(client = %service.peer, %reason, suppressed, "TLS handshake with a client failed");
    }
}

async fn reject_plain_http(mut stream: MonitoredStream) {
    if stream.write_all(NOT_TLS).await.is_ok() {
        let _ = stream.shutdown().await; // best effort
    }
}

async fn http1(stream: impl Stream + 'static, activity: &Arc<Activity>, service: Service) {
    let Service { router, stop, limiter, .. } = service;
    let answer = service_fn(|request| answer(router.clone(), request, activity, &limiter));
    let mut builder = http1::Builder::new();
    // hyper's own timer would also run between requests and close idle connections as slow ones.
    builder.timer(TokioTimer::new()).header_read_timeout(None);
    builder.max_headers(HEADERS).max_header_size(HEAD as usize).max_buf_size(BUFFER);
    let connection = builder.serve_connection(TokioIo::new(stream), answer);
    drive(pin!(connection), http1::Connection::graceful_shutdown, stop).await;
}

async fn http2(stream: impl Stream + 'static, activity: &Arc<Activity>, service: Service) {
    activity.multiplexed();
    let Service { router, stop, limiter, .. } = service;
    let shared = Arc::clone(activity);
    let answer = service_fn(move |request| {
        let (router, activity, limiter) = (router.clone(), Arc::clone(&shared), Arc::clone(&limiter));
        async move { answer(router, request, &activity, &limiter).await }
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

/// Runs a connection to its end. When the exporter stops, it ends after the current response.
async fn drive<C: Future<Output = hyper::Result<()>>>(
    mut connection: Pin<&mut C>,
    end: impl FnOnce(Pin<&mut C>),
    stop: CancellationToken,
) {
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            end(connection.as_mut());
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "connection failed");
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    activity: &Arc<Activity>,
    limiter: &ConnectionLimiter,
) -> Result<Response<TrackedBody>, Infallible> {
    let guard = ResponseGuard::begin(activity, !request.body().is_end_stream());
    let response = router.oneshot(request.map(Body::new)).await?;
    let generated = response.extensions().get().copied();
    let response = response.map(|body| TrackedBody::new(body, generated, guard));
    limiter.limit_unsent(activity);
    Ok(response)
}
