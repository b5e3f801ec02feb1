//! The lab as the exporter's Internet, and the exporter's configuration. Applies the faults of `state.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::{
    Component, Endpoint, Expectation, Method, ProbeUrl, Scheme, Trust, embedded,
};
use defender_exporter::config::{Config, ConnectTo, HostPort};

use crate::feed;
use crate::lab::dns::Answer;
use crate::lab::faults::{self, Accept, Fault, Handshake};
use crate::lab::origin::Origin;
use crate::lab::pki::crl::{Crl, Revoked};
use crate::lab::pki::ocsp::Ocsp;
use crate::lab::pki::pointers::{CRL_HOST, CRL2_HOST, OCSP_HOST};
use crate::lab::pki::{Authority, Flaw, Issuer, Leaf};
use crate::lab::proxy::{Kind, Order, Proxy, demand};
use crate::lab::reply::{End, Response};
use crate::lab::{Lab, host_port, named};
use crate::state::{
    HostFault as F, ListenerFault, NameFault, Places, ProxyFault, Server, Source, State, Variant,
};

/// Between two probes of a target.
pub const INTERVAL: Duration = Duration::from_secs(6);
/// For one probe: long beside what a busy machine takes, since a hang costs just that.
pub const TIMEOUT: Duration = Duration::from_secs(4);
/// The validity of revocation data.
pub const VALID: Duration = Duration::from_secs(8);
/// The interval of its renewal.
const REFRESH: Duration = Duration::from_secs(5);
/// The same, at times.
const OTHER_REFRESH: Duration = Duration::from_secs(4);

/// The routes.
pub const DIRECT: &str = "direct";
pub const PROXY: &str = "proxy";
/// What is probed by the proxy as well.
pub const PROXIED: [Component; 4] = [Component::Maps, Component::Update, Component::Adl, Component::Crl];
/// What the configuration adds at times.
pub const ADDED: &str = "https://added.soak.lab/";

/// The exporter's surroundings.
pub struct World {
    pub lab: Arc<Lab>,
    /// What may be probed, the added one last.
    pub endpoints: Vec<Endpoint>,
    /// The version feed.
    pub feed: feed::Server,
    proxy: Proxy,
    connect_to: BTreeMap<HostPort, ConnectTo>,
}

/// How often is probed, for how long, and how many at once, as configuration.
pub fn pace(interval: Duration, timeout: Duration, concurrency: usize) -> String {
    format!("interval: {interval:?}\ntimeout: {timeout:?}\nconcurrency: {concurrency}\n")
}

/// The DNS name of a host that is resolved by DNS.
pub fn name_of(host: &str) -> String {
    format!("{host}.dns.lab")
}

/// The endpoints of the catalog that the defaults probe.
fn catalog() -> Vec<Endpoint> {
    let optional =
        |component| embedded().components.iter().any(|spec| spec.component == component && spec.optional);
    let geos = Config::default().geos;
    let probed = |e: &&Endpoint| !optional(e.component) && e.geo.is_none_or(|geo| geos.contains(&geo));
    embedded().endpoints.iter().filter(probed).cloned().collect()
}

fn added() -> Endpoint {
    Endpoint {
        component: Component::Diagnostics,
        url: ProbeUrl::parse(ADDED).unwrap(),
        method: Method::Get,
        expect: Expectation::Any,
        evidence: Vec::new(),
        trust: Trust::Any,
        serves: None,
        ..embedded().endpoints[0].clone()
    }
}

/// The genuine answers, but one hop for each endpoint, of hosts that have one chain for each kind of trust: the model knows
/// hosts by what is wrong with them, and an answer that takes two is `tests/it`'s business.
fn serve(lab: &Lab, endpoints: &[Endpoint]) -> Vec<ProbeUrl> {
    let catalog = endpoints.iter().filter(|endpoint| endpoint.url.as_str() != ADDED);
    lab.serve_all(catalog);
    for endpoint in endpoints {
        let (host, path) = (endpoint.url.host(), endpoint.url.path_and_query());
        if endpoint.follow_redirects > 0 {
            let status = if endpoint.range { 206 } else { 200 };
            lab.tls.set(host, path, Response::new(status).header("Content-Range", "bytes 0-0/1").body("M"));
        }
        if endpoint.url.as_str() == ADDED {
            lab.origin(&endpoint.url).set(host, path, Response::new(200));
        }
        if endpoint.url.scheme() == Scheme::Https {
            lab.tls.set_authority(host, authority(endpoint.trust));
        }
    }
    endpoints.iter().map(|endpoint| endpoint.url.clone()).collect()
}

