//! The facts of one probe that can be the cause of failures: what it went through, down to the failed phase.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use crate::catalog::{ProbeUrl, Scheme};
use crate::observation::{
    AttemptTarget, DIRECT, Facts, Failure, FailureReason as R, LookupFacts, Observation, Phase, TlsFacts,
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
    /// named: one machine that somebody runs before one name, a name before a property that many hosts have, and the
    /// phase last, since it is a symptom and no place to repair. A network is a fact only of failures to connect, which
    /// depend on addresses, so it comes before the alias that leads there; in every other phase the alias is named.
    CauseKind {
        /// The DNS server that decided the lookup. Only of failures in phase resolve; none if several were asked and
        /// none of them decided.
        Resolver = "resolver",
        /// The proxy.
        Proxy = "proxy",
        /// The search domain that completed the short name of a proxy.
        SearchSuffix = "search_suffix",
        /// The host that failed: the endpoint's own, or one that it redirects to.
        Host = "host",
        /// The issuer of the presented certificate. Only of failures because of the certificate, and of those behind an
        /// inspector that no HTTP response came from.
        Issuer = "issuer",
        /// The network of the address: /24 or /48. Only of failures in phase connect.
        AddressPrefix = "address_prefix",
        /// A name that the host is an alias of (CNAME).
        CnameTarget = "cname_target",
        /// The TLS version. Only of failures in phase tls.
        TlsVersion = "tls_version",
        /// The port of the endpoint. Only of failures in phase connect, and of all through a proxy.
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
    Host(&'a str),
    Issuer(&'a str),
    AddressPrefix(IpNet),
    CnameTarget(&'a str),
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
            Self::Host(_) => CauseKind::Host,
            Self::Issuer(_) => CauseKind::Issuer,
            Self::AddressPrefix(_) => CauseKind::AddressPrefix,
            Self::CnameTarget(_) => CauseKind::CnameTarget,
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
            | Self::Host(text)
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
    host: &'a str,
    port: Option<u16>,
    lookup: &'a LookupFacts,
    proxy: Option<&'a str>,
    aliases: &'a [String],
    peer: Option<SocketAddr>,
    tls: Option<&'a TlsFacts>,
}

impl<'a> Hop<'a> {
    /// The hop that the facts describe.
    fn described(target: &'a Target, facts: &'a Facts) -> Self {
        let (host, port) = place(target, facts, facts.hop);
        Self {
            host,
            port,
            lookup: &facts.lookup,
            proxy: facts.proxy.as_deref().filter(|proxy| *proxy != DIRECT),
            aliases: &facts.aliases,
            peer: facts.peer,
            tls: facts.tls.as_ref(),
        }
    }

    /// The hops of a redirected probe.
    fn all(target: &'a Target, facts: &'a Facts) -> impl Iterator<Item = Self> {
        facts.hops.iter().enumerate().map(|(index, hop)| {
            let (host, port) = place(target, facts, index);
            Self {
                host,
                port,
                lookup: &hop.lookup,
                proxy: hop.proxy.as_deref().filter(|proxy| *proxy != DIRECT),
                aliases: &hop.aliases,
                peer: hop.peer,
                tls: hop.tls.as_ref(),
            }
        })
    }

    /// The network of its own address. A proxy's address is none.
    fn prefix(&self) -> Option<Fact<'a>> {
        self.peer.filter(|_| self.proxy.is_none()).map(|peer| prefix(peer.ip()))
    }

    fn issuer(&self) -> Option<Fact<'a>> {
        self.tls?.chain.first().map(|leaf| Fact::Issuer(&leaf.issuer))
    }

    fn is_inspected(&self) -> bool {
        self.tls.is_some_and(|tls| tls.intercepted)
    }

    /// What a lookup went through.
    fn of_lookup(&self) -> impl Iterator<Item = Fact<'a>> {
        let suffix = self.lookup.search_suffix.as_deref().map(Fact::SearchSuffix);
        self.lookup.resolver.map(Fact::Resolver).into_iter().chain(suffix)
    }

    /// What a completed connection went through.
    fn of_connection(&self) -> impl Iterator<Item = Fact<'a>> {
        self.prefix().into_iter().chain(self.port.map(Fact::Port))
    }

    /// What a completed handshake went through. An inspector that breaks one service may leave another alone: sample
    /// storage, which Microsoft wants inspected.
    fn of_handshake(&self) -> impl Iterator<Item = Fact<'a>> {
        let version = self.tls.and_then(|tls| tls.version).map(Fact::TlsVersion);
        version.into_iter().chain(self.issuer().filter(|_| !self.is_inspected()))
    }

    /// What a hop that got a response went through.
    fn clear(&self, cleared: &mut BTreeSet<Fact<'a>>) {
        cleared.extend(self.of_lookup());
        cleared.extend(self.proxy.map(Fact::Proxy));
        cleared.insert(Fact::Host(self.host));
        cleared.extend(self.aliases.iter().map(|name| Fact::CnameTarget(name)));
        cleared.extend(self.of_connection());
        cleared.extend(self.of_handshake());
    }
}

/// The host and the port of a hop.
fn place<'a>(target: &'a Target, facts: &'a Facts, hop: usize) -> (&'a str, Option<u16>) {
    let Some(redirect) = facts.hops.get(hop).filter(|_| hop > 0) else {
        return (target.endpoint.url.host(), Some(target.endpoint.url.port()));
    };
    let authority = redirect.authority.as_str();
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let host =
        authority.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(authority, |(host, _)| host);
    (host, ProbeUrl::parse(&redirect.url).ok().map(|url| url.port()))
}

