//! The samples of `defender_faults`: what fails or is degraded now, with the action that repairs it. Alerts take what to
//! change from here, so that it follows the reason without a copy of the texts in the rules.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::advice;
use crate::catalog::Component;
use crate::metrics::scrape::Scrape;
use crate::metrics::value::{Sample, SampleValue};
use crate::plan::Target;
use crate::state::TargetState;

/// One fault: the labels of a series. Phase and reason are text, because a concern without a failure has no phase.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Fault<'a> {
    component: Component,
    route: &'a str,
    phase: &'static str,
    reason: &'static str,
    remedy: Cow<'static, str>,
}

/// The faults and how many endpoints, or revocation lists, have each.
pub(in crate::metrics) fn faults(scrape: &Scrape) -> Vec<Sample<'_, 5>> {
    let mut counts: BTreeMap<Fault<'_>, u64> = BTreeMap::new();
    let snapshot = &scrape.snapshot;
    let endpoints = snapshot.defender().filter_map(|(_, target, state)| endpoint_fault(target, state));
    for fault in endpoints.chain(list_faults(scrape)) {
        *counts.entry(fault).or_default() += 1;
    }
    // A client can refuse what is no concern of the endpoint, such as a certificate without a revocation source.
    for fault in maps_faults(scrape) {
        let same = |known: &Fault<'_>| {
            (known.component, known.route, known.phase, known.reason)
                == (fault.component, fault.route, fault.phase, fault.reason)
        };
        if !counts.keys().any(same) {
            counts.insert(fault, 1);
        }
    }
    let samples = counts.into_iter().map(|(fault, count)| {
        let Fault { component, route, phase, reason, remedy } = fault;
        let [component, route, phase, reason] = [component.as_str(), route, phase, reason].map(Cow::Borrowed);
        Sample { labels: [component, route, phase, reason, remedy], value: SampleValue::Whole(count) }
    });
    samples.collect()
}

/// What keeps an endpoint from being good.
fn endpoint_fault<'a>(target: &'a Target, state: &TargetState) -> Option<Fault<'a>> {
    let concern = state.concern()?;
    let component = target.endpoint.component;
    let (phase, reason) = match concern.failed() {
        Some(code) => (code.phase.as_str(), code.reason.as_str()),
        None => ("", concern.kind().as_str()),
    };
    let remedy = advice::action::for_concern(component, concern);
    Some(Fault { component, route: &target.route.name, phase, reason, remedy })
}

/// Revocation lists that can't be fetched.
fn list_faults(scrape: &Scrape) -> impl Iterator<Item = Fault<'_>> {
    let failed =
        super::crls(scrape).filter_map(|(route, crl)| Some((route, crl.fetch.as_ref()?.as_ref().err()?)));
    failed.map(|(route, failure)| Fault {
        component: Component::Crl,
        route,
        phase: failure.phase.as_str(),
        reason: failure.reason.as_str(),
        remedy: advice::action::for_list(failure.phase, failure.reason),
    })
}

/// The needs of MAPS that no endpoint serves.
fn maps_faults(scrape: &Scrape) -> impl Iterator<Item = Fault<'_>> {
    let unserved = scrape
        .snapshot
        .maps
        .iter()
        .flat_map(|maps| maps.connection.unserved().iter().map(move |need| (maps, need)));
    unserved.map(|(maps, need)| Fault {
        component: Component::Maps,
        route: &maps.route,
        phase: need.phase.as_str(),
        reason: need.reason.as_str(),
        remedy: advice::action::for_pair(Component::Maps, need.phase, need.reason),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metrics::fixture;
    use crate::observation::{FailureReason, Phase};
    use crate::plan::TargetId;
    use crate::state::{MapsState, Snapshot};
    use crate::verdict::{MapsConnection, SslOptions, UnservedNeed};

    /// The faults of the fixture after a change: labels without the remedy, and counts.
    fn shown(change: impl FnOnce(&mut Snapshot)) -> Vec<String> {
        let mut snapshot = fixture::snapshot();
        change(&mut snapshot);
        let scrape = Scrape { snapshot: Arc::new(snapshot), ..fixture::scrape() };
        let line = |Sample { labels, value }: &Sample<'_, 5>| {
            let [component, route, phase, reason, remedy] = labels;
            assert!(remedy.ends_with(['.', 't']), "{remedy}");
            format!("{component} {route} {phase}: {reason} {value:?}")
        };
        faults(&scrape).iter().map(line).collect()
    }

    fn unserved(phase: Phase, reason: FailureReason) -> MapsState {
        let need = UnservedNeed { need: "default_hosts".to_owned(), phase, reason, nearest: TargetId(0) };
        MapsState {
            route: "direct".to_owned(),
            options: SslOptions::Both,
            connection: MapsConnection::Lost(vec![need]),
        }
    }

    #[test]
    fn endpoints_with_the_same_fault_are_one_series() {
        let alone = shown(|snapshot| snapshot.maps.clear());
        let [endpoint] = &alone.iter().filter(|line| line.starts_with("update")).collect::<Vec<_>>()[..]
        else {
            panic!("{alone:?}")
        };
        assert!(endpoint.ends_with("Whole(1)"), "{endpoint}");
        let twice = shown(|snapshot| {
            snapshot.maps.clear();
            let mut plan = (*snapshot.plan).clone();
            plan.targets.push(plan.targets[1].clone());
            snapshot.plan = Arc::new(plan);
            snapshot.targets.push(Arc::clone(&snapshot.targets[1]));
        });
        assert!(twice.contains(&endpoint.replace("Whole(1)", "Whole(2)")), "{twice:?}");
    }

    /// What clients refuse is a fault, even if the endpoint itself has no such concern; what it has isn't repeated.
    #[test]
    fn an_unserved_need_of_maps_is_a_fault() {
        let refused = (Phase::Tls, FailureReason::RevocationUnknown);
        let lost = shown(|snapshot| snapshot.maps = vec![unserved(refused.0, refused.1); 2]);
        let needs =
            lost.iter().filter(|line| *line == "maps direct tls: revocation_unknown Whole(1)").count();
        assert_eq!(needs, 1, "{lost:?}");
    }
}
