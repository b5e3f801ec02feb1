//! The judgement of a response, as it arrives or from a record. Pure; `genuine.rs` has the evidence.

use std::time::SystemTime;

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::genuine::{self, EvidenceCheck, Received};
use crate::catalog::{Endpoint, ProbeUrl};
use crate::net::ResponseHead;
use crate::observation::{Failure, HttpFacts, RangeOutcome, ResponseEvidence};
use crate::plan::Plan;
use crate::revocation::SignedObjects;
use crate::text::clean;

/// What responses are judged by.
#[derive(Clone, Copy)]
pub(super) struct Rules<'a> {
    pub(super) plan: &'a Plan,
    pub(super) objects: &'a SignedObjects,
    pub(super) endpoint: &'a Endpoint,
}

impl Rules<'_> {
    /// Judges the head of a response from `url`. Returns the next URL of a redirect that is followed.
    pub(super) fn judge_head(
        self,
        url: &ProbeUrl,
        head: &ResponseHead,
        http: &mut HttpFacts,
    ) -> Result<Option<ProbeUrl>, Failure> {
        genuine::check_head(self.plan, url, head)?;
        if http.redirects < self.endpoint.follow_redirects
            && let Some(next) = genuine::check_redirect(self.plan, url, head)?
        {
            return Ok(Some(next));
        }
        if self.endpoint.range {
            http.range = range_outcome(head);
        }
        Ok(None)
    }

    /// Whether the whole response is the genuine service's, at the time `now`.
    pub(super) fn is_genuine(self, now: SystemTime, received: Received<'_>) -> Result<bool, Failure> {
        let proof = genuine::check(self.plan, self.objects, now, self.endpoint, received)?;
        Ok(proof == EvidenceCheck::Given)
    }
}

/// Whether the server honored the range.
pub(super) fn range_outcome(head: &ResponseHead) -> Option<RangeOutcome> {
    match head.status {
        StatusCode::PARTIAL_CONTENT => Some(RangeOutcome::Honored),
        StatusCode::OK => Some(RangeOutcome::Ignored),
        _ => None,
    }
}

/// The facts of a head, before its judgement.
pub(super) fn http_facts(head: &ResponseHead, redirects: u8) -> HttpFacts {
    HttpFacts {
        status: head.status.as_u16(),
        genuine: false,
        server: head.header("server").map(clean),
        location: head.header("location").map(clean),
        body_bytes: 0,
        unclean_close: false,
        redirects,
        range: None,
    }
}

/// The recorded head. Leaves out headers that HTTP doesn't allow.
pub(super) fn recorded_head(response: &ResponseEvidence) -> ResponseHead {
    let mut headers = HeaderMap::new();
    for header in &response.headers {
        let name = HeaderName::from_bytes(header.name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&header.value)) {
            let _ = headers.try_append(name, value); // a map holds more headers than a response may have
        }
    }
    let status = StatusCode::from_u16(response.status).unwrap_or_default(); // refused when the record is read
    ResponseHead { status, headers, authenticated: response.authenticated }
}
