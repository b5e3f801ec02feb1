//! The last probe's answer, if it is proven to be genuine, as facts to record and compare; and how it differs from the
//! catalog. Pure.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::catalog::{BodyKind, Endpoint, ExpectedEvidence, ProbeUrl, Scheme, Trust};
use crate::observation::{Failure, FailureReason, HopFacts, HttpFacts, Observation, Phase, TlsFacts};
use crate::plan::Target;
use crate::revocation::RevocationStatus;
use crate::state::TargetState;
use crate::string_enum::string_enum;

string_enum! {
    /// Evidence that an answer comes from the genuine service.
    Proof {
        /// TLS: the chain ends at a root that is genuine for the endpoint, or at one of the public web PKI.
        Chain = "chain",
        /// Plain HTTP: a signed revocation list or certificate.
        Object = "object",
    }
}

string_enum! {
    /// The kind of a body, of those that the catalog knows.
    ObjectKind {
        /// A certificate revocation list.
        Crl = "crl",
        /// A certificate.
        Certificate = "certificate",
        /// A cabinet file.
        Cabinet = "cabinet",
        /// A GIF picture.
        Gif = "gif",
        /// A SOAP web service's page, description or message.
        WebService = "web_service",
        /// An XML document.
        Xml = "xml",
        /// A known text.
        Text = "text",
    }
}

string_enum! {
    /// A fact of the catalog that an answer can contradict.
    CatalogFact {
        /// The expected statuses.
        Status = "status",
        /// The evidence besides the chain that makes an answer genuine, or that identifies a filter's page.
        ExpectedEvidence = "evidence",
        /// The genuine roots.
        Root = "root",
    }
}

/// A proven answer. Its texts come from the network; they are cleaned and truncated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GenuineAnswer {
    /// The evidence.
    pub proof: Proof,
    /// The kind of the last hop's body; null if the catalog expects none, or the body is of another kind. A digest isn't kept: a
    /// revocation list is signed anew every few days, so that a digest would differ on a healthy network.
    pub object: Option<ObjectKind>,
    /// The endpoint's own host, then the targets of redirects.
    pub hops: Vec<AnsweredHop>,
}

/// One host's response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AnsweredHop {
    /// The host.
    pub host: String,
    /// Its HTTP status.
    pub status: u16,
    /// The host of its `Location` header; null if there is none.
    pub redirect: Option<String>,
    /// Its `Server` header.
    pub server: Option<String>,
    /// The distinguished name of its chain's root; null for plain HTTP.
    pub root: Option<String>,
    /// The distinguished name of its certificate's issuer; null for plain HTTP.
    pub issuer: Option<String>,
}

/// A difference between a proven answer and the catalog, or the configuration's `endpoints`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Contradiction {
    /// The fact.
    pub fact: CatalogFact,
    /// The expected value, as text.
    pub expected: String,
    /// The actual value, as text.
    pub found: String,
}

impl GenuineAnswer {
    /// The last probe's answer. Returns `None` if it isn't proven to be genuine.
    #[must_use]
    pub fn from_probe(target: &Target, state: &TargetState) -> Option<Self> {
        let observation = state.last.as_deref()?;
        let revoked =
            state.revocation.as_deref().is_some_and(|report| report.status == RevocationStatus::Revoked);
        let proof = proof(&target.endpoint, observation).filter(|_| !revoked)?;
        let object = target.endpoint.evidence.iter().find_map(object_kind);
        let object = object.filter(|_| is_genuine(observation));
        Some(Self { proof, object, hops: hops(&target.endpoint, observation)? })
    }

    /// The status of the last hop, which the catalog's expectation refers to.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.hops.last().map(|hop| hop.status)
    }
}

/// The evidence for a probe's answer, if any.
fn proof(endpoint: &Endpoint, observation: &Observation) -> Option<Proof> {
    let facts = &observation.facts;
    let http = facts.http.as_ref()?;
    if facts.hops.is_empty() && endpoint.url.scheme() == Scheme::Http {
        let signed = |evidence: &ExpectedEvidence| {
            matches!(evidence, ExpectedEvidence::Body(BodyKind::Crl | BodyKind::Certificate))
        };
        let has_object = endpoint.trust == Trust::SignedObject && endpoint.evidence.iter().any(signed);
        return (observation.success() && http.genuine && has_object).then_some(Proof::Object);
    }
    // A hop over plain HTTP has no chain, and anyone on the network could have redirected the following hops.
    let proven = facts.tls_by_hop().all(|tls| tls.is_some_and(|tls| is_proven(endpoint, tls)));
    let is_catalogs = observation.failure.as_ref().is_none_or(is_about_the_catalog);
    (proven && is_catalogs).then_some(Proof::Chain)
}

/// Whether a chain ends at a root that only the service can use. Roots installed on this machine prove nothing.
fn is_proven(endpoint: &Endpoint, tls: &TlsFacts) -> bool {
    tls.verified && !tls.intercepted && matches!(endpoint.trust, Trust::Microsoft | Trust::Public)
}

/// Whether a failure only means that an answer differs from the catalog. Over a proven chain, the catalog is wrong.
fn is_about_the_catalog(failure: &Failure) -> bool {
    let answered = matches!(failure.phase, Phase::Request | Phase::Transfer);
    answered && (lacks_evidence(failure) || is_beyond_endpoints(failure))
}

/// Whether the evidence expected by the catalog was missing.
fn lacks_evidence(failure: &Failure) -> bool {
    matches!(failure.reason, FailureReason::Status | FailureReason::WrongContent)
}

