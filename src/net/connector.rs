//! Phases resolve, connect and tunnel: from a URL to a connection over a route. Over a proxy, resolve and
//! connect lead to the proxy, which resolves the URL's host itself.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::TrustAnchor;
use tokio_rustls::TlsConnector;

use super::attempts::{ConnectionFacts, FirstFailure, MAX_ADDRESSES, dns_attempt, dns_share, share_of};
use super::connect;
use super::exchange::RequestTarget;
use super::phase::PhaseClock;
use super::proxy::{ProxyList, ProxySelector, ProxySource};
use super::resolver::{Destination, Resolver, is_sinkhole, lookup_facts, lost_alias};
use super::tunnel::{self, BoxedStream};
use crate::catalog::{ProbeUrl, Scheme};
use crate::clock::Clock;
use crate::config::{HostPort, Proxies, Proxy, ProxyKind};
use crate::observation::{AttemptTarget, DIRECT, FailedAttempt, Failure, FailureReason, LookupFacts, Phase};
use crate::text::without_brackets;

/// Opens connections over one route.
#[derive(Clone)]
pub struct Connector {
    destinations: Arc<Resolver>,
    proxies: ProxySelector,
    /// The local address that connections are bound to.
    source: Option<IpAddr>,
    /// TLS to HTTPS proxies.
    proxy_tls: TlsConnector,
}

/// The source of a host name: it decides whether the host may be this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NamedBy {
    /// The catalog or the configuration, as an endpoint: DNS must not resolve it to this machine.
    Endpoint,
    /// The configuration, as a server of the company: the hosts file may say that it is this machine.
    OnPremises,
    /// The configuration, as a service that may run on this machine.
    Configuration,
    /// A third party (a certificate, a redirect): it must not be this machine.
    ThirdParty,
}

/// Parameters of one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dial<'a> {
    /// The URL to request.
    pub(crate) url: &'a ProbeUrl,
    /// The address to connect to, bypassing DNS and proxies. If `None`, they decide.
    pub(crate) at: Option<SocketAddr>,
    /// The source of the URL's host name.
    pub(crate) named_by: NamedBy,
}

/// An open connection to a URL's host, or to a proxy that forwards requests.
pub(crate) struct DialedConnection {
    /// The stream.
    pub(crate) stream: BoxedStream,
    /// The form in which requests over it must be written.
    pub(crate) target: RequestTarget,
}

/// Why an attempt by one proxy, or without one, gave no connection.
enum AttemptError {
    /// Another proxy must not be tried: this one answered, or its machine is refused.
    Final(Failure),
    /// The next proxy may be tried.
    TryNext(FailedAttempt),
}

