//! Whether clients can update from a source. Pure.

use std::collections::BTreeSet;

use super::Verdict;
use crate::catalog::{Endpoint, SourceSpec};

/// The state of a need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NeedState {
    /// No endpoint that serves it is probed: a user disabled them.
    NotProbed,
    /// A working endpoint serves it.
    Served,
    /// No endpoint works yet, and some haven't been probed.
    Pending,
    /// All endpoints have been probed, and none works.
    Unserved,
}

/// Whether a source works over one route, given its probed endpoints: a good or degraded endpoint must serve
/// each of its needs. `None` while that is unknown. Ignores needs that no probed endpoint serves; if that is
/// true of all needs, the result is `None`.
#[must_use]
pub fn source<'a>(
    spec: &SourceSpec,
    endpoints: impl Iterator<Item = (&'a Endpoint, Option<Verdict>)> + Clone,
) -> Option<bool> {
    let own =
        endpoints.filter(|(endpoint, _)| endpoint.component == spec.component && endpoint.serves.is_some());
    if !spec.component.is_on_premises() {
        return needs_served(spec, &own);
    }
    let servers: BTreeSet<&str> = own.clone().map(|(endpoint, _)| server(endpoint)).collect();
    let mut unknown = servers.is_empty();
    for name in servers {
        match needs_served(spec, &own.clone().filter(|(endpoint, _)| server(endpoint) == name)) {
            Some(true) => return Some(true), // one server is enough
            Some(false) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(false)
}

/// What serves all needs together: Microsoft's hosts do, and each server of a company does alone, since a client uses one of
/// them.
pub(super) fn server(endpoint: &Endpoint) -> &str {
    if endpoint.component.is_on_premises() { endpoint.url.host() } else { "" }
}

fn needs_served<'a>(
    spec: &SourceSpec,
    endpoints: &(impl Iterator<Item = (&'a Endpoint, Option<Verdict>)> + Clone),
) -> Option<bool> {
    let needs: Vec<NeedState> = spec.needs.iter().map(|of| need(of, endpoints.clone())).collect();
    if needs.contains(&NeedState::Unserved) {
        return Some(false);
    }
    (needs.contains(&NeedState::Served) && !needs.contains(&NeedState::Pending)).then_some(true)
}

fn need<'a>(need: &str, endpoints: impl Iterator<Item = (&'a Endpoint, Option<Verdict>)>) -> NeedState {
    let serving = endpoints.filter(|(endpoint, _)| endpoint.serves.as_deref() == Some(need));
    serving.fold(NeedState::NotProbed, |known, (_, verdict)| match (known, verdict) {
        (NeedState::Served, _) | (_, Some(Verdict::Good | Verdict::Degraded)) => NeedState::Served,
        (NeedState::Pending, _) | (_, None) => NeedState::Pending,
        (NeedState::NotProbed | NeedState::Unserved, Some(Verdict::Bad)) => NeedState::Unserved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{ListedSource, ProbeUrl, UpdateSource, embedded};

    use UpdateSource::{Adl, InternalServer, MicrosoftUpdate};
    use Verdict::{Bad, Degraded, Good};

    /// A change to the endpoints whose URL contains some text.
    #[derive(Clone, Copy, Debug)]
    enum Change {
        Is(Verdict),
        NotYet,
        TurnedOff,
    }

    use Change::{Is, NotYet, TurnedOff};

    /// Checks a source with the embedded catalog's endpoints: all good except for the changes. The first
    /// matching change counts.
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

    /// A client uses one server of a company: what another one serves doesn't help it.
    #[test]
    fn one_server_of_a_company_serves_all_needs() {
        let listed = ["http://a.example:8530", "http://b.example:8530"].map(|address| ListedSource {
            source: InternalServer,
            address: Some(ProbeUrl::parse(address).unwrap()),
        });
        let catalog = embedded().with_sources(&listed);
        let spec = catalog.update_sources.iter().find(|spec| spec.source == InternalServer).unwrap();
        let component = catalog.components.iter().find(|of| of.component == spec.component).unwrap();
        let check = |bad: &[&str], expected: bool| {
            let endpoints = catalog.endpoints.iter().filter(|endpoint| endpoint.component == spec.component);
            let judged = endpoints.map(|endpoint| {
                let fails = bad.iter().any(|words| endpoint.url.as_str().contains(words));
                (endpoint, Some(if fails { Bad } else { Good }))
            });
            assert_eq!(source(spec, judged.clone()), Some(expected), "{bad:?}");
            assert_eq!(super::super::component(component, judged) != Some(Bad), expected, "{bad:?}");
        };
        check(&[], true);
        check(&["//a.example"], true);
        check(&["//a.example:8530/self", "//b.example:8530/Client"], false);
        check(&["//a.example:8530/self", "//b.example"], false);
    }

    #[test]
    fn microsoft_update_takes_its_locator_a_scan_and_a_download() {
        check(MicrosoftUpdate, &[], Some(true));
        check(MicrosoftUpdate, &[("http", Is(Degraded))], Some(true));
        check(MicrosoftUpdate, &[("//sls.", Is(Bad))], Some(true));
        check(MicrosoftUpdate, &[("sls", Is(Bad))], Some(false));
        check(MicrosoftUpdate, &[("//fe2", Is(Bad))], Some(true));
        check(MicrosoftUpdate, &[("//fe2", Is(Bad)), ("//fe3", Is(Bad))], Some(false));
        // Hosts whose responses prove nothing serve no need.
        check(MicrosoftUpdate, &[("//dl.", Is(Bad)), ("//tlu.", Is(Bad))], Some(true));
        check(MicrosoftUpdate, &[("http://", Is(Bad))], Some(false));
        // Without the root lists, Windows trusts no chain of Windows Update.
        check(MicrosoftUpdate, &[("ctldl", Is(Bad))], Some(false));
        // Another component's endpoints don't count, although they share a host.
        check(MicrosoftUpdate, &[("definitionupdates", Is(Bad)), ("wdcp", Is(Bad))], Some(true));
    }

    #[test]
    fn the_alternate_location_takes_a_link_and_a_package() {
        check(Adl, &[], Some(true));
        // A version feed doesn't replace a package that can't be downloaded.
        check(Adl, &[("https://go.microsoft.com/fwlink/?LinkID=121721", Is(Bad))], Some(false));
        check(Adl, &[("action=info", Is(Bad))], Some(true));
        check(Adl, &[("https://go.", Is(Bad))], Some(false));
        check(Adl, &[("2120136", Is(Bad)), ("adlpackages", Is(Bad))], Some(false));
        check(Adl, &[("2120136", Is(Bad)), ("adlpackages", Is(Degraded))], Some(true));
        check(Adl, &[("//download.", Is(Bad)), ("client.asmx", Is(Bad))], Some(true));
    }

    #[test]
    fn pending_needs_make_a_source_unknown() {
        check(MicrosoftUpdate, &[("http", NotYet)], None);
        check(MicrosoftUpdate, &[("//sls.", NotYet)], Some(true));
        check(MicrosoftUpdate, &[("sls", NotYet)], None);
        check(MicrosoftUpdate, &[("//sls.", NotYet), ("//slscr.", Is(Bad)), ("//tas02.", Is(Bad))], None);
        // One unserved need is enough, whatever the others turn out to be.
        check(MicrosoftUpdate, &[("sls", Is(Bad)), ("http", NotYet)], Some(false));
    }

    #[test]
    fn needs_that_are_not_probed_are_ignored() {
        check(MicrosoftUpdate, &[("sls", TurnedOff)], Some(true));
        check(MicrosoftUpdate, &[("sls", TurnedOff), ("//fe", Is(Bad))], Some(false));
        check(MicrosoftUpdate, &[("http", TurnedOff)], None);
        check(Adl, &[("121721", TurnedOff)], Some(true));
    }
}