fn prefix<'a>(address: IpAddr) -> Fact<'a> {
    let address = address.to_canonical();
    let length = if address.is_ipv4() { IPV4_PREFIX } else { IPV6_PREFIX };
    Fact::AddressPrefix(IpNet::new_assert(address, length).trunc())
}

/// Adds what a success went through, over all of its hops: facts that can't be at fault.
pub(super) fn add_cleared<'a>(cleared: &mut BTreeSet<Fact<'a>>, target: &'a Target, probe: &'a Observation) {
    let facts = &probe.facts;
    let own = facts.hops.is_empty().then(|| Hop::described(target, facts));
    own.into_iter().chain(Hop::all(target, facts)).for_each(|hop| hop.clear(cleared));
}

/// Adds what a failure went past: all of the earlier hops, and what worked in the hop that failed.
pub(super) fn add_passed<'a>(
    cleared: &mut BTreeSet<Fact<'a>>,
    target: &'a Target,
    probe: &'a Observation,
    failure: &Failure,
) {
    let (facts, hop) = (&probe.facts, Hop::described(target, &probe.facts));
    Hop::all(target, facts).take(facts.hop).for_each(|hop| hop.clear(cleared));
    if failure.phase > Phase::Resolve && hop.proxy.is_none() {
        cleared.extend(hop.of_lookup());
    }
    if failure.phase > Phase::Connect && hop.proxy.is_none() {
        cleared.extend(hop.of_connection());
    }
    if failure.phase > Phase::Tls {
        cleared.extend(hop.of_handshake());
    }
}

/// What a failure went through up to the failed phase, and could have been caused by.
pub(super) fn of_failure<'a>(target: &'a Target, probe: &'a Observation, failure: &Failure) -> Vec<Fact<'a>> {
    let (facts, hop) = (&probe.facts, Hop::described(target, &probe.facts));
    let mut found = vec![Fact::Route(&target.route.name), Fact::Phase(failure.phase)];
    let is_resolving = failure.phase == Phase::Resolve;
    // A proxy whose name doesn't exist is the proxy's fault; one whose name nobody was asked for successfully isn't.
    let by_server = is_resolving && is_servers_own(failure.reason);
    let by_resolver = is_resolving && (hop.proxy.is_none() || by_server);
    found.extend(hop.lookup.resolver.filter(|_| by_resolver).map(Fact::Resolver));
    found.extend(hop.lookup.search_suffix.as_deref().map(Fact::SearchSuffix));
    found.extend(hop.proxy.filter(|_| !by_server || hop.lookup.resolver.is_some()).map(Fact::Proxy));
    found.extend(hop.aliases.iter().map(|name| Fact::CnameTarget(name)));
    if !probe.failed_at_proxy() {
        found.push(Fact::Host(hop.host));
        if failure.phase == Phase::Connect {
            found.extend(hop.prefix());
            found.extend(tried(facts).filter(|_| hop.proxy.is_none()));
        }
        if failure.phase == Phase::Connect || hop.proxy.is_some() {
            found.extend(hop.port.map(Fact::Port));
        }
    }
    if failure.phase == Phase::Tls {
        found.extend(hop.tls.and_then(|tls| tls.version).map(Fact::TlsVersion));
    }
    let has_no_answer = failure.phase == Phase::Tls || facts.http.is_none();
    let is_of_chain = failure.phase == Phase::Tls && is_chains_own(failure.reason);
    found.extend(hop.issuer().filter(|_| is_of_chain || (has_no_answer && hop.is_inspected())));
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
/// answer, or the authority that nobody trusts. An error that a DNS server passes on, or a missing route, proves nothing:
/// the uplink may be down.
pub(super) fn proven<'a>(target: &'a Target, probe: &'a Observation, failure: &Failure) -> Option<Fact<'a>> {
    let hop = Hop::described(target, &probe.facts);
    match (failure.phase, failure.reason) {
        (Phase::Resolve, R::Timeout | R::Refused) => hop.lookup.resolver.map(Fact::Resolver),
        (Phase::Tls, R::Intercepted | R::UnknownIssuer) => hop.issuer(),
        (Phase::Resolve, reason) if is_servers_own(reason) => None,
        (Phase::Connect, R::Unreachable) => None,
        (Phase::Resolve | Phase::Connect | Phase::Tunnel, _)
        | (_, R::AuthRequired | R::Denied | R::BadGateway) => hop.proxy.map(Fact::Proxy),
        _ => None,
    }
}

/// Whether a lookup failed for the DNS server's own reasons, not for the name's.
const fn is_servers_own(reason: R) -> bool {
    !matches!(reason, R::Nxdomain | R::NoData | R::Sinkhole)
}

/// Whether a handshake failed because of who issued the certificate, and for how long.
const fn is_chains_own(reason: R) -> bool {
    matches!(
        reason,
        R::Intercepted
            | R::UnknownIssuer
            | R::Expired
            | R::NotYetValid
            | R::BadSignature
            | R::WeakKey
            | R::Revoked
            | R::IncompleteChain
            | R::Invalid
    )
}

/// Whether a target's probes go through the network of its route.
pub(super) fn is_of_network(target: &Target) -> bool {
    target.endpoint.url.scheme() != Scheme::Folder
}
