//! The facts of one probe that can be the cause of failures: what it went through, down to the failed phase.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::catalog::{ProbeUrl, Scheme};
use crate::observation::{
    AttemptTarget, DIRECT, Facts, Failure, FailureReason as R, HopFacts, LookupFacts, Observation, Phase,
    TlsFacts,
};
use crate::plan::Target;
use crate::string_enum::string_enum;
use crate::text::clean;

/// The length of the prefix that stands for one network's edge: the longest that is announced on the Internet.
const IPV4_PREFIX: u8 = 24;
const IPV6_PREFIX: u8 = 48;

/// The port of DNS, which values omit.
const DNS_PORT: u16 = 53;

string_enum! {
    /// The kinds of facts, the most specific first. Of several facts that explain the same failures, the first kind is
    /// named: one machine that somebody runs before one name, one name before a network, a network before a property
    /// that many hosts have, and the phase last, since it is a symptom and no place to repair.
    CauseKind {
        /// The DNS server that decided the lookup. Only of failures in phase resolve.
        Resolver = "resolver",
        /// The proxy.
        Proxy = "proxy",
        /// The search domain that completed the name of a proxy, or another short name.
        SearchSuffix = "search_suffix",
        /// The issuer of the presented certificate. Only of failures before an HTTP response.
        Issuer = "issuer",
        /// A name that the host is an alias of (CNAME).
        CnameTarget = "cname_target",
        /// The network of the address: /24 or /48.
        AddressPrefix = "address_prefix",
        /// The TLS version. Only of failures before an HTTP response.
        TlsVersion = "tls_version",
        /// The port of the endpoint.
        Port = "port",
        /// The route.
        Route = "route",
        /// The phase that failed.
        Phase = "phase",
    }
}

/// A fact. The order of the variants is that of [`CauseKind`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Fact<'a> {
    Resolver(SocketAddr),
    Proxy(&'a str),
    SearchSuffix(&'a str),
    Issuer(&'a str),
    CnameTarget(&'a str),
    AddressPrefix(IpNet),
    TlsVersion(&'a str),
    Port(u16),
    Route(&'a str),
    Phase(Phase),
}

impl Fact<'_> {
    pub(super) const fn kind(&self) -> CauseKind {
        match self {
            Self::Resolver(_) => CauseKind::Resolver,
            Self::Proxy(_) => CauseKind::Proxy,
            Self::SearchSuffix(_) => CauseKind::SearchSuffix,
            Self::Issuer(_) => CauseKind::Issuer,
            Self::CnameTarget(_) => CauseKind::CnameTarget,
            Self::AddressPrefix(_) => CauseKind::AddressPrefix,
            Self::TlsVersion(_) => CauseKind::TlsVersion,
            Self::Port(_) => CauseKind::Port,
            Self::Route(_) => CauseKind::Route,
            Self::Phase(_) => CauseKind::Phase,
        }
    }

    /// The value as a label. Names from the network are cleaned and truncated.
    pub(super) fn value(&self) -> String {
        match self {
            Self::Resolver(server) if server.port() == DNS_PORT => server.ip().to_string(),
            Self::Resolver(server) => server.to_string(),
            Self::Proxy(text)
            | Self::SearchSuffix(text)
            | Self::Issuer(text)
            | Self::CnameTarget(text)
            | Self::TlsVersion(text)
            | Self::Route(text) => clean(text),
            Self::AddressPrefix(network) => network.to_string(),
            Self::Port(port) => port.to_string(),
            Self::Phase(phase) => phase.to_string(),
        }
    }
}

/// One hop of a probe.
struct Hop<'a> {
    port: Option<u16>,
    lookup: &'a LookupFacts,
    proxy: Option<&'a str>,
    aliases: &'a [String],
    peer: Option<SocketAddr>,
    tls: Option<&'a TlsFacts>,
}

impl<'a> Hop<'a> {
    /// The hop that the facts describe.
    fn described(target: &Target, facts: &'a Facts) -> Self {
        let url = facts.hops.get(facts.hop).filter(|_| facts.hop > 0).map(|hop| hop.url.as_str());
        Self {
            port: url.map_or_else(|| Some(target.endpoint.url.port()), port),
            lookup: &facts.lookup,
            proxy: facts.proxy.as_deref().filter(|proxy| *proxy != DIRECT),
            aliases: &facts.aliases,
            peer: facts.peer,
            tls: facts.tls.as_ref(),
        }
    }

    fn new(hop: &'a HopFacts) -> Self {
        Self {
            port: port(&hop.url),
            lookup: &hop.lookup,
            proxy: hop.proxy.as_deref().filter(|proxy| *proxy != DIRECT),
            aliases: &hop.aliases,
            peer: hop.peer,
            tls: hop.tls.as_ref(),
        }
    }

    /// The network of its own address. A proxy's address is none.
    fn prefix(&self) -> Option<Fact<'a>> {
        self.peer.filter(|_| self.proxy.is_none()).map(|peer| prefix(peer.ip()))
    }

    fn issuer(&self) -> Option<Fact<'a>> {
        self.tls?.chain.first().map(|leaf| Fact::Issuer(&leaf.issuer))
    }
}

fn port(url: &str) -> Option<u16> {
    ProbeUrl::parse(url).ok().map(|url| url.port())
}

fn prefix<'a>(address: IpAddr) -> Fact<'a> {
    let address = address.to_canonical();
    let length = if address.is_ipv4() { IPV4_PREFIX } else { IPV6_PREFIX };
    Fact::AddressPrefix(IpNet::new_assert(address, length).trunc())
}

/// Adds what a success went through, over all of its hops: facts that can't be at fault.
pub(super) fn add_cleared<'a>(found: &mut BTreeSet<Fact<'a>>, target: &'a Target, probe: &'a Observation) {
    let facts = &probe.facts;
    let own = facts.hops.is_empty().then(|| Hop::described(target, facts));
    for hop in own.into_iter().chain(facts.hops.iter().map(Hop::new)) {
        found.extend(hop.lookup.resolver.map(Fact::Resolver));
        found.extend(hop.lookup.search_suffix.as_deref().map(Fact::SearchSuffix));
        found.extend(hop.proxy.map(Fact::Proxy));
        found.extend(hop.aliases.iter().map(|name| Fact::CnameTarget(name)));
        found.extend(hop.prefix());
        found.extend(hop.port.map(Fact::Port));
        found.extend(hop.tls.and_then(|tls| tls.version).map(Fact::TlsVersion));
        // An inspector that breaks one service may leave another alone: sample storage, which Microsoft wants inspected.
        found.extend(hop.issuer().filter(|_| !hop.tls.is_some_and(|tls| tls.intercepted)));
    }
}

