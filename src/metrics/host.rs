//! Samples of what this machine says of its own Defender. Pure; nothing where it has none.

use std::borrow::Cow;

use super::collector::Scrape;
use super::samples::{Sample, Value, single};
use super::table::Metric;
use crate::advice;
use crate::host::events::EventTally;
use crate::host::mdatp::MdatpFacts;
use crate::host::mdatp::health::Health;
use crate::host::mpcmdrun::{Outcome, Validation};
use crate::host::{HostFacts, InstalledSignatures, Reason, Source, WindowsFacts};
use crate::signatures::Version;

/// Seconds of a day.
const DAY: u32 = 24 * 60 * 60;

/// Every sample of one of the metrics that `samples.rs` leaves to this file.
pub(super) fn samples(metric: Metric, scrape: &Scrape) -> Vec<Sample<'_>> {
    let Some(facts) = scrape.snapshot.host.as_deref() else { return vec![] };
    let windows = facts.windows.as_ref();
    let mdatp = facts.mdatp.as_ref();
    match metric {
        Metric::SignaturesInstalledInfo => installed(facts, |_| Some(Value::Info)),
        Metric::SignaturesInstalledTimestamp => {
            installed(facts, |signatures| signatures.dated().map(Value::time))
        }
        Metric::HostReadSuccess => facts.sources.iter().map(|source| read_success(facts, *source)).collect(),
        Metric::HostReadFailureReason => read_failures(facts),
        Metric::HostLastReadTimestamp => single(Some(Value::time(facts.at))),
        Metric::HostHealthy => health(mdatp, |health| health.healthy),
        Metric::HostCloudEnabled => health(mdatp, |health| health.cloud_enabled),
        Metric::HostDefinitionsUpToDate => health(mdatp, |health| health.definitions_up_to_date),
        Metric::HostConnectivityTests => connectivity(mdatp),
        _ => windows.map(|windows| of_windows(metric, windows)).unwrap_or_default(),
    }
}

fn of_windows(metric: Metric, windows: &WindowsFacts) -> Vec<Sample<'_>> {
    let WindowsFacts { registry, validation, last_maps_connection, .. } = windows;
    match metric {
        Metric::HostSslOptions => single(registry.ssl_options.map(|options| Value::Whole(options as u64))),
        Metric::HostWinhttpProxyConfigured => {
            single(registry.winhttp.as_ref().map(|setting| Value::truth(setting.has_proxy())))
        }
        Metric::HostProxyPolicyConfigured => single(Some(Value::truth(registry.proxy_policy.is_set()))),
        Metric::HostSpynetReporting => {
            single(registry.spynet_reporting.map(|policy| Value::Whole(policy as u64)))
        }
        Metric::HostSubmitSamplesConsent => {
            single(registry.submit_samples_consent.map(|policy| Value::Whole(policy as u64)))
        }
        Metric::HostMapsValidationSuccess => {
            single(validation.as_ref().and_then(Validation::connected).map(Value::truth))
        }
        Metric::HostMapsValidationHresultInfo => {
            let outcome = validation.as_ref().map(|validation| validation.outcome);
            let Some(Outcome::Failed { hresult, .. }) = outcome else { return vec![] };
            let cause = advice::hresult_title(hresult).unwrap_or("unknown");
            vec![Sample { labels: vec![format!("0x{hresult:08X}").into(), cause.into()], value: Value::Info }]
        }
        Metric::HostLastMapsConnection => single(last_maps_connection.map(Value::time)),
        Metric::HostLastFallback => single(registry.last_fallback.map(Value::time)),
        Metric::HostSignaturesDue => {
            let seconds = registry.signatures_due_days.map(|days| f64::from(days) * f64::from(DAY));
            single(seconds.map(Value::Real))
        }
        Metric::HostEvents => events(windows, |tally| Some(Value::Whole(tally.total))),
        Metric::HostEventLastTimestamp => events(windows, |tally| tally.last.map(Value::time)),
        _ => vec![], // `samples.rs` sends no other, and a test holds that each has a sample
    }
}

/// A value of what is installed, with its versions.
fn installed<'a>(
    facts: &HostFacts,
    of: impl Fn(&InstalledSignatures) -> Option<Value<'a>>,
) -> Vec<Sample<'a>> {
    let sample = |signatures: &InstalledSignatures| {
        let InstalledSignatures { version, engine, platform, .. } = signatures;
        let text = |version: &Option<Version>| version.map(|version| version.to_string()).unwrap_or_default();
        let platform = platform.as_ref().map(ToString::to_string).unwrap_or_default();
        let labels = [text(version), text(engine), platform].map(Cow::Owned).into();
        of(signatures).map(|value| Sample { labels, value })
    };
    facts.signatures.as_ref().and_then(sample).into_iter().collect()
}

fn read_success(facts: &HostFacts, source: Source) -> Sample<'_> {
    let well = facts.problems.iter().all(|problem| problem.source != source);
    Value::truth(well).sample([source.as_str()])
}

/// Each pair once, however many values of the source could not be read.
fn read_failures(facts: &HostFacts) -> Vec<Sample<'_>> {
    let mut pairs: Vec<_> = facts.problems.iter().map(|problem| (problem.source, problem.reason)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let sample =
        |(source, reason): (Source, Reason)| Value::Whole(1).sample([source.as_str(), reason.as_str()]);
    pairs.into_iter().map(sample).collect()
}

fn health<'a>(mdatp: Option<&MdatpFacts>, of: impl Fn(&Health) -> Option<bool>) -> Vec<Sample<'a>> {
    single(mdatp.and_then(|mdatp| mdatp.health.as_ref()).and_then(of).map(Value::truth))
}

/// Both, so that a missing one is a 0; nothing where it could not be tested.
fn connectivity(mdatp: Option<&MdatpFacts>) -> Vec<Sample<'_>> {
    let Some(tests) = mdatp.and_then(|mdatp| mdatp.connectivity.as_ref()) else { return vec![] };
    let failed = tests.iter().filter(|test| test.failure.is_some()).count();
    [("ok", tests.len() - failed), ("failed", failed)]
        .map(|(result, count)| Value::Whole(count as u64).sample([result]))
        .into()
}

fn events<'a>(windows: &'a WindowsFacts, of: impl Fn(&EventTally) -> Option<Value<'a>>) -> Vec<Sample<'a>> {
    let tallies = windows.events.iter().flat_map(|log| &log.tallies);
    tallies.filter_map(|(kind, tally)| Some(of(tally)?.sample([kind.as_str()]))).collect()
}
