//! One endpoint on one route: its definition, its state, and its last probes in full.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Contradiction, Disagreement, GenuineAnswer, Timestamp, Why, contradictions, disagreements};
use crate::catalog::{Component, Confidence};
use crate::observation::{
    AddressResult, FailedAttempt, Failure, HopFacts, HttpFacts, Observation, PackageFacts, Phase,
    PhaseOutcome, Timings, TlsFacts,
};
use crate::plan::Target;
use crate::revocation::RevocationReport;
use crate::state::{Snapshot, TargetState};
use crate::verdict::Verdict;

/// An endpoint on a route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EndpointReport<'a> {
    /// The component that the endpoint belongs to.
    pub component: Component,
    /// The URL that is probed.
    pub endpoint: &'a str,
    /// The documented address that the URL represents.
    pub pattern: &'a str,
    /// The route.
    pub route: &'a str,
    /// Null before the first probe.
    pub verdict: Option<Verdict>,
    /// Why it isn't good; null if it is.
    pub why: Option<Why>,
    /// Remarks regardless of the verdict: an answer that differs from uncertain facts of the catalog, a name that may
    /// have been retired, addresses that fail or are private.
    pub notes: Vec<String>,
    /// The results by route if they differ; otherwise null.
    pub routes_disagree: Option<Disagreement>,
    /// The other routes on which DNS gives the host other aliases (CNAME).
    pub other_aliases: Vec<&'a str>,
    /// The expected statuses: `any`, or numbers separated by ` or `.
    pub expected: String,
    /// How sure the catalog is of its expectation: from A, captured twice since 2023, to D, inferred.
    pub confidence: Confidence,
    /// The interval between probes, in seconds.
    pub interval_seconds: f64,
    /// The timeout of a probe, in seconds.
    pub timeout_seconds: f64,
    /// The number of completed probes.
    pub probes: u64,
    /// The number of failed probes.
    pub failures: u64,
    /// When the last successful probe ended; null if there was none.
    pub last_success: Option<Timestamp>,
    /// The last probe; null before the first.
    pub last: Option<ProbeReport<'a>>,
    /// The last failed probe, retained after the endpoint recovers; null if the last probe is that one.
    pub last_failure: Option<ProbeReport<'a>>,
    /// The revocation status of the last probe's chains, over all hops; null if not checked, or not yet.
    pub revocation: Option<&'a RevocationReport>,
    /// The last probe's answer, if its chain or its object proves that the genuine service sent it; otherwise null.
    pub answer: Option<GenuineAnswer>,
    /// How that answer differs from the catalog or the configuration; empty if no answer is proven.
    pub contradictions: Vec<Contradiction>,
}

/// A probe.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProbeReport<'a> {
    /// When it ended.
    pub at: Timestamp,
    /// Why it failed; null if the answer was genuine.
    pub failure: Option<&'a Failure>,
    /// The URL of the redirect's hop that failed; null if the endpoint's own did, or none. The members below describe
    /// that hop. If none failed, they describe the endpoint's own hop, with the last hop's HTTP response. Phases and
    /// times are the sum of all hops.
    pub failed_url: Option<&'a str>,
    /// The outcome of each phase.
    pub phases: BTreeMap<Phase, PhaseOutcome>,
    /// The duration of each phase that was reached, in seconds.
    pub phases_seconds: BTreeMap<Phase, f64>,
    /// The sum of the phases, in seconds.
    pub duration_seconds: f64,
    /// The addresses from DNS, in its order.
    pub addresses: Vec<String>,
    /// The names that the host is an alias of (CNAME), in order: a firewall that compares resolved names sees them.
    pub aliases: &'a [String],
    /// The DNS server whose answer, or failure, decided the lookup of the endpoint's name, or of its proxy's; null if none was asked.
    pub resolver: Option<String>,
    /// The search domain that completed the name of the proxy, or another short name; null if the name was found as written.
    pub search_suffix: Option<&'a str>,
    /// The address and port of the connection.
    pub address: Option<String>,
    /// The result for each probed address, starting with that of the probe itself; empty if the connection used a
    /// proxy.
    pub by_address: Vec<AddressReport<'a>>,
    /// The attempts that failed beside those that counted, in order: DNS servers, addresses, proxies, PAC scripts. If all
    /// failed, the first one counts.
    pub failed_attempts: Vec<AttemptReport<'a>>,
    /// The number of addresses that weren't probed.
    pub unprobed_addresses: usize,
    /// The number of private addresses; null if the endpoint's name wasn't resolved by the exporter.
    pub private_addresses: Option<usize>,
    /// The proxy.
    pub proxy: Option<&'a str>,
    /// The status of the proxy's response to CONNECT.
    pub proxy_status: Option<u16>,
    /// Facts about TLS.
    pub tls: Option<&'a TlsFacts>,
    /// Facts about the HTTP response.
    pub http: Option<&'a HttpFacts>,
    /// The newest package in a folder of update packages; null for other endpoints, and if there is none.
    pub package: Option<PackageReport>,
    /// Every hop of a redirected probe, in order, starting with the endpoint's own; empty if it wasn't redirected.
    pub hops: Vec<HopReport<'a>>,
}

/// A package of security intelligence in a folder.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PackageReport {
    /// Its path below the folder.
    pub file: &'static str,
    /// When it was last changed, by the file system.
    pub modified: Timestamp,
}

/// One hop of a redirected probe.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HopReport<'a> {
    /// The URL that was requested.
    pub url: &'a str,
    /// The outcome of each phase.
    pub phases: BTreeMap<Phase, PhaseOutcome>,
    /// The duration of each phase that was reached, in seconds.
    pub phases_seconds: BTreeMap<Phase, f64>,
    /// The names that the host is an alias of (CNAME), in order.
    pub aliases: &'a [String],
    /// The address and port of the connection.
    pub address: Option<String>,
    /// The proxy.
    pub proxy: Option<&'a str>,
    /// Facts about TLS.
    pub tls: Option<&'a TlsFacts>,
    /// Facts about the HTTP response.
    pub http: Option<&'a HttpFacts>,
}

