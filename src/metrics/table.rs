//! Every metric, declared once: its name as users see it, kind, unit, labels and help.
//! Where the values come from is `samples.rs`; how METRICS.md is made of this is `markdown.rs`.

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only rises; its name ends in `_total`.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Counts by size, with classic and native buckets.
    Histogram,
    /// Always 1; the labels say it. Its name ends in `_info`.
    Info,
}

impl Kind {
    /// The word for it in METRICS.md.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Info => "info",
        }
    }

    /// What the kind adds to the end of a name.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Counter => "_total",
            Self::Info => "_info",
            Self::Gauge | Self::Histogram => "",
        }
    }
}

/// The base units in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Durations, and timestamps since the Unix epoch.
    Seconds,
    /// Memory.
    Bytes,
}

impl Unit {
    /// The word at the end of the names that have this unit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
        }
    }
}

/// One metric's declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The name that queries use, suffixes included.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its unit, if it has one; also part of the name.
    pub unit: Option<Unit>,
    /// Its labels, in the order in which samples give their values.
    pub labels: &'static [&'static str],
    /// What it says: one line without backslashes, since not every format escapes it.
    pub help: &'static str,
}

impl Spec {
    /// The name without the suffixes of kind and unit, which OpenMetrics libraries add themselves.
    #[must_use]
    pub fn stem(&self) -> &'static str {
        let name = self.name.strip_suffix(self.kind.suffix()).unwrap_or(self.name);
        let unit = self.unit.and_then(|unit| name.strip_suffix(unit.as_str())?.strip_suffix('_'));
        unit.unwrap_or(name)
    }
}

/// Declares [`Metric`] from rows of variant, name, kind, unit, labels and help.
macro_rules! metrics {
    ($($variant:ident: $name:literal, $kind:ident, $unit:expr, [$($label:literal),*], $help:literal;)+) => {
        /// Every metric that the exporter has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric { $(#[doc = concat!("`", $name, "`")] $variant),+ }

        impl Metric {
            /// Every metric, in the order of the output.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its declaration.
            #[must_use]
            pub const fn spec(self) -> &'static Spec {
                match self {
                    $(Self::$variant => &Spec {
                        name: $name,
                        kind: Kind::$kind,
                        unit: $unit,
                        labels: &[$($label),*],
                        help: $help,
                    }),+
                }
            }
        }
    };
}

const SECONDS: Option<Unit> = Some(Unit::Seconds);
const BYTES: Option<Unit> = Some(Unit::Bytes);

