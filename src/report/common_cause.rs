//! The smallest fact that all failures of a round share and no success has. One fault, one cause: fifty endpoints behind a
//! dead proxy fail in one way or in several, and this names the proxy. [`causes`](super::causes()) groups what is wrong by
//! symptom, with the remedies; this looks across the groups. Pure.
//!
//! It names nothing unless the evidence singles a fact out: at least two failures have it, none of at least two successes
//! has it, and no failure went past it. Without successes to compare with, only a machine or an authority counts that each
//! failure proves to be at fault. Two facts are named if neither explains all failures and both together do, each several
//! that the other doesn't; two phases are two symptoms, and no cause.
//!
//! The cost grows with the number of failures and of their facts, not with its square.

mod facts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::observation::{Observation, Phase};
use crate::plan::Target;
use crate::state::Snapshot;
pub use facts::CauseKind;
use facts::Fact;

/// The fewest failures that can share anything, and the fewest successes to compare them with.
const MIN_COUNT: usize = 2;

/// The fewest failures that one of two facts explains and the other doesn't. Of a phase, which is a symptom, two suffice.
const MIN_OWN: usize = 3;

/// A proven machine comes before its route if it explains this share of the failures: a single host that is down as well
/// is no reason to blame the whole route.
const MOST: (usize, usize) = (9, 10);

/// A success counts if it is at most this many intervals older than the oldest failure: endpoints take turns.
const TURNS: u32 = 2;

/// The most facts that are considered for pairs, those of the most failures first.
const MAX_CANDIDATES: usize = 32;

/// A fact that failures of a route share and no success has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CommonCause {
    /// The route of the failures.
    pub route: String,
    /// The kind of the fact.
    pub kind: CauseKind,
    /// The fact: from the catalog or the configuration, or cleaned and truncated.
    pub value: String,
    /// The number of failures that share it.
    pub failures: usize,
    /// The number of all failures of the route.
    pub of: usize,
}

/// A probe that failed.
struct FailedProbe<'a> {
    route: &'a str,
    /// The endpoint and the phase. `None` if the proxy wasn't reached: that is no failure of the endpoint.
    own: Option<(&'a str, Phase)>,
    /// In the order of the path, without duplicates.
    facts: Vec<Fact<'a>>,
    proven: Option<Fact<'a>>,
}

/// What can't be at fault: all that successes went through, and what failures went past.
#[derive(Default)]
struct Cleared<'a> {
    /// The number of successes.
    count: usize,
    facts: BTreeSet<Fact<'a>>,
}

/// A fact that nothing clears, and the failures that have it, by index.
struct Candidate<'a> {
    fact: Fact<'a>,
    /// In order; at least one.
    failures: Vec<usize>,
    /// Its place among the facts of the first of them: the first of several aliases is the narrowest.
    place: usize,
}

/// The last round of probes, as evidence.
#[derive(Default)]
struct RoundEvidence<'a> {
    failures: Vec<FailedProbe<'a>>,
    /// By route.
    cleared: BTreeMap<&'a str, Cleared<'a>>,
    /// By any route.
    cleared_anywhere: Cleared<'a>,
    /// The routes with successes on which an endpoint fails in a phase.
    also_on: BTreeMap<(&'a str, Phase), Vec<&'a str>>,
}

/// The common causes, by route in the configuration's order; at most two for each. Empty where the evidence singles none
/// out.
#[must_use]
pub fn common_causes(snapshot: &Snapshot) -> Vec<CommonCause> {
    let evidence = RoundEvidence::new(snapshot);
    let everywhere = evidence.everywhere();
    let mut by_route: BTreeMap<&str, Vec<&FailedProbe<'_>>> = BTreeMap::new();
    for failed in &evidence.failures {
        by_route.entry(failed.route).or_default().push(failed);
    }
    let mut found = Vec::new();
    for route in &snapshot.plan.routes {
        let Some(own) = by_route.get(route.name.as_str()) else { continue };
        let chosen = match &everywhere {
            Some(fact) => vec![*fact],
            None => evidence.on_route(&route.name, own),
        };
        found.extend(chosen.into_iter().map(|fact| CommonCause {
            route: route.name.clone(),
            kind: fact.kind(),
            value: fact.value(),
            failures: own.iter().filter(|failed| failed.facts.contains(&fact)).count(),
            of: own.len(),
        }));
    }
    found
}

