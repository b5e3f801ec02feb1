//! Responses that come from a proxy instead of the endpoint: demands for authentication, redirects, gateway
//! errors. Pure.

use hyper::StatusCode;
use hyper::header::{HeaderMap, HeaderName, LOCATION, PROXY_AUTHENTICATE, SERVER, WWW_AUTHENTICATE};

use super::{PeerProtocol, describe};
use crate::config::ProxyKind;
use crate::observation::{Failure, FailureReason as Reason, Phase};
use crate::text::clean;

/// The maximum number of authentication schemes listed in a message.
const MAX_SCHEMES: usize = 8;

/// RFC 9209.
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// Squid's error page name, in responses that Squid generates.
const SQUID_ERROR: HeaderName = HeaderName::from_static("x-squid-error");

/// Error types of RFC 9209, section 2.3, for requests that the proxy didn't forward.
const DENIALS: [&str; 4] =
    ["destination_ip_prohibited", "http_request_denied", "http_request_error", "proxy_internal_response"];

/// Error types for requests that the endpoint didn't answer. The other types may accompany a response that the
/// endpoint began.
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

/// The error type of a `Proxy-Status` value, if it is one that decides.
pub(crate) fn known_error(value: &str) -> Option<&'static str> {
    let error = nearest_error(value)?;
    DENIALS.into_iter().chain(FAILURES).find(|known| *known == error)
}

/// What begins an `X-Squid-Error` value for an unreachable server.
pub(crate) fn squid_failure(value: &str) -> Option<&'static str> {
    SQUID_FAILURES.into_iter().find(|name| value.starts_with(name))
}

/// The headers that the judgement of a whole response looks at.
pub(crate) const JUDGED_HEADERS: [&str; 4] =
    ["proxy-authenticate", "proxy-status", "server", "x-squid-error"];

/// Prefixes of Squid's error pages for unreachable servers. All other pages are denials, custom pages of
/// administrators included.
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

/// tinyproxy names itself as the server of its own pages, and only there.
const TINYPROXY: &str = "tinyproxy/";

/// Privoxy's reason phrase for a name that it can't resolve, with status 404.
const NO_SUCH_DOMAIN: &str = "No such domain";

/// What nginx, Go and Apache answer on a TLS port, with status 400, to a request that comes without TLS.
const PLAIN_ON_TLS: [&str; 3] = [
    "plain HTTP request was sent to HTTPS port",
    "Client sent an HTTP request to an HTTPS server",
    "speaking plain HTTP to an SSL-enabled server port",
];

/// How much of a body is searched for it, in bytes.
pub(crate) const SEARCHED: usize = 2048;

/// Whether a response says that its port expects TLS.
pub(crate) fn expects_tls(status: StatusCode, body: &[u8]) -> bool {
    let body = &body[..body.len().min(SEARCHED)];
    let says = |text: &&str| body.windows(text.len()).any(|part| part == text.as_bytes());
    status == StatusCode::BAD_REQUEST && PLAIN_ON_TLS.iter().any(says)
}

/// The failure of a proxy that speaks TLS and is configured as `http`, without a tunnel. `credentials_sent` is `None` if
/// no proxy is configured.
pub(crate) fn plain_on_tls(
    status: StatusCode,
    body: &[u8],
    credentials_sent: Option<bool>,
) -> Option<Failure> {
    credentials_sent.filter(|_| expects_tls(status, body))?;
    let detail = describe::other_protocol(ProxyKind::Http, PeerProtocol::HttpForTls);
    Some(Failure::new(Phase::Request, Reason::Protocol, detail))
}

/// Whether the proxy says that it can't resolve the endpoint's name, with a status that otherwise is a denial. `phrase` is
/// the reason phrase if it isn't the status's own.
pub(crate) fn is_unresolved(status: StatusCode, phrase: Option<&str>) -> bool {
    status == StatusCode::NOT_FOUND && phrase == Some(NO_SUCH_DOMAIN)
}

