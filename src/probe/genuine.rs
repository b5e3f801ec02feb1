//! Whether an answer is the genuine service's: the catalog's evidence, held against head and body. Pure.

use std::time::SystemTime;

use quick_xml::Reader;
use quick_xml::events::Event;
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

use super::http::Head;
use crate::catalog::{BlockPage, BodyKind, Endpoint, Evidence, ProbeUrl, Scheme};
use crate::failure::proxied;
use crate::observation::{Failure, FailureReason as Reason, Stage};
use crate::plan::Plan;
use crate::trust::{ObjectError, Objects};

/// How much of a body is searched for marks of a block page, in bytes.
const SEARCHED: usize = 64 * 1024;

/// What the head alone disproves: a proxy's demand, or a captive portal's redirect on plain HTTP.
pub(super) fn check_head(plan: &Plan, url: &ProbeUrl, head: &Head) -> Result<(), Failure> {
    if head.status == 407 {
        let offered = proxied::demand(&head.headers, head.told);
        let detail =
            format!("407 Proxy Authentication Required: a proxy on the way demands authentication{offered}");
        return Err(Failure::new(Stage::Request, Reason::AuthRequired, detail));
    }
    if url.scheme() == Scheme::Http {
        check_redirect(plan, url, head)?;
    }
    Ok(())
}

/// Refuses a redirect to a host that the genuine services never name; the next URL, if there is one.
pub(super) fn check_redirect(plan: &Plan, url: &ProbeUrl, head: &Head) -> Result<Option<ProbeUrl>, Failure> {
    let Some(location) = redirect_of(head) else { return Ok(None) };
    let off_site = |detail: String| Failure::new(Stage::Request, Reason::RedirectOffSite, detail);
    let next = url
        .join(location)
        .map_err(|error| off_site(format!("redirect to {location:?}, which can't be followed: {error}")))?;
    let same = next.host() == url.host();
    if same || plan.redirect_hosts.iter().any(|pattern| pattern.matches(next.host())) {
        return Ok(Some(next));
    }
    Err(off_site(format!("redirect to {}, a host that the genuine service does not name", next.host())))
}

fn redirect_of(head: &Head) -> Option<&str> {
    if head.status.is_redirection() { head.header("location") } else { None }
}

/// Holds the whole answer to the endpoint's evidence, signed content to its issuer at the time `now`. Content that proves
/// itself outweighs every mark of a filter.
pub(super) fn check(
    plan: &Plan,
    objects: &Objects,
    now: SystemTime,
    endpoint: &Endpoint,
    (url, head, body): (&ProbeUrl, &Head, &[u8]),
) -> Result<(), Failure> {
    let missing = endpoint.evidence.iter().find(|evidence| !holds(evidence, endpoint, url, head, body));
    let mut kinds = endpoint.evidence.iter().filter_map(|evidence| match evidence {
        Evidence::Body(kind) => Some(kind),
        _ => None,
    });
    if missing.is_none() && kinds.clone().next().is_some() {
        return kinds.try_for_each(|kind| signed(kind, objects, body, now));
    }
    if let Some(failure) = proxys_own(head).or_else(|| block_page(&plan.block_pages, head, body)) {
        return Err(failure);
    }
    missing.map_or(Ok(()), |evidence| Err(not_genuine(evidence, endpoint, head)))
}

fn holds(evidence: &Evidence, endpoint: &Endpoint, url: &ProbeUrl, head: &Head, body: &[u8]) -> bool {
    match evidence {
        Evidence::Status => endpoint.expect.allows(head.status.as_u16()),
        Evidence::Header { name, prefix } => {
            head.header(name).is_some_and(|value| value.starts_with(prefix.as_str()))
        }
        Evidence::Redirect(pattern) => redirect_of(head)
            .and_then(|location| url.join(location).ok())
            .is_some_and(|next| pattern.matches(next.host())),
        Evidence::Body(kind) => body_is(kind, body),
    }
}

/// Holds the signature of a body that has one.
fn signed(kind: &BodyKind, objects: &Objects, body: &[u8], now: SystemTime) -> Result<(), Failure> {
    let held = match kind {
        BodyKind::Crl => objects.check_crl(body, now),
        BodyKind::Certificate => objects.check_certificate(body),
        BodyKind::Cabinet | BodyKind::Xml(_) | BodyKind::Text(_) => Ok(()),
    };
    held.map_err(|error| {
        let reason = match error {
            ObjectError::Expired(_) => Reason::Expired,
            ObjectError::BadSignature(_) => Reason::BadSignature,
            ObjectError::Malformed(_) => Reason::WrongContent,
        };
        Failure::new(Stage::Transfer, reason, error.to_string())
    })
}

