//! The details of an endpoint: the last probe in full, the last failed probe, and what to change.

use url::form_urlencoded;

use super::when::{every, took};
use super::{DisplayState, ViewInput, When};
use crate::catalog::Component;
use crate::observation::{
    AddressResult, CertificateFacts, Facts, HopFacts, HttpFacts, Observation, Phase, PhaseOutcome, TlsFacts,
};
use crate::plan::Target;
use crate::report::Why;
use crate::revocation::{CertificateStatus, RevocationStatus};
use crate::state::TargetState;

/// A name and its values, which may contain text from servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<String>,
}

/// The details of an endpoint on one route.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Details {
    /// The endpoint's catalog data and probe interval.
    pub(crate) about: Vec<Field>,
    /// The explanation if the last probe succeeded but the endpoint isn't good. A failed probe has its own.
    pub(crate) advice: Option<FailureView>,
    /// The last probe. `None` before the first.
    pub(crate) last: Option<ProbeView>,
    /// The last failed probe, unless it is the last probe.
    pub(crate) earlier_failure: Option<ProbeView>,
    /// The revocation status of each certificate in the last probe's chain.
    pub(crate) revocation: Vec<RevocationView>,
    /// The URL of the last failure's evidence, relative to the page.
    pub(crate) evidence: Option<String>,
}

/// A probe in full.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProbeView {
    pub(crate) at: When,
    pub(crate) failure: Option<FailureView>,
    pub(crate) phases: Vec<PhaseView>,
    pub(crate) total: String,
    pub(crate) facts: Vec<Field>,
    /// The certificates as presented, leaf first.
    pub(crate) chain: Vec<CertificateView>,
    /// The beginning of the response's body, as text, if the evidence of the probe is kept.
    pub(crate) received: String,
}

/// A failure, its cause and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FailureView {
    pub(crate) title: String,
    /// The code that `explain` accepts.
    pub(crate) code: Option<String>,
    pub(crate) detail: String,
    pub(crate) cause: String,
    pub(crate) remedies: Vec<String>,
    /// The error code that a Windows client would most likely show.
    pub(crate) hresult: Option<String>,
}

/// A phase of a probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PhaseView {
    pub(crate) phase: Phase,
    pub(crate) outcome: &'static str,
    pub(crate) took: Option<String>,
}

/// A certificate as presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateView {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) from: When,
    pub(crate) until: When,
    /// Whether the verified chain doesn't need it.
    pub(crate) is_unused: bool,
}

/// The revocation status of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RevocationView {
    pub(crate) state: DisplayState,
    pub(crate) subject: String,
    pub(crate) status: RevocationStatus,
    pub(crate) detail: String,
}

impl Details {
    pub(super) fn new(input: ViewInput<'_>, target: &Target, state: &TargetState, why: Option<&Why>) -> Self {
        let component = target.endpoint.component;
        let failed = state.last.as_ref().is_some_and(|last| !last.success());
        let probe = |of: &Observation| ProbeView::new(input, component, of);
        let certificates = state.revocation.iter().flat_map(|report| &report.certificates);
        Self {
            about: about(target, state),
            advice: why.filter(|_| !failed).map(|why| FailureView::new(component, why)),
            last: state.last.as_deref().map(probe),
            earlier_failure: state.earlier_failure().map(probe),
            revocation: certificates.map(RevocationView::new).collect(),
            evidence: evidence_url(target, state),
        }
    }
}

/// Where the evidence of the last failure is, if any was kept.
fn evidence_url(target: &Target, state: &TargetState) -> Option<String> {
    let facts = &state.last_failure.as_ref()?.facts;
    let is_kept = facts.evidence.is_some() || facts.hops.iter().any(|hop| hop.evidence.is_some());
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("target", target.endpoint.url.as_str());
    query.append_pair("component", target.endpoint.component.as_str());
    query.append_pair("route", &target.route.name);
    is_kept.then(|| format!("api/v1/evidence?{}", query.finish()))
}

fn about(target: &Target, state: &TargetState) -> Vec<Field> {
    let endpoint = &target.endpoint;
    let pace = format!("every {}, for {} at most", every(target.interval), every(target.timeout));
    let counts = format!("{}, of which {} failed", state.probes, state.failures);
    let confidence = format!("{}: {}", endpoint.confidence, endpoint.confidence.meaning());
    fields([
        ("Documented as", vec![endpoint.pattern.clone()]),
        ("Usual status", vec![endpoint.expect.to_string()]),
        ("Confidence", vec![confidence]),
        ("Last captured", endpoint.captured.iter().map(ToString::to_string).collect()),
        ("Route", vec![target.route.name.clone()]),
        ("Probed", vec![pace]),
        ("Probes so far", vec![counts]),
    ])
}