fn authority(trust: Trust) -> Authority {
    if trust == Trust::Microsoft { Authority::Microsoft2011 } else { Authority::DigicertG2 }
}

impl World {
    /// Starts it, sound.
    pub async fn start() -> Self {
        let lab = Arc::new(Lab::start_at(SystemTime::now()).await);
        let mut endpoints = catalog();
        endpoints.push(added());
        let urls = serve(&lab, &endpoints);
        let mut connect_to = lab.connect_to(&urls);
        let known = |(from, to): (&HostPort, &ConnectTo)| match to {
            ConnectTo::Address(to) => Some((from.to_string(), *to)),
            ConnectTo::Name(_) => None,
        };
        let known: Vec<(String, SocketAddr)> = connect_to.iter().filter_map(known).collect();
        let proxy = Proxy::start(Kind::Http, known);
        for endpoint in endpoints.iter().filter(|endpoint| is_named(endpoint.component)) {
            let addr = lab.origin(&endpoint.url).addr();
            let name = name_of(endpoint.url.host());
            lab.dns.set(&name, Answer::address(addr.ip()));
            connect_to.insert(host_port(&endpoint.url), ConnectTo::Name(named(&name, addr.port())));
        }
        let feed = feed::Server::start(Arc::clone(&lab.pki));
        connect_to.insert(host_port(&ProbeUrl::parse(feed::URL).unwrap()), ConnectTo::Address(feed.addr()));
        lab.serve_issuer_reply(Issuer::Intermediate(Authority::EccProduct2018), Response::new(404));
        std::fs::write(lab.files().join("inspector.pem"), lab.pki.root_pem(Authority::Inspector)).unwrap();
        let world = Self { lab, endpoints, feed, proxy, connect_to };
        world.tell_revocation(&BTreeSet::new());
        world.write(&State::default());
        world
    }

    /// Whether the direct route to a URL uses DNS.
    pub fn named(&self, url: &ProbeUrl) -> bool {
        matches!(self.connect_to.get(&host_port(url)), Some(ConnectTo::Name(_)))
    }

    /// Where things may go wrong.
    pub fn places(&self) -> Places {
        let catalog: Vec<_> =
            self.endpoints.iter().filter(|endpoint| endpoint.url.as_str() != ADDED).collect();
        let servers: BTreeSet<Server> = catalog.iter().map(|endpoint| server(endpoint)).collect();
        let names = self.connect_to.values().filter_map(|to| match to {
            ConnectTo::Name(to) => Some(to.host.clone()),
            ConnectTo::Address(_) => None,
        });
        Places {
            servers: servers.into_iter().collect(),
            bodiless: catalog.iter().filter(|e| e.method == Method::Head).map(|e| server(e)).collect(),
            names: names.collect::<BTreeSet<_>>().into_iter().collect(),
            endpoints: catalog
                .iter()
                .map(|e| (e.component.as_str().to_owned(), e.url.as_str().to_owned()))
                .collect(),
        }
    }

    /// The configuration file.
    pub fn file(&self) -> std::path::PathBuf {
        self.lab.files().join("exporter.yaml")
    }

    /// Writes the configuration.
    pub fn write(&self, state: &State) {
        let refresh = if state.variant == Variant::Repaced { OTHER_REFRESH } else { REFRESH };
        let proxied: Vec<_> = PROXIED.iter().map(|component| component.as_str()).collect();
        let endpoints = match &state.variant {
            Variant::Plain | Variant::Repaced => String::new(),
            Variant::Without(component, url) => {
                format!("endpoints: [{{ component: {component}, url: \"{url}\", enabled: false }}]\n")
            }
            Variant::Added => format!("endpoints: [{{ component: diagnostics, url: \"{ADDED}\" }}]\n"),
        };
        let refused = if state.refused { "colour: red\n" } else { "" };
        let text = format!(
            "{}{refused}\
             routes:\n  - {{ name: {DIRECT} }}\n  - {{ name: {PROXY}, proxy: \"http://{}\", components: [{}] }}\n\
             signatures: {{ feeds: [\"{}\"], interval: 5m, installed: none }}\n{endpoints}",
            pace(INTERVAL, TIMEOUT, 128),
            self.proxy.addr(),
            proxied.join(", "),
            feed::URL,
        );
        let tls = format!(
            "tls:\n  crl_refresh: {refresh:?}\n  extra_roots: [inspector.pem]\n  issuer_hosts: [\"*.pki.lab\"]\n"
        );
        let lab = self.lab.yaml(&self.connect_to).replace("tls:\n", &tls);
        std::fs::write(self.file(), text + &lab).unwrap();
    }

