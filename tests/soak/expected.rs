//! The expected series of a lab state, by the outcomes of `model.rs`.

use std::collections::BTreeMap;

use defender_exporter::catalog::{Component, Confidence, Endpoint, embedded};

use crate::model::{Failure, Outcome, Revocation, Target, outcome, targets};
use crate::state::State;
use crate::world::{DIRECT, PROXY, World};

/// The expected series of the compared families, with their allowed values.
pub struct Expected {
    /// Series with their value.
    pub exact: BTreeMap<String, f64>,
    /// For each failing target, the possible reason series: exactly one exists.
    pub reasons: BTreeMap<String, Vec<String>>,
}

/// The families that [`Expected::exact`] holds all of.
pub const FAMILIES: [&str; 4] = [
    "defender_probe_success",
    "defender_component_available",
    "defender_maps_connected",
    "defender_update_source_available",
];

/// The expected series of all targets.
pub fn expected(world: &World, state: &State) -> Expected {
    let mut all: Vec<_> =
        targets(world, state).into_iter().map(|target| (outcome(world, state, &target), target)).collect();
    retire(&mut all);
    let (mut exact, mut reasons) = (BTreeMap::new(), BTreeMap::new());
    for (outcome, target) in &all {
        let labels = target.labels();
        exact.insert(format!("defender_probe_success{{{labels}}}"), f64::from(u8::from(outcome.success())));
        let why = |(phase, reasons): &Failure| -> Vec<String> {
            reasons.iter().map(|reason| format!("{labels},phase=\"{phase}\",reason=\"{reason}\"")).collect()
        };
        if !outcome.success() {
            reasons.insert(labels.clone(), outcome.failures.iter().flat_map(why).collect());
        }
    }
    for route in [DIRECT, PROXY] {
        let own: Vec<_> = all
            .iter()
            .filter(|(_, target)| target.route == route)
            .map(|(outcome, target)| (outcome, &target.endpoint))
            .collect();
        exact.extend(verdicts(route, &own));
    }
    exact.insert("defender_config_last_reload_successful".to_owned(), f64::from(u8::from(!state.refused)));
    Expected { exact, reasons }
}

/// A listed regional host without a DNS entry is no failure while another host of its region responds.
fn retire(all: &mut [(Outcome, Target)]) {
    let of = |target: &Target| {
        let Endpoint { component, geo, serves, .. } = &target.endpoint;
        (target.route, *component, *geo, serves.clone())
    };
    let answering: Vec<_> =
        all.iter().filter(|(outcome, _)| outcome.success()).map(|(_, target)| of(target)).collect();
    for (outcome, target) in all {
        let listed = target.endpoint.confidence == Confidence::D && target.endpoint.geo.is_some();
        let gone = outcome.failures == [("resolve", ["nxdomain"].into())];
        outcome.harm &= !(listed && gone && answering.contains(&of(target)));
    }
}

type Known<'a> = (&'a Outcome, &'a Endpoint);

fn verdicts(route: &str, own: &[Known<'_>]) -> BTreeMap<String, f64> {
    let mut said = BTreeMap::new();
    for spec in embedded().components.iter().filter(|spec| !spec.component.is_control()) {
        let members: Vec<_> =
            own.iter().filter(|(_, endpoint)| endpoint.component == spec.component).copied().collect();
        if !members.is_empty() {
            let series = format!(
                "defender_component_available{{component=\"{}\",route=\"{route}\"}}",
                spec.component.as_str()
            );
            said.insert(series, number(available(&spec.needs, &members)));
        }
    }
    for spec in &embedded().update_sources {
        let members: Vec<_> =
            own.iter().filter(|(_, endpoint)| endpoint.component == spec.component).copied().collect();
        if !members.is_empty() {
            let series = format!(
                "defender_update_source_available{{source=\"{}\",route=\"{route}\"}}",
                spec.source.as_str()
            );
            said.insert(series, number(served(&spec.needs, &members)));
        }
    }
    let maps_endpoints: Vec<_> = own
        .iter()
        .filter(|(_, endpoint)| endpoint.component == Component::Maps && endpoint.serves.is_some())
        .collect();
    let maps = embedded().components.iter().find(|spec| spec.component == Component::Maps);
    let needs = maps.map(|spec| spec.needs.clone()).unwrap_or_default();
    for options in 0..4 {
        let served = |need: &String| {
            let mut own = maps_endpoints
                .iter()
                .filter(|(_, endpoint)| endpoint.serves.as_ref() == Some(need))
                .peekable();
            own.peek().is_none()
                || own.any(|(outcome, _)| connects(outcome, options & 1 != 0, options & 2 != 0))
        };
        said.insert(
            format!("defender_maps_connected{{route=\"{route}\",ssl_options=\"{options}\"}}"),
            number(needs.iter().all(served)),
        );
    }
    said
}

fn number(yes: bool) -> f64 {
    f64::from(u8::from(yes))
}

/// Each need that any endpoint serves has one that works.
fn served(needs: &[String], members: &[Known<'_>]) -> bool {
    needs.iter().all(|need| {
        let mut serving =
            members.iter().filter(|(_, endpoint)| endpoint.serves.as_ref() == Some(need)).peekable();
        serving.peek().is_none() || serving.any(|(outcome, _)| !outcome.harm)
    })
}

fn available(needs: &[String], members: &[Known<'_>]) -> bool {
    let any_serves =
        members.iter().any(|(_, endpoint)| endpoint.serves.as_ref().is_some_and(|need| needs.contains(need)));
    served(needs, members) && (any_serves || members.iter().any(|(outcome, _)| !outcome.harm))
}

fn connects(outcome: &Outcome, checks_revocation: bool, pins: bool) -> bool {
    (outcome.genuine || outcome.success())
        && !(pins && outcome.intercepted)
        && !(checks_revocation && outcome.revocation != Some(Revocation::Good))
}
