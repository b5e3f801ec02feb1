//! A small Internet on loopback, with faults to order. Everything in it is made here; nothing was captured.

pub mod dns;
pub mod origin;
pub mod pki;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::{
    Basis, BlockPage, Component, ComponentSpec, Endpoint, Evidence, Expectation, HostPattern, Method,
    ProbeUrl, Scheme, Trust,
};
use defender_exporter::clock::Clock;
use defender_exporter::config::{Config, ConnectTo, HostPort};
use defender_exporter::observation::Observation;
use defender_exporter::plan::{ComponentPlan, Plan, Route, Target, TargetId};
use defender_exporter::probe::Prober;
use defender_exporter::trust::Roots;

/// The moment at which the lab's certificates are verified: 2026-11-24T00:00:00Z.
pub fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400)
}

/// One probe to make, with what is usual filled in.
pub struct Scenario {
    pub url: String,
    pub evidence: Vec<Evidence>,
    pub expect: Expectation,
    pub method: Method,
    pub follow_redirects: u8,
    pub timeout: Duration,
    pub config: Config,
    pub roots: Arc<Roots>,
}

impl Scenario {
    /// A GET of `url` that a 200 satisfies, with the lab's roots.
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            evidence: Vec::new(),
            expect: Expectation::OneOf(vec![200]),
            method: Method::Get,
            follow_redirects: 0,
            timeout: Duration::from_millis(1500),
            config: Config::default(),
            roots: pki::roots(),
        }
    }

    pub fn evidence(mut self, evidence: Evidence) -> Self {
        self.evidence.push(evidence);
        self
    }

    /// Connections for the URL's host and port go to `address`.
    pub fn at(mut self, address: SocketAddr) -> Self {
        let url = ProbeUrl::parse(&self.url).unwrap();
        let from = HostPort { host: url.host().to_owned(), port: url.port() };
        self.config.connect_to.insert(from, ConnectTo::Address(address));
        self
    }

    /// Names are asked of this server.
    pub fn dns(mut self, server: SocketAddr) -> Self {
        self.config.resolver.servers = vec![server];
        self
    }

    pub async fn probe(&self) -> Observation {
        let plan = Arc::new(self.plan());
        let prober = Prober::new(plan, &self.config, Arc::clone(&self.roots), Clock::Fixed(now())).unwrap();
        prober.probe(TargetId(0)).await
    }

    fn plan(&self) -> Plan {
        let url = ProbeUrl::parse(&self.url).unwrap();
        let trust = if url.scheme() == Scheme::Https { Trust::Microsoft } else { Trust::Plain };
        let endpoint = Endpoint {
            component: Component::Maps,
            pattern: url.host().to_owned(),
            ports: vec![url.port()],
            url,
            method: self.method,
            expect: self.expect.clone(),
            basis: Basis::Inferred,
            evidence: self.evidence.clone(),
            trust,
            geo: None,
            serves: None,
            follow_redirects: self.follow_redirects,
            interval: None,
            timeout: None,
        };
        let spec = ComponentSpec {
            component: Component::Maps,
            optional: false,
            purpose: String::new(),
            needs: Vec::new(),
        };
        let target = Target {
            endpoint,
            route: Route::direct(),
            interval: Duration::from_secs(60),
            timeout: self.timeout,
        };
        Plan {
            targets: vec![target],
            components: vec![ComponentPlan { spec, interval: Duration::from_secs(60) }],
            routes: vec![Route::direct()],
            redirect_hosts: vec![HostPattern("*.genuine.example".to_owned())],
            block_pages: vec![
                BlockPage {
                    name: "the lab's filter".to_owned(),
                    header: Some("x-lab-filter".to_owned()),
                    header_contains: None,
                    body_contains: None,
                },
                BlockPage {
                    name: "the lab's portal".to_owned(),
                    header: None,
                    header_contains: None,
                    body_contains: Some("Blocked by the lab's portal".to_owned()),
                },
            ],
        }
    }
}

/// An address on which nothing listens.
pub async fn refusing() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// The loopback network's broadcast address: Linux answers connect(2) with ENETUNREACH.
pub fn unreachable() -> SocketAddr {
    "127.255.255.255:9".parse().unwrap()
}

/// A listener whose queue is full: further SYNs are dropped, as by a firewall. It lasts as long as the value.
pub struct Blackhole {
    listener: socket2::Socket,
    _queued: Vec<socket2::Socket>,
}

impl Blackhole {
    pub fn new() -> Self {
        use socket2::{Domain, Socket, Type};
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let queued = (0..3)
            .map(|_| {
                let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
                client.set_nonblocking(true).unwrap();
                let _in_progress = client.connect(&address);
                client
            })
            .collect();
        Self { listener, _queued: queued }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap().as_socket().unwrap()
    }
}
