//! What a click on an endpoint shows: the last probe in full, the last failure beside it, and what to change.

use super::when::{every, took};
use super::{Source, State, When};
use crate::catalog::Component;
use crate::observation::{
    CertificateFacts, Facts, Failure, HttpFacts, Observation, Stage, StageOutcome, TlsFacts,
};
use crate::plan::Target;
use crate::report::Why;
use crate::state::TargetState;
use crate::trust::revocation::{CertificateStatus, Status};

/// A name and its values, each of them perhaps a server's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<String>,
}

/// All that is known of an endpoint by a route.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Details {
    /// What it is and how often it is probed.
    pub(crate) about: Vec<Field>,
    /// What an answer that is not as expected means; of a failure, its probe says it.
    pub(crate) advice: Option<FailureView>,
    /// The last probe; none before the first.
    pub(crate) last: Option<ProbeView>,
    /// The last that failed, where the last one isn't it.
    pub(crate) earlier_failure: Option<ProbeView>,
    /// Of each certificate of the last probe's chain.
    pub(crate) revocation: Vec<RevocationView>,
}

/// A probe in full.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProbeView {
    pub(crate) at: When,
    pub(crate) failure: Option<FailureView>,
    pub(crate) stages: Vec<StageView>,
    pub(crate) total: String,
    pub(crate) facts: Vec<Field>,
    /// As presented, leaf first.
    pub(crate) chain: Vec<CertificateView>,
}

/// A failure, what it means and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailureView {
    pub(crate) title: String,
    /// The word that `explain` takes.
    pub(crate) code: Option<String>,
    pub(crate) detail: String,
    pub(crate) cause: String,
    pub(crate) remedies: Vec<String>,
    /// What a Windows client would most likely show.
    pub(crate) hresult: Option<String>,
}

/// A stage of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StageView {
    pub(crate) stage: Stage,
    pub(crate) outcome: &'static str,
    pub(crate) took: Option<String>,
}

/// A certificate as it was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateView {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) from: When,
    pub(crate) until: When,
}

/// Whether a certificate is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RevocationView {
    pub(crate) state: State,
    pub(crate) subject: String,
    pub(crate) status: Status,
    pub(crate) detail: String,
}

impl Details {
    pub(super) fn of(source: Source<'_>, target: &Target, state: &TargetState, why: Option<&Why>) -> Self {
        let component = target.endpoint.component;
        let failed = state.last.as_ref().is_some_and(|last| !last.success());
        let probe = |of: &Observation| ProbeView::of(source, component, of);
        let certificates = state.revocation.iter().flat_map(|report| &report.certificates);
        Self {
            about: about(target, state),
            advice: why.filter(|_| !failed).map(|why| FailureView::of(component, why)),
            last: state.last.as_deref().map(probe),
            earlier_failure: state.earlier_failure().map(probe),
            revocation: certificates.map(RevocationView::of).collect(),
        }
    }
}

fn about(target: &Target, state: &TargetState) -> Vec<Field> {
    let endpoint = &target.endpoint;
    let pace = format!("every {}, for {} at most", every(target.interval), every(target.timeout));
    let counts = format!("{}, of which {} failed", state.probes, state.failures);
    fields([
        ("Documented as", vec![endpoint.pattern.clone()]),
        ("Usual status", vec![endpoint.expect.to_string()]),
        ("Route", vec![target.route.name.clone()]),
        ("Probed", vec![pace]),
        ("Probes so far", vec![counts]),
    ])
}

