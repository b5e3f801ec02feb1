//! Probes through proxies, on real sockets: the requests that each kind of proxy receives, and its responses.

pub mod cases;
mod pac;
mod pac_dns;
mod pac_sources;
mod policy;
mod proxy_kinds;
mod proxy_pages;
mod refusals;
mod same_route;
mod tls;

use std::net::SocketAddr;
use std::sync::Arc;

use defender_exporter::config::{
    Credentials, HostPort, NoProxy, Proxies, Proxy as ProxyConfig, ProxyKind, RouteProxy, Secret,
};
use defender_exporter::observation::{Failure, FailureReason, Observation, Phase, PhaseOutcome};

use crate::lab::Lab;
use crate::lab::proxy::{Kind, Proxy};
use crate::lab::reply::Response;
use crate::scenario::Scenario;

/// The probed host, which only the proxies can resolve.
const HOST: &str = "maps.genuine.example";

/// A proxy of this kind with the lab's origins behind it.
fn proxy(lab: &Lab, kind: Kind) -> Proxy {
    Proxy::start(kind, origins(lab))
}

fn origins(lab: &Lab) -> [(String, SocketAddr); 2] {
    [(format!("{HOST}:443"), lab.tls.addr()), (format!("{HOST}:80"), lab.plain.addr())]
}

/// A probe of the host that goes by a proxy, and to nowhere without it.
pub fn by(lab: &Lab, scheme: &str, kind: ProxyKind, at: HostPort, who: Option<(&str, &str)>) -> Scenario {
    for origin in [&lab.tls, &lab.plain] {
        origin.set(HOST, "/", Response::new(200));
    }
    let mut scenario = Scenario::new(lab, &format!("{scheme}://{HOST}/")).by_name();
    let credentials = who.map(|(username, password)| Credentials {
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
    });
    let proxy = Some(Arc::new(ProxyConfig { kind, at, credentials }));
    let proxies = Proxies { http: proxy.clone(), https: proxy, no_proxy: NoProxy::default() };
    scenario.config.routes[0].via = RouteProxy::Proxies(proxies);
    scenario
}

/// The reason. On a busy machine an endless script may have no CPU to use up its limit: then the machine is blamed.
fn reason_of(failure: &Failure) -> FailureReason {
    let is_starved = failure.reason == FailureReason::Internal && failure.detail.contains("for a CPU");
    if is_starved { FailureReason::PacTimeout } else { failure.reason }
}

/// An address as the configuration writes it.
pub fn at(addr: SocketAddr) -> HostPort {
    let host = if addr.is_ipv6() { format!("[{}]", addr.ip()) } else { addr.ip().to_string() };
    HostPort { host, port: addr.port() }
}

/// The phases that were gone through, in a letter each: Done, Failed, Not reached, `-` not applicable.
fn phases(observation: &Observation) -> String {
    let letter = |phase: &Phase| match observation.facts.timings.outcome(*phase) {
        PhaseOutcome::Done => 'D',
        PhaseOutcome::Failed => 'F',
        PhaseOutcome::NotReached => 'N',
        PhaseOutcome::NotApplicable => '-',
    };
    Phase::ALL.iter().map(letter).collect()
}
