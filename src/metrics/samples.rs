//! Which samples a metric has in a snapshot. Pure; writing them out is `collector.rs`' business.

mod addresses;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::SystemTime;

use super::collector::Scrape;
use super::host;
use super::signatures;
use super::table::Metric;
use crate::clock::unix_seconds;
use crate::observation::{Facts, HttpFacts, Observation, Stage, TlsFacts};
use crate::plan::Target;
use crate::state::{Histogram, TargetState};
use crate::trust::revocation::{CrlState, Status};
use crate::verdict::{Connection, Verdict};

/// One series' value now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sample<'a> {
    /// Values of the metric's labels, in the order of its declaration.
    pub(super) labels: Vec<Cow<'a, str>>,
    /// What it is.
    pub(super) value: Value<'a>,
}

/// The value of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// A count, or 0 and 1.
    Whole(u64),
    /// A measure.
    Real(f64),
    /// A distribution.
    Histogram(&'a Histogram),
    /// Nothing beside the labels.
    Info,
}

impl<'a> Value<'a> {
    pub(super) const fn truth(truth: bool) -> Self {
        Self::Whole(truth as u64)
    }

    pub(super) fn time(at: SystemTime) -> Self {
        Self::Real(unix_seconds(at))
    }

    pub(super) fn sample(self, labels: impl IntoIterator<Item = &'a str>) -> Sample<'a> {
        Sample { labels: labels.into_iter().map(Cow::Borrowed).collect(), value: self }
    }
}

impl Metric {
    /// Whether it tells what one probe has learned.
    pub(super) const fn is_of_a_probe(self) -> bool {
        matches!(
            self,
            Self::EndpointInfo
                | Self::ProbeSuccess
                | Self::ProbeDuration
                | Self::ProbePhaseDuration
                | Self::ProbeFailureReason
                | Self::ProbeLastTimestamp
                | Self::HttpStatusCode
                | Self::HttpStatusExpected
                | Self::ProxyConnectStatusCode
                | Self::DnsAddresses
                | Self::DnsPrivateAddresses
                | Self::TlsVerified
                | Self::TlsIntercepted
                | Self::TlsChainCompleted
                | Self::TlsInfo
                | Self::TlsLeafNotAfter
                | Self::TlsChainNotAfter
                | Self::TlsRevocationStatus
                | Self::TlsRevocationUnknownReason
        )
    }
}

/// Every sample of `metric`; none: the metric isn't shown at all.
#[allow(clippy::too_many_lines, reason = "one arm for each metric")]
pub(super) fn samples(metric: Metric, scrape: &Scrape) -> Vec<Sample<'_>> {
    let process = &scrape.process;
    match metric {
        Metric::BuildInfo => build_info(scrape),
        Metric::EndpointInfo => endpoint_info(scrape),
        Metric::ProbeSuccess => per_probe(scrape, |probe| Some(Value::truth(probe.success()))),
        Metric::ProbeDuration => {
            per_probe(scrape, |probe| Some(Value::Real(probe.facts.timings.total().as_secs_f64())))
        }
        Metric::ProbePhaseDuration => per_target(scrape, phase_durations),
        Metric::ProbeFailureReason => per_target(scrape, failure_reason),
        Metric::Probes => counted(scrape, |state| state.probes),
        Metric::ProbeFailures => counted(scrape, |state| state.failures),
        Metric::ProbeFailuresByReason => failures_by_reason(scrape),
        Metric::ProbeLatency => latencies(scrape),
        Metric::ProbeLastTimestamp => per_probe(scrape, |probe| Some(Value::time(probe.at))),
        Metric::ProbeLastSuccessTimestamp => per_target(scrape, |state| {
            state.last_success.map(|at| (vec![], Value::time(at))).into_iter().collect()
        }),
        Metric::ProbeOverruns => overruns(scrape),
        Metric::ProbeInterval => intervals(scrape),
        Metric::ProbeAddressSuccess => {
            addresses::per_address(scrape, |failure, _| Value::truth(failure.is_none()))
        }
        Metric::ProbeAddressDuration => {
            addresses::per_address(scrape, |_, took| Value::Real(took.as_secs_f64()))
        }
        Metric::HttpStatusCode => per_answer(scrape, |_, http| Value::Whole(http.status.into())),
        Metric::HttpStatusExpected => {
            per_answer(scrape, |target, http| Value::truth(target.endpoint.expect.allows(http.status)))
        }
        Metric::ProxyConnectStatusCode => {
            per_probe(scrape, |probe| probe.facts.proxy_status.map(|status| Value::Whole(status.into())))
        }
        Metric::DnsAddresses => per_target(scrape, addresses::by_family),
        Metric::DnsPrivateAddresses => {
            per_probe(scrape, |probe| probe.facts.private.map(|count| Value::Whole(count as u64)))
        }
        Metric::TlsVerified => per_handshake(scrape, |tls| Some(Value::truth(tls.verified))),
        Metric::TlsIntercepted => {
            per_handshake(scrape, |tls| tls.verified.then(|| Value::truth(tls.intercepted)))
        }
        Metric::TlsChainCompleted => {
            per_handshake(scrape, |tls| tls.verified.then(|| Value::truth(tls.completed)))
        }
        Metric::TlsInfo => per_target(scrape, tls_info),
        Metric::TlsLeafNotAfter => {
            per_handshake(scrape, |tls| tls.chain.first().map(|leaf| Value::time(leaf.not_after)))
        }
        Metric::TlsChainNotAfter => {
            per_handshake(scrape, |tls| tls.chain.iter().map(|link| link.not_after).min().map(Value::time))
        }
        Metric::TlsRevocationStatus => per_target(scrape, revocation_status),
        Metric::TlsRevocationUnknownReason => per_target(scrape, revocation_unknown_reason),
        Metric::CrlFetchSuccess => {
            per_crl(scrape, |crl| crl.fetch.as_ref().map(|fetch| Value::truth(fetch.is_ok())))
        }
        Metric::CrlFetchFailureReason => crl_fetch_failure_reason(scrape),
        Metric::CrlThisUpdate => per_crl(scrape, |crl| crl.this_update.map(Value::time)),
        Metric::CrlNextUpdate => per_crl(scrape, |crl| crl.next_update.map(Value::time)),
        Metric::ComponentAvailable => component_available(scrape),
        Metric::MapsConnected => maps_connected(scrape),
        Metric::MapsDisconnectedReason => maps_disconnected_reason(scrape),
        Metric::UpdateSourceAvailable => {
            signatures::per_source(scrape, |state| state.available.map(Value::truth))
        }
        Metric::UpdateSourceLastAvailable => {
            signatures::per_source(scrape, |state| state.last_available.map(Value::time))
        }
        Metric::SignaturesPublishedInfo => signatures::per_published(scrape, |_| Value::Info),
        Metric::SignaturesPublishedTimestamp => {
            signatures::per_published(scrape, |told| Value::time(told.published.published_at))
        }
        Metric::SignaturesFeedSuccess => signatures::feed_success(scrape),
        Metric::SignaturesFeedFailureReason => signatures::feed_failure_reason(scrape),
        Metric::SignaturesFeedStale => signatures::feed_stale(scrape),
        Metric::SignaturesStaleAfter => signatures::stale_after(scrape),
        Metric::ConfigLastReloadSuccessful => {
            vec![Value::truth(!scrape.snapshot.reload_failed).sample([])]
        }
        Metric::ConfigLastReloadSuccessTimestamp => {
            vec![Value::time(scrape.snapshot.config_loaded).sample([])]
        }
        Metric::SignaturesInstalledInfo
        | Metric::SignaturesInstalledTimestamp
        | Metric::HostReadSuccess
        | Metric::HostReadFailureReason
        | Metric::HostLastReadTimestamp
        | Metric::HostSslOptions
        | Metric::HostWinhttpProxyConfigured
        | Metric::HostProxyPolicyConfigured
        | Metric::HostSpynetReporting
        | Metric::HostSubmitSamplesConsent
        | Metric::HostMapsValidationSuccess
        | Metric::HostMapsValidationHresultInfo
        | Metric::HostLastMapsConnection
        | Metric::HostLastFallback
        | Metric::HostSignaturesDue
        | Metric::HostEvents
        | Metric::HostEventLastTimestamp
        | Metric::HostHealthy
        | Metric::HostCloudEnabled
        | Metric::HostDefinitionsUpToDate
        | Metric::HostConnectivityTests => host::samples(metric, scrape),
        Metric::ProcessCpu => single(process.cpu_seconds.map(Value::Real)),
        Metric::ProcessResidentMemory => single(process.resident_bytes.map(Value::Whole)),
        Metric::ProcessVirtualMemory => single(process.virtual_bytes.map(Value::Whole)),
        Metric::ProcessOpenFds => single(process.open_fds.map(Value::Whole)),
        Metric::ProcessMaxFds => single(process.max_fds.map(Value::Whole)),
        Metric::ProcessStartTime => single(process.start_time_seconds.map(Value::Real)),
        Metric::ProcessThreads => single(process.threads.map(Value::Whole)),
    }
}

