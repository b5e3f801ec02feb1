//! The state of this machine's Defender.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Timestamp, UpdateOrderReport, hints, update_order};
use crate::advice;
use crate::catalog::UpdateOrigin;
use crate::host::events::{EventKind, EventLog, EventTally, UpdateFailure, UpdateStage};
use crate::host::mdatp::MdatpFacts;
use crate::host::mdatp::connectivity::ConnectivityTest;
use crate::host::mdatp::health::{DefinitionsStatus, MdatpHealth};
use crate::host::mpcmdrun::{Validation, ValidationOutcome};
use crate::host::registry::settings::DefenderSetting;
use crate::host::registry::{SampleConsent, SpynetReporting};
use crate::host::winhttp::WinHttpSetting;
use crate::host::{HostCollector, HostFacts, HostProblem, HostReadReason, InstalledSignatures, WindowsFacts};
use crate::state::Snapshot;
use crate::verdict::SslOptions;

mod protection;

pub use protection::{OverruledReport, ProtectionReport, SettingReport};

/// The state of this machine's Defender.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HostReport<'a> {
    /// When it was last read.
    pub read_at: Timestamp,
    /// The collectors that ran.
    pub collectors: &'a [HostCollector],
    /// The problems of collectors.
    pub problems: Vec<ProblemReport<'a>>,
    /// Groups of the catalog that this machine's Defender uses and that aren't probed, in sentences.
    pub hints: Vec<String>,
    /// What protects this machine.
    pub protection: ProtectionReport,
    /// Where Defender on this machine updates from, compared with `update_sources` of the configuration; null if unknown.
    pub update_order: Option<UpdateOrderReport>,
    /// The installed security intelligence; null if unknown.
    pub installed: Option<InstalledReport>,
    /// Null on systems other than Windows.
    pub windows: Option<WindowsReport<'a>>,
    /// Null if `mdatp` isn't queried.
    pub mdatp: Option<MdatpReport<'a>>,
}

/// A collector that failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProblemReport<'a> {
    /// The collector.
    pub collector: HostCollector,
    /// The reason.
    pub reason: HostReadReason,
    /// Details, cleaned and truncated.
    pub detail: &'a str,
}

/// Installed security intelligence; unknown parts are null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InstalledReport {
    /// The version of the signatures.
    pub signatures: Option<String>,
    /// The version of the engine.
    pub engine: Option<String>,
    /// The version of the platform.
    pub platform: Option<String>,
    /// When the signatures were built.
    pub built_at: Option<Timestamp>,
    /// When the signatures were installed.
    pub applied_at: Option<Timestamp>,
}

/// The state of Defender on Windows; settings that are unset or can't be read are null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WindowsReport<'a> {
    /// What this machine's MAPS client checks.
    pub ssl_options: Option<SslOptions>,
    /// The policy `SpynetReporting`: 0 off, 1 basic, 2 advanced.
    pub spynet_reporting: Option<SpynetReporting>,
    /// The policy `SubmitSamplesConsent`: 0 ask, 1 safe ones, 2 never, 3 all.
    pub submit_samples_consent: Option<SampleConsent>,
    /// Whether the machine's WinHTTP setting contains a proxy.
    pub winhttp_proxy_configured: Option<bool>,
    /// Whether a policy sets a proxy for Defender.
    pub proxy_policy_configured: bool,
    /// The settings of policies and preferences, as they count.
    pub settings: Vec<SettingReport>,
    /// The settings that couldn't be read.
    pub unreadable_settings: &'a [DefenderSetting],
    /// The machine's own MAPS URLs.
    pub maps_urls: Vec<String>,
    /// When Defender last fell back to the alternate download location.
    pub last_fallback: Option<Timestamp>,
    /// The result of `MpCmdRun.exe -ValidateMapsConnection`; null if it could not be run.
    pub validation: Option<ValidationReport>,
    /// When this machine last connected to MAPS, as reported by newer builds of `MpCmdRun.exe`.
    pub last_maps_connection: Option<Timestamp>,
    /// The events of Defender's log, by event id; null until the log has been read once.
    pub events: Option<BTreeMap<EventKind, EventReport>>,
    /// The last failed update of each kind and source, in that log.
    pub update_failures: Vec<UpdateFailureReport<'a>>,
}

