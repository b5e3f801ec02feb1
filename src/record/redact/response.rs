//! Responses without names. A body is kept if it is a list or a certificate that is proven to be public; a header with what
//! judgements need of it. Whatever then isn't judged as before has its judgement recorded.

use super::Redactor;
use crate::catalog::{BodyKind, Endpoint, ExpectedEvidence, ProbeUrl};
use crate::net::failure::proxied;
use crate::observation::{Failure, HeaderEvidence, ResponseEvidence};
use crate::plan::TargetId;
use crate::probe::HopConclusion;

/// The methods of authentication that proxies offer. The parameters of NTLM name the domain.
const SCHEMES: [&str; 6] = ["Basic", "Bearer", "Digest", "Kerberos", "Negotiate", "NTLM"];

/// The servers whose names stay: Microsoft's, and those that answer in a filter's place. By tinyproxy's, its answers are known.
const PRODUCTS: [&str; 10] = [
    "Microsoft-IIS",
    "Microsoft-HTTPAPI",
    "Windows-Azure",
    "Kestrel",
    "AkamaiGHost",
    "ECAcc",
    "nginx",
    "Apache",
    "squid",
    "tinyproxy/",
];

/// A URL to which no redirect can lead, for a `Location` that isn't a URL.
const NO_URL: &str = "http://[";

/// What stands for a value whose presence alone counts.
const PRESENT: &str = "present";

impl Redactor<'_> {
    /// A response to a target's probe, of which this was concluded.
    pub(super) fn response(
        &mut self,
        target: TargetId,
        conclusion: &HopConclusion,
        response: &ResponseEvidence,
    ) -> ResponseEvidence {
        let endpoint = self.plan.target(target).endpoint.clone();
        let headers = response.headers.iter();
        let headers = headers.filter_map(|header| self.header(&endpoint, &conclusion.url, header)).collect();
        let is_object = endpoint.evidence.iter().any(is_signed) && self.public.proves_object(&response.body);
        let body = if is_object { response.body.clone() } else { Vec::new() };
        let mut redacted = ResponseEvidence { headers, body, judgement: None, ..response.clone() };
        if let Some(answer) = &conclusion.answer {
            let url = self.names.probe_url(&conclusion.url);
            let again = self.replay.judge_response(target, &url, &redacted);
            if response.judgement.is_some() || !is_same(answer, &again) {
                let answer = answer.clone();
                redacted.judgement = Some(answer.map_err(|failure| self.names.failure(&failure)));
            }
        }
        redacted
    }

    /// What is kept of a header.
    fn header(
        &mut self,
        endpoint: &Endpoint,
        url: &ProbeUrl,
        header: &HeaderEvidence,
    ) -> Option<HeaderEvidence> {
        let value = std::str::from_utf8(&header.value).ok().filter(|value| value.is_ascii())?;
        let kept = match header.name.as_str() {
            "location" => url
                .join(value)
                .map_or_else(|_| NO_URL.to_owned(), |next| self.names.probe_url(&next).to_string()),
            "proxy-authenticate" => schemes(value),
            "proxy-status" => proxied::known_error(value)
                .map_or_else(|| "proxy".to_owned(), |error| format!("proxy; error={error}")),
            "x-squid-error" => proxied::squid_failure(value).unwrap_or("ERR_ACCESS_DENIED").to_owned(),
            name => match (self.needed(endpoint, name, value), name) {
                (Some(needed), _) => needed,
                (None, "server") => product(value).to_owned(),
                (None, _) => return None,
            },
        };
        Some(HeaderEvidence { name: header.name.clone(), value: kept.into_bytes() })
    }

    /// The part of a header's value that evidence or a mark of a block page needs.
    fn needed(&self, endpoint: &Endpoint, name: &str, value: &str) -> Option<String> {
        let prefixes = endpoint.evidence.iter().filter_map(|evidence| match evidence {
            ExpectedEvidence::Header { name: needed, prefix }
                if needed == name && value.starts_with(prefix) =>
            {
                Some(prefix)
            }
            _ => None,
        });
        let marks = self.plan.block_pages.iter().filter(|page| page.header.as_deref() == Some(name));
        let marks = marks.map(|page| page.header_contains.clone().unwrap_or_default());
        let value = value.to_lowercase();
        let marks = marks.filter(|mark| value.contains(&mark.to_lowercase()));
        let needed = prefixes.cloned().chain(marks).next()?;
        Some(if needed.is_empty() { PRESENT.to_owned() } else { needed })
    }
}

/// Whether evidence is an object with a signature of its own.
const fn is_signed(evidence: &ExpectedEvidence) -> bool {
    matches!(evidence, ExpectedEvidence::Body(BodyKind::Crl | BodyKind::Certificate))
}

/// Whether two judgements differ in their words alone.
fn is_same(one: &Result<bool, Failure>, other: &Result<bool, Failure>) -> bool {
    match (one, other) {
        (Ok(one), Ok(other)) => one == other,
        (Err(one), Err(other)) => (one.phase, one.reason) == (other.phase, other.reason),
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => false,
    }
}

/// The product that a `Server` header names first, if it is known.
fn product(server: &str) -> &'static str {
    PRODUCTS.into_iter().find(|product| server.starts_with(product)).unwrap_or("other")
}

/// The known schemes of a `Proxy-Authenticate` header.
fn schemes(value: &str) -> String {
    let unquoted: String = value.split('"').step_by(2).collect();
    let words = || unquoted.split([',', ' ', '\t']);
    let found: Vec<_> =
        SCHEMES.into_iter().filter(|scheme| words().any(|word| word.eq_ignore_ascii_case(scheme))).collect();
    if found.is_empty() { "Other".to_owned() } else { found.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_lose_their_parameters() {
        let check = |value: &str, expected: &str| assert_eq!(schemes(value), expected, "{value}");
        check("Basic realm=\"Corp, Digest\"", "Basic");
        check("NTLM TlRMTVNTUAACAAAACAAI", "NTLM");
        check("negotiate, ntlm", "Negotiate, NTLM");
        check("Corp realm=x", "Other");
    }

    #[test]
    fn a_server_keeps_its_product_alone() {
        let check = |value: &str, expected: &str| assert_eq!(product(value), expected, "{value}");
        check("Microsoft-IIS/10.0", "Microsoft-IIS");
        check("tinyproxy/1.11.1", "tinyproxy/");
        check("nginx (10.20.30.40/24)", "nginx");
        for private in
            ["proxy (10.20.30.40/24)", "ip=10.20.30.43", "user-janedoe://x", "badge:4711", "089-123-456"]
        {
            check(private, "other");
        }
    }
}