impl<'a> RoundEvidence<'a> {
    /// Failures that the network caused, and successes. A listed host that Microsoft has retired is neither, and what this
    /// machine's own fault is isn't either.
    fn new(snapshot: &'a Snapshot) -> Self {
        let mut evidence = Self::default();
        if snapshot.defender().filter(|(.., state)| state.is_failing()).count() < MIN_COUNT {
            return evidence;
        }
        let mut successes = Vec::new();
        let mut since = None;
        for (_, target, state) in snapshot.defender().filter(|(_, target, _)| facts::is_of_network(target)) {
            let Some(probe) = state.last.as_deref() else { continue };
            if probe.success() {
                successes.push((target, probe));
            } else if state.is_failing() && probe.is_about_network() {
                evidence.add_failure(target, probe);
                let begin = probe.at.checked_sub(target.interval.saturating_mul(TURNS));
                since = since.into_iter().chain(begin).min();
            }
        }
        // What worked before the outage says nothing about it.
        for (target, probe) in
            successes.into_iter().filter(|(_, probe)| since.is_none_or(|at| probe.at >= at))
        {
            let route = evidence.cleared.entry(&target.route.name).or_default();
            for cleared in [route, &mut evidence.cleared_anywhere] {
                cleared.count += 1;
                facts::add_cleared(&mut cleared.facts, target, probe);
            }
        }
        for failed in &evidence.failures {
            let works = evidence.cleared.get(failed.route).is_some_and(|cleared| cleared.count > 0);
            if let Some(own) = failed.own.filter(|_| works) {
                evidence.also_on.entry(own).or_default().push(failed.route);
            }
        }
        evidence
    }

    fn add_failure(&mut self, target: &'a Target, probe: &'a Observation) {
        let Some(failure) = &probe.failure else { return };
        let (route, url) = (target.route.name.as_str(), target.endpoint.url.as_str());
        for cleared in [self.cleared.entry(route).or_default(), &mut self.cleared_anywhere] {
            facts::add_passed(&mut cleared.facts, target, probe, failure);
        }
        self.failures.push(FailedProbe {
            route,
            own: (!probe.failed_at_proxy()).then_some((url, failure.phase)),
            facts: facts::of_failure(target, probe, failure),
            proven: facts::proven(target, probe, failure),
        });
    }

    /// The fact that the failures of several routes share and that no route clears. A phase is none: two faults that have
    /// nothing to do with each other often show in one phase.
    fn everywhere(&self) -> Option<Fact<'a>> {
        let first = self.failures.first()?.route;
        if self.failures.iter().all(|failed| failed.route == first) {
            return None;
        }
        let all: Vec<_> = self.failures.iter().collect();
        let suspects = |candidate: &Candidate<'_>| {
            !matches!(candidate.fact.kind(), CauseKind::Route | CauseKind::Phase)
                && self.cleared_anywhere.suspects(candidate, &all)
        };
        whole(&candidates(&all, suspects), all.len()).map(|candidate| candidate.fact)
    }

    /// The one or two facts that explain the failures of a route. Endpoints that fail alike on another route, which works
    /// for others, are left out unless they are most: their failure is no fault of this route.
    fn on_route(&self, route: &str, all: &[&FailedProbe<'a>]) -> Vec<Fact<'a>> {
        let fails_elsewhere = |failed: &FailedProbe<'_>| {
            let also_on = failed.own.and_then(|own| self.also_on.get(&own));
            also_on.is_some_and(|routes| routes.iter().any(|other| *other != route))
        };
        let own: Vec<_> = all.iter().copied().filter(|failed| !fails_elsewhere(failed)).collect();
        let failures = if own.len() * 2 > all.len() { &own } else { all };
        if failures.len() < MIN_COUNT {
            return Vec::new();
        }
        let none = Cleared::default();
        let cleared = self.cleared.get(route).unwrap_or(&none);
        let others = self.cleared_anywhere.count - cleared.count;
        let suspects = |candidate: &Candidate<'_>| match candidate.fact.kind() {
            // One machine can serve several routes.
            CauseKind::Resolver | CauseKind::Proxy | CauseKind::SearchSuffix | CauseKind::Host => {
                self.cleared_anywhere.suspects(candidate, failures)
            }
            CauseKind::Route => cleared.count == 0 && others >= MIN_COUNT,
            // The same port or network by another route says nothing about this one.
            _ => cleared.suspects(candidate, failures),
        };
        let candidates = candidates(failures, suspects);
        let found = whole(&candidates, failures.len()).map(|candidate| candidate.fact);
        match found.map(|fact| (fact, fact.kind())) {
            // The machines of a route say more than the route.
            Some((fact, CauseKind::Route)) => mostly(&candidates, failures)
                .map(|machine| vec![machine])
                .or_else(|| pair(&candidates, failures.len(), is_machine))
                .unwrap_or_else(|| vec![fact]),
            Some((fact, kind)) if kind != CauseKind::Phase => vec![fact],
            // Two places to repair say more than a symptom that both have.
            symptom => {
                pair(&candidates, failures.len(), |kind| symptom.is_none() || kind != CauseKind::Phase)
                    .unwrap_or_else(|| symptom.into_iter().map(|(fact, _)| fact).collect())
            }
        }
    }
}

