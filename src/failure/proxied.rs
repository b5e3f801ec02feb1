//! What a proxy says of itself, in words for a person: the authentication that it demands, where it sends instead, what it
//! fails of. Pure.

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, LOCATION, PROXY_AUTHENTICATE};

use crate::observation::FailureReason as Reason;
use crate::text::clean;

/// The most schemes of a 407 that are told.
const MAX_SCHEMES: usize = 8;

/// RFC 9209.
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Squid's own word for why it answers itself.
const SQUID_ERROR: HeaderName = HeaderName::from_static("x-squid-error");

/// Error types of RFC 9209, section 2.3, by which a proxy refuses to ask the endpoint.
const DENIALS: [&str; 4] =
    ["destination_ip_prohibited", "http_request_denied", "http_request_error", "proxy_internal_response"];

/// Those by which it got no answer from there. Others may stand on an answer that the endpoint began.
const FAILURES: [&str; 17] = [
    "connection_limit_reached",
    "connection_refused",
    "connection_terminated",
    "connection_timeout",
    "destination_ip_unroutable",
    "destination_not_found",
    "destination_unavailable",
    "dns_error",
    "dns_timeout",
    "http_response_timeout",
    "http_upgrade_failed",
    "proxy_configuration_error",
    "proxy_internal_error",
    "proxy_loop_detected",
    "tls_alert_received",
    "tls_certificate_error",
    "tls_protocol_error",
];

/// Squid's pages for what it can't reach, by the beginnings of their names; the others deny, those of its administrator among them.
const SQUID_FAILURES: [&str; 11] = [
    "ERR_CANNOT_FORWARD",
    "ERR_CONFLICT_HOST",
    "ERR_CONNECT_FAIL",
    "ERR_DNS_FAIL",
    "ERR_GATEWAY_FAILURE",
    "ERR_LIFETIME_EXP",
    "ERR_READ_",
    "ERR_SECURE_CONNECT_FAIL",
    "ERR_SOCKET_FAILURE",
    "ERR_WRITE_ERROR",
    "ERR_ZERO_SIZE_OBJECT",
];

/// Why a proxy answers CONNECT with such a status, as far as it says so; `told` is whether it was told who asks. Empty, or
/// to be put behind the status.
pub(crate) fn refusal(status: StatusCode, headers: &HeaderMap, told: bool) -> String {
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return demand(headers, Some(told));
    }
    if let Some(location) = text(headers, &LOCATION).filter(|_| status.is_redirection()) {
        return format!(": a redirect to {location}, not a tunnel");
    }
    let say = |name: &HeaderName| Some(format!("{name}: {}", text(headers, name)?));
    let said: Vec<_> = [PROXY_STATUS, SQUID_ERROR].iter().filter_map(say).collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(", ")) }
}

/// Why an answer to a request in the absolute form is the proxy's own, if it says so: that it refuses to ask the endpoint, or
/// got no answer there. Squid's denials are left to the marks of block pages.
pub(crate) fn own(headers: &HeaderMap) -> Option<(Reason, String)> {
    if let Some(error) = error_type(headers) {
        let reason = if DENIALS.contains(&error) { Some(Reason::Denied) } else { None };
        let reason = reason.or_else(|| FAILURES.contains(&error).then_some(Reason::BadGateway));
        return reason.map(|reason| (reason, format!("{PROXY_STATUS}: {error}")));
    }
    let error = text(headers, &SQUID_ERROR)?;
    let failed = SQUID_FAILURES.iter().any(|name| error.starts_with(name));
    failed.then(|| (Reason::BadGateway, format!("{SQUID_ERROR}: {error}")))
}