/// A failed update, or a failed request to the cloud; what the event doesn't tell is null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UpdateFailureReport<'a> {
    /// The event's id.
    pub event: EventKind,
    /// What the event means.
    pub meaning: &'static str,
    /// When it was logged.
    pub at: Timestamp,
    /// When the same succeeded after it.
    pub succeeded_at: Option<Timestamp>,
    /// The source of the update.
    pub source: Option<UpdateOrigin>,
    /// The step that failed.
    pub stage: Option<UpdateStage>,
    /// The URL, server or share, cleaned and truncated.
    pub path: Option<&'a str>,
    /// The version that stayed in use, cleaned and truncated.
    pub version: Option<&'a str>,
    /// The error code, accepted by `explain`.
    pub hresult: Option<String>,
    /// The error in the words of Windows, in the system's language.
    pub description: Option<&'a str>,
    /// What the error means, in one line.
    pub title: Option<String>,
    /// The cause of the error.
    pub cause: Option<String>,
    /// What to change, most likely first.
    pub remedies: Vec<String>,
}

/// The result of `MpCmdRun.exe -ValidateMapsConnection`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ValidationReport {
    /// Whether Defender is connected to MAPS; null if unknown.
    pub connected: Option<bool>,
    /// The error code, accepted by `explain`.
    pub hresult: Option<String>,
    /// The HTTP status reported as `httpcode`.
    pub http_status: Option<u16>,
    /// What the error means, in one line.
    pub title: Option<String>,
    /// The cause of the error.
    pub cause: Option<String>,
    /// What to change, most likely first.
    pub remedies: Vec<String>,
}

/// Statistics of one kind of event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EventReport {
    /// What the event means.
    pub meaning: &'static str,
    /// The number of events since the exporter started.
    pub total: u64,
    /// The time of the last event, including those before the start.
    pub last: Option<Timestamp>,
}

/// The state reported by `mdatp`; unknown parts are null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MdatpReport<'a> {
    /// Whether the product is healthy.
    pub healthy: Option<bool>,
    /// Whether cloud-delivered protection is on.
    pub cloud_enabled: Option<bool>,
    /// Whether the definitions are up to date.
    pub definitions_up_to_date: Option<bool>,
    /// The state of the definitions.
    pub definitions_status: Option<DefinitionsStatus>,
    /// Applications that may conflict with the product, cleaned and truncated.
    pub conflicting_applications: Option<&'a [String]>,
    /// What the product complains about, cleaned and truncated.
    pub health_issues: Option<&'a [String]>,
    /// When the installed version reaches the end of support.
    pub product_expires_at: Option<Timestamp>,
    /// The results of `mdatp connectivity test`; null if it could not be run.
    pub connectivity: Option<Vec<ConnectivityReport<'a>>>,
}

/// The result of one connection test.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConnectivityReport<'a> {
    /// The URL that was tested.
    pub url: &'a str,
    /// Why the connection failed; null if it works.
    pub failure: Option<&'a str>,
}

impl<'a> HostReport<'a> {
    pub(super) fn new(facts: &'a HostFacts, snapshot: &Snapshot) -> Self {
        Self {
            read_at: Timestamp(facts.at),
            collectors: facts.collectors,
            problems: facts.problems.iter().map(ProblemReport::new).collect(),
            hints: hints(snapshot),
            protection: ProtectionReport::new(facts),
            update_order: update_order(snapshot),
            installed: facts.signatures.as_ref().map(InstalledReport::new),
            windows: facts.windows.as_ref().map(WindowsReport::new),
            mdatp: facts.mdatp.as_ref().map(MdatpReport::new),
        }
    }
}

impl<'a> ProblemReport<'a> {
    fn new(problem: &'a HostProblem) -> Self {
        Self { collector: problem.collector, reason: problem.reason, detail: &problem.detail }
    }
}

impl InstalledReport {
    fn new(of: &InstalledSignatures) -> Self {
        Self {
            signatures: of.version.map(|version| version.to_string()),
            engine: of.engine.map(|version| version.to_string()),
            platform: of.platform.as_ref().map(ToString::to_string),
            built_at: of.built.map(Timestamp),
            applied_at: of.applied.map(Timestamp),
        }
    }
}