impl Connector {
    /// Connects without a proxy, from `source` if it is set. The certificates of HTTPS proxies are verified
    /// against `anchors` at the clock's time.
    ///
    /// # Errors
    /// If rustls rejects its configuration.
    pub fn direct(
        destinations: Arc<Resolver>,
        source: Option<IpAddr>,
        anchors: &[TrustAnchor<'static>],
        clock: Clock,
    ) -> Result<Self, rustls::Error> {
        let proxy_tls = TlsConnector::from(Arc::new(tunnel::client_config(anchors, clock)?));
        Ok(Self { destinations, proxies: ProxySelector::fixed(Proxies::default()), source, proxy_tls })
    }

    /// Replaces the proxy selector.
    #[must_use]
    pub fn with_proxies(self, proxies: ProxySelector) -> Self {
        Self { proxies, ..self }
    }

    /// Opens a connection to the URL's host. `facts` is filled in on failure as well.
    pub(crate) async fn dial(
        &self,
        clock: &mut PhaseClock,
        facts: &mut ConnectionFacts,
        dial: Dial<'_>,
    ) -> Result<DialedConnection, Failure> {
        if let Some(address) = dial.at {
            clock.timings.not_applicable(Phase::Resolve);
            clock.timings.not_applicable(Phase::Tunnel);
            let stream = self.connect(clock, facts, address, Duration::MAX).await?;
            return Ok(DialedConnection { stream, target: RequestTarget::Origin });
        }
        let mut first = None;
        let sources = self.proxies.sources();
        'sources: for (index, source) in sources.iter().enumerate() {
            let later = sources.len() - index - 1;
            let proxies = match self.select(clock, source, dial.url, later).await {
                Ok(proxies) => proxies,
                Err(attempt) => {
                    FirstFailure::keep(&mut first, attempt, &clock.timings, facts);
                    if clock.is_over() {
                        break;
                    }
                    continue;
                }
            };
            for (index, proxy) in proxies.iter().enumerate() {
                let others = proxies.len() - index - 1 + later;
                let mut attempt = match self.attempt(clock, facts, dial, proxy.as_ref(), others).await {
                    Ok(connected) => return Ok(connected),
                    Err(AttemptError::Final(failure)) => return Err(failure),
                    Err(AttemptError::TryNext(attempt))
                        if attempt.failure.reason == FailureReason::Internal =>
                    {
                        return Err(attempt.failure);
                    }
                    Err(AttemptError::TryNext(attempt)) => attempt,
                };
                let timings = clock.timings.clone();
                let is_last = others == 0 || proxy.is_none() || clock.is_over();
                if !is_last {
                    let lost = [Phase::Resolve, Phase::Connect].map(|phase| clock.timings.fail_over(phase));
                    attempt.duration = lost.into_iter().sum();
                }
                FirstFailure::keep(&mut first, attempt, &timings, facts);
                if is_last {
                    break 'sources;
                }
            }
        }
        Err(first.map_or_else(
            || Failure::new(Phase::Tunnel, FailureReason::Internal, "no proxy to connect to"), // unreachable: a source has one
            |first| first.into_failure("the later proxies", &mut clock.timings, facts),
        ))
    }

    /// The proxies of a source, while `later` ones remain. The evaluation of a PAC script is not part of any phase's time.
    async fn select(
        &self,
        clock: &PhaseClock,
        source: &ProxySource,
        url: &ProbeUrl,
        later: usize,
    ) -> Result<ProxyList, FailedAttempt> {
        let left = clock.left();
        let unused = left.saturating_sub(share_of(left, later));
        let until = clock.deadline().checked_sub(unused).unwrap_or_else(|| clock.deadline());
        source.proxies_for(url, until).await.map_err(|failure| {
            let duration = left.saturating_sub(clock.left());
            FailedAttempt { target: source.target(), failure, duration }
        })
    }

    /// Connects by a proxy, or directly, while `others` remain. A failed attempt has no duration yet.
    async fn attempt(
        &self,
        clock: &mut PhaseClock,
        facts: &mut ConnectionFacts,
        dial: Dial<'_>,
        proxy: Option<&Arc<Proxy>>,
        others: usize,
    ) -> Result<DialedConnection, AttemptError> {
        let failed = |target, failure| {
            AttemptError::TryNext(FailedAttempt { target, failure, duration: Duration::ZERO })
        };
        let Some(proxy) = proxy else {
            facts.proxy = self.proxies.decides().then(|| DIRECT.to_owned());
            let connected = self.connect_directly(clock, facts, dial).await;
            let stream = connected.map_err(|failure| failed(AttemptTarget::Direct, failure))?;
            clock.timings.not_applicable(Phase::Tunnel);
            return Ok(DialedConnection { stream, target: RequestTarget::Origin });
        };
        let name = format!("{}://{}", proxy.kind, proxy.at);
        facts.proxy = Some(name.clone());
        if dial.named_by == NamedBy::ThirdParty {
            refuse_proxy_machine(dial.url).map_err(AttemptError::Final)?;
        }
        let deadline = clock.limit_to(share_of(clock.left(), others));
        let before = facts.failed_attempts.len();
        let connected = self.connect_to_proxy(clock, facts, proxy).await;
        clock.restore_deadline(deadline);
        match connected {
            Ok(stream) => {
                self.open_tunnel(clock, facts, dial.url, proxy, stream).await.map_err(AttemptError::Final)
            }
            Err(failure) => {
                if others > 0 {
                    forget_addresses(facts, before);
                }
                Err(failed(AttemptTarget::Proxy(name), at_proxy(proxy, &failure)))
            }
        }
    }

