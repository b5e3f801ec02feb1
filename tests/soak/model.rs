//! How each probe of a lab state may end. Derived from METRICS.md and the catalog's data, without the crate's
//! decision code.

use std::collections::BTreeSet;

use defender_exporter::catalog::{Basis, Confidence, Endpoint, ExpectedEvidence, Scheme, Trust};

use crate::state::{HostFault as F, ListenerFault, NameFault, ProxyFault, Source, State, Variant};
use crate::world::{ADDED, DIRECT, PROXIED, PROXY, World, name_of};

/// Where and why a probe fails: the phase and the reasons that it may have there.
pub type Failure = (&'static str, BTreeSet<&'static str>);

/// What is known of a chain's revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revocation {
    Good,
    Revoked,
    /// No source responds.
    Unknown,
    /// The certificate names no source.
    NoSource,
}

/// How a probe ends.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// None: a genuine answer over a chain that clients take.
    pub failures: Vec<Failure>,
    /// Whether it proves that something is in the way.
    pub harm: bool,
    /// Whether a genuine answer came over a trusted chain all the same.
    pub genuine: bool,
    pub intercepted: bool,
    pub revocation: Option<Revocation>,
}

impl Outcome {
    fn fails(phase: &'static str, reasons: &[&'static str]) -> Self {
        Self::fails_as([(phase, reasons.iter().copied().collect())].into())
    }

    fn fails_as(failures: Vec<Failure>) -> Self {
        Self { failures, harm: true, genuine: false, intercepted: false, revocation: None }
    }

    /// The response lacks the catalog's evidence; `None` if that isn't a failure.
    fn lacks(endpoint: &Endpoint, failure: Option<(&'static str, &'static [&'static str])>) -> Self {
        match failure {
            Some((phase, reasons)) => Self { harm: proves_harm(endpoint), ..Self::fails(phase, reasons) },
            None => Self { harm: false, ..Self::fails_as(Vec::new()) },
        }
    }

    pub fn success(&self) -> bool {
        self.failures.is_empty()
    }
}

/// An endpoint by a route.
pub struct Target {
    pub endpoint: Endpoint,
    pub route: &'static str,
}

impl Target {
    /// Its labels as metrics have them.
    pub fn labels(&self) -> String {
        let (component, url) = (self.endpoint.component.as_str(), self.endpoint.url.as_str());
        format!("component=\"{component}\",endpoint=\"{url}\",route=\"{}\"", self.route)
    }
}

/// What is probed.
pub fn targets(world: &World, state: &State) -> Vec<Target> {
    let mut targets = Vec::new();
    for route in [DIRECT, PROXY] {
        for endpoint in &world.endpoints {
            let own = (endpoint.component.as_str().to_owned(), endpoint.url.as_str().to_owned());
            let without = matches!(&state.variant, Variant::Without(component, url) if (component, url) == (&own.0, &own.1));
            let added = endpoint.url.as_str() == ADDED && state.variant != Variant::Added;
            let maps_endpoints =
                route == DIRECT || PROXIED.contains(&endpoint.component) || endpoint.component.is_control();
            if !without && !added && maps_endpoints {
                targets.push(Target { endpoint: endpoint.clone(), route });
            }
        }
    }
    targets
}

/// How a probe of a target ends.
pub fn outcome(world: &World, state: &State, target: &Target) -> Outcome {
    let way = if target.route == DIRECT { direct(world, state, target) } else { proxied(state, target) };
    way.unwrap_or_else(|| answer(state, target))
}

fn secure(endpoint: &Endpoint) -> bool {
    endpoint.url.scheme() == Scheme::Https
}

/// What ends a probe on the way to the host; none: it gets there.
fn direct(world: &World, state: &State, target: &Target) -> Option<Outcome> {
    let url = &target.endpoint.url;
    if world.named(url) {
        if state.dns_gone {
            return Some(Outcome::fails("resolve", &["unreachable"]));
        }
        match state.names.get(&name_of(url.host())) {
            Some(NameFault::Nxdomain) => return Some(Outcome::fails("resolve", &["nxdomain"])),
            Some(NameFault::NoData) => return Some(Outcome::fails("resolve", &["no_data"])),
            Some(NameFault::Servfail) => return Some(Outcome::fails("resolve", &["servfail"])),
            Some(NameFault::Refused) => return Some(Outcome::fails("resolve", &["refused"])),
            Some(NameFault::Silence) => return Some(Outcome::fails("resolve", &["timeout"])),
            Some(NameFault::Moved) => return Some(Outcome::fails("connect", &["refused"])),
            None => {}
        }
    }
    let (fault, first) = if secure(&target.endpoint) { (state.tls, "tls") } else { (state.plain, "request") };
    Some(match fault? {
        ListenerFault::Shut => Outcome::fails("connect", &["refused"]),
        ListenerFault::Jammed => Outcome::fails("connect", &["timeout"]),
        // A client that the machine leaves waiting may learn of the reset while it still connects.
        ListenerFault::Reset => {
            Outcome::fails_as(vec![(first, ["reset"].into()), ("connect", ["reset"].into())])
        }
        ListenerFault::Closed => Outcome::fails(first, &["closed"]),
        ListenerFault::Silent => Outcome::fails(first, &["timeout"]),
    })
}

/// The same via the proxy, which resolves no names and forwards failures.
fn proxied(state: &State, target: &Target) -> Option<Outcome> {
    let tls = secure(&target.endpoint);
    let asked = if tls { "tunnel" } else { "request" };
    if let Some(fault) = state.proxy {
        return Some(match fault {
            ProxyFault::Shut => Outcome::fails("connect", &["refused"]),
            ProxyFault::Demand => Outcome::fails(asked, &["auth_required"]),
            ProxyFault::BadGateway => Outcome::fails(asked, &["bad_gateway"]),
            ProxyFault::Bare502 if tls => Outcome::fails("tunnel", &["bad_gateway"]),
            ProxyFault::Bare502 => Outcome::lacks(&target.endpoint, lacking(&target.endpoint, 502)),
            ProxyFault::Closed => Outcome::fails(asked, &["closed"]),
            ProxyFault::Late => Outcome::fails(asked, &["timeout"]),
        });
    }
    let (fault, first) = if tls { (state.tls, "tls") } else { (state.plain, "request") };
    Some(match fault? {
        // The lab's proxy can't connect, and goes without a word.
        ListenerFault::Shut => Outcome::fails(asked, ENDED),
        ListenerFault::Jammed => Outcome::fails(asked, &["timeout"]),
        ListenerFault::Reset => Outcome::fails_as(vec![
            (first, ENDED.iter().copied().collect()),
            (asked, ENDED.iter().copied().collect()),
        ]),
        ListenerFault::Closed => Outcome::fails(first, ENDED),
        ListenerFault::Silent => Outcome::fails(first, &["timeout"]),
    })
}

/// How the end of a connection looks from behind a proxy.
const ENDED: &[&str] = &["closed", "reset"];

/// What the host does.
fn answer(state: &State, target: &Target) -> Outcome {
    let endpoint = &target.endpoint;
    let fault = state.hosts.get(&(endpoint.url.host().to_owned(), secure(endpoint)));
    let reset: &[&str] = if target.route == DIRECT { &["reset"] } else { ENDED };
    let closed: &[&str] = if target.route == DIRECT { &["closed"] } else { ENDED };
    let end = match fault {
        None | Some(F::Completed | F::Renewed | F::Intercepted) => None,
        Some(F::HandshakeSilent) => Some(("tls", &["timeout"][..])),
        Some(F::HandshakeClosed) => Some(("tls", closed)),
        Some(F::HandshakeReset) => Some(("tls", reset)),
        Some(F::HandshakeAlert) => Some(("tls", &["alert"][..])),
        Some(F::NotTls) => Some(("tls", &["not_tls"][..])),
        Some(F::Expired | F::ExpiredIntermediate) => Some(("tls", &["expired"][..])),
        Some(F::NotYetValid) => Some(("tls", &["not_yet_valid"][..])),
        Some(F::WrongName) => Some(("tls", &["name_mismatch"][..])),
        Some(F::SelfSigned) => Some(("tls", &["unknown_issuer"][..])),
        Some(F::BadSignature) => Some(("tls", &["bad_signature"][..])),
        Some(F::Incomplete) => Some(("tls", &["incomplete_chain"][..])),
        Some(F::AnswerSilent) => Some(("request", &["timeout"][..])),
        Some(F::AnswerClosed) => Some(("request", closed)),
        Some(F::AnswerReset) => Some(("request", reset)),
        Some(F::AnswerGarbage) => Some(("request", &["protocol"][..])),
        Some(F::HugeHead) => Some(("request", &["too_large"][..])),
        Some(F::ProxyDemand) => Some(("request", &["auth_required"][..])),
        Some(F::CaptivePortal) => Some(("request", &["block_page"][..])),
        Some(F::BlockPage) => Some(("transfer", &["block_page"][..])),
        Some(F::RedirectAway) => Some(("request", &["redirect_off_site"][..])),
        Some(F::BodySilent) => Some(("transfer", &["timeout"][..])),
        Some(F::BodyClosed) => Some(("transfer", closed)),
        Some(F::BodyReset) => Some(("transfer", reset)),
        Some(F::BodyTooLarge) => Some(("transfer", &["too_large"][..])),
        Some(F::BadChunk) => Some(("transfer", &["protocol"][..])),
        Some(F::ServerError) => lacking(endpoint, 500),
        Some(F::OtherContent) => lacking(endpoint, 200),
    };
    let intercepted = fault == Some(&F::Intercepted);
    let revocation = revocation(state, target, fault.copied());
    if let Some((phase, reasons)) = end {
        // A known revocation takes precedence over the response.
        let over_a_chain = secure(endpoint) && phase != "tls";
        if over_a_chain && revocation == Some(Revocation::Revoked) {
            return Outcome { revocation, ..Outcome::fails("tls", &["revoked"]) };
        }
        let revocation = revocation.filter(|_| over_a_chain);
        let by_content = matches!(fault, Some(F::ServerError | F::OtherContent));
        let harm = !by_content || proves_harm(endpoint);
        return Outcome { harm, revocation, ..Outcome::fails(phase, reasons) };
    }
    let because = match revocation {
        _ if intercepted && !endpoint.may_be_inspected => Some("intercepted"),
        Some(Revocation::Revoked) => Some("revoked"),
        _ => None,
    };
    let failures: Vec<_> = because.map(|reason| ("tls", [reason].into())).into_iter().collect();
    Outcome { harm: !failures.is_empty(), failures, genuine: true, intercepted, revocation }
}

/// Whether the catalog is sure of its evidence.
fn sure(endpoint: &Endpoint) -> bool {
    endpoint.basis == Basis::Document || endpoint.confidence == Confidence::A
}

/// Whether another content than the expected one proves harm: on plain HTTP, where nothing else proves the answer, of what should
/// prove itself.
fn proves_harm(endpoint: &Endpoint) -> bool {
    let proves = |evidence: &ExpectedEvidence| {
        matches!(evidence, ExpectedEvidence::Body(_) | ExpectedEvidence::Header { .. })
    };
    !secure(endpoint) && sure(endpoint) && endpoint.evidence.iter().any(proves)
}

/// The failure of an answer with this status and nothing that the catalog asks for, where it asks for anything: what is
/// missing decides, and the status where that isn't as expected. What the catalog isn't sure of counts only where a plain answer
/// of the expected status isn't the object.
fn lacking(endpoint: &Endpoint, status: u16) -> Option<(&'static str, &'static [&'static str])> {
    let expected = endpoint.expect.allows(status);
    let first = endpoint
        .evidence
        .iter()
        .find(|evidence| !(expected && matches!(evidence, ExpectedEvidence::Status)))?;
    let not_the_object = expected && !secure(endpoint) && matches!(first, ExpectedEvidence::Body(_));
    if !sure(endpoint) && !not_the_object {
        return None;
    }
    Some(match first {
        _ if !expected => ("request", &["status"]),
        ExpectedEvidence::Body(_) => ("transfer", &["wrong_content"]),
        _ => ("request", &["wrong_content"]),
    })
}

/// What is known of the chain's revocation; none without a chain.
fn revocation(state: &State, target: &Target, fault: Option<F>) -> Option<Revocation> {
    let endpoint = &target.endpoint;
    if !secure(endpoint) {
        return None;
    }
    let sources: &[Source] = match (fault, endpoint.trust) {
        (Some(F::Intercepted), _) => return Some(Revocation::NoSource),
        (Some(F::Renewed), _) | (_, Trust::Microsoft) => &[Source::Crl],
        _ => &[Source::Ocsp, Source::Crl, Source::Crl2],
    };
    // All of them are served by the plain origin.
    let reachable = state.plain.is_none() && sources.iter().any(|source| !state.blocked.contains(source));
    let revoked = state.revoked.contains(endpoint.url.host()) && fault != Some(F::Renewed);
    Some(match (reachable, revoked) {
        (false, _) => Revocation::Unknown,
        (true, true) => Revocation::Revoked,
        (true, false) => Revocation::Good,
    })
}