    /// Serves lists and answers that end soon; to be called again and again.
    pub fn tell_revocation(&self, revoked: &BTreeSet<String>) {
        let now = SystemTime::now();
        let (made, end) = (now - Duration::from_secs(60), Some(now + VALID));
        for authority in [Authority::Microsoft2011, Authority::EccProduct2018, Authority::DigicertG2] {
            for issuer in [Issuer::Root(authority), Issuer::Intermediate(authority)] {
                let serials: Vec<_> = match issuer {
                    Issuer::Root(_) => Vec::new(),
                    Issuer::Intermediate(_) => {
                        revoked.iter().map(|host| Leaf::new(host, authority).serial()).collect()
                    }
                };
                let entries = serials.iter().map(|serial| Revoked {
                    serial: serial.clone(),
                    at: made,
                    reason: None,
                    certificate_issuer: None,
                });
                let crl = Crl {
                    this_update: made,
                    next_update: end,
                    revoked: entries.collect(),
                    ..self.lab.pki.sound_crl(issuer)
                };
                self.lab.serve_crl(issuer, &crl);
                if authority == Authority::DigicertG2 {
                    let ocsp =
                        Ocsp { this_update: made, next_update: end, revoked: serials, ..Ocsp::good(now) };
                    self.lab.serve_ocsp(issuer, &ocsp);
                }
            }
        }
    }

    /// Puts into effect what is different; all but the configuration, which is written.
    pub async fn enforce(&self, before: &State, after: &State) {
        for (host, tls) in before.hosts.keys().chain(after.hosts.keys()) {
            let origin = if *tls { &self.lab.tls } else { &self.lab.plain };
            let server = (host.clone(), *tls);
            if before.hosts.get(&server) != after.hosts.get(&server) {
                origin.heal_host(host);
                if let Some(fault) = after.hosts.get(&server) {
                    self.break_host(origin, host, *fault);
                }
            }
        }
        for name in before.names.keys().chain(after.names.keys()) {
            let sound = Answer::address(Ipv4Addr::LOCALHOST);
            self.lab.dns.set(name, after.names.get(name).map_or(sound, |fault| answer(*fault)));
        }
        match (before.dns_gone, after.dns_gone) {
            (false, true) => self.lab.dns.stop().await,
            (true, false) => self.lab.dns.restart().await,
            _ => {}
        }
        self.feed.say(after.feed);
        open(&self.lab.tls, before.tls, after.tls).await;
        open(&self.lab.plain, before.plain, after.plain).await;
        if before.proxy != after.proxy {
            self.order_proxy(before.proxy, after.proxy).await;
        }
        for (source, host) in [(Source::Crl, CRL_HOST), (Source::Crl2, CRL2_HOST), (Source::Ocsp, OCSP_HOST)]
        {
            match (before.blocked.contains(&source), after.blocked.contains(&source)) {
                (false, true) => self.lab.forwarder(host).block().await,
                (true, false) => self.lab.forwarder(host).open().await,
                _ => {}
            }
        }
        if (&before.variant, before.refused, before.reloads) != (&after.variant, after.refused, after.reloads)
        {
            self.write(after);
        }
    }