pub(super) fn single(value: Option<Value<'_>>) -> Vec<Sample<'_>> {
    value.map(|value| value.sample([])).into_iter().collect()
}

/// A value with the labels that follow `component`, `endpoint` and `route`.
type Labelled<'a> = (Vec<&'a str>, Value<'a>);

fn identity(target: &Target) -> [&str; 3] {
    [target.endpoint.component.as_str(), target.endpoint.url.as_str(), &target.route.name]
}

fn per_target<'a>(scrape: &'a Scrape, of: impl Fn(&'a TargetState) -> Vec<Labelled<'a>>) -> Vec<Sample<'a>> {
    let mut samples = Vec::new();
    for (_, target, state) in scrape.snapshot.iter() {
        let labelled = of(state).into_iter();
        samples.extend(labelled.map(|(more, value)| value.sample(identity(target).into_iter().chain(more))));
    }
    samples
}

/// A count of each target.
fn counted(scrape: &Scrape, of: impl Fn(&TargetState) -> u64) -> Vec<Sample<'_>> {
    let counts = scrape.snapshot.iter().map(|(_, target, state)| (target, of(state)));
    counts.map(|(target, count)| Value::Whole(count).sample(identity(target))).collect()
}

/// One sample for each target whose last probe has a value.
fn per_probe<'a>(scrape: &'a Scrape, of: impl Fn(&'a Observation) -> Option<Value<'a>>) -> Vec<Sample<'a>> {
    let values = scrape
        .snapshot
        .iter()
        .filter_map(|(_, target, state)| Some((target, state.last.as_deref().and_then(&of)?)));
    values.map(|(target, value)| value.sample(identity(target))).collect()
}

