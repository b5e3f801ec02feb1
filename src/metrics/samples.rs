//! Functions that derive the samples of metrics from a snapshot. Pure. `families.rs` maps each metric to its function;
//! `collector.rs` and `text.rs` encode the samples.

pub(super) mod addresses;
pub(super) mod common_causes;
pub(super) mod faults;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use super::scrape::Scrape;
use super::value::{Sample, SampleValue};
use crate::catalog::{Component, current_version};
use crate::observation::{Facts, Failure, HttpFacts, Observation, Phase, SplitHelloResult, TlsFacts};
use crate::plan::Target;
use crate::report;
use crate::revocation::{CrlState, RevocationStatus, UndeterminedCause};
use crate::state::TargetState;
use crate::verdict::{MapsConnection, UnservedNeed, Verdict};

/// The values of the labels that identify a target.
pub(super) fn identity(target: &Target) -> [&str; 3] {
    [target.endpoint.component.as_str(), target.endpoint.url.as_str(), &target.route.name]
}

/// The values of the labels that identify a target, and one more.
pub(super) fn identity_and<'a>(target: &'a Target, more: &'a str) -> [&'a str; 4] {
    let [component, endpoint, route] = identity(target);
    [component, endpoint, route, more]
}

/// The samples of each target.
pub(super) fn per_target<'a, const N: usize>(
    scrape: &'a Scrape,
    value: impl Fn(&'a Target, &'a TargetState) -> Vec<Sample<'a, N>>,
) -> Vec<Sample<'a, N>> {
    scrape.snapshot.iter().flat_map(|(_, target, state)| value(target, state)).collect()
}

/// The samples of each target of Defender.
pub(super) fn per_endpoint<'a, const N: usize>(
    scrape: &'a Scrape,
    value: impl Fn(&'a Target, &'a TargetState) -> Vec<Sample<'a, N>>,
) -> Vec<Sample<'a, N>> {
    scrape.snapshot.defender().flat_map(|(_, target, state)| value(target, state)).collect()
}

/// One count per target.
pub(super) fn counted(scrape: &Scrape, value: impl Fn(&TargetState) -> u64) -> Vec<Sample<'_, 3>> {
    let counts = scrape.snapshot.iter().map(|(_, target, state)| (target, value(state)));
    counts.map(|(target, count)| SampleValue::Whole(count).sample(identity(target))).collect()
}

/// One sample per target for whose last probe `value` returns a value.
pub(super) fn per_probe<'a>(
    scrape: &'a Scrape,
    value: impl Fn(&'a Observation) -> Option<SampleValue<'a>>,
) -> Vec<Sample<'a, 3>> {
    let values = scrape
        .snapshot
        .iter()
        .filter_map(|(_, target, state)| Some((target, state.last.as_deref().and_then(&value)?)));
    values.map(|(target, value)| value.sample(identity(target))).collect()
}

pub(super) fn per_handshake<'a>(
    scrape: &'a Scrape,
    value: impl Fn(&'a TlsFacts) -> Option<SampleValue<'a>>,
) -> Vec<Sample<'a, 3>> {
    per_probe(scrape, |probe| probe.facts.tls.as_ref().and_then(&value))
}

/// One sample per target whose last probe received an HTTP response.
pub(super) fn per_answer<'a>(
    scrape: &'a Scrape,
    value: impl Fn(&Target, &HttpFacts) -> SampleValue<'a>,
) -> Vec<Sample<'a, 3>> {
    let answered = scrape.snapshot.iter().filter_map(|(_, target, state)| Some((target, last_facts(state)?)));
    let with_http = answered.filter_map(|(target, facts)| Some((target, facts.http.as_ref()?)));
    with_http.map(|(target, http)| value(target, http).sample(identity(target))).collect()
}

fn last_facts(state: &TargetState) -> Option<&Facts> {
    state.last.as_deref().map(|probe| &probe.facts)
}

pub(super) fn phase_durations<'a>(target: &'a Target, state: &'a TargetState) -> Vec<Sample<'a, 4>> {
    let Some(facts) = last_facts(state) else { return vec![] };
    let reached = Phase::ALL.iter().filter_map(|phase| Some((phase, facts.timings.get(*phase)?)));
    let sample = |(phase, took): (&'static Phase, Duration)| {
        SampleValue::Real(took.as_secs_f64()).sample(identity_and(target, phase.as_str()))
    };
    reached.map(sample).collect()
}

