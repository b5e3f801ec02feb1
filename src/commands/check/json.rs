//! A round of probes as JSON, for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::exit_code;
use crate::catalog::Component;
use crate::observation::{Failure, FailureReason, Stage, TlsFacts};
use crate::plan::Target;
use crate::state::{MapsState, Snapshot, TargetState};
use crate::trust::revocation::{CrlState, RevocationReport};
use crate::verdict::{Connection, SslOptions, Verdict};

#[derive(Serialize)]
struct Report<'a> {
    exit_code: u8,
    components: Vec<ComponentReport<'a>>,
    maps: Vec<MapsReport<'a>>,
    crls: Vec<CrlReport<'a>>,
    endpoints: Vec<EndpointReport<'a>>,
}

#[derive(Serialize)]
struct ComponentReport<'a> {
    component: Component,
    route: &'a str,
    verdict: Option<Verdict>,
}

#[derive(Serialize)]
struct MapsReport<'a> {
    route: &'a str,
    ssl_options: SslOptions,
    connected: Option<bool>,
    stage: Option<Stage>,
    reason: Option<FailureReason>,
}

impl<'a> MapsReport<'a> {
    fn of(maps: &'a MapsState) -> Self {
        let (connected, lost) = match maps.connection {
            Connection::Unknown => (None, None),
            Connection::Connected => (Some(true), None),
            Connection::Lost { stage, reason } => (Some(false), Some((stage, reason))),
        };
        let (stage, reason) = lost.unzip();
        Self { route: &maps.route, ssl_options: maps.options, connected, stage, reason }
    }
}

#[derive(Serialize)]
struct CrlReport<'a> {
    crl: &'a str,
    route: &'a str,
    failure: Option<&'a Failure>,
    next_update: Option<String>,
}

impl<'a> CrlReport<'a> {
    fn of(route: &'a str, crl: &'a CrlState) -> Self {
        let failure = crl.fetch.as_ref().and_then(|fetch| fetch.as_ref().err());
        let next_update = crl.next_update.map(|at| humantime::format_rfc3339_seconds(at).to_string());
        Self { crl: &crl.url, route, failure, next_update }
    }
}

#[derive(Serialize)]
struct EndpointReport<'a> {
    component: Component,
    endpoint: &'a str,
    route: &'a str,
    verdict: Option<Verdict>,
    status: Option<u16>,
    expected: String,
    address: Option<String>,
    /// The proxy that was gone by, as the route or its PAC script chose it.
    proxy: Option<&'a str>,
    phases_seconds: BTreeMap<Stage, f64>,
    failure: Option<&'a Failure>,
    tls: Option<&'a TlsFacts>,
    revocation: Option<&'a RevocationReport>,
}

/// The whole snapshot.
pub(super) fn json(snapshot: &Snapshot) -> String {
    let components = snapshot.components.iter();
    let report = Report {
        exit_code: exit_code(snapshot),
        components: components
            .map(|c| ComponentReport { component: c.component, route: &c.route, verdict: c.verdict })
            .collect(),
        maps: snapshot.maps.iter().map(MapsReport::of).collect(),
        crls: snapshot
            .crls
            .iter()
            .flat_map(|(route, crls)| crls.iter().map(move |crl| CrlReport::of(route, crl)))
            .collect(),
        endpoints: snapshot.iter().map(|(_, target, state)| endpoint(target, state)).collect(),
    };
    // Words, numbers and texts: nothing in it that JSON can't hold.
    let mut text = serde_json::to_string_pretty(&report).unwrap_or_default();
    text.push('\n');
    text
}

fn endpoint<'a>(target: &'a Target, state: &'a TargetState) -> EndpointReport<'a> {
    let last = state.last.as_deref();
    let facts = last.map(|last| &last.facts);
    let phase = |stage: &Stage| Some((*stage, facts?.timings.get(*stage)?.as_secs_f64()));
    EndpointReport {
        component: target.endpoint.component,
        endpoint: target.endpoint.url.as_str(),
        route: &target.route.name,
        verdict: state.verdict(target),
        status: facts.and_then(|facts| facts.http.as_ref()).map(|http| http.status),
        expected: target.endpoint.expect.to_string(),
        proxy: facts.and_then(|facts| facts.proxy.as_deref()),
        address: facts.and_then(|facts| facts.peer).map(|peer| peer.to_string()),
        phases_seconds: Stage::ALL.iter().filter_map(phase).collect(),
        failure: last.and_then(|last| last.failure.as_ref()),
        tls: facts.and_then(|facts| facts.tls.as_ref()),
        revocation: state.revocation.as_deref(),
    }
}
