//! Maps every metric to its samples, in one exhaustive table. The compiler rejects a missing metric, and samples whose number
//! of label values differs from the metric's number of labels.

use std::fmt;

use super::declarations::Metric;
use super::samples::{
    addresses, build_info, catalog_info, common_causes, component_available, control_success, counted,
    crl_fetch_failure_reason, endpoint_concern, endpoint_info, endpoint_state, failure_reason,
    failures_by_reason, faults, identity, internet_situation, intervals, latencies, maps_connected,
    maps_disconnected_reason, overruns, per_answer, per_crl, per_endpoint, per_handshake, per_probe,
    per_target, phase_durations, revocation_status, revocation_unknown_reason, split_hellos, tls_info,
};
use super::scrape::Scrape;
use super::spec::Spec;
use super::value::{Sample, SampleValue, single};
use super::{host, signatures};
use crate::host::HostFacts;
use crate::observation::RangeOutcome;

/// A metric and its samples. The formats omit a metric without samples.
pub(super) struct MetricFamily<'a, const N: usize> {
    /// The metric's declaration.
    pub(super) spec: &'static Spec,
    /// The label names.
    pub(super) labels: [&'static str; N],
    /// One sample per series.
    pub(super) samples: Vec<Sample<'a, N>>,
}

/// Processes metrics with any number of labels.
pub(super) trait Visitor {
    /// The result for one metric.
    type Output;

