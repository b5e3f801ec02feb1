//! Verdicts: [`endpoint`] turns an observation into good, degraded or bad, as Defender would see it. `concern.rs` has the reasons, `component.rs`
//! the verdict on a component, `maps.rs` that on MAPS, `sources.rs` that on update sources. Pure: no clock, no IO.

mod component;
mod concern;
mod maps;
mod notes;
mod sources;

use crate::catalog::{Confidence, Endpoint, ExpectedEvidence, Trust};
use crate::observation::{Failure, FailureCode, FailureReason, Observation, Phase, RangeOutcome};
use crate::revocation::{RevocationReport, RevocationStatus, UndeterminedCause};
use crate::string_enum::string_enum;

pub use component::component;
pub use concern::{Concern, ConcernKind, Judgement};
pub use maps::{MapsConnection, MapsProbe, SslOptions, UnservedNeed, connection};
pub use notes::{Note, notes};
pub use sources::source;

string_enum! {
    /// How well something works, best first.
    Verdict {
        /// It works as expected.
        Good = "good",
        /// It works, but not all of it as expected.
        Degraded = "degraded",
        /// It does not work.
        Bad = "bad",
    }
}

/// Judges an endpoint's last probe.
///
/// - Good: a response that contradicts no firm expectation. Also a listed regional host whose name no longer
///   exists while a sibling answers (`sibling_answers`).
/// - Degraded: a response that lacks firmly expected evidence, or whose revocation status can't be determined
///   although its certificates name sources, or that came after an address, a proxy or a DNS server had failed.
/// - Bad: proof of harm, such as no response, a chain that clients refuse, or another party's response.
/// - Unknown: the probe failed because of this machine.
#[must_use]
pub fn endpoint(
    endpoint: &Endpoint,
    observation: &Observation,
    revocation: Option<&RevocationReport>,
    sibling_answers: bool,
) -> Judgement {
    if let Some(failure) = observation.failure.clone() {
        let harms = is_harm(endpoint, observation, &failure);
        let concern = Concern::Failure { failure, at_proxy: observation.failed_at_proxy() };
        return match () {
            () if !observation.is_about_network() => Judgement::Unknown(concern),
            () if sibling_answers && may_be_retired(endpoint, observation) => Judgement::Good,
            () if harms => Judgement::Bad(concern),
            () => Judgement::Degraded(concern),
        };
    }
    // A revoked chain is bad even if the response is good.
    if let Some(failure) = revocation.and_then(RevocationReport::failure) {
        return Judgement::Bad(Concern::Failure { failure, at_proxy: false });
    }
    let range = observation.facts.http.as_ref().and_then(|http| http.range);
    if range == Some(RangeOutcome::Ignored) {
        return Judgement::Degraded(Concern::RangeStripped);
    }
    if endpoint.expects_firmly()
        && let Some(http) =
            observation.facts.http.as_ref().filter(|http| !endpoint.expect.allows(http.status))
    {
        let expected = endpoint.expect.clone();
        return Judgement::Degraded(Concern::UnexpectedStatus { status: http.status, expected });
    }
    let concern = revocation.and_then(revocation_unknown).or_else(|| failover(observation));
    concern.map_or(Judgement::Good, Judgement::Degraded)
}

/// The concern if clients lose time to addresses, proxies or DNS servers that fail.
fn failover(observation: &Observation) -> Option<Concern> {
    let first = observation.facts.delays().next()?;
    Some(Concern::Failover {
        target: first.target.clone(),
        failure: first.failure.clone(),
        attempts: observation.facts.delays().count(),
        lost: observation.facts.delays().map(|attempt| attempt.duration).sum(),
    })
}

