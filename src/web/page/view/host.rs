//! The Defender of this machine, if it has one.

use super::details::fields;
use super::{DisplayState, FailureView, Field, ViewInput, When};
use crate::host::events::{EventKind, EventLog, EventTally, UpdateFailure};
use crate::host::mdatp::MdatpFacts;
use crate::host::mdatp::health::MdatpHealth;
use crate::host::mpcmdrun::Validation;
use crate::host::registry::settings::{HostSetting, SettingValue};
use crate::host::{HostFacts, InstalledSignatures, RunningMode, WindowsFacts};
use crate::report::{UpdateOrderReport, hints, update_order};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostView {
    /// Bad if MpCmdRun reports no connection to MAPS or mdatp reports unhealthy. Degraded if cloud or real-time protection
    /// of an active Defender is off, definitions are outdated, or a collector failed.
    pub(crate) state: DisplayState,
    /// When Defender was queried.
    pub(crate) at: When,
    /// The failure that MpCmdRun reported for the connection to MAPS.
    pub(crate) failure: Option<FailureView>,
    /// The facts that Defender reported.
    pub(crate) fields: Vec<Field>,
    /// What the configuration leaves out or lists in vain, by what this machine's Defender uses.
    pub(crate) hints: Vec<String>,
    /// The sources that couldn't be read, and why.
    pub(crate) problems: Vec<String>,
}

impl HostView {
    pub(super) fn new(input: ViewInput<'_>) -> Option<Self> {
        let facts = input.snapshot.host.as_deref()?;
        let validation = facts.windows.as_ref().and_then(|windows| windows.validation.as_ref());
        let mut fields = protection(facts);
        fields.extend(facts.signatures.iter().flat_map(|of| installed(input, of)));
        fields.extend(facts.windows.iter().flat_map(|of| windows(input, of)));
        let order = update_order(input.snapshot);
        fields.extend(self::fields([(
            "Update sources in order",
            order.iter().map(UpdateOrderReport::words).collect(),
        )]));
        let notes = order.into_iter().flat_map(|order| order.differences).map(|of| of.note);
        fields.extend(facts.mdatp.iter().flat_map(|of| mdatp(input, of)));
        let problem = |problem: &crate::host::HostProblem| {
            format!("{} ({}): {}", problem.collector, problem.reason, problem.detail)
        };
        Some(Self {
            state: state(facts),
            at: input.when(facts.at),
            failure: validation.and_then(failure),
            fields,
            hints: hints(input.snapshot).into_iter().chain(notes).collect(),
            problems: facts.problems.iter().map(problem).collect(),
        })
    }
}

fn state(facts: &HostFacts) -> DisplayState {
    let connected = facts.windows.as_ref().and_then(|of| of.validation.as_ref()?.connected());
    let mode = facts.running_mode();
    // A Defender that is off connects to nothing.
    let is_lost = connected == Some(false) && mode != Some(RunningMode::Off);
    let health = facts.health();
    let outdated = health.and_then(MdatpHealth::definitions_up_to_date) == Some(false);
    let is_active = !matches!(mode, Some(RunningMode::Passive | RunningMode::Off));
    let is_off = [facts.cloud_protection(), facts.real_time_protection()].contains(&Some(false));
    match () {
        () if is_lost || health.and_then(|of| of.healthy) == Some(false) => DisplayState::Bad,
        () if outdated || is_active && is_off || !facts.problems.is_empty() => DisplayState::Degraded,
        () => DisplayState::Good,
    }
}

/// The failure, if the validation found no connection.
fn failure(validation: &Validation) -> Option<FailureView> {
    let advice = validation.advice().filter(|_| validation.connected() == Some(false))?;
    Some(FailureView {
        title: advice.title,
        code: None,
        detail: validation.text.clone(),
        cause: advice.cause,
        remedies: advice.remedies,
        hresult: None,
    })
}

/// What protects this machine now.
fn protection(facts: &HostFacts) -> Vec<Field> {
    let word = |is_on: Option<bool>| on_or_off(is_on).into_iter().collect();
    fields([
        ("Running mode", facts.running_mode().iter().map(ToString::to_string).collect()),
        ("Real-time protection", word(facts.real_time_protection())),
        ("Cloud protection", word(facts.cloud_protection())),
        ("Tamper protection", word(facts.tamper_protection())),
    ])
}

fn on_or_off(is_on: Option<bool>) -> Option<String> {
    is_on.map(|is_on| if is_on { "on" } else { "off" }.to_owned())
}

fn installed(input: ViewInput<'_>, of: &InstalledSignatures) -> Vec<Field> {
    let text = |version: Option<String>| version.into_iter().collect();
    let time = |at: Option<_>| at.map(|at| describe(&input.when(at))).into_iter().collect();
    fields([
        ("Signatures", text(of.version.map(|version| version.to_string()))),
        ("Signatures made", time(of.built)),
        ("Signatures installed", time(of.applied)),
        ("Engine", text(of.engine.map(|version| version.to_string()))),
        ("Platform", text(of.platform.as_ref().map(ToString::to_string))),
    ])
}

