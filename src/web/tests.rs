//! Tests the responses to scrapers and browsers over real sockets.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::routing::get;
use futures_util::future::join_all;
use reqwest::header::HeaderMap;
use reqwest::{Client, ClientBuilder, Method, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::listen::Listener;
use super::serve::GeneratedSize;
use super::{Access, AppState, TelemetryPath, router};
use crate::clock::Clock;
use crate::engine::{EngineCommand, LivenessProbe};
use crate::metrics::fixture;
use crate::report::simulation;
use crate::state::{Snapshot, TargetState};

/// A server on a free port.
struct TestServer {
    address: SocketAddr,
    snapshots: watch::Sender<Arc<Snapshot>>,
    stop: CancellationToken,
    served: JoinHandle<Vec<()>>,
}

impl TestServer {
    async fn start() -> Self {
        let (snapshots, snapshot) = watch::channel(Arc::new(fixture::snapshot()));
        let router = router(app(snapshot, None));
        let (front, address) = front().await;
        let stop = CancellationToken::new();
        let served = tokio::spawn(join_all(front.acceptors(router, &stop)));
        Self { address, snapshots, stop, served }
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (StatusCode, HeaderMap, Vec<u8>) {
        let client = client().no_gzip().build().expect("a client");
        let mut request = client.request(method, format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        let (status, headers) = (answer.status(), answer.headers().clone());
        (status, headers, answer.bytes().await.expect("a body").to_vec())
    }

    async fn get(&self, path: &str) -> (StatusCode, HeaderMap, String) {
        let (status, headers, body) = self.ask(Method::GET, path, &[]).await;
        (status, headers, String::from_utf8(body).expect("text"))
    }
}

fn app(snapshot: watch::Receiver<Arc<Snapshot>>, liveness: Option<LivenessProbe>) -> AppState {
    let telemetry: TelemetryPath = "/telemetry".parse().expect("a valid path");
    let paths = telemetry.into();
    let clock = Clock::Fixed(simulation::at(60));
    AppState {
        snapshot,
        build: fixture::build(),
        paths,
        clock,
        reloads: None,
        on_demand: None,
        access: None,
        liveness,
    }
}

#[tokio::test(start_paused = true)]
async fn an_exporter_whose_engine_says_nothing_is_not_healthy() {
    let (engine, mut orders) = mpsc::channel(1);
    let (_snapshots, snapshot) = watch::channel(Arc::new(fixture::snapshot()));
    let router = router(app(snapshot, Some(LivenessProbe::new(engine))));
    let ask = async || {
        let request = Request::get("/-/healthy").body(Body::empty()).expect("a request");
        let answer = router.clone().oneshot(request).await.expect("an answer");
        let status = answer.status();
        let says = to_bytes(answer.into_body(), 1000).await.expect("a body");
        (status, String::from_utf8_lossy(&says).into_owned())
    };
    let (status, says) = ask().await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(says.contains("engine not responding"), "{says}");
    tokio::spawn(async move {
        while let Some(EngineCommand::Ping(reply)) = orders.recv().await {
            let _ = reply.send(()); // the receiver may be dropped
        }
    });
    assert_eq!(ask().await, (StatusCode::OK, "OK\n".to_owned()));
}

/// Status, `Location` and body of the answer of an exporter with these flags.
async fn routed(prefix: &str, external: &str, path: &str) -> (u16, String, String) {
    let (_snapshots, snapshot) = watch::channel(Arc::new(fixture::snapshot()));
    let (prefix, external) = (prefix.parse().ok(), external.parse().ok());
    let paths = super::WebPaths::new(TelemetryPath::default(), prefix.as_ref(), external.as_ref());
    let router = router(AppState { paths, ..app(snapshot, None) });
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let answer = router.oneshot(request).await.expect("an answer");
    let location = answer.headers().get("location").and_then(|value| value.to_str().ok());
    let (status, location) = (answer.status().as_u16(), location.unwrap_or_default().to_owned());
    let body = to_bytes(answer.into_body(), 10_000_000).await.expect("a body");
    (status, location, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn every_path_has_the_prefix() {
    let proxied = "https://monitoring.example/defender/";
    for (prefix, external, path, status, to) in [
        ("", "", "/-/healthy", 200, ""),
        ("/defender", "", "/defender/", 200, ""),
        ("/defender", "", "/defender/metrics", 200, ""),
        ("/defender", "", "/defender/api/v1/status", 200, ""),
        ("/defender", "", "/defender/assets/page.css", 200, ""),
        ("/defender", "", "/defender/-/healthy", 200, ""),
        ("/defender", "", "/defender", 302, "/defender/"),
        ("/defender", "", "/", 302, "/defender/"),
        ("/defender", "", "/metrics", 404, ""),
        ("", proxied, "/defender/metrics", 200, ""),
        ("/", proxied, "/metrics", 200, ""),
        ("/", proxied, "/", 200, ""),
        ("/internal", proxied, "/internal", 302, "/defender/"),
    ] {
        let (found, location, _) = routed(prefix, external, path).await;
        assert_eq!((found, location.as_str()), (status, to), "{prefix:?} {external:?} {path}");
    }
}

#[tokio::test]
async fn what_is_not_found_names_what_there_is() {
    let (status, _, says) = routed("/defender", "", "/metrics").await;
    assert_eq!(status, 404);
    for words in [
        "404 not found: /metrics\n",
        "  /defender/metrics           metrics\n",
        "  /defender/probe?target=URL  metrics of one probe\n",
        "  /defender/                  status page\n",
    ] {
        assert!(says.contains(words), "{words:?}: {says}");
    }
}

#[tokio::test]
async fn each_format_by_accept() {
    let server = TestServer::start().await;
    let protobuf =
        "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
    let cases: &[(&str, &str, &[u8])] = &[
        ("*/*", "text/plain; version=0.0.4; charset=utf-8", b"# HELP defender_exporter_build_info "),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
            "application/openmetrics-text; version=1.0.0; charset=utf-8",
            b"# HELP defender_exporter_build ",
        ),
        (
            protobuf,
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
            b"\x0a\x1cdefender_exporter_build_info\x12",
        ),
    ];
    for (accept, content_type, start) in cases {
        let (status, headers, body) = server.ask(Method::GET, "/telemetry", &[("accept", accept)]).await;
        assert_eq!(
            (status, &headers["content-type"]),
            (StatusCode::OK, &content_type.parse().expect("valid"))
        );
        // A delimited protobuf message starts with its length, here in two bytes.
        let found = (0..=2).any(|skip| body[skip..].starts_with(start));
        assert!(found, "{accept}: {:?}", String::from_utf8_lossy(&body[..60]));
        let vary: Vec<_> =
            headers.get_all("vary").iter().map(|value| value.to_str().expect("text")).collect();
        assert!(vary.contains(&"accept") && vary.contains(&"accept-encoding"), "{vary:?}");
    }
}

#[tokio::test]
async fn metrics_are_those_of_the_newest_snapshot() {
    let server = TestServer::start().await;
    let success = "defender_probe_success{component=\"maps\"";
    assert!(server.get("/telemetry").await.2.contains(success));
    server.snapshots.send_modify(|snapshot| {
        Arc::make_mut(snapshot).targets.fill_with(Arc::default);
    });
    let text = server.get("/telemetry").await.2;
    assert!(!text.contains(success) && text.contains("defender_probes_total{"), "{text}");
}

#[tokio::test]
async fn gzip_where_it_is_accepted() {
    let server = TestServer::start().await;
    let (_, headers, packed) = server.ask(Method::GET, "/telemetry", &[("accept-encoding", "gzip")]).await;
    assert_eq!(headers["content-encoding"], "gzip");
    assert!(packed.starts_with(&[0x1f, 0x8b]));
    let (_, headers, plain) = server.ask(Method::GET, "/telemetry", &[]).await;
    assert!(!headers.contains_key("content-encoding"));
    assert!(packed.len() * 3 < plain.len(), "{} of {}", packed.len(), plain.len());

    let client = client().build().expect("a client that asks for gzip");
    let answer = client.get(format!("http://{}/telemetry", server.address)).send().await.expect("an answer");
    let text = answer.text().await.expect("unpacks");
    assert!(text.starts_with("# HELP defender_exporter_build_info "), "{text}");
}

/// A compressed body has no size hint, and would not count towards the limit on unread responses.
#[tokio::test]
async fn what_is_kept_of_a_compressed_response_is_its_whole_text() {
    let (_snapshots, snapshot) = watch::channel(Arc::new(fixture::snapshot()));
    let router = router(app(snapshot, None));
    let request = Request::get("/telemetry").header("accept-encoding", "gzip");
    let response = router.oneshot(request.body(Body::empty()).expect("a request")).await.expect("a response");
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let GeneratedSize(size) = *response.extensions().get().expect("a size");
    let packed = to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    assert!(size > 3 * packed.len() as u64, "{size} of {}", packed.len());
}

#[tokio::test]
async fn ready_after_the_first_round() {
    let server = TestServer::start().await;
    let (status, _, reason) = server.get("/-/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reason, "not ready: 3 of 4 targets probed so far\n");
    server.snapshots.send_modify(|snapshot| {
        let probed = TargetState { probes: 1, ..TargetState::default() };
        Arc::make_mut(snapshot).targets[2] = Arc::new(probed);
    });
    let (status, _, body) = server.get("/-/ready").await;
    assert_eq!((status, body.as_str()), (StatusCode::OK, "OK\n"));
}

#[tokio::test]
async fn statuses() {
    let server = TestServer::start().await;
    let cases = [
        (Method::GET, "/-/healthy", 200),
        (Method::HEAD, "/-/healthy", 200),
        (Method::GET, "/", 200),
        (Method::HEAD, "/", 200),
        (Method::HEAD, "/telemetry", 200),
        (Method::POST, "/telemetry", 405),
        (Method::POST, "/-/reload", 403),
        (Method::PUT, "/-/reload", 403),
        (Method::GET, "/-/reload", 405),
        (Method::PUT, "/", 405),
        (Method::DELETE, "/-/ready", 405),
        (Method::GET, "/api/v1/status", 200),
        (Method::HEAD, "/api/v1/status.schema.json", 200),
        (Method::POST, "/api/v1/status", 405),
        (Method::GET, "/api/v2/status", 404),
        (Method::GET, "/metrics", 404),
        (Method::GET, "/telemetry/", 404),
        (Method::GET, "/../etc/passwd", 404),
        (Method::POST, "/nowhere", 404),
    ];
    for (method, path, expected) in cases {
        let (status, headers, body) = server.ask(method.clone(), path, &[("accept-encoding", "gzip")]).await;
        assert_eq!(status.as_u16(), expected, "{method} {path}");
        assert_eq!(headers["x-content-type-options"], "nosniff", "{method} {path}");
        assert!(method != Method::HEAD || body.is_empty(), "{path}");
        assert_eq!(headers.contains_key("allow"), expected == 405, "{method} {path}");
    }
}

#[tokio::test]
async fn the_status_is_json_with_a_schema() {
    let server = TestServer::start().await;
    let (_, headers, text) = server.get("/api/v1/status").await;
    assert_eq!(headers["content-type"], "application/json");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((&report["schema_version"], &report["exporter_version"]), (&1.into(), &"0.0.0-test".into()));
    assert_eq!(report["generated_at"], "2026-11-24T00:01:00Z");
    assert_eq!(report["counts"]["bad"], 2);
    assert_eq!(report["common_causes"][0]["kind"], "issuer");
    let (_, _, schema) = server.get("/api/v1/status.schema.json").await;
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    assert_eq!(schema["title"], "Status of defender-exporter");
}

#[tokio::test]
async fn the_page_may_load_its_own_files_alone() {
    let server = TestServer::start().await;
    let (_, headers, page) = server.get("/?state=bad").await;
    assert_eq!(headers["content-type"], "text/html; charset=utf-8");
    let policy = headers["content-security-policy"].to_str().expect("text");
    for part in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains(':'), "{policy}");
    assert!(
        page.contains("href=\"./telemetry\"") && page.contains("2 of 4 endpoints, by component"),
        "{page}"
    );
    for (file, content_type) in [
        ("/assets/page.css", "text/css; charset=utf-8"),
        ("/assets/page.js", "text/javascript; charset=utf-8"),
        ("/assets/icon.svg", "image/svg+xml"),
    ] {
        assert!(page.contains(&format!("\".{file}\"")), "{file}");
        let (status, headers, _) = server.get(file).await;
        assert_eq!(
            (status, &headers["content-type"]),
            (StatusCode::OK, &content_type.parse().expect("valid"))
        );
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'; base-uri"), "a file itself loads nothing: {policy}");
    }
}

#[tokio::test]
async fn stopping_does_not_wait_for_open_connections() {
    let server = TestServer::start().await;
    let silent = TcpStream::connect(server.address).await.expect("connects");
    let mut idle = TcpStream::connect(server.address).await.expect("connects");
    idle.write_all(b"GET /-/healthy HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sends");
    assert!(idle.read(&mut [0; 1024]).await.expect("an answer") > 0);
    let mut half = TcpStream::connect(server.address).await.expect("connects");
    half.write_all(b"GET /-/healthy HTTP/1.1\r\nhost:").await.expect("sends");

    server.stop.cancel();
    // The head timeout is 10 s: stopping within half of it doesn't wait for a head, even on a busy machine.
    tokio::time::timeout(Duration::from_secs(5), server.served).await.expect("in time").expect("no panic");
    TcpStream::connect(server.address).await.expect_err("nobody listens");
    drop((silent, idle, half));
}

#[tokio::test]
async fn stopping_does_not_wait_for_an_endless_answer() {
    let (asked, was_asked) = oneshot::channel();
    let asked = Arc::new(Mutex::new(Some(asked)));
    let endless = Router::new().route(
        "/",
        get(move || {
            let asked = asked.lock().expect("one request").take();
            asked.map(|asked| asked.send(()));
            pending::<()>()
        }),
    );
    let (front, address) = front().await;
    let mut client = TcpStream::connect(address).await.expect("connects");
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.expect("sends");
    let stop = CancellationToken::new();
    let served = tokio::spawn(join_all(front.acceptors(endless, &stop)));
    was_asked.await.expect("the request arrives");
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), served).await.expect("in time").expect("no panic");
}

/// A server on a free port, without access control.
async fn front() -> (super::WebServer, SocketAddr) {
    let listener = Listener::on(&"127.0.0.1:0".parse().expect("valid")).await.expect("a free port");
    #[cfg_attr(windows, allow(irrefutable_let_patterns, reason = "there are no others"))]
    let Listener::Tcp(socket) = &listener else { panic!("TCP was asked for") };
    let address = socket.local_addr().expect("bound");
    (super::WebServer::new(vec![listener], Access::load(None).expect("no file, no problem")), address)
}

/// A client without root certificates: these tests use plain HTTP.
fn client() -> ClientBuilder {
    let store = rustls::RootCertStore::empty();
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .expect("ring has both versions")
        .with_root_certificates(store)
        .with_no_client_auth();
    Client::builder().no_proxy().tls_backend_preconfigured(tls)
}
