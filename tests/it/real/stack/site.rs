//! A site: the lab's Internet, an exporter, and its current outage.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::{Component, Endpoint};
use defender_exporter::config::{ConnectTo, HostPort};

use super::{Tempo, free_port};
use crate::exporter::{Exporter, endpoints};
use crate::lab::dns::Answer;
use crate::lab::faults::Fault;
use crate::lab::pki::pointers::CRL_HOST;
use crate::lab::pki::{Authority, Flaw};
use crate::lab::proxy::{Kind, Order, Proxy};
use crate::lab::{Lab, host_port, named};
use crate::on_premises_sources::{answer_as_cache, answer_as_wsus};

/// What is probed every two minutes of the rules' copy.
const PROBED: &str =
    "geos: [us]\ncomponents:\n  submission: { enabled: false }\n  diagnostics: { enabled: false }\n";

/// Where nobody listens.
const NOBODY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

/// The servers of a company.
const WSUS: &str = "wsus.corp.example";
const CACHE: &str = "cache.corp.example";
/// From this age on, a package on a file share is outdated.
const OUTDATED: Duration = Duration::from_secs(8 * 24 * 60 * 60);

/// The outages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// Nothing.
    None,
    /// A firewall rejects MAPS.
    MapsRefused,
    /// CRLs that aren't cached can't be fetched.
    CrlBlocked,
    /// TLS of MAPS is inspected, by an authority that this machine trusts.
    Intercepted,
    /// TLS of every component is inspected, by that authority.
    AllIntercepted,
    /// The second route's proxy demands authentication.
    ProxyDemands,
    /// A firewall rejects Microsoft Update and the alternate download location. The exporter checks no revocation here: what it
    /// says of it elsewhere is absent.
    UpdatesRefused,
    /// The exporter is gone.
    Killed,
}

impl Outage {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::None,
        Self::MapsRefused,
        Self::CrlBlocked,
        Self::Intercepted,
        Self::AllIntercepted,
        Self::ProxyDemands,
        Self::UpdatesRefused,
        Self::Killed,
    ];

    /// The site's name, and by default the instance of its exporter.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "sound",
            Self::MapsRefused => "maps-refused",
            Self::CrlBlocked => "crl-blocked",
            Self::Intercepted => "intercepted",
            Self::AllIntercepted => "all-intercepted",
            Self::ProxyDemands => "proxy-demands",
            Self::UpdatesRefused => "updates-refused",
            Self::Killed => "killed",
        }
    }

    fn refused(self) -> &'static [Component] {
        match self {
            Self::MapsRefused => &[Component::Maps],
            Self::UpdatesRefused => &[Component::Update, Component::Adl],
            Self::CrlBlocked => &[Component::Crl],
            Self::None | Self::Intercepted | Self::AllIntercepted | Self::ProxyDemands | Self::Killed => &[],
        }
    }
}

/// The site. It ends with the value.
pub struct Site {
    outage: Outage,
    tempo: Tempo,
    lab: Lab,
    proxy: Option<Proxy>,
    exporter: Option<Exporter>,
    port: u16,
    file: PathBuf,
    cluster: Option<&'static str>,
    /// Whether clients update from the company's own sources.
    has_company_sources: bool,
}

impl Site {
    /// Starts one for this outage, sound; but a blocked list is only missed by an exporter that never had it.
    pub async fn start(outage: Outage, tempo: Tempo) -> Self {
        Self::start_with(outage, tempo, false).await
    }

    /// Starts one whose clients update from WSUS, the alternate download location, a file share and a cache. The outage is of the
    /// last two: the package is outdated, and a firewall rejects the cache.
    pub async fn start_with_company_sources(tempo: Tempo) -> Self {
        Self::start_with(Outage::None, tempo, true).await
    }

    async fn start_with(outage: Outage, tempo: Tempo, has_company_sources: bool) -> Self {
        let lab = Lab::start_at(SystemTime::now()).await;
        let probed = |endpoint: &&Endpoint| {
            !matches!(endpoint.component, Component::Submission | Component::Diagnostics)
        };
        let endpoints: Vec<_> = endpoints().into_iter().filter(probed).collect();
        let urls = lab.serve_all(endpoints.iter().copied());
        let proxy = (outage == Outage::ProxyDemands)
            .then(|| Proxy::start(Kind::Http, crate::exporter::proxies::names(&lab, &urls)));
        let file = lab.files().join("exporter.yaml");
        let (port, cluster) = (free_port(), None);
        let site =
            Self { outage, tempo, lab, proxy, exporter: None, port, file, cluster, has_company_sources };
        if has_company_sources {
            answer_as_wsus(&site.lab, WSUS);
            answer_as_cache(&site.lab, CACHE);
            site.age_package(Duration::ZERO);
        }
        std::fs::write(&site.file, site.configuration(&endpoints)).unwrap();
        site.answer(Ipv4Addr::LOCALHOST);
        let mut site = site;
        if outage == Outage::CrlBlocked {
            site.break_it().await;
        }
        site.run();
        site
    }