/// The proxy's explanation of a failed CONNECT, to append to the status. Empty if it gives none. `phrase` is the reason
/// phrase if it isn't the status's own, `credentials_sent` whether the request carried credentials.
pub(crate) fn refusal(
    status: StatusCode,
    headers: &HeaderMap,
    phrase: Option<&str>,
    credentials_sent: bool,
) -> String {
    if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
        return authentication_demand(&schemes(headers, &PROXY_AUTHENTICATE), Some(credentials_sent));
    }
    // Through CONNECT no other server is asked: tinyproxy rejects a wrong password so.
    if status == StatusCode::UNAUTHORIZED {
        let offered = schemes(headers, &WWW_AUTHENTICATE);
        return format!(" instead of 407{}", authentication_demand(&offered, Some(credentials_sent)));
    }
    if let Some(location) = text(headers, &LOCATION).filter(|_| status.is_redirection()) {
        return format!(": a redirect to {location}, not a tunnel");
    }
    let field = |name: &HeaderName| Some(format!("{name}: {}", text(headers, name)?));
    let fields: Vec<_> = [PROXY_STATUS, SQUID_ERROR].iter().filter_map(field).collect();
    let fields = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
    let phrase = phrase.map(|phrase| clean(phrase.trim())).filter(|phrase| !phrase.is_empty());
    phrase.map_or_else(|| fields.clone(), |phrase| format!("{fields}: {phrase}"))
}

/// The failure of a response that a proxy or captive portal generated, judged by its head alone.
/// `credentials_sent` is whether the request carried proxy credentials, `None` if no proxy is configured.
pub(crate) fn not_the_servers(
    status: StatusCode,
    headers: &HeaderMap,
    credentials_sent: Option<bool>,
) -> Option<Failure> {
    unauthenticated(status, headers, credentials_sent)
        .or_else(|| proxy_generated(status, headers, credentials_sent))
        .or_else(|| captive_portal(status))
}

/// A proxy demands authentication.
pub(crate) fn unauthenticated(
    status: StatusCode,
    headers: &HeaderMap,
    credentials_sent: Option<bool>,
) -> Option<Failure> {
    (status == StatusCode::PROXY_AUTHENTICATION_REQUIRED).then(|| {
        let offered = authentication_demand(&schemes(headers, &PROXY_AUTHENTICATE), credentials_sent);
        let detail = format!(
            "407 Proxy Authentication Required: a proxy on the path requires authentication{offered}"
        );
        Failure::new(Phase::Request, Reason::AuthRequired, detail)
    })
}

/// The configured proxy declares the response as its own.
pub(crate) fn proxy_generated(
    status: StatusCode,
    headers: &HeaderMap,
    credentials_sent: Option<bool>,
) -> Option<Failure> {
    credentials_sent?;
    let (reason, why) = proxy_error(status, headers)?;
    let detail = format!("the proxy answered {} instead of the server: {why}", status.as_u16());
    Some(Failure::new(Phase::Request, reason, detail))
}

/// Status 511, which only captive portals send (RFC 6585, section 6).
pub(crate) fn captive_portal(status: StatusCode) -> Option<Failure> {
    let detail = "511 Network Authentication Required: a captive portal";
    (status.as_u16() == 511).then(|| Failure::new(Phase::Request, Reason::BlockPage, detail))
}

/// Why a proxy generated the response itself, if it declares that: it denied the request, or the endpoint
/// didn't answer. Squid's denials are left to the detection of block pages.
fn proxy_error(status: StatusCode, headers: &HeaderMap) -> Option<(Reason, String)> {
    if let Some(error) = error_type(headers) {
        let reason = if DENIALS.contains(&error) { Some(Reason::Denied) } else { None };
        let reason = reason.or_else(|| FAILURES.contains(&error).then_some(Reason::BadGateway));
        return reason.map(|reason| (reason, format!("{PROXY_STATUS}: {error}")));
    }
    if let Some(server) = text(headers, &SERVER).filter(|server| server.starts_with(TINYPROXY)) {
        let reason = match status {
            StatusCode::UNAUTHORIZED => Reason::AuthRequired,
            status if status.is_server_error() => Reason::BadGateway,
            _ => Reason::Denied,
        };
        return Some((reason, format!("{SERVER}: {server}")));
    }
    let error = text(headers, &SQUID_ERROR)?;
    let failed = SQUID_FAILURES.iter().any(|name| error.starts_with(name));
    failed.then(|| (Reason::BadGateway, format!("{SQUID_ERROR}: {error}")))
}

/// The error of the nearest intermediary, which is the last list member (RFC 9209, section 2.1.1).
fn error_type(headers: &HeaderMap) -> Option<&str> {
    let last = headers.get_all(PROXY_STATUS).iter().next_back()?.to_str().ok()?;
    nearest_error(last)
}

