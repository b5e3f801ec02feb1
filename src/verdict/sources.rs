//! Whether clients can update from a source. Pure.

use super::Verdict;
use crate::catalog::{Endpoint, SourceSpec};

/// How a need of a source stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// No endpoint that serves it is probed: a user turned them off.
    NotProbed,
    /// An endpoint that serves it works.
    Served,
    /// None works yet, and not all have been probed.
    Pending,
    /// Each has been probed and none works.
    Unserved,
}

/// Whether a source works by one route, given the endpoints that are probed by it: each of its needs must be served by one
/// that works, however well. None while that isn't known. A need that none of the endpoints serves isn't held against the
/// source; where they serve none of its needs, nothing is known of it.
#[must_use]
pub fn source<'a>(
    spec: &SourceSpec,
    endpoints: impl Iterator<Item = (&'a Endpoint, Option<Verdict>)> + Clone,
) -> Option<bool> {
    let own = endpoints.filter(|(endpoint, _)| endpoint.component == spec.component);
    let needs: Vec<Need> = spec.needs.iter().map(|of| need(of, own.clone())).collect();
    if needs.contains(&Need::Unserved) {
        return Some(false);
    }
    (needs.contains(&Need::Served) && !needs.contains(&Need::Pending)).then_some(true)
}

fn need<'a>(need: &str, endpoints: impl Iterator<Item = (&'a Endpoint, Option<Verdict>)>) -> Need {
    let serving = endpoints.filter(|(endpoint, _)| endpoint.serves.as_deref() == Some(need));
    serving.fold(Need::NotProbed, |known, (_, verdict)| match (known, verdict) {
        (Need::Served, _) | (_, Some(Verdict::Good | Verdict::Degraded)) => Need::Served,
        (Need::Pending, _) | (_, None) => Need::Pending,
        (Need::NotProbed | Need::Unserved, Some(Verdict::Bad)) => Need::Unserved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{UpdateSource, embedded};

    use UpdateSource::{Adl, MicrosoftUpdate};
    use Verdict::{Bad, Degraded, Good};

    /// What is done to the endpoints whose URL has these words.
    #[derive(Clone, Copy, Debug)]
    enum Change {
        Is(Verdict),
        NotYet,
        TurnedOff,
    }

    use Change::{Is, NotYet, TurnedOff};

    /// The source by the embedded catalog's endpoints: all good, but for the changes; the first that fits an endpoint counts.
    fn check(of: UpdateSource, changes: &[(&str, Change)], expected: Option<bool>) {
        let spec = embedded().update_sources.iter().find(|spec| spec.source == of).unwrap();
        let endpoints = embedded().endpoints.iter().filter_map(|endpoint| {
            let change = changes.iter().find(|(words, _)| endpoint.url.as_str().contains(words));
            match change.map(|(_, change)| change) {
                None => Some((endpoint, Some(Good))),
                Some(Is(verdict)) => Some((endpoint, Some(*verdict))),
                Some(NotYet) => Some((endpoint, None)),
                Some(TurnedOff) => None,
            }
        });
        assert_eq!(source(spec, endpoints), expected, "{of}: {changes:?}");
    }

    #[test]
    fn microsoft_update_takes_its_locator_a_scan_and_a_download() {
        check(MicrosoftUpdate, &[], Some(true));
        check(MicrosoftUpdate, &[("http", Is(Degraded))], Some(true));
        check(MicrosoftUpdate, &[("//sls.", Is(Bad))], Some(true));
        check(MicrosoftUpdate, &[("//sls", Is(Bad))], Some(false));
        check(MicrosoftUpdate, &[("//fe2", Is(Bad))], Some(true));
        check(MicrosoftUpdate, &[("//fe2", Is(Bad)), ("//fe3", Is(Bad))], Some(false));
        check(MicrosoftUpdate, &[("//dl.", Is(Bad)), ("//tlu.", Is(Bad))], Some(true));
        check(MicrosoftUpdate, &[("http://", Is(Bad))], Some(false));
        // The lists of roots are no part of an update.
        check(MicrosoftUpdate, &[("ctldl", Is(Bad))], Some(true));
        // Nor is what another component needs, though it is the same host.
        check(MicrosoftUpdate, &[("definitionupdates", Is(Bad)), ("wdcp", Is(Bad))], Some(true));
    }

    #[test]
    fn the_alternate_location_takes_a_link_and_a_package() {
        check(Adl, &[], Some(true));
        check(Adl, &[("definitionupdates", Is(Bad))], Some(false));
        check(Adl, &[("action=info", Is(Bad))], Some(true));
        check(Adl, &[("https://go.", Is(Bad))], Some(true));
        check(Adl, &[("https://go.", Is(Bad)), ("adlpackages", Is(Bad))], Some(false));
        check(Adl, &[("https://go.", Is(Bad)), ("adlpackages", Is(Degraded))], Some(true));
        check(Adl, &[("//download.", Is(Bad)), ("client.asmx", Is(Bad))], Some(true));
    }

    #[test]
    fn what_is_not_known_yet_is_not_judged() {
        check(MicrosoftUpdate, &[("http", NotYet)], None);
        check(MicrosoftUpdate, &[("//sls.", NotYet)], Some(true));
        check(MicrosoftUpdate, &[("//sls", NotYet)], None);
        check(MicrosoftUpdate, &[("//sls.", NotYet), ("//slscr.", Is(Bad))], None);
        // One unserved need is enough, whatever the others turn out to be.
        check(MicrosoftUpdate, &[("//sls", Is(Bad)), ("http", NotYet)], Some(false));
    }

    #[test]
    fn what_is_not_probed_is_not_held_against_a_source() {
        check(MicrosoftUpdate, &[("//sls", TurnedOff)], Some(true));
        check(MicrosoftUpdate, &[("//sls", TurnedOff), ("//fe", Is(Bad))], Some(false));
        check(MicrosoftUpdate, &[("http", TurnedOff)], None);
        check(Adl, &[("definitionupdates", TurnedOff)], Some(true));
    }
}