impl Cleared<'_> {
    /// Whether nothing clears a fact, and there is enough to compare its failures with: successes, or the proof of each.
    fn suspects(&self, candidate: &Candidate<'_>, failures: &[&FailedProbe<'_>]) -> bool {
        (self.count >= MIN_COUNT || candidate.is_proven(failures)) && !self.facts.contains(&candidate.fact)
    }
}

impl Candidate<'_> {
    /// The smallest is the most specific.
    fn rank(&self) -> (CauseKind, usize, usize) {
        (self.fact.kind(), self.failures[0], self.place) // at least one failure, by construction
    }

    /// Whether each of its failures proves it to be at fault.
    fn is_proven(&self, failures: &[&FailedProbe<'_>]) -> bool {
        self.failures.iter().all(|index| failures[*index].proven.as_ref() == Some(&self.fact))
    }
}

/// The facts that are suspected and that several failures have, the most specific first.
fn candidates<'a>(
    failures: &[&FailedProbe<'a>],
    mut is_suspect: impl FnMut(&Candidate<'a>) -> bool,
) -> Vec<Candidate<'a>> {
    let mut by_fact: BTreeMap<Fact<'a>, Candidate<'a>> = BTreeMap::new();
    for (index, failed) in failures.iter().enumerate() {
        for (place, fact) in failed.facts.iter().enumerate() {
            let new = || Candidate { fact: *fact, failures: Vec::new(), place };
            by_fact.entry(*fact).or_insert_with(new).failures.push(index);
        }
    }
    let several = by_fact.into_values().filter(|candidate| candidate.failures.len() >= MIN_COUNT);
    let mut suspected: Vec<_> = several.filter(|candidate| is_suspect(candidate)).collect();
    suspected.sort_by_key(Candidate::rank);
    suspected
}

/// The most specific fact that all failures have.
fn whole<'c, 'a>(candidates: &'c [Candidate<'a>], all: usize) -> Option<&'c Candidate<'a>> {
    candidates.iter().find(|candidate| candidate.failures.len() == all)
}

/// The machine that most failures have and prove to be at fault.
fn mostly<'a>(candidates: &[Candidate<'a>], failures: &[&FailedProbe<'a>]) -> Option<Fact<'a>> {
    let is_most = |candidate: &&Candidate<'_>| {
        matches!(candidate.fact.kind(), CauseKind::Resolver | CauseKind::Proxy)
            && candidate.failures.len() * MOST.1 >= failures.len() * MOST.0
            && candidate.is_proven(failures)
    };
    candidates.iter().find(is_most).map(|candidate| candidate.fact)
}