    /// Resolves the URL's own host and connects to it. Records the DNS result in `facts`, on failure as well.
    async fn connect_directly(
        &self,
        clock: &mut PhaseClock,
        facts: &mut ConnectionFacts,
        dial: Dial<'_>,
    ) -> Result<BoxedStream, Failure> {
        let (host, port) = (dial.url.host(), dial.url.port());
        let to = match dial.named_by {
            NamedBy::Configuration => self.destinations.configured_destination(host, port),
            NamedBy::OnPremises => self.destinations.on_premises_destination(host, port),
            NamedBy::Endpoint | NamedBy::ThirdParty => self.destinations.destination(host, port),
        };
        if let Destination::Known(address) = to
            && dial.named_by == NamedBy::ThirdParty
        {
            refuse_this_machine(dial.url, address)?;
        }
        let addresses = resolve(clock, facts, to, true).await?;
        self.connect_to_any(clock, facts, &addresses).await
    }

    /// Resolves a proxy and connects to it. The proxy's addresses aren't recorded: `facts` is about the URL's
    /// host.
    async fn connect_to_proxy(
        &self,
        clock: &mut PhaseClock,
        facts: &mut ConnectionFacts,
        proxy: &Proxy,
    ) -> Result<BoxedStream, Failure> {
        let to = self.destinations.configured_destination(&proxy.at.host, proxy.at.port);
        let addresses = resolve(clock, facts, to, false).await?;
        self.connect_to_any(clock, facts, &addresses).await
    }

    /// Connects to the first address that accepts the connection. Each has a share of the time left; the time that was
    /// lost to the others is a phase of its own. If all fail, the first one's failure counts: clients prefer it.
    async fn connect_to_any(
        &self,
        clock: &mut PhaseClock,
        facts: &mut ConnectionFacts,
        addresses: &[SocketAddr],
    ) -> Result<BoxedStream, Failure> {
        let tried = &addresses[..addresses.len().min(MAX_ADDRESSES)];
        let mut first = None;
        for (index, address) in tried.iter().enumerate() {
            let others = tried.len() - index - 1;
            let share = share_of(clock.left(), others);
            let failure = match self.connect(clock, facts, *address, share).await {
                Ok(stream) => return Ok(stream),
                Err(failure) if failure.reason == FailureReason::Internal => return Err(failure),
                Err(failure) => failure,
            };
            let timings = clock.timings.clone();
            let is_last = others == 0 || clock.is_over();
            let duration = if is_last { Duration::ZERO } else { clock.timings.fail_over(Phase::Connect) };
            let attempt = FailedAttempt { target: AttemptTarget::Address(*address), failure, duration };
            FirstFailure::keep(&mut first, attempt, &timings, facts);
            if is_last {
                break;
            }
        }
        Err(first.map_or_else(
            || Failure::new(Phase::Connect, FailureReason::Internal, "no address to connect to"), // unreachable: a lookup has one
            |first| first.into_failure("the other addresses", &mut clock.timings, facts),
        ))
    }

    /// Connects to one address, within a share of the time.
    async fn connect(
        &self,
        clock: &mut PhaseClock,
        facts: &mut ConnectionFacts,
        address: SocketAddr,
        share: Duration,
    ) -> Result<BoxedStream, Failure> {
        facts.peer = Some(address);
        let stream =
            clock.phase_within(Phase::Connect, share, connect::connect(address, self.source)).await?;
        Ok(Box::new(stream))
    }

