//! Whether a response is the genuine service's: checks head and body against the catalog's evidence. Pure.

use std::time::SystemTime;

use quick_xml::Reader;
use quick_xml::events::Event;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

use crate::catalog::{BlockPage, BodyKind, Endpoint, ExpectedEvidence, ProbeUrl, Scheme};
use crate::net::ResponseHead;
use crate::net::failure::{PhaseError, proxied};
use crate::observation::{Failure, FailureReason as Reason, Phase};
use crate::plan::Plan;
use crate::revocation::{ObjectError, SignedObjects};

/// The number of body bytes searched for marks of a block page.
const SEARCHED: usize = 64 * 1024;

/// Checks that need only the head: a proxy's demand for authentication, and a captive portal's redirect on
/// plain HTTP.
pub(super) fn check_head(plan: &Plan, url: &ProbeUrl, head: &ResponseHead) -> Result<(), Failure> {
    if let Some(failure) = proxied::unauthenticated(head.status, &head.headers, head.authenticated) {
        return Err(failure);
    }
    if url.scheme() == Scheme::Http {
        check_redirect(plan, url, head)?;
    }
    Ok(())
}

/// Refuses a redirect to a host that genuine services never redirect to. Returns the next URL if there is a
/// redirect.
pub(super) fn check_redirect(
    plan: &Plan,
    url: &ProbeUrl,
    head: &ResponseHead,
) -> Result<Option<ProbeUrl>, Failure> {
    let Some(location) = redirect_location(head) else { return Ok(None) };
    let off_site = |detail: String| Failure::new(Phase::Request, Reason::RedirectOffSite, detail);
    let next =
        url.join(location).map_err(|error| off_site(format!("invalid redirect to {location:?}: {error}")))?;
    let same = next.host() == url.host();
    if same || plan.redirect_hosts.iter().any(|pattern| pattern.matches(next.host())) {
        return Ok(Some(next));
    }
    Err(off_site(format!("redirect to {}, which is not a host of the genuine service", next.host())))
}

fn redirect_location(head: &ResponseHead) -> Option<&str> {
    if head.status.is_redirection() { head.header("location") } else { None }
}

/// Whether an acceptable response is proven to be genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EvidenceCheck {
    /// The catalog's evidence is present.
    Given,
    /// Evidence is missing, but the catalog isn't sure enough of it for a failure.
    Lacking,
}

/// A response to check.
#[derive(Clone, Copy)]
pub(super) struct Received<'a> {
    /// The URL of the request.
    pub(super) url: &'a ProbeUrl,
    pub(super) head: &'a ResponseHead,
    pub(super) body: &'a [u8],
    /// Whether the body may have been cut off.
    pub(super) unclean_close: bool,
}

/// Checks the whole response against the endpoint's evidence. Verifies signed content at the time `now`. Proven
/// content outweighs all marks of a filter.
pub(super) fn check(
    plan: &Plan,
    objects: &SignedObjects,
    now: SystemTime,
    endpoint: &Endpoint,
    received: Received<'_>,
) -> Result<EvidenceCheck, Failure> {
    let Received { head, body, .. } = received;
    let missing = endpoint.evidence.iter().find(|evidence| !is_present(evidence, endpoint, received));
    let mut kinds = endpoint.evidence.iter().filter_map(|evidence| match evidence {
        ExpectedEvidence::Body(kind) => Some(kind),
        _ => None,
    });
    if missing.is_none() && kinds.clone().next().is_some() {
        return kinds
            .try_for_each(|kind| verify_signature(kind, objects, body, now))
            .map(|()| EvidenceCheck::Given);
    }
    let proxy_failure = proxied::proxy_generated(head.status, &head.headers, head.authenticated);
    let proxy_failure =
        proxy_failure.or_else(|| proxied::plain_on_tls(head.status, body, head.authenticated));
    if let Some(failure) = proxy_failure.or_else(|| block_page(&plan.block_pages, head, body)) {
        return Err(failure);
    }
    match missing {
        None => Ok(EvidenceCheck::Given),
        Some(evidence) if is_required(evidence, endpoint, received.url, head.status.as_u16()) => {
            if received.unclean_close && matches!(evidence, ExpectedEvidence::Body(_)) {
                return Err(PhaseError::CutOff.failure(Phase::Transfer));
            }
            Err(not_genuine(evidence, endpoint, head))
        }
        Some(_) => Ok(EvidenceCheck::Lacking),
    }
}

