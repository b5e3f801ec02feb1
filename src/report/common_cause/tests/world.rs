//! A made network: the catalog's endpoints on two routes, each with a path through servers, names and networks that follow
//! from its name and a salt. Faults are data: what they hit, and in which phase.

use std::net::SocketAddr;

use crate::catalog::Scheme;
use crate::observation::{
    CertificateFacts, Facts, Failure, FailureReason as R, HttpFacts, Phase as S, PhaseOutcome, TlsFacts,
};
use crate::plan::schedule::name_hash;
use crate::plan::{Target, TargetId};
use crate::report::CauseKind;
use crate::report::simulation::{self, at};
use crate::state::Snapshot;

/// The routes: without a proxy, and as a PAC script decides.
pub(super) const ROUTES: [&str; 2] = ["direct", "pac"];

const RESOLVER: &str = "10.0.0.53:53";
/// By the address and by short names.
const PROXIES: [&str; 3] = ["http://10.0.0.8:8080", "http://cache:8080", "http://cache2:8080"];
const SUFFIX: &str = "corp.example";
const INSPECTOR: &str = "CN=Filter CA, O=Example";

/// What a probe of one target goes through.
pub(super) struct Path {
    route: String,
    host: String,
    pub(super) resolver: Option<SocketAddr>,
    proxy: Option<&'static str>,
    search_suffix: Option<&'static str>,
    aliases: Vec<String>,
    peer: SocketAddr,
    port: u16,
    version: Option<&'static str>,
    issuer: Option<String>,
    /// What else tells hosts apart, for faults that hit some of them.
    lot: u64,
}

impl Path {
    fn new(target: &Target, salt: u64) -> Self {
        // Every digit of the hash decides one thing, so that nothing follows from anything else.
        let mut digits = name_hash(target).wrapping_add(salt.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        digits ^= digits >> 29;
        let mut digit = |of: u64| {
            let digit = digits % of;
            digits /= of;
            digit
        };
        let is_direct = target.route.name == ROUTES[0];
        let is_https = target.endpoint.url.scheme() == Scheme::Https;
        let proxy = PROXIES[usize::try_from(digit(3)).expect("a digit")];
        let is_short = proxy != PROXIES[0];
        let resolves = is_direct || is_short;
        let (traffic, edge, network) = (digit(5), digit(7), digit(5));
        let port = target.endpoint.url.port();
        let peer = if is_direct {
            format!("198.51.{network}.{}:{port}", 10 + digit(40))
        } else {
            "10.0.0.8:8080".to_owned()
        };
        let aliases = vec![format!("service{traffic}.trafficmanager.example"), format!("edge{edge}.example")];
        let version = if digit(4) == 0 { "TLSv1.2" } else { "TLSv1.3" };
        Self {
            route: target.route.name.clone(),
            host: target.endpoint.url.host().to_owned(),
            resolver: resolves.then(|| RESOLVER.parse().expect("an address")),
            proxy: (!is_direct).then_some(proxy),
            search_suffix: (!is_direct && is_short).then_some(SUFFIX),
            aliases: if is_direct { aliases } else { Vec::new() },
            peer: peer.parse().expect("an address"),
            port,
            version: is_https.then_some(version),
            issuer: is_https.then(|| format!("CN=Genuine CA {}", digit(3))),
            lot: digit(6),
        }
    }

    /// Whether it has a fact, by the label's value.
    pub(super) fn has(&self, kind: CauseKind, value: &str) -> bool {
        match kind {
            CauseKind::Resolver => self.resolver.is_some_and(|server| server.ip().to_string() == value),
            CauseKind::Proxy => self.proxy == Some(value),
            CauseKind::SearchSuffix => self.search_suffix == Some(value),
            CauseKind::Host => self.host == value,
            CauseKind::Issuer => self.issuer.as_deref() == Some(value),
            CauseKind::CnameTarget => self.aliases.iter().any(|name| name == value),
            CauseKind::AddressPrefix => {
                let network: ipnet::IpNet = value.parse().expect("a network");
                self.proxy.is_none() && network.contains(&self.peer.ip())
            }
            CauseKind::TlsVersion => self.version == Some(value),
            CauseKind::Port => self.port.to_string() == value,
            CauseKind::Route => self.route == value,
            CauseKind::Phase => false,
        }
    }
}

/// A single fault, the fact that it sits at, and how it shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) kind: CauseKind,
    pub(super) value: &'static str,
    hits: fn(&Path) -> bool,
    phase: S,
    reason: R,
}

const fn fault(
    kind: CauseKind,
    value: &'static str,
    hits: fn(&Path) -> bool,
    (phase, reason): (S, R),
) -> Fault {
    Fault { kind, value, hits, phase, reason }
}

fn is_direct(path: &Path) -> bool {
    path.proxy.is_none()
}

