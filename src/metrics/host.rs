//! Functions that derive the samples of this machine's own Defender. Pure. Without Defender, each returns no samples.

use std::borrow::Cow;

use super::scrape::Scrape;
use super::value::{Sample, SampleValue, single};
use crate::advice;
use crate::host::events::{EventTally, UpdateFailure};
use crate::host::mdatp::MdatpFacts;
use crate::host::mdatp::health::MdatpHealth;
use crate::host::mpcmdrun::{Validation, ValidationOutcome};
use crate::host::registry::RegistryFacts;
use crate::host::registry::settings::{
    DefenderSetting, HostSetting, OverruledSetting, SettingOrigin, SettingValue,
};
use crate::host::{HostCollector, HostFacts, HostReadReason, InstalledSignatures, WindowsFacts};
use crate::signatures::Version;

/// The label `origin` of an order that nobody sets.
pub(super) const DEFAULT_ORDER: &str = "default";

/// One day, in seconds.
pub(super) const DAY: f64 = 24.0 * 60.0 * 60.0;

/// A value of the installed signatures, with their versions as labels.
pub(super) fn installed<'a>(
    scrape: &'a Scrape,
    value: impl Fn(&'a InstalledSignatures) -> Option<SampleValue<'a>>,
) -> Vec<Sample<'a, 3>> {
    let sample = |signatures: &'a InstalledSignatures| {
        let InstalledSignatures { version, engine, platform, .. } = signatures;
        let text = |version: &Option<Version>| version.map(|version| version.to_string()).unwrap_or_default();
        let platform = platform.as_ref().map(ToString::to_string).unwrap_or_default();
        let labels = [text(version), text(engine), platform].map(Cow::Owned);
        value(signatures).map(|value| Sample { labels, value })
    };
    let host = scrape.snapshot.host.as_deref();
    host.and_then(|host| host.signatures.as_ref()).and_then(sample).into_iter().collect()
}

pub(super) fn read_success(scrape: &Scrape) -> Vec<Sample<'_, 1>> {
    let Some(host) = scrape.snapshot.host.as_deref() else { return vec![] };
    let well = |collector| host.problems.iter().all(|problem| problem.collector != collector);
    let sample =
        |collector: &HostCollector| SampleValue::truth(well(*collector)).sample([collector.as_str()]);
    host.collectors.iter().map(sample).collect()
}

/// One sample per pair of collector and reason, even if several values of the collector were unreadable.
pub(super) fn read_failures(scrape: &Scrape) -> Vec<Sample<'_, 2>> {
    let Some(host) = scrape.snapshot.host.as_deref() else { return vec![] };
    let mut pairs: Vec<_> = host.problems.iter().map(|problem| (problem.collector, problem.reason)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let sample = |(collector, reason): (HostCollector, HostReadReason)| {
        SampleValue::Whole(1).sample([collector.as_str(), reason.as_str()])
    };
    pairs.into_iter().map(sample).collect()
}

/// A value of the facts about Defender on Windows.
pub(super) fn windows<'a>(
    scrape: &'a Scrape,
    value: impl Fn(&'a WindowsFacts) -> Option<SampleValue<'a>>,
) -> Vec<Sample<'a, 0>> {
    let host = scrape.snapshot.host.as_deref();
    single(host.and_then(|host| host.windows.as_ref()).and_then(value))
}

/// A value of the Windows registry.
pub(super) fn registry<'a>(
    scrape: &'a Scrape,
    value: impl Fn(&'a RegistryFacts) -> Option<SampleValue<'a>>,
) -> Vec<Sample<'a, 0>> {
    windows(scrape, |windows| value(&windows.registry))
}

fn all_settings(scrape: &Scrape) -> impl Iterator<Item = &HostSetting> {
    let windows = scrape.snapshot.host.as_deref().and_then(|host| host.windows.as_ref());
    windows.into_iter().flat_map(|windows| &windows.registry.settings.set)
}

fn setting_labels(
    setting: DefenderSetting,
    origin: SettingOrigin,
    value: &SettingValue,
) -> [Cow<'static, str>; 3] {
    [setting.as_str().into(), origin.as_str().into(), value.to_string().into()]
}

pub(super) fn settings(scrape: &Scrape) -> Vec<Sample<'_, 3>> {
    let sample = |HostSetting { setting, value, origin, .. }: &HostSetting| Sample {
        labels: setting_labels(*setting, *origin, value),
        value: SampleValue::Info,
    };
    all_settings(scrape).map(sample).collect()
}

pub(super) fn overruled_settings(scrape: &Scrape) -> Vec<Sample<'_, 3>> {
    let samples = |HostSetting { setting, overruled, .. }: &HostSetting| {
        let sample = |OverruledSetting { origin, value }: &OverruledSetting| Sample {
            labels: setting_labels(*setting, *origin, value),
            value: SampleValue::Whole(1),
        };
        overruled.iter().map(sample).collect::<Vec<_>>()
    };
    all_settings(scrape).flat_map(samples).collect()
}

pub(super) fn update_source_differences(scrape: &Scrape) -> Vec<Sample<'_, 3>> {
    let listed = &scrape.snapshot.plan.signatures.listed;
    let order = scrape.snapshot.host.as_deref().and_then(HostFacts::update_order);
    let Some(order) = order.filter(|_| !listed.is_empty()) else { return vec![] };
    let origin = order.origin.map_or(DEFAULT_ORDER, SettingOrigin::as_str);
    let differences = order.differences(listed).into_iter();
    differences.map(|of| SampleValue::Info.sample([of.kind.as_str(), of.source.as_str(), origin])).collect()
}