/// What a failure went through up to the failed phase, and could have been caused by.
pub(super) fn of_failure<'a>(target: &'a Target, probe: &'a Observation, failure: &Failure) -> Vec<Fact<'a>> {
    let (facts, hop) = (&probe.facts, Hop::described(target, &probe.facts));
    let mut found = vec![Fact::Route(&target.route.name), Fact::Phase(failure.phase)];
    let is_resolving = failure.phase == Phase::Resolve;
    // A proxy whose name doesn't exist is the proxy's fault.
    let by_resolver = is_resolving && (hop.proxy.is_none() || is_servers_own(failure.reason));
    found.extend(hop.lookup.resolver.filter(|_| by_resolver).map(Fact::Resolver));
    found.extend(hop.lookup.search_suffix.as_deref().map(Fact::SearchSuffix));
    found.extend(hop.proxy.map(Fact::Proxy));
    found.extend(hop.aliases.iter().map(|name| Fact::CnameTarget(name)));
    if !is_resolving && !probe.failed_at_proxy() {
        found.extend(hop.prefix());
        found.extend(tried(facts).filter(|_| hop.proxy.is_none()));
        found.extend(hop.port.map(Fact::Port));
    }
    if failure.phase == Phase::Tls || facts.http.is_none() {
        found.extend(hop.issuer());
        found.extend(hop.tls.and_then(|tls| tls.version).map(Fact::TlsVersion));
    }
    let mut seen = BTreeSet::new();
    found.retain(|fact| seen.insert(*fact));
    found
}

/// The networks of the addresses that failed beside the one that counts.
fn tried<'a>(facts: &Facts) -> impl Iterator<Item = Fact<'a>> {
    facts.failed_attempts.iter().filter_map(|attempt| match &attempt.target {
        AttemptTarget::Address(address) => Some(prefix(address.ip())),
        _ => None,
    })
}

/// The fact that a failure proves to be at fault without any success to compare it with: the machine that gave no usable
/// answer, or the authority that nobody trusts.
pub(super) fn proven<'a>(target: &'a Target, probe: &'a Observation, failure: &Failure) -> Option<Fact<'a>> {
    let hop = Hop::described(target, &probe.facts);
    match (failure.phase, failure.reason) {
        (Phase::Resolve, reason) if hop.proxy.is_none() || is_servers_own(reason) => {
            hop.lookup.resolver.map(Fact::Resolver)
        }
        (Phase::Tls, R::Intercepted | R::UnknownIssuer) => hop.issuer(),
        (Phase::Resolve | Phase::Connect | Phase::Tunnel, _)
        | (_, R::AuthRequired | R::Denied | R::BadGateway) => hop.proxy.map(Fact::Proxy),
        _ => None,
    }
}

/// Whether a lookup failed for the DNS server's own reasons, not for the name's.
const fn is_servers_own(reason: R) -> bool {
    !matches!(reason, R::Nxdomain | R::NoData | R::Sinkhole)
}

/// Whether a target's probes go through the network of its route.
pub(super) fn is_of_network(target: &Target) -> bool {
    target.endpoint.url.scheme() != Scheme::Folder
}