    /// Processes `family`.
    fn visit<const N: usize>(&mut self, family: &MetricFamily<'_, N>) -> Self::Output;
}

/// Expands to a `match` over every metric without a wildcard, whose arms compute the metrics' samples. The metric's declaration
/// determines the number of label values: another number is a type mismatch.
macro_rules! families {
    ($metric:expr, $visitor:expr, { $($variant:ident => $samples:expr,)+ }) => {
        match $metric {
            $(Metric::$variant => {
                const LABELS: usize = Metric::$variant.spec().labels.len();
                const NAMES: [&str; LABELS] = Metric::$variant.spec().label_names();
                let samples: Vec<Sample<'_, LABELS>> = $samples;
                $visitor.visit(&MetricFamily { spec: Metric::$variant.spec(), labels: NAMES, samples })
            })+
        }
    };
}

/// Passes the metric with its samples to `visitor`.
#[expect(clippy::too_many_lines, reason = "one arm for each metric")]
pub(super) fn visit<V: Visitor>(metric: Metric, scrape: &Scrape, visitor: &mut V) -> V::Output {
    let process = &scrape.process;
    families!(metric, visitor, {
        BuildInfo => build_info(scrape),
        CatalogInfo => catalog_info(),
        EndpointInfo => endpoint_info(scrape),
        ProbeSuccess => per_probe(scrape, |probe| Some(SampleValue::truth(probe.success()))),
        ProbeDuration => {
            per_probe(scrape, |probe| Some(SampleValue::Real(probe.facts.timings.total().as_secs_f64())))
        },
        ProbePhaseDuration => per_target(scrape, phase_durations),
        ProbeFailureReason => per_target(scrape, failure_reason),
        Probes => counted(scrape, |state| state.probes),
        ProbeFailures => counted(scrape, |state| state.failures),
        ProbeFailuresByReason => failures_by_reason(scrape),
        ProbeLatency => latencies(scrape),
        ProbeLastTimestamp => per_probe(scrape, |probe| Some(SampleValue::time(probe.at))),
        ProbeLastSuccessTimestamp => per_target(scrape, |target, state| {
            state.last_success.map(|at| SampleValue::time(at).sample(identity(target))).into_iter().collect()
        }),
        ProbeOverruns => overruns(scrape),
        ProbeInterval => intervals(scrape),
        ProbeAddressSuccess => {
            addresses::per_address(scrape, |failure, _| SampleValue::truth(failure.is_none()))
        },
        ProbeAttempts => per_probe(scrape, |probe| {
            let failed = probe.facts.failed_attempts.len() as u64;
            let connects = probe.facts.peer.is_some() || failed > 0;
            connects.then(|| SampleValue::Whole(failed + u64::from(probe.facts.peer.is_some())))
        }),
        ProbeAddressDuration => {
            addresses::per_address(scrape, |_, took| SampleValue::Real(took.as_secs_f64()))
        },
        HttpStatusCode => per_answer(scrape, |_, http| SampleValue::Whole(http.status.into())),
        HttpStatusExpected => {
            per_answer(scrape, |target, http| SampleValue::truth(target.endpoint.expect.allows(http.status)))
        },
        UpdatePackageTimestamp => per_probe(scrape, |probe| {
            Some(SampleValue::time(probe.facts.package.as_ref()?.modified))
        }),
        HttpRangeHonored => per_probe(scrape, |probe| {
            let range = probe.facts.http.as_ref()?.range?;
            Some(SampleValue::truth(range == RangeOutcome::Honored))
        }),
        ProxyConnectStatusCode => {
            per_probe(scrape, |probe| probe.facts.proxy_status.map(|status| SampleValue::Whole(status.into())))
        },
        DnsAddresses => per_target(scrape, addresses::by_family),
        DnsPrivateAddresses => {
            per_probe(scrape, |probe| probe.facts.private.map(|count| SampleValue::Whole(count as u64)))
        },
        TlsVerified => per_handshake(scrape, |tls| Some(SampleValue::truth(tls.verified))),
        TlsIntercepted => {
            per_handshake(scrape, |tls| tls.verified.then(|| SampleValue::truth(tls.intercepted)))
        },
        TlsUnexpectedRoot => {
            per_probe(scrape, |probe| probe.facts.unexpected_root().map(SampleValue::truth))
        },
        TlsChainCompleted => {
            per_handshake(scrape, |tls| tls.verified.then(|| SampleValue::truth(tls.completed)))
        },
        TlsInfo => per_target(scrape, tls_info),
        TlsLeafNotAfter => {
            per_handshake(scrape, |tls| tls.chain.first().map(|leaf| SampleValue::time(leaf.not_after)))
        },
        TlsChainNotAfter => per_handshake(scrape, |tls| tls.chain_not_after.map(SampleValue::time)),
        TlsChainNotBefore => per_handshake(scrape, |tls| tls.chain_not_before.map(SampleValue::time)),
        TlsRevocationStatus => per_target(scrape, revocation_status),
        TlsRevocationUnknownReason => per_target(scrape, revocation_unknown_reason),
        TlsSplitHelloSuccess => split_hellos(scrape),
        CrlFetchSuccess => {
            per_crl(scrape, |crl| crl.fetch.as_ref().map(|fetch| SampleValue::truth(fetch.is_ok())))
        },
        CrlFetchFailureReason => crl_fetch_failure_reason(scrape),
        CrlFetchLast => per_crl(scrape, |crl| crl.fetched.map(SampleValue::time)),
        CrlThisUpdate => per_crl(scrape, |crl| crl.this_update.map(SampleValue::time)),
        CrlNextUpdate => per_crl(scrape, |crl| crl.next_update.map(SampleValue::time)),
        EndpointState => per_endpoint(scrape, endpoint_state),
        EndpointConcern => per_endpoint(scrape, endpoint_concern),
        Faults => faults::faults(scrape),
        CommonCause => common_causes::common_causes(scrape),
        ControlSuccess => control_success(scrape),
        InternetSituation => internet_situation(scrape),
        ComponentAvailable => component_available(scrape),
        MapsConnected => maps_connected(scrape),
        MapsDisconnectedReason => maps_disconnected_reason(scrape),
        UpdateSourceAvailable => {
            signatures::per_source(scrape, |state| state.available.map(SampleValue::truth))
        },
        UpdateSourceLastAvailable => {
            signatures::per_source(scrape, |state| state.last_available.map(SampleValue::time))
        },
        SignaturesPublishedInfo => signatures::per_published(scrape, |_| SampleValue::Info),
        SignaturesPublishedTimestamp => {
            signatures::per_published(scrape, |history| SampleValue::time(history.published.published_at))
        },
        SignaturesFeedSuccess => signatures::feed_success(scrape),
        SignaturesFeedLast => signatures::feed_last(scrape),
        SignaturesFeedFailureReason => signatures::feed_failure_reason(scrape),
        SignaturesFeedStale => signatures::feed_stale(scrape),
        SignaturesStaleAfter => signatures::stale_after(scrape),
        ConfigLastReloadSuccessful => {
            single(Some(SampleValue::truth(!scrape.snapshot.reload_failed)))
        },
        ConfigLastReloadSuccessTimestamp => {
            single(Some(SampleValue::time(scrape.snapshot.config_loaded)))
        },
        WebConfigLastReloadSuccessful => single(scrape.web.config_usable.map(SampleValue::truth)),
        WebCertificateNotAfter => single(scrape.web.certificate_not_after.map(SampleValue::time)),
        WebCertificateNotBefore => single(scrape.web.certificate_not_before.map(SampleValue::time)),
        SignaturesInstalledInfo => host::installed(scrape, |_| Some(SampleValue::Info)),
        SignaturesInstalledTimestamp => {
            host::installed(scrape, |signatures| signatures.dated().map(SampleValue::time))
        },
        HostReadSuccess => host::read_success(scrape),
        HostReadFailureReason => host::read_failures(scrape),
        HostLastReadTimestamp => single(scrape.snapshot.host.as_ref().map(|facts| SampleValue::time(facts.at))),
        HostSslOptions => {
            host::registry(scrape, |registry| registry.ssl_options.map(|options| SampleValue::Whole(options as u64)))
        },
        HostWinhttpProxyConfigured => host::registry(scrape, |registry| {
            registry.winhttp.as_ref().map(|setting| SampleValue::truth(setting.has_proxy()))
        }),
        HostProxyPolicyConfigured => {
            host::registry(scrape, |registry| Some(SampleValue::truth(registry.proxy_policy.is_set())))
        },
        HostSpynetReporting => {
            host::registry(scrape, |registry| registry.spynet_reporting.map(|policy| SampleValue::Whole(policy as u64)))
        },
        HostSubmitSamplesConsent => host::registry(scrape, |registry| {
            registry.submit_samples_consent.map(|policy| SampleValue::Whole(policy as u64))
        }),
        HostSettingInfo => host::settings(scrape),
        HostSettingOverruled => host::overruled_settings(scrape),
        HostUpdateSourceDifferenceInfo => host::update_source_differences(scrape),
        HostMapsValidationSuccess => host::maps_validation_success(scrape),
        HostMapsValidationHresultInfo => host::maps_validation_hresult(scrape),
        HostLastMapsConnection => {
            host::windows(scrape, |windows| windows.last_maps_connection.map(SampleValue::time))
        },
        HostLastFallback => {
            host::registry(scrape, |registry| registry.last_fallback.map(SampleValue::time))
        },
        HostSignaturesDue => host::registry(scrape, |registry| {
            registry.signatures_due_days.map(|days| SampleValue::Real(f64::from(days) * host::DAY))
        }),
        HostEvents => host::events(scrape, |tally| Some(SampleValue::Whole(tally.total))),
        HostEventLastTimestamp => host::events(scrape, |tally| tally.last.map(SampleValue::time)),
        HostLastUpdateFailureInfo => host::update_failures(scrape),
        HostLastUpdateFailureTimestamp => host::update_failure_times(scrape),
        HostHealthy => host::truth(scrape, |facts| facts.health()?.healthy),
        HostRunningModeInfo => host::running_mode(scrape),
        HostRealTimeProtection => host::truth(scrape, HostFacts::real_time_protection),
        HostTamperProtection => {
            host::registry(scrape, |registry| registry.product.tamper_protection.map(SampleValue::truth))
        },
        HostCloudEnabled => host::truth(scrape, HostFacts::cloud_protection),
        HostDefinitionsUpToDate => host::truth(scrape, |facts| facts.health()?.definitions_up_to_date()),
        HostDefinitionsStatusInfo => host::definitions(scrape),
        HostConflictingApplications => {
            host::count(scrape, |health| health.conflicting_applications.as_ref().map(Vec::len))
        },
        HostHealthIssues => host::count(scrape, |health| health.health_issues.as_ref().map(Vec::len)),
        HostProductExpiration => host::product_expiration(scrape),
        HostConnectivityTests => host::connectivity(scrape),
        ProcessCpu => single(process.cpu_seconds.map(SampleValue::Real)),
        ProcessResidentMemory => single(process.resident_bytes.map(SampleValue::Whole)),
        ProcessVirtualMemory => single(process.virtual_bytes.map(SampleValue::Whole)),
        ProcessOpenFds => single(process.open_fds.map(SampleValue::Whole)),
        ProcessMaxFds => single(process.max_fds.map(SampleValue::Whole)),
        ProcessStartTime => single(process.start_time_seconds.map(SampleValue::Real)),
        ProcessThreads => single(process.threads.map(SampleValue::Whole)),
    })
}

/// Passes each metric in the scrape's scope to `writer`.
///
/// # Errors
/// The first error of `writer`.
pub(super) fn write(scrape: &Scrape, writer: &mut impl Visitor<Output = fmt::Result>) -> fmt::Result {
    Metric::ALL
        .iter()
        .filter(|metric| scrape.scope.has(**metric))
        .try_for_each(|metric| visit(*metric, scrape, writer))
}