fn nearest_error(value: &str) -> Option<&str> {
    let nearest = split(value, ',').filter(|member| !member.is_empty()).last()?;
    let parameters = split(nearest, ';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let errors = parameters.filter(|(name, _)| name.trim() == "error");
    errors.last().map(|(_, value)| value.trim().trim_matches('"'))
}

const REJECTED: &str = ", and rejected the configured user name and password";
const UNSUPPORTED: &str = ", none of which this exporter supports (Basic only)";
const NONE_CONFIGURED: &str = ", and no credentials are configured";

/// How the description of a demand may end, after what the proxy offers.
pub(crate) const DEMAND_ENDS: [&str; 3] = [REJECTED, UNSUPPORTED, NONE_CONFIGURED];

/// Describes the authentication that a proxy offers, and why the exporter doesn't satisfy it. `credentials_sent`
/// is `None` if no proxy is configured.
fn authentication_demand(schemes: &[String], credentials_sent: Option<bool>) -> String {
    if schemes.is_empty() {
        let rejected = if credentials_sent == Some(true) { REJECTED } else { "" };
        return format!(", without an offered method{rejected}");
    }
    let why = match credentials_sent {
        _ if !schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case("basic")) => UNSUPPORTED,
        Some(true) => REJECTED,
        Some(false) => NONE_CONFIGURED,
        None => "",
    };
    format!(": it offers {}{why}", schemes.join(", "))
}

/// The names of the authentication schemes that a header offers. One header may hold several, mixed with their
/// parameters (RFC 9110, section 11.6.1).
fn schemes(headers: &HeaderMap, name: &HeaderName) -> Vec<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let members = values.flat_map(|value| split(value, ','));
    members.filter_map(scheme).take(MAX_SCHEMES).map(clean).collect()
}

/// The scheme at the beginning of a list member. `None` if the member is a parameter of the previous scheme.
fn scheme(member: &str) -> Option<&str> {
    let (word, rest) = member.split_once([' ', '\t']).unwrap_or((member, ""));
    let parameter = word.contains('=') || rest.trim_start().starts_with('=');
    (!word.is_empty() && !parameter).then_some(word)
}

/// Splits a header's value at separators outside quoted strings (RFC 9110, section 5.6.4).
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
    use crate::net::failure::proxied::*;

    fn headers(name: &HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn schemes_are_listed_by_name() {
        let check = |values: &[&str], expected: &[&str]| {
            let headers = headers(&PROXY_AUTHENTICATE, values);
            assert_eq!(schemes(&headers, &PROXY_AUTHENTICATE), expected, "{values:?}");
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
    fn a_tls_port_is_known_by_its_words() {
        let nginx = "<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head>";
        let go = "Client sent an HTTP request to an HTTPS server.\n";
        let apache = "Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />";
        let late = format!("{}{go}", " ".repeat(SEARCHED));
        for (status, body, expected) in [
            (StatusCode::BAD_REQUEST, nginx, true),
            (StatusCode::BAD_REQUEST, go, true),
            (StatusCode::BAD_REQUEST, apache, true),
            (StatusCode::FORBIDDEN, go, false),
            (StatusCode::BAD_REQUEST, "Bad Request", false),
            (StatusCode::BAD_REQUEST, late.as_str(), false),
            (StatusCode::BAD_REQUEST, "", false),
        ] {
            assert_eq!(expects_tls(status, body.as_bytes()), expected, "{status} {body}");
            assert!(plain_on_tls(status, body.as_bytes(), None).is_none(), "it needs a proxy");
            assert_eq!(plain_on_tls(status, body.as_bytes(), Some(false)).is_some(), expected);
        }
    }

    #[test]
    fn a_demand_names_the_missing_credentials() {
        let check = |values: &[&str], credentials_sent, expected: &str| {
            let schemes: Vec<_> = values.iter().map(|&scheme| scheme.to_owned()).collect();
            assert_eq!(
                authentication_demand(&schemes, credentials_sent),
                expected,
                "{values:?} {credentials_sent:?}"
            );
        };
        check(&[], Some(false), ", without an offered method");
        check(
            &[],
            Some(true),
            ", without an offered method, and rejected the configured user name and password",
        );
        let both = &["Negotiate", "basic"];
        check(both, None, ": it offers Negotiate, basic");
        check(both, Some(false), ": it offers Negotiate, basic, and no credentials are configured");
        let refused = ": it offers Negotiate, basic, and rejected the configured user name and password";
        check(both, Some(true), refused);
        let unspoken = ": it offers NTLM, none of which this exporter supports (Basic only)";
        for credentials_sent in [None, Some(false), Some(true)] {
            check(&["NTLM"], credentials_sent, unspoken);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_value_makes_it_panic(value in ".{0,60}") {
            if let Ok(value) = value.parse() {
                let _ = schemes(&[(PROXY_AUTHENTICATE, value)].into_iter().collect(), &PROXY_AUTHENTICATE);
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