pub(super) fn failure_reason<'a>(target: &'a Target, state: &'a TargetState) -> Vec<Sample<'a, 5>> {
    let [component, endpoint, route] = identity(target);
    let failure = state.last.as_deref().and_then(|probe| probe.failure.as_ref());
    let labels =
        |failure: &Failure| [component, endpoint, route, failure.phase.as_str(), failure.reason.as_str()];
    failure.map(|failure| SampleValue::Whole(1).sample(labels(failure))).into_iter().collect()
}

pub(super) fn tls_info<'a>(target: &'a Target, state: &'a TargetState) -> Vec<Sample<'a, 7>> {
    let Some(tls) = last_facts(state).and_then(|facts| facts.tls.as_ref()) else { return vec![] };
    let [component, endpoint, route] = identity(target);
    let version = tls.version.unwrap_or_default();
    let cipher = tls.cipher.unwrap_or_default();
    let issuer = tls.chain.first().map_or("", |leaf| &leaf.issuer);
    let root = tls.root.as_deref().unwrap_or_default();
    vec![SampleValue::Info.sample([component, endpoint, route, version, cipher, issuer, root])]
}

/// One sample per status, 0 or 1, so that a change of status alters values and not the series. Empty before the first check.
pub(super) fn revocation_status<'a>(target: &'a Target, state: &'a TargetState) -> Vec<Sample<'a, 4>> {
    let Some(report) = &state.revocation else { return vec![] };
    let sample = |status: &RevocationStatus| {
        SampleValue::truth(*status == report.status).sample(identity_and(target, status.as_str()))
    };
    RevocationStatus::ALL.iter().map(sample).collect()
}

pub(super) fn revocation_unknown_reason<'a>(
    target: &'a Target,
    state: &'a TargetState,
) -> Vec<Sample<'a, 4>> {
    let cause = state.revocation.as_ref().and_then(|report| report.cause());
    let sample =
        |cause: UndeterminedCause| SampleValue::Whole(1).sample(identity_and(target, cause.as_str()));
    cause.map(sample).into_iter().collect()
}

/// One sample per state, 0 or 1, so that a change of state alters values and not the series. Empty without a verdict.
pub(super) fn endpoint_state<'a>(target: &'a Target, state: &'a TargetState) -> Vec<Sample<'a, 4>> {
    let Some(verdict) = state.verdict() else { return vec![] };
    let one = |of: &Verdict| SampleValue::truth(*of == verdict).sample(identity_and(target, of.as_str()));
    Verdict::ALL.iter().map(one).collect()
}

pub(super) fn endpoint_concern<'a>(target: &'a Target, state: &'a TargetState) -> Vec<Sample<'a, 4>> {
    let concern = state.concern().map(|concern| concern.kind().as_str());
    concern.map(|kind| SampleValue::Whole(1).sample(identity_and(target, kind))).into_iter().collect()
}

pub(super) fn split_hellos(scrape: &Scrape) -> Vec<Sample<'_, 3>> {
    let samples = scrape.snapshot.split_hellos.values().filter_map(|hello| {
        let labels = [Component::Maps.as_str(), &hello.endpoint, &hello.route];
        match hello.result {
            SplitHelloResult::Passes => Some(SampleValue::truth(true).sample(labels)),
            SplitHelloResult::Blocked(_) => Some(SampleValue::truth(false).sample(labels)),
            SplitHelloResult::Unknown => None,
        }
    });
    samples.collect()
}

pub(super) fn crls(scrape: &Scrape) -> impl Iterator<Item = (&str, &CrlState)> {
    let routes = scrape.snapshot.crls.iter();
    routes.flat_map(|(route, crls)| crls.iter().map(move |crl| (route.as_str(), crl)))
}

pub(super) fn per_crl<'a>(
    scrape: &'a Scrape,
    value: impl Fn(&'a CrlState) -> Option<SampleValue<'a>>,
) -> Vec<Sample<'a, 2>> {
    crls(scrape).filter_map(|(route, crl)| Some(value(crl)?.sample([crl.url.as_str(), route]))).collect()
}

pub(super) fn crl_fetch_failure_reason(scrape: &Scrape) -> Vec<Sample<'_, 4>> {
    let failed =
        crls(scrape).filter_map(|(route, crl)| Some((route, crl, crl.fetch.as_ref()?.as_ref().err()?)));
    let samples = failed.map(|(route, crl, failure)| {
        let labels = [crl.url.as_str(), route, failure.phase.as_str(), failure.reason.as_str()];
        SampleValue::Whole(1).sample(labels)
    });
    samples.collect()
}

