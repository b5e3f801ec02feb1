//! This machine's own Defender in a report.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Timestamp;
use crate::advice;
use crate::host::events::{EventKind, EventTally};
use crate::host::mdatp::MdatpFacts;
use crate::host::mdatp::connectivity::ConnectivityTest;
use crate::host::mpcmdrun::{Outcome, Validation};
use crate::host::registry::{SampleConsent, SpynetReporting};
use crate::host::winhttp::WinHttpSetting;
use crate::host::{HostFacts, InstalledSignatures, Problem, Reason, Source, WindowsFacts};
use crate::verdict::SslOptions;

/// What this machine says of its own Defender.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct HostReport<'a> {
    /// When it was last asked.
    pub read_at: Timestamp,
    /// What was asked.
    pub sources: &'a [Source],
    /// What could not be read.
    pub problems: Vec<ProblemReport<'a>>,
    /// The security intelligence that is installed; null where it isn't known.
    pub installed: Option<InstalledReport>,
    /// Null where this isn't Windows.
    pub windows: Option<WindowsReport>,
    /// Null where `mdatp` isn't asked.
    pub mdatp: Option<MdatpReport<'a>>,
}

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ProblemReport<'a> {
    /// Where.
    pub source: Source,
    /// Why.
    pub reason: Reason,
    /// More of it; cleaned and cut.
    pub detail: &'a str,
}

/// Installed security intelligence; a part that isn't told is null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct InstalledReport {
    /// The version of the signatures.
    pub signatures: Option<String>,
    /// Of the engine.
    pub engine: Option<String>,
    /// Of the platform.
    pub platform: Option<String>,
    /// When the signatures were made.
    pub built_at: Option<Timestamp>,
    /// When they were installed.
    pub applied_at: Option<Timestamp>,
}

/// What Windows says; a setting that isn't set, or can't be read, is null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct WindowsReport {
    /// What this machine's client of MAPS checks.
    pub ssl_options: Option<SslOptions>,
    /// The policy `SpynetReporting`: 0 off, 1 basic, 2 advanced.
    pub spynet_reporting: Option<SpynetReporting>,
    /// The policy `SubmitSamplesConsent`: 0 ask, 1 safe ones, 2 never, 3 all.
    pub submit_samples_consent: Option<SampleConsent>,
    /// Whether the machine's WinHTTP setting names a proxy.
    pub winhttp_proxy_configured: Option<bool>,
    /// Whether a policy gives Defender a proxy of its own.
    pub proxy_policy_configured: bool,
    /// The machine's own URLs of MAPS.
    pub maps_urls: Vec<String>,
    /// When Defender last fell back to the alternate download location.
    pub last_fallback: Option<Timestamp>,
    /// What `MpCmdRun.exe -ValidateMapsConnection` found; null where it could not be run.
    pub validation: Option<ValidationReport>,
    /// When this machine last connected to MAPS, as newer builds of `MpCmdRun.exe` tell.
    pub last_maps_connection: Option<Timestamp>,
    /// The events of Defender's log, by their ids; null until it could be read once.
    pub events: Option<BTreeMap<EventKind, EventReport>>,
}

/// What `MpCmdRun.exe -ValidateMapsConnection` found.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ValidationReport {
    /// Whether Defender is connected to MAPS; null where that isn't told.
    pub connected: Option<bool>,
    /// The error, as `explain` takes it.
    pub hresult: Option<String>,
    /// The status that it tells of as `httpcode`.
    pub http_status: Option<u16>,
    /// What the error means, in one line.
    pub title: Option<String>,
    /// Why it comes about.
    pub cause: Option<String>,
    /// What to change, the likeliest first.
    pub remedies: Vec<String>,
}

/// What is known of a kind of event.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct EventReport {
    /// What happened.
    pub meaning: &'static str,
    /// Events since the exporter started.
    pub total: u64,
    /// When the last one was, also before that.
    pub last: Option<Timestamp>,
}