impl<'a> WindowsReport<'a> {
    fn new(facts: &'a WindowsFacts) -> Self {
        let registry = &facts.registry;
        let event = |(kind, tally): (&EventKind, &EventTally)| (*kind, EventReport::new(*kind, *tally));
        Self {
            ssl_options: registry.ssl_options,
            spynet_reporting: registry.spynet_reporting,
            submit_samples_consent: registry.submit_samples_consent,
            winhttp_proxy_configured: registry.winhttp.as_ref().map(WinHttpSetting::has_proxy),
            proxy_policy_configured: registry.proxy_policy.is_set(),
            settings: registry.settings.set.iter().map(SettingReport::new).collect(),
            unreadable_settings: &registry.settings.unreadable,
            maps_urls: registry.maps_urls.iter().map(|own| own.url.to_string()).collect(),
            last_fallback: registry.last_fallback.map(Timestamp),
            validation: facts.validation.as_ref().map(ValidationReport::new),
            last_maps_connection: facts.last_maps_connection.map(Timestamp),
            events: facts.events.as_ref().map(|log| log.tallies.iter().map(event).collect()),
            update_failures: facts.events.as_ref().map(UpdateFailureReport::all).unwrap_or_default(),
        }
    }
}

impl<'a> UpdateFailureReport<'a> {
    fn all(log: &'a EventLog) -> Vec<Self> {
        log.failures.values().map(|failure| Self::new(log, failure)).collect()
    }

    fn new(log: &EventLog, failure: &'a UpdateFailure) -> Self {
        let advice = failure.advice();
        Self {
            event: failure.kind,
            meaning: failure.kind.meaning(),
            at: Timestamp(failure.at),
            succeeded_at: log.succeeded_after(failure).map(Timestamp),
            source: failure.origin,
            stage: failure.stage,
            path: failure.path.as_deref(),
            version: failure.version.as_deref(),
            hresult: failure.hresult.map(|hresult| format!("0x{hresult:08X}")),
            description: failure.description.as_deref(),
            title: advice.as_ref().map(|advice| advice.title.clone()),
            cause: advice.as_ref().map(|advice| advice.cause.clone()),
            remedies: advice.map(|advice| advice.remedies).unwrap_or_default(),
        }
    }
}

impl ValidationReport {
    fn new(validation: &Validation) -> Self {
        let (hresult, http_status) = match validation.outcome {
            ValidationOutcome::Failed { hresult, http } => (Some(hresult), http),
            ValidationOutcome::Connected | ValidationOutcome::Unknown => (None, None),
        };
        let advice = hresult.and_then(advice::for_hresult);
        Self {
            connected: validation.connected(),
            hresult: hresult.map(|hresult| format!("0x{hresult:08X}")),
            http_status,
            title: advice.as_ref().map(|advice| advice.title.clone()),
            cause: advice.as_ref().map(|advice| advice.cause.clone()),
            remedies: advice.map(|advice| advice.remedies).unwrap_or_default(),
        }
    }
}

impl EventReport {
    fn new(kind: EventKind, tally: EventTally) -> Self {
        Self { meaning: kind.meaning(), total: tally.total, last: tally.last.map(Timestamp) }
    }
}

impl<'a> MdatpReport<'a> {
    fn new(facts: &'a MdatpFacts) -> Self {
        let health = facts.health.as_ref();
        let test = |test: &'a ConnectivityTest| ConnectivityReport {
            url: test.url.as_str(),
            failure: test.failure.as_deref(),
        };
        Self {
            healthy: health.and_then(|health| health.healthy),
            cloud_enabled: health.and_then(|health| health.cloud_enabled),
            definitions_up_to_date: health.and_then(MdatpHealth::definitions_up_to_date),
            definitions_status: health.and_then(|health| health.definitions),
            conflicting_applications: health.and_then(|health| health.conflicting_applications.as_deref()),
            health_issues: health.and_then(|health| health.health_issues.as_deref()),
            product_expires_at: health.and_then(|health| health.product_expiration).map(Timestamp),
            connectivity: facts.connectivity.as_ref().map(|tests| tests.iter().map(test).collect()),
        }
    }
}