    /// Each component has a name of its own on the way to it, so that it can be lost alone.
    fn configuration(&self, endpoints: &[&Endpoint]) -> String {
        let way = |endpoint: &&Endpoint| -> (HostPort, ConnectTo) {
            let port = self.lab.origin(&endpoint.url).addr().port();
            (host_port(&endpoint.url), ConnectTo::Name(named(&name(endpoint.component), port)))
        };
        let port = self.lab.plain.addr().port();
        let company = [(WSUS, 8530, Component::Wsus), (CACHE, 80, Component::ConnectedCache)];
        let company = company
            .map(|(host, own, component)| (named(host, own), ConnectTo::Name(named(&name(component), port))));
        let connect_to: BTreeMap<_, _> =
            self.lab.connect_to_forwarders().chain(endpoints.iter().map(way)).chain(company).collect();
        let routes = self.proxy.as_ref().map_or_else(String::new, |proxy| {
            let proxy = proxy.addr();
            format!(
                "routes:\n  - {{ name: direct }}\n  - {{ name: machine-proxy, proxy: \"http://{proxy}\" }}\n"
            )
        });
        let inspector = self.lab.files().join("inspector.pem");
        std::fs::write(&inspector, self.lab.pki.root_pem(Authority::Inspector)).unwrap();
        let checks = self.outage != Outage::UpdatesRefused;
        let tls = format!("tls:\n  revocation: {checks}\n  extra_roots: [\"{}\"]\n", inspector.display());
        let interval = self.tempo.short(Duration::from_secs(2 * 60));
        let rhythm = format!("interval: {interval:?}\ntimeout: {:?}\n", interval * 19 / 20);
        let sources = if self.has_company_sources { self.sources() } else { String::new() };
        format!("{rhythm}{PROBED}{sources}{routes}{}", self.lab.yaml(&connect_to).replace("tls:\n", &tls))
    }

    /// The company's update sources, in the configuration.
    fn sources(&self) -> String {
        format!(
            "update_sources:\n  - internal_server: \"http://{WSUS}:8530\"\n  - adl\n  - file_share: '{}'\n  - connected_cache: \"http://{CACHE}\"\n",
            self.share().display()
        )
    }

    fn share(&self) -> PathBuf {
        self.lab.files().join("updates")
    }

    /// Puts a package of this age on the file share.
    fn age_package(&self, age: Duration) {
        let folder = self.share().join("x64");
        std::fs::create_dir_all(&folder).unwrap();
        let package = std::fs::File::create(folder.join("mpam-fe.exe")).unwrap();
        package.set_modified(SystemTime::now() - age).unwrap();
    }

    /// Where the exporter serves.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Puts its exporter into a cluster, as the service that each cluster has under the same name.
    pub const fn join(&mut self, cluster: &'static str) {
        self.cluster = Some(cluster);
    }

    /// The labels that Prometheus gives to its exporter, beside `job`.
    pub fn labels(&self) -> Vec<(&'static str, &'static str)> {
        match self.cluster {
            Some(cluster) => vec![("instance", "monitoring/defender-exporter"), ("cluster", cluster)],
            None => vec![("instance", self.name())],
        }
    }

    /// What it is called.
    pub const fn name(&self) -> &'static str {
        self.outage.name()
    }

    /// A text with `PROXY` in place of the proxy's address, whose port is another one each time.
    pub fn without_port(&self, text: &str) -> String {
        self.proxy
            .as_ref()
            .map_or_else(|| text.to_owned(), |proxy| text.replace(&proxy.addr().to_string(), "PROXY"))
    }

    /// How fast time runs around it.
    pub const fn tempo(&self) -> Tempo {
        self.tempo
    }

    /// The current outage.
    pub const fn outage(&self) -> Outage {
        self.outage
    }

    /// Lets the outage begin.
    pub async fn break_it(&mut self) {
        self.answer(NOBODY);
        match self.outage {
            Outage::CrlBlocked => self.lab.forwarder(CRL_HOST).block().await,
            Outage::Intercepted | Outage::AllIntercepted => {
                let all = self.outage == Outage::AllIntercepted;
                let inspected = |endpoint: &&&Endpoint| all || endpoint.component == Component::Maps;
                for endpoint in endpoints().iter().filter(inspected) {
                    let inspected = Fault::Certificate(Authority::Inspector, Flaw::None);
                    self.lab.tls.break_host(endpoint.url.host(), inspected);
                }
            }
            Outage::ProxyDemands => self.order(Order::Demand("nobody", "nothing")),
            Outage::Killed => self.exporter = None,
            Outage::None if self.has_company_sources => {
                self.age_package(OUTDATED);
                self.lab.dns.set(&name(Component::ConnectedCache), Answer::address(NOBODY));
            }
            Outage::None | Outage::MapsRefused | Outage::UpdatesRefused => {}
        }
    }

    /// Lets no name resolve any more, whatever the outage: DNS answers SERVFAIL.
    pub fn fail_names(&self) {
        self.lab.dns.reset(Answer::Servfail);
    }

    /// Lets it end.
    pub async fn heal(&mut self) {
        self.answer(Ipv4Addr::LOCALHOST);
        self.lab.tls.heal();
        match self.outage {
            Outage::CrlBlocked => self.lab.forwarder(CRL_HOST).open().await,
            Outage::ProxyDemands => self.order(Order::Pass),
            Outage::Killed => self.run(),
            _ => {}
        }
    }

    fn order(&self, order: Order) {
        self.proxy.as_ref().unwrap().order(order);
    }

    fn run(&mut self) {
        self.exporter = Some(Exporter::start_on(&self.address(), &self.file, |_| {}));
    }

    /// The way to what the outage is of leads here.
    fn answer(&self, to: Ipv4Addr) {
        let usual = Answer::address(Ipv4Addr::LOCALHOST);
        for component in Component::ALL {
            let lost = self.outage.refused().contains(component);
            self.lab.dns.set(&name(*component), if lost { Answer::address(to) } else { usual.clone() });
        }
    }
}

fn name(component: Component) -> String {
    format!("{component}.lab")
}
