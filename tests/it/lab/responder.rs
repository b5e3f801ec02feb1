//! An OCSP responder over HTTP (RFC 6960, appendix A): GET and POST.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::{Decode, Encode};
use x509_ocsp::OcspRequest;

use super::http::Request;
use super::pki::ocsp::{self, Ocsp, Question, UNAUTHORIZED};
use super::pki::{Issuer, Pki};
use super::reply::{Answer, Response};

/// The responseStatus "malformedRequest".
const MALFORMED_REQUEST: u8 = 1;

/// Answers for an issuer at URLs whose path is `prefix`.
pub(super) fn answer(pki: Arc<Pki>, issuer: Issuer, prefix: String, order: Ocsp) -> Answer {
    Answer::new(move |request| {
        let question = question(request, &prefix);
        let answer = match question.as_ref().and_then(|question| read(question)) {
            None => ocsp::error(MALFORMED_REQUEST),
            Some(question) if !is_ours(&question, &pki, issuer) => ocsp::error(UNAUTHORIZED),
            Some(question) => pki.sign_ocsp(issuer, &asked(&question), &order),
        };
        ocsp_response(answer).into()
    })
}

/// An answer as responders send it.
pub fn ocsp_response(der: Vec<u8>) -> Response {
    Response::new(200).header("Content-Type", "application/ocsp-response").body(der)
}

/// The bytes of the question: the body of a POST; of a GET what follows the URL's path, in base64.
fn question(request: &Request, prefix: &str) -> Option<Vec<u8>> {
    match request.method.as_str() {
        "POST" if request.header("content-type") == Some("application/ocsp-request") => {
            Some(request.body.clone())
        }
        "GET" => {
            let text = request.path.strip_prefix(prefix)?.trim_start_matches('/');
            STANDARD.decode(percent_decoded(text)?).ok()
        }
        _ => None,
    }
}

/// RFC 3986, section 2.1.
fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(part.get(2..)?.bytes());
    }
    Some(bytes)
}

fn read(question: &[u8]) -> Option<OcspRequest> {
    OcspRequest::from_der(question).ok().filter(|request| !request.tbs_request.request_list.is_empty())
}

fn is_ours(question: &OcspRequest, pki: &Pki, issuer: Issuer) -> bool {
    question
        .tbs_request
        .request_list
        .iter()
        .map(|one| &one.req_cert)
        .all(|id| ocsp::is_of(pki, issuer, id.issuer_name_hash.as_bytes(), id.issuer_key_hash.as_bytes()))
}

fn asked(question: &OcspRequest) -> Question {
    let ids = question.tbs_request.request_list.iter().map(|one| &one.req_cert);
    Question {
        about: ids.map(|id| (id.to_der().unwrap(), id.serial_number.as_bytes().to_vec())).collect(),
        nonce: question.nonce().map(|nonce| nonce.to_der().unwrap()),
    }
}
