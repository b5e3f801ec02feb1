//! The smallest fact that all failures of a round share and no success has. One fault, one cause: fifty endpoints behind a
//! dead proxy fail in one way or in several, and this names the proxy. [`causes`](super::causes) groups what is wrong by
//! symptom, with the remedies; this looks across the groups. Pure.
//!
//! It names nothing unless the evidence singles a fact out: at least two failures have it, none of at least two successes
//! has it. Without successes to compare with, only a machine or an authority counts that each failure proves to be at
//! fault. Two facts are named if neither explains all failures and both together do, each several that the other doesn't.

mod facts;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::state::Snapshot;
use crate::verdict::Concern;
pub use facts::CauseKind;
use facts::Fact;

/// The fewest failures that can share anything, and the fewest successes to compare them with.
const MIN_COUNT: usize = 2;

/// The fewest failures that one of two facts explains and the other doesn't. Of a phase, which is a symptom, two suffice.
const MIN_OWN: usize = 3;

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
    /// In the order of the path, without duplicates.
    facts: Vec<Fact<'a>>,
    proven: Option<Fact<'a>>,
}

/// What the successes of one route went through.
#[derive(Default)]
struct Cleared<'a> {
    count: usize,
    facts: BTreeSet<Fact<'a>>,
}

/// A fact that no success has, and the failures that have it, by index.
struct Candidate<'a> {
    fact: Fact<'a>,
    failures: Vec<usize>,
    /// Its place among the facts of the first of them: the first of several aliases is the narrowest.
    place: usize,
}

/// The last round of probes, as evidence.
struct Evidence<'a> {
    failures: Vec<FailedProbe<'a>>,
    cleared: BTreeMap<&'a str, Cleared<'a>>,
}

/// The common causes, by route in the configuration's order; at most two for each. Empty where the evidence singles none
/// out.
#[must_use]
pub fn common_causes(snapshot: &Snapshot) -> Vec<CommonCause> {
    let evidence = Evidence::new(snapshot);
    let everywhere = evidence.everywhere();
    let mut found = Vec::new();
    for route in &snapshot.plan.routes {
        let own: Vec<_> = evidence.failures.iter().filter(|failed| failed.route == route.name).collect();
        let chosen = match &everywhere {
            Some(fact) => vec![*fact],
            None => evidence.on_route(&route.name, &own),
        };
        found.extend(chosen.into_iter().filter(|_| !own.is_empty()).map(|fact| CommonCause {
            route: route.name.clone(),
            kind: fact.kind(),
            value: fact.value(),
            failures: own.iter().filter(|failed| failed.facts.contains(&fact)).count(),
            of: own.len(),
        }));
    }
    found
}

impl<'a> Evidence<'a> {
    /// Failures that the network caused, and successes. A listed host that Microsoft has retired is neither, and what this
    /// machine's own fault is isn't either.
    fn new(snapshot: &'a Snapshot) -> Self {
        let mut evidence = Self { failures: Vec::new(), cleared: BTreeMap::new() };
        let is_failed = |concern: Option<&Concern>| matches!(concern, Some(Concern::Failure { .. }));
        if snapshot.targets.iter().filter(|state| is_failed(state.concern())).count() < MIN_COUNT {
            return evidence;
        }
        for (_, target, state) in snapshot.iter().filter(|(_, target, _)| facts::is_of_network(target)) {
            let Some(probe) = state.last.as_deref() else { continue };
            let route = target.route.name.as_str();
            match &probe.failure {
                Some(failure) if is_failed(state.concern()) && probe.is_about_network() => {
                    evidence.failures.push(FailedProbe {
                        route,
                        facts: facts::of_failure(target, probe, failure),
                        proven: facts::proven(target, probe, failure),
                    });
                }
                Some(_) => {}
                None => {
                    let cleared = evidence.cleared.entry(route).or_default();
                    cleared.count += 1;
                    facts::add_cleared(&mut cleared.facts, target, probe);
                }
            }
        }
        evidence
    }