/// Whether a failure proves interference, and not just an unexpected response. A response over a chain to a
/// genuine root comes from the service itself. Otherwise, missing evidence proves interference if the catalog
/// is sure of that evidence. A bare status or redirect proves nothing, and nothing is proven of what clients may get elsewhere.
fn is_harm(endpoint: &Endpoint, observation: &Observation, failure: &Failure) -> bool {
    if endpoint.may_be_replaced {
        return false;
    }
    if !matches!(failure.reason, FailureReason::Status | FailureReason::WrongContent) {
        return true;
    }
    let by_roots = matches!(endpoint.trust, Trust::Microsoft | Trust::Public);
    let tls = observation.facts.tls.as_ref();
    let has_genuine_chain = by_roots && tls.is_some_and(|tls| tls.verified && !tls.intercepted);
    let proves = |evidence: &ExpectedEvidence| {
        matches!(evidence, ExpectedEvidence::Body(_) | ExpectedEvidence::Header { .. })
    };
    !has_genuine_chain && endpoint.expects_firmly() && endpoint.evidence.iter().any(proves)
}

/// Whether an endpoint may have been retired: it is only listed, its region has other endpoints, and DNS
/// returns NXDOMAIN. Whether its siblings answer distinguishes a retired host from a blocked region.
#[must_use]
pub fn may_be_retired(endpoint: &Endpoint, observation: &Observation) -> bool {
    const NXDOMAIN: FailureCode = FailureCode::new(Phase::Resolve, FailureReason::Nxdomain);
    endpoint.confidence == Confidence::D
        && endpoint.geo.is_some()
        && observation.failure.as_ref().map(Failure::code) == Some(NXDOMAIN)
        && !observation.failed_at_proxy()
}

/// Whether two endpoints serve the same need of a component in the same region.
#[must_use]
pub fn are_siblings(one: &Endpoint, other: &Endpoint) -> bool {
    let of = |endpoint: &Endpoint| (endpoint.component, endpoint.geo);
    one.geo.is_some() && of(one) == of(other) && one.serves == other.serves && one.url != other.url
}