/// Those that have a value.
pub(super) fn fields<const N: usize>(fields: [(&'static str, Vec<String>); N]) -> Vec<Field> {
    let all = fields.into_iter().map(|(name, values)| Field { name, values });
    all.filter(|field| !field.values.is_empty()).collect()
}

impl ProbeView {
    fn of(source: Source<'_>, component: Component, observation: &Observation) -> Self {
        let facts = &observation.facts;
        let chain = facts.tls.iter().flat_map(|tls| tls.chain.iter());
        Self {
            at: source.when(observation.at),
            failure: Why::of_probe(observation).map(|why| FailureView::of(component, &why)),
            stages: Stage::ALL.iter().map(|stage| StageView::of(facts, *stage)).collect(),
            total: took(facts.timings.total()),
            facts: described(observation),
            chain: chain.map(|certificate| CertificateView::of(source, certificate)).collect(),
        }
    }
}

fn described(observation: &Observation) -> Vec<Field> {
    let facts = &observation.facts;
    let one = |value: Option<String>| value.into_iter().collect::<Vec<_>>();
    let mut all = fields([
        ("Addresses from DNS", facts.addresses.iter().map(ToString::to_string).collect()),
        ("Each address", each_address(observation)),
        ("Connected to", one(facts.peer.map(|peer| peer.to_string()))),
        ("Proxy", one(facts.proxy.clone())),
        ("Proxy's answer", one(facts.proxy_status.map(|status| status.to_string()))),
    ]);
    all.extend(facts.tls.iter().flat_map(tls));
    all.extend(facts.http.iter().flat_map(http));
    all
}

/// What became of each address, where more than one was probed.
fn each_address(observation: &Observation) -> Vec<String> {
    if observation.facts.others.is_empty() {
        return Vec::new();
    }
    let ends = observation.by_address().map(|(address, failure, span)| match failure {
        None => format!("{address}: answers, {}", took(span)),
        Some(Failure { stage, reason, detail }) => {
            format!("{address}: {stage}.{reason}: {detail}, {}", took(span))
        }
    });
    ends.collect()
}

fn tls(tls: &TlsFacts) -> Vec<Field> {
    let one = |value: Option<&str>| value.map(str::to_owned).into_iter().collect::<Vec<_>>();
    let chain = match (tls.verified, tls.intercepted, tls.completed) {
        (false, _, _) => "not trusted by this machine",
        (true, true, _) => "trusted by this machine, and not the genuine service's: inspected",
        (true, false, true) => "trusted, with an intermediate that the server left out",
        (true, false, false) => "trusted",
    };
    fields([
        ("TLS", one(tls.version)),
        ("Cipher", one(tls.cipher)),
        ("Chain", vec![chain.to_owned()]),
        ("Root", one(tls.root.as_deref())),
    ])
}

fn http(http: &HttpFacts) -> Vec<Field> {
    let one = |value: &Option<String>| value.clone().into_iter().collect::<Vec<_>>();
    let genuine = if http.genuine { "as the genuine service's" } else { "not the genuine service's" };
    let redirects = (http.redirects > 0).then(|| http.redirects.to_string());
    fields([
        ("Status", vec![http.status.to_string()]),
        ("Content", vec![genuine.to_owned()]),
        ("Server", one(&http.server)),
        ("Location", one(&http.location)),
        ("Redirects followed", one(&redirects)),
        ("Body", vec![format!("{} bytes", http.body_bytes)]),
    ])
}

impl FailureView {
    fn of(component: Component, why: &Why) -> Self {
        let advice = why.advice(component);
        Self {
            title: why.title.clone(),
            code: why.code(),
            detail: why.detail.clone(),
            hresult: advice.as_ref().and_then(|advice| advice.hresult).map(|code| format!("0x{code:08X}")),
            cause: advice.as_ref().map(|advice| advice.cause.clone()).unwrap_or_default(),
            remedies: advice.map(|advice| advice.remedies).unwrap_or_default(),
        }
    }
}

impl StageView {
    fn of(facts: &Facts, stage: Stage) -> Self {
        let outcome = match facts.timings.outcome(stage) {
            StageOutcome::Done => "done",
            StageOutcome::Failed => "failed",
            StageOutcome::NotReached => "not reached",
            StageOutcome::NotApplicable => "does not apply",
        };
        Self { stage, outcome, took: facts.timings.get(stage).map(took) }
    }
}

impl CertificateView {
    fn of(source: Source<'_>, certificate: &CertificateFacts) -> Self {
        Self {
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            from: source.when(certificate.not_before),
            until: source.when(certificate.not_after),
        }
    }
}

impl RevocationView {
    fn of(certificate: &CertificateStatus) -> Self {
        let state = match certificate.status {
            Status::Good => State::Good,
            Status::Revoked => State::Bad,
            Status::Unknown => State::Degraded,
        };
        let cause = certificate.cause.map(|cause| cause.to_string());
        let words = [cause, certificate.source.clone(), Some(certificate.detail.clone())];
        let words: Vec<_> = words.into_iter().flatten().filter(|word| !word.is_empty()).collect();
        let subject = certificate.subject.clone();
        Self { state, subject, status: certificate.status, detail: words.join(": ") }
    }
}