/// Whether another fact of the catalog failed that the configuration's `endpoints` can't override.
fn is_beyond_endpoints(failure: &Failure) -> bool {
    matches!(failure.reason, FailureReason::BlockPage | FailureReason::RedirectOffSite)
}

/// The hops of a probe. Returns `None` if one of them didn't respond.
fn hops(endpoint: &Endpoint, observation: &Observation) -> Option<Vec<AnsweredHop>> {
    let facts = &observation.facts;
    if facts.hops.is_empty() {
        return Some(vec![AnsweredHop::new(&endpoint.url, facts.tls.as_ref(), facts.http.as_ref()?)]);
    }
    let hop = |hop: &HopFacts| {
        let url = ProbeUrl::parse(&hop.url).ok()?;
        Some(AnsweredHop::new(&url, hop.tls.as_ref(), hop.http.as_ref()?))
    };
    facts.hops.iter().map(hop).collect()
}

impl AnsweredHop {
    fn new(url: &ProbeUrl, tls: Option<&TlsFacts>, http: &HttpFacts) -> Self {
        let redirect = http.location.as_deref().and_then(|location| url.join(location).ok());
        Self {
            host: url.host().to_owned(),
            status: http.status,
            redirect: redirect.map(|url| url.host().to_owned()),
            server: http.server.clone(),
            root: tls.and_then(|tls| tls.root.clone()),
            issuer: tls.and_then(|tls| tls.chain.first()).map(|leaf| leaf.issuer.clone()),
        }
    }
}

const fn object_kind(evidence: &ExpectedEvidence) -> Option<ObjectKind> {
    let ExpectedEvidence::Body(kind) = evidence else { return None };
    Some(match kind {
        BodyKind::Crl => ObjectKind::Crl,
        BodyKind::Certificate => ObjectKind::Certificate,
        BodyKind::Cabinet => ObjectKind::Cabinet,
        BodyKind::Gif => ObjectKind::Gif,
        BodyKind::WebService => ObjectKind::WebService,
        BodyKind::Xml(_) => ObjectKind::Xml,
        BodyKind::Text(_) => ObjectKind::Text,
    })
}

/// The differences between a proven answer and the catalog; empty if no answer is proven.
#[must_use]
pub fn contradictions(target: &Target, state: &TargetState) -> Vec<Contradiction> {
    let (Some(answer), Some(observation)) = (GenuineAnswer::from_probe(target, state), state.last.as_deref())
    else {
        return Vec::new();
    };
    let endpoint = &target.endpoint;
    let mut found = Vec::new();
    if let Some(status) = answer.status().filter(|status| !endpoint.expect.allows(*status)) {
        found.push(Contradiction {
            fact: CatalogFact::Status,
            expected: endpoint.expect.to_string(),
            found: status.to_string(),
        });
    }
    // If the status is the only evidence, it is listed already.
    let more_than_status = endpoint.evidence.iter().any(|evidence| *evidence != ExpectedEvidence::Status);
    let lacking = match &observation.failure {
        Some(failure) if is_beyond_endpoints(failure) || more_than_status => Some(failure.detail.clone()),
        None if more_than_status && !is_genuine(observation) => Some("an answer without it".to_owned()),
        _ => None,
    };
    if let Some(lacking) = lacking {
        let expected: Vec<_> = endpoint.evidence.iter().map(words_for).collect();
        found.push(Contradiction {
            fact: CatalogFact::ExpectedEvidence,
            expected: if expected.is_empty() { "no block page".to_owned() } else { expected.join(", ") },
            found: lacking,
        });
    }
    let unexpected = observation.facts.tls_by_hop().flatten().filter(|tls| tls.unexpected_root);
    let roots: BTreeSet<_> = unexpected.filter_map(|tls| tls.root.clone()).collect();
    found.extend(roots.into_iter().map(|root| {
        let expected = "one of microsoft_roots".to_owned();
        Contradiction { fact: CatalogFact::Root, expected, found: root }
    }));
    found
}

/// Whether an `endpoints` entry without evidence would accept this answer, because its chain proves it.
#[must_use]
pub fn evidence_can_be_dropped(state: &TargetState) -> bool {
    state.last.as_deref().is_some_and(|last| match &last.failure {
        Some(failure) => lacks_evidence(failure),
        None => !is_genuine(last),
    })
}

/// Whether the catalog's evidence was present.
fn is_genuine(observation: &Observation) -> bool {
    observation.facts.http.as_ref().is_some_and(|http| http.genuine)
}

fn words_for(evidence: &ExpectedEvidence) -> String {
    match evidence {
        ExpectedEvidence::Status => "the status".to_owned(),
        ExpectedEvidence::Header { name, prefix } if prefix.is_empty() => format!("the header {name}"),
        ExpectedEvidence::Header { name, prefix } => format!("the header {name}: {prefix}…"),
        ExpectedEvidence::Redirect(pattern) => format!("a redirect to {}", pattern.0),
        ExpectedEvidence::Body(BodyKind::Crl) => "a revocation list".to_owned(),
        ExpectedEvidence::Body(BodyKind::Certificate) => "a certificate".to_owned(),
        ExpectedEvidence::Body(BodyKind::Cabinet) => "a cabinet".to_owned(),
        ExpectedEvidence::Body(BodyKind::Gif) => "a GIF picture".to_owned(),
        ExpectedEvidence::Body(BodyKind::WebService) => "a web service".to_owned(),
        ExpectedEvidence::Body(BodyKind::Xml(root)) => format!("XML <{root}>"),
        ExpectedEvidence::Body(BodyKind::Text(text)) => format!("the text {text:?}"),
    }
}

#[cfg(test)]
mod tests;