pub(super) fn maps_connected(scrape: &Scrape) -> Vec<Sample<'_, 2>> {
    let known = scrape.snapshot.maps.iter().filter(|maps| maps.connection != MapsConnection::Unknown);
    let samples = known.map(|maps| {
        SampleValue::truth(maps.connection == MapsConnection::Connected)
            .sample([&maps.route, maps.options.as_str()])
    });
    samples.collect()
}

pub(super) fn maps_disconnected_reason(scrape: &Scrape) -> Vec<Sample<'_, 5>> {
    let mut samples = Vec::new();
    for maps in &scrape.snapshot.maps {
        samples.extend(maps.connection.unserved().iter().map(
            |UnservedNeed { need, phase, reason, .. }| {
                let labels =
                    [maps.route.as_str(), maps.options.as_str(), need, phase.as_str(), reason.as_str()];
                SampleValue::Whole(1).sample(labels)
            },
        ));
    }
    samples
}

pub(super) fn build_info(scrape: &Scrape) -> Vec<Sample<'_, 3>> {
    let build = scrape.build;
    vec![SampleValue::Info.sample([build.version, build.revision, build.rustc])]
}

pub(super) fn catalog_info() -> Vec<Sample<'static, 1>> {
    vec![SampleValue::Info.sample([current_version().as_str()])]
}

/// One sample per endpoint, even if it is probed via several routes.
pub(super) fn endpoint_info(scrape: &Scrape) -> Vec<Sample<'_, 5>> {
    let mut seen = BTreeSet::new();
    let endpoints = scrape.snapshot.plan.targets.iter().map(|target| &target.endpoint);
    let distinct = endpoints.filter(|endpoint| seen.insert((endpoint.component, endpoint.url.as_str())));
    let info = distinct.map(|endpoint| {
        let (component, url) = (endpoint.component.as_str(), &endpoint.url);
        let names = [component, url.as_str(), &endpoint.pattern, url.host()].map(Cow::Borrowed);
        let [component, url_label, pattern, host] = names;
        let labels = [component, url_label, pattern, host, url.port().to_string().into()];
        Sample { labels, value: SampleValue::Info }
    });
    info.collect()
}

pub(super) fn failures_by_reason(scrape: &Scrape) -> Vec<Sample<'_, 4>> {
    let counted = scrape.snapshot.failures.iter().map(|(key, count)| {
        let labels = [key.component.as_str(), &key.route, key.phase.as_str(), key.reason.as_str()];
        SampleValue::Whole(*count).sample(labels)
    });
    counted.collect()
}

pub(super) fn latencies(scrape: &Scrape) -> Vec<Sample<'_, 3>> {
    let histograms = scrape.snapshot.latencies.iter().map(|(key, histogram)| {
        SampleValue::Histogram(histogram).sample([key.component.as_str(), &key.route, key.phase.as_str()])
    });
    histograms.collect()
}

pub(super) fn overruns(scrape: &Scrape) -> Vec<Sample<'_, 1>> {
    let counted = scrape.snapshot.overruns.iter();
    counted.map(|(component, count)| SampleValue::Whole(*count).sample([component.as_str()])).collect()
}

pub(super) fn intervals(scrape: &Scrape) -> Vec<Sample<'_, 1>> {
    let components = scrape.snapshot.plan.components.iter();
    let interval = components.map(|component| {
        SampleValue::Real(component.interval.as_secs_f64()).sample([component.spec.component.as_str()])
    });
    interval.collect()
}

pub(super) fn control_success(scrape: &Scrape) -> Vec<Sample<'_, 1>> {
    let known = report::internet(&scrape.snapshot).into_iter();
    let known = known.filter_map(|internet| Some((internet.route, internet.control_answers?)));
    known.map(|(route, answers)| SampleValue::truth(answers).sample([route])).collect()
}

pub(super) fn internet_situation(scrape: &Scrape) -> Vec<Sample<'_, 2>> {
    let known = report::internet(&scrape.snapshot).into_iter();
    let known = known.filter_map(|internet| Some((internet.route, internet.situation?)));
    known.map(|(route, situation)| SampleValue::Whole(1).sample([route, situation.as_str()])).collect()
}

pub(super) fn component_available(scrape: &Scrape) -> Vec<Sample<'_, 2>> {
    let judged = scrape.snapshot.components.iter().filter_map(|state| Some((state, state.verdict?)));
    let available = judged.map(|(state, verdict)| {
        SampleValue::truth(verdict != Verdict::Bad).sample([state.component.as_str(), &state.route])
    });
    available.collect()
}
