//! Requests of a client to the exporter's server. The first byte selects a raw request, or one made of the input
//! (first line: path, others: headers), and a server with or without a password.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use defender_exporter::app::Supervisor;
use defender_exporter::clock::Clock;
use defender_exporter::engine::ProbeSetup;
use defender_exporter::engine::on_demand::{OnDemand, OnDemandContext};
use defender_exporter::metrics::BuildInfo;
use defender_exporter::state::Snapshot;
use defender_exporter::web::{Access, AppState, WebPaths, WebServer, router};
use tokio::sync::watch;

use super::lab::{Lab, endpoint, now, runtime};
use super::text::file;

/// A user whose password is "example".
const USERS: &str = "basic_auth_users: { u: $2b$04$abcdefghijklmnopqrstuuw84ri8rZhg76MlXdEfW3l8WxMZx6diS }\n\
    http_server_config: { headers: { X-Frame-Options: deny } }\n";

/// How long an answer is waited for: what the input begins may never end.
const TEST_TIMEOUT: Duration = Duration::from_millis(300);

/// The server without and the one with a password.
static SERVERS: LazyLock<[SocketAddr; 2]> = LazyLock::new(|| {
    let file = file(USERS.as_bytes()); // once it is gone, what was read stays in use
    [start(None), start(Some(file.path()))]
});

pub fn run(bytes: &[u8]) {
    let Some((choice, input)) = bytes.split_first() else { return };
    let request = if choice & 1 == 0 { input.to_vec() } else { made(input) };
    let answer = ask(SERVERS[usize::from(choice >> 1 & 1)], &request);
    let head = String::from_utf8_lossy(&answer[..answer.len().min(12)]).into_owned();
    assert!(head.is_empty() || head.starts_with("HTTP/1."), "{head:?}");
    assert!(!head.ends_with(" 500"), "it breaks down: {}", String::from_utf8_lossy(&answer));
}

/// A request that ends by itself.
fn made(input: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(input);
    let (path, headers) = text.split_once('\n').unwrap_or((&text, ""));
    let path: String = path.chars().filter(char::is_ascii_graphic).collect();
    let headers: Vec<_> = headers.lines().filter(|line| !line.is_empty()).collect();
    let headers = headers.join("\r\n");
    format!("GET /{path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n\r\n").into_bytes()
}

/// The answer, as far as it came in time.
fn ask(server: SocketAddr, request: &[u8]) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    // An error means that the server has had enough.
    let _ = stream.write_all(request).and_then(|()| stream.read_to_end(&mut answer));
    answer
}

/// Serves until the process ends.
fn start(users: Option<&Path>) -> SocketAddr {
    let access = Access::load(users).unwrap();
    let runtime = runtime();
    let listen = ["127.0.0.1:0".parse().unwrap()];
    let front = runtime.block_on(WebServer::open(&listen, false, access)).unwrap();
    let url = front.metrics_urls(&WebPaths::default()).remove(0);
    let address = url.trim_start_matches("http://").split('/').next().unwrap().parse().unwrap();
    std::thread::spawn(move || {
        let app = app();
        let supervisor = Supervisor::new();
        for acceptor in front.acceptors(router(app), &supervisor.tasks().stopping()) {
            runtime.spawn(acceptor);
        }
        runtime.block_on(std::future::pending::<()>());
    });
    address
}

/// One endpoint, where nothing listens.
fn app() -> AppState {
    let Lab { plan, prober, .. } =
        Lab::new(&["components: [maps]"], &[endpoint("http://plain.example/", Vec::new())]);
    let clock = Clock::Fixed(now());
    let work = ProbeSetup { plan: Arc::clone(&plan), prober: Arc::new(prober), concurrency: 2 };
    let (_, context) = watch::channel(OnDemandContext::new(&work));
    let (_, snapshot) = watch::channel(Arc::new(Snapshot::new(plan, now())));
    let (build, paths) = (BuildInfo::current(), WebPaths::default());
    let on_demand = Some(OnDemand::new(context, clock));
    AppState { snapshot, build, paths, clock, reloads: None, on_demand, access: None, liveness: None }
}