/// The most specific two facts of these kinds that explain all failures together, each several that the other doesn't:
/// two places, or else a place and a phase.
fn pair<'a>(
    candidates: &[Candidate<'a>],
    all: usize,
    is_meant: impl Fn(CauseKind) -> bool,
) -> Option<Vec<Fact<'a>>> {
    let is_phase = |candidate: &Candidate<'_>| candidate.fact.kind() == CauseKind::Phase;
    let meant = candidates.iter().filter(|candidate| is_meant(candidate.fact.kind()));
    let (phases, mut places): (Vec<_>, Vec<_>) = meant.partition(|candidate| is_phase(candidate));
    if places.len() > MAX_CANDIDATES {
        places.sort_by_key(|candidate| std::cmp::Reverse(candidate.failures.len()));
        places.truncate(MAX_CANDIDATES);
        places.sort_by_key(|candidate| candidate.rank());
    }
    let explains =
        |candidate: &Candidate<'_>, own: usize| own >= if is_phase(candidate) { MIN_COUNT } else { MIN_OWN };
    let fits = |one: &Candidate<'_>, other: &Candidate<'_>| {
        let both = count_both(&one.failures, &other.failures);
        let (own, others) = (one.failures.len() - both, other.failures.len() - both);
        own + others + both == all && explains(one, own) && explains(other, others)
    };
    let later = places
        .iter()
        .enumerate()
        .flat_map(|(index, one)| places[index + 1..].iter().map(move |other| (*one, *other)));
    let mixed = places.iter().flat_map(|one| phases.iter().map(move |other| (*one, *other)));
    later.chain(mixed).find(|(one, other)| fits(one, other)).map(|(one, other)| vec![one.fact, other.fact])
}

const fn is_machine(kind: CauseKind) -> bool {
    matches!(kind, CauseKind::Resolver | CauseKind::Proxy | CauseKind::SearchSuffix)
}

/// The number of elements that two sorted lists have in common.
fn count_both(one: &[usize], other: &[usize]) -> usize {
    let mut rest = other.iter().peekable();
    let is_in_other = |of: &&usize| {
        while rest.next_if(|next| next < of).is_some() {}
        rest.peek() == Some(of)
    };
    one.iter().filter(is_in_other).count()
}

impl fmt::Display for CommonCause {
    /// "the proxy http://10.0.0.8:8080".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            CauseKind::Resolver => "the DNS server",
            CauseKind::Proxy => "the proxy",
            CauseKind::SearchSuffix => "the search domain",
            CauseKind::Host => "the host",
            CauseKind::Issuer => "the certificate issuer",
            CauseKind::CnameTarget => "the CNAME target",
            CauseKind::AddressPrefix => "the address prefix",
            CauseKind::TlsVersion => "the TLS version",
            CauseKind::Port => "port",
            CauseKind::Route => "the route",
            CauseKind::Phase => "the phase",
        };
        write!(f, "{kind} {}", self.value)
    }
}

/// One sentence for each cause: "All 54 failures share the proxy http://10.0.0.8:8080." Names the routes if there are
/// several. Leaves out a phase that the only group of causes names anyway.
#[must_use]
pub fn common_cause_sentences(snapshot: &Snapshot) -> Vec<String> {
    let causes = common_causes(snapshot);
    let has_phase = causes.iter().any(|cause| cause.kind == CauseKind::Phase);
    let is_named_by_group = has_phase && super::causes(snapshot).len() == 1;
    let mut named: Vec<&CommonCause> = Vec::new();
    for cause in causes.iter().filter(|cause| !is_named_by_group || cause.kind != CauseKind::Phase) {
        if !named.iter().any(|known| known.is_same(cause)) {
            named.push(cause);
        }
    }
    let sentence = |cause: &&CommonCause| {
        let same: Vec<_> = causes.iter().filter(|other| other.is_same(cause)).collect();
        let (failures, of) = same.iter().fold((0, 0), |(n, of), one| (n + one.failures, of + one.of));
        let share = match (failures, of) {
            (2, 2) => "Both".to_owned(), // never fewer: a fact of one failure alone isn't named
            _ if failures == of => format!("All {of}"),
            _ => format!("{failures} of {of}"),
        };
        let routes: Vec<_> = same.iter().map(|one| one.route.as_str()).collect();
        let via = if snapshot.plan.routes.len() > 1 && cause.kind != CauseKind::Route {
            format!(" via {}", routes.join(", "))
        } else {
            String::new()
        };
        format!("{share} failures{via} share {cause}.")
    };
    named.iter().map(sentence).collect()
}

impl CommonCause {
    fn is_same(&self, other: &Self) -> bool {
        (self.kind, &self.value) == (other.kind, &other.value)
    }
}