/// The result for one address of a name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AddressReport<'a> {
    /// The address.
    pub address: String,
    /// Why it failed; null if the answer was genuine.
    pub failure: Option<&'a Failure>,
    /// The sum of its phases, in seconds.
    pub duration_seconds: f64,
}

/// A failed attempt.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AttemptReport<'a> {
    /// What was tried, such as `address 192.0.2.1:443`.
    pub target: String,
    /// Why it failed.
    pub failure: &'a Failure,
    /// The time that it took, in seconds.
    pub duration_seconds: f64,
}

/// The controls on every route, in the plan's order.
pub(super) fn controls(snapshot: &Snapshot) -> Vec<EndpointReport<'_>> {
    let controls = snapshot.iter().filter(|(_, target, _)| target.is_control());
    controls.map(|(_, target, state)| EndpointReport::new(target, state)).collect()
}

/// Every endpoint of Defender on every route, in the plan's order.
pub(super) fn all(snapshot: &Snapshot) -> Vec<EndpointReport<'_>> {
    let mut disagreements = disagreements(snapshot);
    let mut others = super::aliases::other_aliases(snapshot);
    let report = |(id, target, state)| {
        let routes_disagree = disagreements.remove(&id);
        let other_aliases = others.remove(&id).unwrap_or_default();
        EndpointReport { routes_disagree, other_aliases, ..EndpointReport::new(target, state) }
    };
    snapshot.defender().map(report).collect()
}

impl<'a> EndpointReport<'a> {
    fn new(target: &'a Target, state: &'a TargetState) -> Self {
        let endpoint = &target.endpoint;
        Self {
            component: endpoint.component,
            endpoint: endpoint.url.as_str(),
            pattern: &endpoint.pattern,
            route: &target.route.name,
            verdict: state.verdict(),
            why: state.concern().map(Why::from),
            notes: super::notes(target, state),
            routes_disagree: None,
            other_aliases: Vec::new(),
            expected: endpoint.expect.to_string(),
            confidence: endpoint.confidence,
            interval_seconds: target.interval.as_secs_f64(),
            timeout_seconds: target.timeout.as_secs_f64(),
            probes: state.probes,
            failures: state.failures,
            last_success: state.last_success.map(Timestamp),
            last: state.last.as_deref().map(ProbeReport::new),
            last_failure: state.earlier_failure().map(ProbeReport::new),
            revocation: state.revocation.as_deref(),
            answer: GenuineAnswer::from_probe(target, state),
            contradictions: contradictions(target, state),
        }
    }
}

impl PackageReport {
    const fn new(package: &PackageFacts) -> Self {
        Self { file: package.file, modified: Timestamp(package.modified) }
    }
}

impl<'a> ProbeReport<'a> {
    fn new(observation: &'a Observation) -> Self {
        let facts = &observation.facts;
        Self {
            at: Timestamp(observation.at),
            failure: observation.failure.as_ref(),
            failed_url: observation.failed_url(),
            phases: phases(&facts.timings),
            phases_seconds: phases_seconds(&facts.timings),
            duration_seconds: facts.timings.total().as_secs_f64(),
            addresses: facts.addresses.iter().map(ToString::to_string).collect(),
            aliases: &facts.aliases,
            resolver: facts.lookup.resolver.map(|server| server.to_string()),
            search_suffix: facts.lookup.search_suffix.as_deref(),
            address: facts.peer.map(|peer| peer.to_string()),
            by_address: observation.by_address().map(AddressReport::new).collect(),
            failed_attempts: facts.failed_attempts.iter().map(AttemptReport::new).collect(),
            unprobed_addresses: facts.unprobed,
            private_addresses: facts.private,
            proxy: facts.proxy.as_deref(),
            proxy_status: facts.proxy_status,
            tls: facts.tls.as_ref(),
            http: facts.http.as_ref(),
            package: facts.package.as_ref().map(PackageReport::new),
            hops: facts.hops.iter().map(HopReport::new).collect(),
        }
    }
}

fn phases(timings: &Timings) -> BTreeMap<Phase, PhaseOutcome> {
    Phase::ALL.iter().map(|phase| (*phase, timings.outcome(*phase))).collect()
}

/// Durations in seconds.
fn phases_seconds(timings: &Timings) -> BTreeMap<Phase, f64> {
    let took = |phase: &Phase| Some((*phase, timings.get(*phase)?.as_secs_f64()));
    Phase::ALL.iter().filter_map(took).collect()
}

impl<'a> HopReport<'a> {
    fn new(hop: &'a HopFacts) -> Self {
        Self {
            url: &hop.url,
            phases: phases(&hop.timings),
            phases_seconds: phases_seconds(&hop.timings),
            aliases: &hop.aliases,
            address: hop.peer.map(|peer| peer.to_string()),
            proxy: hop.proxy.as_deref(),
            tls: hop.tls.as_ref(),
            http: hop.http.as_ref(),
        }
    }
}

impl<'a> AttemptReport<'a> {
    fn new(attempt: &'a FailedAttempt) -> Self {
        let duration_seconds = attempt.duration.as_secs_f64();
        Self { target: attempt.target.to_string(), failure: &attempt.failure, duration_seconds }
    }
}

impl<'a> AddressReport<'a> {
    fn new(AddressResult { address, failure, duration }: AddressResult<'a>) -> Self {
        Self { address: address.to_string(), failure, duration_seconds: duration.as_secs_f64() }
    }
}