metrics! {
    BuildInfo: "defender_exporter_build_info", Info, None, ["version", "revision", "rustc"],
        "The running exporter: its version, the revision it was built from, and the compiler.";
    EndpointInfo: "defender_endpoint_info", Info, None, ["component", "endpoint", "pattern", "host", "port"],
        "What is probed for which documented pattern; the pattern is written as in Microsoft's document.";

    ProbeSuccess: "defender_probe_success", Gauge, None, ["component", "endpoint", "route"],
        "Whether the last probe got a genuine answer, of whatever status (1) or not (0). Absent before the first probe.";
    ProbeDuration: "defender_probe_duration_seconds", Gauge, SECONDS, ["component", "endpoint", "route"],
        "How long the last probe took: the sum of its phases.";
    ProbePhaseDuration: "defender_probe_phase_duration_seconds", Gauge, SECONDS,
        ["component", "endpoint", "route", "phase"],
        "How long each phase of the last probe took, the failed one included. Absent for phases not reached or not applicable.";
    ProbeFailureReason: "defender_probe_failure_reason", Gauge, None,
        ["component", "endpoint", "route", "stage", "reason"],
        "Always 1: where and why the last probe failed. Absent while the probe succeeds.";
    Probes: "defender_probes_total", Counter, None, ["component", "endpoint", "route"],
        "Probes that ended, well or not.";
    ProbeFailures: "defender_probe_failures_total", Counter, None, ["component", "endpoint", "route"],
        "Probes that failed.";
    ProbeFailuresByReason: "defender_probe_failures_by_reason_total", Counter, None,
        ["component", "route", "stage", "reason"],
        "Probes that failed, by stage and reason; every pair that can occur is present from the start.";
    ProbeLatency: "defender_probe_latency_seconds", Histogram, SECONDS, ["component", "route", "phase"],
        "Durations of the phases of all probes, failed phases included, in classic and native buckets.";
    ProbeLastTimestamp: "defender_probe_last_timestamp_seconds", Gauge, SECONDS, ["component", "endpoint", "route"],
        "When the last probe ended. Absent before the first probe.";
    ProbeLastSuccessTimestamp: "defender_probe_last_success_timestamp_seconds", Gauge, SECONDS,
        ["component", "endpoint", "route"],
        "When the last successful probe ended. Absent until one succeeds.";
    ProbeOverruns: "defender_probe_overruns_total", Counter, None, ["component"],
        "Probes left out: the one before was still under way when they were due, or the exporter's machine stood still.";
    ProbeInterval: "defender_probe_interval_seconds", Gauge, SECONDS, ["component"],
        "The configured time between two probes of an endpoint that has no interval of its own.";

    ProbeAddressSuccess: "defender_probe_address_success", Gauge, None, ["component", "endpoint", "route", "address"],
        "Whether the last probe of each address of the endpoint's name got a genuine answer (1) or not (0); eight addresses at most. Absent by a proxy, and unless resolver.addresses is all.";
    ProbeAddressDuration: "defender_probe_address_duration_seconds", Gauge, SECONDS,
        ["component", "endpoint", "route", "address"],
        "How long the last probe of each address took: the sum of its phases.";

    HttpStatusCode: "defender_http_status_code", Gauge, None, ["component", "endpoint", "route"],
        "The HTTP status of the last probe's answer. Absent when none came.";
    HttpStatusExpected: "defender_http_status_expected", Gauge, None, ["component", "endpoint", "route"],
        "Whether that status is one that the genuine service answers with (1) or not (0). Absent when no answer came.";
    ProxyConnectStatusCode: "defender_proxy_connect_status_code", Gauge, None, ["component", "endpoint", "route"],
        "The HTTP status of the proxy's answer to the last probe's CONNECT. Absent without a proxy, or when none came.";
    DnsAddresses: "defender_dns_addresses", Gauge, None, ["component", "endpoint", "route", "family"],
        "How many addresses DNS gave to the last probe. Absent when it gave none or was not asked.";
    DnsPrivateAddresses: "defender_dns_private_addresses", Gauge, None, ["component", "endpoint", "route"],
        "How many of the addresses that DNS gave to the last probe are private, where no public service is: by split DNS, a private link or a filter. Absent when DNS gave none or was not asked for the endpoint's own name.";
    TlsVerified: "defender_tls_verified", Gauge, None, ["component", "endpoint", "route"],
        "Whether the presented chain was verified for the name (1) or not (0), also when the probe failed. Absent without TLS.";
    TlsIntercepted: "defender_tls_intercepted", Gauge, None, ["component", "endpoint", "route"],
        "Whether the chain, trusted by this machine, ended at a root that is none of the genuine service's (1) or not (0). Absent where the chain was not verified.";
    TlsChainCompleted: "defender_tls_chain_completed", Gauge, None, ["component", "endpoint", "route"],
        "Whether the chain was verified with an intermediate that the server left out, fetched as Windows does (1) or not (0). Absent where the chain was not verified.";
    TlsInfo: "defender_tls_info", Info, None,
        ["component", "endpoint", "route", "version", "cipher", "issuer", "root"],
        "What TLS agreed on, the issuer of the presented leaf, and the root that its chain was verified to; empty where not known.";
    TlsLeafNotAfter: "defender_tls_leaf_not_after_timestamp_seconds", Gauge, SECONDS,
        ["component", "endpoint", "route"],
        "When the presented leaf certificate expires.";
    TlsChainNotAfter: "defender_tls_chain_not_after_timestamp_seconds", Gauge, SECONDS,
        ["component", "endpoint", "route"],
        "When the first certificate of the presented chain expires.";
    TlsRevocationStatus: "defender_tls_revocation_status", Gauge, None,
        ["component", "endpoint", "route", "status"],
        "Which revocation status the last probe's verified chain has: 1 for one of good, revoked, unknown, 0 for the others. Absent until it was checked once.";
    TlsRevocationUnknownReason: "defender_tls_revocation_unknown_reason", Gauge, None,
        ["component", "endpoint", "route", "reason"],
        "Always 1: why the revocation status is unknown. Absent while it is known.";
    CrlFetchSuccess: "defender_crl_fetch_success", Gauge, None, ["crl", "route"],
        "Whether the last attempt to fetch a revocation list that a verified chain names succeeded (1) or not (0). A list that is still valid is asked for again at intervals.";
    CrlFetchFailureReason: "defender_crl_fetch_failure_reason", Gauge, None, ["crl", "route", "stage", "reason"],
        "Always 1: where and why the last attempt to fetch the revocation list failed. Absent while it succeeds.";
    CrlThisUpdate: "defender_crl_this_update_timestamp_seconds", Gauge, SECONDS, ["crl", "route"],
        "When the revocation list in use was made.";
    CrlNextUpdate: "defender_crl_next_update_timestamp_seconds", Gauge, SECONDS, ["crl", "route"],
        "Until when the revocation list in use is valid; clients that check revocation fail from then on if no newer one can be fetched.";
    ComponentAvailable: "defender_component_available", Gauge, None, ["component", "route"],
        "Whether the component works (1, also when degraded) or not (0). Absent until each of its endpoints was probed once.";
    MapsConnected: "defender_maps_connected", Gauge, None, ["route", "ssl_options"],
        "Whether a client with this SSLOptions (0 checks nothing, 1 revocation, 2 pinning, 3 both, the default) would get through to MAPS (1) or not (0). Absent until it is known.";
    MapsDisconnectedReason: "defender_maps_disconnected_reason", Gauge, None,
        ["route", "ssl_options", "stage", "reason"],
        "Always 1: why a client with this SSLOptions would not get through, at the endpoint that came nearest. Absent while it would.";

    UpdateSourceAvailable: "defender_update_source_available", Gauge, None, ["source", "route"],
        "Whether clients can update their security intelligence from the source (1) or not (0): each step that it takes has an endpoint that works. Absent until it is known.";
    UpdateSourceLastAvailable: "defender_update_source_last_available_timestamp_seconds", Gauge, SECONDS,
        ["source", "route"],
        "When the source was last available. Survives a restart where a state file is configured; absent until it was once.";
    SignaturesPublishedInfo: "defender_signatures_published_info", Info, None,
        ["version", "engine", "platform", "route"],
        "The versions of signatures, engine and platform that the version feed named last by the route.";
    SignaturesPublishedTimestamp: "defender_signatures_published_timestamp_seconds", Gauge, SECONDS,
        ["version", "engine", "platform", "route"],
        "When those signatures were published, as the feed says.";
    SignaturesFeedSuccess: "defender_signatures_feed_success", Gauge, None, ["route"],
        "Whether the last attempt to read the version feed succeeded (1) or not (0). Absent before the first.";
    SignaturesFeedFailureReason: "defender_signatures_feed_failure_reason", Gauge, None,
        ["route", "stage", "reason"],
        "Always 1: where and why the last attempt to read the version feed failed, at the feed that is asked first. Absent while it succeeds.";
    SignaturesFeedStale: "defender_signatures_feed_stale", Gauge, None, ["route", "finding"],
        "Whether the version feed is old content, as a caching proxy hands out, by this sign (1) or not (0). Absent while the feed can not be read.";
    SignaturesStaleAfter: "defender_signatures_stale_after_timestamp_seconds", Gauge, SECONDS, [],
        "When signatures turn stale: those of this machine where Defender is on it, else those of a client that updated at the last moment at which any source was available by any route. Absent where neither is known.";

    ConfigLastReloadSuccessful: "defender_config_last_reload_successful", Gauge, None, [],
        "Whether the last attempt to load the configuration succeeded (1) or not (0).";
    ConfigLastReloadSuccessTimestamp: "defender_config_last_reload_success_timestamp_seconds", Gauge, SECONDS, [],
        "When the configuration in use was loaded.";

    SignaturesInstalledInfo: "defender_signatures_installed_info", Info, None, ["version", "engine", "platform"],
        "The security intelligence, engine and product installed on this machine; empty where not known. Absent where it has no Defender.";
    SignaturesInstalledTimestamp: "defender_signatures_installed_timestamp_seconds", Gauge, SECONDS,
        ["version", "engine", "platform"],
        "When the installed security intelligence was made or, where only that is told (Linux), installed.";
    HostReadSuccess: "defender_host_read_success", Gauge, None, ["source"],
        "Whether all that this machine was asked of its own Defender could be read (1) or not (0). Absent where it has no Defender.";
    HostReadFailureReason: "defender_host_read_failure_reason", Gauge, None, ["source", "reason"],
        "Always 1: why something could not be read; access_denied means that the exporter needs elevation. Absent while all can.";
    HostLastReadTimestamp: "defender_host_last_read_timestamp_seconds", Gauge, SECONDS, [],
        "When this machine was last asked.";
    HostSslOptions: "defender_host_ssl_options", Gauge, None, [],
        "Windows: what this machine checks when it connects to MAPS: 0 nothing, 1 revocation, 2 pinning, 3 both, the default.";
    HostWinhttpProxyConfigured: "defender_host_winhttp_proxy_configured", Gauge, None, [],
        "Windows: whether a system-wide WinHTTP proxy is set (1) or not (0).";
    HostProxyPolicyConfigured: "defender_host_proxy_policy_configured", Gauge, None, [],
        "Windows: whether a policy gives Defender a proxy of its own, or a script (1), or not (0).";
    HostSpynetReporting: "defender_host_spynet_reporting", Gauge, None, [],
        "Windows: what a policy makes of cloud-delivered protection: 0 off, 1 basic, 2 advanced. Absent where none does.";
    HostSubmitSamplesConsent: "defender_host_submit_samples_consent", Gauge, None, [],
        "Windows: what a policy makes of samples: 0 ask, 1 send safe ones, 2 never send, 3 send all. Absent where none does.";
    HostMapsValidationSuccess: "defender_host_maps_validation_success", Gauge, None, [],
        "Windows: whether MpCmdRun -ValidateMapsConnection found this machine connected to MAPS (1) or not (0). Absent where that is not told.";
    HostMapsValidationHresultInfo: "defender_host_maps_validation_hresult_info", Info, None, ["hresult", "cause"],
        "Windows: the error of that validation, as `defender-exporter explain` takes it, and what it means in a few words. Absent while there is none.";
    HostLastMapsConnection: "defender_host_last_maps_connection_timestamp_seconds", Gauge, SECONDS, [],
        "Windows: when this machine last connected to MAPS, as newer builds of MpCmdRun tell.";
    HostLastFallback: "defender_host_last_fallback_timestamp_seconds", Gauge, SECONDS, [],
        "Windows: when Defender last fell back to the alternate download location. Absent if never.";
    HostSignaturesDue: "defender_host_signatures_due_seconds", Gauge, SECONDS, [],
        "Windows: the age at which a policy lets signatures count as out of date. Absent where none does.";
    HostEvents: "defender_host_events_total", Counter, None, ["event"],
        "Windows: events of Defender's log since the exporter started, by their id.";
    HostEventLastTimestamp: "defender_host_event_last_timestamp_seconds", Gauge, SECONDS, ["event"],
        "Windows: when the last event of this id was logged, also before the exporter started. Absent if there is none.";
    HostHealthy: "defender_host_healthy", Gauge, None, [],
        "Linux: whether mdatp calls itself healthy (1) or not (0).";
    HostCloudEnabled: "defender_host_cloud_enabled", Gauge, None, [],
        "Linux: whether cloud-delivered protection is on (1) or not (0).";
    HostDefinitionsUpToDate: "defender_host_definitions_up_to_date", Gauge, None, [],
        "Linux: whether mdatp calls its definitions up to date (1) or not (0).";
    HostConnectivityTests: "defender_host_connectivity_tests", Gauge, None, ["result"],
        "Linux: the connections that mdatp connectivity test tried, by result. Absent where it could not be run.";

    ProcessCpu: "process_cpu_seconds_total", Counter, SECONDS, [],
        "User and system CPU time of the exporter.";
    ProcessResidentMemory: "process_resident_memory_bytes", Gauge, BYTES, [],
        "Resident memory of the exporter.";
    ProcessVirtualMemory: "process_virtual_memory_bytes", Gauge, BYTES, [],
        "Virtual memory of the exporter.";
    ProcessOpenFds: "process_open_fds", Gauge, None, [],
        "Open file descriptors of the exporter.";
    ProcessMaxFds: "process_max_fds", Gauge, None, [],
        "How many file descriptors the exporter may open. Absent when unlimited.";
    ProcessStartTime: "process_start_time_seconds", Gauge, SECONDS, [],
        "When the exporter started, since the Unix epoch.";
    ProcessThreads: "process_threads", Gauge, None, [],
        "Threads of the exporter.";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Labels that Prometheus, its service discovery or its users set on the target.
    const FORBIDDEN: &[&str] = &["service", "type", "region", "env", "cluster", "instance", "job"];

    fn is_label_name(name: &str) -> bool {
        let rest_is_word = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        rest_is_word && name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.contains("__")
    }

    fn check_all(rule: impl Fn(&Spec) -> bool) {
        let broken: Vec<_> =
            Metric::ALL.iter().map(|m| m.spec()).filter(|s| !rule(s)).map(|s| s.name).collect();
        assert!(broken.is_empty(), "{broken:?}");
    }

    #[test]
    fn names_are_valid_and_unique() {
        check_all(|spec| is_label_name(spec.name));
        check_all(|spec| spec.name.starts_with("defender_") || spec.name.starts_with("process_"));
        // OpenMetrics calls a family by its name without `_total` and `_info`: these must differ too.
        let families: BTreeSet<_> =
            Metric::ALL.iter().map(|m| m.spec()).map(|s| s.name.trim_end_matches(s.kind.suffix())).collect();
        assert_eq!(families.len(), Metric::ALL.len());
    }

    #[test]
    fn help_is_one_plain_line() {
        check_all(|spec| !spec.help.contains(['\\', '\n', '\r']) && spec.help.ends_with('.'));
    }

    #[test]
    fn the_name_says_kind_and_unit() {
        check_all(|spec| spec.name.ends_with("_total") == (spec.kind == Kind::Counter));
        check_all(|spec| spec.name.ends_with("_info") == (spec.kind == Kind::Info));
        check_all(|spec| {
            let name = spec.name.trim_end_matches(spec.kind.suffix());
            let named = [Unit::Seconds, Unit::Bytes].into_iter().find(|unit| name.ends_with(unit.as_str()));
            named == spec.unit
        });
        check_all(|spec| {
            let unit = spec.unit.map(|unit| format!("_{}", unit.as_str())).unwrap_or_default();
            format!("{}{unit}{}", spec.stem(), spec.kind.suffix()) == spec.name
        });
    }

    /// What DNS says is no label of anything that needn't be told apart by it.
    #[test]
    fn addresses_are_labels_of_their_own_metrics_alone() {
        let with: Vec<_> = Metric::ALL.iter().filter(|m| m.spec().labels.contains(&"address")).collect();
        assert_eq!(with, [&Metric::ProbeAddressSuccess, &Metric::ProbeAddressDuration]);
    }

    #[test]
    fn labels_are_valid_and_nobody_elses() {
        check_all(|spec| spec.labels.iter().all(|label| is_label_name(label) && !FORBIDDEN.contains(label)));
        check_all(|spec| spec.labels.iter().collect::<BTreeSet<_>>().len() == spec.labels.len());
        check_all(|spec| spec.kind != Kind::Histogram || !spec.labels.contains(&"le"));
    }
}