pub(super) fn maps_validation_success(scrape: &Scrape) -> Vec<Sample<'_, 0>> {
    windows(scrape, |windows| {
        windows.validation.as_ref().and_then(Validation::connected).map(SampleValue::truth)
    })
}

pub(super) fn maps_validation_hresult(scrape: &Scrape) -> Vec<Sample<'_, 3>> {
    let windows = scrape.snapshot.host.as_deref().and_then(|host| host.windows.as_ref());
    let outcome =
        windows.and_then(|windows| windows.validation.as_ref()).map(|validation| validation.outcome);
    let Some(ValidationOutcome::Failed { hresult, .. }) = outcome else { return vec![] };
    let cause = advice::hresult_title(hresult).unwrap_or("unknown");
    let remedy = advice::action::for_hresult(hresult);
    let labels = [format!("0x{hresult:08X}").into(), cause.into(), remedy.into()];
    vec![Sample { labels, value: SampleValue::Info }]
}

fn mdatp(scrape: &Scrape) -> Option<&MdatpFacts> {
    scrape.snapshot.host.as_deref().and_then(|host| host.mdatp.as_ref())
}

/// Whether something holds for this machine.
pub(super) fn truth(scrape: &Scrape, value: impl Fn(&HostFacts) -> Option<bool>) -> Vec<Sample<'_, 0>> {
    single(scrape.snapshot.host.as_deref().and_then(value).map(SampleValue::truth))
}

fn health(scrape: &Scrape) -> Option<&MdatpHealth> {
    scrape.snapshot.host.as_deref().and_then(HostFacts::health)
}

pub(super) fn count(scrape: &Scrape, value: impl Fn(&MdatpHealth) -> Option<usize>) -> Vec<Sample<'_, 0>> {
    single(health(scrape).and_then(value).map(|count| SampleValue::Whole(count as u64)))
}

pub(super) fn product_expiration(scrape: &Scrape) -> Vec<Sample<'_, 0>> {
    single(health(scrape).and_then(|health| health.product_expiration).map(SampleValue::time))
}

pub(super) fn definitions(scrape: &Scrape) -> Vec<Sample<'_, 1>> {
    let status = health(scrape).and_then(|health| health.definitions);
    status.map(|status| SampleValue::Info.sample([status.as_str()])).into_iter().collect()
}

pub(super) fn running_mode(scrape: &Scrape) -> Vec<Sample<'_, 1>> {
    let mode = scrape.snapshot.host.as_deref().and_then(HostFacts::running_mode);
    mode.map(|mode| SampleValue::Info.sample([mode.as_str()])).into_iter().collect()
}

/// One sample per result, 0 if no test had that result. Empty if the tests couldn't run.
pub(super) fn connectivity(scrape: &Scrape) -> Vec<Sample<'_, 1>> {
    let Some(tests) = mdatp(scrape).and_then(|mdatp| mdatp.connectivity.as_ref()) else { return vec![] };
    let failed = tests.iter().filter(|test| test.failure.is_some()).count();
    [("ok", tests.len() - failed), ("failed", failed)]
        .map(|(result, count)| SampleValue::Whole(count as u64).sample([result]))
        .into()
}

pub(super) fn events<'a>(
    scrape: &'a Scrape,
    value: impl Fn(&EventTally) -> Option<SampleValue<'a>>,
) -> Vec<Sample<'a, 1>> {
    let windows = scrape.snapshot.host.as_deref().and_then(|host| host.windows.as_ref());
    let tallies = windows.into_iter().flat_map(|windows| &windows.events).flat_map(|log| &log.tallies);
    tallies.filter_map(|(kind, tally)| Some(value(tally)?.sample([kind.as_str()]))).collect()
}

fn failures(scrape: &Scrape) -> impl Iterator<Item = &UpdateFailure> {
    let windows = scrape.snapshot.host.as_deref().and_then(|host| host.windows.as_ref());
    windows.into_iter().flat_map(|windows| &windows.events).flat_map(|log| log.failures.values())
}

fn origin(failure: &UpdateFailure) -> &'static str {
    failure.origin.map_or("", |origin| origin.as_str())
}

/// The labels are closed sets and a number: nothing of the log's text.
pub(super) fn update_failures(scrape: &Scrape) -> Vec<Sample<'_, 6>> {
    let sample = |failure: &UpdateFailure| {
        let stage = failure.stage.map_or("", |stage| stage.as_str());
        let hresult = failure.hresult.map_or_else(String::new, |code| format!("0x{code:08X}"));
        let cause = failure.title().unwrap_or("unknown");
        let [event, source] = [failure.kind.as_str(), origin(failure)];
        let [cause, remedy] = [cause, failure.action()];
        let labels = [event.into(), source.into(), stage.into(), hresult.into(), cause.into(), remedy.into()];
        Sample { labels, value: SampleValue::Info }
    };
    failures(scrape).map(sample).collect()
}

pub(super) fn update_failure_times(scrape: &Scrape) -> Vec<Sample<'_, 2>> {
    let sample = |failure: &UpdateFailure| {
        SampleValue::time(failure.at).sample([failure.kind.as_str(), origin(failure)])
    };
    failures(scrape).map(sample).collect()
}
