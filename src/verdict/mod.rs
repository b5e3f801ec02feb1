//! Observation → good, degraded or bad, in Defender's terms. Pure: no clock, no IO.

mod maps;
mod sources;

use std::collections::BTreeMap;

use crate::catalog::{ComponentSpec, Endpoint};
use crate::observation::{HttpFacts, Observation};
use crate::trust::revocation::{Cause, RevocationReport, Status};
use crate::words::words;

pub use maps::{Connection, SslOptions, Way, connection};
pub use sources::source;

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

/// Good: a genuine answer with an expected status. Degraded: genuine, of another status, or over a chain whose revocation
/// can't be checked although its certificates say where. Bad: none, or over a chain that is known to be revoked.
#[must_use]
pub fn endpoint(
    endpoint: &Endpoint,
    observation: &Observation,
    revocation: Option<&RevocationReport>,
) -> Verdict {
    let revoked = revocation.is_some_and(|report| report.status == Status::Revoked);
    if revoked || !observation.success() {
        return Verdict::Bad;
    }
    let unexpected = |http: &HttpFacts| !endpoint.expect.allows(http.status);
    if observation.facts.http.as_ref().is_some_and(unexpected) || revocation.is_some_and(is_blocked) {
        return Verdict::Degraded;
    }
    Verdict::Good
}

/// Whether revocation could be checked and isn't.
fn is_blocked(report: &RevocationReport) -> bool {
    report.status == Status::Unknown && !matches!(report.cause(), Some(Cause::NoSource | Cause::Pending))
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

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::catalog::{Component, embedded};
    use crate::metrics::fixture;
    use crate::observation::Facts;
    use crate::plan::TargetId;
    use crate::trust::revocation::CertificateStatus;

    use Verdict::{Bad, Degraded, Good};

    /// The verdict of a component whose endpoints with these words in their URL have these verdicts, the others good.
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
    fn a_component_works_while_each_need_has_an_endpoint_that_answers() {
        use Component::{Adl, Crl, Maps, Submission, Update};
        check(Maps, &[], Some(Good));
        check(Maps, &[("wdcp.microsoft.com/", None)], None);
        check(Maps, &[("x.cp.wd", Some(Bad))], Some(Degraded));
        check(Maps, &[("wdcp", Some(Bad))], Some(Bad)); // the path of cp.wd has the word too
        check(Maps, &[("//wdcp", Some(Bad))], Some(Degraded));
        check(Maps, &[("microsoft.com", Some(Degraded))], Some(Degraded));
        check(Update, &[("sls", Some(Bad))], Some(Bad));
        check(Update, &[("https://sls.", Some(Bad))], Some(Degraded));
        check(Update, &[("ctldl", Some(Bad))], Some(Degraded));
        check(Update, &[("http://", Some(Bad))], Some(Bad));
        check(Adl, &[("definitionupdates", Some(Bad))], Some(Bad));
        check(Adl, &[("go.microsoft.com", Some(Bad))], Some(Degraded));
        check(Crl, &[("crl.microsoft.com", Some(Bad))], Some(Bad));
        check(Crl, &[("/certs/", Some(Bad))], Some(Degraded));
        check(Submission, &[("ussus", Some(Bad))], Some(Degraded));
        check(Submission, &[("blob", Some(Bad))], Some(Bad));
    }

    #[test]
    fn an_endpoint_whose_chain_is_known_to_be_revoked_is_bad_though_it_answers() {
        let target = fixture::target(Component::Maps, "*.a.example", "https://a.example/", &[503]);
        let answer = HttpFacts { status: 503, ..HttpFacts::default() };
        let observation = Observation {
            target: TargetId(0),
            at: SystemTime::UNIX_EPOCH,
            facts: Facts { http: Some(answer), ..Facts::default() },
            failure: None,
        };
        let check = |status: Option<Status>, expected| {
            let certificate = |status| CertificateStatus {
                subject: String::new(),
                status,
                cause: (status == Status::Unknown).then_some(Cause::Unreachable),
                source: None,
                detail: String::new(),
            };
            let report = status.map(|status| RevocationReport::of(vec![certificate(status)]));
            assert_eq!(endpoint(&target.endpoint, &observation, report.as_ref()), expected, "{status:?}");
        };
        check(None, Good);
        check(Some(Status::Good), Good);
        check(Some(Status::Unknown), Degraded);
        check(Some(Status::Revoked), Bad);
    }

    #[test]
    fn a_component_without_needs_is_bad_when_nothing_answers() {
        check(Component::PkiExtended, &[("http", Some(Bad))], Some(Bad));
        check(Component::PkiExtended, &[("crl3", Some(Bad))], Some(Degraded));
    }
}