fn windows(input: ViewInput<'_>, of: &WindowsFacts) -> Vec<Field> {
    let registry = &of.registry;
    let value = |value: Option<String>| value.into_iter().collect();
    let time = |at: Option<_>| value(at.map(|at| describe(&input.when(at))));
    let proxy = |configured: bool| if configured { "configured" } else { "none" }.to_owned();
    let connected = |connected: bool| if connected { "connected" } else { "not connected" }.to_owned();
    let validation = of.validation.as_ref().and_then(Validation::connected);
    let events = of.events.iter().flat_map(|log| &log.tallies);
    let unreadable = registry.settings.unreadable.iter();
    fields([
        ("MpCmdRun -ValidateMapsConnection", value(validation.map(connected))),
        ("Last connection to MAPS", time(of.last_maps_connection)),
        ("SSLOptions", value(registry.ssl_options.map(|options| options.to_string()))),
        ("SpynetReporting (policy)", value(registry.spynet_reporting.map(|policy| policy.to_string()))),
        (
            "SubmitSamplesConsent (policy)",
            value(registry.submit_samples_consent.map(|policy| policy.to_string())),
        ),
        ("WinHTTP proxy", value(registry.winhttp.as_ref().map(|setting| proxy(setting.has_proxy())))),
        ("Proxy policy of Defender", vec![proxy(registry.proxy_policy.is_set())]),
        ("Settings", registry.settings.set.iter().map(setting).collect()),
        ("Settings that can't be read", unreadable.map(|of| of.registry_name().to_owned()).collect()),
        ("Own MAPS URLs", registry.maps_urls.iter().map(|own| own.url.to_string()).collect()),
        ("Last fallback to the alternate download location", time(registry.last_fallback)),
        ("Failed updates", of.events.iter().flat_map(|log| failures(input, log)).collect()),
        ("Events", events.filter_map(|(kind, tally)| event(input, *kind, *tally)).collect()),
    ])
}

/// A setting, where it comes from, and which other values don't count.
fn setting(of: &HostSetting) -> String {
    let value = |value: &SettingValue| match value {
        SettingValue::Number(number) => match of.setting.meaning(*number) {
            "" => number.to_string(),
            meaning => format!("{number} ({meaning})"),
        },
        SettingValue::Sources(_) | SettingValue::Set => value.to_string(),
    };
    let overruled = of.overruled.iter();
    let overruled = overruled.map(|of| format!("; overrules {}: {}", of.origin.title(), value(&of.value)));
    let own = format!("{}: {}, {}", of.setting.registry_name(), value(&of.value), of.origin.title());
    own + &overruled.collect::<String>()
}

fn event(input: ViewInput<'_>, kind: EventKind, tally: EventTally) -> Option<String> {
    Some(format!(
        "{kind} {}: last {}, {} since the start",
        kind.meaning(),
        describe(&input.when(tally.last?)),
        tally.total
    ))
}

fn failures(input: ViewInput<'_>, log: &EventLog) -> Vec<String> {
    log.failures.values().map(|failed| failure_line(input, log, failed)).collect()
}

/// What failed, from where, why, and what to change.
fn failure_line(input: ViewInput<'_>, log: &EventLog, failed: &UpdateFailure) -> String {
    let UpdateFailure { kind, origin, stage, path, hresult, .. } = failed;
    let mut line = format!("{kind} {}", kind.meaning());
    for (word, part) in [
        (", source ", origin.map(|origin| origin.to_string())),
        (" at ", path.clone()),
        (", step ", stage.map(|stage| stage.to_string())),
        (": ", hresult.map(|code| format!("0x{code:08X}"))),
        (" ", failed.title().map(str::to_owned)),
        (". ", Some(failed.action().to_owned()).filter(|action| !action.is_empty())),
        (" — ", Some(describe(&input.when(failed.at)))),
        ("; succeeded ", log.succeeded_after(failed).map(|at| describe(&input.when(at)))),
    ] {
        line.extend(part.map(|part| word.to_owned() + &part));
    }
    line
}

fn mdatp(input: ViewInput<'_>, of: &MdatpFacts) -> Vec<Field> {
    let word = |truth: Option<bool>| {
        truth.map(|truth| if truth { "yes" } else { "no" }.to_owned()).into_iter().collect()
    };
    let health = of.health.as_ref();
    let expires = health.and_then(|of| Some(describe(&input.when(of.product_expiration?))));
    let tests = of.connectivity.iter().flatten();
    let failing = tests.filter_map(|test| Some(format!("{}: {}", test.url, test.failure.as_ref()?)));
    fields([
        ("mdatp healthy", word(health.and_then(|of| of.healthy))),
        ("Health issues", health.and_then(|of| of.health_issues.clone()).unwrap_or_default()),
        (
            "Conflicting applications",
            health.and_then(|of| of.conflicting_applications.clone()).unwrap_or_default(),
        ),
        ("Definitions up to date", word(health.and_then(MdatpHealth::definitions_up_to_date))),
        ("End of support of this version", expires.into_iter().collect()),
        ("Connections failing according to mdatp", failing.collect()),
    ])
}

