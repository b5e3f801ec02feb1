//! The verdict on a component, from those on its endpoints. Pure.

use super::{Verdict, sources};
use crate::catalog::{ComponentSpec, Endpoint};

/// The needs of a component that one server serves, or all hosts of Microsoft together.
struct ServedNeeds<'a> {
    server: &'a str,
    /// The best verdict on each need, in the component's order. `None` if no endpoint serves it.
    best: Vec<Option<Verdict>>,
}

/// Judges a component by its endpoints. Bad: no working endpoint serves one of its needs. Degraded: every need
/// is served, but an endpoint isn't good. `None` until every endpoint has a verdict, or if there are no
/// endpoints.
///
/// Ignores a need that none of the probed endpoints serves, since a user disabled them. If no endpoint serves
/// any need, the component is bad only if all endpoints are.
#[must_use]
pub fn component<'a>(
    spec: &ComponentSpec,
    endpoints: impl IntoIterator<Item = (&'a Endpoint, Option<Verdict>)>,
) -> Option<Verdict> {
    let mut servers: Vec<ServedNeeds<'_>> = Vec::new();
    let mut all = Vec::new();
    for (endpoint, verdict) in endpoints {
        let verdict = verdict?;
        all.push(verdict);
        let Some(need) = endpoint.serves.as_ref() else { continue };
        let Some(need) = spec.needs.iter().position(|known| known == need) else { continue };
        let server = sources::server(endpoint);
        let at = servers.iter().position(|known| known.server == server).unwrap_or_else(|| {
            servers.push(ServedNeeds { server, best: vec![None; spec.needs.len()] });
            servers.len() - 1
        });
        let best = servers[at].best[need].get_or_insert(verdict); // both positions were found above
        *best = verdict.min(*best);
    }
    let lacks_need = |of: &ServedNeeds<'_>| of.best.contains(&Some(Verdict::Bad));
    let unserved = !servers.is_empty() && servers.iter().all(lacks_need);
    let nothing_works = servers.is_empty() && all.iter().all(|verdict| *verdict == Verdict::Bad);
    match all.iter().max()? {
        Verdict::Good => Some(Verdict::Good),
        _ if unserved || nothing_works => Some(Verdict::Bad),
        _ => Some(Verdict::Degraded),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Component, embedded};

    use Verdict::{Bad, Degraded, Good};

    /// Checks the verdict of a component whose endpoints have these verdicts, selected by a part of their URL.
    /// All others are good.
    fn check(of: Component, cases: &[(&str, Option<Verdict>)], expected: Option<Verdict>) {
        let spec = embedded().components.iter().find(|c| c.component == of).unwrap();
        let endpoints = embedded().endpoints.iter().filter(|e| e.component == of);
        let verdict_of = |endpoint: &Endpoint| {
            let case = cases.iter().find(|(words, _)| endpoint.url.as_str().contains(words));
            case.map_or(Some(Good), |(_, verdict)| *verdict)
        };
        let verdict = component(spec, endpoints.map(|endpoint| (endpoint, verdict_of(endpoint))));
        assert_eq!(verdict, expected, "{of}: {cases:?}");
    }

    #[test]
    fn a_component_works_while_every_need_is_served() {
        use Component::{Adl, Crl, Maps, Submission, Update};
        check(Maps, &[], Some(Good));
        check(Maps, &[("wdcp.microsoft.com/", None)], None);
        check(Maps, &[("x.cp.wd", Some(Bad))], Some(Degraded));
        check(Maps, &[("//wdcp.", Some(Bad))], Some(Degraded));
        check(Maps, &[("//wdcp", Some(Bad))], Some(Bad)); // both of the default hosts
        check(Maps, &[("unitedstates.cp.wd", Some(Bad))], Some(Degraded));
        check(Maps, &[(".cp.wd", Some(Bad))], Some(Bad));
        check(Maps, &[("microsoft.com", Some(Degraded))], Some(Degraded));
        check(Update, &[("sls", Some(Bad))], Some(Bad));
        check(Update, &[("https://sls.", Some(Bad))], Some(Degraded));
        check(Update, &[("ctldl", Some(Bad))], Some(Bad));
        check(
            Update,
            &[("ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/auth", Some(Bad))],
            Some(Degraded),
        );
        check(Update, &[("delivery.mp", Some(Bad))], Some(Degraded));
        check(Update, &[("http://", Some(Bad))], Some(Bad));
        check(Adl, &[("definitionupdates", Some(Bad))], Some(Degraded)); // the versions, not the packages
        check(Adl, &[("https://go.microsoft.com/fwlink/?LinkID=121721", Some(Bad))], Some(Bad));
        check(Adl, &[("adlpackages", Some(Bad))], Some(Degraded));
        check(Adl, &[("go.microsoft.com", Some(Bad))], Some(Bad));
        check(Crl, &[("crl.microsoft.com", Some(Bad))], Some(Bad));
        check(Crl, &[("/certs/", Some(Bad))], Some(Degraded));
        check(Submission, &[("ussus", Some(Bad))], Some(Degraded));
        check(Submission, &[("blob", Some(Bad))], Some(Bad));
    }

    #[test]
    fn a_component_without_needs_is_bad_when_nothing_answers() {
        check(Component::PkiExtended, &[("http", Some(Bad))], Some(Bad));
        check(Component::PkiExtended, &[("crl3", Some(Bad))], Some(Degraded));
    }
}