fn per_handshake<'a>(scrape: &'a Scrape, of: impl Fn(&'a TlsFacts) -> Option<Value<'a>>) -> Vec<Sample<'a>> {
    per_probe(scrape, |probe| probe.facts.tls.as_ref().and_then(&of))
}

/// One sample for each target whose last probe got an HTTP answer.
fn per_answer<'a>(scrape: &'a Scrape, of: impl Fn(&Target, &HttpFacts) -> Value<'a>) -> Vec<Sample<'a>> {
    let answered = scrape.snapshot.iter().filter_map(|(_, target, state)| Some((target, last_facts(state)?)));
    let with_http = answered.filter_map(|(target, facts)| Some((target, facts.http.as_ref()?)));
    with_http.map(|(target, http)| of(target, http).sample(identity(target))).collect()
}

fn last_facts(state: &TargetState) -> Option<&Facts> {
    state.last.as_deref().map(|probe| &probe.facts)
}

fn phase_durations(state: &TargetState) -> Vec<Labelled<'_>> {
    let Some(facts) = last_facts(state) else { return vec![] };
    let reached = Stage::ALL.iter().filter_map(|stage| Some((stage, facts.timings.get(*stage)?)));
    reached.map(|(stage, took)| (vec![stage.as_str()], Value::Real(took.as_secs_f64()))).collect()
}

fn failure_reason(state: &TargetState) -> Vec<Labelled<'_>> {
    let failure = state.last.as_deref().and_then(|probe| probe.failure.as_ref());
    let labels = failure.map(|failure| vec![failure.stage.as_str(), failure.reason.as_str()]);
    labels.map(|labels| (labels, Value::Whole(1))).into_iter().collect()
}

fn tls_info(state: &TargetState) -> Vec<Labelled<'_>> {
    let Some(tls) = last_facts(state).and_then(|facts| facts.tls.as_ref()) else { return vec![] };
    let issuer = tls.chain.first().map_or("", |leaf| &leaf.issuer);
    let root = tls.root.as_deref().unwrap_or_default();
    vec![(vec![tls.version.unwrap_or_default(), tls.cipher.unwrap_or_default(), issuer, root], Value::Info)]
}

/// All three, so that each is a series that turns; nothing before the first check.
fn revocation_status(state: &TargetState) -> Vec<Labelled<'_>> {
    let Some(report) = &state.revocation else { return vec![] };
    let status = |of: &Status| (vec![of.as_str()], Value::truth(*of == report.status));
    Status::ALL.iter().map(status).collect()
}