/// The concern if the revocation status can't be determined. Ignores certificates that name no source, which
/// Windows doesn't check either, and causes that prove nothing about Windows.
fn revocation_unknown(report: &RevocationReport) -> Option<Concern> {
    let certificate = report.blamed().filter(|blamed| blamed.status == RevocationStatus::Unknown)?;
    let cause = certificate
        .cause
        .filter(|cause| *cause != UndeterminedCause::NoSource && !cause.is_inconclusive())?;
    let (source, detail) = (certificate.source.clone(), certificate.detail.clone());
    let (fetch, clock) = (certificate.fetch(), report.suspected_clock());
    Some(Concern::RevocationUnknown { cause, source, detail, fetch, clock })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::catalog::{BodyKind, Component, Expectation, HostPattern};
    use crate::metrics::fixture;
    use crate::observation::{Facts, HttpFacts, TlsFacts};
    use crate::plan::TargetId;
    use crate::revocation::CertificateStatus;

    use Verdict::{Bad, Degraded, Good};

    #[test]
    fn a_revoked_chain_is_bad_although_the_endpoint_answers() {
        let target = fixture::target(Component::Maps, "*.a.example", "https://a.example/", &[503]);
        let answer = HttpFacts { status: 503, ..HttpFacts::default() };
        let observation = Observation {
            target: TargetId(0),
            at: SystemTime::UNIX_EPOCH,
            facts: Facts { http: Some(answer), ..Facts::default() },
            failure: None,
        };
        let check = |status: Option<RevocationStatus>, expected| {
            let certificate = |status| CertificateStatus {
                subject: String::new(),
                status,
                cause: (status == RevocationStatus::Unknown).then_some(UndeterminedCause::Unreachable),
                source: None,
                detail: String::new(),
                failure: None,
            };
            let report = status.map(|status| RevocationReport::new(vec![certificate(status)]));
            let judgement = endpoint(&target.endpoint, &observation, report.as_ref(), false);
            assert_eq!(judgement.verdict(), Some(expected), "{status:?}");
            // What this program can't judge proves nothing, unless another certificate of the path can't be judged by
            // anybody.
            for cause in
                [UndeterminedCause::Unsupported, UndeterminedCause::NoNextUpdate, UndeterminedCause::Pending]
            {
                let unclear =
                    CertificateStatus { cause: Some(cause), ..certificate(RevocationStatus::Unknown) };
                let path = [Some(unclear), status.map(certificate)].into_iter().flatten().collect();
                let report = RevocationReport::new(path);
                let judgement = endpoint(&target.endpoint, &observation, Some(&report), false);
                assert_eq!(judgement.verdict(), Some(expected), "{cause} before {status:?}");
            }
        };
        check(None, Good);
        check(Some(RevocationStatus::Good), Good);
        check(Some(RevocationStatus::Unknown), Degraded);
        check(Some(RevocationStatus::Revoked), Bad);
    }

    /// A probe that received a response.
    struct Response {
        url: &'static str,
        confidence: Confidence,
        evidence: ExpectedEvidence,
        /// Whether the chain ends at an inspector's root.
        inspected: bool,
        failure: Option<FailureCode>,
        status: u16,
    }

    const PLAIN: Response = Response {
        url: "http://a.example/",
        confidence: Confidence::A,
        evidence: ExpectedEvidence::Status,
        inspected: false,
        failure: Some(FailureCode::new(Phase::Request, FailureReason::Status)),
        status: 404,
    };
    const TLS: Response = Response { url: "https://a.example/", ..PLAIN };
    const WRONG_CONTENT: Option<FailureCode> =
        Some(FailureCode::new(Phase::Transfer, FailureReason::WrongContent));

    fn judge(response: Response) -> (Option<Verdict>, Vec<Note>) {
        let mut target = fixture::target(Component::Maps, "*.a.example", response.url, &[200]);
        target.endpoint.confidence = response.confidence;
        target.endpoint.evidence = vec![response.evidence];
        let tls = TlsFacts { verified: true, intercepted: response.inspected, ..TlsFacts::default() };
        let genuine = response.failure.is_none() && response.status == 200;
        let observation = Observation {
            target: TargetId(0),
            at: SystemTime::UNIX_EPOCH,
            facts: Facts {
                tls: response.url.starts_with("https").then_some(tls),
                http: Some(HttpFacts { status: response.status, genuine, ..HttpFacts::default() }),
                ..Facts::default()
            },
            failure: response.failure.map(|code| Failure::new(code.phase, code.reason, "")),
        };
        let verdict = endpoint(&target.endpoint, &observation, None, false).verdict();
        (verdict, notes(&target.endpoint, &observation, false))
    }

    #[test]
    fn bad_needs_proof_of_harm() {
        use Confidence::{A, B, C, D};
        let check = |response: Response, expected: Verdict| {
            let (url, confidence, failure) = (response.url, response.confidence, response.failure);
            assert_eq!(judge(response).0, Some(expected), "{url} {confidence} {failure:?}");
        };
        let crl = || ExpectedEvidence::Body(BodyKind::Crl);
        let header =
            || ExpectedEvidence::Header { name: "x-ms-request-id".to_owned(), prefix: String::new() };
        // A signed object that is invalid, or missing although the catalog is sure of it.
        check(Response { evidence: crl(), failure: WRONG_CONTENT, ..PLAIN }, Bad);
        check(Response { evidence: crl(), ..PLAIN }, Bad);
        check(Response { evidence: crl(), failure: WRONG_CONTENT, confidence: D, ..PLAIN }, Degraded);
        // A bare status proves nothing, even if the catalog is sure of it.
        check(PLAIN, Degraded);
        check(
            Response { evidence: ExpectedEvidence::Redirect(HostPattern("*.a.example".to_owned())), ..PLAIN },
            Degraded,
        );
        // A genuine chain proves that the service itself has changed. An inspector's chain doesn't.
        check(Response { evidence: header(), ..TLS }, Degraded);
        check(Response { evidence: crl(), failure: WRONG_CONTENT, ..TLS }, Degraded);
        check(Response { evidence: header(), inspected: true, ..TLS }, Bad);
        check(Response { evidence: header(), inspected: true, confidence: D, ..TLS }, Degraded);
        // Failures other than unexpected content are harm, whatever the catalog's confidence.
        for failure in [
            FailureCode::new(Phase::Connect, FailureReason::Timeout),
            FailureCode::new(Phase::Request, FailureReason::BlockPage),
            FailureCode::new(Phase::Request, FailureReason::RedirectOffSite),
            FailureCode::new(Phase::Transfer, FailureReason::BadSignature),
            FailureCode::new(Phase::Tls, FailureReason::Intercepted),
        ] {
            check(Response { failure: Some(failure), confidence: D, ..TLS }, Bad);
        }
        // A genuine response with an unexpected status.
        let response = |confidence, status| Response { failure: None, confidence, status, ..TLS };
        check(response(A, 200), Good);
        check(response(A, 404), Degraded);
        for confidence in [B, C, D] {
            check(response(confidence, 404), Good);
        }
    }

    #[test]
    fn what_a_company_may_serve_itself_degrades_alone() {
        let check = |may_be_replaced: bool, failure: FailureCode, expected| {
            let mut target = fixture::target(Component::Crl, "a.example", "http://a.example/", &[200]);
            target.endpoint.may_be_replaced = may_be_replaced;
            target.endpoint.evidence = vec![ExpectedEvidence::Body(BodyKind::Cabinet)];
            let observation = Observation {
                target: TargetId(0),
                at: SystemTime::UNIX_EPOCH,
                facts: Facts::default(),
                failure: Some(Failure::new(failure.phase, failure.reason, "")),
            };
            let verdict = endpoint(&target.endpoint, &observation, None, false).verdict();
            assert_eq!(verdict, expected, "{failure:?}, may be replaced: {may_be_replaced}");
        };
        for failure in [
            FailureCode::new(Phase::Resolve, FailureReason::Nxdomain),
            FailureCode::new(Phase::Connect, FailureReason::Timeout),
            FailureCode::new(Phase::Request, FailureReason::BlockPage),
            FailureCode::new(Phase::Transfer, FailureReason::WrongContent),
        ] {
            check(true, failure, Some(Degraded));
            check(false, failure, Some(Bad));
        }
        check(true, FailureCode::new(Phase::Connect, FailureReason::Internal), None);
    }

    #[test]
    fn an_ignored_range_is_a_concern() {
        let mut target = fixture::target(Component::Adl, "a.example", "https://a.example/", &[206]);
        target.endpoint.range = true;
        let check = |status: u16, range: Option<RangeOutcome>, expected: Option<ConcernKind>| {
            let http = HttpFacts { status, genuine: true, range, ..HttpFacts::default() };
            let observation = Observation {
                target: TargetId(0),
                at: SystemTime::UNIX_EPOCH,
                facts: Facts { http: Some(http), ..Facts::default() },
                failure: None,
            };
            let judgement = endpoint(&target.endpoint, &observation, None, false);
            let verdict = if expected.is_some() { Degraded } else { Good };
            let kind = judgement.concern().map(Concern::kind);
            assert_eq!((judgement.verdict(), kind), (Some(verdict), expected), "{status} {range:?}");
        };
        check(206, Some(RangeOutcome::Honored), None);
        check(200, Some(RangeOutcome::Ignored), Some(ConcernKind::RangeStripped));
        check(200, None, Some(ConcernKind::UnexpectedStatus)); // of an answer to a request without Range
        check(404, None, Some(ConcernKind::UnexpectedStatus));
    }

    #[test]
    fn unsure_expectations_become_notes() {
        let check = |response: Response, expected: &[Note]| assert_eq!(judge(response).1, expected);
        let response = |confidence, status| Response { failure: None, confidence, status, ..TLS };
        let expected = Expectation::OneOf(vec![200]);
        let confidence = Confidence::C;
        check(response(confidence, 200), &[]);
        check(response(confidence, 404), &[Note::UnexpectedStatus { status: 404, expected, confidence }]);
        check(PLAIN, &[]);
    }
}
