//! Fetches, which aren't timed, on real sockets: successes (`answers`) and failures (`failures`).

mod answers;
mod failures;
mod https;
mod routes;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use defender_exporter::catalog::{HostPattern, ProbeUrl};
use defender_exporter::clock::Clock;
use defender_exporter::config::{Config, ConnectTo, HostPort, ResolverConfig};
use defender_exporter::net::fetch::{FetchRequest, Fetched, Fetcher, RequestBody};
use defender_exporter::net::proxy::{ProxySelector, RefreshPolicy};
use defender_exporter::net::resolver::Resolver;
use defender_exporter::net::{Connector, TlsClient};
use defender_exporter::observation::{FAILURE_CODES, Failure, FailureReason as R, Phase as S};
use defender_exporter::plan::{Route, Target, routes};
use defender_exporter::tls::{AiaIssuers, Roots};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::lab::reply::Response;
use crate::load::{Disturbance, TEST_TIMEOUT, is_early};
use crate::scenario::Scenario;

const HOST: &str = "crl.genuine.example";
const LIST: &str = "http://crl.genuine.example/list.crl";
/// The most that is accepted, in bytes.
const LIMIT: u64 = 64 * 1024;
/// The most that a probe accepts, in bytes.
const MAX_PROBED: u64 = 1024 * 1024;
/// How long a fetch may take that must not run out of time, however busy the machine is.
const LONG: Duration = Duration::from_secs(20);
/// How long one may take that must.
const SHORT: Duration = Duration::from_secs(1);
/// What a busy machine may add to a deadline.
const SLACK: Duration = Duration::from_millis(800);

/// Loopback.
const V4: std::net::Ipv4Addr = std::net::Ipv4Addr::LOCALHOST;

/// A fetcher that connects to `there` for `host` and resolves other names with `dns`.
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

fn get(url: &ProbeUrl) -> FetchRequest<'_> {
    FetchRequest::get(url, LIMIT, LONG)
}

fn post(url: &ProbeUrl) -> FetchRequest<'_> {
    FetchRequest {
        body: Some(RequestBody { content_type: "application/ocsp-request", bytes: "question".into() }),
        ..get(url)
    }
}

fn url(text: &str) -> ProbeUrl {
    ProbeUrl::parse(text).unwrap()
}

/// Fetches, and holds the failure to its phase, its reason and its deadline.
async fn check(name: &str, fetcher: &Fetcher, wanted: FetchRequest<'_>, expected: (S, R)) {
    let mut timeout = if expected.1 == R::Timeout { SHORT } else { LONG };
    // On a busy machine the deadline may come before the phase that never ends.
    let (failure, took, disturbance) = loop {
        let (start, disturbance) = (Instant::now(), Disturbance::here());
        let failure = fetcher.fetch(FetchRequest { timeout, ..wanted.clone() }).await.expect_err(name);
        if (failure.phase, failure.reason) == expected || timeout >= LONG {
            break (failure, start.elapsed(), disturbance);
        }
        timeout *= 5;
    };
    assert_eq!((failure.phase, failure.reason), expected, "{name}: {failure:?}");
    assert!(FAILURE_CODES.contains(&expected.into()), "{name}: a probe knows no such failure");
    let detail = failure.detail.replace("DNS server 127.0.0.1:", "DNS server ");
    assert!(!detail.is_empty() && !detail.contains("127.0.0.1:"), "{name}: {failure:?}");
    if expected.1 == R::Timeout {
        let limit = timeout + SLACK + disturbance.so_far();
        // DNS ends before the deadline, so that it can say which server was silent.
        let least = if expected.0 == S::Resolve { timeout * 9 / 10 } else { timeout };
        assert!(took >= least && took < limit, "{name}: took {took:?}, {disturbance}");
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

/// Fetches what a scenario probes: by the same route and within the same time.
pub async fn in_place_of(scenario: &Scenario) -> Result<Fetched, Failure> {
    let (route, config) = (&routes(&scenario.config)[0], &scenario.config);
    let (fetcher, _) = with_issuers(route, config, RefreshPolicy::default(), scenario.issuer_hosts.clone());
    let Target { endpoint, timeout, .. } = &scenario.target;
    let wanted = FetchRequest::get(&endpoint.url, MAX_PROBED, *timeout);
    fetcher.fetch(FetchRequest { secure: true, ..wanted }).await
}

/// The same, with a time that may run out as expected: longer and longer, as long as a busy machine doesn't get that far.
pub async fn in_place_of_run_out(expected: (S, R), scenario: &mut Scenario) -> Result<Fetched, Failure> {
    loop {
        let outcome = in_place_of(scenario).await;
        let early = matches!(&outcome, Err(failure) if is_early(failure, expected));
        if !early || scenario.target.timeout > TEST_TIMEOUT {
            return outcome;
        }
        scenario.target.timeout *= 2;
    }
}

/// A fetcher by a route; it trusts the lab's roots where a proxy speaks TLS.
pub fn by(route: &Route, config: &Config) -> Fetcher {
    paced(route, config, RefreshPolicy::default()).0
}

/// The same with its proxy selector, and this refresh policy for scripts.
pub fn paced(route: &Route, config: &Config, pace: RefreshPolicy) -> (Fetcher, ProxySelector) {
    with_issuers(route, config, pace, vec![HostPattern("*.pki.lab".to_owned())])
}

/// The same, where missing issuers may be fetched from these hosts.
fn with_issuers(
    route: &Route,
    config: &Config,
    pace: RefreshPolicy,
    issuer_hosts: Vec<HostPattern>,
) -> (Fetcher, ProxySelector) {
    let clock = Clock::Fixed(crate::lab::now());
    let roots = Roots::from_lists(&[], &[], &config.tls).unwrap();
    let issuers = Arc::new(AiaIssuers::new(issuer_hosts));
    let destinations = Arc::new(Resolver::new(&config.resolver, &config.connect_to));
    let direct =
        Connector::direct(Arc::clone(&destinations), route.source_address, roots.anchors(), clock).unwrap();
    let tls = Arc::new(TlsClient::new(roots, issuers, clock).unwrap());
    let scripts = Fetcher::new(Arc::new(direct.clone()), Arc::clone(&tls));
    let selector = ProxySelector::with_refresh_policy(&route.via, &destinations, &scripts, clock, pace);
    (Fetcher::new(Arc::new(direct.with_proxies(selector.clone())), tls), selector)
}