fn revocation_unknown_reason(state: &TargetState) -> Vec<Labelled<'_>> {
    let cause = state.revocation.as_ref().and_then(|report| report.cause());
    cause.map(|cause| (vec![cause.as_str()], Value::Whole(1))).into_iter().collect()
}

fn crls(scrape: &Scrape) -> impl Iterator<Item = (&str, &CrlState)> {
    let routes = scrape.snapshot.crls.iter();
    routes.flat_map(|(route, crls)| crls.iter().map(move |crl| (route.as_str(), crl)))
}

fn per_crl<'a>(scrape: &'a Scrape, of: impl Fn(&'a CrlState) -> Option<Value<'a>>) -> Vec<Sample<'a>> {
    crls(scrape).filter_map(|(route, crl)| Some(of(crl)?.sample([crl.url.as_str(), route]))).collect()
}

fn crl_fetch_failure_reason(scrape: &Scrape) -> Vec<Sample<'_>> {
    let failed =
        crls(scrape).filter_map(|(route, crl)| Some((route, crl, crl.fetch.as_ref()?.as_ref().err()?)));
    let samples = failed.map(|(route, crl, failure)| {
        let labels = [crl.url.as_str(), route, failure.stage.as_str(), failure.reason.as_str()];
        Value::Whole(1).sample(labels)
    });
    samples.collect()
}

fn maps_connected(scrape: &Scrape) -> Vec<Sample<'_>> {
    let known = scrape.snapshot.maps.iter().filter(|maps| maps.connection != Connection::Unknown);
    let samples = known.map(|maps| {
        Value::truth(maps.connection == Connection::Connected).sample([&maps.route, maps.options.as_str()])
    });
    samples.collect()
}

fn maps_disconnected_reason(scrape: &Scrape) -> Vec<Sample<'_>> {
    let lost = scrape.snapshot.maps.iter().filter_map(|maps| {
        let Connection::Lost { stage, reason } = maps.connection else { return None };
        let labels = [&maps.route, maps.options.as_str(), stage.as_str(), reason.as_str()];
        Some(Value::Whole(1).sample(labels))
    });
    lost.collect()
}

fn build_info(scrape: &Scrape) -> Vec<Sample<'_>> {
    let build = scrape.build;
    vec![Value::Info.sample([build.version, build.revision, build.rustc])]
}

/// One for each endpoint, however many routes it is probed by.
fn endpoint_info(scrape: &Scrape) -> Vec<Sample<'_>> {
    let mut seen = BTreeSet::new();
    let endpoints = scrape.snapshot.plan.targets.iter().map(|target| &target.endpoint);
    let distinct = endpoints.filter(|endpoint| seen.insert((endpoint.component, endpoint.url.as_str())));
    let info = distinct.map(|endpoint| {
        let (component, url) = (endpoint.component.as_str(), &endpoint.url);
        let mut sample = Value::Info.sample([component, url.as_str(), &endpoint.pattern, url.host()]);
        sample.labels.push(url.port().to_string().into());
        sample
    });
    info.collect()
}

fn failures_by_reason(scrape: &Scrape) -> Vec<Sample<'_>> {
    let counted = scrape.snapshot.failures.iter().map(|(key, count)| {
        let labels = [key.component.as_str(), &key.route, key.stage.as_str(), key.reason.as_str()];
        Value::Whole(*count).sample(labels)
    });
    counted.collect()
}

fn latencies(scrape: &Scrape) -> Vec<Sample<'_>> {
    let histograms = scrape.snapshot.latencies.iter().map(|(key, histogram)| {
        Value::Histogram(histogram).sample([key.component.as_str(), &key.route, key.stage.as_str()])
    });
    histograms.collect()
}

fn overruns(scrape: &Scrape) -> Vec<Sample<'_>> {
    let counted = scrape.snapshot.overruns.iter();
    counted.map(|(component, count)| Value::Whole(*count).sample([component.as_str()])).collect()
}

fn intervals(scrape: &Scrape) -> Vec<Sample<'_>> {
    let components = scrape.snapshot.plan.components.iter();
    let interval = components.map(|component| {
        Value::Real(component.interval.as_secs_f64()).sample([component.spec.component.as_str()])
    });
    interval.collect()
}

fn component_available(scrape: &Scrape) -> Vec<Sample<'_>> {
    let judged = scrape.snapshot.components.iter().filter_map(|state| Some((state, state.verdict?)));
    let available = judged.map(|(state, verdict)| {
        Value::truth(verdict != Verdict::Bad).sample([state.component.as_str(), &state.route])
    });
    available.collect()
}