    fn break_host(&self, origin: &Origin, host: &str, fault: F) {
        let mut trust = self
            .endpoints
            .iter()
            .filter(|e| e.url.host() == host && e.url.scheme() == Scheme::Https)
            .map(|e| e.trust);
        let own = authority(trust.next_back().unwrap_or(Trust::Public));
        let page = |text: &str| Fault::from(Response::new(200).body(text));
        let ecc = Authority::EccProduct2018;
        origin.break_host(
            host,
            match fault {
                F::HandshakeSilent => Handshake::Silent.into(),
                F::HandshakeClosed => Handshake::End(End::Close).into(),
                F::HandshakeReset => Handshake::End(End::Reset).into(),
                F::HandshakeAlert => Handshake::alert(40).into(),
                F::NotTls => Handshake::plain_http().into(),
                F::Expired => Fault::Certificate(own, Flaw::Expired),
                F::ExpiredIntermediate => Fault::Certificate(own, Flaw::ExpiredIntermediate),
                F::NotYetValid => Fault::Certificate(own, Flaw::NotYetValid),
                F::WrongName => Fault::Certificate(own, Flaw::WrongName),
                F::SelfSigned => Fault::Certificate(own, Flaw::SelfSigned),
                F::BadSignature => Fault::Certificate(own, Flaw::BadSignature),
                F::Completed => Fault::Certificate(own, Flaw::WithoutIntermediate),
                F::Intercepted => Fault::Certificate(Authority::Inspector, Flaw::None),
                F::Incomplete => Fault::Certificate(ecc, Flaw::WithoutIntermediate),
                F::Renewed => Fault::Certificate(ecc, Flaw::None),
                F::AnswerSilent => faults::silent().into(),
                F::AnswerClosed => faults::end(End::Close).into(),
                F::AnswerReset => faults::end(End::Reset).into(),
                F::AnswerGarbage => faults::garbage_head().into(),
                F::HugeHead => faults::huge_head(200_000).into(),
                F::ProxyDemand => faults::proxy_authentication().into(),
                F::CaptivePortal => Response::new(511).into(),
                F::ServerError => Response::new(500).into(),
                F::OtherContent => page("<html><body>Welcome</body></html>"),
                F::BlockPage => page("<html>FortiGuard Intrusion Prevention</html>"),
                F::RedirectAway => Response::redirect(302, "http://portal.example/").into(),
                F::BodySilent => faults::silent_mid_body().into(),
                F::BodyClosed => faults::end_mid_body(End::Close).into(),
                F::BodyReset => faults::end_mid_body(End::Reset).into(),
                F::BodyTooLarge => faults::big_body(3_000_000).into(),
                F::BadChunk => faults::bad_chunk().into(),
            },
        );
    }

    async fn order_proxy(&self, before: Option<ProxyFault>, after: Option<ProxyFault>) {
        if before == Some(ProxyFault::Shut) {
            self.proxy.reopen().await;
        }
        self.proxy.order(match after {
            None | Some(ProxyFault::Shut) => Order::Pass,
            Some(ProxyFault::Demand) => Order::Reply(demand()),
            Some(ProxyFault::BadGateway) => {
                let own = "lab; error=connection_refused";
                Order::Reply(Response::new(502).header("Proxy-Status", own).into())
            }
            Some(ProxyFault::Bare502) => Order::Reply(Response::new(502).into()),
            Some(ProxyFault::Closed) => Order::Reply(faults::end(End::Close)),
            Some(ProxyFault::Late) => Order::Late(TIMEOUT + Duration::from_secs(2)),
        });
        if after == Some(ProxyFault::Shut) {
            self.proxy.shut().await;
        }
    }
}

/// Whether the direct route to a component's endpoints uses DNS; the others have a fixed address.
fn is_named(component: Component) -> bool {
    matches!(component, Component::Maps | Component::Crl | Component::Adl)
}

fn server(endpoint: &Endpoint) -> Server {
    (endpoint.url.host().to_owned(), endpoint.url.scheme() == Scheme::Https)
}

fn answer(fault: NameFault) -> Answer {
    match fault {
        NameFault::Nxdomain => Answer::Nxdomain,
        NameFault::NoData => Answer::NoData,
        NameFault::Servfail => Answer::Servfail,
        NameFault::Refused => Answer::Refused,
        NameFault::Silence => Answer::Silence,
        NameFault::Moved => Answer::address(IpAddr::from([127, 0, 0, 77])),
    }
}

async fn open(origin: &Origin, before: Option<ListenerFault>, after: Option<ListenerFault>) {
    if before == after {
        return;
    }
    if matches!(before, Some(ListenerFault::Shut | ListenerFault::Jammed)) {
        origin.restart().await;
    }
    origin.set_accept(match after {
        Some(ListenerFault::Reset) => Accept::Reset,
        Some(ListenerFault::Closed) => Accept::Close,
        Some(ListenerFault::Silent) => Accept::Silent,
        None | Some(ListenerFault::Shut | ListenerFault::Jammed) => Accept::Normal,
    });
    match after {
        Some(ListenerFault::Shut) => origin.stop().await,
        Some(ListenerFault::Jammed) => origin.jam().await,
        _ => {}
    }
}