/// The error that the intermediary which is nearest to us, the last of the list, met with (RFC 9209, section 2.1.1).
fn error_type(headers: &HeaderMap) -> Option<&str> {
    let last = headers.get_all(PROXY_STATUS).iter().next_back()?.to_str().ok()?;
    let nearest = split(last, ',').filter(|member| !member.is_empty()).last()?;
    let parameters = split(nearest, ';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let errors = parameters.filter(|(name, _)| name.trim() == "error");
    errors.last().map(|(_, value)| value.trim().trim_matches('"'))
}

/// What a 407 offers. `told` is whether the proxy was told who asks; none where no proxy is configured.
pub(crate) fn demand(headers: &HeaderMap, told: Option<bool>) -> String {
    let schemes = schemes(headers);
    if schemes.is_empty() {
        return ", without saying how".to_owned();
    }
    let why = match told {
        _ if !schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("basic")) => {
            ", none of which this exporter speaks: it knows Basic alone"
        }
        Some(true) => ", and does not accept the configured user name and password",
        Some(false) => ", and no user name and password are configured",
        None => "",
    };
    format!(": it offers {}{why}", schemes.join(", "))
}

/// The authentication schemes that a 407 offers, by name alone: each header may hold several, with their parameters among
/// them (RFC 9110, section 11.6.1).
fn schemes(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(PROXY_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
    let members = values.flat_map(|value| split(value, ','));
    members.filter_map(scheme).take(MAX_SCHEMES).map(clean).collect()
}

/// The scheme that a member of such a list begins with; none where it is a parameter of the one before.
fn scheme(member: &str) -> Option<&str> {
    let (word, rest) = member.split_once([' ', '\t']).unwrap_or((member, ""));
    let parameter = word.contains('=') || rest.trim_start().starts_with('=');
    (!word.is_empty() && !parameter).then_some(word)
}

/// The parts of a header's value between separators that stand in no quoted string (RFC 9110, section 5.6.4).
fn split(value: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = value.split(move |c| {
        let here = !quoted && c == separator;
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        here
    });
    parts.map(str::trim)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn schemes_are_told_by_name() {
        let check = |values: &[&str], expected: &[&str]| {
            assert_eq!(schemes(&headers(&PROXY_AUTHENTICATE, values)), expected, "{values:?}");
        };
        check(&[], &[]);
        check(&["", " , ,"], &[]);
        check(&["Negotiate", "NTLM", "Basic realm=\"lab\""], &["Negotiate", "NTLM", "Basic"]);
        check(&["Negotiate, NTLM, Basic realm=\"lab\""], &["Negotiate", "NTLM", "Basic"]);
        check(
            &["Digest realm=\"a, b\", nonce=\"c\\\", d\", qop=\"auth\", Basic realm = x"],
            &["Digest", "Basic"],
        );
        check(&["Digest realm=a,nonce = b, stale\t= c,BASIC"], &["Digest", "BASIC"]);
        check(&["NTLM TlRMTVNTUAAC==", "Negotiate oYG2MIGz"], &["NTLM", "Negotiate"]);
        check(&["a, b, c, d, e, f, g, h, i, j"], &["a", "b", "c", "d", "e", "f", "g", "h"]);
    }

    #[test]
    fn a_demand_says_what_would_satisfy_it() {
        let check = |values: &[&str], told, expected: &str| {
            assert_eq!(demand(&headers(&PROXY_AUTHENTICATE, values), told), expected, "{values:?} {told:?}");
        };
        check(&[], Some(true), ", without saying how");
        let both = &["Negotiate", "basic"];
        check(both, None, ": it offers Negotiate, basic");
        check(
            both,
            Some(false),
            ": it offers Negotiate, basic, and no user name and password are configured",
        );
        let refused =
            ": it offers Negotiate, basic, and does not accept the configured user name and password";
        check(both, Some(true), refused);
        let unspoken = ": it offers NTLM, none of which this exporter speaks: it knows Basic alone";
        for told in [None, Some(false), Some(true)] {
            check(&["NTLM"], told, unspoken);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_value_makes_it_panic(value in ".{0,60}") {
            if let Ok(value) = value.parse() {
                let _ = schemes(&[(PROXY_AUTHENTICATE, value)].into_iter().collect());
            }
        }

        #[test]
        fn parts_and_separators_are_the_value(value in "[a,\"\\\\ ]{0,20}") {
            let parts: Vec<_> = split(&value, ',').collect();
            proptest::prop_assert!(parts.len() <= value.matches(',').count() + 1);
            let letters: String = parts.concat().chars().filter(|c| *c == 'a').collect();
            proptest::prop_assert_eq!(letters.len(), value.matches('a').count());
        }
    }
}