/// Whether missing evidence is a failure. It is if the catalog is sure of the evidence. Otherwise, a chain over
/// TLS authenticates the host, so the service may have changed; but over plain HTTP, a response with the
/// expected status must at least be the requested kind of object.
fn is_required(evidence: &ExpectedEvidence, endpoint: &Endpoint, url: &ProbeUrl, status: u16) -> bool {
    let expected = endpoint.expect.allows(status);
    let is_other_object =
        url.scheme() == Scheme::Http && expected && matches!(evidence, ExpectedEvidence::Body(_));
    endpoint.expects_firmly() || is_other_object
}

fn is_present(evidence: &ExpectedEvidence, endpoint: &Endpoint, received: Received<'_>) -> bool {
    let Received { url, head, body, unclean_close } = received;
    match evidence {
        ExpectedEvidence::Status => is_expected(endpoint, head.status.as_u16()),
        ExpectedEvidence::Header { name, prefix } => {
            head.header(name).is_some_and(|value| value.starts_with(prefix.as_str()))
        }
        ExpectedEvidence::Redirect(pattern) => redirect_location(head)
            .and_then(|location| url.join(location).ok())
            .is_some_and(|next| pattern.matches(next.host())),
        ExpectedEvidence::Body(BodyKind::Cabinet) if unclean_close && !is_whole_cabinet(body) => false,
        ExpectedEvidence::Body(kind) => body_is(kind, body),
    }
}

/// Whether the status is expected. A server may ignore a range (RFC 9110, section 14.2), which is reported as a
/// separate fact.
fn is_expected(endpoint: &Endpoint, status: u16) -> bool {
    endpoint.expect.allows(status) || (endpoint.range && status == 200 && endpoint.expect.allows(206))
}

/// Verifies the signature of a signed object.
fn verify_signature(
    kind: &BodyKind,
    objects: &SignedObjects,
    body: &[u8],
    now: SystemTime,
) -> Result<(), Failure> {
    let verified = match kind {
        BodyKind::Crl => objects.check_crl(body, now),
        BodyKind::Certificate => objects.check_certificate(body),
        BodyKind::Cabinet | BodyKind::Gif | BodyKind::WebService | BodyKind::Xml(_) | BodyKind::Text(_) => {
            Ok(())
        }
    };
    verified.map_err(|error| {
        let reason = match error {
            ObjectError::Expired(_) => Reason::Expired,
            ObjectError::BadSignature(_) => Reason::BadSignature,
            ObjectError::Malformed(_) => Reason::WrongContent,
        };
        Failure::new(Phase::Transfer, reason, error.to_string())
    })
}

fn body_is(kind: &BodyKind, body: &[u8]) -> bool {
    match kind {
        BodyKind::Crl => CertificateRevocationList::from_der(body).is_ok_and(|(rest, _)| rest.is_empty()),
        BodyKind::Certificate => X509Certificate::from_der(body).is_ok_and(|(rest, _)| rest.is_empty()),
        BodyKind::Cabinet => body.starts_with(b"MSCF"),
        BodyKind::Gif => body.starts_with(b"GIF87a") || body.starts_with(b"GIF89a"),
        BodyKind::WebService => is_web_service(body),
        BodyKind::Xml(root) => xml_root_is(root, body),
        BodyKind::Text(text) => body.trim_ascii().starts_with(text.as_bytes()),
    }
}

/// What the pages for browsers of ASP.NET's and WCF's services contain, in lower case: the link to the description, and what WCF
/// says where that is turned off. A page that merely repeats the URL has neither.
const SERVICE_PAGES: [&str; 2] = [".asmx?wsdl", "metadata publishing for this service is currently disabled"];

/// Whether the body is a SOAP message, a description (WSDL), or a service's page for browsers.
fn is_web_service(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&body[..body.len().min(SEARCHED)]).to_lowercase();
    SERVICE_PAGES.iter().any(|mark| text.contains(mark))
        || ["Envelope", "definitions"].iter().any(|root| xml_root_is(root, body))
}

/// Whether the cabinet has the length that its header declares (`cbCabinet` in [MS-CAB], section 2.1).
fn is_whole_cabinet(body: &[u8]) -> bool {
    let declared = body.get(8..12).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    declared.is_some_and(|declared| body.len() as u64 >= u64::from(declared))
}