/// What `mdatp` says; a part that isn't told is null.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct MdatpReport<'a> {
    /// Whether it calls itself healthy.
    pub healthy: Option<bool>,
    /// Whether cloud-delivered protection is on.
    pub cloud_enabled: Option<bool>,
    /// Whether it calls its definitions up to date.
    pub definitions_up_to_date: Option<bool>,
    /// What `mdatp connectivity test` found; null where it could not be run.
    pub connectivity: Option<Vec<ConnectivityReport<'a>>>,
}

/// What `mdatp` found of one connection.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct ConnectivityReport<'a> {
    /// Where to.
    pub url: &'a str,
    /// Why it doesn't work; null where it does.
    pub failure: Option<&'a str>,
}

impl<'a> HostReport<'a> {
    pub(super) fn of(facts: &'a HostFacts) -> Self {
        Self {
            read_at: Timestamp(facts.at),
            sources: facts.sources,
            problems: facts.problems.iter().map(ProblemReport::of).collect(),
            installed: facts.signatures.as_ref().map(InstalledReport::of),
            windows: facts.windows.as_ref().map(WindowsReport::of),
            mdatp: facts.mdatp.as_ref().map(MdatpReport::of),
        }
    }
}

impl<'a> ProblemReport<'a> {
    fn of(problem: &'a Problem) -> Self {
        Self { source: problem.source, reason: problem.reason, detail: &problem.detail }
    }
}

impl InstalledReport {
    fn of(of: &InstalledSignatures) -> Self {
        Self {
            signatures: of.version.map(|version| version.to_string()),
            engine: of.engine.map(|version| version.to_string()),
            platform: of.platform.as_ref().map(ToString::to_string),
            built_at: of.built.map(Timestamp),
            applied_at: of.applied.map(Timestamp),
        }
    }
}

impl WindowsReport {
    fn of(facts: &WindowsFacts) -> Self {
        let registry = &facts.registry;
        let event = |(kind, tally): (&EventKind, &EventTally)| (*kind, EventReport::of(*kind, *tally));
        Self {
            ssl_options: registry.ssl_options,
            spynet_reporting: registry.spynet_reporting,
            submit_samples_consent: registry.submit_samples_consent,
            winhttp_proxy_configured: registry.winhttp.as_ref().map(WinHttpSetting::has_proxy),
            proxy_policy_configured: registry.proxy_policy.is_set(),
            maps_urls: registry.maps_urls.iter().map(|own| own.url.to_string()).collect(),
            last_fallback: registry.last_fallback.map(Timestamp),
            validation: facts.validation.as_ref().map(ValidationReport::of),
            last_maps_connection: facts.last_maps_connection.map(Timestamp),
            events: facts.events.as_ref().map(|log| log.tallies.iter().map(event).collect()),
        }
    }
}

impl ValidationReport {
    fn of(validation: &Validation) -> Self {
        let (hresult, http_status) = match validation.outcome {
            Outcome::Failed { hresult, http } => (Some(hresult), http),
            Outcome::Connected | Outcome::Unknown => (None, None),
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
    fn of(kind: EventKind, tally: EventTally) -> Self {
        Self { meaning: kind.meaning(), total: tally.total, last: tally.last.map(Timestamp) }
    }
}

impl<'a> MdatpReport<'a> {
    fn of(facts: &'a MdatpFacts) -> Self {
        let health = facts.health.as_ref();
        let test = |test: &'a ConnectivityTest| ConnectivityReport {
            url: test.url.as_str(),
            failure: test.failure.as_deref(),
        };
        Self {
            healthy: health.and_then(|health| health.healthy),
            cloud_enabled: health.and_then(|health| health.cloud_enabled),
            definitions_up_to_date: health.and_then(|health| health.definitions_up_to_date),
            connectivity: facts.connectivity.as_ref().map(|tests| tests.iter().map(test).collect()),
        }
    }
}
