//! Tests the limits on clients over real sockets: request sizes, and timeouts that are shortened here.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::time::Instant as Moment;

use axum::routing::{MethodRouter, get, post};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::*;

/// The timeout under test.
const SHORT: Duration = Duration::from_millis(500);

/// The other timeouts.
const LONG: Duration = Duration::from_secs(3600);

const TIMES: ConnectionTimeouts = ConnectionTimeouts { head: LONG, sending: LONG, idle: LONG };

/// The maximum duration of each wait in a test.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Exceeds the sockets' buffers.
const LARGE: usize = 64 * 1024 * 1024;

/// Exceeds the HTTP/2 flow control window of the test client.
const MEDIUM: usize = 512 * 1024;

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// A server with these timeouts, which runs until the guard is dropped.
async fn start(times: ConnectionTimeouts) -> (SocketAddr, DropGuard) {
    start_with(times, Access::load(None).unwrap()).await
}

async fn start_with(times: ConnectionTimeouts, access: Access) -> (SocketAddr, DropGuard) {
    let slow = get(std::future::pending::<()>);
    start_limited(times, access, ConnectionLimiter::new(), slow).await
}

/// With this limit, and `/slow`.
async fn start_limited(
    times: ConnectionTimeouts,
    access: Access,
    limiter: ConnectionLimiter,
    slow: MethodRouter,
) -> (SocketAddr, DropGuard) {
    let listener = Listener::on(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
    #[cfg_attr(windows, allow(irrefutable_let_patterns, reason = "there are no others"))]
    let Listener::Tcp(socket) = &listener else { panic!("TCP was asked for") };
    let address = socket.local_addr().unwrap();
    let front = WebServer { times, limiter: Arc::new(limiter), ..WebServer::new(vec![listener], access) };
    let router = Router::new()
        .route("/", get(|| async { "small" }))
        .route("/slow", slow)
        .route("/medium", get(|| async { vec![b'x'; MEDIUM] }))
        .route("/large", get(|| async { vec![b'x'; LARGE] }))
        .route("/post", post(|| async { "posted" }));
    let stop = CancellationToken::new();
    tokio::spawn(join_all(front.acceptors(router, &stop)));
    (address, stop.drop_guard())
}

/// Reads until the server closes the connection. Returns `None` if it doesn't within `TIMEOUT`.
async fn rest(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut answer = Vec::new();
    let read = timeout(TIMEOUT, client.read_to_end(&mut answer)).await;
    read.is_ok().then_some(answer) // a reset counts as closing
}

/// The statuses of the responses to these bytes.
async fn statuses(address: SocketAddr, bytes: &[u8]) -> Vec<String> {
    let mut client = TcpStream::connect(address).await.unwrap();
    let _ = client.write_all(bytes).await; // the server may close before receiving all bytes
    let answer = String::from_utf8(rest(&mut client).await.unwrap()).unwrap();
    let lines = answer.lines().filter(|line| line.starts_with("HTTP/"));
    lines.map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
}

/// RFC 9112, section 3.2.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_host() {
    let (address, _stop) = start(TIMES).await;
    let bad = "400 Bad Request";
    for (version, lines, expected) in [
        ("1.1", "host: a\r\n", "200 OK"),
        ("1.1", "host:\r\n", "200 OK"),
        ("1.1", "", bad),
        ("1.1", "host: a\r\nhost: a\r\n", bad),
        ("1.1", "host: a/b\r\n", bad),
        ("1.0", "", "200 OK"),
        ("1.0", "host: a\r\n", "200 OK"),
        ("1.0", "host: a\r\nhost: b\r\n", bad),
    ] {
        let request = format!("GET / HTTP/{version}\r\n{lines}connection: close\r\n\r\n");
        assert_eq!(statuses(address, request.as_bytes()).await, [expected], "{request:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_requests_are_refused() {
    let (address, _stop) = start(TIMES).await;
    let head = |lines: &str| format!("GET / HTTP/1.1\r\nhost: a\r\n{lines}connection: close\r\n\r\n");
    let many = |count: usize| "x: 1\r\n".repeat(count);
    let post = |length: usize, body: usize| {
        let head = format!(
            "POST /post HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        head + &"x".repeat(body)
    };
    let too_large = "431 Request Header Fields Too Large";
    for (what, request, expected) in [
        ("as it should be", head(""), "200 OK"),
        ("98 header lines more", head(&many(98)), "200 OK"),
        ("99 header lines more", head(&many(99)), too_large),
        ("15 KiB in one line", head(&format!("x: {}\r\n", "y".repeat(15 * 1024))), "200 OK"),
        ("17 KiB in one line", head(&format!("x: {}\r\n", "y".repeat(17 * 1024))), too_large),
        ("an endless line", format!("GET / HTTP/1.1\r\nx: {}", "y".repeat(1_000_000)), too_large),
        ("an endless path", format!("GET /{}", "y".repeat(1_000_000)), too_large),
        ("a body", post(1000, 1000), "200 OK"),
        ("a large body", post(64 * 1024 + 1, 0), "413 Payload Too Large"),
        ("a large body that is sent", post(200_000, 200_000), "413 Payload Too Large"),
        ("no HTTP", "hello\r\n\r\n".to_owned(), "400 Bad Request"),
    ] {
        assert_eq!(statuses(address, request.as_bytes()).await, [expected], "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_end_does_not_go_on_after_the_answer() {
    let (address, _stop) = start(TIMES).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"POST /post HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n").await.unwrap();
    let chunk = format!("4000\r\n{}\r\n", "x".repeat(0x4000));
    let endless = async { while client.write_all(chunk.as_bytes()).await.is_ok() {} };
    timeout(TIMEOUT, endless).await.expect("the server takes no more");
}

/// Sends these bytes and, with `drip`, another byte every `SHORT / 10`, until the server closes the connection. Returns
/// the time that took.
async fn closed_after(times: ConnectionTimeouts, bytes: &str, drip: bool) -> Duration {
    let (address, _stop) = start(times).await;
    let begin = Moment::now();
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(bytes.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = client.split();
    let dripping = async {
        while drip && writing.write_all(b"y").await.is_ok() {
            sleep(SHORT / 10).await;
        }
        std::future::pending::<()>().await;
    };
    let mut sink = Vec::new();
    tokio::select! {
        read = timeout(TIMEOUT, reading.read_to_end(&mut sink)) => drop(read.expect("the server closes")),
        () = dripping => {}
    }
    begin.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_idle_clients_are_closed() {
    let (head, idle) =
        (ConnectionTimeouts { head: SHORT, ..TIMES }, ConnectionTimeouts { idle: SHORT, ..TIMES });
    for (what, times, bytes, drip) in [
        ("silence", head, "", false),
        ("half a head", head, "GET / HTTP/1.1\r\nhost:", false),
        ("a head byte by byte", head, "GET / HTTP/1.1\r\nx: ", true),
        ("a second head byte by byte", head, &format!("{GET}GET /"), true),
        ("nothing after an answer", idle, GET, false),
    ] {
        let time = closed_after(times, bytes, drip).await;
        assert!(time >= SHORT, "{what}: {time:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_rests_for_longer_than_a_head_may_take() {
    let (address, _stop) = start(ConnectionTimeouts { head: SHORT, ..TIMES }).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    for _ in 0..2 {
        client.write_all(GET.as_bytes()).await.unwrap();
        let mut answer = [0; 1024];
        let length = client.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200 OK\r\n"));
        sleep(SHORT * 2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_the_answer_is_closed() {
    let (address, _stop) = start(ConnectionTimeouts { sending: SHORT, ..TIMES }).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    sleep(SHORT * 4).await;
    let read = rest(&mut client).await.expect("the server has closed").len();
    assert!(read < LARGE, "{read} bytes came");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_never_made_ends_in_503() {
    use tower::ServiceExt as _;
    let never = limited(Router::new().route("/", get(std::future::pending::<()>)));
    let request = axum::http::Request::get("/").header("host", "a").body(axum::body::Body::empty()).unwrap();
    let begin = Instant::now();
    assert_eq!(never.oneshot(request).await.unwrap().status(), 503);
    assert_eq!(begin.elapsed().as_secs(), 120);
}

/// The only slot is taken by a connection whose response is being generated.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_connection_waits_until_a_response_is_generated() {
    let (begun, generated) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let signals = (Arc::clone(&begun), Arc::clone(&generated));
    let slow = get(move || async move {
        signals.0.notify_one();
        signals.1.notified().await;
        "slow"
    });
    let limiter = ConnectionLimiter::with_limits(1, u64::MAX);
    let (address, _stop) = start_limited(TIMES, Access::load(None).unwrap(), limiter, slow).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    first.write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    begun.notified().await;
    let mut second = TcpStream::connect(address).await.unwrap();
    second.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    assert!(timeout(SHORT, second.readable()).await.is_err(), "it waits");
    generated.notify_one();
    let answer = String::from_utf8(rest(&mut second).await.unwrap()).unwrap();
    assert!(answer.ends_with("small"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reading_client_receives_a_large_response() {
    let (address, _stop) = start(ConnectionTimeouts::USUAL).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let answer = rest(&mut client).await.unwrap();
    let head = String::from_utf8_lossy(&answer[..300]).into_owned();
    assert!(head.contains(&format!("content-length: {LARGE}\r\n")), "{head}");
    assert!(answer.len() > LARGE);
}

/// The directory of the web configuration's test data, with a self-signed certificate.
const PEM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/config/web/pem");

/// An HTTP/2 server with these timeouts, and a client with an initial stream window of 1 KiB.
async fn over_http_2(
    times: ConnectionTimeouts,
) -> (http2::SendRequest<Empty<Bytes>>, JoinHandle<hyper::Result<()>>, DropGuard) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yaml");
    let identity = format!("cert_file: {PEM}/server.pem, key_file: {PEM}/server.key");
    std::fs::write(&file, format!("tls_server_config: {{ {identity} }}")).unwrap();
    let (address, stop) = start_with(times, Access::load(Some(&file)).unwrap()).await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(format!("{PEM}/server.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut tls = tls.unwrap().with_root_certificates(roots).with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(address).await.unwrap();
    let name = "exporter.example".try_into().unwrap();
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(1024);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection), stop)
}

fn request(path: &str) -> hyper::Request<Empty<Bytes>> {
    hyper::Request::get(format!("https://exporter.example{path}")).body(Empty::new()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_opens_no_window_by_http_2_is_closed() {
    let (mut sender, connection, _stop) = over_http_2(ConnectionTimeouts { sending: SHORT, ..TIMES }).await;
    let begin = Moment::now();
    let answer = sender.send_request(request("/large")).await.unwrap();
    let other = sender.send_request(request("/")).await.unwrap(); // another response doesn't extend the timeout
    assert_eq!((answer.status().as_u16(), other.status().as_u16()), (200, 200));
    let _ = timeout(TIMEOUT, connection).await.expect("the server closes").unwrap();
    assert!(begin.elapsed() >= SHORT);
    drop((answer, other));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_by_http_2_gets_all_and_is_closed_when_idle() {
    let (mut sender, connection, _stop) = over_http_2(ConnectionTimeouts { idle: SHORT, ..TIMES }).await;
    let answer = sender.send_request(request("/medium")).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.len(), MEDIUM);
    let _ = timeout(TIMEOUT, connection).await.expect("the server closes").unwrap();
}