/// Whether the body is well-formed XML to its end, with this root element.
fn xml_root_is(root: &str, body: &[u8]) -> bool {
    let mut reader = Reader::from_reader(body);
    let (mut found, mut depth) = (false, 0_usize);
    loop {
        match reader.read_event() {
            Ok(event @ (Event::Start(_) | Event::Empty(_))) => {
                depth += usize::from(matches!(event, Event::Start(_)));
                if let (false, Event::Start(element) | Event::Empty(element)) = (found, event) {
                    if !element.local_name().as_ref().eq_ignore_ascii_case(root) {
                        return false;
                    }
                    found = true;
                }
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Eof) => return found && depth == 0,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

fn not_genuine(evidence: &ExpectedEvidence, endpoint: &Endpoint, head: &ResponseHead) -> Failure {
    let status = head.status.as_u16();
    if !is_expected(endpoint, status) {
        let detail = format!("status {status}; the genuine service answers {}", endpoint.expect);
        return Failure::new(Phase::Request, Reason::Status, detail);
    }
    let (phase, lacks) = match evidence {
        ExpectedEvidence::Status => (Phase::Request, "the expected status".to_owned()),
        ExpectedEvidence::Header { name, prefix } if prefix.is_empty() => {
            (Phase::Request, format!("the header {name}"))
        }
        ExpectedEvidence::Header { name, prefix } => {
            (Phase::Request, format!("a header {name} that starts with {prefix:?}"))
        }
        ExpectedEvidence::Redirect(pattern) => (Phase::Request, format!("a redirect to {}", pattern.0)),
        ExpectedEvidence::Body(kind) => (Phase::Transfer, format!("a body that is {}", body_kind_name(kind))),
    };
    let detail = format!("status {status} as expected, but without {lacks}");
    Failure::new(phase, Reason::WrongContent, detail)
}

fn body_kind_name(kind: &BodyKind) -> String {
    match kind {
        BodyKind::Crl => "a certificate revocation list".to_owned(),
        BodyKind::Certificate => "a certificate".to_owned(),
        BodyKind::Cabinet => "a cabinet file".to_owned(),
        BodyKind::Gif => "a GIF picture".to_owned(),
        BodyKind::WebService => "a SOAP web service's".to_owned(),
        BodyKind::Xml(root) => format!("an XML document <{root}>"),
        BodyKind::Text(text) => format!("the text {text:?}"),
    }
}

fn block_page(marks: &[BlockPage], head: &ResponseHead, body: &[u8]) -> Option<Failure> {
    let failure = |phase, detail: String| Failure::new(phase, Reason::BlockPage, detail);
    if let Some(failure) = proxied::captive_portal(head.status) {
        return Some(failure);
    }
    if let Some(mark) = marks.iter().find(|mark| marked_by_header(mark, head)) {
        return Some(failure(Phase::Request, format!("response header of {}", mark.name)));
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(SEARCHED)]).to_lowercase();
    let mark = marks.iter().find(|mark| marked_by_body(mark, &text))?;
    Some(failure(Phase::Transfer, format!("response body is a page of {}", mark.name)))
}

fn marked_by_header(mark: &BlockPage, head: &ResponseHead) -> bool {
    let Some(value) = mark.header.as_deref().and_then(|name| head.header(name)) else { return false };
    let expected = mark.header_contains.as_deref().unwrap_or_default();
    value.to_lowercase().contains(&expected.to_lowercase())
}

fn marked_by_body(mark: &BlockPage, text: &str) -> bool {
    mark.body_contains.as_deref().is_some_and(|expected| text.contains(&expected.to_lowercase()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::{Basis, Component, Confidence, HostPattern};
    use crate::metrics::fixture;

    /// Whether missing evidence is a failure, for a response with this status from an endpoint that expects
    /// 200.
    fn is_failure(url: &str, confidence: Confidence, evidence: &ExpectedEvidence, status: u16) -> bool {
        let mut endpoint = fixture::target(Component::Update, "*.a.example", url, &[200]).endpoint;
        (endpoint.confidence, endpoint.basis) = (confidence, Basis::Community);
        is_required(evidence, &endpoint, &endpoint.url, status)
    }

    #[test]
    fn unsure_evidence_is_rarely_required() {
        use Confidence::{A, B, C, D};
        let header = ExpectedEvidence::Header { name: "x-ms-request-id".to_owned(), prefix: String::new() };
        let redirect = ExpectedEvidence::Redirect(HostPattern("*.a.example".to_owned()));
        let list = ExpectedEvidence::Body(BodyKind::Crl);
        for evidence in [&ExpectedEvidence::Status, &header, &redirect, &list] {
            for url in ["http://a.example/", "https://a.example/"] {
                for status in [200, 404] {
                    assert!(is_failure(url, A, evidence, status), "{url} {evidence:?} {status}");
                    for unsure in [B, C, D] {
                        let is_other_object = url.starts_with("http:") && status == 200 && *evidence == list;
                        let failure = is_failure(url, unsure, evidence, status);
                        assert_eq!(failure, is_other_object, "{url} {unsure} {evidence:?} {status}");
                    }
                }
            }
        }
    }
}