/// The twelve single faults.
pub(super) const FAULTS: [Fault; 12] = [
    // A name server that is down, for the endpoints and for the names of proxies.
    fault(CauseKind::Resolver, "10.0.0.53", |path| path.resolver.is_some(), (S::Resolve, R::Timeout)),
    fault(CauseKind::Proxy, PROXIES[0], |path| path.proxy == Some(PROXIES[0]), (S::Connect, R::Refused)),
    // A wildcard of the search domain answers for every short name, with an address where no proxy is.
    fault(CauseKind::SearchSuffix, SUFFIX, |path| path.search_suffix.is_some(), (S::Connect, R::Timeout)),
    fault(
        CauseKind::Issuer,
        INSPECTOR,
        |path| is_direct(path) && path.issuer.is_some(),
        (S::Tls, R::Intercepted),
    ),
    fault(
        CauseKind::CnameTarget,
        "service2.trafficmanager.example",
        |path| path.aliases.iter().any(|name| name == "service2.trafficmanager.example"),
        (S::Connect, R::Timeout),
    ),
    fault(
        CauseKind::AddressPrefix,
        "198.51.3.0/24",
        |path| is_direct(path) && path.peer.to_string().starts_with("198.51.3."),
        (S::Connect, R::Timeout),
    ),
    // A middlebox that breaks the older version.
    fault(
        CauseKind::TlsVersion,
        "TLSv1.2",
        |path| is_direct(path) && path.version == Some("TLSv1.2"),
        (S::Tls, R::Reset),
    ),
    fault(CauseKind::Port, "80", |path| is_direct(path) && path.port == 80, (S::Connect, R::Refused)),
    fault(CauseKind::Route, "direct", is_direct, (S::Connect, R::Timeout)),
    // Filters that hit hosts which have nothing else in common: all that can be named is where they fail.
    fault(CauseKind::Phase, "resolve", |path| is_direct(path) && path.lot == 0, (S::Resolve, R::Nxdomain)),
    fault(CauseKind::Phase, "connect", |path| is_direct(path) && path.lot == 1, (S::Connect, R::Reset)),
    fault(CauseKind::Phase, "request", |path| is_direct(path) && path.lot == 2, (S::Request, R::BlockPage)),
];

/// A round of probes under these faults, and the path of each target.
pub(super) struct World {
    pub(super) snapshot: Snapshot,
    pub(super) paths: Vec<Path>,
}

impl World {
    pub(super) fn new(faults: &[Fault], salt: u64) -> Self {
        let mut snapshot = simulation::fresh(&ROUTES);
        let plan = snapshot.plan.clone();
        let mut paths: Vec<_> = plan.targets.iter().map(|target| Path::new(target, salt)).collect();
        for (n, (path, target)) in paths.iter_mut().zip(&plan.targets).enumerate() {
            let hits: Vec<_> = faults.iter().filter(|fault| (fault.hits)(&*path)).collect();
            let inspects = hits.iter().any(|fault| fault.kind == CauseKind::Issuer);
            // Clients accept an inspector where Microsoft wants one.
            let harms =
                |fault: &&&Fault| fault.kind != CauseKind::Issuer || !target.endpoint.may_be_inspected;
            let first = hits.iter().filter(harms).min_by_key(|fault| fault.phase).map(|fault| **fault);
            if inspects {
                path.issuer = Some(INSPECTOR.to_owned());
            }
            simulation::observe(&mut snapshot, TargetId(n), 10, |facts| {
                let genuine = facts.http.take();
                *facts = path.facts(first, inspects, genuine);
                first.map(|fault| Failure::new(fault.phase, fault.reason, ""))
            });
        }
        Self { snapshot, paths }
    }
}

impl Path {
    /// What a probe learns down to the phase in which it fails, if it does.
    fn facts(&self, fault: Option<Fault>, inspects: bool, http: Option<HttpFacts>) -> Facts {
        let failed = fault.map(|fault| fault.phase);
        let reaches = |phase| failed.is_none_or(|failed| failed >= phase);
        let answers = failed.is_none() || fault.is_some_and(|fault| fault.reason == R::BlockPage);
        let mut facts = Facts { proxy: self.proxy.map(str::to_owned), ..Facts::default() };
        facts.lookup.resolver = self.resolver;
        if let Some(phase) = failed {
            facts.timings.record(phase, PhaseOutcome::Failed, std::time::Duration::from_millis(5));
        }
        if reaches(S::Connect) {
            facts.lookup.search_suffix = self.search_suffix.map(str::to_owned);
            facts.aliases.clone_from(&self.aliases);
            facts.peer = Some(self.peer);
        }
        if reaches(S::Tls)
            && let Some(issuer) = &self.issuer
        {
            let leaf = CertificateFacts {
                subject: "CN=leaf".to_owned(),
                issuer: issuer.clone(),
                not_before: at(0),
                not_after: at(86_400),
            };
            facts.tls = Some(TlsFacts {
                verified: true,
                intercepted: inspects,
                version: self.version,
                chain: [leaf].into(),
                ..TlsFacts::default()
            });
        }
        facts.http = http.filter(|_| answers);
        facts
    }
}
