//! One endpoint by one route in a report: what it is, how it does, and the last probes in full.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::{Disagreement, Timestamp, Why, disagreements, why};
use crate::advice;
use crate::catalog::Component;
use crate::observation::{Failure, HttpFacts, Observation, Stage, StageOutcome, TlsFacts};
use crate::plan::Target;
use crate::state::{Snapshot, TargetState};
use crate::trust::revocation::RevocationReport;
use crate::verdict::Verdict;

/// An endpoint by a route.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EndpointReport<'a> {
    /// Whose endpoint it is.
    pub component: Component,
    /// The URL that is probed.
    pub endpoint: &'a str,
    /// The documented address that the URL stands for.
    pub pattern: &'a str,
    /// By which route.
    pub route: &'a str,
    /// Null before the first probe.
    pub verdict: Option<Verdict>,
    /// What keeps it from being good; null where nothing does.
    pub why: Option<Why>,
    /// What is odd about its addresses, in words, whether or not it is good: some fail, or are private.
    pub notes: Vec<String>,
    /// How the routes do, where they don't all do alike; null where they do.
    pub routes_disagree: Option<Disagreement>,
    /// The statuses of the genuine service: `any`, or numbers with ` or ` between.
    pub expected: String,
    /// The time between two probes, in seconds.
    pub interval_seconds: f64,
    /// The longest that a probe may take, in seconds.
    pub timeout_seconds: f64,
    /// Probes that ended.
    pub probes: u64,
    /// Those that failed.
    pub failures: u64,
    /// When the last success ended; null if there was none.
    pub last_success: Option<Timestamp>,
    /// The last probe; null before the first.
    pub last: Option<ProbeReport<'a>>,
    /// The last probe that failed, kept after the endpoint recovered; null where the last probe is that one.
    pub last_failure: Option<ProbeReport<'a>>,
    /// What is known of the revocation of the last probe's chain; null: not checked, or not yet.
    pub revocation: Option<&'a RevocationReport>,
}

/// A probe.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProbeReport<'a> {
    /// When it ended.
    pub at: Timestamp,
    /// Why it failed; null: a genuine answer.
    pub failure: Option<&'a Failure>,
    /// How far each stage came.
    pub stages: BTreeMap<Stage, StageOutcome>,
    /// How long each stage took that was reached, in seconds.
    pub phases_seconds: BTreeMap<Stage, f64>,
    /// The sum of the stages, in seconds.
    pub duration_seconds: f64,
    /// The addresses that DNS gave, in its order.
    pub addresses: Vec<String>,
    /// The address and port that was connected to.
    pub address: Option<String>,
    /// What became of each address that was probed, that of the probe itself first; empty where a proxy went there.
    pub by_address: Vec<AddressReport<'a>>,
    /// How many more addresses there were, which aren't probed.
    pub unprobed_addresses: usize,
    /// How many of the addresses are private; null where DNS wasn't asked for the endpoint's own name.
    pub private_addresses: Option<usize>,
    /// The proxy that the last hop went by.
    pub proxy: Option<&'a str>,
    /// The status of the proxy's answer to CONNECT.
    pub proxy_status: Option<u16>,
    /// What TLS showed.
    pub tls: Option<&'a TlsFacts>,
    /// What HTTP answered.
    pub http: Option<&'a HttpFacts>,
}

/// What became of one address of a name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct AddressReport<'a> {
    /// The address.
    pub address: String,
    /// Why it failed; null: a genuine answer.
    pub failure: Option<&'a Failure>,
    /// The sum of its stages, in seconds.
    pub duration_seconds: f64,
}

/// Every endpoint by every route, in the plan's order.
pub(super) fn all(snapshot: &Snapshot) -> Vec<EndpointReport<'_>> {
    let mut disagreements = disagreements(snapshot);
    let report = |(id, target, state)| {
        let routes_disagree = disagreements.remove(&id);
        EndpointReport { routes_disagree, ..EndpointReport::of(target, state) }
    };
    snapshot.iter().map(report).collect()
}

impl<'a> EndpointReport<'a> {
    fn of(target: &'a Target, state: &'a TargetState) -> Self {
        let endpoint = &target.endpoint;
        Self {
            component: endpoint.component,
            endpoint: endpoint.url.as_str(),
            pattern: &endpoint.pattern,
            route: &target.route.name,
            verdict: state.verdict(target),
            why: why(target, state),
            notes: state.last.as_ref().map(|last| advice::notes(target, last)).unwrap_or_default(),
            routes_disagree: None,
            expected: endpoint.expect.to_string(),
            interval_seconds: target.interval.as_secs_f64(),
            timeout_seconds: target.timeout.as_secs_f64(),
            probes: state.probes,
            failures: state.failures,
            last_success: state.last_success.map(Timestamp),
            last: state.last.as_deref().map(ProbeReport::of),
            last_failure: state.earlier_failure().map(ProbeReport::of),
            revocation: state.revocation.as_deref(),
        }
    }
}

impl<'a> ProbeReport<'a> {
    fn of(observation: &'a Observation) -> Self {
        let facts = &observation.facts;
        let timings = &facts.timings;
        let stages = Stage::ALL.iter().map(|stage| (*stage, timings.outcome(*stage)));
        let phase = |stage: &Stage| Some((*stage, timings.get(*stage)?));
        let seconds = |(stage, took): (Stage, Duration)| (stage, took.as_secs_f64());
        Self {
            at: Timestamp(observation.at),
            failure: observation.failure.as_ref(),
            stages: stages.collect(),
            phases_seconds: Stage::ALL.iter().filter_map(phase).map(seconds).collect(),
            duration_seconds: timings.total().as_secs_f64(),
            addresses: facts.addresses.iter().map(ToString::to_string).collect(),
            address: facts.peer.map(|peer| peer.to_string()),
            by_address: observation.by_address().map(AddressReport::of).collect(),
            unprobed_addresses: facts.unprobed,
            private_addresses: facts.private,
            proxy: facts.proxy.as_deref(),
            proxy_status: facts.proxy_status,
            tls: facts.tls.as_ref(),
            http: facts.http.as_ref(),
        }
    }
}

impl<'a> AddressReport<'a> {
    fn of((address, failure, took): (IpAddr, Option<&'a Failure>, Duration)) -> Self {
        Self { address: address.to_string(), failure, duration_seconds: took.as_secs_f64() }
    }
}