fn body_is(kind: &BodyKind, body: &[u8]) -> bool {
    match kind {
        BodyKind::Crl => CertificateRevocationList::from_der(body).is_ok_and(|(rest, _)| rest.is_empty()),
        BodyKind::Certificate => X509Certificate::from_der(body).is_ok_and(|(rest, _)| rest.is_empty()),
        BodyKind::Cabinet => body.starts_with(b"MSCF"),
        BodyKind::Xml(root) => xml_root_is(root, body),
        BodyKind::Text(text) => body.trim_ascii().starts_with(text.as_bytes()),
    }
}

/// Whether the body is well-formed XML to its end, with this root element.
fn xml_root_is(root: &str, body: &[u8]) -> bool {
    let mut reader = Reader::from_reader(body);
    let mut found = false;
    loop {
        match reader.read_event() {
            Ok(Event::Start(element) | Event::Empty(element)) if !found => {
                if !element.local_name().as_ref().eq_ignore_ascii_case(root) {
                    return false;
                }
                found = true;
            }
            Ok(Event::Eof) => return found,
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

fn not_genuine(evidence: &Evidence, endpoint: &Endpoint, head: &Head) -> Failure {
    let status = head.status.as_u16();
    if !endpoint.expect.allows(status) {
        let detail = format!("status {status}; the genuine service answers {}", endpoint.expect);
        return Failure::new(Stage::Request, Reason::Status, detail);
    }
    let (stage, lacks) = match evidence {
        Evidence::Status => (Stage::Request, "the expected status".to_owned()),
        Evidence::Header { name, prefix } if prefix.is_empty() => {
            (Stage::Request, format!("the header {name}"))
        }
        Evidence::Header { name, prefix } => {
            (Stage::Request, format!("a header {name} that starts with {prefix:?}"))
        }
        Evidence::Redirect(pattern) => (Stage::Request, format!("a redirect to {}", pattern.0)),
        Evidence::Body(kind) => (Stage::Transfer, format!("a body that is {}", name_of(kind))),
    };
    let detail = format!("status {status} as expected, but without {lacks}: this is not the genuine service");
    Failure::new(stage, Reason::WrongContent, detail)
}

fn name_of(kind: &BodyKind) -> String {
    match kind {
        BodyKind::Crl => "a certificate revocation list".to_owned(),
        BodyKind::Certificate => "a certificate".to_owned(),
        BodyKind::Cabinet => "a cabinet file".to_owned(),
        BodyKind::Xml(root) => format!("an XML document <{root}>"),
        BodyKind::Text(text) => format!("the text {text:?}"),
    }
}

/// The failure of an answer that the route's proxy says is its own.
fn proxys_own(head: &Head) -> Option<Failure> {
    head.told?;
    let (reason, why) = proxied::own(&head.headers)?;
    let detail = format!("the proxy answers {} in the endpoint's place: {why}", head.status.as_u16());
    Some(Failure::new(Stage::Request, reason, detail))
}

fn block_page(marks: &[BlockPage], head: &Head, body: &[u8]) -> Option<Failure> {
    let failure = |stage, detail: String| Failure::new(stage, Reason::BlockPage, detail);
    if head.status == 511 {
        // RFC 6585, section 6: sent by captive portals alone.
        return Some(failure(
            Stage::Request,
            "511 Network Authentication Required: a captive portal".to_owned(),
        ));
    }
    if let Some(mark) = marks.iter().find(|mark| marked_by_header(mark, head)) {
        return Some(failure(Stage::Request, format!("the answer's header is that of {}", mark.name)));
    }
    let text = String::from_utf8_lossy(&body[..body.len().min(SEARCHED)]).to_lowercase();
    let mark = marks.iter().find(|mark| marked_by_body(mark, &text))?;
    Some(failure(Stage::Transfer, format!("the answer's body is a page of {}", mark.name)))
}

fn marked_by_header(mark: &BlockPage, head: &Head) -> bool {
    let Some(value) = mark.header.as_deref().and_then(|name| head.header(name)) else { return false };
    let wanted = mark.header_contains.as_deref().unwrap_or_default();
    value.to_lowercase().contains(&wanted.to_lowercase())
}

fn marked_by_body(mark: &BlockPage, text: &str) -> bool {
    mark.body_contains.as_deref().is_some_and(|wanted| text.contains(&wanted.to_lowercase()))
}
