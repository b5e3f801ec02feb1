//! A prober whose connections all lead to a [`Peer`]. All traffic stays on loopback.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::{
    Component, ComponentSpec, Confidence, Endpoint, Expectation, ExpectedEvidence, ProbeUrl, embedded,
};
use defender_exporter::clock::Clock;
use defender_exporter::config::{Config, ConnectTo, Environment, HostPort, parse};
use defender_exporter::plan::{ComponentPlan, Plan, SignaturePlan, Target, TargetId, routes};
use defender_exporter::probe::Prober;
use defender_exporter::tls::Roots;
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};

use super::peer::Peer;

/// The longest that a probe may take.
pub const TIMEOUT: Duration = Duration::from_secs(2);

/// What a target's own connections run on. Writing to one that was closed must not end the process: Rust's programs are deaf to
/// that signal, libFuzzer's aren't.
pub fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let _caught = runtime.block_on(async { signal(SignalKind::pipe()) }).unwrap();
    runtime
}

/// 2026-11-24, 00:00 UTC.
pub fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400)
}

pub struct Lab {
    pub runtime: Runtime,
    pub peer: Peer,
    pub plan: Arc<Plan>,
    pub prober: Prober,
}

impl Lab {
    /// One target for each endpoint by each route, the routes of an endpoint together; `proxies` are routes of a configuration,
    /// where `{peer}` is the peer's address.
    pub fn new(proxies: &[&str], endpoints: &[Endpoint]) -> Self {
        let peer = Peer::start();
        let config = config(proxies, endpoints, &peer);
        let plan = Arc::new(plan(&config, endpoints));
        let roots = Roots::from_lists(&[], &[], &config.tls).unwrap();
        let clock = Clock::Fixed(now());
        let prober = Prober::new(Arc::clone(&plan), &config, &roots, clock).unwrap();
        let runtime = runtime();
        Self { runtime, peer, plan, prober }
    }

    /// The target that a byte of an input chooses.
    pub fn chosen(&self, byte: u8) -> TargetId {
        TargetId(usize::from(byte) % self.plan.targets.len())
    }
}

/// The endpoints by each route of a configuration, and nothing else.
pub fn plan(config: &Config, endpoints: &[Endpoint]) -> Plan {
    let (interval, component) = (Duration::from_secs(60), Component::Maps);
    let routes = routes(config);
    let targets = endpoints.iter().flat_map(|endpoint| {
        let target = |route| {
            let (endpoint, route) = (endpoint.clone(), Arc::clone(route));
            Target { endpoint, route, interval, timeout: TIMEOUT }
        };
        routes.iter().map(target)
    });
    let spec = ComponentSpec { component, optional: false, purpose: String::new(), needs: Vec::new() };
    Plan {
        targets: targets.collect(),
        components: vec![ComponentPlan { spec, interval }],
        routes,
        redirect_hosts: embedded().redirect_hosts.clone(),
        issuer_hosts: Vec::new(),
        block_pages: embedded().block_pages.clone(),
        signatures: SignaturePlan::default(),
        split_hellos: Vec::new(),
    }
}

fn config(proxies: &[&str], endpoints: &[Endpoint], peer: &Peer) -> Config {
    let route =
        |(n, way): (usize, &&str)| format!("  - {{ name: r{n}, source_address: 127.0.0.1, {way} }}\n");
    let routes: String = proxies.iter().enumerate().map(route).collect();
    let yaml = format!("resolver: {{ servers: [\"127.0.0.1:1\"] }}\nroutes:\n{routes}")
        .replace("{peer}", &peer.address.to_string());
    let mut config = parse("lab", &yaml, std::path::Path::new(""), &Environment::default()).unwrap();
    let there = endpoints
        .iter()
        .map(|endpoint| HostPort { host: endpoint.url.host().to_owned(), port: endpoint.url.port() });
    config.connect_to = there.map(|there| (there, ConnectTo::Address(peer.address))).collect();
    config
}

/// An endpoint that answers 200, with this evidence.
pub fn endpoint(url: &str, evidence: Vec<ExpectedEvidence>) -> Endpoint {
    let url = ProbeUrl::parse(url).unwrap();
    Endpoint {
        expect: Expectation::OneOf(vec![200]),
        confidence: Confidence::A,
        evidence,
        follow_redirects: 2,
        ..Endpoint::new(Component::Maps, url)
    }
}