fn describe(when: &When) -> String {
    format!("{}, {}", when.relative, when.absolute)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Filter, Page};
    use super::*;
    use crate::catalog::UpdateOrigin;
    use crate::host::registry::settings::DefenderSetting;
    use crate::host::{HostCollector, HostProblem, HostReadReason};
    use crate::metrics::fixture;
    use crate::report::simulation::{self, at};

    /// Checks the page's content for a machine with these facts.
    fn check(facts: HostFacts, state: DisplayState, expected: &[(&str, &str)]) -> HostView {
        let mut snapshot = simulation::healthy(&["direct"]);
        snapshot.host = Some(Arc::new(facts));
        let host = Page::new(&snapshot, at(200), Filter::default()).host.expect("there is a host");
        assert_eq!(host.state, state);
        for (name, value) in expected {
            let field = host.fields.iter().find(|field| field.name == *name).expect(name);
            assert_eq!(field.values, [*value], "{name}");
        }
        host
    }

    #[test]
    fn a_machine_without_defender_has_no_section() {
        assert_eq!(Page::new(&simulation::healthy(&["direct"]), at(200), Filter::default()).host, None);
    }

    #[test]
    fn what_defender_found_is_said_with_its_remedy() {
        let facts = fixture::snapshot().host.as_deref().cloned().expect("the fixture has a host");
        let host = check(
            facts,
            DisplayState::Bad,
            &[
                ("Signatures", "1.441.99.0"),
                ("MpCmdRun -ValidateMapsConnection", "not connected"),
                ("SSLOptions", "3"),
                ("WinHTTP proxy", "none"),
                ("Running mode", "active"),
                ("Real-time protection", "on"),
                ("Tamper protection", "on"),
                ("Health issues", "not a label"),
                ("Definitions up to date", "no"),
                ("Connections failing according to mdatp", "https://a.example/ping: [FAIL]"),
            ],
        );
        let settings = host.fields.iter().find(|field| field.name == "Settings").expect("settings");
        let expected = [
            "SpynetReporting: 2 (advanced), Group Policy; overrules MDM: 0 (off)",
            "FallbackOrder: microsoft_update,adl, local preference",
        ];
        assert_eq!(settings.values, expected);
        let failure = host.failure.expect("a failure");
        assert!(failure.title.starts_with("0x80072F8F: ") && !failure.remedies.is_empty(), "{failure:?}");
        assert_eq!(host.problems[0], "event_log (access_denied): not a label");
    }

    /// A Defender that is off connects to nothing and protects nobody, beside another product: no fault. A passive one connects.
    #[test]
    fn the_running_mode_decides_what_is_a_fault() {
        let of_mode = |mode: Option<RunningMode>, loses_maps: bool| {
            let mut facts = fixture::snapshot().host.as_deref().cloned().expect("the fixture has a host");
            (facts.mdatp, facts.problems) = (None, vec![]);
            let windows = facts.windows.as_mut().expect("the fixture has Windows");
            windows.registry.product.mode = mode;
            windows.registry.product.tamper_protection = Some(false);
            for setting in &mut windows.registry.settings.set {
                if setting.setting == DefenderSetting::SpynetReporting {
                    setting.value = SettingValue::Number(0); // no cloud protection
                }
            }
            windows.validation = windows.validation.take().filter(|_| loses_maps);
            facts
        };
        for (mode, word, with_maps, without_maps) in [
            (RunningMode::Active, "active", DisplayState::Degraded, DisplayState::Bad),
            (RunningMode::Passive, "passive", DisplayState::Good, DisplayState::Bad),
            (RunningMode::Off, "off", DisplayState::Good, DisplayState::Good),
        ] {
            check(of_mode(Some(mode), false), with_maps, &[("Running mode", word)]);
            check(of_mode(Some(mode), true), without_maps, &[("Running mode", word)]);
        }
        check(of_mode(None, true), DisplayState::Bad, &[]);
    }

    /// A difference is no fault: the machine may not be a typical client.
    #[test]
    fn update_sources_that_differ_from_the_configuration_are_said() {
        let mut snapshot = simulation::healthy(&["direct"]);
        simulation::set_fallback_order(
            &mut snapshot,
            Some(&[UpdateOrigin::InternalServer, UpdateOrigin::Adl]),
        );
        let facts = snapshot.host.as_deref().cloned().expect("it was set");
        let order = "internal_server, adl (FallbackOrder by Group Policy)";
        let host = check(facts, DisplayState::Good, &[("Update sources in order", order)]);
        let [unlisted, unused] = &host.hints[..] else { panic!("{:?}", host.hints) };
        assert!(unlisted.contains("doesn't list internal_server"), "{unlisted}");
        assert!(unused.contains("lists microsoft_update, too, which it doesn't use"), "{unused}");
    }

    #[test]
    fn what_can_not_be_read_is_no_good_news() {
        let quiet = HostFacts::new(&[HostCollector::Health]).finished(at(100));
        check(quiet.clone(), DisplayState::Good, &[]);
        let problems = vec![HostProblem::new(HostCollector::Health, HostReadReason::Timeout, "no answer")];
        check(HostFacts { problems, ..quiet }, DisplayState::Degraded, &[]);
    }
}
