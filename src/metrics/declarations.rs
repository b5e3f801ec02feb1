//! Declares every metric once: name as exposed, kind, scope, unit, labels and help; `spec.rs` has the types.
//! `families.rs` maps each metric to its samples; `markdown.rs` generates METRICS.md from the declarations.

use super::spec::{Kind, MetricScope, Spec, Unit};

#[cfg(test)]
mod tests;

impl MetricScope {
    /// Whether a scrape of this scope includes `metric`.
    #[must_use]
    pub fn has(self, metric: Metric) -> bool {
        self == Self::All || metric.spec().scope == Self::Probe
    }
}

/// Declares [`Metric`] from rows of variant, name, kind, scope, unit, labels and help.
macro_rules! metrics {
    ($($variant:ident: $name:literal, $kind:ident, $scope:ident, $unit:expr, [$($label:literal),*], $help:literal;)+) => {
        /// The exporter's metrics.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric { $(#[doc = concat!("`", $name, "`")] $variant),+ }

        impl Metric {
            /// Every metric, in the order of the output.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The metric's declaration.
            #[must_use]
            pub const fn spec(self) -> &'static Spec {
                match self {
                    $(Self::$variant => &Spec {
                        name: $name,
                        kind: Kind::$kind,
                        scope: MetricScope::$scope,
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
    BuildInfo: "defender_exporter_build_info", Info, Probe, None, ["version", "revision", "rustc"],
        "Version of the running exporter, the revision it was built from, and the compiler.";
    CatalogInfo: "defender_catalog_info", Info, All, None, ["version"],
        "Version of the built-in catalog of endpoints: the day of its last change (see `defender-exporter catalog diff`).";
    EndpointInfo: "defender_endpoint_info", Info, Probe, None, ["component", "endpoint", "pattern", "host", "port"],
        "The probed endpoint of each documented pattern; the pattern is spelled as in Microsoft's document.";

    ProbeSuccess: "defender_probe_success", Gauge, Probe, None, ["component", "endpoint", "route"],
        "Whether the last probe received a genuine answer, whatever its HTTP status (1), or failed (0). Absent before the first probe.";
    ProbeDuration: "defender_probe_duration_seconds", Gauge, Probe, SECONDS, ["component", "endpoint", "route"],
        "Duration of the last probe: the sum of its phases.";
    ProbePhaseDuration: "defender_probe_phase_duration_seconds", Gauge, Probe, SECONDS,
        ["component", "endpoint", "route", "phase"],
        "Duration of each phase of the last probe, the failed phase included. Absent for phases that were not reached or don't apply.";
    ProbeFailureReason: "defender_probe_failure_reason", Gauge, Probe, None,
        ["component", "endpoint", "route", "phase", "reason"],
        "Always 1: phase and reason of the last probe's failure. Absent while the probe succeeds.";
    Probes: "defender_probes_total", Counter, All, None, ["component", "endpoint", "route"],
        "Completed probes.";
    ProbeFailures: "defender_probe_failures_total", Counter, All, None, ["component", "endpoint", "route"],
        "Failed probes.";
    ProbeFailuresByReason: "defender_probe_failures_by_reason_total", Counter, All, None,
        ["component", "route", "phase", "reason"],
        "Failed probes by phase and reason; every possible pair is present from the start.";
    ProbeLatency: "defender_probe_latency_seconds", Histogram, All, SECONDS, ["component", "route", "phase"],
        "Durations of the phases of all probes, failed phases included, in classic and native buckets.";
    ProbeLastTimestamp: "defender_probe_last_timestamp_seconds", Gauge, Probe, SECONDS, ["component", "endpoint", "route"],
        "When the last probe completed. Absent before the first probe.";
    ProbeLastSuccessTimestamp: "defender_probe_last_success_timestamp_seconds", Gauge, All, SECONDS,
        ["component", "endpoint", "route"],
        "When the last successful probe completed. Absent until a probe succeeds.";
    ProbeOverruns: "defender_probe_overruns_total", Counter, All, None, ["component"],
        "Skipped or discarded probes: the previous probe was still running when the next was due, or the exporter's machine was stalled.";
    ProbeInterval: "defender_probe_interval_seconds", Gauge, All, SECONDS, ["component"],
        "Configured interval between two probes of an endpoint that has no interval of its own.";

    ProbeAddressSuccess: "defender_probe_address_success", Gauge, All, None, ["component", "endpoint", "route", "address"],
        "Whether the last probe of each address of the endpoint's name received a genuine answer (1) or failed (0); at most eight addresses. Absent via a proxy. Unless resolver.addresses is all: present only if an address failed before another one worked.";
    ProbeAttempts: "defender_probe_attempts", Gauge, Probe, None, ["component", "endpoint", "route"],
        "Number of attempts that the last probe made until it was connected or all had failed: 1 if the first DNS server, address and proxy worked. More: clients lose time, and the endpoint is degraded or fails. Absent if the probe attempted no connection.";
    ProbeAddressDuration: "defender_probe_address_duration_seconds", Gauge, All, SECONDS,
        ["component", "endpoint", "route", "address"],
        "Duration of the last probe of each address: the sum of its phases.";

    HttpStatusCode: "defender_http_status_code", Gauge, Probe, None, ["component", "endpoint", "route"],
        "HTTP status of the last probe's answer. Absent if no answer came.";
    HttpStatusExpected: "defender_http_status_expected", Gauge, Probe, None, ["component", "endpoint", "route"],
        "Whether the catalog expects this HTTP status (1) or not (0). If the catalog isn't sure, 0 doesn't indicate a network fault. Absent if no answer came.";
    HttpRangeHonored: "defender_http_range_honored", Gauge, Probe, None, ["component", "endpoint", "route"],
        "Whether the answer to a request for the first byte (Range) was that part (1, status 206) or the whole object (0, status 200). 0: a device on the path strips Range, which BITS and Delivery Optimization need. Absent for endpoints without Range, and for other answers.";
    UpdatePackageTimestamp: "defender_update_package_timestamp_seconds", Gauge, Probe, SECONDS, ["component", "endpoint", "route"],
        "When the newest package of security intelligence in the folder of a file share was last changed, by its file system. Absent for other endpoints, and if there is none.";
    ProxyConnectStatusCode: "defender_proxy_connect_status_code", Gauge, Probe, None, ["component", "endpoint", "route"],
        "HTTP status of the proxy's answer to the last probe's CONNECT. Absent without a proxy, or if no answer came.";
    DnsAddresses: "defender_dns_addresses", Gauge, Probe, None, ["component", "endpoint", "route", "family"],
        "Number of addresses that DNS or the hosts file returned to the last probe. Absent if they returned none or were not queried.";
    DnsPrivateAddresses: "defender_dns_private_addresses", Gauge, Probe, None, ["component", "endpoint", "route"],
        "Number of private addresses among those that DNS or the hosts file returned to the last probe. Public services have no private addresses: the cause is split DNS, a private link, a filter or an entry of the hosts file. Absent if they returned no address or were not queried for the endpoint's own name.";
    TlsVerified: "defender_tls_verified", Gauge, Probe, None, ["component", "endpoint", "route"],
        "Whether the presented chain was verified for the name (1) or not (0), also if the probe failed. Absent without TLS.";
    TlsIntercepted: "defender_tls_intercepted", Gauge, Probe, None, ["component", "endpoint", "route"],
        "Whether the chain ended at a private root that this machine trusts, not at a root of the genuine service (1), or not (0). Absent if the chain was not verified.";
    TlsUnexpectedRoot: "defender_tls_unexpected_root", Gauge, Probe, None, ["component", "endpoint", "route"],
        "Whether the chain ended at a publicly trusted root that isn't a known root of Microsoft's services (1) or not (0). 1 is not interception: Microsoft may have changed its root. Absent if the chain was not verified.";
    TlsChainCompleted: "defender_tls_chain_completed", Gauge, Probe, None, ["component", "endpoint", "route"],
        "Whether verification needed an intermediate that the server didn't send and that was embedded, or fetched as Windows does (1), or not (0). Absent if the chain was not verified.";
    TlsInfo: "defender_tls_info", Info, Probe, None,
        ["component", "endpoint", "route", "version", "cipher", "issuer", "root"],
        "TLS version and cipher, issuer of the presented leaf, and root of the verified chain; empty if unknown.";
    TlsLeafNotAfter: "defender_tls_leaf_not_after_timestamp_seconds", Gauge, Probe, SECONDS,
        ["component", "endpoint", "route"],
        "When the presented leaf certificate expires.";
    TlsChainNotAfter: "defender_tls_chain_not_after_timestamp_seconds", Gauge, Probe, SECONDS,
        ["component", "endpoint", "route"],
        "When the first certificate of the verified chain expires, the root and fetched intermediates included, unused certificates excluded. Absent if the chain was not verified.";
    TlsChainNotBefore: "defender_tls_chain_not_before_timestamp_seconds", Gauge, Probe, SECONDS,
        ["component", "endpoint", "route"],
        "notBefore of the certificate in the verified chain that expires first. Its lifetime is defender_tls_chain_not_after_timestamp_seconds minus this. Absent if the chain was not verified.";
    TlsRevocationStatus: "defender_tls_revocation_status", Gauge, Probe, None,
        ["component", "endpoint", "route", "status"],
        "Revocation status of the last probe's verified chain: 1 for one of good, revoked, unknown, 0 for the others. Absent before the first check.";
    TlsRevocationUnknownReason: "defender_tls_revocation_unknown_reason", Gauge, Probe, None,
        ["component", "endpoint", "route", "reason"],
        "Always 1: why the revocation status is unknown. Absent while it is known.";
    TlsSplitHelloSuccess: "defender_tls_split_hello_success", Gauge, All, None, ["component", "endpoint", "route"],
        "Whether a handshake whose ClientHello comes in two segments works as one in a single segment does (1) or fails (0), at one endpoint of MAPS by each route, compared hourly. Windows and browsers send ClientHellos beyond one segment, with post-quantum key shares (X25519MLKEM768). 0: something on the path expects them whole. Absent if neither works, and with tls.split_hello: false.";
    CrlFetchSuccess: "defender_crl_fetch_success", Gauge, All, None, ["crl", "route"],
        "Whether the last attempt to fetch a revocation list that a verified chain names succeeded (1) or not (0). Valid lists are fetched again at an interval. Absent once no chain needs the list.";
    CrlFetchFailureReason: "defender_crl_fetch_failure_reason", Gauge, All, None, ["crl", "route", "phase", "reason"],
        "Always 1: phase and reason of the last failed attempt to fetch the revocation list. Absent while it succeeds.";
    CrlFetchLast: "defender_crl_fetch_last_timestamp_seconds", Gauge, All, SECONDS, ["crl", "route"],
        "When the last attempt to fetch the revocation list ended.";
    CrlThisUpdate: "defender_crl_this_update_timestamp_seconds", Gauge, All, SECONDS, ["crl", "route"],
        "When the revocation list in use was issued (thisUpdate).";
    CrlNextUpdate: "defender_crl_next_update_timestamp_seconds", Gauge, All, SECONDS, ["crl", "route"],
        "When the revocation list in use expires (nextUpdate). Afterwards, clients that check revocation fail unless they can fetch a newer list.";
    EndpointState: "defender_endpoint_state", Gauge, Probe, None, ["component", "endpoint", "route", "state"],
        "State of the endpoint: 1 for one of good, degraded, bad, 0 for the others. bad requires proof of harm; an answer that the catalog isn't sure of degrades nothing. Absent for controls, before the first probe, and while the last failure is the exporter's or its machine's (internal, unsupported).";
    EndpointConcern: "defender_endpoint_concern", Gauge, Probe, None, ["component", "endpoint", "route", "concern"],
        "Always 1: what keeps the endpoint from being good (for failure, see defender_probe_failure_reason). Absent while it is good.";
    Faults: "defender_faults", Gauge, All, None, ["component", "route", "phase", "reason", "remedy"],
        "Number of endpoints (of crl: also revocation lists) that fail or are degraded now, by phase, reason and the first thing to change, from a closed set. Without a failure, the phase is empty and the reason is the concern of defender_endpoint_concern. Absent while all is good.";
    CommonCause: "defender_common_cause", Gauge, All, None, ["route", "kind", "value"],
        "Number of failing endpoints of the route that share this fact, which no working endpoint has: the smallest fact that explains all failures that are the route's own, or two facts that do so together. Absent where the evidence singles none out: without failures, with a single one, and where nothing works that failures can be compared with.";
    ControlSuccess: "defender_control_success", Gauge, All, None, ["route"],
        "Whether what Windows asks to learn whether there is an Internet (component control) answers as Microsoft's (1) or not (0). It is no endpoint of Defender, and some networks block it: 0 alone is no fault. Absent before the first probe, if it failed because of the exporter's machine, and on routes without a control.";
    InternetSituation: "defender_internet_situation", Gauge, All, None, ["route", "situation"],
        "Always 1: what the control and the endpoints of Defender say together. no_internet: nothing answers, on several hosts. captive_portal: something else answers in place of the control, and all endpoints of Defender fail. defender_blocked: the control answers over HTTP, and all endpoints of Defender fail. endpoints_failing: it answers, and some of them fail. Absent while none fails, and where the control can't tell: it failed before they did, they have a cause of their own, or they took another proxy.";
    ComponentAvailable: "defender_component_available", Gauge, All, None, ["component", "route"],
        "Whether the component works (1, also if degraded) or not (0). Absent until each of its endpoints was probed once.";
    MapsConnected: "defender_maps_connected", Gauge, All, None, ["route", "ssl_options"],
        "Whether a client with this SSLOptions value (0 checks nothing, 1 revocation, 2 pinning, 3 both, the default) can connect to MAPS (1) or not (0). Requires one working host among the default hosts and one among the hosts of a region. Absent until known.";
    MapsDisconnectedReason: "defender_maps_disconnected_reason", Gauge, All, None,
        ["route", "ssl_options", "need", "phase", "reason"],
        "Always 1: a need of MAPS (default_hosts, regional_hosts) that no endpoint serves for a client with this SSLOptions value, with phase and reason of the best endpoint. Absent while the client can connect.";

    UpdateSourceAvailable: "defender_update_source_available", Gauge, All, None, ["source", "route"],
        "Whether clients can update their security intelligence from the source (1) or not (0): each step of the update has a working endpoint. Absent until known.";
    UpdateSourceLastAvailable: "defender_update_source_last_available_timestamp_seconds", Gauge, All, SECONDS,
        ["source", "route"],
        "When the source was last available; of a file share, when its newest package was changed. A state file keeps it across restarts. Absent until the source was available once.";
    SignaturesPublishedInfo: "defender_signatures_published_info", Info, All, None,
        ["version", "engine", "platform", "route"],
        "Versions of signatures, engine and platform in the version feed read last via the route.";
    SignaturesPublishedTimestamp: "defender_signatures_published_timestamp_seconds", Gauge, All, SECONDS,
        ["version", "engine", "platform", "route"],
        "When those signatures were published, according to the feed.";
    SignaturesFeedSuccess: "defender_signatures_feed_success", Gauge, All, None, ["route"],
        "Whether the last attempt to read the version feed succeeded (1) or not (0). Absent before the first attempt.";
    SignaturesFeedLast: "defender_signatures_feed_last_timestamp_seconds", Gauge, All, SECONDS, ["route"],
        "When the version feed was last queried. Absent before the first attempt.";
    SignaturesFeedFailureReason: "defender_signatures_feed_failure_reason", Gauge, All, None,
        ["route", "phase", "reason"],
        "Always 1: phase and reason of the last failed attempt to read the version feed, at the first feed in order. Absent while it succeeds.";
    SignaturesFeedStale: "defender_signatures_feed_stale", Gauge, All, None, ["route", "finding"],
        "Whether the version feed is old content, as from a caching proxy, according to this finding (1), or not (0). Absent while the feed is unreadable.";
    SignaturesStaleAfter: "defender_signatures_stale_after_timestamp_seconds", Gauge, All, SECONDS, [],
        "When signatures turn stale: those of this machine if Defender is installed, else those of a client that updated when any source was last available via any route. Absent if neither is known.";

    ConfigLastReloadSuccessful: "defender_config_last_reload_successful", Gauge, All, None, [],
        "Whether the last attempt to load the configuration succeeded (1) or not (0).";
    ConfigLastReloadSuccessTimestamp: "defender_config_last_reload_success_timestamp_seconds", Gauge, All, SECONDS, [],
        "When the configuration in use was loaded.";
    WebConfigLastReloadSuccessful: "defender_web_config_last_reload_successful", Gauge, All, None, [],
        "Whether the web configuration and the files that it names could be used when they were last read (1) or not (0); they are read again when a client connects or sends a request, at most once a second. Absent without a web configuration.";
    WebCertificateNotAfter: "defender_web_certificate_not_after_timestamp_seconds", Gauge, All, SECONDS, [],
        "When the certificate expires that the exporter presents to its clients. Absent without TLS.";
    WebCertificateNotBefore: "defender_web_certificate_not_before_timestamp_seconds", Gauge, All, SECONDS, [],
        "When the validity of that certificate began.";

    SignaturesInstalledInfo: "defender_signatures_installed_info", Info, All, None, ["version", "engine", "platform"],
        "Versions of security intelligence, engine and product installed on this machine; empty if unknown. Whether Microsoft still supports engine and platform (N-2) doesn't follow from it: the version feed has the newest alone, and months skip numbers. Absent without Defender.";
    SignaturesInstalledTimestamp: "defender_signatures_installed_timestamp_seconds", Gauge, All, SECONDS,
        ["version", "engine", "platform"],
        "When the installed security intelligence was built or, if only that is known (Linux), installed.";
    HostReadSuccess: "defender_host_read_success", Gauge, All, None, ["collector"],
        "Whether the collector could read all of its facts about this machine's own Defender (1) or not (0). Absent without Defender.";
    HostReadFailureReason: "defender_host_read_failure_reason", Gauge, All, None, ["collector", "reason"],
        "Always 1: why a fact could not be read; access_denied: the exporter needs elevation. Absent while all facts can be read.";
    HostLastReadTimestamp: "defender_host_last_read_timestamp_seconds", Gauge, All, SECONDS, [],
        "When this machine's Defender was last read.";
    HostSslOptions: "defender_host_ssl_options", Gauge, All, None, [],
        "Windows: what this machine checks when it connects to MAPS: 0 nothing, 1 revocation, 2 pinning, 3 both, the default.";
    HostWinhttpProxyConfigured: "defender_host_winhttp_proxy_configured", Gauge, All, None, [],
        "Windows: whether a system-wide WinHTTP proxy is set (1) or not (0).";
    HostProxyPolicyConfigured: "defender_host_proxy_policy_configured", Gauge, All, None, [],
        "Windows: whether a policy sets a proxy or PAC script for Defender (1) or not (0).";
    HostSpynetReporting: "defender_host_spynet_reporting", Gauge, All, None, [],
        "Windows: cloud-delivered protection by policy: 0 off, 1 basic, 2 advanced. Absent without a policy.";
    HostSubmitSamplesConsent: "defender_host_submit_samples_consent", Gauge, All, None, [],
        "Windows: sample submission by policy: 0 ask, 1 send safe ones, 2 never send, 3 send all. Absent without a policy.";
    HostSettingInfo: "defender_host_setting_info", Info, All, None, ["setting", "origin", "value"],
        "Windows: the effective value of each setting that Group Policy, MDM or a local preference sets, and which of them sets it (origin). value: a number as Group Policy has it (those of MDM are translated), the update sources in order, or set for texts.";
    HostSettingOverruled: "defender_host_setting_overruled", Gauge, All, None, ["setting", "origin", "value"],
        "Windows, always 1: a value of a setting that one of higher precedence overrides. Absent without a conflict.";
    HostUpdateSourceDifferenceInfo: "defender_host_update_source_difference_info", Info, All, None, ["kind", "source", "origin"],
        "Windows: a difference between the order in which this machine's Defender uses update sources (FallbackOrder) and update_sources of the configuration: it uses a source that isn't listed, so that nothing probes it (unlisted); it doesn't use a listed one (unused); it uses a source before one that is listed before it (earlier); its WSUS server (WUServer) isn't at a listed address (other_server). origin: where the order is set; default if nowhere. The network's clients may have other policies than this machine. Absent while both agree, and if the order is unknown.";
    HostMapsValidationSuccess: "defender_host_maps_validation_success", Gauge, All, None, [],
        "Windows: whether MpCmdRun -ValidateMapsConnection succeeded (1) or not (0). Absent if unavailable.";
    HostMapsValidationHresultInfo: "defender_host_maps_validation_hresult_info", Info, All, None, ["hresult", "cause", "remedy"],
        "Windows: HRESULT of that validation (see `defender-exporter explain`), its meaning and the first thing to change. Absent if there is no error.";
    HostLastMapsConnection: "defender_host_last_maps_connection_timestamp_seconds", Gauge, All, SECONDS, [],
        "Windows: when this machine last connected to MAPS. Newer builds of MpCmdRun report it.";
    HostLastFallback: "defender_host_last_fallback_timestamp_seconds", Gauge, All, SECONDS, [],
        "Windows: when Defender last fell back to the alternate download location. Absent if never.";
    HostSignaturesDue: "defender_host_signatures_due_seconds", Gauge, All, SECONDS, [],
        "Windows: age at which signatures count as out of date by policy. Absent without a policy.";
    HostEvents: "defender_host_events_total", Counter, All, None, ["event"],
        "Windows: events in Defender's log since the exporter started, by event ID.";
    HostEventLastTimestamp: "defender_host_event_last_timestamp_seconds", Gauge, All, SECONDS, ["event"],
        "Windows: when the last event with this ID was logged, also before the exporter started. Absent if there is no such event.";
    HostLastUpdateFailureInfo: "defender_host_last_update_failure_info", Info, All, None,
        ["event", "source", "stage", "hresult", "cause", "remedy"],
        "Windows: the last failed update of each kind (event) and source: HRESULT (see `defender-exporter explain`), its meaning and the first thing to change. Empty where the event has no value. Stays after a success: compare the times.";
    HostLastUpdateFailureTimestamp: "defender_host_last_update_failure_timestamp_seconds", Gauge, All, SECONDS, ["event", "source"],
        "Windows: when that failure was logged, also before the exporter started.";
    HostRunningModeInfo: "defender_host_running_mode_info", Info, All, None, ["mode"],
        "Whether Defender is active, passive beside another antivirus product, or off. Windows: EDR in block mode can't be distinguished from passive; only WMI reports it. Absent if unknown.";
    HostRealTimeProtection: "defender_host_real_time_protection_enabled", Gauge, All, None, [],
        "Whether real-time protection is on (1) or not (0). Linux: as mdatp reports. Windows: by the effective settings; on if nothing sets it. Absent in passive mode, and if a policy turns it off while tamper protection keeps it on.";
    HostTamperProtection: "defender_host_tamper_protection_enabled", Gauge, All, None, [],
        "Windows: whether tamper protection is on (1) or not (0). Absent if unknown.";
    HostHealthy: "defender_host_healthy", Gauge, All, None, [],
        "Linux: whether mdatp reports itself as healthy (1) or not (0).";
    HostCloudEnabled: "defender_host_cloud_enabled", Gauge, All, None, [],
        "Whether cloud-delivered protection is on (1) or not (0). Linux: as mdatp reports. Windows: by the effective settings. Absent if nothing sets it, and if a policy turns it off while tamper protection keeps it on.";
    HostDefinitionsUpToDate: "defender_host_definitions_up_to_date", Gauge, All, None, [],
        "Linux: whether mdatp reports its definitions as up to date (1) or not (0).";
    HostDefinitionsStatusInfo: "defender_host_definitions_status_info", Info, All, None, ["status"],
        "Linux: the state of the definitions that mdatp reports.";
    HostConflictingApplications: "defender_host_conflicting_applications", Gauge, All, None, [],
        "Linux: number of applications that mdatp reports as conflicting; the status page names them.";
    HostHealthIssues: "defender_host_health_issues", Gauge, All, None, [],
        "Linux: number of health issues that mdatp reports; the status page names them.";
    HostProductExpiration: "defender_host_product_expiration_timestamp_seconds", Gauge, All, SECONDS, [],
        "Linux: when the installed version of mdatp reaches the end of support.";
    HostConnectivityTests: "defender_host_connectivity_tests", Gauge, All, None, ["result"],
        "Linux: connections tried by mdatp connectivity test, by result. Absent if the test could not run.";

    ProcessCpu: "process_cpu_seconds_total", Counter, All, SECONDS, [],
        "User and system CPU time of the exporter.";
    ProcessResidentMemory: "process_resident_memory_bytes", Gauge, All, BYTES, [],
        "Resident memory of the exporter.";
    ProcessVirtualMemory: "process_virtual_memory_bytes", Gauge, All, BYTES, [],
        "Virtual memory of the exporter.";
    ProcessOpenFds: "process_open_fds", Gauge, All, None, [],
        "Open file descriptors of the exporter.";
    ProcessMaxFds: "process_max_fds", Gauge, All, None, [],
        "Maximum number of open file descriptors. Absent if unlimited.";
    ProcessStartTime: "process_start_time_seconds", Gauge, All, SECONDS, [],
        "Start time of the exporter since the Unix epoch.";
    ProcessThreads: "process_threads", Gauge, All, None, [],
        "Threads of the exporter.";
}
