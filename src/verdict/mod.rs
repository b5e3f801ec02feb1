//! Observation → good, degraded or bad, in Defender's terms. Pure: no clock, no IO.

use std::collections::BTreeMap;

use crate::catalog::{ComponentSpec, Endpoint};
use crate::observation::Observation;
use crate::words::words;

words! {
    /// How well something works, best first.
    Verdict {
        /// As the genuine service answers.
        Good = "good",
        /// It works, but not all of it as expected.
        Degraded = "degraded",
        /// It does not work.
        Bad = "bad",
    }
}

/// Good: a genuine answer with an expected status. Degraded: genuine, of another status. Bad: none.
#[must_use]
pub fn endpoint(endpoint: &Endpoint, observation: &Observation) -> Verdict {
    if !observation.success() {
        return Verdict::Bad;
    }
    match &observation.facts.http {
        Some(http) if !endpoint.expect.allows(http.status) => Verdict::Degraded,
        _ => Verdict::Good,
    }
}

/// Bad: one of the component's needs is served by no endpoint that answers. Degraded: every need is served, but an
/// endpoint is not good. None until every endpoint has a verdict, or where there are none.
///
/// A need that none of the probed endpoints serves (a user turned them off) is not held against the component; where no
/// endpoint serves any need, the component is bad only when all of them are.
#[must_use]
pub fn component<'a>(
    spec: &ComponentSpec,
    endpoints: impl IntoIterator<Item = (&'a Endpoint, Option<Verdict>)>,
) -> Option<Verdict> {
    let mut best: BTreeMap<&str, Verdict> = BTreeMap::new();
    let mut all = Vec::new();
    for (endpoint, verdict) in endpoints {
        let verdict = verdict?;
        all.push(verdict);
        if let Some(need) =
            endpoint.serves.as_deref().filter(|need| spec.needs.iter().any(|known| known == need))
        {
            let known = best.entry(need).or_insert(verdict);
            *known = verdict.min(*known);
        }
    }
    let unserved = best.values().any(|verdict| *verdict == Verdict::Bad);
    let nothing_works = best.is_empty() && all.iter().all(|verdict| *verdict == Verdict::Bad);
    match all.iter().max()? {
        Verdict::Good => Some(Verdict::Good),
        _ if unserved || nothing_works => Some(Verdict::Bad),
        _ => Some(Verdict::Degraded),
    }
}