/// The fields that have values.
pub(super) fn fields<const N: usize>(fields: [(&'static str, Vec<String>); N]) -> Vec<Field> {
    let all = fields.into_iter().map(|(name, values)| Field { name, values });
    all.filter(|field| !field.values.is_empty()).collect()
}

impl ProbeView {
    fn new(input: ViewInput<'_>, component: Component, observation: &Observation) -> Self {
        let facts = &observation.facts;
        let view = |tls| move |certificate| CertificateView::new(input, tls, certificate);
        let chain = facts.tls.iter().flat_map(|tls| tls.chain.iter().map(view(tls)));
        Self {
            at: input.when(observation.at),
            failure: Why::from_probe(observation).map(|why| FailureView::new(component, &why)),
            phases: Phase::ALL.iter().map(|phase| PhaseView::new(facts, *phase)).collect(),
            total: took(facts.timings.total()),
            facts: described(input, observation),
            chain: chain.collect(),
            received: facts.received(),
        }
    }
}

fn described(input: ViewInput<'_>, observation: &Observation) -> Vec<Field> {
    let facts = &observation.facts;
    let one = |value: Option<String>| value.into_iter().collect::<Vec<_>>();
    let mut all = fields([
        ("Addresses from DNS", facts.addresses.iter().map(ToString::to_string).collect()),
        ("DNS alias of (CNAME)", facts.aliases.clone()),
        ("Each address", each_address(observation)),
        ("Connected to", one(facts.peer.map(|peer| peer.to_string()))),
        ("Proxy", one(facts.proxy.clone())),
        ("Proxy's answer", one(facts.proxy_status.map(|status| status.to_string()))),
    ]);
    let package = facts.package.as_ref().map(|package| {
        let modified = input.when(package.modified);
        format!("{}, changed {}, {}", package.file, modified.relative, modified.absolute)
    });
    all.extend(fields([("Newest package", one(package))]));
    all.extend(facts.tls.iter().flat_map(tls));
    all.extend(facts.http.iter().flat_map(http));
    all.extend(fields([("Hops", facts.hops.iter().map(hop).collect())]));
    all
}

/// A hop of a redirected probe, in one line.
fn hop(hop: &HopFacts) -> String {
    let status = hop.http.as_ref().map_or("no answer".to_owned(), |http| http.status.to_string());
    let root = hop.tls.as_ref().and_then(|tls| {
        let unexpected = if tls.unexpected_root { "unexpected " } else { "" };
        Some(format!(", {unexpected}root {}", tls.root.as_ref()?))
    });
    let root = root.unwrap_or_default();
    let aliases = if hop.aliases.is_empty() {
        String::new()
    } else {
        format!(", alias of {}", hop.aliases.join(" → "))
    };
    format!("{}: {status}{root}{aliases}, {}", hop.url, took(hop.timings.total()))
}

/// The result for each address. Empty if only one was probed.
fn each_address(observation: &Observation) -> Vec<String> {
    if observation.facts.others.is_empty() {
        return Vec::new();
    }
    let results =
        observation.by_address().map(|AddressResult { address, failure, duration }| match failure {
            None => format!("{address}: answers, {}", took(duration)),
            Some(failure) => {
                format!("{address}: {}: {}, {}", failure.code(), failure.detail, took(duration))
            }
        });
    results.collect()
}

fn tls(tls: &TlsFacts) -> Vec<Field> {
    let one = |value: Option<&str>| value.map(str::to_owned).into_iter().collect::<Vec<_>>();
    let chain = match (tls.verified, tls.intercepted, tls.completed) {
        (false, _, _) => "not trusted by this machine",
        (true, true, _) => "trusted by this machine, but not a root of the genuine service: inspected",
        (true, false, _) if tls.unexpected_root => {
            "trusted through a public root that Microsoft's services were not known to use: no inspection"
        }
        (true, false, true) => "trusted, with an intermediate that the server did not send",
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
        ("First byte alone (Range)", http.range.map(|range| range.to_string()).into_iter().collect()),
        ("Body", vec![format!("{} bytes", http.body_bytes)]),
    ])
}

impl FailureView {
    fn new(component: Component, why: &Why) -> Self {
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

impl PhaseView {
    fn new(facts: &Facts, phase: Phase) -> Self {
        let outcome = match facts.timings.outcome(phase) {
            PhaseOutcome::Done => "done",
            PhaseOutcome::Failed => "failed",
            PhaseOutcome::NotReached => "not reached",
            PhaseOutcome::NotApplicable => "does not apply",
        };
        Self { phase, outcome, took: facts.timings.get(phase).map(took) }
    }
}

impl CertificateView {
    fn new(input: ViewInput<'_>, tls: &TlsFacts, certificate: &CertificateFacts) -> Self {
        Self {
            subject: certificate.subject.clone(),
            issuer: certificate.issuer.clone(),
            from: input.when(certificate.not_before),
            until: input.when(certificate.not_after),
            is_unused: tls.unused.contains(certificate),
        }
    }
}

impl RevocationView {
    fn new(certificate: &CertificateStatus) -> Self {
        let state = match certificate.status {
            RevocationStatus::Good => DisplayState::Good,
            RevocationStatus::Revoked => DisplayState::Bad,
            RevocationStatus::Unknown => DisplayState::Degraded,
        };
        let cause = certificate.cause.map(|cause| cause.to_string());
        let words = [cause, certificate.source.clone(), Some(certificate.detail.clone())];
        let words: Vec<_> = words.into_iter().flatten().filter(|word| !word.is_empty()).collect();
        let subject = certificate.subject.clone();
        Self { state, subject, status: certificate.status, detail: words.join(": ") }
    }
}
