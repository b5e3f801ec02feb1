//! One probe of one endpoint in the lab, as data: its URL, its evidence, its settings. The lab's own data defines
//! the faults (`dns::Answer`, `faults::*`, `blackhole::*`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::{
    BlockPage, Component, ComponentSpec, Confidence, Endpoint, Expectation, HostPattern, ProbeUrl, Scheme,
    Trust, embedded,
};
use defender_exporter::clock::Clock;
use defender_exporter::config::{Config, ConnectTo};
use defender_exporter::observation::Observation;
use defender_exporter::plan::{ComponentPlan, Plan, Route, SignaturePlan, Target, TargetId, routes};
use defender_exporter::probe::Prober;
use defender_exporter::tls::Roots;
use rustls::pki_types::CertificateDer;

use crate::lab::{self, Lab};
use crate::record::judged_again;

const INTERVAL: Duration = Duration::from_secs(60);

/// One probe to make, with what is usual filled in.
pub struct Scenario {
    /// The endpoint and its limits; tests change what they are about.
    pub target: Target,
    /// Leads into the lab.
    pub config: Config,
    /// Where missing intermediates may be fetched.
    pub issuer_hosts: Vec<HostPattern>,
    /// Roots in the machine's store that are in a public list, such as Mozilla's.
    pub public_roots: Vec<CertificateDer<'static>>,
    /// When it is.
    pub now: SystemTime,
}

impl Scenario {
    /// A GET of `url` at the lab's origin that a 200 satisfies, within one and a half seconds.
    pub fn new(lab: &Lab, url: &str) -> Self {
        let url = ProbeUrl::parse(url).unwrap();
        let config = lab.config([&url]);
        let trust = if url.scheme() == Scheme::Https { Trust::Microsoft } else { Trust::Plain };
        let endpoint = Endpoint {
            expect: Expectation::OneOf(vec![200]),
            confidence: Confidence::A,
            trust,
            ..Endpoint::new(Component::Maps, url)
        };
        let timeout = Duration::from_millis(1500);
        let target = Target { endpoint, route: Route::direct(), interval: INTERVAL, timeout };
        let issuer_hosts = vec![HostPattern("*.pki.lab".to_owned())];
        Self { target, config, issuer_hosts, public_roots: Vec::new(), now: lab.pki.now() }
    }

    /// Connects to this address in place of the lab's origin.
    pub fn at(mut self, address: SocketAddr) -> Self {
        self.config.connect_to.extend([lab::divert(&self.target.endpoint.url, address)]);
        self
    }

    /// Connects to the address of the URL's name, from DNS.
    pub fn by_name(mut self) -> Self {
        self.config.connect_to.remove(&lab::host_port(&self.target.endpoint.url));
        self
    }

    /// Connects to another name's address with `connect_to`, from DNS.
    pub fn through(mut self, name: &str, port: u16) -> Self {
        let to = ConnectTo::Name(lab::named(name, port));
        self.config.connect_to.insert(lab::host_port(&self.target.endpoint.url), to);
        self
    }

    /// Probes once, at its moment (the lab's), trusting the lab's genuine roots, those of the configuration and those that it
    /// calls public alone. Also holds that the probe's record is judged in the same way.
    pub async fn probe(&self) -> Observation {
        let prober = self.prober().recording();
        let observation = prober.probe(TargetId(0)).await;
        judged_again(self.plan(), prober.roots(), observation)
    }

    /// The prober of its one target, for more probes than one.
    pub fn prober(&self) -> Prober {
        let public: Vec<_> =
            self.public_roots.iter().map(|root| webpki::anchor_from_trusted_cert(root).unwrap()).collect();
        let roots = Roots::with_public(&self.public_roots, &public, &[], &self.config.tls).unwrap();
        Prober::new(Arc::new(self.plan()), &self.config, &roots, Clock::Fixed(self.now)).unwrap()
    }

    /// The plan of its one target.
    pub fn plan(&self) -> Plan {
        let spec = ComponentSpec {
            component: Component::Maps,
            optional: false,
            purpose: String::new(),
            needs: Vec::new(),
        };
        let mark = |name: &str, header: Option<&str>, body: Option<&str>| BlockPage {
            name: name.to_owned(),
            header: header.map(str::to_owned),
            header_contains: None,
            body_contains: body.map(str::to_owned),
        };
        let routes = routes(&self.config);
        Plan {
            targets: vec![Target { route: Arc::clone(&routes[0]), ..self.target.clone() }],
            components: vec![ComponentPlan { spec, interval: INTERVAL }],
            routes,
            redirect_hosts: vec![HostPattern("*.genuine.example".to_owned())],
            issuer_hosts: self.issuer_hosts.clone(),
            block_pages: [
                mark("the lab's filter", Some("x-lab-filter"), None),
                mark("the lab's portal", None, Some("Blocked by the lab's portal")),
            ]
            .into_iter()
            .chain(embedded().block_pages.iter().cloned())
            .collect(),
            signatures: SignaturePlan::default(),
            split_hellos: Vec::new(),
        }
    }
}
