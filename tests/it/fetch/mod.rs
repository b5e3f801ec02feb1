//! Fetches of what isn't timed: what comes of them on real sockets (`answers`), and how they fail (`failures`).

mod answers;
mod failures;
mod https;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::clock::Clock;
use defender_exporter::config::{Config, ConnectTo, HostPort, ResolverConfig};
use defender_exporter::fetch::{Fetcher, Wanted};
use defender_exporter::names::Destinations;
use defender_exporter::observation::FAILURE_PAIRS;
use defender_exporter::observation::FailureReason as R;
use defender_exporter::observation::Stage as S;
use defender_exporter::plan::Route;
use defender_exporter::ways::{Pace, Ways};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::lab::reply::Response;

const HOST: &str = "crl.genuine.example";
const LIST: &str = "http://crl.genuine.example/list.crl";
/// The most that is accepted, in bytes.
const LIMIT: u64 = 64 * 1024;
/// How long a fetch may take that must not run out of time, however busy the machine is.
const LONG: Duration = Duration::from_secs(20);
/// How long one may take that must.
const SHORT: Duration = Duration::from_secs(1);
/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_millis(800);

/// Loopback.
const V4: std::net::Ipv4Addr = std::net::Ipv4Addr::LOCALHOST;

/// A fetcher whose connections for `host` go to `there`; other names are asked of `dns`.
fn fetcher(dns: SocketAddr, diverted: &[(&str, SocketAddr)]) -> Fetcher {
    let entry = |(host, to): &(&str, SocketAddr)| {
        (HostPort { host: (*host).to_owned(), port: 80 }, ConnectTo::Address(*to))
    };
    let config = Config {
        resolver: ResolverConfig { servers: vec![dns], ..ResolverConfig::default() },
        connect_to: diverted.iter().map(entry).collect(),
        ..Config::default()
    };
    by(&Route::direct(), &config)
}

fn get(url: &ProbeUrl) -> Wanted<'_> {
    Wanted::of(url, LIMIT, LONG)
}

fn post(url: &ProbeUrl) -> Wanted<'_> {
    Wanted { body: Some(("application/ocsp-request", "question".into())), ..get(url) }
}

fn url(text: &str) -> ProbeUrl {
    ProbeUrl::parse(text).unwrap()
}

/// Fetches, and holds the failure to its stage, its reason and its deadline.
async fn check(name: &str, fetcher: &Fetcher, wanted: Wanted<'_>, expected: (S, R)) {
    let timeout = if expected.1 == R::Timeout { SHORT } else { LONG };
    let start = Instant::now();
    let failure = fetcher.fetch(Wanted { timeout, ..wanted }).await.expect_err(name);
    let took = start.elapsed();
    assert_eq!((failure.stage, failure.reason), expected, "{name}: {failure:?}");
    assert!(FAILURE_PAIRS.contains(&expected), "{name}: a probe knows no such failure");
    assert!(!failure.detail.is_empty() && !failure.detail.contains("127.0.0.1:"), "{name}: {failure:?}");
    if expected.1 == R::Timeout {
        assert!(took >= SHORT && took < SHORT + SLACK, "{name}: took {took:?}");
    }
}

/// An answer with a body of so many bytes.
fn list(length: usize) -> Response {
    Response::new(200).body(vec![b'x'; length])
}

/// Reads a request with its body.
async fn read_request(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8(read.clone()).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() == length.map_or(0, |length| length.parse().unwrap()) {
                return text;
            }
        }
        assert_ne!(stream.read_buf(&mut read).await.unwrap(), 0, "the client has gone");
    }
}

/// A server that plays these replies, one a connection, and gives the requests back.
async fn listen(replies: &'static [&'static str]) -> (SocketAddr, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind((V4, 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    let serve = async move {
        let mut requests = Vec::new();
        for reply in replies {
            let (mut stream, _) = listener.accept().await.unwrap();
            requests.push(read_request(&mut stream).await);
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
        requests
    };
    (addr, tokio::spawn(serve))
}

/// A fetcher by a route; it trusts the lab's roots where a proxy speaks TLS.
pub fn by(route: &Route, config: &Config) -> Fetcher {
    paced(route, config, Pace::default()).0
}

/// The same with its ways, where a script is read at this pace.
pub fn paced(route: &Route, config: &Config, pace: Pace) -> (Fetcher, Ways) {
    let mut store = rustls::RootCertStore::empty();
    store.add_parsable_certificates(config.tls.genuine_roots.clone());
    let clock = Clock::Fixed(crate::lab::now());
    let provider = rustls::crypto::ring::default_provider().into();
    let tls = rustls::ClientConfig::builder_with_details(provider, Arc::new(clock))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    let destinations = Arc::new(Destinations::new(&config.resolver, &config.connect_to, LONG));
    let direct = Fetcher::direct(Arc::clone(&destinations), route.source_address, tls);
    let ways = Ways::paced(&route.via, &destinations, direct.clone(), clock, pace);
    (direct.by(ways.clone()), ways)
}