    /// The fact that the failures of several routes share and no success of any route has. A phase is none: two faults that
    /// have nothing to do with each other often show in one phase.
    fn everywhere(&self) -> Option<Fact<'a>> {
        let first = self.failures.first()?.route;
        if self.failures.iter().all(|failed| failed.route == first) {
            return None;
        }
        let all: Vec<_> = self.failures.iter().collect();
        let suspects = |fact: &Fact<'_>| {
            !matches!(fact.kind(), CauseKind::Route | CauseKind::Phase) && self.is_suspect(fact, &all)
        };
        whole(&candidates(&all, suspects), all.len())
    }

    /// The one or two facts that explain the failures of a route.
    fn on_route(&self, route: &str, failures: &[&FailedProbe<'a>]) -> Vec<Fact<'a>> {
        if failures.len() < MIN_COUNT {
            return Vec::new();
        }
        let none = Cleared::default();
        let own = self.cleared.get(route).unwrap_or(&none);
        let others = self.count_cleared() - own.count;
        let suspects = |fact: &Fact<'_>| match fact.kind() {
            // One machine can serve several routes.
            CauseKind::Resolver | CauseKind::Proxy | CauseKind::SearchSuffix => {
                self.is_suspect(fact, failures)
            }
            CauseKind::Route => own.count == 0 && others >= MIN_COUNT,
            // The same port or network by another route says nothing about this one.
            _ => is_compared(fact, own.count, failures) && !own.facts.contains(fact),
        };
        let candidates = candidates(failures, suspects);
        let is_place = |candidate: &&Candidate<'_>| candidate.fact.kind() != CauseKind::Phase;
        let places: Vec<_> = candidates.iter().filter(is_place).collect();
        match whole(&candidates, failures.len()) {
            Some(fact) if fact.kind() != CauseKind::Phase => vec![fact],
            // Two places to repair say more than a symptom that both have.
            symptom => pair(&places, failures.len())
                .or_else(|| symptom.map(|fact| vec![fact]))
                .or_else(|| pair(&candidates.iter().collect::<Vec<_>>(), failures.len()))
                .unwrap_or_default(),
        }
    }

    fn count_cleared(&self) -> usize {
        self.cleared.values().map(|cleared| cleared.count).sum()
    }

    /// Whether no success of any route has a fact, and enough could have had it.
    fn is_suspect(&self, fact: &Fact<'_>, failures: &[&FailedProbe<'_>]) -> bool {
        is_compared(fact, self.count_cleared(), failures)
            && !self.cleared.values().any(|cleared| cleared.facts.contains(fact))
    }
}

/// Whether there is enough to compare failures with: successes, or the proof of each failure that has the fact.
fn is_compared(fact: &Fact<'_>, successes: usize, failures: &[&FailedProbe<'_>]) -> bool {
    let proves = |failed: &&&FailedProbe<'_>| failed.facts.contains(fact);
    successes >= MIN_COUNT
        || failures.iter().filter(proves).all(|failed| failed.proven.as_ref() == Some(fact))
}

impl Candidate<'_> {
    /// The smallest is the most specific.
    fn rank(&self) -> (CauseKind, usize, usize) {
        (self.fact.kind(), self.failures[0], self.place) // at least one failure, by construction
    }
}

/// The facts that are suspected and that several failures have, the most specific first.
fn candidates<'a>(
    failures: &[&FailedProbe<'a>],
    is_suspect: impl Fn(&Fact<'_>) -> bool,
) -> Vec<Candidate<'a>> {
    let mut by_fact: BTreeMap<Fact<'a>, Candidate<'a>> = BTreeMap::new();
    for (index, failed) in failures.iter().enumerate() {
        for (place, fact) in failed.facts.iter().enumerate() {
            let new = || Candidate { fact: *fact, failures: Vec::new(), place };
            by_fact.entry(*fact).or_insert_with(new).failures.push(index);
        }
    }
    let several = by_fact.into_values().filter(|candidate| candidate.failures.len() >= MIN_COUNT);
    let mut suspected: Vec<_> = several.filter(|candidate| is_suspect(&candidate.fact)).collect();
    suspected.sort_by_key(Candidate::rank);
    suspected
}

/// The most specific fact that all failures have.
fn whole<'a>(candidates: &[Candidate<'a>], all: usize) -> Option<Fact<'a>> {
    candidates.iter().find(|candidate| candidate.failures.len() == all).map(|candidate| candidate.fact)
}

/// The most specific two facts that explain all failures together, each several that the other doesn't.
fn pair<'a>(candidates: &[&Candidate<'a>], all: usize) -> Option<Vec<Fact<'a>>> {
    let mut kept = candidates.to_vec();
    if kept.len() > MAX_CANDIDATES {
        kept.sort_by_key(|candidate| std::cmp::Reverse(candidate.failures.len()));
        kept.truncate(MAX_CANDIDATES);
        kept.sort_by_key(|candidate| candidate.rank());
    }
    let explains = |candidate: &Candidate<'_>, own: usize| {
        own >= if candidate.fact.kind() == CauseKind::Phase { MIN_COUNT } else { MIN_OWN }
    };
    for (index, one) in kept.iter().enumerate() {
        for other in &kept[index + 1..] {
            let both = one.failures.iter().filter(|of| other.failures.binary_search(of).is_ok()).count();
            let (own, others) = (one.failures.len() - both, other.failures.len() - both);
            if own + others + both == all && explains(one, own) && explains(other, others) {
                return Some(vec![one.fact, other.fact]);
            }
        }
    }
    None
}

impl fmt::Display for CommonCause {
    /// "the proxy http://10.0.0.8:8080".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            CauseKind::Resolver => "the DNS server",
            CauseKind::Proxy => "the proxy",
            CauseKind::SearchSuffix => "the search domain",
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
    let mut named: Vec<&CommonCause> = Vec::new();
    let is_named_by_group =
        |cause: &&CommonCause| cause.kind == CauseKind::Phase && super::causes(snapshot).len() == 1;
    for cause in causes.iter().filter(|cause| !is_named_by_group(cause)) {
        if !named.iter().any(|known| known.is_same(cause)) {
            named.push(cause);
        }
    }
    let sentence = |cause: &&CommonCause| {
        let same: Vec<_> = causes.iter().filter(|other| other.is_same(cause)).collect();
        let (failures, of) = same.iter().fold((0, 0), |(n, of), one| (n + one.failures, of + one.of));
        let share = if failures == of { format!("All {of}") } else { format!("{failures} of {of}") };
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
