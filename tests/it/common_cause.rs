//! What all failures of a round share, named from real probes of the lab: one fault of thirteen at a time. Pairs of faults are in the
//! unit tests of `report::common_cause`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::Arc;

use defender_exporter::catalog::{ProbeUrl, Scheme, embedded};
use defender_exporter::clock::Clock;
use defender_exporter::config::{self, Config, ConnectTo, Environment};
use defender_exporter::engine::probe_once;
use defender_exporter::plan::plan;
use defender_exporter::probe::Prober;
use defender_exporter::report::common_causes;
use defender_exporter::state::Snapshot;
use defender_exporter::tls::Roots;

use crate::exporter::endpoints;
use crate::exporter::proxies::names;
use crate::lab::blackhole::Refusing;
use crate::lab::dns::Answer;
use crate::lab::faults::{Fault, Handshake};
use crate::lab::genuine::authority_of;
use crate::lab::pki::{Authority, Flaw};
use crate::lab::proxy::{Kind, Order, Proxy};
use crate::lab::reply::Response;
use crate::lab::{Lab, host_port, named};

/// Two edges of a content network; the other hosts stand behind the first.
const EDGES: [&str; 2] = ["edge-a.example", "edge-b.example"];

/// Where nobody listens.
const ELSEWHERE: Ipv4Addr = Ipv4Addr::new(127, 0, 5, 1);
const FAR_AWAY: Ipv4Addr = Ipv4Addr::new(127, 0, 6, 1);

/// The single faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Single {
    None,
    ResolverFails,
    ResolverIsGone,
    ProxyIsGone,
    ProxyDemands,
    Inspected,
    EdgeIsGone,
    NetworkIsGone,
    OldTlsBreaks,
    PortIsClosed,
    DirectIsClosed,
    NamesAreFiltered,
    TlsIsReset,
    PagesAreBlocked,
}

/// The lab with two routes, and what is probed.
struct World {
    lab: Lab,
    proxy: Proxy,
    /// The hosts over TLS, and every third of them.
    secure: BTreeSet<String>,
    some: BTreeSet<String>,
    config: Config,
    _refusing: Refusing,
}

impl World {
    async fn start(single: Single) -> Self {
        let lab = Lab::start().await;
        let urls = lab.serve_all(endpoints());
        let proxy = Proxy::start(Kind::Http, names(&lab, &urls));
        let is_secure = |url: &&ProbeUrl| url.scheme() == Scheme::Https;
        let secure: BTreeSet<_> = urls.iter().filter(is_secure).map(|url| url.host().to_owned()).collect();
        let some = secure.iter().step_by(3).cloned().collect();
        let refusing = Refusing::new();
        let mut connect_to: BTreeMap<_, _> = lab.connect_to(&urls);
        for url in urls.iter().filter(is_secure) {
            let to = named(&format!("{}.lab", url.host()), lab.tls.addr().port());
            connect_to.insert(host_port(url), ConnectTo::Name(to));
        }
        if single == Single::DirectIsClosed {
            let closed = ConnectTo::Address(refusing.addr());
            for to in connect_to.values_mut() {
                *to = closed.clone();
            }
        }
        let inspector = lab.files().join("inspector.pem");
        std::fs::write(&inspector, lab.pki.root_pem(Authority::Inspector)).unwrap();
        let tls = format!("tls:\n  revocation: false\n  extra_roots: [\"{}\"]\n", inspector.display());
        let route = format!("{{ name: machine-proxy, proxy: \"http://{}\" }}", proxy.addr());
        let routes = format!("routes:\n  - {{ name: direct }}\n  - {route}\n");
        let yaml = routes + &lab.yaml(&connect_to).replace("tls:\n", &tls);
        let config = config::parse("lab.yaml", &yaml, lab.files(), &Environment::default()).unwrap();
        let world = Self { lab, proxy, secure, some, config, _refusing: refusing };
        world.answer(&Answer::Alias(EDGES[0], vec![Ipv4Addr::LOCALHOST.into()]), |_| true);
        world
    }

    /// Sets the DNS answer for some hosts.
    fn answer(&self, answer: &Answer, is_meant: impl Fn(&String) -> bool) {
        for host in self.secure.iter().filter(|host| is_meant(host)) {
            self.lab.dns.set(&format!("{host}.lab"), answer.clone());
        }
    }

    fn break_some(&self, fault: impl Fn(&str) -> Fault) {
        self.some.iter().for_each(|host| self.lab.tls.break_host(host, fault(host)));
    }