    /// Opens the tunnel through a proxy. Plain HTTP needs no tunnel: the request names the host itself.
    async fn open_tunnel(
        &self,
        clock: &mut PhaseClock,
        facts: &mut ConnectionFacts,
        url: &ProbeUrl,
        proxy: &Arc<Proxy>,
        stream: BoxedStream,
    ) -> Result<DialedConnection, Failure> {
        let absolute = url.scheme() == Scheme::Http && proxy.kind != ProxyKind::Socks5;
        if absolute && proxy.kind == ProxyKind::Http {
            clock.timings.not_applicable(Phase::Tunnel);
            return Ok(DialedConnection { stream, target: RequestTarget::absolute(proxy) });
        }
        let to = HostPort { host: url.host().to_owned(), port: url.port() };
        let status = &mut facts.proxy_status;
        let passed = clock.phase(Phase::Tunnel, async {
            let stream = match proxy.kind {
                ProxyKind::Https => tunnel::secure(stream, proxy, &self.proxy_tls).await?,
                ProxyKind::Http | ProxyKind::Socks5 => stream,
            };
            if absolute { Ok(stream) } else { tunnel::tunnel(stream, proxy, &to, status).await }
        });
        let stream = passed.await?;
        let target = if absolute { RequestTarget::absolute(proxy) } else { RequestTarget::Origin };
        Ok(DialedConnection { stream, target })
    }
}

/// Forgets the addresses of a proxy that failed: its own failure names them.
fn forget_addresses(facts: &mut ConnectionFacts, before: usize) {
    let later = facts.failed_attempts.split_off(before);
    let is_address = |attempt: &FailedAttempt| matches!(attempt.target, AttemptTarget::Address(_));
    facts.failed_attempts.extend(later.into_iter().filter(|attempt| !is_address(attempt)));
}

/// Names the proxy in a failure to reach it.
fn at_proxy(proxy: &Proxy, failure: &Failure) -> Failure {
    let detail = format!("proxy {}: {}", proxy.at, failure.detail);
    Failure::new(failure.phase, failure.reason, detail)
}

/// The addresses of a destination, at least one: the URL's own host, whose addresses are recorded, or a proxy.
async fn resolve(
    clock: &mut PhaseClock,
    facts: &mut ConnectionFacts,
    to: Destination<'_>,
    is_own: bool,
) -> Result<Vec<SocketAddr>, Failure> {
    let lookup = match to {
        Destination::Known(address) => {
            facts.lookup = LookupFacts::default();
            clock.timings.not_applicable(Phase::Resolve);
            return Ok(vec![address]);
        }
        Destination::Named(lookup) => lookup,
    };
    let limit = dns_share(clock.left());
    let mut found = None;
    let resolved = async {
        let resolved = lookup.resolve(limit).await;
        facts.lookup = lookup_facts(&resolved);
        if is_own {
            facts.aliases = lost_alias(&resolved);
        }
        Ok(found.insert(resolved?).to_connect()?)
    };
    let result = clock.phase(Phase::Resolve, resolved).await;
    if let Some(found) = found {
        facts.failed_attempts.extend(found.failed_servers.iter().map(dns_attempt));
        if is_own {
            facts.private = found.private();
            facts.source = found.origin.source();
            facts.addresses = found.addresses;
            facts.aliases = found.aliases;
        }
    }
    result
}

/// Refuses a third party's URL whose host is an address of this machine. Names are checked when they are
/// resolved, and `connect_to` may send a connection anywhere.
fn refuse_this_machine(url: &ProbeUrl, address: SocketAddr) -> Result<(), Failure> {
    let own = without_brackets(url.host()).parse::<IpAddr>();
    let own = own.is_ok_and(|own| is_sinkhole(own) && own == address.ip());
    if own { Err(is_this_machine(url)) } else { Ok(()) }
}

/// Refuses a third party's URL whose host would be the proxy's own machine, which may be this one.
fn refuse_proxy_machine(url: &ProbeUrl) -> Result<(), Failure> {
    let host = without_brackets(url.host());
    let own = host.parse::<IpAddr>().map_or_else(|_| is_localhost(host), is_sinkhole);
    if own { Err(is_this_machine(url)) } else { Ok(()) }
}

fn is_this_machine(url: &ProbeUrl) -> Failure {
    let detail =
        format!("{} is an address of this machine, not of a public service", without_brackets(url.host()));
    Failure::new(Phase::Resolve, FailureReason::Sinkhole, detail)
}

/// Whether a name resolves to the resolving machine itself (RFC 6761, section 6.3).
fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host.ends_with(".localhost")
}
