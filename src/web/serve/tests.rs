//! What clients may cost, over real sockets: sizes, and times that are short here.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::net::SocketAddr;
use std::time::Instant as Moment;

use axum::routing::{get, post};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use super::*;

/// The limit that a test is about.
const SHORT: Duration = Duration::from_millis(500);

/// The others.
const LONG: Duration = Duration::from_secs(3600);

const TIMES: Times = Times { head: LONG, sending: LONG, idle: LONG };

/// Nothing here may take longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// More than the sockets' buffers take.
const LARGE: usize = 64 * 1024 * 1024;

/// More than the windows of HTTP/2 here.
const MEDIUM: usize = 512 * 1024;

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// A server until the sender is gone, with these times.
async fn start(times: Times) -> (SocketAddr, oneshot::Sender<()>) {
    start_with(times, Access::load(None).unwrap()).await
}

async fn start_with(times: Times, access: Access) -> (SocketAddr, oneshot::Sender<()>) {
    let listener = Listener::on(&"127.0.0.1:0".parse().unwrap()).await.unwrap();
    #[cfg_attr(windows, allow(irrefutable_let_patterns, reason = "there are no others"))]
    let Listener::Tcp(socket) = &listener else { panic!("TCP was asked for") };
    let address = socket.local_addr().unwrap();
    let front = Front { times, ..Front::new(vec![listener], access) };
    let router = Router::new()
        .route("/", get(|| async { "small" }))
        .route("/medium", get(|| async { vec![b'x'; MEDIUM] }))
        .route("/large", get(|| async { vec![b'x'; LARGE] }))
        .route("/post", post(|| async { "posted" }));
    let (stop, stopped) = oneshot::channel();
    tokio::spawn(front.serve(router, async {
        let _ = stopped.await;
    }));
    (address, stop)
}

/// Reads until the server closes; none: it doesn't.
async fn rest(client: &mut TcpStream) -> Option<Vec<u8>> {
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, client.read_to_end(&mut answer)).await;
    read.is_ok().then_some(answer) // a reset is an end too
}

/// Status lines of what is answered to these bytes.
async fn statuses(address: SocketAddr, bytes: &[u8]) -> Vec<String> {
    let mut client = TcpStream::connect(address).await.unwrap();
    let _ = client.write_all(bytes).await; // the server may close before the end
    let answer = String::from_utf8(rest(&mut client).await.unwrap()).unwrap();
    let lines = answer.lines().filter(|line| line.starts_with("HTTP/"));
    lines.map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
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
    timeout(PATIENCE, endless).await.expect("the server takes no more");
}

/// Sends these bytes, then a letter now and then if asked to, until the server closes; after how long that was.
async fn closed_after(times: Times, bytes: &str, drip: bool) -> Duration {
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
        read = timeout(PATIENCE, reading.read_to_end(&mut sink)) => drop(read.expect("the server closes")),
        () = dripping => {}
    }
    begin.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_idle_clients_are_closed() {
    let (head, idle) = (Times { head: SHORT, ..TIMES }, Times { idle: SHORT, ..TIMES });
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
    let (address, _stop) = start(Times { head: SHORT, ..TIMES }).await;
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
    let (address, _stop) = start(Times { sending: SHORT, ..TIMES }).await;
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
    let request = axum::http::Request::get("/").body(axum::body::Body::empty()).unwrap();
    let begin = Instant::now();
    assert_eq!(never.oneshot(request).await.unwrap().status(), 503);
    assert_eq!(begin.elapsed().as_secs(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_gets_all_of_a_large_answer() {
    let (address, _stop) = start(Times::USUAL).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /large HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let answer = rest(&mut client).await.unwrap();
    let head = String::from_utf8_lossy(&answer[..300]).into_owned();
    assert!(head.contains(&format!("content-length: {LARGE}\r\n")), "{head}");
    assert!(answer.len() > LARGE);
}

/// What the tests of the web configuration have: a certificate that vouches for itself.
const PEM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/config/web/pem");

/// A server of HTTP/2 with these times, and a client that takes a kilobyte of each answer before it reads.
async fn over_http_2(
    times: Times,
) -> (http2::SendRequest<Empty<Bytes>>, JoinHandle<hyper::Result<()>>, oneshot::Sender<()>) {
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
    let (mut sender, connection, _stop) = over_http_2(Times { sending: SHORT, ..TIMES }).await;
    let begin = Moment::now();
    let answer = sender.send_request(request("/large")).await.unwrap();
    let other = sender.send_request(request("/")).await.unwrap(); // who is busy otherwise isn't spared
    assert_eq!((answer.status().as_u16(), other.status().as_u16()), (200, 200));
    let _ = timeout(PATIENCE, connection).await.expect("the server closes").unwrap();
    assert!(begin.elapsed() >= SHORT);
    drop((answer, other));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_by_http_2_gets_all_and_is_closed_when_idle() {
    let (mut sender, connection, _stop) = over_http_2(Times { idle: SHORT, ..TIMES }).await;
    let answer = sender.send_request(request("/medium")).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(body.len(), MEDIUM);
    let _ = timeout(PATIENCE, connection).await.expect("the server closes").unwrap();
}