    async fn break_it(&self, single: Single) {
        let is_some = |host: &String| self.some.contains(host);
        match single {
            Single::None | Single::DirectIsClosed => {}
            Single::ResolverFails => self.lab.dns.reset(Answer::Servfail),
            Single::ResolverIsGone => self.lab.dns.stop().await,
            Single::ProxyIsGone => self.proxy.shut().await,
            Single::ProxyDemands => self.proxy.order(Order::Demand("nobody", "nothing")),
            Single::Inspected => {
                for host in &self.secure {
                    self.lab.tls.break_host(host, Fault::Certificate(Authority::Inspector, Flaw::None));
                }
            }
            // It stands in two networks, so that its name is all that its hosts have in common.
            Single::EdgeIsGone => {
                for (index, host) in self.some.iter().enumerate() {
                    let address = [ELSEWHERE, FAR_AWAY][index % 2];
                    self.answer(&Answer::Alias(EDGES[1], vec![address.into()]), |of| of == host);
                }
            }
            Single::NetworkIsGone => self.answer(&Answer::address(ELSEWHERE), is_some),
            Single::OldTlsBreaks => {
                self.break_some(|_| Handshake::Only(&rustls::version::TLS12).into());
                self.break_some(|host| {
                    Fault::Certificate(authority_of(host).unwrap_or(Authority::Microsoft2011), Flaw::Expired)
                });
            }
            Single::PortIsClosed => self.lab.plain.stop().await,
            Single::NamesAreFiltered => self.answer(&Answer::Nxdomain, is_some),
            Single::TlsIsReset => self.break_some(|_| Handshake::alert(40).into()),
            Single::PagesAreBlocked => {
                self.break_some(|_| Response::new(200).body("<html>Web Filter Violation</html>").into());
            }
        }
    }

    /// One round of probes.
    async fn round(&self) -> Snapshot {
        let plan = Arc::new(plan(embedded(), &self.config).unwrap());
        let roots = Roots::with_public(&[], &[], &[], &self.config.tls).unwrap();
        let clock = Clock::Fixed(self.lab.pki.now());
        let prober = Prober::new(Arc::clone(&plan), &self.config, &roots, clock).unwrap();
        let events = probe_once(&plan, Arc::new(prober), clock, 32, None).await;
        let mut snapshot = Snapshot::new(plan, clock.now());
        for event in events {
            snapshot.apply(event);
        }
        snapshot
    }
}

/// Holds that a fault is named so.
async fn check(single: Single, expected: impl Fn(&World) -> Vec<String>) {
    let world = World::start(single).await;
    world.break_it(single).await;
    let snapshot = world.round().await;
    let causes = common_causes(&snapshot);
    let named: BTreeSet<_> = causes.iter().map(|cause| format!("{} {}", cause.kind, cause.value)).collect();
    let failures = snapshot.iter().filter_map(|(_, target, state)| {
        let failure = state.last.as_ref()?.failure.as_ref()?;
        let (url, route) = (target.endpoint.url.as_str(), &target.route.name);
        Some(format!("{url} via {route}: {}: {}: {}", failure.phase, failure.reason, failure.detail))
    });
    let failures: Vec<_> = failures.collect();
    let expected = expected(&world).into_iter().collect();
    assert_eq!(named, expected, "{single:?}: {causes:#?}\n{failures:#?}");
    assert!(causes.iter().all(|cause| cause.failures == cause.of), "{single:?}: {causes:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_single_fault_of_the_lab_is_named() {
    let one = |cause: &str| vec![cause.to_owned()];
    let resolver = |world: &World| vec![format!("resolver {}", world.lab.dns.addr())];
    let proxy = |world: &World| vec![format!("proxy http://{}", world.proxy.addr())];
    check(Single::None, |_| Vec::new()).await;
    check(Single::ResolverFails, resolver).await;
    check(Single::ResolverIsGone, resolver).await;
    check(Single::ProxyIsGone, proxy).await;
    check(Single::ProxyDemands, proxy).await;
    check(Single::Inspected, |_| one("issuer O=Lab, CN=Lab Inspection CA")).await;
    check(Single::EdgeIsGone, |_| one("cname_target edge-b.example")).await;
    check(Single::NetworkIsGone, |_| one("address_prefix 127.0.5.0/24")).await;
    check(Single::OldTlsBreaks, |_| one("tls_version TLSv1.2")).await;
    check(Single::PortIsClosed, |_| one("port 80")).await;
    check(Single::DirectIsClosed, |_| one("route direct")).await;
    check(Single::NamesAreFiltered, |_| one("phase resolve")).await;
    check(Single::TlsIsReset, |_| one("phase tls")).await;
    check(Single::PagesAreBlocked, |_| one("phase transfer")).await;
}
